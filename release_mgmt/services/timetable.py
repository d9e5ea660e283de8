"""The timetable as pages read it: windows with what they hold, freezes and days off, from the newest plans.

A public calendar is seen by anybody, every other one by whoever is signed in. The number of queries does not grow
with windows or changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Actor, sees
from release_mgmt.core.windows import FreezePeriod, ReleaseCalendar, periods
from release_mgmt.services import Store, changes
from release_mgmt.services.changes import ChangeView
from release_mgmt.sources.calendars import read_document
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, ChangeTerms, MoveRow, PlacementRow, PlanRow, WindowRow


@dataclass(frozen=True, slots=True)
class CalendarHead:
    """A calendar as lists name it; ``version`` counts its edits, ``plan_version`` its plans."""

    id: str
    slug: str
    name: str
    time_zone: str
    public: bool
    plan_version: int
    planned_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A change where the newest plan has it; ``window`` is None when it has none. Instants are UTC."""

    change: ChangeView
    calendar: str
    environment: str
    window: str | None
    start: datetime | None
    end: datetime | None
    announced_at: datetime | None
    why: str
    reasons: tuple[Mapping[str, Any], ...]
    conflicts: tuple[Mapping[str, Any], ...]
    suggestion: str | None
    emergency: bool


@dataclass(frozen=True, slots=True)
class TimedWindow:
    """A window with what it holds, in the order of release. ``points`` is None where nothing limits it."""

    calendar: CalendarHead
    key: str
    series: str
    title: str
    start: datetime
    end: datetime
    state: str
    flags: tuple[str, ...]
    levels: tuple[str, ...]
    environments: tuple[str, ...]
    points: int | None
    used: int
    majors: int
    most_major: int | None
    frozen: tuple[str, ...]
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class TimedFreeze:
    """One occurrence of a freeze."""

    calendar: CalendarHead
    period: FreezePeriod


@dataclass(frozen=True, slots=True)
class Timetable:
    """What a time holds. ``days_off`` are local days of their calendars, with names."""

    calendars: tuple[CalendarHead, ...]
    windows: tuple[TimedWindow, ...]
    freezes: tuple[TimedFreeze, ...]
    days_off: Mapping[date, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class MovedChange:
    """An announced change that went elsewhere."""

    change: ChangeView
    calendar: str
    plan_version: int
    old: datetime | None
    new: datetime | None
    reasons: tuple[Mapping[str, Any], ...]
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlanHead:
    """A plan in the history of a calendar."""

    version: int
    made_by: str
    made_at: datetime
    reason: str | None


_HEAD = (
    CalendarRow.id,
    CalendarRow.slug,
    CalendarRow.name,
    CalendarRow.time_zone,
    CalendarRow.public,
    CalendarRow.plan_version,
    CalendarRow.planned_at,
    CalendarRow.version,
)


def _heads(session: Session, actor: Actor) -> list[CalendarHead]:
    found = [CalendarHead(*row) for row in session.execute(select(*_HEAD).order_by(CalendarRow.name))]
    return [one for one in found if sees(actor, teams=frozenset(), public=one.public, calendar=one.slug)]


def calendars(store: Store, actor: Actor) -> list[CalendarHead]:
    """The calendars that the actor may see, by name."""
    with store.read() as session:
        return _heads(session, actor)


def _head(session: Session, actor: Actor, slug: str) -> CalendarHead:
    found = next((one for one in _heads(session, actor) if one.slug == slug), None)
    if found is None:
        raise NotFound("There is no such calendar.")
    return found


def between(store: Store, actor: Actor, start: datetime, end: datetime, *, calendar: str | None = None) -> Timetable:
    """What lies in [start, end), of one calendar or of all that the actor may see."""
    with store.read() as session:
        heads = _heads(session, actor)
        chosen = [one for one in heads if calendar is None or one.slug == calendar]
        known = {one.id: one for one in chosen}
        rows = session.scalars(
            select(WindowRow)
            .where(WindowRow.calendar_id.in_(known), WindowRow.starts_at < end, WindowRow.ends_at > start)
            .order_by(WindowRow.starts_at, WindowRow.calendar_id, WindowRow.key)
        ).all()
        placed = _placed_in(session, rows)
        windows = tuple(_window(row, known[row.calendar_id], placed) for row in rows)
        read = _documents(session, chosen, start.year)
    freezes = [TimedFreeze(head, one) for head, held in read for one in periods(held.freezes, start, end)]
    days: dict[date, tuple[str, ...]] = {}
    for _, held in read:
        for day, name in held.business_days.names:
            if start.date() <= day <= end.date():
                days[day] = tuple(dict.fromkeys((*days.get(day, ()), name)))
    freezes.sort(key=lambda one: (one.period.start, one.period.freeze.id))
    return Timetable(tuple(chosen), windows, tuple(freezes), days)


def window(store: Store, actor: Actor, calendar: str, key: str) -> TimedWindow:
    """One window with what it holds."""
    with store.read() as session:
        head = _head(session, actor, calendar)
        row = session.get(WindowRow, (head.id, key))
        if row is None:
            raise NotFound("There is no such window.")
        return _window(row, head, _placed_in(session, [row]))


def freezes_over(store: Store, actor: Actor, start: datetime, end: datetime) -> list[TimedFreeze]:
    """The freezes that touch [start, end)."""
    return list(between(store, actor, start, end).freezes)


def document(store: Store, actor: Actor, slug: str) -> tuple[CalendarHead, Mapping[str, Any]]:
    """A calendar and its document, the form of a calendar file."""
    with store.read() as session:
        head = _head(session, actor, slug)
        held: dict[str, Any] = session.scalars(select(CalendarRow.document).where(CalendarRow.id == head.id)).one()
        return head, held


def unplaced(store: Store, actor: Actor, slug: str, limit: int = 50) -> list[Placed]:
    """Changes of a calendar that the newest plan has no window for, with the reasons."""
    with store.read() as session:
        head = _head(session, actor, slug)
        condition = and_(PlacementRow.calendar_id == head.id, PlacementRow.window.is_(None))
        return [one for one in _placements(session, condition) if one.change.state not in _OVER][:limit]


def placement_of(store: Store, actor: Actor, change: str) -> list[tuple[Placed, TimedWindow | None]]:
    """Where a change is placed, for each environment."""
    with store.read() as session:
        known = {one.id: one for one in _heads(session, actor)}
        found = []
        for placed in _placements(session, PlacementRow.change_id == change):
            head = known.get(placed.calendar)
            row = session.get(WindowRow, (placed.calendar, placed.window)) if placed.window and head else None
            found.append((placed, _window(row, head, {}) if row is not None and head is not None else None))
        return found


def placed_many(store: Store, actor: Actor, ids: Sequence[str]) -> dict[str, tuple[Placed, CalendarHead | None]]:
    """The first placement of each of these changes, in a few queries."""
    with store.read() as session:
        known = {one.id: one for one in _heads(session, actor)}
        found = _placements(session, PlacementRow.change_id.in_(sorted(set(ids)))) if ids else []
        return {one.change.id: (one, known.get(one.calendar)) for one in reversed(found)}


def moves(
    store: Store, actor: Actor, *, since: datetime | None = None, calendar: str | None = None, limit: int = 100
) -> list[MovedChange]:
    """What moved, newest first."""
    with store.read() as session:
        known = {one.id: one.slug for one in _heads(session, actor) if calendar in {None, one.slug}}
        query = select(MoveRow).where(MoveRow.calendar_id.in_(known)).order_by(MoveRow.at.desc(), MoveRow.id)
        if since is not None:
            query = query.where(MoveRow.at >= since)
        rows = session.scalars(query.limit(limit)).all()
        held = changes.among(session, {row.change_id for row in rows})
        return [
            MovedChange(
                held[row.change_id],
                known[row.calendar_id],
                row.plan_version,
                row.from_start,
                row.to_start,
                tuple(row.reasons),
                row.actor,
                row.at,
            )
            for row in rows
            if row.change_id in held
        ]


def plans(store: Store, actor: Actor, slug: str, limit: int = 60) -> list[PlanHead]:
    """The plans of a calendar, newest first."""
    with store.read() as session:
        head = _head(session, actor, slug)
        query = (
            select(PlanRow.version, PlanRow.made_by, PlanRow.made_at, PlanRow.reason)
            .where(PlanRow.calendar_id == head.id)
            .order_by(PlanRow.version.desc())
        )
        return [PlanHead(*row) for row in session.execute(query.limit(limit))]


def plan_document(
    store: Store, actor: Actor, slug: str, version: int
) -> tuple[Mapping[str, Any], dict[str, ChangeView]]:
    """A plan as it was made (``release-mgmt/plan/1``), and the changes that it names."""
    with store.read() as session:
        head = _head(session, actor, slug)
        row = session.get(PlanRow, (head.id, version))
        if row is None:
            raise NotFound("There is no such plan.")
        held: dict[str, Any] = row.document
        ids = {one["change"] for part in ("placements", "deferrals") for one in held.get(part, ())}
        return held, changes.among(session, ids)


_OVER = {"released", "withdrawn", "rolled_back"}


def _placed_in(session: Session, rows: Sequence[WindowRow]) -> dict[tuple[str, str], list[Placed]]:
    if not rows:
        return {}
    wanted: dict[str, list[str]] = {}
    for row in rows:
        wanted.setdefault(row.calendar_id, []).append(row.key)
    condition = or_(
        *(and_(PlacementRow.calendar_id == one, PlacementRow.window.in_(keys)) for one, keys in wanted.items())
    )
    found: dict[tuple[str, str], list[Placed]] = {}
    for placed in _placements(session, condition):
        if placed.window is not None:
            found.setdefault((placed.calendar, placed.window), []).append(placed)
    return found


def _placements(session: Session, condition: Any) -> list[Placed]:
    rows = session.execute(
        select(PlacementRow, ChangeTerms.emergency)
        .outerjoin(ChangeTerms, ChangeTerms.change_id == PlacementRow.change_id)
        .join(Change, Change.id == PlacementRow.change_id)
        .where(condition)
        .order_by(PlacementRow.position, PlacementRow.change_id, PlacementRow.environment)
    ).all()
    held = changes.among(session, {row.change_id for row, _ in rows})
    return [
        Placed(
            change=held[row.change_id],
            calendar=row.calendar_id,
            environment=row.environment,
            window=row.window,
            start=row.starts_at,
            end=row.ends_at,
            announced_at=row.announced_at,
            why=row.why,
            reasons=tuple(row.reasons or ()),
            conflicts=tuple(row.conflicts or ()),
            suggestion=row.suggestion,
            emergency=bool(emergency),
        )
        for row, emergency in rows
    ]


def _window(row: WindowRow, head: CalendarHead, placed: Mapping[tuple[str, str], list[Placed]]) -> TimedWindow:
    return TimedWindow(
        calendar=head,
        key=row.key,
        series=row.series,
        title=row.title,
        start=row.starts_at,
        end=row.ends_at,
        state=row.state,
        flags=tuple(row.flags or ()),
        levels=tuple(row.levels or ()),
        environments=tuple(row.environments or ()),
        points=row.points,
        used=row.used,
        majors=row.majors,
        most_major=row.most_major,
        frozen=tuple(row.frozen or ()),
        placed=tuple(placed.get((head.id, row.key), ())),
    )


def _documents(
    session: Session, heads: Sequence[CalendarHead], year: int
) -> list[tuple[CalendarHead, ReleaseCalendar]]:
    if not heads:
        return []
    rows = session.execute(
        select(CalendarRow.id, CalendarRow.document).where(CalendarRow.id.in_([one.id for one in heads]))
    )
    held = {key: json.dumps(found, sort_keys=True) for key, found in rows}
    return [(one, _read(held[one.id], year)) for one in heads if one.id in held]


@lru_cache(maxsize=64)
def _read(text: str, year: int) -> ReleaseCalendar:
    """Reading a document costs milliseconds and it seldom changes."""
    return read_document(json.loads(text), year)
