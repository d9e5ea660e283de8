"""Windows with what they hold, and where a change goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response
from flask.views import MethodView

from release_mgmt.core.permissions import Action
from release_mgmt.services import placing, reverting, stages, swapping, terms, visibility, windows
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.calendar_schemas import PlanDifferenceSchema
from release_mgmt.web.api.common import Blueprint, page_of
from release_mgmt.web.api.window_schemas import (
    MoveChangeSchema,
    MovedSchema,
    PlacedSchema,
    ReversalSchema,
    StageReportSchema,
    StageSchema,
    SwappedSchema,
    SwapSchema,
    TermsAnswer,
    TermsSchema,
    WindowSchema,
    WindowsQuery,
    WindowsSchema,
    WithdrawChangeSchema,
)
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.idempotency import idempotent

_AHEAD = timedelta(days=90)
_LAST = datetime.max.replace(tzinfo=UTC)

blueprint = Blueprint("api_windows", __name__, url_prefix="/api/v1", description=__doc__)


@blueprint.route("/windows")
class Windows(MethodView):
    """Windows of all calendars."""

    @needs(Action.READ_CALENDAR)
    @blueprint.arguments(WindowsQuery, location="query")
    @blueprint.alt_response(200, schema=WindowsSchema)
    def get(self, query: dict[str, Any]) -> Response:
        """By start; without ``from`` and ``to`` those of the next 90 days."""
        since = query["since"] or context.now
        until = query["until"] or since + min(_AHEAD, _LAST - since)
        named = {"calendar": query["calendar"], "team": query["team"]}
        windows.require_named(context.store, context.actor, **named)
        found = windows.between(context.store, context.actor, since, until, **named)
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
        found = terms.terms(context.store, context.actor, change)
        return json_answer(found, 200, etags.header(found.version))

    @needs(Action.EDIT_CHANGE)
    @etags.guarded
    @blueprint.arguments(TermsSchema)
    @blueprint.alt_response(200, schema=TermsAnswer)
    def patch(self, body: dict[str, Any], change: str) -> Response:
        """Change them and plan again; a circle of dependencies is refused by name."""
        found = terms.put_terms(
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
