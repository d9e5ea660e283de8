"""What figures are made of. Every instant is aware, in UTC; every ``change`` is a change's id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Report:
    """A deploy report on a change in its production environment: ``state`` is done, failed or rolled_back."""

    change: str
    repository: str
    environment: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShippedFact:
    """A change that reached production at ``at`` for the first time; ``frozen``: within a hard freeze that held it;
    ``flag``: a feature flag that was switched, which has no commits.
    """

    change: str
    at: datetime
    committed_at: datetime | None
    frozen: bool = False
    flag: bool = False


@dataclass(frozen=True, slots=True)
class TagFact:
    """A version tag, and the changes it was the first to hold with their oldest commit's instant."""

    repository: str
    version: str
    at: datetime
    changes: tuple[tuple[str, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentFact:
    """An incident; ``changes`` are those it was put down to (by its change or its release), maybe none."""

    id: str
    opened_at: datetime
    closed_at: datetime | None
    changes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DateFact:
    """A change's announced date. ``first_start`` is the date announced first, ``start`` and ``end`` are the last;
    ``first_end`` is when the window announced first closes (None: it takes place at another time, or not at all).

    ``notice_from`` is the first instant that the calendar's notice allowed when that date was announced. ``agreed``:
    every approval and sign-off asked for was given before ``start`` (None: nothing was asked for). ``lane``: shipped
    by the lane of minor changes, which announces no date. ``moved``: it went to another date at least once, or to
    none (then ``announced_at`` and ``notice_from`` are None, and ``start`` is the date it had).
    """

    change: str
    level: str
    first_start: datetime
    start: datetime
    end: datetime
    announced_at: datetime | None
    notice_from: datetime | None
    agreed: bool | None
    moved: bool = False
    first_end: datetime | None = None
    lane: bool = False
    shipped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MoveFact:
    """An announced date that moved at ``at``, for ``codes``."""

    change: str
    at: datetime
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateFact:
    """What the gate said last (allow, warn or deny) before a change reached production at ``at``."""

    change: str
    at: datetime
    decision: str


@dataclass(frozen=True, slots=True)
class GlassFact:
    """A break-glass permission granted at ``at``."""

    change: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LevelFact:
    """A change merged at ``at`` that has a level; ``override`` is raised, lowered or kept, None when nobody did."""

    change: str
    at: datetime
    override: str | None
