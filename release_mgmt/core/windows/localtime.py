"""Local wall time to instants, once: every comparison and every sum after that is done in UTC.

The rules at clock changes (RFC 5545 section 3.3.5 leaves them half open):

- a local time that does not exist (the clock jumped over it) is the instant of the jump,
- a local time that happens twice is the first of the two, unless the caller asks for the later one
  (the end of a freeze: freezes err long).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from release_mgmt.core.errors import InvalidInput

ZoneOf = Callable[[str], tzinfo]
"""How a zone's name becomes its rules; tests and a change of zone data pass another one in."""

Note = Literal["exact", "dst_gap", "dst_overlap"]

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Resolved:
    """An instant in UTC, and how the local time it came from was read."""

    instant: datetime
    note: Note = "exact"


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The zone of that IANA name. Raises InvalidInput with a suggestion for any other name, "floating" too."""
    known = _names()
    if name in known:
        with suppress(ZoneInfoNotFoundError):  # a list of the system that went since
            return ZoneInfo(name)
    if name.strip().lower() in {"", "floating", "local"}:
        raise InvalidInput.at(
            "time_zone",
            "times cannot float with the reader's zone: they would be different instants for each reader",
            "an IANA name such as Europe/Berlin",
        )
    near = get_close_matches(name, known - {name}, n=1, cutoff=0.6) or [
        each for each in sorted(known) if each.lower().endswith("/" + name.lower().replace(" ", "_"))
    ]
    allowed = f"did you mean {near[0]}?" if near else "an IANA name such as Europe/Berlin"
    raise InvalidInput.at("time_zone", f"there is no time zone {name[:60]!r}", allowed)


def _offset(zone: tzinfo, local: datetime) -> timedelta:
    offset = local.replace(tzinfo=zone).utcoffset()
    assert offset is not None
    return offset


@lru_cache(maxsize=65536)
def offset_of_day(zone: tzinfo, day: date) -> timedelta | None:
    """The offset that holds all through the local day, or None when the clock may change in it.

    A zone that changed twice within one day and came back to the same offset would be missed; none ever did.
    """
    start = datetime.combine(day, time())
    first = _offset(zone, start)
    same = (
        first == _offset(zone, start.replace(fold=1))
        and first == _offset(zone, start + _DAY)
        and first == _offset(zone, (start + _DAY).replace(fold=1))
    )
    return first if same else None


@lru_cache(maxsize=2048)
def steady_runs(zone: tzinfo, year: int) -> tuple[tuple[datetime, datetime, timedelta | None], ...]:
    """The days of a year as runs (naive start, naive end, the offset all through it), in order.

    None as offset: the clock may change on these days.
    """
    day, end = date(year, 1, 1), date(year + 1, 1, 1)
    runs: list[tuple[datetime, datetime, timedelta | None]] = []
    while day < end:
        start = datetime.combine(day, time())
        offset = offset_of_day(zone, day)
        if runs and runs[-1][2] == offset:
            runs[-1] = (runs[-1][0], start + _DAY, offset)
        else:
            runs.append((start, start + _DAY, offset))
        day += _DAY
    return tuple(runs)


def resolve(local: datetime, zone: tzinfo, *, late: bool = False) -> Resolved:
    """The instant of the naive wall time ``local``; ``late`` takes the second reading of a repeated time."""
    offset = offset_of_day(zone, local.date())
    if offset is not None:
        return Resolved((local - offset).replace(tzinfo=UTC))
    before = _offset(zone, local.replace(fold=0))
    after = _offset(zone, local.replace(fold=1))
    first = (local - before).replace(tzinfo=UTC, fold=0)
    second = (local - after).replace(tzinfo=UTC, fold=0)
    if before == after:
        return Resolved(first)
    if before > after:
        return Resolved(second if late else first, "dst_overlap")
    return Resolved(_jump(zone, second, first), "dst_gap")


def _jump(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The instant of the change of offset that lies in (low, high], to the second."""
    old = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high


def to_local(instant: datetime, zone: tzinfo) -> datetime:
    """The naive wall time in ``zone`` at ``instant``."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def start_of_day(day: date, zone: tzinfo, *, late: bool = False) -> datetime:
    """The instant at which the local day begins (midnight, or the jump over it)."""
    return resolve(datetime.combine(day, time()), zone, late=late).instant


def offset_at(instant: datetime, zone: tzinfo) -> timedelta:
    """The offset from UTC that holds in ``zone`` at ``instant``."""
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
