"""The OpenAPI 3.1 description and its page."""

from __future__ import annotations

from typing import Any

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
