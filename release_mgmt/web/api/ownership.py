"""Who answers for a change, whom it concerns, and who stands in for whom."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import delegation, ownership
from release_mgmt.web.api.common import Blueprint, Instant
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_ownership", __name__, url_prefix="/api/v1", description=__doc__)
_NAME = validate.Length(1, 120)


class HandOverSchema(Schema):
    """To whom a change is handed over (an id, or a login), and why."""

    person = fields.String(required=True, validate=_NAME)
    reason = fields.String(required=True, validate=validate.Length(1, 2000))


class ChangeOwnerSchema(Schema):
    """The person who answers for the change."""

    owner = fields.String(required=True)


class AddedTeamsSchema(Schema):
    """Teams that the change affects besides those that the rules find."""

    added = fields.List(fields.String(validate=_NAME), required=True, validate=validate.Length(max=50))


class AffectedTeamsSchema(Schema):
    """All teams that the change affects."""

    affected_teams = fields.List(fields.String(), required=True)


class NewDelegationSchema(Schema):
    """Who votes in one's place, and when; instants need an offset."""

    deputy = fields.String(required=True, validate=_NAME)
    since = Instant(required=True)
    until = Instant(required=True)


class DelegationSchema(Schema):
    """Who stands in for a person; ``deputy`` is null when nobody does."""

    person = fields.String(required=True)
    deputy = fields.String(allow_none=True, required=True)
    since = Instant(allow_none=True, required=True)
    until = Instant(allow_none=True, required=True)


@blueprint.route("/changes/<change>/owner", methods=["PUT"])
@needs(Action.HAND_OVER)
@blueprint.arguments(HandOverSchema)
@blueprint.response(200, ChangeOwnerSchema)
def hand_over(body: dict[str, Any], change: str) -> dict[str, str]:
    """Hand a change over: its Owner, a release manager of its calendar or an administrator."""
    done = ownership.hand_over(
        context.store, context.actor, context.now, change, to=body["person"], reason=body["reason"]
    )
    return {"owner": done}


@blueprint.route("/changes/<change>/teams", methods=["PUT"])
@needs(Action.EDIT_CHANGE)
@blueprint.arguments(AddedTeamsSchema)
@blueprint.response(200, AffectedTeamsSchema)
def affected(body: dict[str, Any], change: str) -> dict[str, list[str]]:
    """Add affected teams; those that the rules find cannot be taken away."""
    return {
        "affected_teams": ownership.add_teams(context.store, context.actor, context.now, change, added=body["added"])
    }


@blueprint.route("/people/<person>/delegation")
class Delegations(MethodView):
    """Standing in for a person."""

    @needs(Action.READ_APPROVALS)
    @blueprint.response(200, DelegationSchema)
    def get(self, person: str) -> dict[str, Any]:
        """Who votes in this person's place."""
        return asdict(delegation.of(context.store, context.actor, person))


@blueprint.route("/delegation")
class OwnDelegation(MethodView):
    """One's own absence."""

    @needs(Action.DELEGATE)
    @blueprint.arguments(NewDelegationSchema)
    @blueprint.response(200, DelegationSchema)
    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Name who votes in your place."""
        return asdict(delegation.name_deputy(context.store, context.actor, context.now, **body))

    @needs(Action.DELEGATE)
    @blueprint.response(204)
    def delete(self) -> None:
        """Be back."""
        delegation.end(context.store, context.actor, context.now)
