"""What an audience may see of a window or a freeze, without language."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from release_mgmt.core.audience import Audience, plain_title
from release_mgmt.core.text import clean, one_line

HIDDEN_STATES = frozenset({"draft", "withdrawn"})
Kind = Literal["window", "freeze"]
Status = Literal["tentative", "confirmed", "cancelled"]
Name = tuple[str, str]
"""What a shown change is known by: its title as the audience reads it, and its repository."""


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """A change as its window holds it. ``state`` is a state of the change; ``notes`` the business note by language."""

    id: str
    title: str
    level: str
    state: str
    repository: str
    kind: str | None = None
    teams: tuple[str, ...] = ()
    owner: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    internal: bool = False
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class WindowFact:
    """One occurrence of a window. ``identity`` is its stable key (series and original local start); instants in UTC."""

    identity: str
    calendar: str
    start: datetime
    end: datetime
    changes: tuple[ChangeFact, ...] = ()
    cancelled: bool = False
    environments: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class FreezeFact:
    """A freeze: whole local days (``date``, ``end`` exclusive) or instants in UTC. ``exempt``: it lets something
    through."""

    identity: str
    calendar: str
    start: datetime | date
    end: datetime | date
    hard: bool
    reason: str
    title: str = ""
    repositories: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    cancelled: bool = False
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change in an event, as the audience sees it."""

    title: str
    level: str
    state: str
    repository: str
    kind: str | None
    owner: str | None
    notes: tuple[tuple[str, str], ...]
    libraries: tuple[str, ...]
    emergency: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as one audience sees it: all that its text is written from, and what filters choose by.

    ``start`` and ``end`` are ISO 8601: dates for whole days (the end exclusive), else UTC instants with ``Z``.
    ``empty`` is a window without any change the audience may see.
    """

    kind: Kind
    identity: str
    calendar: str
    start: str
    end: str
    status: Status
    title: str
    reason: str
    hard: bool
    empty: bool
    changes: tuple[ShownChange, ...]
    teams: tuple[str, ...]
    repositories: tuple[str, ...]
    levels: tuple[str, ...]
    environments: tuple[str, ...]
    exempt: bool = False

    def payload(self) -> dict[str, Any]:
        """As plain data, for storing."""
        return asdict(self)

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Shown:
        """From plain data."""
        data = dict(payload)
        data["changes"] = tuple(
            ShownChange(
                **{
                    **change,
                    "notes": tuple((str(one), str(two)) for one, two in change["notes"]),
                    "libraries": tuple(change["libraries"]),
                }
            )
            for change in data["changes"]
        )
        for name in ("teams", "repositories", "levels", "environments"):
            data[name] = tuple(data[name])
        return cls(**data)

    @property
    def digest(self) -> str:
        """Changes when and only when something visible does (what only filters choose by is not)."""
        unseen = ("teams", "repositories", "levels", "environments") if self.kind == "window" else ()
        visible = {name: value for name, value in self.payload().items() if name not in unseen}
        text = json.dumps(visible, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()

    @property
    def cancelled(self) -> Shown:
        """The same event, called off."""
        return replace(self, status="cancelled")

    def without(self, hidden: Collection[Name]) -> Shown:
        """The same event without these changes."""
        kept = tuple(change for change in self.changes if (change.title, change.repository) not in hidden)
        return self if len(kept) == len(self.changes) else replace(self, changes=kept)


def show_window(window: WindowFact, audience: Audience) -> Shown:
    """A window as the audience sees it. Drafts are seen by nobody, internal changes not by the business."""
    seen = [
        change
        for change in window.changes
        if change.state not in HIDDEN_STATES and not (change.internal and audience is Audience.BUSINESS)
    ]
    seen.sort(key=lambda change: (change.level != "major", change.repository, change.title, change.id))
    settled = bool(seen) and all(change.state in ("approved", "released", "rolled_back") for change in seen)
    status: Status = "cancelled" if window.cancelled else "confirmed" if settled else "tentative"
    return Shown(
        kind="window",
        identity=window.identity,
        calendar=window.calendar,
        start=_iso(window.start),
        end=_iso(window.end),
        status=status,
        title=one_line(window.title, 200),
        reason="",
        hard=False,
        empty=not seen,
        changes=tuple(_shown_change(change, audience) for change in seen),
        teams=tuple(sorted({team for change in seen for team in change.teams})),
        repositories=tuple(sorted({change.repository for change in seen})),
        levels=tuple(sorted({change.level for change in seen})),
        environments=tuple(sorted(window.environments)),
    )


def hidden_from(window: WindowFact, audience: Audience) -> frozenset[Name]:
    """The changes of a window that the audience may not read, by the names it knew them by before."""
    if audience is not Audience.BUSINESS:
        return frozenset()
    names = {change.id: (plain_title(change.title), one_line(change.repository, 200)) for change in window.changes}
    open_ones = {names[change.id] for change in window.changes if not change.internal}
    return frozenset(names[change.id] for change in window.changes if change.internal) - open_ones


def show_freeze(freeze: FreezeFact) -> Shown:
    """A freeze, the same for every audience."""
    return Shown(
        kind="freeze",
        identity=freeze.identity,
        calendar=freeze.calendar,
        start=_iso(freeze.start),
        end=_iso(freeze.end),
        status="cancelled" if freeze.cancelled else "confirmed",
        title=one_line(freeze.title, 200),
        reason=clean(freeze.reason, 2_000),
        hard=freeze.hard,
        empty=False,
        changes=(),
        teams=tuple(sorted(freeze.teams)),
        repositories=tuple(sorted(freeze.repositories)),
        levels=tuple(sorted(freeze.levels)),
        environments=tuple(sorted(freeze.environments)),
        exempt=freeze.exempt,
    )


def _shown_change(change: ChangeFact, audience: Audience) -> ShownChange:
    title = plain_title(change.title) if audience is Audience.BUSINESS else one_line(change.title, 500)
    return ShownChange(
        title=title,
        level=change.level,
        state=change.state,
        repository=one_line(change.repository, 200),
        kind=change.kind,
        owner=one_line(change.owner, 120) if change.owner else None,
        notes=tuple(sorted((language, clean(text, 2_000)) for language, text in change.notes.items())),
        libraries=tuple(one_line(name, 80) for name in change.libraries[:20]),
        emergency=change.emergency,
    )


def _iso(value: datetime | date) -> str:
    if isinstance(value, datetime):
        assert value.utcoffset() == timedelta(), "instants are in UTC"
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat()
