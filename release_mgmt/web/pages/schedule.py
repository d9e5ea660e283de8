"""From the timetable to what the calendar components show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from flask import url_for

from release_mgmt.core.permissions import Action, allows, may_somewhere
from release_mgmt.services import calendars, changes, directory, publications, windows
from release_mgmt.services.directory import Directory
from release_mgmt.services.windows import FreezeView, MoveView, PlacedChange, WindowView
from release_mgmt.web.context import context
from release_mgmt.web.pages import lines
from release_mgmt.web.pages.language import mark, say, term, words
from release_mgmt.web.pages.parts import (
    ChangeLine,
    FreezeBand,
    Meter,
    Person,
    PlanMove,
    Reason,
    Team,
    WindowCard,
    WindowState,
)
from release_mgmt.web.pages.sentences import planned

FLAGS = {
    "dst_gap": mark("The clock goes forward then: the window begins or ends at the change of the clock."),
    "dst_overlap": mark("The clock goes back then: one of its hours comes twice."),
    "dst_inside": mark(
        "The clock changes within this window: it is longer or shorter than the clock on the wall says."
    ),
}
WORDY = {"code", "file"}
"""Evidence that says little on a card: a line of code, the name of a file."""
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


def picture(
    start: datetime,
    end: datetime,
    *,
    calendar: str | None = None,
    team: str | None = None,
    freezes_only: bool = False,
) -> Picture:
    """The windows, freezes and days off in [start, end)."""
    store, actor, now = context.store, context.actor, context.now
    known = tuple(CalendarName(one.slug, one.name) for one in calendars.every(store, actor))
    found = [] if freezes_only else windows.between(store, actor, start, end, calendar=calendar)
    names = names_of(found)
    called = {one.slug: one.name for one in known}
    cards = [card(one, names) for one in found]
    if team:
        cards = [for_teams(one, frozenset({team})) for one in cards]
    return Picture(
        windows=tuple(cards),
        freezes=tuple(
            band(one, names, called)
            for one in windows.freezes_between(store, actor, now, start, end, calendar=calendar)
        ),
        holidays=windows.holidays_between(
            store, actor, now, start.date(), end.date(), calendar=calendar, language=words().language
        ),
        calendars=tuple(one for one in known if calendar in {None, one.slug}),
        calendars_known=known,
        teams=tuple(Team(one.slug, one.name) for one in names.teams.values()),
    )


def not_shown() -> str:
    """What somebody without an account reads where no calendar is public: not that there is none."""
    return say("What is coming here is shown to people with an account.")


def names_of(found: Iterable[WindowView]) -> Directory:
    """The names of the owners of everything in these windows."""
    owners = [change.owner for one in found for change in one.changes]
    return directory.look_up(context.store, context.actor, owners)


def window_href(calendar: str, key: str) -> str:
    """The address of a window."""
    return url_for("pages.window", calendar=calendar, key=key)


def card(found: WindowView, names: Directory) -> WindowCard:
    """A window as a card, with everything it holds."""
    inside = tuple(placed_line(one, names) for one in found.changes)
    conflicts = tuple(
        Reason(str(one.get("code", "conflict")), f"{placed.title}: {told(one)}", _ref(one))
        for placed in found.changes
        for one in placed.conflicts
    )
    return WindowCard(
        title=found.title or found.series,
        href=window_href(found.calendar, found.key),
        calendar=found.calendar_name,
        start=found.start,
        end=found.end,
        zone=ZoneInfo(found.time_zone),
        state=_state(found),
        meter=Meter(found.used, found.points, found.majors, found.most_major),
        changes=inside,
        flags=tuple(say(FLAGS[one]) for one in found.flags if one in FLAGS),
        conflicts=conflicts,
        reason=say("Frozen: {freezes}.", freezes=", ".join(found.frozen)) if found.frozen else None,
    )


def with_facts(cards: Iterable[WindowCard], most: int = 1, listed: int = 500) -> tuple[WindowCard, ...]:
    """The cards with each change's strongest evidence and business note: two queries for all of them.

    ``listed`` changes of each window at most; for who may not read changes the cards stay as they are.
    """
    found = tuple(cards)
    ids = {line.id for one in found for line in one.changes[:listed]}
    if not ids or not may_somewhere(context.actor, Action.READ_CHANGE):
        return found
    facts = changes.facts(context.store, context.actor, ids, most)
    notes = publications.of_changes(context.store, context.actor, ids)

    def told(line: ChangeLine) -> ChangeLine:
        known, note = facts.get(line.id), lines.note(notes.get(line.id, ()))
        rows = lines.evidence_rows(known.evidence, known, known.head_sha) if known else ()
        if most == 1:
            rows = tuple(one for one in rows if one.kind not in WORDY)
        return replace(line, evidence=rows, note=note.text if note else None)

    return tuple(replace(one, changes=(*map(told, one.changes[:listed]), *one.changes[listed:])) for one in found)


def _state(found: WindowView) -> WindowState:
    if found.state == "cancelled":
        return "cancelled"
    if found.end <= context.now:
        return "released"
    settled = bool(found.changes) and all(one.state in _SETTLED for one in found.changes)
    return "confirmed" if settled else "tentative"


def placed_line(found: PlacedChange, names: Directory) -> ChangeLine:
    """A change in its window; one without a window says why."""
    owner = names.person(found.owner) or found.author
    return ChangeLine(
        id=found.id,
        title=found.title,
        level=found.level or "minor",
        href=lines.change_href(found.id),
        repository=found.repository,
        state=found.state,
        kind=found.kind,
        owner=Person(owner) if owner else None,
        teams=lines.teams(found.teams, names),
        start=found.start,
        reasons=reasons(found.reasons) if found.window is None else (),
    )


def told(reason: Mapping[str, Any]) -> str:
    """The sentence of a stored reason."""
    return planned(reason)


def _ref(reason: Mapping[str, Any]) -> str | None:
    return str(reason["ref"]) if reason.get("ref") else None


def reasons(found: Iterable[Mapping[str, Any]], *, blocks: bool = True) -> tuple[Reason, ...]:
    """Stored reasons as the components show them."""
    return tuple(Reason(str(one.get("code", "")), told(one), _ref(one), blocks=blocks) for one in found)


def band(found: FreezeView, names: Directory, calendar_names: Mapping[str, str]) -> FreezeBand:
    """A freeze as the calendar shows it."""
    return FreezeBand(
        title=found.reason or found.id,
        href=url_for("pages.freeze", calendar=found.calendar, identity=found.id),
        start=found.start,
        end=found.end,
        hard=found.hard,
        scope=scope_words(found, names),
        calendar=calendar_names.get(found.calendar, found.calendar),
        zone=ZoneInfo(found.time_zone),
    )


def scope_words(found: FreezeView, names: Directory) -> str:
    """What a freeze holds, in words."""
    parts = []
    if found.repositories and "*" not in found.repositories:
        parts.append(", ".join(found.repositories))
    if found.teams:
        parts.append(", ".join(names.team(one) for one in found.teams))
    if found.levels:
        parts.append(say("only {levels} changes", levels=" + ".join(term(one) for one in found.levels)))
    told = "; ".join(parts) or say("everything")
    if not found.environments:
        return told
    return say("{what} in {environments}", what=told, environments=", ".join(found.environments))


def for_teams(found: WindowCard, mine: frozenset[str]) -> WindowCard:
    """The window with only what affects these teams; a change that names no team affects everybody."""
    if not mine:
        return found
    kept = tuple(one for one in found.changes if not one.teams or {team.slug for team in one.teams} & mine)
    return replace(found, changes=kept, others=len(found.changes) - len(kept))


def plan_move(found: MoveView, names: Directory) -> PlanMove:
    """A move as the components show it."""
    by = names.person(found.actor)
    line = ChangeLine(found.change, found.title, found.level or "minor", lines.change_href(found.change), "")
    why = reasons(found.reasons)
    kind: Literal["moved", "unplaced"] = "moved" if found.to_start else "unplaced"
    return PlanMove(
        line, kind, found.from_start, found.to_start, why, say("the planner") if by == "planner" else by, undo_of(found)
    )


def undo_of(found: MoveView) -> str | None:
    """Where a move can be taken back, for who may move in its calendar; not once its window has begun."""
    actor = context.actor
    if found.to_start is None or found.to_start <= context.now or not actor.signed_in:
        return None
    if not allows(actor, Action.MOVE_CHANGE, calendar=found.calendar):
        return None
    return url_for("pages.revert_move", move=found.id)


def recent_moves(mine: frozenset[str], since: datetime, limit: int = 6) -> tuple[PlanMove, ...]:
    """What moved since then and affects these teams."""
    found = windows.moves(context.store, context.actor, since=since)
    kept = [one for one in found if not mine or not one.teams or set(one.teams) & mine][:limit]
    names = directory.look_up(context.store, context.actor, [one.actor for one in kept])
    return tuple(plan_move(one, names) for one in kept)
