"""Maturity: how far a repository has come, by evidence, and what tools report of how it is watched and tried."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import maturity_course
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.common import Blueprint, instant, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_maturity", __name__, url_prefix="/api/v1/repositories/<repository>", description=__doc__)


class PointSchema(Schema):
    """One snapshot: area to level."""

    judged_at = instant("Date of the commit.")
    sha = text(null=False)
    levels = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class CourseSchema(Schema):
    """Where a repository stands and how it came there; ``areas`` is empty until it was judged first."""

    repository = text(null=False)
    judged_at = instant("Date of the commit judged last.")
    sha = text()
    areas = fields.List(fields.Dict(), required=True)
    facts = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    notes = fields.List(fields.String(), required=True)
    points = fields.List(fields.Nested(PointSchema), required=True)


class NewPracticeSchema(Schema):
    """A monitor or a load test."""

    name = fields.String(required=True, validate=validate.Length(1, 200))
    url = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 2000))


class PracticeSchema(Schema):
    """Whether it is the first telling."""

    new = fields.Boolean(required=True)


@blueprint.route("/maturity")
class Maturity(MethodView):
    """How far it has come."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.response(200, CourseSchema)
    def get(self, repository: str) -> Response:
        """Areas with their steps, evidence and next small step; the facts of the service; the course."""
        return json_answer(maturity_course.of_repository(context.store, context.actor, repository))


@blueprint.route("/practices/<kind>/<practice>")
class Practice(MethodView):
    """A practice as its tool reports it."""

    @needs(Action.POST_EVENTS)
    @blueprint.arguments(NewPracticeSchema)
    @blueprint.response(200, PracticeSchema)
    def put(self, body: dict[str, Any], repository: str, kind: str, practice: str) -> Response:
        """Keep that a ``monitor`` or a ``load_test`` is there; it counts for a year from its last telling."""
        store, actor, now = context.store, context.actor, context.now
        return json_answer({"new": maturity_course.report(store, actor, now, repository, kind, practice, **body)})
