"""From window series to windows: expanded in local wall time, resolved to UTC once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, pairwise

from release_mgmt.core.windows.localtime import ZoneOf, offset_at, offset_of_day, resolve, to_local, zone
from release_mgmt.core.windows.model import Policy, ReleaseCalendar, Skipped, Window, WindowSeries

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """What a span holds: windows by start (cancelled ones apart), and what rules dropped."""

    windows: tuple[Window, ...] = ()
    cancelled: tuple[Window, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def expand(calendar: ReleaseCalendar, since: datetime, until: datetime, zones: ZoneOf = zone) -> Occurrences:
    """Every occurrence of the calendar that touches [since, until), by start, end and key."""
    return expand_all([(calendar, series) for series in calendar.series], since, until, zones)


def expand_all(
    series: list[tuple[ReleaseCalendar, WindowSeries]], since: datetime, until: datetime, zones: ZoneOf = zone
) -> Occurrences:
    """As :func:`expand`, over chosen series."""
    windows: list[Window] = []
    cancelled: list[Window] = []
    skipped: list[Skipped] = []
    for calendar, each in series:
        rules = zones(calendar.time_zone)
        policy = each.policy or calendar.policy
        called_off = frozenset(each.cancelled)
        for original, start, end in _locals(each, since, until, rules):
            found = _occurrence(each, original, start, end, calendar.time_zone, rules, policy)
            if isinstance(found, Skipped):
                if original not in called_off and _touches(start, end, since, until, rules):
                    skipped.append(found)
            elif found.start < until and found.end > since:
                if original in called_off:
                    cancelled.append(replace(found, cancelled=True))
                else:
                    windows.append(found)
    return Occurrences(
        tuple(sorted(windows, key=_order)),
        tuple(sorted(cancelled, key=_order)),
        tuple(sorted(skipped, key=lambda each: (each.original_start, each.series))),
    )


def _order(window: Window) -> tuple[datetime, datetime, str, datetime]:
    return (window.start, window.end, window.series, window.original_start)


def _touches(start: datetime, end: datetime | None, since: datetime, until: datetime, zone: tzinfo) -> bool:
    last = resolve(end if end is not None else start, zone, late=True).instant
    return resolve(start, zone).instant < until and last >= since


def _locals(
    series: WindowSeries, since: datetime, until: datetime, zone: tzinfo
) -> Iterator[tuple[datetime, datetime, datetime | None]]:
    """(original start, start, end or None with an exact duration), naive local, about the span."""
    length = series.length
    # An exact duration can be longer on the wall by the clock change; two days cover it and the zone's offset.
    reach = max((abs(each.start) + abs(each.end) for each in series.retimings), default=timedelta(0))
    first = (to_local(since, zone) - length - reach).date() - 2 * _DAY
    last = (to_local(until, zone) + reach).date() + 2 * _DAY
    moved = dict(series.moved)
    wall = series.end is not None
    for original in original_starts(series, first, last, zone):
        if original not in moved:
            start, end = _retimed(series, original, original + length)
            yield original, start, end if wall else None
    for original, start in series.moved:
        if first <= start.date() <= last:
            yield original, start, start + length if wall else None


def original_starts(series: WindowSeries, first: date, last: date, zone: tzinfo) -> Iterator[datetime]:
    """The local starts that the rule gives on the days from ``first`` to ``last``, called-off and moved ones too."""
    if series.rule is not None:
        yield from series.rule.local_starts(series.start, first, last, zone)
    elif first <= series.start.date() <= last:
        yield series.start


def _retimed(series: WindowSeries, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The local start and end after the last retiming that is in force on the day."""
    if not series.retimings:
        return start, end
    last = max((each for each in series.retimings if each.since <= start.date()), key=lambda r: r.since, default=None)
    return (start + last.start, end + last.end) if last else (start, end)


def _occurrence(
    series: WindowSeries,
    original: datetime,
    local_start: datetime,
    local_end: datetime | None,
    zone_name: str,
    zone: tzinfo,
    policy: Policy,
) -> Window | Skipped:
    """The window, or why there is none. An exact duration is counted from the resolved start, in UTC."""
    begin, end, notes, inside = _resolved(local_start, local_end, series.length, zone)
    if end <= begin or end - begin < series.min_duration:
        return Skipped(series.id, original, "dst_gap" if "dst_gap" in notes else "too_short")
    flags: list[str] = []
    if notes or inside:
        flags = [note for note in ("dst_gap", "dst_overlap") if note in notes] + ["dst_inside"] * inside
    return Window(
        series.id, original, begin, end, zone_name, tuple(flags), series.levels, series.environments,
        series.repositories, series.min_duration, policy, series.title,
    )  # fmt: skip


_NO_NOTES: frozenset[str] = frozenset()


def _resolved(
    start: datetime, end: datetime | None, length: timedelta, zone: tzinfo
) -> tuple[datetime, datetime, Collection[str], bool]:
    """Both instants, how they were read, and whether the clock changes in between."""
    day, last = start.date(), end if end is not None else start + length
    offset, last_day = offset_of_day(zone, day), last.date()
    # Nearly every window lies on days on which the clock does not change: one subtraction is all it takes.
    if offset is not None and (day == last_day or offset == offset_of_day(zone, last_day)):
        begin = datetime.combine(day, start.time(), UTC) - offset  # four times as fast as replace(tzinfo=...)
        return begin, begin + (last - start), _NO_NOTES, False
    first = resolve(start, zone)
    notes: set[str] = {first.note}
    if end is None:
        finish = first.instant + length
    else:
        read = resolve(end, zone)
        finish = read.instant
        notes.add(read.note)
    inside = finish > first.instant and offset_at(first.instant, zone) != offset_at(finish - _MICROSECOND, zone)
    return first.instant, finish, notes, inside


def shortest_distance(series: WindowSeries, zone: tzinfo, sample: int = 400) -> timedelta | None:
    """The shortest wall-clock time between two neighbouring starts among the first ``sample``; None for a one-off."""
    if series.rule is None:
        return None
    last = series.start.date() + timedelta(days=366 * 30)
    starts = islice(series.rule.local_starts(series.start, series.start.date(), last, zone), sample)
    return min((later - earlier for earlier, later in pairwise(starts)), default=None)
