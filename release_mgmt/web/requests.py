"""Every request has an id, a line in the log and a place in the metrics."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import ExitStack

import structlog
from flask import Flask, Response, g, request

from release_mgmt import traces
from release_mgmt.web import metrics

log = structlog.get_logger("release_mgmt.request")

_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
_QUIET = {"/healthz", "/readyz", "/metrics"}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def register(app: Flask) -> None:
    """Give ids, measure and log."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _GIVEN.match(given) else uuid.uuid4().hex
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        rule = request.url_rule.rule if request.url_rule else "(none)"
        told = {"http.request.method": _method(), "http.route": rule, "request.id": g.request_id}
        g.spans = ExitStack()
        span = g.spans.enter_context(
            traces.span(f"{_method()} {rule}", told, {"traceparent": request.headers.get("traceparent", "")})
        )
        if span is not None:
            g.span = span
            structlog.contextvars.bind_contextvars(trace_id=f"{span.get_span_context().trace_id:032x}")

    @app.after_request
    def end(response: Response) -> Response:
        if "began" not in g:
            return response
        seconds = time.perf_counter() - g.began
        rule = request.url_rule.rule if request.url_rule else "(none)"
        response.headers["X-Request-ID"] = g.request_id
        if "span" in g:
            g.span.set_attribute("http.response.status_code", response.status_code)
        metrics.REQUESTS.labels(_method(), rule, str(response.status_code)).inc()
        metrics.REQUEST_SECONDS.labels(_method(), rule).observe(seconds)
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

    @app.teardown_request
    def close(_error: BaseException | None) -> None:
        if "spans" in g:
            g.spans.close()


def _method() -> str:
    """The method as metrics and spans name it: anybody may make up methods, and each name is kept for good."""
    return request.method if request.method in _METHODS else "other"
