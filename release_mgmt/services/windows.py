"""Windows, freezes and placements as pages and the API read them. Nothing here writes or plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.windows import periods
from release_mgmt.services import Store, calendar_rows, room, visibility
from release_mgmt.services.plan_rows import LANE
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, MoveRow, PlacementRow, WindowRow


@dataclass(frozen=True, slots=True)
class PlacedChange:
    """A change as the plan has it. ``window`` None: deferred, ``reasons`` say why; ``suggestion``: where it could
    return to. ``position`` is its place in the window's order of release."""

    id: str
    title: str
    level: str | None
    kind: str | None
    state: str
    repository: str
    owner: str | None
    author: str | None
    teams: tuple[str, ...]
    environment: str
    calendar: str
    window: str | None
    start: datetime | None
    end: datetime | None
    position: int
    why: str
    reasons: tuple[Mapping[str, Any], ...]
    conflicts: tuple[Mapping[str, Any], ...]
    announced_at: datetime | None
    suggestion: str | None
    requested_by: str | None
    requested_reason: str | None


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window with what it holds. Instants are UTC; ``time_zone`` is the calendar's. ``version`` is the ETag."""

    calendar: str
    calendar_name: str
    time_zone: str
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
    version: int
    changes: tuple[PlacedChange, ...] = ()


@dataclass(frozen=True, slots=True)
class FreezeView:
    """One occurrence of a freeze; ``days`` are its whole local days (both included) when it is given so."""

    calendar: str
    time_zone: str
    id: str
    hard: bool
    reason: str
    start: datetime
    end: datetime
    days: tuple[date, date] | None
    repositories: tuple[str, ...]
    teams: tuple[str, ...]
    environments: tuple[str, ...]
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MoveView:
    """An announced change that went elsewhere; ``actor`` is a person's id or ``planner``."""

    change: str
    title: str
    calendar: str
    plan_version: int
    from_window: str
    from_start: datetime | None
    to_window: str | None
    to_start: datetime | None
    reasons: tuple[Mapping[str, Any], ...]
    actor: str
    at: datetime
    teams: tuple[str, ...]
    level: str | None
    id: str


def _visible(statement: Any, actor: Actor, calendar: str | None) -> Any:
    """Calendars that the actor may see: all when signed in, the public ones otherwise."""
    require(actor, Action.READ_CALENDAR if actor.signed_in else Action.READ_PUBLIC)
    if not actor.signed_in:
        statement = statement.where(CalendarRow.public.is_(True))
    return statement.where(CalendarRow.slug == calendar) if calendar is not None else statement


_PLACED = (
    select(
        Change.id, Change.title, Change.level, Change.kind, Change.state, Repository.name, Change.owner, Change.author,
        Change.affected_teams, PlacementRow.environment, CalendarRow.slug, PlacementRow.window, PlacementRow.starts_at,
        PlacementRow.ends_at, PlacementRow.position, PlacementRow.why, PlacementRow.reasons, PlacementRow.conflicts,
        PlacementRow.announced_at, PlacementRow.suggestion, PlacementRow.requested_by, PlacementRow.requested_reason,
        PlacementRow.calendar_id,
    )
    .select_from(PlacementRow)
    .join(Change, Change.id == PlacementRow.change_id)
    .join(Repository, Repository.id == Change.repository_id)
    .join(CalendarRow, CalendarRow.id == PlacementRow.calendar_id)
)  # fmt: skip
"""The fields of a :class:`PlacedChange` in their order, then the calendar's id; whole rows would cost far more."""


def _placed(row: Any) -> PlacedChange:
    fields: list[Any] = list(row[:22])
    for place in (8, 16, 17):  # teams, reasons, conflicts
        fields[place] = tuple(fields[place] or ())
    return PlacedChange(*fields)


def _windows(session: Session, actor: Actor, rows: Iterable[Any]) -> list[WindowView]:
    """Windows with their changes: two queries whatever their number."""
    found = [(window, calendar) for window, calendar in rows]
    calendars = {calendar.id for _, calendar in found}
    keys = {window.key for window, _ in found}
    content: dict[tuple[str, str | None], list[PlacedChange]] = {}
    if found:
        wanted = _PLACED.where(PlacementRow.calendar_id.in_(calendars), PlacementRow.window.is_not(None))
        wanted = wanted.where(visibility.changes(actor))
        if len(keys) <= 500:
            wanted = wanted.where(PlacementRow.window.in_(keys))
        for row in session.execute(wanted):
            content.setdefault((row.calendar_id, row.window), []).append(_placed(row))
    # A shipment by the lane is nothing without the changes that may be seen.
    found = [(window, row) for window, row in found if window.series != LANE or (row.id, window.key) in content]
    used = room.seen(session, actor, found)
    return [
        WindowView(
            calendar.slug, calendar.name, calendar.time_zone, window.key, window.series, window.title,
            window.starts_at, window.ends_at, window.state, tuple(window.flags), tuple(window.levels),
            tuple(window.environments), window.points, *used[calendar.id, window.key], window.most_major,
            tuple(window.frozen), window.version,
            tuple(sorted(content.get((calendar.id, window.key), ()), key=lambda each: (each.position, each.id))),
        )
        for window, calendar in found
    ]  # fmt: skip


def between(
    store: Store, actor: Actor, start: datetime, end: datetime, *, calendar: str | None = None, team: str | None = None
) -> list[WindowView]:
    """The windows that touch [start, end), cancelled ones too, by start; ``team``: those that hold its changes."""
    statement = (
        select(WindowRow, CalendarRow)
        .join(CalendarRow, CalendarRow.id == WindowRow.calendar_id)
        .where(WindowRow.starts_at < end, WindowRow.ends_at > start)
        .order_by(WindowRow.starts_at, WindowRow.ends_at, CalendarRow.slug, WindowRow.key)
        .limit(2_000)
    )
    with store.read() as session:
        found = _windows(session, actor, session.execute(_visible(statement, actor, calendar)))
    if team is None:
        return found
    return [each for each in found if any(team in change.teams for change in each.changes)]


def require_named(store: Store, actor: Actor, *, calendar: str | None, team: str | None) -> None:
    """Raise NotFound when the calendar or the team is none, or a calendar that the actor may not see: nothing found
    would read as nothing planned.
    """
    with store.read() as session:
        if calendar is not None and session.scalar(_visible(select(CalendarRow.id), actor, calendar)) is None:
            raise NotFound("There is no such calendar.")
        if team is not None and session.get(Team, team) is None:
            raise NotFound("There is no such team.")


def upcoming(
    store: Store,
    actor: Actor,
    now: datetime,
    *,
    calendar: str | None = None,
    limit: int = 20,
    with_empty: bool = True,
) -> list[WindowView]:
    """The next windows that are open or to come, by start, without cancelled ones."""
    statement = (
        select(WindowRow, CalendarRow)
        .join(CalendarRow, CalendarRow.id == WindowRow.calendar_id)
        .where(WindowRow.ends_at > now, WindowRow.state != "cancelled")
        .order_by(WindowRow.starts_at, WindowRow.ends_at, CalendarRow.slug, WindowRow.key)
        .limit(limit)
    )
    if not with_empty:
        holding = (
            select(PlacementRow.window)
            .join(Change, Change.id == PlacementRow.change_id)
            .join(Repository, Repository.id == Change.repository_id)
            .where(
                PlacementRow.calendar_id == WindowRow.calendar_id,
                PlacementRow.window == WindowRow.key,
                visibility.changes(actor),
            )
        )
        statement = statement.where(holding.exists())
    with store.read() as session:
        return _windows(session, actor, session.execute(_visible(statement, actor, calendar)))


def search(store: Store, actor: Actor, now: datetime, text: str, *, limit: int = 20) -> list[WindowView]:
    """Windows whose title, series, calendar or original day (``2026-11-24``) holds ``text``, the coming ones first."""
    words = text.lower()
    columns = (WindowRow.title, WindowRow.key, CalendarRow.name)
    statement = (
        select(WindowRow, CalendarRow)
        .join(CalendarRow, CalendarRow.id == WindowRow.calendar_id)
        .where(or_(*(func.lower(one).contains(words, autoescape=True) for one in columns)))
        .order_by((WindowRow.ends_at <= now), WindowRow.starts_at, CalendarRow.slug, WindowRow.key)
        .limit(limit)
    )
    with store.read() as session:
        return _windows(session, actor, session.execute(_visible(statement, actor, None)))


def detail(store: Store, actor: Actor, calendar: str, key: str) -> WindowView:
    """One window with its changes. Raises NotFound."""
    statement = (
        select(WindowRow, CalendarRow)
        .join(CalendarRow, CalendarRow.id == WindowRow.calendar_id)
        .where(WindowRow.key == key)
    )
    with store.read() as session:
        found = _windows(session, actor, session.execute(_visible(statement, actor, calendar)))
    if not found:
        raise NotFound("There is no such window.")
    return found[0]


def deferred(store: Store, actor: Actor, *, calendar: str | None = None) -> list[PlacedChange]:
    """Changes that no window takes, with the reasons."""
    statement = _visible(
        _PLACED.where(PlacementRow.window.is_(None), visibility.changes(actor)), actor, calendar
    ).order_by(Change.id)
    with store.read() as session:
        return [_placed(row) for row in session.execute(statement.limit(1_000))]


def of_change(store: Store, actor: Actor, change: str) -> list[PlacedChange]:
    """Where the plan has a change, one for each environment; empty when it is not planned."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        return [
            _placed(row)
            for row in session.execute(_PLACED.where(PlacementRow.change_id == change, visibility.changes(actor)))
        ]


def moves(
    store: Store,
    actor: Actor,
    *,
    since: datetime | None = None,
    calendar: str | None = None,
    change: str | None = None,
    move: str | None = None,
    limit: int = 100,
) -> list[MoveView]:
    """What moved and why, newest first."""
    statement = (
        select(MoveRow, Change, CalendarRow.slug)
        .join(Change, Change.id == MoveRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .join(CalendarRow, CalendarRow.id == MoveRow.calendar_id)
        .where(visibility.changes(actor))
        .order_by(MoveRow.at.desc(), MoveRow.id)
        .limit(limit)
    )
    if since is not None:
        statement = statement.where(MoveRow.at >= since)
    if change is not None:
        statement = statement.where(MoveRow.change_id == change)
    if move is not None:
        statement = statement.where(MoveRow.id == move)
    with store.read() as session:
        return [
            MoveView(
                row.change_id, found.title, slug, row.plan_version, row.from_window, row.from_start, row.to_window,
                row.to_start, tuple(row.reasons), row.actor, row.at, tuple(found.affected_teams or ()), found.level,
                row.id,
            )
            for row, found, slug in session.execute(_visible(statement, actor, calendar))
        ]  # fmt: skip


def freezes_between(
    store: Store, actor: Actor, now: datetime, start: datetime, end: datetime, *, calendar: str | None = None
) -> list[FreezeView]:
    """The freezes that touch [start, end), by start."""
    with store.read() as session:
        rows = session.scalars(_visible(select(CalendarRow), actor, calendar).order_by(CalendarRow.slug)).all()
        found = [
            FreezeView(
                row.slug, period.freeze.time_zone, period.freeze.id, period.freeze.hard, period.freeze.reason,
                period.start, period.end, period.whole_days, period.freeze.scope.repositories,
                period.freeze.scope.teams, period.freeze.scope.environments,
                tuple(level.value for level in period.freeze.scope.levels),
            )
            for row in rows
            for period in periods(calendar_rows.value(row, now).freezes, start, end)
        ]  # fmt: skip
    return sorted(found, key=lambda each: (each.start, each.end, each.calendar, each.id))


def holidays_between(
    store: Store,
    actor: Actor,
    now: datetime,
    first: date,
    last: date,
    *,
    calendar: str | None = None,
    language: str = "en",
) -> dict[date, tuple[str, ...]]:
    """Days off with their names (the calendar's name where they have none), both days included; holidays are named in
    ``language``, other days as they were written."""
    found: dict[date, list[str]] = {}
    with store.read() as session:
        for row in session.scalars(_visible(select(CalendarRow), actor, calendar).order_by(CalendarRow.slug)):
            days = calendar_rows.value(row, now, language).business_days
            for day in sorted(days.days_off):
                if first <= day <= last:
                    name = days.name_of(day) or row.name
                    if name not in found.setdefault(day, []):
                        found[day].append(name)
    return {day: tuple(names) for day, names in sorted(found.items())}
