"""What is told, and what several events about one thing come to: the latest wins, what undid itself is not told.

Events that share a ``fold`` are about one thing (the place of a change, its approval). They are told together, once
nothing more was added for a settling time; a thing that never comes to rest is told after five of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

LONGEST_UNREST = 5
"""Settling times after which a thing that keeps changing is told all the same."""


class Kind(StrEnum):
    """Everything that is told. The value stands in webhooks and preferences: never rename one."""

    ANNOUNCED = "change.announced"
    MOVED = "change.moved"
    APPROVAL_NEEDED = "approval.needed"
    SIGN_OFF_ASKED = "signoff.asked"
    APPROVED = "change.approved"
    TOMORROW = "window.tomorrow"
    RELEASED = "change.released"
    ROLLED_BACK = "change.rolled_back"
    FREEZE_ADDED = "freeze.added"
    GATE_DENIED = "gate.denied"
    BREAK_GLASS_ASKED = "break_glass.asked"
    BREAK_GLASS_USED = "break_glass.used"
    BREAK_GLASS_REFUSED = "break_glass.refused"
    BREAK_GLASS_OVERDUE = "break_glass.review_overdue"
    DEPENDENCY_WITHDRAWN = "dependency.withdrawn"
    JOB_DEAD = "job.dead"


class Relation(StrEnum):
    """Why somebody is told: what ties a reader to an event."""

    OWNER = "owner"  # answers for the change
    TEAM = "team"  # belongs to a team that it affects, or that is asked
    MANAGER = "manager"  # release manager of the calendar
    ADMINISTRATOR = "administrator"
    NAMED = "named"  # the event itself names the person


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: who is told unless they choose otherwise. ``urgent`` waits for no settling and no digest.

    ``says`` is what people choose by in their preferences.
    """

    says: str
    told: frozenset[Relation]
    urgent: bool = False


def _rule(says: str, *told: Relation, urgent: bool = False) -> Rule:
    return Rule(says, frozenset(told), urgent)


_O, _T, _M = Relation.OWNER, Relation.TEAM, Relation.MANAGER

KINDS: dict[Kind, Rule] = {
    Kind.ANNOUNCED: _rule("A change is announced for a window", _O, _T),
    Kind.MOVED: _rule("An announced change moves, or loses its window", _O, _T, _M),
    Kind.APPROVAL_NEEDED: _rule("A change waits for a release manager's approval", _M),
    Kind.SIGN_OFF_ASKED: _rule("A change waits for the sign-off of my team", _T),
    Kind.APPROVED: _rule("A change is approved", _O, _T),
    Kind.TOMORROW: _rule("A window starts tomorrow", _O, _T, _M),
    Kind.RELEASED: _rule("A change was released", _O, _T),
    Kind.ROLLED_BACK: _rule("A change was rolled back", _O, _T, _M),
    Kind.FREEZE_ADDED: _rule("A freeze was added", _O, _T, _M),
    Kind.GATE_DENIED: _rule("The gate refused to release my change", _O, urgent=True),
    Kind.BREAK_GLASS_ASKED: _rule("Somebody asks to break a rule in an emergency", _M, urgent=True),
    Kind.BREAK_GLASS_USED: _rule("An emergency permission was given", _O, _T, _M, urgent=True),
    Kind.BREAK_GLASS_REFUSED: _rule("My emergency permission was refused", Relation.NAMED, urgent=True),
    Kind.BREAK_GLASS_OVERDUE: _rule("The review of an emergency permission is overdue", _M),
    Kind.DEPENDENCY_WITHDRAWN: _rule("A change that mine needs was withdrawn", _O, _M),
    Kind.JOB_DEAD: _rule("A job failed for good", Relation.ADMINISTRATOR, urgent=True),
}
"""Who is told what; complete for every :class:`Kind`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as the outbox holds it. ``at`` is UTC; ``actor`` is the person who did it, if any.

    ``facts`` is JSON: instants as ISO text. For a place (``ANNOUNCED``, ``MOVED``): ``window``, ``start``, ``end`` and
    ``from_window``, ``from_start`` (None: no window), ``reasons``.
    """

    id: str
    kind: Kind
    fold: str
    at: datetime
    calendar: str | None = None
    change: str | None = None
    actor: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def settled(events: Sequence[Event], now: datetime, settle: timedelta) -> bool:
    """Whether the events of one fold have come to rest, or have been restless for too long."""
    if any(KINDS[one.kind].urgent for one in events):
        return True
    first, last = min(one.at for one in events), max(one.at for one in events)
    long = settle * LONGEST_UNREST
    return now - last >= settle or now - first >= long or last - now > long  # the last: before the clock went back


def folded(events: Sequence[Event]) -> Event | None:
    """What the events of one fold, in their order, come to; None when they undid each other."""
    first, last = events[0], events[-1]
    if last.kind not in {Kind.ANNOUNCED, Kind.MOVED}:
        return last
    reasons: list[Any] = []
    for one in events:
        reasons += [each for each in one.facts.get("reasons", ()) if each not in reasons]
    facts = {
        **last.facts,
        "from_window": first.facts.get("from_window"),
        "from_start": first.facts.get("from_start"),
        "reasons": reasons,
    }
    known = first.kind is Kind.MOVED
    if not known and facts.get("window") is None:
        return None  # announced and taken back before anybody heard of it
    same = (facts["from_window"], facts["from_start"]) == (facts.get("window"), facts.get("start"))
    if known and same:
        return None
    return replace(last, kind=Kind.MOVED if known else Kind.ANNOUNCED, facts=facts)
