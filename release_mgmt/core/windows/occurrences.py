"""From window series to windows: expanded in local wall time, resolved to UTC once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, pairwise
from operator import attrgetter

from release_mgmt.core.windows.localtime import ZoneOf, offset_at, resolve, steady_runs, to_local, zone
from release_mgmt.core.windows.model import ReleaseCalendar, Skipped, Window, WindowSeries

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_order = attrgetter("start", "end", "series", "original_start")


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
        clock, length, called_off = _WallClock(rules), each.length, frozenset(each.cancelled)
        name, policy, shortest = calendar.time_zone, each.policy or calendar.policy, each.min_duration
        levels, environments, repositories = each.levels, each.environments, each.repositories
        for original, start, end in _locals(each, since, until, rules):
            begin, finish, flags = clock.instants(start, end, length)
            off = original in called_off
            if finish <= begin or finish - begin < shortest:
                if not off and _touches(start, end, since, until, rules):
                    reason = "dst_gap" if "dst_gap" in flags else "too_short"
                    skipped.append(Skipped(each.id, original, reason))
            elif begin < until and finish > since:
                found = Window(
                    each.id, original, begin, finish, name, flags, levels, environments, repositories, shortest, policy,
                    each.title, off,
                )  # fmt: skip
                if off:
                    cancelled.append(found)
                else:
                    windows.append(found)
    return Occurrences(
        tuple(sorted(windows, key=_order)),
        tuple(sorted(cancelled, key=_order)),
        tuple(sorted(skipped, key=lambda each: (each.original_start, each.series))),
    )


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
    if not moved and not series.retimings:
        for original in original_starts(series, first, last, zone):
            yield original, original, original + length if wall else None
        return
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


class _WallClock:
    """Wall times of one zone to instants: an addition within a run of days on which the clock does not change."""

    __slots__ = ("end", "start", "steady", "zone")

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.start = self.end = datetime.min  # noqa: DTZ901 - the run of days at hand, in wall time
        self.steady: datetime | None = None  # its start as an instant; None: the clock may change in it

    def instants(
        self, start: datetime, end: datetime | None, length: timedelta
    ) -> tuple[datetime, datetime, tuple[str, ...]]:
        """Both instants of a window, and its flags; with ``end`` None the length is exact, counted in UTC."""
        if not self.start <= start < self.end:
            self._turn_to(start)
        last = start + length if end is None else end
        if self.steady is not None and last < self.end:
            begin = self.steady + (start - self.start)
            return begin, begin + (last - start), ()
        first = resolve(start, self.zone)
        notes = {first.note}
        if end is None:
            finish = first.instant + length
        else:
            read = resolve(end, self.zone)
            finish = read.instant
            notes.add(read.note)
        flags: tuple[str, ...] = tuple(note for note in ("dst_gap", "dst_overlap") if note in notes)
        before, after = offset_at(first.instant, self.zone), offset_at(finish - _MICROSECOND, self.zone)
        if finish > first.instant and before != after:
            flags = (*flags, "dst_inside")
        return first.instant, finish, flags

    def _turn_to(self, local: datetime) -> None:
        runs = steady_runs(self.zone, local.year)
        self.start, self.end, offset = next(run for run in runs if run[0] <= local < run[1])
        self.steady = None if offset is None else self.start.replace(tzinfo=UTC) - offset


def shortest_distance(series: WindowSeries, zone: tzinfo, sample: int = 400) -> timedelta | None:
    """The shortest wall-clock time between two neighbouring starts among the first ``sample``; None for a one-off."""
    if series.rule is None:
        return None
    last = series.start.date() + timedelta(days=366 * 30)
    starts = islice(series.rule.local_starts(series.start, series.start.date(), last, zone), sample)
    return min((later - earlier for earlier, later in pairwise(starts)), default=None)
