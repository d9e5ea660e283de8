"""Feature flags: switching one on or off is a release event of its own."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import flags
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.common import Blueprint, Instant, instant, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_flags", __name__, url_prefix="/api/v1", description=__doc__)


class ToldFlagSchema(Schema):
    """The event. ``planned`` is placed in a window; ``switched`` was done at ``at`` (now); ``cancelled`` never will."""

    flag = fields.String(required=True, validate=validate.Length(1, flags.LONGEST))
    on = fields.Boolean(required=True)
    state = fields.String(load_default="switched", validate=validate.OneOf(flags.STATES))
    environment = fields.String(load_default="prod", validate=validate.Length(1, 64))
    at = Instant(load_default=None, allow_none=True)
    owner = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))
    level = fields.String(load_default="minor", validate=validate.OneOf(["minor", "major"]))
    teams = fields.List(
        fields.String(validate=validate.Length(1, 100)), load_default=[], validate=validate.Length(max=50)
    )
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=2000))


class FlagSchema(Schema):
    """The event as it is kept: a change, its window, and what the gate says of the instant."""

    id = text("The reporter's.", null=False)
    repository = text(null=False)
    flag = text(null=False)
    on = fields.Boolean(required=True)
    environment = text(null=False)
    state = text("That of the change.", null=False)
    change = text("Its id: approvals, moves and the gate go by it.", null=False)
    owner = text("By id.")
    at = instant("When it was switched, or before which it is not.")
    window = fields.List(instant("Start and end."), allow_none=True, required=True)
    decision = text("allow, warn or deny; null: it was not switched yet, or no calendar decides.")
    reasons = fields.List(fields.Dict(), required=True)


@blueprint.route("/repositories/<repository>/flags/<event>")
class FlagEvent(MethodView):
    """One event."""

    @needs(Action.POST_EVENTS)
    @blueprint.arguments(ToldFlagSchema)
    @blueprint.response(200, FlagSchema)
    @blueprint.alt_response(201, schema=FlagSchema, description="It is new.")
    def put(self, body: dict[str, Any], repository: str, event: str) -> Response:
        """Keep what is told under the reporter's own id; the same again changes nothing."""
        told = flags.Told(**body | {"teams": tuple(body["teams"])})
        found, new = flags.keep(context.store, context.actor, context.now, repository, event, told)
        return json_answer(found, 201 if new else 200)
