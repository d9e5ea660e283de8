"""The one verb: figures over a scope and a period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from release_mgmt.core.metrics import DEFINITIONS, Definition, Figure, Span, days_back, days_to, figures, span
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store
from release_mgmt.services.metrics.loading import load
from release_mgmt.services.metrics.scope import Asked, Scope


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures with what they are over; ``asked`` has the days that were taken."""

    asked: Asked
    span: Span
    figures: tuple[Figure, ...]


def measure(
    store: Store, actor: Actor, now: datetime, asked: Asked, definitions: Iterable[Definition] = DEFINITIONS
) -> Measured:
    """The figures over what is asked for, of what the actor may know of. Days are those of the calendar's zone.

    Raises NotFound for a repository, team or calendar that is not there and InvalidInput for a bad period.
    """
    require(actor, Action.READ_METRICS)
    with store.read() as session:
        scope = Scope(session, actor, asked, now)
        chosen = _span(asked, now, scope.zone)
        facts = load(scope, chosen)
    return Measured(replace(asked, since=chosen.first, until=chosen.last), chosen, figures(facts, chosen, definitions))


def _span(asked: Asked, now: datetime, zone: str) -> Span:
    last = asked.until or days_back(now, 1, zone).last
    return span(asked.since, last, zone) if asked.since is not None else days_to(last, asked.days, zone)
