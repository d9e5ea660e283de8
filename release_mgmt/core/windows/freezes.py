"""Freezes as periods in UTC, and what they leave of a window."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from release_mgmt.core.windows.localtime import ZoneOf, resolve, start_of_day, to_local, zone
from release_mgmt.core.windows.model import Freeze, FreezePeriod, Target, Window

Interval = tuple[datetime, datetime]
_DAY = timedelta(days=1)


def periods(freezes: Iterable[Freeze], since: datetime, until: datetime, zones: ZoneOf = zone) -> list[FreezePeriod]:
    """Every occurrence of the freezes that touches [since, until), by start and id."""
    found = [each for freeze in freezes for each in _of(freeze, since, until, zones(freeze.time_zone))]
    return sorted(found, key=lambda each: (each.start, each.end, each.freeze.id))


def _of(freeze: Freeze, since: datetime, until: datetime, zone: tzinfo) -> list[FreezePeriod]:
    if freeze.days is not None:
        start, length = datetime.combine(freeze.days[0], datetime.min.time()), freeze.days[1] - freeze.days[0] + _DAY
    else:
        assert freeze.start is not None
        start = freeze.start
        length = freeze.duration if freeze.duration is not None else (freeze.end or freeze.start) - freeze.start
    if freeze.rule is None:
        locals_: Iterable[datetime] = (start,)
    else:
        first = (to_local(since, zone) - length).date() - 2 * _DAY
        last = to_local(until, zone).date() + 2 * _DAY
        locals_ = freeze.rule.local_starts(start, max(first, start.date()), last, zone)
    found = (_period(freeze, local, length, zone) for local in locals_ if local not in freeze.cancelled)
    return [each for each in found if each.start < each.end and each.start < until and each.end > since]


def _period(freeze: Freeze, local: datetime, length: timedelta, zone: tzinfo) -> FreezePeriod:
    if freeze.days is not None:
        last = local.date() + length - _DAY
        return FreezePeriod(
            freeze,
            start_of_day(local.date(), zone),
            start_of_day(last + _DAY, zone, late=True),
            (local.date(), last),
        )
    begin = resolve(local, zone).instant
    if freeze.duration is not None:
        return FreezePeriod(freeze, begin, begin + length)
    return FreezePeriod(freeze, begin, resolve(local + length, zone, late=True).instant)


def in_scope(found: Iterable[FreezePeriod], target: Target, *, hard: bool | None = None) -> list[FreezePeriod]:
    """Those periods that hold the target; ``hard`` chooses one kind."""
    return [each for each in found if (hard is None or each.freeze.hard is hard) and each.freeze.scope.holds(target)]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals, those that touch or overlap made one, ascending."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def subtract(span: Interval, holes: Iterable[Interval]) -> list[Interval]:
    """What is left of ``span`` outside the holes, ascending."""
    left: list[Interval] = []
    at, end = span
    for hole_start, hole_end in union(holes):
        if hole_end <= at:
            continue
        if hole_start >= end:
            break
        if hole_start > at:
            left.append((at, hole_start))
        at = max(at, hole_end)
    if at < end:
        left.append((at, end))
    return left


def usable(window: Window, found: Iterable[FreezePeriod]) -> list[Interval]:
    """What hard freezes (already chosen by scope) leave of a window, pieces shorter than its minimum dropped."""
    pieces = subtract((window.start, window.end), ((each.start, each.end) for each in found if each.freeze.hard))
    return [piece for piece in pieces if piece[1] - piece[0] >= window.min_duration]
