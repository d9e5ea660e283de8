"""Changes: what is classified, placed, approved and published."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import changes as services
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer, page_answer
from release_mgmt.web.api.common import Blueprint, PageQuery, instant, page_of, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_changes", __name__, url_prefix="/api/v1/changes", description=__doc__)
STATES = ("draft", "announced", "approved", "released", "rolled_back", "withdrawn")


class ChangeSchema(Schema):
    """A change: one pull request however it was merged, or one direct commit."""

    id = text("Never changes.", null=False)
    repository = text(null=False)
    title = text(null=False)
    author = text()
    owner = text("The person answerable for it, by id.")
    provider = text()
    number = fields.Integer(allow_none=True, required=True, metadata={"description": "Number of the pull request."})
    url = text()
    state = text(null=False)
    level = text("The level in force: minor or major.")
    kind = text()
    needs_review = fields.Boolean(required=True)
    overridden = fields.Boolean(required=True, metadata={"description": "Whether a person set the level."})
    priority = fields.Integer(required=True)
    ready = fields.Boolean(required=True)
    merged_at = instant("Null: an open pull request, a preview.")
    happened_at = instant("When merged, else opened; the order of lists.")
    release = text("The version that first held it.")
    affected_teams = fields.List(fields.String(), required=True)
    head_sha = text()
    version = fields.Integer(required=True)


class CommitSchema(Schema):
    """A commit of a change."""

    sha = text(null=False)
    subject = text(null=False)
    author = text(null=False)
    committed_at = instant("Committer date.")


class OverrideSchema(Schema):
    """A person's correction of the level."""

    id = text(null=False)
    level = text(null=False)
    previous_level = text()
    reason = text(null=False)
    source = text(null=False)
    made_by = text(null=False)
    made_at = instant("When.")
    withdrawn_at = instant("When it was taken back.")


class RefusalSchema(Schema):
    """A label or a comment's command on the forge by somebody who had not the right to it."""

    by = text("The login on the forge.", null=False)
    asked = text("The label (with - before it: taken off) or the command.", null=False)
    why = text(null=False)
    at = instant("When it was said.")


class ChangeDetailSchema(Schema):
    """A change with everything that explains it."""

    change = fields.Nested(ChangeSchema, required=True)
    summary = text()
    record = fields.Dict(required=True)
    rule = text("The rule that decided the classification.")
    classified_level = text("What the rules say, whatever a person set.")
    classified_at = instant("When.")
    new_libraries = fields.List(fields.Dict(), required=True)
    evidence = fields.List(fields.Dict(), required=True)
    overrides = fields.List(fields.Nested(OverrideSchema), required=True)
    commits = fields.List(fields.Nested(CommitSchema), required=True)
    refusals = fields.List(fields.Nested(RefusalSchema), required=True)


class ChangeQuery(PageQuery):
    """Which changes; every part given must hold."""

    repository = fields.String(validate=validate.Length(max=100))
    state = fields.List(fields.String(validate=validate.OneOf(STATES)))
    level = fields.String(validate=validate.OneOf(["minor", "major"]))
    kind = fields.String(validate=validate.Length(max=60))
    needs_review = fields.Boolean()
    release = fields.String(validate=validate.Length(max=200))
    unreleased = fields.Boolean()
    text = fields.String(validate=validate.Length(max=200))


@blueprint.route("")
class Changes(MethodView):
    """All changes."""

    @needs(Action.READ_CHANGE)
    @blueprint.arguments(ChangeQuery, location="query")
    @blueprint.response(200, page_of(ChangeSchema))
    def get(self, query: dict[str, Any]) -> Response:
        """Changes, the newest first."""
        cursor, limit = query.pop("cursor", None), query.pop("limit", None)
        wanted = services.Filter(**{**query, "state": tuple(query.get("state", ()))})
        return page_answer(services.search(context.store, context.actor, wanted, cursor=cursor, limit=limit))


@blueprint.route("/<change>")
class Change(MethodView):
    """One change."""

    @needs(Action.READ_CHANGE)
    @blueprint.response(200, ChangeDetailSchema)
    def get(self, change: str) -> Response:
        """With evidence, overrides and commits."""
        found = services.get(context.store, context.actor, change, context.now)
        return json_answer(found, headers=etags.header(found.change.version))
