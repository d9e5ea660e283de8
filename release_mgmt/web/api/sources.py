"""Forges and their deliveries: where pull requests are read, how that goes, and what webhooks brought."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.permissions import Action
from release_mgmt.services import forges, webhook_help, webhooks
from release_mgmt.web.answers import json_answer, page_answer
from release_mgmt.web.api.common import Blueprint, PageQuery, instant, page_of, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_sources", __name__, url_prefix="/api/v1", description=__doc__)


class SourceSchema(Schema):
    """How the forge of a repository is read."""

    repository = text(null=False)
    provider = text(null=False)
    api_url = text(null=False)
    answers = fields.Boolean(required=True, metadata={"description": "Whether we answer on pull requests."})
    polled_at = instant("End of the last whole reading.")
    lag = fields.Float(allow_none=True, required=True, metadata={"description": "Seconds since that reading."})
    due_at = instant("When it is read next.")
    failures = fields.Integer(required=True, metadata={"description": "Failed readings in a row."})
    degraded_at = instant("Since when it fails long.")
    error = text("What went wrong last.")
    calls_left = fields.Integer(allow_none=True, required=True, metadata={"description": "As the forge last said."})
    requests = fields.Integer(required=True)


class SourcesSchema(Schema):
    """All connected repositories."""

    items = fields.List(fields.Nested(SourceSchema), required=True)


class ConnectSchema(Schema):
    """Where a repository's pull requests are."""

    provider = fields.String(required=True, validate=validate.OneOf(sorted(webhooks.PROVIDERS)))
    forge_slug = fields.String(
        required=True, validate=validate.Length(1, 300), metadata={"description": "owner/name as the forge writes it."}
    )
    api_url = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, 500),
        metadata={"description": "For own forges."},
    )
    answers = fields.Boolean(load_default=False)


class DeliverySchema(Schema):
    """A webhook delivery."""

    id = text(null=False)
    provider = text(null=False)
    event = text(null=False)
    action = text()
    forge_slug = text("The repository's name on its forge.")
    status = fields.String(required=True, validate=validate.OneOf(webhooks.STATUSES))
    attempts = fields.Integer(required=True)
    seen = fields.Integer(required=True, metadata={"description": "How often the forge sent it."})
    error = text()
    received_at = instant("When it came first.")
    processed_at = instant("When something was made of it.")


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    forge_slug = fields.String(validate=validate.Length(1, 300))
    status = fields.String(validate=validate.OneOf(webhooks.STATUSES))


class SetupSchema(Schema):
    """How to set a forge's webhook up."""

    provider = text(null=False)
    address = text("Where the forge shall send.", null=False)
    secret_setting = text("The setting that holds the shared secret.", null=False)
    secret_set = fields.Boolean(required=True)
    steps = fields.List(fields.String(), required=True)
    events = fields.List(fields.String(), required=True)


def shown(state: forges.SourceState) -> dict[str, Any]:
    """A source with its lag in seconds."""
    names = forges.SourceState.__dataclass_fields__
    plain = {name: getattr(state, name) for name in names}
    return plain | {"lag": None if state.lag is None else state.lag.total_seconds()}


@blueprint.route("/sources")
class Sources(MethodView):
    """All sources."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.response(200, SourcesSchema)
    def get(self) -> Response:
        """Every connected repository and how its forge is read."""
        return json_answer({"items": [shown(one) for one in forges.states(context.store, context.actor, context.now)]})


@blueprint.route("/sources/<repository>")
class Source(MethodView):
    """One source."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.response(200, SourceSchema)
    def get(self, repository: str) -> Response:
        """How one repository's forge is read."""
        return json_answer(shown(forges.state(context.store, context.actor, context.now, repository)))

    @needs(Action.MANAGE_REPOSITORIES)
    @blueprint.arguments(ConnectSchema)
    @blueprint.response(200, SourceSchema)
    def put(self, wanted: dict[str, Any], repository: str) -> Response:
        """Connect a repository to its forge, or change how."""
        return json_answer(shown(forges.connect(context.store, context.actor, context.now, repository, **wanted)))


@blueprint.route("/webhook-setup/<provider>")
class Setup(MethodView):
    """Help with a forge's webhook."""

    @needs(Action.READ_SETTINGS)
    @blueprint.response(200, SetupSchema)
    def get(self, provider: str) -> Response:
        """Address, secret and events to give to a forge."""
        secret = bool(getattr(context.settings, f"{provider}_webhook_secret", ""))
        return json_answer(webhook_help.setup(provider, context.settings.site, secret_set=secret))


@blueprint.route("/deliveries")
class Deliveries(MethodView):
    """All deliveries."""

    @needs(Action.MANAGE_JOBS)
    @blueprint.arguments(DeliveryQuery, location="query")
    @blueprint.response(200, page_of(DeliverySchema))
    def get(self, query: dict[str, Any]) -> Response:
        """Webhook deliveries, the newest first."""
        return page_answer(webhooks.deliveries(context.store, context.actor, **query))


@blueprint.route("/deliveries/<delivery>")
class Delivery(MethodView):
    """One delivery."""

    @needs(Action.MANAGE_JOBS)
    @blueprint.response(200, DeliverySchema)
    def get(self, delivery: str) -> Response:
        """One delivery and what came of it."""
        return json_answer(webhooks.delivery(context.store, context.actor, delivery))


@blueprint.route("/deliveries/<delivery>/replay")
class Replay(MethodView):
    """Processing once more."""

    @needs(Action.MANAGE_JOBS)
    @blueprint.response(202, DeliverySchema)
    def post(self, delivery: str) -> Response:
        """Process a delivery once more; its effect is the same however often."""
        return json_answer(webhooks.replay(context.store, context.actor, context.now, delivery), 202)
