"""Figures of delivery and predictability: each with its definition, over what, since when, and the changes behind."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.metrics import DEFINITIONS, find
from release_mgmt.core.permissions import Action
from release_mgmt.formats import metrics as form
from release_mgmt.services import metrics
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.common import Blueprint, instant, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_metrics", __name__, url_prefix="/api/v1/metrics", description=__doc__)


class MetricsQuery(Schema):
    """Over what. Days are local, both included, in the zone of the calendar; the last 13 weeks by default."""

    repository = fields.String(load_default=None, validate=validate.Length(1, 100))
    team = fields.String(load_default=None, validate=validate.Length(1, 100))
    calendar = fields.String(load_default=None, validate=validate.Length(1, 100))
    environment = fields.String(load_default=None, validate=validate.Length(1, 64))
    since = fields.Date(load_default=None, metadata={"description": "First day, YYYY-MM-DD."})
    until = fields.Date(load_default=None, metadata={"description": "Last day, included."})


class DefinitionSchema(Schema):
    """What a figure means, in which unit, and what must be sent for it."""

    id = text(null=False)
    title = text(null=False)
    group = text("delivery or predictability", null=False)
    unit = text(null=False)
    better = text("more or less", null=False)
    over = text("What the population counts.", null=False)
    meaning = text(null=False)
    send = text(null=False)
    source = text("Whose definition it is.", null=False)


class PeriodSchema(Schema):
    """Local days, both included, and the instants at which they begin and end."""

    since = fields.Date(required=True)
    until = fields.Date(required=True)
    zone = text(null=False)
    begins = instant("Midnight of the first day.")
    ends = instant("Midnight after the last day.")


class PartSchema(Schema):
    """Part of a figure."""

    label = text(null=False)
    count = fields.Integer(required=True)


class BlockSchema(Schema):
    """The figure over one block of days."""

    since = fields.Date(required=True)
    until = fields.Date(required=True)
    value = fields.Float(allow_none=True, required=True)
    population = fields.Integer(required=True)


class FigureSchema(Schema):
    """One figure; ``value`` is null when there is nothing to measure, and ``missing`` then says what to send."""

    id = text(null=False)
    definition = fields.Nested(DefinitionSchema, required=True)
    period = fields.Nested(PeriodSchema, required=True)
    value = fields.Float(allow_none=True, required=True)
    p90 = fields.Float(allow_none=True, required=True)
    unit = text(null=False)
    over = text(null=False)
    population = fields.Integer(required=True)
    counted = fields.Integer(allow_none=True, required=True)
    left_out = fields.Integer(required=True)
    split = fields.List(fields.Nested(PartSchema), required=True)
    missing = text()
    course = fields.List(fields.Nested(BlockSchema), required=True)
    changes = fields.List(fields.String(), metadata={"description": "Those counted."})
    against = fields.List(fields.String(), metadata={"description": "Those that speak against."})


class AskedSchema(Schema):
    """What was asked for."""

    repository = text()
    team = text()
    calendar = text()
    environment = text()


class MetricsSchema(Schema):
    """All figures over one scope and period."""

    schema = text(null=False)
    scope = fields.Nested(AskedSchema, required=True)
    period = fields.Nested(PeriodSchema, required=True)
    figures = fields.List(fields.Nested(FigureSchema), required=True)


def _scope(asked: metrics.Asked) -> dict[str, str | None]:
    return {name: getattr(asked, name) for name in ("repository", "team", "calendar", "environment")}


@blueprint.route("")
class Metrics(MethodView):
    """All figures."""

    @needs(Action.READ_METRICS)
    @blueprint.arguments(MetricsQuery, location="query")
    @blueprint.response(200, MetricsSchema)
    def get(self, query: dict[str, Any]) -> Response:
        """Every figure over what is asked for; the changes behind one are listed by its own address."""
        found = metrics.measure(context.store, context.actor, context.now, metrics.Asked(**query))
        return json_answer(
            {
                "schema": form.SCHEMA,
                "scope": _scope(found.asked),
                "period": form.period(found.span),
                "figures": [form.figure(one, changes=False) for one in found.figures],
            }
        )


@blueprint.route("/export.csv")
class Export(MethodView):
    """All figures as a table."""

    @needs(Action.READ_METRICS)
    @blueprint.arguments(MetricsQuery, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/csv")
    def get(self, query: dict[str, Any]) -> Response:
        """Every figure over what is asked for, one a line."""
        found = metrics.measure(context.store, context.actor, context.now, metrics.Asked(**query))
        answer = Response(form.table(found.figures, _scope(found.asked)), mimetype="text/csv")
        answer.headers["Content-Disposition"] = 'attachment; filename="release-metrics.csv"'
        return answer


@blueprint.route("/definitions")
class Definitions(MethodView):
    """What the figures mean."""

    @needs(Action.READ_METRICS)
    @blueprint.response(200, DefinitionSchema(many=True))
    def get(self) -> Response:
        """Every definition, in the order of the figures."""
        return json_answer([form.definition(one) for one in DEFINITIONS])


@blueprint.route("/<figure>")
class OneFigure(MethodView):
    """One figure."""

    @needs(Action.READ_METRICS)
    @blueprint.arguments(MetricsQuery, location="query")
    @blueprint.response(200, FigureSchema)
    def get(self, query: dict[str, Any], figure: str) -> Response:
        """One figure with the ids of the changes behind it."""
        found = metrics.measure(context.store, context.actor, context.now, metrics.Asked(**query), [find(figure)])
        return json_answer(form.figure(found.figures[0]))
