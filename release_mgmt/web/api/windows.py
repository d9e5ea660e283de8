"""Windows with what they hold, and where a change goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import placing, reverting, stages, swapping, visibility, windows
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.calendars import PlanDifferenceSchema
from release_mgmt.web.api.common import instant, page_of, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.idempotency import idempotent

blueprint = Blueprint("api_windows", __name__, url_prefix="/api/v1", description=__doc__)
_REASON = validate.Length(1, 2000)


class WindowsQuery(Schema):
    """Which windows: those that touch [from, to)."""

    since = fields.AwareDateTime(data_key="from", load_default=None)
    until = fields.AwareDateTime(data_key="to", load_default=None)
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
    earliest = fields.AwareDateTime(allow_none=True)
    deadline = fields.AwareDateTime(allow_none=True)
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


@blueprint.route("/windows")
class Windows(MethodView):
    """Windows of all calendars."""

    @needs(Action.READ_CALENDAR)
    @blueprint.arguments(WindowsQuery, location="query")
    @blueprint.alt_response(200, schema=WindowsSchema)
    def get(self, query: dict[str, Any]) -> Response:
        """By start; without ``from`` and ``to`` those of the next 90 days."""
        since = query["since"] or context.now
        until = query["until"] or since + timedelta(days=90)
        found = windows.between(
            context.store, context.actor, since, until, calendar=query["calendar"], team=query["team"]
        )
        return json_answer({"items": found, "next": None})


@blueprint.route("/calendars/<calendar>/windows/<key>")
class OneWindow(MethodView):
    """One window."""

    @needs(Action.READ_CALENDAR)
    @blueprint.alt_response(200, schema=WindowSchema)
    def get(self, calendar: str, key: str) -> Response:
        """With its changes in the order of release."""
        found = windows.detail(context.store, context.actor, calendar, key)
        return json_answer(found, 200, etags.header(found.version))


@blueprint.route("/changes/<change>/placement")
class Placement(MethodView):
    """Where the plan has a change."""

    @needs(Action.READ_PLAN)
    @blueprint.alt_response(200, schema=page_of(PlacedSchema))
    def get(self, change: str) -> Response:
        """One for each environment, with the reasons."""
        found = windows.of_change(context.store, context.actor, change)
        return json_answer({"items": found, "next": None})

    @needs(Action.MOVE_CHANGE)
    @blueprint.arguments(MoveChangeSchema)
    @blueprint.alt_response(200, schema=MovedSchema)
    def put(self, body: dict[str, Any], change: str) -> Response:
        """Move it to another window; ``dry_run`` tells what else would move."""
        return json_answer(placing.move(context.store, context.actor, context.now, change, **body))


@blueprint.route("/changes/<change>/swap")
class Swap(MethodView):
    """Two changes that go in each other's place."""

    @needs(Action.MOVE_CHANGE)
    @blueprint.arguments(SwapSchema)
    @blueprint.alt_response(200, schema=SwappedSchema)
    def post(self, body: dict[str, Any], change: str) -> Response:
        """Swap the windows of two changes with one reason; ``dry_run`` tells what else would move."""
        visibility.require_seen(context.store, context.actor, changes_of=[body["other"]])
        return json_answer(swapping.swap(context.store, context.actor, context.now, change, **body))


@blueprint.route("/moves/<move>/reversal")
class MoveReversal(MethodView):
    """A move that is taken back."""

    @needs(Action.MOVE_CHANGE)
    @blueprint.arguments(ReversalSchema)
    @blueprint.alt_response(200, schema=MovedSchema)
    def post(self, body: dict[str, Any], move: str) -> Response:
        """Put the change back where it was: a new move with its own reason; ``dry_run`` tells what else would move."""
        return json_answer(reverting.revert_move(context.store, context.actor, context.now, move, **body))


@blueprint.route("/changes/<change>/terms")
class TermsOfChange(MethodView):
    """When and how a change goes."""

    @needs(Action.READ_CHANGE)
    @blueprint.alt_response(200, schema=TermsAnswer)
    def get(self, change: str) -> Response:
        """Minutes, points, earliest date, deadline, priority and what it needs first."""
        found = placing.terms(context.store, context.actor, change)
        return json_answer(found, 200, etags.header(found.version))

    @needs(Action.EDIT_CHANGE)
    @blueprint.arguments(TermsSchema)
    @blueprint.alt_response(200, schema=TermsAnswer)
    def patch(self, body: dict[str, Any], change: str) -> Response:
        """Change them and plan again; a circle of dependencies is refused by name."""
        found = placing.put_terms(
            context.store, context.actor, context.now, change, version=etags.expected(), **body
        )  # fmt: skip
        return json_answer(found, 200, etags.header(found.version))


@blueprint.route("/changes/<change>/withdrawal")
class Withdrawal(MethodView):
    """A change that will not be released."""

    @needs(Action.WITHDRAW_CHANGE)
    @blueprint.arguments(WithdrawChangeSchema)
    @blueprint.alt_response(200, schema=PlanDifferenceSchema)
    def post(self, body: dict[str, Any], change: str) -> Response:
        """Take it out of the plan; what needs it is flagged."""
        return json_answer(placing.withdraw(context.store, context.actor, context.now, change, **body))


@blueprint.route("/changes/<change>/stages")
class Stages(MethodView):
    """What a change has passed."""

    @needs(Action.READ_CHANGE)
    @blueprint.alt_response(200, schema=page_of(StageSchema))
    def get(self, change: str) -> Response:
        """Every report, newest first."""
        return json_answer({"items": stages.of_change(context.store, context.actor, change), "next": None})

    @needs(Action.REPORT_STAGE)
    @idempotent
    @blueprint.arguments(StageReportSchema)
    @blueprint.alt_response(201, schema=StageSchema)
    def post(self, body: dict[str, Any], change: str) -> Response:
        """Report a stage: develop, verify, stage, accept or deploy."""
        return json_answer(stages.report(context.store, context.actor, context.now, change, **body), 201)
