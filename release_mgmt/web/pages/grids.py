"""Windows, freezes and holidays laid out as month, week, agenda and quarter, on the reader's wall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from release_mgmt.web.pages.grid_parts import (
    DayCell,
    MonthGrid,
    Timeline,
    TimelineCell,
    TimelineLane,
    WeekBlock,
    WeekDay,
    WeekGrid,
)
from release_mgmt.web.pages.language import say, words
from release_mgmt.web.pages.moment import Wall
from release_mgmt.web.pages.parts import FreezeBand, WindowCard

Holidays = Mapping[date, Sequence[str]]
_DAY = timedelta(days=1)
_LANES = 4


def monday_of(day: date) -> date:
    """The Monday of that day's week."""
    return day - timedelta(days=day.weekday())


def month_days(month: date) -> tuple[date, date]:
    """First and last day shown for a month: whole weeks, Monday first."""
    first = month.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - _DAY
    return monday_of(first), monday_of(last) + timedelta(days=6)


def next_month(month: date, step: int = 1) -> date:
    """The first day of the month ``step`` further (or back)."""
    index = month.year * 12 + month.month - 1 + step
    return date(index // 12, index % 12 + 1, 1)


def bounds(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants between which those days lie on that wall."""
    start = datetime(first.year, first.month, first.day, tzinfo=zone)
    after = last + _DAY
    return start, datetime(after.year, after.month, after.day, tzinfo=zone)


def cells(
    wall: Wall,
    first: date,
    last: date,
    windows: Iterable[WindowCard],
    freezes: Iterable[FreezeBand],
    holidays: Holidays,
    month: date | None = None,
    *,
    by_hours: bool = False,
) -> list[DayCell]:
    """One cell a day; a window stands on the day it starts.

    A freeze stands on every day it touches as its calendar counts days: one of whole days in Berlin is no freeze of the
    day before for a reader in London. ``by_hours``: on every day of the reader, where hours are shown.
    """
    by_day: dict[date, list[WindowCard]] = {}
    for window in sorted(windows, key=lambda one: (one.start, one.calendar, one.href)):
        by_day.setdefault(wall.local(window.start).date(), []).append(window)
    bands = sorted(freezes, key=lambda one: (one.start, one.title))
    found = []
    day = first
    while day <= last:
        start, end = bounds(day, day, wall.zone)
        found.append(
            DayCell(
                day=day,
                inside=month is None or (day.year, day.month) == (month.year, month.month),
                today=day == wall.today(),
                windows=tuple(by_day.get(day, ())),
                freezes=tuple(
                    band
                    for band in bands
                    if (band.start < end and band.end > start if by_hours else band.touches(day, day))
                ),
                holidays=tuple(holidays.get(day, ())),
            )
        )
        day += _DAY
    return found


def month_grid(
    wall: Wall,
    month: date,
    windows: Iterable[WindowCard],
    freezes: Iterable[FreezeBand],
    holidays: Holidays,
    links: tuple[str, str, str],
) -> MonthGrid:
    """A month; ``links`` are the addresses of the previous one, today and the next one."""
    first, last = month_days(month)
    days = cells(wall, first, last, windows, freezes, holidays, month)
    weeks = tuple(tuple(days[at : at + 7]) for at in range(0, len(days), 7))
    return MonthGrid(words().month(month), weeks, links[0], links[2], links[1])


def weeks_grid(
    wall: Wall,
    first: date,
    last: date,
    windows: Iterable[WindowCard],
    freezes: Iterable[FreezeBand],
    holidays: Holidays,
) -> MonthGrid:
    """The weeks from ``first`` (a Monday) to ``last``, whatever their months; it cannot be turned."""
    days = cells(wall, first, last, windows, freezes, holidays)
    weeks = tuple(tuple(days[at : at + 7]) for at in range(0, len(days), 7))
    return MonthGrid(f"{wall.day_words(first)} \N{EN DASH} {wall.day_words(last)}", weeks, "", "", "")


def week_grid(
    wall: Wall,
    monday: date,
    windows: Iterable[WindowCard],
    freezes: Iterable[FreezeBand],
    holidays: Holidays,
    links: tuple[str, str, str],
) -> WeekGrid:
    """A week by half hours; only the hours in use are shown, eight at least. A window that runs over midnight is cut
    at the end of its day (the words on it tell its end)."""
    days = cells(wall, monday, monday + timedelta(days=6), windows, freezes, holidays, by_hours=True)
    spans = [_half_hours(wall, cell.day, one.start, one.end) for cell in days for one in cell.windows]
    first = min([top for top, _ in spans] + [18]) // 2
    last = -(-max([bottom for _, bottom in spans] + [34]) // 2)
    first, last = max(0, min(first, 16) - 1), min(24, max(last, first + 8) + 1)
    columns = tuple(WeekDay(cell, *_blocks(wall, cell, first, last)) for cell in days)
    sunday = days[-1].day
    title = f"{wall.day_words(monday)} \N{EN DASH} {wall.day_words(sunday)}"
    return WeekGrid(title, columns, first, last, links[0], links[2], links[1])


def _half_hours(wall: Wall, day: date, start: datetime, end: datetime) -> tuple[int, int]:
    """Half hours since midnight of that wall day, cut to the day; the wall clock decides, also on a clock change."""
    here, there = wall.local(start), wall.local(end)
    top = 0 if here.date() < day else here.hour * 2 + here.minute // 30
    bottom = 48 if there.date() > day else there.hour * 2 + -(-there.minute // 30)
    return top, max(bottom, top + 1)


def _blocks(wall: Wall, cell: DayCell, first: int, last: int) -> tuple[tuple[WeekBlock, ...], int]:
    rows = (last - first) * 2

    def place(start: datetime, end: datetime) -> tuple[int, int]:
        top, bottom = _half_hours(wall, cell.day, start, end)
        return min(max(top - first * 2, 0), rows - 1) + 1, min(max(bottom - first * 2, 1), rows) + 1

    blocks = [WeekBlock(*place(band.start, band.end), 1, freeze=band) for band in cell.freezes]
    ends: list[int] = []
    for window in cell.windows:
        top, bottom = place(window.start, window.end)
        lane = next((at for at, end in enumerate(ends) if end <= top), len(ends))
        if lane == len(ends):
            ends.append(bottom)
        else:
            ends[lane] = bottom
        blocks.append(WeekBlock(top, bottom, min(lane, _LANES - 1) + 1, window=window))
    return tuple(blocks), max(1, min(len(ends), _LANES))


def agenda(days: Iterable[DayCell]) -> list[DayCell]:
    """Only the days on which something is; a freeze stands once, on its first day shown."""
    told: set[str] = set()
    kept = []
    for cell in days:
        fresh = tuple(band for band in cell.freezes if band.href + band.title not in told)
        told.update(band.href + band.title for band in fresh)
        if cell.windows or fresh or cell.holidays:
            kept.append(replace(cell, freezes=fresh))
    return kept


def quarter_first(day: date) -> date:
    """The first day of the quarter that holds ``day``."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def timeline(
    wall: Wall,
    quarter: date,
    lanes: Sequence[tuple[str, str, Sequence[WindowCard], Sequence[FreezeBand]]],
    links: tuple[str, str, str],
    holidays: Holidays | None = None,
    of: str = "",
) -> Timeline:
    """A quarter by weeks: a lane is (name, address, windows, freezes); ``of`` says what the lanes are."""
    weeks: list[date] = []
    monday, after = monday_of(quarter), next_month(quarter, 3)
    while monday < after:
        weeks.append(monday)
        monday += timedelta(days=7)
    title = say("Quarter {number}, {year}", number=(quarter.month - 1) // 3 + 1, year=quarter.year)
    this = monday_of(wall.today())
    rows = []
    for name, href, windows, freezes in lanes:
        row = []
        for week in weeks:
            start, end = bounds(week, week + timedelta(days=6), wall.zone)
            row.append(
                TimelineCell(
                    tuple(one for one in windows if start <= one.start < end),
                    tuple(one for one in freezes if one.touches(week, week + timedelta(days=6))),
                )
            )
        rows.append(TimelineLane(name, href, tuple(row)))
    off = tuple(
        tuple(name for day in range(7) for name in (holidays or {}).get(week + timedelta(days=day), ()))
        for week in weeks
    )
    return Timeline(
        title, tuple(weeks), tuple(rows), weeks.index(this) if this in weeks else None, *(links[0], links[2], links[1]),
        off, of,
    )  # fmt: skip
