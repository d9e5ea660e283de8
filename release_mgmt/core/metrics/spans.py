"""Periods of whole local days: their bounds are midnights on the calendar's wall, whatever the clock does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows import zone
from release_mgmt.core.windows.localtime import start_of_day, to_local

LONGEST = 400  # days
_WEEK = 7
_LONG = 26 * _WEEK  # from here on a block has four weeks


@dataclass(frozen=True, slots=True)
class Span:
    """The local days ``first`` to ``last``, both included, in ``zone``; as instants [``since``, ``until``)."""

    first: date
    last: date
    zone: str
    since: datetime
    until: datetime

    @property
    def days(self) -> int:
        """How many local days it has; one of 23 or 25 hours counts as one."""
        return (self.last - self.first).days + 1

    def holds(self, at: datetime | None) -> bool:
        """Whether the instant lies in it."""
        return at is not None and self.since <= at < self.until


def span(first: date, last: date, zone_name: str) -> Span:
    """The days ``first`` to ``last``. Raises InvalidInput when they are the wrong way round or too many."""
    for name, day in (("until", last), ("since", first)):
        if not date(1990, 1, 1) <= day < date(2200, 1, 1):
            raise InvalidInput.at(name, "is no day that was measured", "1990 to 2199")
    if last < first:
        raise InvalidInput.at("until", "is before since", "a day from since on")
    if (last - first).days >= LONGEST:
        raise InvalidInput.at("since", "is too far from until", f"{LONGEST} days at most")
    where = zone(zone_name)
    until = start_of_day(last + timedelta(days=1), where)
    return Span(first, last, zone_name, start_of_day(first, where), until)


def days_to(last: date, days: int, zone_name: str) -> Span:
    """The ``days`` local days up to ``last``, which is included."""
    return span(date.fromordinal(max(last.toordinal() - days + 1, 1)), last, zone_name)


def days_back(now: datetime, days: int, zone_name: str) -> Span:
    """The last ``days`` local days, today included."""
    return days_to(to_local(now, zone(zone_name)).date(), days, zone_name)


def blocks(whole: Span) -> tuple[Span, ...]:
    """The span in blocks of seven days (28 in spans over half a year), counted back from its last day, oldest first.

    What is left over at the beginning is shorter than a block and would not compare, so it is no block.
    """
    size = _WEEK if whole.days <= _LONG else 4 * _WEEK
    found = []
    last = whole.last
    while last - timedelta(days=size - 1) >= whole.first:
        first = last - timedelta(days=size - 1)
        found.append(span(first, last, whole.zone))
        last = first - timedelta(days=1)
    return tuple(reversed(found))
