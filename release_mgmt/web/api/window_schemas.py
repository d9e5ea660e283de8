"""What the addresses of windows and placements take and answer."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from release_mgmt.services import stages
from release_mgmt.web.api.calendar_schemas import PlanDifferenceSchema
from release_mgmt.web.api.common import Instant, instant, text

_REASON = validate.Length(1, 2000)


class WindowsQuery(Schema):
    """Which windows: those that touch [from, to)."""

    since = Instant(data_key="from", load_default=None)
    until = Instant(data_key="to", load_default=None)
    calendar = fields.String(load_default=None, validate=validate.Length(max=200))
    team = fields.String(load_default=None, validate=validate.Length(max=100))


class PlacedSchema(Schema):
    """A change as the plan has it."""

    id = text(null=False)
    title = text(null=False)
    level = text()
    kind = text()
    state = text(null=False)
    repository = text(null=False)
    owner = text()
    author = text()
    teams = fields.List(fields.String(), required=True)
    environment = text(null=False)
    calendar = text(null=False)
    window = text("Null: deferred; the reasons say why.")
    start = instant("Of its window.")
    end = instant("Of its window.")
    position = fields.Integer(required=True)
    why = text(
        "first_fit, announced, requested, emergency, deferred, or minor_lane (shipped outside its window).", null=False
    )
    reasons = fields.List(fields.Dict(), required=True)
    conflicts = fields.List(fields.Dict(), required=True)
    announced_at = instant("Since when the date is announced.")
    suggestion = text("A window it could return to.")
    requested_by = text()
    requested_reason = text()


class WindowSchema(Schema):
    """A window; instants are UTC, ``time_zone`` is the calendar's."""

    calendar = text(null=False)
    calendar_name = text(null=False)
    time_zone = text(null=False)
    key = text("Series and first local start: never changes.", null=False)
    series = text(null=False)
    title = text(null=False)
    start = instant("Open from.")
    end = instant("Closed from.")
    state = text("planned, open, frozen or cancelled.", null=False)
    flags = fields.List(fields.String(), required=True)
    levels = fields.List(fields.String(), required=True)
    environments = fields.List(fields.String(), required=True)
    points = fields.Integer(allow_none=True, required=True)
    used = fields.Integer(required=True)
    majors = fields.Integer(required=True)
    most_major = fields.Integer(allow_none=True, required=True)
    frozen = fields.List(fields.String(), required=True)
    version = fields.Integer(required=True)
    changes = fields.List(fields.Nested(PlacedSchema), required=True)


class WindowsSchema(Schema):
    """Windows, in one page."""

    items = fields.List(fields.Nested(WindowSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class MoveChangeSchema(Schema):
    """Where to put a change."""

    window = fields.String(required=True, validate=validate.Length(1, 200))
    reason = fields.String(required=True, validate=_REASON)
    override = fields.Boolean(
        load_default=False, metadata={"description": "Override notice, capacity, cut-off and soft freezes."}
    )
    dry_run = fields.Boolean(load_default=False)


class MovedSchema(Schema):
    """What a move did, or would do."""

    change = text(null=False)
    window = text(null=False)
    dry_run = fields.Boolean(required=True)
    checks = fields.List(fields.Dict(), required=True)
    effects = fields.Nested(PlanDifferenceSchema, required=True)


class SwapSchema(Schema):
    """With which change, and why."""

    other = fields.String(required=True, validate=validate.Length(1, 200))
    reason = fields.String(required=True, validate=_REASON)
    override = fields.Boolean(
        load_default=False, metadata={"description": "Override notice, capacity, cut-off and soft freezes."}
    )
    dry_run = fields.Boolean(load_default=False)


class SwappedSchema(Schema):
    """What a swap did, or would do; ``windows`` are those that the changes come into, in their order."""

    changes = fields.List(fields.String(), required=True)
    windows = fields.List(fields.String(), required=True)
    dry_run = fields.Boolean(required=True)
    checks = fields.List(fields.Dict(), required=True)
    effects = fields.Nested(PlanDifferenceSchema, required=True)


class ReversalSchema(Schema):
    """Why a move is taken back."""

    reason = fields.String(required=True, validate=_REASON)
    override = fields.Boolean(
        load_default=False, metadata={"description": "Override notice, capacity, cut-off and soft freezes."}
    )
    dry_run = fields.Boolean(load_default=False)


class TermsSchema(Schema):
    """When and how a change goes. ``minutes`` is how long it takes; what is left out stays."""

    points = fields.Integer(allow_none=True, validate=validate.Range(0, 1_000_000))
    minutes = fields.Integer(allow_none=True, validate=validate.Range(1, 31 * 24 * 60))
    earliest = Instant(allow_none=True)
    deadline = Instant(allow_none=True)
    priority = fields.Integer(validate=validate.Range(-1000, 1000))
    depends_on = fields.List(fields.String(validate=validate.Length(1, 200)), validate=validate.Length(max=200))


class TermsAnswer(TermsSchema):
    """The terms of a change."""

    change = text(null=False)
    version = fields.Integer(required=True)


class WithdrawChangeSchema(Schema):
    """Why it will not be released."""

    reason = fields.String(required=True, validate=_REASON)
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only tell what it would do."})


class StageReportSchema(Schema):
    """A report that a change passed (or failed) a stage."""

    stage = fields.String(required=True, validate=validate.OneOf(stages.STAGES))
    state = fields.String(required=True, validate=validate.OneOf(stages.STATES))
    environment = fields.String(load_default="prod", validate=validate.Length(1, 64))
    done = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(0, 1_000_000))
    total = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1_000_000))
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=2000))


class StageSchema(Schema):
    """A report as it was kept."""

    id = text(null=False)
    change = text(null=False)
    stage = text(null=False)
    environment = text(null=False)
    state = text(null=False)
    done = fields.Integer(allow_none=True, required=True)
    total = fields.Integer(allow_none=True, required=True)
    note = text()
    reported_by = text(null=False)
    at = instant("When it was reported.")
