"""The OpenAPI 3.1 description and its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apispec import APISpec
from flask import Flask
from flask_smorest import Api

from release_mgmt import __version__
from release_mgmt.web.problems import Problem

PREFIX = "/api/v1"
DESCRIPTION = """\
Everything the pages can do, for programs. Lists come as `{"items": [...], "next": cursor or null}`: repeat the request
with `?cursor=` until `next` is null. Errors are problem documents (RFC 9457). What people edit has an `ETag`: send it
back in `If-Match`. What machines post may carry an `Idempotency-Key`: the same key never has its effect twice.
"""


class DescribedApi(Api):  # type: ignore[misc] # flask-smorest has no types
    """flask-smorest's description with our errors; the handlers of ``web.problems`` answer them."""

    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        """Nothing: one table answers errors for the whole application."""

    def _register_responses(self) -> None:
        """Describe errors as what they are: ``application/problem+json``."""
        kept: str = self.DEFAULT_RESPONSE_CONTENT_TYPE  # type: ignore[has-type]
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        super()._register_responses()
        self.DEFAULT_RESPONSE_CONTENT_TYPE = kept


def make_api(app: Flask) -> Api:
    """The API of ``app``, with its document at ``/api/v1/openapi.json``."""
    app.config.update(
        API_TITLE="release-mgmt",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
    )
    options: dict[str, Any] = {
        "info": {"description": DESCRIPTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "security": [{"token": []}, {"session": []}],
    }
    api = DescribedApi(app, spec_kwargs=options)
    api.spec.components.security_scheme(
        "token",
        {"type": "http", "scheme": "bearer", "description": "An API token, made on your page or by `token create`."},
    )
    api.spec.components.security_scheme(
        "session", {"type": "apiKey", "in": "cookie", "name": "session", "description": "Signed in on the web."}
    )
    return api


def leave_answers_open(spec: APISpec) -> None:
    """Say that answers may get more members, while a body that is sent has those described and no others.

    A part of both is closed where a request refers to it.
    """
    schemas: dict[str, dict[str, Any]] = spec.components.schemas
    operations = [one for path in spec.to_dict()["paths"].values() for one in path.values() if isinstance(one, dict)]
    sent = _within([one.get("requestBody") for one in operations], schemas)
    told = {_name(one) for one in _within([one.get("responses") for one in operations], schemas)}
    for reference in sent:
        if _name(reference) in told:
            reference["unevaluatedProperties"] = False
    closed = {_name(one) for one in sent} - told
    for name, schema in schemas.items():
        if name not in closed and schema.get("additionalProperties") is False:
            del schema["additionalProperties"]


def _within(parts: object, schemas: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every reference to a schema in these parts, and in the schemas that they refer to."""
    found, seen, waiting = [], set(), [parts]
    while waiting:
        for reference in _references(waiting.pop()):
            found.append(reference)
            name = _name(reference)
            if name not in seen and name in schemas:
                seen.add(name)
                waiting.append(schemas[name])
    return found


def _references(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
