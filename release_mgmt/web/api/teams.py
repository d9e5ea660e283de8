"""Teams, their members, and the rules by which a change affects them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.owners import LONGEST_PATTERN, TeamRule
from release_mgmt.core.permissions import Action
from release_mgmt.services import teams
from release_mgmt.web import etags
from release_mgmt.web.api.common import Blueprint
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_teams", __name__, url_prefix="/api/v1/teams", description=__doc__)
_PATTERN = validate.Length(1, LONGEST_PATTERN)


class TeamRuleSchema(Schema):
    """A change affects the team when its repository and, where given, a path and a label of it match."""

    repository = fields.String(load_default="*", validate=_PATTERN)
    path = fields.String(load_default=None, allow_none=True, validate=_PATTERN)
    label = fields.String(load_default=None, allow_none=True, validate=_PATTERN)


class TeamSchema(Schema):
    """A team; people are given by id."""

    slug = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    lead = fields.String(allow_none=True, required=True)
    time_zone = fields.String(allow_none=True, required=True)
    members = fields.List(fields.String(), required=True)
    rules = fields.List(fields.Nested(TeamRuleSchema), required=True)
    archived = fields.Boolean(required=True)
    version = fields.Integer(required=True)


class TeamsSchema(Schema):
    """All teams."""

    items = fields.List(fields.Nested(TeamSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class NewTeamSchema(Schema):
    """A team to add."""

    slug = fields.String(required=True, validate=validate.Length(1, 60))
    name = fields.String(required=True, validate=validate.Length(1, 100))
    kind = fields.String(load_default="engineering", validate=validate.OneOf(teams.KINDS))
    time_zone = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=60))


class EditTeamSchema(Schema):
    """What to change; what is left out stays. ``members`` and ``rules`` replace all of before."""

    name = fields.String(validate=validate.Length(1, 100))
    kind = fields.String(validate=validate.OneOf(teams.KINDS))
    time_zone = fields.String(validate=validate.Length(max=60))
    lead = fields.String(validate=validate.Length(max=120))
    members = fields.List(fields.String(validate=validate.Length(1, 120)), validate=validate.Length(max=2000))
    rules = fields.List(fields.Nested(TeamRuleSchema), validate=validate.Length(max=teams.MOST_RULES))
    archived = fields.Boolean()


class ListSchema(Schema):
    """Which teams."""

    archived = fields.Boolean(load_default=False)


@blueprint.route("")
class Teams(MethodView):
    """All teams."""

    @needs(Action.READ_TEAM)
    @blueprint.arguments(ListSchema, location="query")
    @blueprint.response(200, TeamsSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """All teams by name, in one page."""
        found = teams.every(context.store, context.actor, archived=query["archived"])
        return {"items": [asdict(team) for team in found], "next": None}

    @needs(Action.MANAGE_TEAMS)
    @blueprint.arguments(NewTeamSchema)
    @blueprint.response(201, TeamSchema)
    def post(self, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Add a team."""
        made = teams.add(context.store, context.actor, context.now, **body)
        return asdict(made), 201, etags.header(made.version)


@blueprint.route("/<team>")
class OneTeam(MethodView):
    """One team."""

    @needs(Action.READ_TEAM)
    @blueprint.response(200, TeamSchema)
    def get(self, team: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """By slug."""
        found = teams.get(context.store, context.actor, team)
        return asdict(found), 200, etags.header(found.version)

    @needs(Action.MANAGE_TEAMS)
    @etags.guarded
    @blueprint.arguments(EditTeamSchema)
    @blueprint.response(200, TeamSchema)
    def patch(self, body: dict[str, Any], team: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Edit a team; send the ETag in If-Match."""
        if "rules" in body:
            body["rules"] = [TeamRule(team, **rule) for rule in body["rules"]]
        found = teams.change(context.store, context.actor, context.now, team, version=etags.expected(), **body)
        return asdict(found), 200, etags.header(found.version)
