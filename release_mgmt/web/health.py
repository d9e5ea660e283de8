"""Whether the process lives (``/healthz``), may get requests (``/readyz``), and what it measured (``/metrics``)."""

from __future__ import annotations

import ipaddress
from importlib.metadata import version

from flask import Blueprint, Response, jsonify, request

from release_mgmt.core.errors import Forbidden, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import health as services
from release_mgmt.web import metrics
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("health", __name__)
_TZDATA = version("tzdata")


@blueprint.get("/healthz")
@needs(Action.READ_HEALTH)
def healthz() -> Response:
    """The process answers; nothing else is looked at, so that a slow database does not get it killed."""
    return jsonify(status="ok", tzdata=_TZDATA)


@blueprint.get("/readyz")
@needs(Action.READ_HEALTH)
def readyz() -> tuple[Response, int]:
    """The database answers and is at the schema of this code; 503 with the reason otherwise."""
    try:
        services.check_ready(context.store)
    except ReleaseMgmtError as error:
        return jsonify(status="not ready", code=error.code, detail=error.message, hint=error.hint), 503
    return jsonify(status="ready"), 200


@blueprint.get("/metrics")
@needs(Action.READ_HEALTH)
def exposed() -> Response:
    """Metrics for Prometheus, to this machine only unless ``metrics_public``."""
    if not context.settings.metrics_public and not _local(request.remote_addr):
        raise Forbidden("Metrics are for this machine.", hint="Set metrics_public, or ask from the machine itself.")
    return Response(
        metrics.exposition(services.gauges(context.store, context.now)), mimetype="text/plain; version=0.0.4"
    )


def _local(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
