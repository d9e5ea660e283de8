"""What the components are filled with: frozen values without behaviour of their own beyond words.

Each class belongs to a macro of the same name in ``templates/pages/components``. Instants are aware and in UTC;
``href`` is always an address of this site, ``url`` one of the outside (a forge).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from release_mgmt.web.pages.language import say

STAGES = ("develop", "verify", "stage", "accept", "deploy")

StageState = Literal["done", "now", "todo", "failed", "waived"]
WindowState = Literal["tentative", "confirmed", "cancelled", "released"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person chip."""

    name: str
    href: str | None = None
    note: str | None = None

    @property
    def initials(self) -> str:
        """At most two letters of the name."""
        words = [word for word in self.name.replace("-", " ").split() if word[0].isalnum()]
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


@dataclass(frozen=True, slots=True)
class Team:
    """A team chip."""

    slug: str
    name: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One observed fact; ``url`` leads to the line on the forge where that is known."""

    kind: str
    path: str
    line: int | None
    subject: str
    old: str | None
    new: str | None
    level: str
    rule: str
    url: str | None = None

    @property
    def place(self) -> str:
        """``params.yaml:4``."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a stable code, what it is about, and a sentence; ``until`` is when it ends, if it does."""

    code: str
    message: str
    ref: str | None = None
    until: datetime | None = None
    href: str | None = None
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class StageStep:
    """One stage of a change."""

    name: str
    state: StageState
    at: datetime | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """A capacity meter; ``used`` may be over ``points`` when a manager booked over."""

    used: int
    points: int | None
    majors: int = 0
    most_major: int | None = None

    @property
    def over(self) -> bool:
        """More is booked than the window takes."""
        return self.points is not None and self.used > self.points

    @property
    def share(self) -> int:
        """How full, in per cent, at most 100."""
        if self.points is None:
            return 0
        return min(100, round(100 * self.used / self.points)) if self.points else 100

    @property
    def words(self) -> str:
        """For ears and print."""
        if self.points is None:
            return say("{used} points used, no limit", used=self.used)
        if self.over:
            return say("{used} of {points} points used, over-booked", used=self.used, points=self.points)
        return say("{used} of {points} points used", used=self.used, points=self.points)


@dataclass(frozen=True, slots=True)
class Quorum:
    """Votes given and needed."""

    given: int
    needed: int
    waiting_for: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Nothing is missing."""
        return self.given >= self.needed and not self.waiting_for


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change in a list."""

    id: str
    title: str
    level: str
    href: str
    repository: str
    state: str = "draft"
    kind: str | None = None
    owner: Person | None = None
    teams: tuple[Team, ...] = ()
    note: str | None = None
    evidence: tuple[EvidenceRow, ...] = ()
    needs_review: bool = False
    emergency: bool = False
    waiting: str | None = None
    start: datetime | None = None
    window_href: str | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowCard:
    """One window; ``flags`` are the clock-change flags in words, ``others`` counts changes left out of ``changes``."""

    title: str
    href: str
    calendar: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    state: WindowState
    meter: Meter
    quorum: Quorum | None = None
    changes: tuple[ChangeLine, ...] = ()
    flags: tuple[str, ...] = ()
    conflicts: tuple[Reason, ...] = ()
    total: int | None = None
    reason: str | None = None
    others: int = 0

    @property
    def count(self) -> int:
        """How many changes it holds, also where they are not listed."""
        return len(self.changes) if self.total is None else self.total

    @property
    def majors(self) -> int:
        """How many of them are major."""
        return self.meter.majors if self.total is not None else sum(line.level == "major" for line in self.changes)


@dataclass(frozen=True, slots=True)
class FreezeBand:
    """A freeze as the calendar shows it; ``scope`` in words."""

    title: str
    href: str
    start: datetime
    end: datetime
    hard: bool
    scope: str
    calendar: str
    zone: ZoneInfo

    def touches(self, first: date, last: date) -> bool:
        """Whether it holds at any time of these days (both included) as its own calendar counts days."""
        ends = (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()
        return self.start.astimezone(self.zone).date() <= last and ends >= first

    def covers(self, day: date) -> bool:
        """Whether it holds all of a day of its own calendar."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        after = day + timedelta(days=1)
        return self.start <= midnight and self.end >= datetime(after.year, after.month, after.day, tzinfo=self.zone)


@dataclass(frozen=True, slots=True)
class PlanMove:
    """A change of placement between two plans; None means "no window". ``undo`` leads to taking it back."""

    change: ChangeLine
    kind: Literal["moved", "placed", "unplaced", "kept", "withdrawn"]
    old: datetime | None
    new: datetime | None
    reasons: tuple[Reason, ...] = ()
    by: str | None = None
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that lives in the address: ``href`` is the address with it taken away or added."""

    label: str
    href: str
    on: bool = False


@dataclass(frozen=True, slots=True)
class ChipGroup:
    """Chips of one question: levels, teams, states."""

    label: str
    chips: tuple[Chip, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, why, and what to do."""

    title: str
    detail: str
    hint: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    href: str | None = None
    action: str | None = None
    tone: Literal["stop", "warn", "note"] = "stop"
    typed: tuple[tuple[str, str], ...] = ()
    """What was typed into the form, to copy it from: field and value."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A job under way; ``done`` of ``total`` where the total is known."""

    label: str
    done: int | None
    total: int | None
    state: Literal["waiting", "running", "done", "failed"]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A subscription: the address programs subscribe to, and the same with the ``webcal`` scheme."""

    title: str
    url: str
    webcal: str | None
    note: str | None = None
    revoke: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a figure; ``share`` in per cent of the largest."""

    label: str
    value: str
    share: int
    href: str | None = None
