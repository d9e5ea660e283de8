"""The calendar in four shapes: month, week, agenda, quarter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from flask import request

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Action
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, grids, layout, schedule
from release_mgmt.web.pages.grid_parts import DayCell, MonthGrid, Timeline, WeekGrid
from release_mgmt.web.pages.language import mark, plural, say
from release_mgmt.web.pages.moment import Wall
from release_mgmt.web.pages.parts import ChipGroup, FreezeBand, WindowCard
from release_mgmt.web.pages.site import blueprint, draw

SHAPES = (("month", mark("Month")), ("week", mark("Week")), ("agenda", mark("Agenda")), ("quarter", mark("Quarter")))
AGENDA_DAYS = 42


@dataclass(frozen=True, slots=True)
class Tab:
    """One shape to choose."""

    label: str
    href: str
    on: bool


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """The calendar in one shape; the other grids are None."""

    shape: str
    title: str
    sentence: str
    tabs: tuple[Tab, ...]
    groups: tuple[ChipGroup, ...]
    previous: str
    today: str
    next: str
    month: MonthGrid | None = None
    week: WeekGrid | None = None
    agenda: tuple[DayCell, ...] = ()
    timeline: Timeline | None = None
    empty: bool = False


@blueprint.get("/calendar")
@needs(Action.READ_PUBLIC)
def calendar() -> str:
    """Windows, freezes and holidays around a day, in the shape that the address says."""
    shape = request.args.get("shape", "month")
    if shape not in dict(SHAPES):
        raise InvalidInput.at("shape", "there is no such shape", ", ".join(key for key, _ in SHAPES))
    wall = layout.wall()
    return draw("calendar", calendar_page(wall, shape, asked_day(wall)))


def asked_day(wall: Wall) -> date:
    """The day that ``on`` asks for; today without one."""
    text = request.args.get("on")
    if not text:
        return wall.today()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput.at("on", "this is not a day", "YYYY-MM-DD") from None
    if not 1990 <= day.year <= 2100:
        raise InvalidInput.at("on", "this day is out of range", "1990 to 2100")
    return day


def spread(shape: str, day: date) -> tuple[date, date, date, date]:
    """First and last day shown, and the days that "previous" and "next" lead to."""
    if shape == "week":
        monday = grids.monday_of(day)
        return monday, monday + timedelta(days=6), monday - timedelta(days=7), monday + timedelta(days=7)
    if shape == "agenda":
        step = timedelta(days=AGENDA_DAYS)
        return day, day + step - timedelta(days=1), day - step, day + step
    if shape == "quarter":
        quarter = grids.quarter_first(day)
        first, after = grids.monday_of(quarter), grids.next_month(quarter, 3)
        return (
            first,
            grids.monday_of(after - timedelta(days=1)) + timedelta(days=6),
            grids.next_month(quarter, -3),
            after,
        )
    first, last = grids.month_days(day)
    return first, last, grids.next_month(day, -1), grids.next_month(day)


def calendar_page(wall: Wall, shape: str, day: date) -> CalendarPage:
    """The values of the calendar's page."""
    first, last, before, after = spread(shape, day)
    seen = schedule.picture(
        *grids.bounds(first, last, wall.zone), calendar=request.args.get("calendar"), team=request.args.get("team")
    )
    links = (
        addresses.present(on=before.isoformat()),
        addresses.present(on=None),
        addresses.present(on=after.isoformat()),
    )
    month = week = timeline = None
    agenda: tuple[DayCell, ...] = ()
    windows, freezes, holidays = seen.windows, seen.freezes, seen.holidays
    if shape == "month":
        month = grids.month_grid(wall, day, windows, freezes, holidays, links)
    elif shape == "week":
        week = grids.week_grid(wall, grids.monday_of(day), windows, freezes, holidays, links)
    elif shape == "agenda":
        agenda = tuple(grids.agenda(grids.cells(wall, first, last, windows, freezes, holidays)))
    else:
        by_team = request.args.get("by") == "team"
        lanes = _team_lanes(seen) if by_team else _calendar_lanes(seen)
        of = say("Team") if by_team else say("Calendar")
        timeline = grids.timeline(wall, grids.quarter_first(day), lanes, links, holidays, of)
    chosen = month or week or timeline
    choices = [(one.slug, one.name) for one in seen.calendars_known] if len(seen.calendars_known) > 1 else []
    title = chosen.title if chosen else f"{wall.day_words(first)} \N{EN DASH} {wall.day_words(last)}"
    return CalendarPage(
        shape=shape,
        title=title,
        sentence=sentence(seen) if seen.calendars or context.actor.signed_in else schedule.not_shown(),
        tabs=tuple(Tab(say(text), addresses.present(shape=key), key == shape) for key, text in SHAPES),
        groups=(
            *([addresses.group(say("Rows"), "by", [("team", say("by team"))])] if timeline else []),
            addresses.group(say("Calendar"), "calendar", choices),
            addresses.group(say("Team"), "team", [(one.slug, one.name) for one in seen.teams]),
        ),
        previous=links[0],
        today=links[1],
        next=links[2],
        month=month,
        week=week,
        agenda=agenda,
        timeline=timeline,
        empty=not seen.calendars,
    )


Lane = tuple[str, str, list[WindowCard], list[FreezeBand]]


def _calendar_lanes(seen: schedule.Picture) -> list[Lane]:
    return [
        (
            one.name,
            addresses.present(shape="agenda", calendar=one.slug),
            [card for card in seen.windows if card.calendar == one.name],
            [band for band in seen.freezes if band.calendar == one.name],
        )
        for one in seen.calendars
    ]


def _team_lanes(seen: schedule.Picture) -> list[Lane]:
    """For each team the windows that hold a change for it; a change that names no team is for all of them."""
    found = []
    for team in seen.teams:
        mine = [schedule.for_teams(card, frozenset({team.slug})) for card in seen.windows]
        held = [replace(card, total=None) for card in mine if card.changes]
        found.append((team.name, addresses.present(shape="agenda", by=None, team=team.slug), held, list(seen.freezes)))
    return found


def sentence(seen: schedule.Picture) -> str:
    """What the time shown holds, in one sentence."""
    live = [one for one in seen.windows if one.state != "cancelled"]
    if not live:
        return say("No window in this time.")
    changes, majors = sum(one.count for one in live), sum(one.majors for one in live)
    told = say("{windows} with {changes}", windows=plural(len(live), "window"), changes=plural(changes, "change"))
    if majors:
        every = 1 < majors == changes
        told += ", " + (say("all of them major") if every else say("{count} of them major", count=majors))
    frozen = len({band.title + band.href for band in seen.freezes if band.hard})
    return f"{told}; {plural(frozen, 'freeze')}." if frozen else f"{told}."
