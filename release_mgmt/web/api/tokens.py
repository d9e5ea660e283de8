"""API tokens and browser sessions: everybody's own, and (tokens) those of service accounts for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action, Scope
from release_mgmt.services import signin, tokens
from release_mgmt.web import auth
from release_mgmt.web.api.common import Blueprint, Instant
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_tokens", __name__, url_prefix="/api/v1", description=__doc__)


class TokenSchema(Schema):
    """A token; ``secret`` is in the answer that made it and nowhere else."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    name = fields.String(required=True)
    hint = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True)
    used_at = Instant(allow_none=True)
    used_from = fields.String(allow_none=True)
    revoked_at = Instant(allow_none=True)
    secret = fields.String(allow_none=True)


class TokensSchema(Schema):
    """All tokens of a person."""

    items = fields.List(fields.Nested(TokenSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class NewTokenSchema(Schema):
    """A token to make; ``person`` is a service account, for administrators."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    scopes = fields.List(
        fields.String(validate=validate.OneOf(list(Scope))), required=True, validate=validate.Length(1, len(Scope))
    )
    days = fields.Integer(load_default=90, validate=validate.Range(1, tokens.LONGEST_DAYS))
    person = fields.String(validate=validate.Length(1, 120))


class OfSchema(Schema):
    """Whose tokens; one's own when left out."""

    person = fields.String(validate=validate.Length(1, 120))


class SessionSchema(Schema):
    """A browser that is signed in."""

    id = fields.String(required=True)
    method = fields.String(required=True)
    origin = fields.String(allow_none=True)
    agent = fields.String(allow_none=True)
    created_at = Instant(required=True)
    seen_at = Instant(required=True)
    expires_at = Instant(required=True)
    current = fields.Boolean(required=True)


class SessionsSchema(Schema):
    """One's own sessions."""

    items = fields.List(fields.Nested(SessionSchema), required=True)
    next = fields.String(allow_none=True, required=True)


@blueprint.route("/tokens")
class Tokens(MethodView):
    """Tokens."""

    @needs(Action.MANAGE_SELF)
    @blueprint.arguments(OfSchema, location="query")
    @blueprint.response(200, TokensSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """One's own tokens or, for administrators, those of ``person``; revoked ones too."""
        found = tokens.of(context.store, context.actor, query.get("person"))
        return {"items": [asdict(one) for one in found], "next": None}

    @needs(Action.MANAGE_SELF)
    @blueprint.arguments(NewTokenSchema)
    @blueprint.response(201, TokenSchema)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a token; its secret is in this answer only."""
        scopes = tuple(body.pop("scopes"))
        return asdict(tokens.create(context.store, context.actor, context.now, scopes=scopes, **body))


@blueprint.route("/tokens/<token>", methods=["DELETE"])
@needs(Action.MANAGE_SELF)
@blueprint.response(204)
def revoke(token: str) -> None:
    """Revoke a token of one's own or, for administrators, anybody's."""
    tokens.revoke(context.store, context.actor, context.now, token)


@blueprint.route("/sessions")
class Sessions(MethodView):
    """Browser sessions."""

    @needs(Action.MANAGE_SELF)
    @blueprint.response(200, SessionsSchema)
    def get(self) -> dict[str, Any]:
        """One's own open sessions."""
        found = signin.sessions_of(
            context.store, context.actor, context.now, auth.limits(context.settings), auth.session_id()
        )
        return {"items": [asdict(one) for one in found], "next": None}

    @needs(Action.MANAGE_SELF)
    @blueprint.response(204)
    def delete(self) -> None:
        """Sign out everywhere."""
        signin.sign_out_everywhere(context.store, context.actor, context.now)


@blueprint.route("/sessions/<session>", methods=["DELETE"])
@needs(Action.MANAGE_SELF)
@blueprint.response(204)
def end(session: str) -> None:
    """End one session of one's own."""
    signin.sign_out(context.store, context.actor, context.now, session)
