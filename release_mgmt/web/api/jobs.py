"""Jobs: what runs outside requests, and how far it is."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Action
from release_mgmt.services import jobs as services
from release_mgmt.web.answers import json_answer, page_answer
from release_mgmt.web.api.common import Blueprint, PageQuery, instant, page_of, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_jobs", __name__, url_prefix="/api/v1/jobs", description=__doc__)


class JobSchema(Schema):
    """A job. ``state`` is queued, running, done, failed (tried again), dead (a person must look) or cancelled."""

    id = text(null=False)
    kind = text(null=False)
    subject = text("What it is about: a repository's id, a calendar's slug.", null=False)
    subject_name = text("The repository's name.")
    state = text(null=False)
    step = text("What it does now.")
    done = fields.Integer(required=True)
    total = fields.Integer(allow_none=True, required=True)
    attempts = fields.Integer(required=True, metadata={"description": "Failures in a row before this one."})
    message = text()
    result = fields.Dict(allow_none=True, required=True)
    requested_by = text()
    created_at = instant("When it was asked for.")
    started_at = instant("When it began.")
    finished_at = instant("When it ended.")
    cancel_requested = fields.Boolean(required=True)


class JobQuery(PageQuery):
    """Which jobs."""

    state = fields.List(fields.String(validate=validate.OneOf(services.STATES)), load_default=list)
    repository = fields.String(validate=validate.Length(max=100))
    kind = fields.String(validate=validate.OneOf(sorted(pipeline.STEPS)))


@blueprint.route("")
class Jobs(MethodView):
    """All jobs."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.arguments(JobQuery, location="query")
    @blueprint.response(200, page_of(JobSchema))
    def get(self, query: dict[str, Any]) -> Response:
        """Jobs, the newest first; ``?state=dead`` lists those that a person must look at."""
        states = tuple(query.pop("state"))
        return page_answer(services.search(context.store, context.actor, states=states, **query))


@blueprint.route("/<job>")
class Job(MethodView):
    """One job."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.response(200, JobSchema)
    def get(self, job: str) -> Response:
        """How far it is."""
        return json_answer(services.get(context.store, context.actor, job))


@blueprint.route("/<job>/cancel")
class Cancelled(MethodView):
    """Stopping it."""

    @needs(Action.MANAGE_JOBS)
    @blueprint.response(202, JobSchema)
    def post(self, job: str) -> Response:
        """Ask it to stop: a queued job never starts, a running one stops at its next look."""
        return json_answer(services.cancel(context.store, context.actor, context.now, job), 202)


@blueprint.route("/<job>/replay")
class Replayed(MethodView):
    """Doing it again."""

    @needs(Action.MANAGE_JOBS)
    @blueprint.response(202, JobSchema)
    def post(self, job: str) -> Response:
        """Do a finished, failed or dead job's work again, as a new job."""
        return json_answer(services.replay(context.store, context.actor, context.now, job), 202)
