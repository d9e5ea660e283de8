"""A person's correction of a change's level."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import changes, overrides
from release_mgmt.web import etags
from release_mgmt.web.api.common import Blueprint
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_overrides", __name__, url_prefix="/api/v1/changes", description=__doc__)

_REASON = validate.Length(overrides.SHORTEST_REASON, overrides.LONGEST_REASON)


class NewOverrideSchema(Schema):
    """The level as it should be, and why."""

    level = fields.String(required=True, validate=validate.OneOf(["minor", "major"]))
    reason = fields.String(required=True, validate=_REASON)


class WithdrawSchema(Schema):
    """Why the override is taken back."""

    reason = fields.String(required=True, validate=_REASON)


class LevelSchema(Schema):
    """The level in force, what the rules say, and whether a person decided."""

    change = fields.String(required=True)
    level = fields.String(required=True, allow_none=True)
    classified_level = fields.String(required=True, allow_none=True)
    rule = fields.String(required=True, allow_none=True)
    overridden = fields.Boolean(required=True)
    version = fields.Integer(required=True)


def _shown(change: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    found = changes.get(context.store, context.actor, change)
    body = {
        "change": change,
        "level": found.change.level,
        "classified_level": found.classified_level,
        "rule": found.rule,
        "overridden": found.change.overridden,
        "version": found.change.version,
    }
    return body, 200, etags.header(found.change.version)


@blueprint.route("/<change>/override")
class Override(MethodView):
    """The override in force."""

    @needs(Action.RAISE_LEVEL)
    @etags.guarded
    @blueprint.arguments(NewOverrideSchema)
    @blueprint.response(200, LevelSchema)
    def put(self, body: dict[str, Any], change: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Raise the level (any engineer) or lower it (a release manager of its calendar who is not the author)."""
        overrides.override(
            context.store, context.actor, context.now, change, body["level"], body["reason"], version=etags.expected()
        )
        return _shown(change)

    @needs(Action.RAISE_LEVEL)
    @etags.guarded
    @blueprint.arguments(WithdrawSchema, location="query")
    @blueprint.response(200, LevelSchema)
    def delete(self, query: dict[str, Any], change: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Take the override back, so that the verdict of the rules counts again."""
        overrides.withdraw_override(
            context.store, context.actor, context.now, change, query["reason"], version=etags.expected()
        )
        return _shown(change)
