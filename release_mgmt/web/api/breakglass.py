"""Break-glass: ask for, grant and review a permission that names what it breaks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.approvals.breakglass import LONGEST
from release_mgmt.core.permissions import Action
from release_mgmt.services import breakglass
from release_mgmt.web.api.common import Blueprint, Instant
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_breakglass", __name__, url_prefix="/api/v1/break-glass", description=__doc__)
_NAME = validate.Length(1, 120)
_MOST_MINUTES = int(LONGEST.total_seconds()) // 60


class NamedBlockerSchema(Schema):
    """What is broken, as the gate names it; a freeze by its id."""

    code = fields.String(required=True, validate=validate.Length(1, 60))
    ref = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=200))


class BreakGlassSchema(Schema):
    """A permission; ``state`` is requested, void, refused, active, over or reviewed."""

    id = fields.String(required=True)
    change = fields.String(required=True)
    environment = fields.String(required=True)
    calendar = fields.String(required=True)
    blockers = fields.List(fields.Nested(NamedBlockerSchema), required=True)
    reason = fields.String(required=True)
    ticket = fields.String(required=True)
    minutes = fields.Integer(required=True)
    state = fields.String(required=True)
    requested_by = fields.String(allow_none=True)
    requested_at = Instant(required=True)
    decided_by = fields.String(allow_none=True)
    decided_at = Instant(allow_none=True)
    decision_note = fields.String(allow_none=True)
    starts_at = Instant(allow_none=True)
    expires_at = Instant(allow_none=True)
    review_due_at = Instant(allow_none=True)
    review_overdue = fields.Boolean(required=True)
    reviewed_by = fields.String(allow_none=True)
    reviewed_at = Instant(allow_none=True)
    review_note = fields.String(allow_none=True)
    version = fields.Integer(required=True)


class BreakGlassesSchema(Schema):
    """Permissions, the newest first."""

    items = fields.List(fields.Nested(BreakGlassSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class SearchSchema(Schema):
    """Which permissions."""

    change = fields.String(validate=_NAME)
    calendar = fields.String(validate=_NAME)
    to_review = fields.Boolean(load_default=False)


class NewBreakGlassSchema(Schema):
    """What is asked for: one change, one environment, each blocker by name, four hours at most."""

    change = fields.String(required=True, validate=_NAME)
    environment = fields.String(required=True, validate=_NAME)
    blockers = fields.List(fields.Nested(NamedBlockerSchema), required=True, validate=validate.Length(1, 50))
    reason = fields.String(required=True, validate=validate.Length(1, 2000))
    ticket = fields.String(required=True, validate=validate.Length(1, 300))
    minutes = fields.Integer(load_default=_MOST_MINUTES, validate=validate.Range(1, _MOST_MINUTES))


class BreakGlassDecisionSchema(Schema):
    """Granted or refused."""

    grant = fields.Boolean(required=True)
    note = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=2000))


class BreakGlassReviewSchema(Schema):
    """What happened and what follows from it."""

    note = fields.String(required=True, validate=validate.Length(1, 5000))


@blueprint.route("")
class BreakGlasses(MethodView):
    """All permissions."""

    @needs(Action.READ_APPROVALS)
    @blueprint.arguments(SearchSchema, location="query")
    @blueprint.response(200, BreakGlassesSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """The newest, of a change or a calendar, or those whose review is missing."""
        found = breakglass.search(context.store, context.actor, context.now, **query)
        return {"items": [asdict(one) for one in found], "next": None}

    @needs(Action.REQUEST_BREAK_GLASS)
    @blueprint.arguments(NewBreakGlassSchema)
    @blueprint.response(201, BreakGlassSchema)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for one."""
        body["blockers"] = [Blocker(**one) for one in body["blockers"]]
        return asdict(breakglass.request(context.store, context.actor, context.now, **body))


@blueprint.route("/<key>")
@needs(Action.READ_APPROVALS)
@blueprint.response(200, BreakGlassSchema)
def one(key: str) -> dict[str, Any]:
    """One permission."""
    return asdict(breakglass.get(context.store, context.actor, context.now, key))


@blueprint.route("/<key>/decision", methods=["POST"])
@needs(Action.GRANT_BREAK_GLASS)
@blueprint.arguments(BreakGlassDecisionSchema)
@blueprint.response(200, BreakGlassSchema)
def decide(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Grant or refuse; never one's own while the calendar has another release manager."""
    return asdict(breakglass.decide(context.store, context.actor, context.now, key, **body))


@blueprint.route("/<key>/review", methods=["POST"])
@needs(Action.REVIEW_BREAK_GLASS)
@blueprint.arguments(BreakGlassReviewSchema)
@blueprint.response(200, BreakGlassSchema)
def review(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Look back at what was broken, within one business day."""
    return asdict(breakglass.review(context.store, context.actor, context.now, key, note=body["note"]))
