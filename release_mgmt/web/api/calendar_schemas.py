"""What the calendars' addresses take and answer."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from release_mgmt.web.api.common import Instant, instant, text

_ITEMS: dict[str, Any] = {
    "items": fields.List(fields.Dict(), required=True),
    "next": fields.String(allow_none=True, required=True),
}


CalendarVersionsSchema = Schema.from_dict(_ITEMS, name="CalendarVersionsSchema")


CalendarFreezesSchema = Schema.from_dict(_ITEMS, name="CalendarFreezesSchema")


CalendarMovesSchema = Schema.from_dict(_ITEMS, name="CalendarMovesSchema")


class CalendarSchema(Schema):
    """A calendar; ``document`` has the form of a calendar file."""

    id = text("Never changes.", null=False)
    slug = text("As in addresses.", null=False)
    name = text(null=False)
    time_zone = text("IANA name.", null=False)
    public = fields.Boolean(required=True)
    plan_version = fields.Integer(required=True)
    planned_at = instant("When it was planned last.")
    updated_at = instant("When it was edited last.")
    version = fields.Integer(required=True)
    document = fields.Dict(required=True)


class CalendarsSchema(Schema):
    """All calendars, in one page."""

    items = fields.List(fields.Nested(CalendarSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class CalendarFileSchema(Schema):
    """A calendar as in a calendar file: calendar, time_zone, policy, series, freezes ..."""

    class Meta:
        """Every key of a calendar file may come; the service names wrong ones by their path."""

        unknown = "include"


class EditQuery(Schema):
    """How to apply."""

    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only tell what it would do."})
    reason = fields.String(load_default=None, validate=validate.Length(max=2000))


class CalendarEditSchema(Schema):
    """One difference."""

    path = text(null=False)
    before = fields.Raw(allow_none=True, required=True)
    after = fields.Raw(allow_none=True, required=True)


class PlanHitSchema(Schema):
    """A change that an edit touches; ``to`` null: it loses its window."""

    change = text(null=False)
    title = text(null=False)
    repository = text(null=False)
    level = text(null=False)
    teams = fields.List(fields.String(), required=True)
    window = text()
    start = instant("Of the present window.")
    to = text()
    to_start = instant("Of the new window.")
    reasons = fields.List(fields.Dict(), required=True)
    announced = fields.Boolean(required=True)


class PlanSchema(Schema):
    """``release-mgmt/plan/1``: what is placed where, what is not, and why."""

    class Meta:
        """Later versions of the document may tell more."""

        unknown = "include"

    schema = text(null=False)
    calendar = text(null=False)
    version = fields.Integer(required=True)
    now = instant("As of when it was made.")
    windows = fields.List(fields.Dict(), required=True)
    skipped = fields.List(fields.Dict(), required=True)
    placements = fields.List(fields.Dict(), required=True)
    deferrals = fields.List(fields.Dict(), required=True)
    moves = fields.List(fields.Dict(), required=True)


class PlanDifferenceSchema(Schema):
    """What an edit does to the plan."""

    version = fields.Integer(required=True)
    hits = fields.List(fields.Nested(PlanHitSchema), required=True)
    conflicts = fields.List(fields.Dict(), required=True)
    teams = fields.List(fields.String(), required=True, metadata={"description": "Teams whose announced dates move."})


class AppliedSchema(Schema):
    """What applying a document did, or would do."""

    slug = text(null=False)
    created = fields.Boolean(required=True)
    dry_run = fields.Boolean(required=True)
    edits = fields.List(fields.Nested(CalendarEditSchema), required=True)
    effects = fields.Nested(PlanDifferenceSchema, required=True)
    version = fields.Integer(required=True)


class ReplanSchema(Schema):
    """Why to plan again."""

    reason = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=2000))
    announce = fields.Boolean(load_default=True, metadata={"description": "Publish: notice counts from here."})


class VersionQuery(Schema):
    """Which version."""

    version = fields.Integer(load_default=None, validate=validate.Range(1, 10**9))


class MovesQuery(Schema):
    """Since when."""

    since = Instant(load_default=None)


class EditReversalSchema(Schema):
    """Why an edit is taken back."""

    reason = fields.String(required=True, validate=validate.Length(1, 2000))
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only tell what it would do."})


class CalendarItemSchema(Schema):
    """A series or freeze as in a calendar file, without its id."""

    class Meta:
        """Every key of a calendar file may come; the service names wrong ones."""

        unknown = "include"


class CalendarImportSchema(Schema):
    """An .ics file, as text or by its address; ``source`` names it, so that its next version can be compared."""

    source = fields.String(required=True, validate=validate.Length(1, 200))
    content = fields.String(validate=validate.Length(1, 2 * 1024 * 1024))
    url = fields.String(
        validate=validate.Length(1, 2000),
        metadata={"description": "https: or webcal:, of a public machine or one that the operator allows; not kept."},
    )
    hard = fields.Boolean(load_default=True, metadata={"description": "Deny (else only warn) while an event lasts."})
    dry_run = fields.Boolean(load_default=False)

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if ("content" in data) == ("url" in data):
            raise ValidationError("Give either the content or the address.", "content")


class LeftOutSchema(Schema):
    """An event, or a rule of one, that was left out: its place in the file, and why."""

    path = text(null=False)
    message = text(null=False)
    allowed = text()


class CalendarImportedSchema(Schema):
    """What an import did, or would do; ids are those of freezes."""

    source = text(null=False)
    dry_run = fields.Boolean(required=True)
    added = fields.List(fields.String(), required=True)
    changed = fields.List(fields.String(), required=True)
    cancelled = fields.List(fields.String(), required=True)
    unchanged = fields.Integer(required=True)
    effects = fields.Nested(PlanDifferenceSchema, required=True)
    left_out = fields.List(fields.Nested(LeftOutSchema), required=True)
