"""Put the rooms together: settings -> store -> application. The only module that knows all of them."""

from __future__ import annotations

import gc
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import JSONProvider
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from release_mgmt import clock, logs, resources, traces
from release_mgmt.services import Store, rates
from release_mgmt.services.opening import load_settings, make_store, secret_key
from release_mgmt.settings import Settings
from release_mgmt.web import api, deprecation, headers, health, parts, problems, requests
from release_mgmt.web.api import spec
from release_mgmt.web.bodies import WholeRequest
from release_mgmt.web.context import EXTENSION, Installation

DOOR_LIMIT = 60
"""Sign-ins and one-time links that one address may try in a minute, right or wrong: argon2 is dear on purpose. Several
people may share an address; the throttle of failures (``services.signin``) is what stops guessing."""


class FastJson(JSONProvider):
    """orjson: ten times faster than the standard library on a page of changes; instants end in ``Z``."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """``obj`` as JSON text."""
        wanted = orjson.OPT_UTC_Z | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)
        return orjson.dumps(obj, option=wanted | orjson.OPT_NON_STR_KEYS).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ARG002 - the base class gives them
        """The value of JSON text."""
        return orjson.loads(s)


def create_app(chosen: Settings | None = None, store: Store | None = None) -> Flask:
    """The web application: API, pages and feeds over one store.

    Without settings it is what a WSGI server starts: it reads them, logs, and has the process to itself.
    """
    clock.use_packaged_zones()
    alone = chosen is None
    if chosen is None:
        chosen = load_settings()
        logs.configure(chosen.log_level, chosen.log_format, chosen.log_path)
    if chosen.traces_endpoint:
        traces.start(chosen.traces_endpoint, "web")
    templates = resources.folder("templates")
    app = Flask("release_mgmt", template_folder=str(templates), static_folder=None)
    app.request_class = WholeRequest
    https = chosen.site.startswith("https://")
    app.config.update(
        SECRET_KEY=secret_key(chosen),
        MAX_CONTENT_LENGTH=chosen.max_body_bytes,
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        RATELIMIT_STORAGE_URI=chosen.rate_counts,
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_ENABLED=bool(chosen.rate_limit),
    )
    app.json = FastJson(app)
    store = store or make_store(chosen)
    app.extensions[EXTENSION] = Installation(chosen, store)
    if chosen.trusted_proxies:
        hops = chosen.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    requests.register(app)
    headers.register(app, https=https)
    deprecation.register(app)
    problems.register(app)
    shared: Any = {"store": store, "now": clock.now} if chosen.rate_counts.startswith(f"{rates.SCHEME}:") else {}
    limits: list[Any] = [chosen.rate_limit] if chosen.rate_limit else []
    limiter = Limiter(get_remote_address, app=app, default_limits=limits, storage_options=shared)
    app.register_blueprint(health.blueprint)
    limiter.exempt(health.blueprint)
    api.register(spec.make_api(app))
    parts.register(app)
    if chosen.rate_limit:
        for door in ("pages.sign_in_by_password", "pages.follow"):
            limited: Any = limiter.limit(f"{DOOR_LIMIT} per minute")(app.view_functions[door])
            app.view_functions[door] = limited
    if alone:
        settle()
    return app


def settle() -> None:
    """What was loaded stays as long as the process, and need not be looked at for garbage again and again: that costs a
    tenth of each request.
    """
    gc.collect()
    gc.freeze()
