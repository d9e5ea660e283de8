"""Release calendars: documents, freezes, plans, what-if, and what moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, imports, plans, repositories, reverting, windows
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.common import instant, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

_ITEMS: dict[str, Any] = {
    "items": fields.List(fields.Dict(), required=True),
    "next": fields.String(allow_none=True, required=True),
}
CalendarVersionsSchema = Schema.from_dict(_ITEMS, name="CalendarVersionsSchema")
CalendarFreezesSchema = Schema.from_dict(_ITEMS, name="CalendarFreezesSchema")
CalendarMovesSchema = Schema.from_dict(_ITEMS, name="CalendarMovesSchema")

blueprint = Blueprint("api_calendars", __name__, url_prefix="/api/v1/calendars", description=__doc__)
_ID = validate.Regexp(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")


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

    since = fields.AwareDateTime(load_default=None)


def _document(calendar: calendars.CalendarView) -> Response:
    return json_answer(calendar, 200, etags.header(calendar.version))


@blueprint.route("")
class Calendars(MethodView):
    """All calendars."""

    @needs(Action.READ_CALENDAR)
    @blueprint.alt_response(200, schema=CalendarsSchema)
    def get(self) -> Response:
        """All calendars by name, in one page."""
        return json_answer({"items": calendars.every(context.store, context.actor), "next": None})

    @needs(Action.CREATE_CALENDAR)
    @blueprint.arguments(CalendarFileSchema)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(201, schema=AppliedSchema)
    @blueprint.alt_response(200, schema=AppliedSchema)
    def post(self, body: dict[str, Any], query: dict[str, Any]) -> Response:
        """Make a calendar from a document (or, with ``dry_run``, tell what it would do)."""
        made = calendars.apply(context.store, context.actor, context.now, body, **query)
        return json_answer(made, 201 if made.created and not made.dry_run else 200, etags.header(made.version))


@blueprint.route("/<calendar>")
class OneCalendar(MethodView):
    """One calendar."""

    @needs(Action.READ_CALENDAR)
    @blueprint.alt_response(200, schema=CalendarSchema)
    def get(self, calendar: str) -> Response:
        """By slug."""
        return _document(calendars.get(context.store, context.actor, calendar))

    @needs(Action.EDIT_CALENDAR)
    @blueprint.arguments(CalendarFileSchema)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def put(self, body: dict[str, Any], query: dict[str, Any], calendar: str) -> Response:
        """Replace the whole document; send the ETag in If-Match."""
        made = calendars.apply(
            context.store, context.actor, context.now, body, slug=calendar, version=etags.expected(), **query
        )
        return json_answer(made, 200, etags.header(made.version))


@blueprint.route("/<calendar>/versions")
class Versions(MethodView):
    """What the calendar was before."""

    @needs(Action.READ_CALENDAR)
    @blueprint.alt_response(200, schema=CalendarVersionsSchema)
    def get(self, calendar: str) -> Response:
        """Who changed it when and why, newest first."""
        return json_answer({"items": calendars.versions(context.store, context.actor, calendar), "next": None})


class EditReversalSchema(Schema):
    """Why an edit is taken back."""

    reason = fields.String(required=True, validate=validate.Length(1, 2000))
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only tell what it would do."})


@blueprint.route("/<calendar>/versions/<int:version>/reversal")
class EditReversal(MethodView):
    """An edit of a calendar that is taken back: a freeze, a window, the policy."""

    @needs(Action.EDIT_FREEZE)
    @blueprint.arguments(EditReversalSchema)
    @blueprint.alt_response(200, schema=AppliedSchema)
    def post(self, body: dict[str, Any], calendar: str, version: int) -> Response:
        """Change back what that version changed, as a new version; what was edited again since is refused (409)."""
        made = reverting.revert_edit(
            context.store, context.actor, context.now, calendar, version, seen=etags.expected(), **body
        )
        return json_answer(made, 200, etags.header(made.version))


class CalendarItemSchema(Schema):
    """A series or freeze as in a calendar file, without its id."""

    class Meta:
        """Every key of a calendar file may come; the service names wrong ones."""

        unknown = "include"


class _Item(MethodView):
    """One series or freeze of a calendar."""

    part = "freezes"

    def _edit(self, calendar: str, identity: str, item: dict[str, Any] | None, query: dict[str, Any]) -> Response:
        made = calendars.edit(
            context.store, context.actor, context.now, calendar, self.part, item, identity=identity,
            version=etags.expected(), **query,
        )  # fmt: skip
        return json_answer(made, 200, etags.header(made.version))


@blueprint.route("/<calendar>/freezes/<identity>")
class FreezeItem(_Item):
    """One freeze."""

    @needs(Action.EDIT_FREEZE)
    @blueprint.arguments(CalendarItemSchema)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def put(self, body: dict[str, Any], query: dict[str, Any], calendar: str, identity: str) -> Response:
        """Add or replace a freeze; ``dry_run=true`` gives the hit list and writes nothing."""
        return self._edit(calendar, identity, body, query)

    @needs(Action.EDIT_FREEZE)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def delete(self, query: dict[str, Any], calendar: str, identity: str) -> Response:
        """Take a freeze away; nothing moves back by itself."""
        return self._edit(calendar, identity, None, query)


@blueprint.route("/<calendar>/series/<identity>")
class SeriesItem(_Item):
    """One window series."""

    part = "series"

    @needs(Action.EDIT_WINDOW)
    @blueprint.arguments(CalendarItemSchema)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def put(self, body: dict[str, Any], query: dict[str, Any], calendar: str, identity: str) -> Response:
        """Add or replace a series, with its exceptions, moved dates and retimings."""
        return self._edit(calendar, identity, body, query)

    @needs(Action.EDIT_WINDOW)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def delete(self, query: dict[str, Any], calendar: str, identity: str) -> Response:
        """Take a series away; its changes are placed again."""
        return self._edit(calendar, identity, None, query)


@blueprint.route("/<calendar>/freezes")
class Freezes(MethodView):
    """The freezes of the coming year."""

    @needs(Action.READ_CALENDAR)
    @blueprint.alt_response(200, schema=CalendarFreezesSchema)
    def get(self, calendar: str) -> Response:
        """Each occurrence in UTC, those that hold now first."""
        calendars.get(context.store, context.actor, calendar)
        now = context.now
        found = windows.freezes_between(
            context.store, context.actor, now, now, now + timedelta(days=366), calendar=calendar
        )
        return json_answer({"items": found, "next": None})


@blueprint.route("/<calendar>/plan")
class Plan(MethodView):
    """The plan of a calendar."""

    @needs(Action.READ_PLAN)
    @blueprint.arguments(VersionQuery, location="query")
    @blueprint.alt_response(200, schema=Schema.from_dict({"schema": fields.String()}, name="PlanSchema"))
    def get(self, query: dict[str, Any], calendar: str) -> Response:
        """``release-mgmt/plan/1``: the newest version, or the one asked for."""
        return json_answer(plans.document(context.store, context.actor, calendar, query["version"]))

    @needs(Action.REPLAN)
    @blueprint.arguments(ReplanSchema)
    @blueprint.alt_response(200, schema=PlanDifferenceSchema)
    def post(self, body: dict[str, Any], calendar: str) -> Response:
        """Plan again and publish; without any difference nothing is written."""
        return json_answer(plans.replan(context.store, context.actor, context.now, calendar, **body))


@blueprint.route("/<calendar>/moves")
class Moves(MethodView):
    """What moved and why."""

    @needs(Action.READ_PLAN)
    @blueprint.arguments(MovesQuery, location="query")
    @blueprint.alt_response(200, schema=CalendarMovesSchema)
    def get(self, query: dict[str, Any], calendar: str) -> Response:
        """Newest first, a hundred at most."""
        found = windows.moves(context.store, context.actor, calendar=calendar, since=query["since"])
        return json_answer({"items": found, "next": None})


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


class CalendarImportedSchema(Schema):
    """What an import did, or would do; ids are those of freezes."""

    source = text(null=False)
    dry_run = fields.Boolean(required=True)
    added = fields.List(fields.String(), required=True)
    changed = fields.List(fields.String(), required=True)
    cancelled = fields.List(fields.String(), required=True)
    unchanged = fields.Integer(required=True)
    effects = fields.Nested(PlanDifferenceSchema, required=True)


@blueprint.route("/<calendar>/imports")
class Imports(MethodView):
    """Events of other calendars as freezes."""

    @needs(Action.EDIT_FREEZE)
    @blueprint.arguments(CalendarImportSchema)
    @blueprint.alt_response(200, schema=CalendarImportedSchema)
    def post(self, body: dict[str, Any], calendar: str) -> Response:
        """Import an .ics file: the same again adds nothing, what is gone is called off, an unknown zone is refused."""
        if "url" in body:
            chosen = context.settings
            allowed = repositories.policy((), chosen.repository_hosts, allow_http=chosen.allow_plain_http)
            made = imports.import_url(context.store, context.actor, context.now, calendar, allowed=allowed, **body)
        else:
            content = body.pop("content").encode("utf-8", "replace")
            made = imports.import_ics(context.store, context.actor, context.now, calendar, content, **body)
        return json_answer(made)
