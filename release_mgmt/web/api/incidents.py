"""Incidents: what went wrong in production, told by whoever tracks it."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import incidents
from release_mgmt.web.answers import json_answer, page_answer
from release_mgmt.web.api.common import Blueprint, Instant, PageQuery, instant, page_of, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_incidents", __name__, url_prefix="/api/v1", description=__doc__)


class ToldIncidentSchema(Schema):
    """What is known of it now; the last telling counts whole. ``change`` or ``release`` say what caused it."""

    title = fields.String(required=True, validate=validate.Length(1, 300))
    opened_at = Instant(required=True)
    closed_at = Instant(load_default=None, allow_none=True)
    change = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))
    release = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))
    url = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 2000))


class IncidentSchema(Schema):
    """An incident; ``id`` is that of the tracker."""

    repository = text(null=False)
    id = text(null=False)
    title = text(null=False)
    opened_at = instant("When it began.")
    closed_at = instant("When it was over; null: it is not.")
    change = text("The change that caused it.")
    release = text("The version or tag that caused it.")
    url = text()
    reported_by = text(null=False)
    reported_at = instant("When it was told first.")
    updated_at = instant("When it was told last.")


class IncidentQuery(PageQuery):
    """Which incidents."""

    repository = fields.String(load_default=None, validate=validate.Length(1, 100))
    open = fields.Boolean(load_default=False, metadata={"description": "Only those that are not over."})


@blueprint.route("/incidents")
class Incidents(MethodView):
    """All incidents."""

    @needs(Action.READ_METRICS)
    @blueprint.arguments(IncidentQuery, location="query")
    @blueprint.response(200, page_of(IncidentSchema))
    def get(self, query: dict[str, Any]) -> Response:
        """Incidents, the newest first."""
        return page_answer(incidents.search(context.store, context.actor, open_only=query.pop("open"), **query))


@blueprint.route("/repositories/<repository>/incidents/<incident>")
class OneIncident(MethodView):
    """One incident."""

    @needs(Action.POST_EVENTS)
    @blueprint.arguments(ToldIncidentSchema)
    @blueprint.response(200, IncidentSchema)
    @blueprint.alt_response(201, schema=IncidentSchema, description="It is new.")
    def put(self, body: dict[str, Any], repository: str, incident: str) -> Response:
        """Keep what is told; the same again changes nothing."""
        found, new = incidents.keep(
            context.store, context.actor, context.now, repository, incident, incidents.Told(**body)
        )
        return json_answer(found, 201 if new else 200)
