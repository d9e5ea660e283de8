"""What the calendar's shapes are filled with: days, weeks and quarters on the reader's wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from release_mgmt.web.pages.parts import FreezeBand, WindowCard


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day of a grid on the reader's wall."""

    day: date
    inside: bool
    today: bool
    windows: tuple[WindowCard, ...] = ()
    freezes: tuple[FreezeBand, ...] = ()
    holidays: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool:
        """A freeze holds all of the day; one that holds some hours is named and does not shade it."""
        return any(band.covers(self.day) for band in self.freezes)


@dataclass(frozen=True, slots=True)
class MonthGrid:
    """Weeks of seven days, Monday first; ``previous`` and ``next`` are addresses."""

    title: str
    weeks: tuple[tuple[DayCell, ...], ...]
    previous: str
    next: str
    today: str


@dataclass(frozen=True, slots=True)
class WeekBlock:
    """A window or freeze in the week grid: rows count half hours from 1, ``lane`` and ``lanes`` from 1."""

    top: int
    bottom: int
    lane: int
    window: WindowCard | None = None
    freeze: FreezeBand | None = None


@dataclass(frozen=True, slots=True)
class WeekDay:
    """One column of the week grid."""

    cell: DayCell
    blocks: tuple[WeekBlock, ...]
    lanes: int


@dataclass(frozen=True, slots=True)
class WeekGrid:
    """Seven columns; ``first_hour`` to ``last_hour`` are shown."""

    title: str
    days: tuple[WeekDay, ...]
    first_hour: int
    last_hour: int
    previous: str
    next: str
    today: str


@dataclass(frozen=True, slots=True)
class TimelineCell:
    """One week of one lane."""

    windows: tuple[WindowCard, ...] = ()
    freezes: tuple[FreezeBand, ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineLane:
    """A calendar or team over the weeks."""

    name: str
    href: str
    cells: tuple[TimelineCell, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A quarter: the Mondays of its weeks, a lane for each calendar or team, and the days off of each week."""

    title: str
    weeks: tuple[date, ...]
    lanes: tuple[TimelineLane, ...]
    this_week: int | None
    previous: str
    next: str
    today: str
    holidays: tuple[tuple[str, ...], ...] = ()
    of: str = ""
