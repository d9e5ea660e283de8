"""Put the rooms together: settings -> store -> application. The only module that knows all of them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import JSONProvider
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from release_mgmt import logs, resources, settings
from release_mgmt.core.errors import FieldError, InvalidInput, Unavailable
from release_mgmt.services import Store
from release_mgmt.settings import Settings
from release_mgmt.web import api, headers, health, parts, problems, requests
from release_mgmt.web.api import spec
from release_mgmt.web.context import EXTENSION, Installation


class FastJson(JSONProvider):
    """orjson: ten times faster than the standard library on a page of changes; instants end in ``Z``."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """``obj`` as JSON text."""
        wanted = orjson.OPT_UTC_Z | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)
        return orjson.dumps(obj, option=wanted | orjson.OPT_NON_STR_KEYS).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ARG002 - the base class gives them
        """The value of JSON text."""
        return orjson.loads(s)


def load_settings(path: Path | None = None) -> Settings:
    """The settings of this process.

    :raises InvalidInput: naming every wrong one.
    """
    try:
        return settings.load(path)
    except settings.SettingsError as error:
        faults = [FieldError("settings", problem) for problem in error.problems]
        told = error.problems[0] if len(faults) == 1 else f"{len(faults)} settings are wrong."
        raise InvalidInput(told, faults, hint="`release-mgmt settings` lists all of them.") from error


def make_store(chosen: Settings) -> Store:
    """The store that the settings name; its folder is made when missing."""
    try:
        return Store(
            chosen.database,
            lock_timeout=chosen.lock_timeout,
            statement_timeout=chosen.statement_timeout,
            pool_size=chosen.pool_size,
        )
    except OSError as error:
        raise Unavailable(
            f"The folder of the database cannot be made: {error.strerror}.", hint="Check data_dir and its permissions."
        ) from error


def secret_key(chosen: Settings) -> str:
    """The key that signs sessions: from the settings, else made once and kept (mode 600) in ``data_dir``."""
    if chosen.secret_key:
        return chosen.secret_key
    path = chosen.data_path / "secret.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise Unavailable(
            f"The secret key cannot be kept in {path.parent}: {error.strerror}.",
            hint="Make the folder writable, or set RELEASE_MGMT_SECRET_KEY_FILE.",
        ) from error
    key = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key)
    return key


def create_app(chosen: Settings | None = None, store: Store | None = None) -> Flask:
    """The web application: API, pages and feeds over one store."""
    if chosen is None:
        chosen = load_settings()
        logs.configure(chosen.log_level, chosen.log_format)
    templates = resources.folder("templates")
    app = Flask("release_mgmt", template_folder=str(templates), static_folder=str(templates / "static"))
    https = chosen.site.startswith("https://")
    app.config.update(
        SECRET_KEY=secret_key(chosen),
        MAX_CONTENT_LENGTH=chosen.max_body_bytes,
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        RATELIMIT_STORAGE_URI=chosen.rate_limit_storage,
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_ENABLED=bool(chosen.rate_limit),
    )
    app.json = FastJson(app)
    app.extensions[EXTENSION] = Installation(chosen, store or make_store(chosen))
    if chosen.trusted_proxies:
        hops = chosen.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    requests.register(app)
    headers.register(app, https=https)
    problems.register(app)
    limiter = Limiter(get_remote_address, app=app, default_limits=[chosen.rate_limit] if chosen.rate_limit else [])
    app.register_blueprint(health.blueprint)
    limiter.exempt(health.blueprint)
    api.register(spec.make_api(app))
    parts.register(app)
    return app
