"""People: who is here, with which roles; everybody reads names, administrators do the rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action, Role
from release_mgmt.services import paging, people, personal_data, signin
from release_mgmt.services.people import KINDS, PersonView
from release_mgmt.web import etags
from release_mgmt.web.api.common import Blueprint, Instant
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_people", __name__, url_prefix="/api/v1/people", description=__doc__)


class RoleGrantSchema(Schema):
    """A role; a release manager's names the calendar it is for (``*``: all)."""

    role = fields.String(required=True, validate=validate.OneOf(list(Role)))
    calendar = fields.String(validate=validate.Length(1, 120))


class IdentitySchema(Schema):
    """A verified address or forge login."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    value = fields.String(required=True, validate=validate.Length(1, 254))


class PersonSchema(Schema):
    """A person; ``login`` and ``identities`` only for administrators and the person."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    login = fields.String(allow_none=True)
    grants = fields.List(fields.Nested(RoleGrantSchema), required=True)
    teams = fields.List(fields.String(), required=True)
    identities = fields.List(fields.Dict())
    active = fields.Boolean(required=True)
    version = fields.Integer(required=True)
    created_at = Instant(required=True)


class PeopleSchema(Schema):
    """A page of people."""

    items = fields.List(fields.Nested(PersonSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class SearchSchema(Schema):
    """What to look for."""

    q = fields.String(validate=validate.Length(max=100))
    cursor = fields.String(validate=validate.Length(max=300))
    limit = fields.Integer(validate=validate.Range(1, paging.MOST))


class NewPersonSchema(Schema):
    """A person or service account to add."""

    name = fields.String(required=True, validate=validate.Length(1, 120))
    login = fields.String(required=True, validate=validate.Length(1, 120))
    kind = fields.String(load_default="person", validate=validate.OneOf(["person", "service"]))
    grants = fields.List(fields.Nested(RoleGrantSchema), validate=validate.Length(max=50))


class EditPersonSchema(Schema):
    """What to change; what is left out stays."""

    name = fields.String(validate=validate.Length(1, 120))
    grants = fields.List(fields.Nested(RoleGrantSchema), validate=validate.Length(max=50))
    active = fields.Boolean()
    reason = fields.String(validate=validate.Length(max=2000))


class ErasureSchema(Schema):
    """Why somebody is erased."""

    reason = fields.String(required=True, validate=validate.Length(1, 2000))


class OneTimeLinkSchema(Schema):
    """The address of a one-time link, shown once."""

    url = fields.String(required=True)


def shown(person: PersonView) -> dict[str, Any]:
    """A person as JSON."""
    return {**asdict(person), "grants": people.grants_json(person.grants)}


@blueprint.route("")
class People(MethodView):
    """All people."""

    @needs(Action.READ_PEOPLE)
    @blueprint.arguments(SearchSchema, location="query")
    @blueprint.response(200, PeopleSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """People in a steady order; administrators also find by login."""
        after = query.get("cursor")
        start = str(paging.values(after, str)[0]) if after else None
        limit = paging.bounded(query.get("limit"))
        found, more = people.search(context.store, context.actor, text=query.get("q"), after=start, limit=limit)
        return {"items": [shown(one) for one in found], "next": paging.cursor(more) if more else None}

    @needs(Action.MANAGE_PEOPLE)
    @blueprint.arguments(NewPersonSchema)
    @blueprint.response(201, PersonSchema)
    def post(self, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Add somebody; a link lets the person set a password."""
        grants = people.grants_from(body.get("grants", [{"role": "reader"}]))
        made = people.add(
            context.store, context.actor, context.now, name=body["name"], login=body["login"], grants=grants,
            kind=body["kind"],
        )  # fmt: skip
        return shown(made), 201, etags.header(made.version)


@blueprint.route("/<person>")
class OnePerson(MethodView):
    """One person."""

    @needs(Action.READ_PEOPLE)
    @blueprint.response(200, PersonSchema)
    def get(self, person: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """By id or, for administrators, login."""
        found = people.get(context.store, context.actor, person)
        return shown(found), 200, etags.header(found.version)

    @needs(Action.MANAGE_PEOPLE)
    @etags.guarded
    @blueprint.arguments(EditPersonSchema)
    @blueprint.response(200, PersonSchema)
    def patch(self, body: dict[str, Any], person: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Rename, give roles, disable."""
        grants = people.grants_from(body["grants"]) if "grants" in body else None
        found = people.change(
            context.store, context.actor, context.now, person, version=etags.expected(), name=body.get("name"),
            grants=grants, active=body.get("active"), reason=body.get("reason"),
        )  # fmt: skip
        return shown(found), 200, etags.header(found.version)


@blueprint.route("/<person>/identities")
class Identities(MethodView):
    """How forges and git know a person."""

    @needs(Action.MANAGE_PEOPLE)
    @blueprint.arguments(IdentitySchema)
    @blueprint.response(200, PersonSchema)
    def post(self, body: dict[str, Any], person: str) -> dict[str, Any]:
        """Link an identity; 409 when it is somebody else's."""
        return shown(people.link(context.store, context.actor, context.now, person, **body))

    @needs(Action.MANAGE_PEOPLE)
    @blueprint.arguments(IdentitySchema, location="query")
    @blueprint.response(200, PersonSchema)
    def delete(self, query: dict[str, Any], person: str) -> dict[str, Any]:
        """Unlink an identity."""
        return shown(people.unlink(context.store, context.actor, context.now, person, **query))


@blueprint.route("/<person>/link", methods=["POST"])
@needs(Action.MANAGE_PEOPLE)
@blueprint.response(201, OneTimeLinkSchema)
def link(person: str) -> dict[str, str]:
    """A one-time link by which the person sets a password within a day; the answer is the only place it stands."""
    made = signin.make_link(context.store, context.actor, context.now, person)
    return {"url": f"{context.settings.site}/welcome/{made}"}


@blueprint.route("/<person>/sign-out", methods=["POST"])
@needs(Action.MANAGE_PEOPLE)
@blueprint.response(204)
def sign_out(person: str) -> None:
    """End all of a person's sessions."""
    found = people.get(context.store, context.actor, person)
    signin.sign_out_everywhere(context.store, context.actor, context.now, found.id)


@blueprint.route("/<person>/erase", methods=["POST"])
@needs(Action.MANAGE_PEOPLE)
@blueprint.arguments(ErasureSchema)
@blueprint.response(204)
def erase(body: dict[str, Any], person: str) -> None:
    """Blank a person for good; audit rows keep the id only."""
    personal_data.erase(context.store, context.actor, context.now, person, reason=body["reason"])


@blueprint.route("/<person>/data")
@needs(Action.MANAGE_SELF)
@blueprint.response(200)
def data(person: str) -> Response:
    """Everything held of a person, for that person or an administrator."""
    return jsonify(personal_data.export_of(context.store, context.actor, person))
