"""The REST interface, one module a resource. Each listed module has a flask-smorest ``blueprint``."""

from __future__ import annotations

from importlib import import_module

from flask_smorest import Api

from release_mgmt.web.api.spec import leave_answers_open

RESOURCES: tuple[str, ...] = (
    "repositories",
    "changes",
    "calendars",
    "windows",
    "gate",
    "jobs",
    "people",
    "teams",
    "tokens",
    "audit",
    "approvals",
    "breakglass",
    "ownership",
    "feeds",
    "changelogs",
    "overrides",
    "sources",
    "messages",
    "incidents",
    "metrics",
    "requests",
    "flags",
    "maturity",
)


def register(api: Api) -> None:
    """Serve and describe every resource."""
    for name in RESOURCES:
        api.register_blueprint(import_module(f"release_mgmt.web.api.{name}").blueprint)
    leave_answers_open(api.spec)
