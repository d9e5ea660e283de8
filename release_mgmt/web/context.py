"""What a view needs to call a service: the store, who asks, and the instant of the request.

``from release_mgmt.web.context import context``, then ``services.x(context.store, context.actor, context.now, ...)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import current_app, g

from release_mgmt import clock
from release_mgmt.core.permissions import ANONYMOUS, Actor
from release_mgmt.services import Store
from release_mgmt.settings import Settings

EXTENSION = "release_mgmt"


@dataclass(frozen=True, slots=True)
class Installation:
    """What one application object was made of; kept in ``app.extensions``."""

    settings: Settings
    store: Store


def installation() -> Installation:
    """The installation that answers the present request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Installation)
    return found


class Context:
    """The present request as services want it; ``web.auth`` puts the actor there."""

    @property
    def store(self) -> Store:
        """The database."""
        return installation().store

    @property
    def settings(self) -> Settings:
        """The settings of this installation."""
        return installation().settings

    @property
    def actor(self) -> Actor:
        """Who asks; anonymous until somebody was recognised."""
        found: Actor = g.get("actor", ANONYMOUS)
        return found

    @actor.setter
    def actor(self, actor: Actor) -> None:
        g.actor = actor

    @property
    def now(self) -> datetime:
        """The instant of the request: read once, so that one answer speaks of one time."""
        if "now" not in g:
            g.now = clock.now()
        found: datetime = g.now
        return found

    @property
    def request_id(self) -> str:
        """The id under which the request is logged."""
        return str(g.get("request_id", "-"))


context = Context()
