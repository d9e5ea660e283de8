"""Business days: counted by calendar, in the calendar's zone, with a cut-off hour.

The day of an announcement is day 0. An announcement at or after the cut-off, or on a day that is not a
business day, counts from the next business day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows.localtime import ZoneOf, resolve, to_local, zone

SATURDAY, SUNDAY = 5, 6
_DAY = timedelta(days=1)
_LONGEST_REST = 400  # days; a calendar with a longer run without any business day is refused when it is saved


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """Which days count, and until what local time a day still counts.

    ``weekend`` holds weekdays (Monday is 0), ``days_off`` holidays and own days, ``names`` what they are called.
    """

    time_zone: str = "UTC"
    weekend: frozenset[int] = frozenset({SATURDAY, SUNDAY})
    cut_off: time = time(16)
    days_off: frozenset[date] = frozenset()
    names: tuple[tuple[date, str], ...] = field(default=(), compare=False)

    def is_business_day(self, day: date) -> bool:
        """Whether people work on that local day."""
        return day.weekday() not in self.weekend and day not in self.days_off

    def name_of(self, day: date) -> str | None:
        """What the day off is called, when the calendar knows."""
        return next((name for off, name in self.names if off == day), None)

    def on_or_after(self, day: date) -> date:
        """The first business day at or after ``day``."""
        for _ in range(_LONGEST_REST):
            if self.is_business_day(day):
                return day
            day += _DAY
        raise InvalidInput.at("business_days", "the calendar has no business day for more than a year")

    def day_zero(self, announced: datetime, zones: ZoneOf = zone) -> date:
        """The local day from which an announcement at that instant counts."""
        local = to_local(announced, zones(self.time_zone))
        day = self.on_or_after(local.date())
        if day == local.date() and local.time() >= self.cut_off:
            day = self.on_or_after(day + _DAY)
        return day

    def earliest(self, announced: datetime, days: int, zones: ZoneOf = zone) -> date:
        """The first local day that leaves ``days`` business days after an announcement at that instant."""
        return self.add(self.day_zero(announced, zones), days)

    def add(self, day: date, days: int) -> date:
        """The business day ``days`` (0 or more) after the business day ``day``."""
        for _ in range(days):
            day = self.on_or_after(day + _DAY)
        return day

    def back(self, day: date, days: int) -> date:
        """The business day ``days`` before ``day`` (the day itself with 0, moved back onto a business day)."""
        left = days
        for _ in range(_LONGEST_REST + 7 * days):
            if self.is_business_day(day):
                if left == 0:
                    return day
                left -= 1
            day -= _DAY
        raise InvalidInput.at("business_days", "the calendar has no business day for more than a year")

    def cut_off_on(self, day: date, zones: ZoneOf = zone) -> datetime:
        """The instant of the cut-off on that local day."""
        return resolve(datetime.combine(day, self.cut_off), zones(self.time_zone)).instant


@dataclass(frozen=True, slots=True)
class Notice:
    """How long before its window a change must be announced: business ``days``, or ``elapsed`` time."""

    days: int = 0
    elapsed: timedelta | None = None

    def met(
        self, announced: datetime, start: datetime, calendars: tuple[BusinessDays, ...], zones: ZoneOf = zone
    ) -> bool:
        """Whether a window that starts at ``start`` leaves this notice by every one of the calendars.

        The local date of the window's start decides, each in its own zone; the time of day does not count.
        """
        if self.elapsed is not None:
            return start >= announced + self.elapsed
        return all(
            to_local(start, zones(each.time_zone)).date() >= each.earliest(announced, self.days, zones)
            for each in calendars
        )

    def earliest(self, announced: datetime, calendars: tuple[BusinessDays, ...], zones: ZoneOf = zone) -> datetime:
        """The first instant at which a window may start: the latest of what the calendars ask."""
        if self.elapsed is not None:
            return announced + self.elapsed
        starts = [
            resolve(datetime.combine(each.earliest(announced, self.days, zones), time()), zones(each.time_zone)).instant
            for each in calendars
        ]
        return max([announced, *starts])
