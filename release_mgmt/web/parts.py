"""The parts of the web beside the API: each listed module has ``register(app)``, called in this order."""

from __future__ import annotations

from importlib import import_module

from flask import Flask

PARTS: tuple[str, ...] = (
    "auth",
    "single_sign_on",
    "feeds",
    "pages",
    "webhooks",
    "chats",
    "docs",
)


def register(app: Flask) -> None:
    """Let every part add its blueprints, hooks and filters."""
    for name in PARTS:
        import_module(f"release_mgmt.web.{name}").register(app)
