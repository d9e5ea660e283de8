"""What must be known of a calendar to answer about a day: its windows and freezes well before and past it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from release_mgmt.core.windows.freezes import periods
from release_mgmt.core.windows.model import FreezePeriod, ReleaseCalendar, Window, WindowSeries
from release_mgmt.core.windows.occurrences import expand

_BEFORE, _AFTER = timedelta(days=40), timedelta(days=400)
_LATEST = 10  # times _AFTER, where more is sought: leap days are at most eight years apart
_ENOUGH = 3  # windows of each series, so that one that is frozen is not the last that is known
_LONG = timedelta(days=100)


@lru_cache(maxsize=64)
def around(calendar: ReleaseCalendar, first: date, last: date) -> tuple[tuple[Window, ...], tuple[FreezePeriod, ...]]:
    """The windows and freezes about the days from ``first`` to ``last``: well past the end of a long freeze, and of
    every series its next windows, however rare they are. The same calendar is asked again and again."""
    since, midnight = datetime.combine(first, time(), UTC) - _BEFORE, datetime.combine(last, time(), UTC)
    until = midnight + _AFTER
    long = [each.end for each in periods(calendar.freezes, since, until) if each.end - each.start > _LONG]
    until = max(until, min(max(long, default=until) + _AFTER, midnight + _LATEST * _AFTER))
    windows = expand(calendar, since, until).windows
    known = Counter(each.series for each in windows if each.start >= midnight)
    rare = [
        window
        for series in calendar.series
        for window in _next(calendar, series, until, _ENOUGH - known[series.id])
    ]  # fmt: skip
    windows += tuple(sorted(rare, key=lambda each: (each.start, each.end, each.key)))
    until = max([until, *(each.end for each in rare)])
    return windows, tuple(periods(calendar.freezes, since, until))


def _next(calendar: ReleaseCalendar, series: WindowSeries, since: datetime, number: int) -> list[Window]:
    """The first windows of a series that begin at ``since`` or some years later, so many."""
    if number <= 0:
        return []
    alone, found = replace(calendar, series=(series,)), list[Window]()
    for step in range(_LATEST):
        begin = since + step * _AFTER
        found += [each for each in expand(alone, begin, begin + _AFTER).windows if each.start >= begin]
        if len(found) >= number:
            break
    return found[:number]
