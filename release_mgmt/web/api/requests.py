"""Business requests: what was asked, the changes that answer it, what was expected and what was measured."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import requests
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer, page_answer
from release_mgmt.web.api.common import Blueprint, Instant, PageQuery, instant, page_of
from release_mgmt.web.api.common import text as said
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.idempotency import idempotent

blueprint = Blueprint("api_requests", __name__, url_prefix="/api/v1/requests", description=__doc__)


def _told(limit: int = 300, **more: Any) -> fields.String:
    return fields.String(allow_none=True, validate=validate.Length(max=limit), **more)


class RequestEditSchema(Schema):
    """What is edited; what is not named stays."""

    title = fields.String(validate=validate.Length(1, 300))
    text = _told(10_000)
    link = _told(metadata={"description": "Ticket or work item elsewhere."})
    owner = _told(metadata={"description": "A person by id or login."})
    team = _told(metadata={"description": "Keep it for this team."})
    metric = _told(metadata={"description": "What is expected to move, as metrics files name it."})
    expected_from = _told()
    expected_to = _told()


class NewRequestSchema(RequestEditSchema):
    """A new request."""

    title = fields.String(required=True, validate=validate.Length(1, 300))


class ChangedRequestSchema(RequestEditSchema):
    """An edit; ``closed`` ends the request or opens it again."""

    closed = fields.Boolean(allow_none=True)


class RequestSchema(Schema):
    """A request."""

    id = said(null=False)
    title = said(null=False)
    text = said()
    link = said()
    owner = said("The person answerable, by id.")
    team = said("Kept for this team.")
    metric = said()
    expected_from = said()
    expected_to = said()
    closed_at = instant("When it was closed.")
    made_by = said(null=False)
    made_at = instant("When it was asked.")
    version = fields.Integer(required=True)


class StepSchema(Schema):
    """A change on its way."""

    change = said(null=False)
    title = said(null=False)
    repository = said(null=False)
    state = said(null=False)
    window = fields.List(instant("Start and end."), allow_none=True, required=True)
    stage = said("The stage reported last, and how it went.")
    deployed_at = instant("When it reached an environment last.")
    release = said()


class EffectSchema(Schema):
    """An observed value: reported, or from a metrics file of a change that is released."""

    value = said(null=False)
    source = said("`reported`, or the path of the metrics file.", null=False)
    at = instant("When.")
    change = said()
    note = said()


class JourneySchema(Schema):
    """A request from the question to production."""

    request = fields.Nested(RequestSchema, required=True)
    steps = fields.List(fields.Nested(StepSchema), required=True)
    effects = fields.List(fields.Nested(EffectSchema), required=True)
    measured = said("The newest value observed after the first release; what was observed before it is a baseline.")


class ObservedSchema(Schema):
    """An observed effect."""

    value = fields.String(required=True, validate=validate.Length(1, 300))
    at = Instant(load_default=None, allow_none=True)
    note = _told(2000, load_default=None)


class RequestQuery(PageQuery):
    """Which requests."""

    change = fields.String(load_default=None, validate=validate.Length(1, 200))
    open = fields.Boolean(load_default=False)


@blueprint.route("")
class Requests(MethodView):
    """All requests."""

    @needs(Action.READ_CHANGE)
    @blueprint.arguments(RequestQuery, location="query")
    @blueprint.response(200, page_of(RequestSchema))
    def get(self, query: dict[str, Any]) -> Response:
        """Requests, the newest first."""
        return page_answer(requests.search(context.store, context.actor, open_only=query.pop("open"), **query))

    @needs(Action.WRITE_REQUEST)
    @idempotent
    @blueprint.arguments(NewRequestSchema)
    @blueprint.response(201, RequestSchema)
    def post(self, body: dict[str, Any]) -> Response:
        """Write a request."""
        found = requests.create(context.store, context.actor, context.now, **body)
        return json_answer(found, 201, etags.header(found.version))


@blueprint.route("/<request_id>")
class OneRequest(MethodView):
    """One request."""

    @needs(Action.READ_CHANGE)
    @blueprint.response(200, JourneySchema)
    def get(self, request_id: str) -> Response:
        """With its changes on their way and what was measured."""
        found = requests.get(context.store, context.actor, request_id)
        return json_answer(found, headers=etags.header(found.request.version))

    @needs(Action.WRITE_REQUEST)
    @etags.guarded
    @blueprint.arguments(ChangedRequestSchema)
    @blueprint.response(200, RequestSchema)
    def patch(self, body: dict[str, Any], request_id: str) -> Response:
        """Edit, close or open it; ``If-Match`` refuses what somebody else changed meanwhile."""
        store, actor, now = context.store, context.actor, context.now
        found = requests.edit(store, actor, now, request_id, version=etags.expected(), **body)
        return json_answer(found, headers=etags.header(found.version))


@blueprint.route("/<request_id>/changes/<change>")
class RequestChange(MethodView):
    """Whether a change answers a request."""

    @needs(Action.WRITE_REQUEST)
    @blueprint.response(200, JourneySchema)
    def put(self, request_id: str, change: str) -> Response:
        """It does."""
        return json_answer(requests.link(context.store, context.actor, context.now, request_id, change))

    @needs(Action.WRITE_REQUEST)
    @blueprint.response(200, JourneySchema)
    def delete(self, request_id: str, change: str) -> Response:
        """It does not."""
        return json_answer(requests.link(context.store, context.actor, context.now, request_id, change, linked=False))


@blueprint.route("/<request_id>/observations/<observation>")
class Observation(MethodView):
    """What was observed."""

    @needs(Action.POST_EVENTS)
    @blueprint.arguments(ObservedSchema)
    @blueprint.response(200, JourneySchema)
    def put(self, body: dict[str, Any], request_id: str, observation: str) -> Response:
        """Keep an observed value under the reporter's own id; the same again changes nothing."""
        body["at"] = body["at"] or context.now
        store, actor, now = context.store, context.actor, context.now
        return json_answer(requests.observe(store, actor, now, request_id, observation, **body))
