"""From the timetable to what the calendar components show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for

from release_mgmt.core.windows import Scope
from release_mgmt.services import directory, timetable
from release_mgmt.services.directory import Directory
from release_mgmt.services.timetable import MovedChange, Placed, TimedFreeze, TimedWindow
from release_mgmt.web.context import context
from release_mgmt.web.pages import lines
from release_mgmt.web.pages.parts import (
    ChangeLine,
    FreezeBand,
    Meter,
    PlanMove,
    Reason,
    Team,
    WindowCard,
    WindowState,
)

FLAGS = {
    "dst_gap": "The clock goes forward then: the window begins or ends at the change of the clock.",
    "dst_overlap": "The clock goes back then: one of its hours comes twice.",
    "dst_inside": "The clock changes within this window: it is longer or shorter than the clock on the wall says.",
}
_SETTLED = {"approved", "released"}


@dataclass(frozen=True, slots=True)
class CalendarName:
    """A calendar to choose."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What a time holds: of the calendars and teams that were asked for, beside all that can be chosen."""

    windows: tuple[WindowCard, ...]
    freezes: tuple[FreezeBand, ...]
    holidays: Mapping[date, tuple[str, ...]]
    calendars: tuple[CalendarName, ...]
    calendars_known: tuple[CalendarName, ...]
    teams: tuple[Team, ...]

    def team_name(self, slug: str) -> str:
        """The name of a team."""
        return next((one.name for one in self.teams if one.slug == slug), slug)


def picture(start: datetime, end: datetime, *, calendar: str | None = None, team: str | None = None) -> Picture:
    """The windows, freezes and days off in [start, end)."""
    found = timetable.between(context.store, context.actor, start, end)
    shown = [one for one in found.calendars if calendar in {None, one.slug}]
    slugs = {one.slug for one in shown}
    names = names_of(found.windows)
    cards = [card(one, names) for one in found.windows if one.calendar.slug in slugs]
    if team:
        cards = [for_teams(one, frozenset({team})) for one in cards]
    return Picture(
        windows=tuple(cards),
        freezes=tuple(band(one, names) for one in found.freezes if one.calendar.slug in slugs),
        holidays=found.days_off,
        calendars=tuple(CalendarName(one.slug, one.name) for one in shown),
        calendars_known=tuple(CalendarName(one.slug, one.name) for one in found.calendars),
        teams=tuple(Team(one.slug, one.name) for one in names.teams.values()),
    )


def names_of(windows: Iterable[TimedWindow]) -> Directory:
    """The names of the owners of everything in these windows."""
    owners = [placed.change.owner for one in windows for placed in one.placed]
    return directory.look_up(context.store, context.actor, owners)


def window_href(calendar: str, key: str) -> str:
    """The address of a window."""
    return url_for("pages.window", calendar=calendar, key=key)


def card(found: TimedWindow, names: Directory) -> WindowCard:
    """A window as a card, with everything it holds."""
    inside = tuple(placed_line(one, names) for one in found.placed)
    conflicts = tuple(
        Reason(str(one.get("code", "conflict")), f"{placed.change.title}: {told(one)}", _ref(one))
        for placed in found.placed
        for one in placed.conflicts
    )
    return WindowCard(
        title=found.title or found.series,
        href=window_href(found.calendar.slug, found.key),
        calendar=found.calendar.name,
        start=found.start,
        end=found.end,
        zone=ZoneInfo(found.calendar.time_zone),
        state=_state(found),
        meter=Meter(found.used, found.points, found.majors, found.most_major),
        changes=inside,
        flags=tuple(FLAGS[one] for one in found.flags if one in FLAGS),
        conflicts=conflicts,
        reason=f"Frozen: {', '.join(found.frozen)}." if found.frozen else None,
    )


def _state(found: TimedWindow) -> WindowState:
    if found.state == "cancelled":
        return "cancelled"
    if found.end <= context.now:
        return "released"
    settled = bool(found.placed) and all(one.change.state in _SETTLED for one in found.placed)
    return "confirmed" if settled else "tentative"


def placed_line(found: Placed, names: Directory) -> ChangeLine:
    """A change in its window."""
    line = lines.change_line(found.change, names, start=found.start)
    return replace(line, emergency=found.emergency, reasons=reasons(found.reasons) if found.window is None else ())


def told(reason: Mapping[str, Any]) -> str:
    """The sentence of a stored reason."""
    return str(reason.get("message") or reason.get("code") or "")


def _ref(reason: Mapping[str, Any]) -> str | None:
    return str(reason["ref"]) if reason.get("ref") else None


def reasons(found: Iterable[Mapping[str, Any]], *, blocks: bool = True) -> tuple[Reason, ...]:
    """Stored reasons as the components show them."""
    return tuple(Reason(str(one.get("code", "")), told(one), _ref(one), blocks=blocks) for one in found)


def band(found: TimedFreeze, names: Directory) -> FreezeBand:
    """A freeze as the calendar shows it."""
    freeze = found.period.freeze
    return FreezeBand(
        title=freeze.reason or freeze.id,
        href=url_for("pages.freeze", calendar=found.calendar.slug, identity=freeze.id),
        start=found.period.start,
        end=found.period.end,
        hard=freeze.hard,
        scope=scope_words(freeze.scope, names),
        calendar=found.calendar.name,
        zone=ZoneInfo(found.calendar.time_zone),
    )


def scope_words(scope: Scope, names: Directory) -> str:
    """What a freeze holds, in words."""
    told_parts = []
    if scope.repositories and "*" not in scope.repositories:
        told_parts.append(", ".join(scope.repositories))
    if scope.teams:
        told_parts.append(", ".join(names.team(one) for one in scope.teams))
    if scope.levels:
        told_parts.append(" and ".join(one.value for one in scope.levels) + " changes")
    words = "; ".join(told_parts) or "everything"
    if scope.environments:
        words += f" in {', '.join(scope.environments)}"
    spared = [*scope.exceptions.repositories, *(names.team(one) for one in scope.exceptions.teams)]
    return f"{words}, except {', '.join(spared)}" if spared else words


def for_teams(found: WindowCard, mine: frozenset[str]) -> WindowCard:
    """The window with only what affects these teams; a change that names no team affects everybody."""
    if not mine:
        return found
    kept = tuple(one for one in found.changes if not one.teams or {team.slug for team in one.teams} & mine)
    return replace(found, changes=kept)


def plan_move(found: MovedChange, names: Directory) -> PlanMove:
    """A move as the components show it."""
    by = names.person(found.actor)
    return PlanMove(
        lines.change_line(found.change, names),
        "moved" if found.new else "unplaced",
        found.old,
        found.new,
        reasons(found.reasons),
        "the planner" if by == "planner" else by,
    )


def recent_moves(mine: frozenset[str], since: datetime, limit: int = 6) -> tuple[PlanMove, ...]:
    """What moved since then and affects these teams."""
    found = timetable.moves(context.store, context.actor, since=since)
    kept = [one for one in found if not mine or not one.change.affected_teams or set(one.change.affected_teams) & mine]
    names = directory.look_up(
        context.store, context.actor, [one.actor for one in kept] + [one.change.owner for one in kept]
    )
    return tuple(plan_move(one, names) for one in kept[:limit])
