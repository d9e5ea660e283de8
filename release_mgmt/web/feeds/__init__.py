"""Feeds over HTTP, answered before the web framework sees the request."""

from __future__ import annotations

from flask import Flask

from release_mgmt.services.feeds import Feeds
from release_mgmt.web.context import EXTENSION
from release_mgmt.web.feeds.middleware import FeedMiddleware


def register(app: Flask) -> None:
    """Let the feeds of the application's store answer below ``/feeds/``."""
    installation = app.extensions[EXTENSION]
    feeds = Feeds(installation.store, installation.settings.site)
    app.wsgi_app = FeedMiddleware(app.wsgi_app, feeds)  # type: ignore[method-assign]
