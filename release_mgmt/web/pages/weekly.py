"""The week on one sheet: what went out, what goes out, what moved, what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import request

from release_mgmt.core.permissions import Action
from release_mgmt.web.auth import needs
from release_mgmt.web.pages import grids, layout, schedule
from release_mgmt.web.pages.calendar import asked_day
from release_mgmt.web.pages.grid_parts import DayCell
from release_mgmt.web.pages.language import many, plural, say
from release_mgmt.web.pages.parts import PlanMove, WindowCard
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class WeekPage:
    """One week to print."""

    title: str
    sentence: str
    days: tuple[DayCell, ...]
    next_week: tuple[WindowCard, ...]
    moved: tuple[PlanMove, ...]
    previous: str
    next: str


@blueprint.get("/weekly")
@needs(Action.READ_CALENDAR)
def weekly() -> str:
    """The week of ``on`` (today's without one)."""
    wall = layout.wall()
    monday = grids.monday_of(asked_day(wall))
    sunday = monday + timedelta(days=6)
    start, end = grids.bounds(monday, sunday, wall.zone)
    calendar = request.args.get("calendar")
    seen = schedule.picture(start, end + timedelta(days=7), calendar=calendar, team=request.args.get("team"))
    inside = [one for one in seen.windows if one.start < end]
    live = [one for one in inside if one.state != "cancelled"]
    changes = sum(one.count for one in live)
    majors = sum(one.majors for one in live)
    told = say("{changes} in {windows}.", changes=plural(changes, "change"), windows=plural(len(live), "window"))
    if not live:
        told = say("No window in this week.")
    view = WeekPage(
        title=f"{wall.day_words(monday)} \N{EN DASH} {wall.day_words(sunday)}",
        sentence=f"{told} {many('{count} is major.', '{count} are major.', majors)}" if majors else told,
        days=tuple(grids.agenda(grids.cells(wall, monday, sunday, inside, seen.freezes, seen.holidays))),
        next_week=tuple(one for one in seen.windows if one.start >= end and one.count),
        moved=schedule.recent_moves(frozenset(), start, 12),
        previous=(monday - timedelta(days=7)).isoformat(),
        next=(monday + timedelta(days=7)).isoformat(),
    )
    return draw("weekly", view)
