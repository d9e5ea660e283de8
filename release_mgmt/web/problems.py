"""The one table that turns errors into RFC 9457 problem documents.

Machines get ``application/problem+json``; whoever asks for HTML gets the page that :func:`use_page` registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFError
from marshmallow import Schema, ValidationError, fields
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from release_mgmt.core import errors
from release_mgmt.web.context import context

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.ReleaseMgmtError], int] = {
    errors.InvalidInput: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StaleVersion: 412,
    errors.TooLarge: 413,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    errors.BrokenInvariant: 500,
}
FORM_TOO_OLD = "form_too_old"
"""The token of a form does not belong to this browser's session (any more)."""
_MEMBERS = {"type", "title", "status", "detail", "instance", "code", "hint", "errors", "request_id"}
MACHINE_PATHS = ("/api/", "/webhooks/", "/feeds/", "/healthz", "/readyz", "/metrics")


class FieldErrorSchema(Schema):
    """One wrong field."""

    path = fields.String(required=True)
    message = fields.String(required=True)
    allowed = fields.String(allow_none=True)


class Problem(Schema):
    """An error (RFC 9457); ``code`` is stable and for machines, ``detail`` and ``hint`` are for people."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    instance = fields.String()
    code = fields.String(required=True)
    hint = fields.String()
    errors = fields.List(fields.Nested(FieldErrorSchema))
    request_id = fields.String()


def status_of(error: errors.ReleaseMgmtError) -> int:
    """The HTTP status of an error of ours: that of the nearest class in the table."""
    return next(STATUS[kind] for kind in (*type(error).__mro__, errors.BrokenInvariant) if kind in STATUS)


def document(status: int, code: str, detail: str | None, **more: object) -> dict[str, Any]:
    """A problem document; members that are None are left out."""
    phrase = HTTPStatus(status).phrase
    found = {"type": f"/api/v1/problems/{code}", "title": phrase, "status": status, "code": code, "detail": detail}
    known = {**found, "instance": request.path, "request_id": context.request_id, **more}
    return {name: value for name, value in known.items() if value is not None}


Page = Callable[[dict[str, Any]], str]
_PAGE = "release_mgmt.problem_page"


def use_page(app: Flask, page: Page) -> None:
    """Show people ``page(problem document)`` (HTML) where machines get JSON."""
    app.extensions[_PAGE] = page


def wants_html() -> bool:
    """Whether the request comes from a person's browser and not from a program."""
    if request.path.startswith(MACHINE_PATHS):
        return False
    best = request.accept_mimetypes.best_match(["application/problem+json", "application/json", "text/html"])
    return best == "text/html"


def respond(app: Flask, problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells of ``problem``."""
    page: Page | None = app.extensions.get(_PAGE)
    if page is not None and wants_html():
        response = Response(page(dict(problem)), mimetype="text/html")
    else:
        response = Response(orjson.dumps(problem), mimetype="application/problem+json")
    response.status_code = problem["status"]
    response.headers.update(headers or {})
    g.retry_after = response.headers.get("Retry-After")
    response.headers["Cache-Control"] = "no-store"
    return response


def register(app: Flask) -> None:
    """Answer every error of ``app`` by the table. The limiter of rates must be registered later."""

    @app.after_request
    def own_pause(response: Response) -> Response:
        # The limiter writes into every answer when its count begins anew, which is meant for its own refusal alone.
        told = g.pop("retry_after", None)
        if told is not None:
            response.headers["Retry-After"] = told
        elif response.status_code != 429:
            response.headers.pop("Retry-After", None)
        return response

    @app.errorhandler(errors.ReleaseMgmtError)
    def ours(error: errors.ReleaseMgmtError) -> Response:
        status = status_of(error)
        if status >= 500:
            log.error("request refused", code=error.code, detail=error.message, exc_info=status == 500)
        detail = error.message if status != 500 else "A promise of ours did not hold. The log tells more."
        faults = [
            {"path": one.path, "message": one.message, "allowed": one.allowed} for one in getattr(error, "errors", ())
        ]
        more = {name: value for name, value in error.details.items() if name not in _MEMBERS}
        problem = document(status, error.code, detail, hint=error.hint, errors=faults or None, **more)
        return respond(app, problem, _headers(status, error.details))

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        faults = list(flat(error.normalized_messages()))  # type: ignore[no-untyped-call]
        return respond(app, document(422, "invalid_input", "Some fields are wrong.", errors=faults))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response | WerkzeugResponse:
        if error.code is None or error.code < 400:
            return error.get_response()  # redirects are not problems
        data = getattr(error, "data", None) or {}
        told = data.get("messages", {})  # by the place in the request, then by field
        faults = [one for messages in told.values() for one in flat(messages)] or None
        code = HTTPStatus(error.code).phrase.lower().replace(" ", "_").replace("'", "")
        if error.code == 422:
            code = "invalid_input"
        if isinstance(error, CSRFError):
            code = FORM_TOO_OLD
        detail = "Some fields are wrong." if faults else error.description
        kept = {
            name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After", "WWW-Authenticate"}
        }
        return respond(app, document(error.code, code, detail, errors=faults), kept)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:  # the last resort: whatever it was, tell the log and say sorry
        log.error("request failed", exc_info=error)
        return respond(app, document(500, "internal_error", "Something went wrong on our side. The log tells more."))


def _headers(status: int, details: Mapping[str, object]) -> dict[str, str]:
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="release-mgmt"'
    if status in {429, 503}:
        headers["Retry-After"] = str(details.get("retry_after", 5))
    return headers


def flat(messages: object, path: str = "") -> Any:
    """Marshmallow's tree of messages as field errors with paths like ``series[0].rrule``."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            here = f"[{name}]" if isinstance(name, int) else str(name)
            joined = "" if here == "_schema" else here
            glue = "." if path and joined and not joined.startswith("[") else ""
            yield from flat(inner, path + glue + joined)
    elif isinstance(messages, list | tuple):
        for message in messages:
            yield from flat(message, path)
    else:
        yield {"path": path, "message": str(messages)}
