"""Every request has an id, a line in the log and a place in the metrics."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from release_mgmt.web import metrics

log = structlog.get_logger("release_mgmt.request")

_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
_QUIET = {"/healthz", "/readyz", "/metrics"}


def register(app: Flask) -> None:
    """Give ids, measure and log."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _GIVEN.match(given) else uuid.uuid4().hex
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        if "began" not in g:
            return response
        seconds = time.perf_counter() - g.began
        rule = request.url_rule.rule if request.url_rule else "(none)"
        response.headers["X-Request-ID"] = g.request_id
        metrics.REQUESTS.labels(request.method, rule, str(response.status_code)).inc()
        metrics.REQUEST_SECONDS.labels(request.method, rule).observe(seconds)
        if request.path not in _QUIET:
            log.info(
                "request",
                method=request.method,
                route=rule,  # never the path: feed and sign-in tokens stand in it
                status=response.status_code,
                ms=round(seconds * 1000, 1),
                actor=getattr(g.get("actor"), "person", None),
            )
        return response
