"""``POST /webhooks/<forge>``: check the signature on the raw body, store the delivery, answer at once.

What comes of a delivery is a job's work, so the answer never waits for it. A body over the limit is refused by its
declared length before anything is read; unknown events are counted and answered like known ones, because forges
switch off hooks that fail.
"""

from __future__ import annotations

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Action
from release_mgmt.services import webhooks
from release_mgmt.web import metrics
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("webhooks", __name__)


def register(app: Flask) -> None:
    """Serve the addresses that forges post to."""
    app.register_blueprint(blueprint)


@blueprint.post("/webhooks/<provider>")
@needs(Action.RECEIVE_WEBHOOK)
def receive(provider: str) -> ResponseReturnValue:
    """Accept one delivery."""
    if provider not in webhooks.PROVIDERS:
        raise InvalidInput.at("forge", "there is no such forge", ", ".join(webhooks.PROVIDERS))
    request.max_content_length = webhooks.LIMIT
    body = request.get_data(cache=True)  # the raw bytes, before anything parses them
    settings = context.settings
    plain = provider == "gitlab" and settings.gitlab_plain_token
    secret = webhooks.shared_secret(getattr(settings, f"{provider}_webhook_secret"), plain_token=plain)
    delivery = webhooks.accept(
        context.store, context.now, webhooks.PROVIDERS[provider], list(request.headers.items()), body, secret
    )
    event = delivery.event if delivery.status != "ignored" else "other"
    metrics.DELIVERIES.labels(provider, event, str(delivery.seen > 1).lower()).inc()
    return {"delivery": delivery.id, "status": delivery.status, "seen": delivery.seen}, 202
