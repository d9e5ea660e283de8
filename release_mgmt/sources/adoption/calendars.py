"""A calendar that a team has today, as a calendar file of ours: to be read, corrected, and applied with a preview.

An event of whole days, or one whose title speaks of a freeze, becomes a freeze; every other event a window. What does
not become one is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import icalendar
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import one_line
from release_mgmt.sources.adoption.document import Adopted, Document, bounded

_TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")


@dataclass(frozen=True, slots=True)
class _Slot:
    """When an event is: days, or wall time of the calendar; ``length`` where the clock between says another."""

    start: date
    end: date
    length: timedelta | None


def from_ics(content: bytes, *, name: str, time_zone: str) -> Adopted:
    """From an iCalendar file. Times in other zones are turned into ``time_zone``; rules, exceptions and moved
    occurrences are kept. Raises InvalidInput when it cannot be read or names a time zone nobody knows."""
    bounded(len(content))
    try:
        calendars = icalendar.Calendar.from_ical(content, multiple=True)
    except (ValueError, IndexError, KeyError) as error:
        raise InvalidInput.at("file", f"this is not an iCalendar file: {one_line(str(error), 200)}") from error
    made = _Reader(Document(name, time_zone), time_zone)
    for calendar in calendars:
        own = {str(each.get("TZID")) for each in calendar.walk("VTIMEZONE")}
        changed = []
        for event in calendar.walk("VEVENT"):
            _check_zones(event, own)
            if "RECURRENCE-ID" in event:
                changed.append(event)
            else:
                made.whole(event)
        for event in changed:
            made.occurrence(event)
    return made.document.done()


class _Reader:
    """Takes events into a document; ``ids`` are the ids given to the events of the file by their UID."""

    def __init__(self, document: Document, time_zone: str) -> None:
        self.document = document
        self._zone = ZoneInfo(time_zone)
        self._ids: dict[str, tuple[str, timedelta]] = {}

    def whole(self, event: Any) -> None:
        """An event of its own, with its rule."""
        title = _title(event)
        if _is_cancelled(event):
            self._note(title, "is cancelled and was left out")
            return
        slot = self._slot(event)
        if slot is None:
            return
        rule = event.get("RRULE")
        if isinstance(rule, list):
            self._note(title, "has several rules and was left out")
            return
        if rule is not None and (elsewhere := _other_zone(event, self._zone)):
            self._note(title, f"repeats by the clock of {elsewhere}; check its days and times here")
        without = tuple(sorted(self._local(at) for at in _dates(event, "EXDATE")))
        key = self.document.add(
            title, slot.start, slot.end, rule=rule.to_ical().decode() if rule is not None else None, without=without,
            length=slot.length,
        )  # fmt: skip
        self._ids.setdefault(str(event.get("UID", "")), (key, slot.end - slot.start))
        for at in _dates(event, "RDATE"):
            if isinstance(at, tuple):
                self._note(title, "has a period as a further date, which was left out")
                continue
            start = self._local(at)
            self.document.add(title, start, start + (slot.end - slot.start), length=slot.length)

    def occurrence(self, event: Any) -> None:
        """One occurrence that is cancelled or takes place at another time."""
        uid, title = str(event.get("UID", "")), _title(event)
        key, length = self._ids.get(uid, (None, None))
        original = self._local(event["RECURRENCE-ID"].dt)
        if str(event["RECURRENCE-ID"].params.get("RANGE", "")).upper() == "THISANDFUTURE":
            self._note(title, f"is changed from {original} on; here that one time only, so check the later ones")
        if _is_cancelled(event):
            if not self.document.spare(key, original):
                self._note(title, "is cancelled and was left out")
            return
        slot = self._slot(event)
        if slot is None:
            return
        same = slot.length is None and slot.end - slot.start == length
        if same and self.document.move(key, original, slot.start):
            return
        self.document.spare(key, original)
        self.document.add(title, slot.start, slot.end, length=slot.length)

    def _slot(self, event: Any) -> _Slot | None:
        title = _title(event)
        try:
            start, end = event.start, event.end
            first, last = self._local(start), self._local(end)
            whole = not isinstance(first, datetime)
            real = _real(start, end)
        except (AttributeError, ValueError, TypeError, OverflowError, icalendar.InvalidCalendar) as error:
            raise InvalidInput.at(f"event {title}", f"its times cannot be read: {error}") from error
        if real < timedelta(0) or (real == timedelta(0) and not whole):
            self._note(title, "does not last and was left out")
            return None
        return _Slot(first, last, None if whole or last - first == real else real)

    def _local(self, value: date) -> date:
        """A day as it is, an instant as naive wall time in the calendar's zone; floating times are taken for that."""
        if not isinstance(value, datetime) or value.tzinfo is None:
            return value
        return value.astimezone(self._zone).replace(tzinfo=None)

    def _note(self, title: str, told: str) -> None:
        self.document.notes.append(f"{title}: {told}")


def _title(event: Any) -> str:
    return one_line(str(event.get("SUMMARY", "")), 80) or one_line(str(event.get("UID", "")), 80) or "event"


def _is_cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _real(start: date, end: date) -> timedelta:
    """How long it lasts, whatever the clock does between."""
    if isinstance(start, datetime) and isinstance(end, datetime) and start.tzinfo and end.tzinfo:
        return end.astimezone(UTC) - start.astimezone(UTC)
    return end - start


def _dates(event: Any, part: str) -> Iterator[Any]:
    lists = event.get(part, [])
    for one in lists if isinstance(lists, list) else [lists]:
        yield from (item.dt for item in one.dts)


def _other_zone(event: Any, zone: ZoneInfo) -> str | None:
    """The name of a zone whose clock changes otherwise than the calendar's; None when they go together."""
    start = event.start
    theirs: tzinfo | None = start.tzinfo if isinstance(start, datetime) else None
    if theirs is None:
        return None
    year = [datetime(start.year, month, 15, tzinfo=UTC) for month in range(1, 13)]
    apart = {
        (at.astimezone(theirs).utcoffset() or at - at) - (at.astimezone(zone).utcoffset() or at - at) for at in year
    }
    crosses = start.date() != start.astimezone(zone).date()
    return str(theirs) if len(apart) > 1 or crosses else None


def _check_zones(event: Any, own: set[str]) -> None:
    """Zones must be known: the library silently takes an unknown one as no zone."""
    for part in _TIMES:
        values = event.get(part)
        for value in values if isinstance(values, list) else [values] if values is not None else []:
            name = getattr(value, "params", {}).get("TZID")
            if name is None or str(name) in own or str(name) in available_timezones() or str(name) in WINDOWS_TO_OLSON:
                continue
            raise InvalidInput.at(
                f"event {_title(event)}", f"the time zone {one_line(str(name), 60)!r} is not known",
                "an IANA name, or a VTIMEZONE in the file",
            )  # fmt: skip
