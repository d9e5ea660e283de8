"""Release calendars: documents, freezes, plans, what-if, and what moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from flask.views import MethodView

from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, imports, plans, repositories, reverting, windows
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.calendar_schemas import (
    AppliedSchema,
    CalendarFileSchema,
    CalendarFreezesSchema,
    CalendarImportedSchema,
    CalendarImportSchema,
    CalendarItemSchema,
    CalendarMovesSchema,
    CalendarSchema,
    CalendarsSchema,
    CalendarVersionsSchema,
    EditQuery,
    EditReversalSchema,
    MovesQuery,
    PlanDifferenceSchema,
    PlanSchema,
    ReplanSchema,
    VersionQuery,
)
from release_mgmt.web.api.common import Blueprint
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_calendars", __name__, url_prefix="/api/v1/calendars", description=__doc__)


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
    @etags.guarded
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


@blueprint.route("/<calendar>/versions/<int:version>/reversal")
class EditReversal(MethodView):
    """An edit of a calendar that is taken back: a freeze, a window, the policy."""

    @needs(Action.EDIT_FREEZE)
    @etags.guarded
    @blueprint.arguments(EditReversalSchema)
    @blueprint.alt_response(200, schema=AppliedSchema)
    def post(self, body: dict[str, Any], calendar: str, version: int) -> Response:
        """Change back what that version changed, as a new version; what was edited again since is refused (409)."""
        made = reverting.revert_edit(
            context.store, context.actor, context.now, calendar, version, seen=etags.expected(), **body
        )
        return json_answer(made, 200, etags.header(made.version))


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
    @etags.guarded
    @blueprint.arguments(CalendarItemSchema)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def put(self, body: dict[str, Any], query: dict[str, Any], calendar: str, identity: str) -> Response:
        """Add or replace a freeze; ``dry_run=true`` gives the hit list and writes nothing."""
        return self._edit(calendar, identity, body, query)

    @needs(Action.EDIT_FREEZE)
    @etags.guarded
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
    @etags.guarded
    @blueprint.arguments(CalendarItemSchema)
    @blueprint.arguments(EditQuery, location="query")
    @blueprint.alt_response(200, schema=AppliedSchema)
    def put(self, body: dict[str, Any], query: dict[str, Any], calendar: str, identity: str) -> Response:
        """Add or replace a series, with its exceptions, moved dates and retimings."""
        return self._edit(calendar, identity, body, query)

    @needs(Action.EDIT_WINDOW)
    @etags.guarded
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
    @blueprint.alt_response(200, schema=PlanSchema)
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
