"""A calendar that a team has today, as a calendar file of ours: to be read, corrected, and applied with a preview.

An event of whole days, or one whose title speaks of a freeze, becomes a freeze; every other event a window. What does
not become one is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import icalendar

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import one_line
from release_mgmt.sources.adoption import rules
from release_mgmt.sources.adoption.document import Adopted, Document, bounded
from release_mgmt.sources.calendars.zones import is_known

_TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")


@contextmanager
def _readable(event: Any) -> Iterator[None]:
    """What the library cannot read of an event it tells only when asked for it."""
    try:
        yield
    except (AttributeError, ValueError, TypeError, OverflowError) as error:
        told = one_line(str(error), 200)
        raise InvalidInput.at(f"event {_title(event)}", f"its times cannot be read: {told}") from error


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
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:  # the library would put question marks into titles
        raise InvalidInput.at("file", f"it is not UTF-8: {error.reason} at byte {error.start}", "UTF-8") from error
    try:
        with warnings.catch_warnings(category=UserWarning, action="ignore"):  # it says that it guessed a zone
            calendars = icalendar.Calendar.from_ical(content, multiple=True)
    except (ValueError, IndexError, KeyError) as error:
        raise InvalidInput.at("file", f"this is not an iCalendar file: {one_line(str(error), 200)}") from error
    made = _Reader(Document(name, time_zone), time_zone)
    for calendar in calendars:
        own = {str(each.get("TZID")) for each in calendar.walk("VTIMEZONE")}
        changed: list[tuple[tuple[bool, str], Any]] = []
        for event in calendar.walk("VEVENT"):
            with _readable(event):
                _check_zones(event, own)
                if "RECURRENCE-ID" in event:
                    changed.append((made.order(event), event))
                else:
                    made.whole(event)
        for _, event in sorted(changed, key=itemgetter(0)):
            with _readable(event):
                made.occurrence(event)
    return made.document.done()


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a repeating event goes by one entry of the document: all, or from ``since`` (by the event's own rule) on,
    ``later`` than that rule says."""

    key: str
    title: str
    start: date
    length: timedelta
    since: date | None = None
    later: timedelta = timedelta(0)


class _Reader:
    """Takes events into a document; ``parts`` are what became of the events of the file by their UID, ``more`` what
    became of their further dates."""

    def __init__(self, document: Document, time_zone: str) -> None:
        self.document = document
        self._zone = ZoneInfo(time_zone)
        self._parts: dict[str, list[_Part]] = {}
        self._more: dict[tuple[str, date], str] = {}

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
        if "EXRULE" in event:
            self._note(title, "has a rule of exceptions (EXRULE), which was left out; check its times")
        out = {_like(self._local(at), slot.start) for at in _dates(event, "EXDATE")}
        text = None
        if rule is not None:
            try:
                slot, text = self._rule(event, title, slot, rule.to_ical().decode())
            except InvalidInput as error:
                self._note(title, f"has a rule that no calendar here can hold and was left out: {error.message}")
                return
        further = {
            _like(self._local(at[0] if isinstance(at, tuple) else at), slot.start): at for at in _dates(event, "RDATE")
        }
        for at in sorted(out & further.keys(), key=str):
            del further[at]
            out.discard(at)
        without = self._named(title, text, slot, out)
        uid = str(event.get("UID", ""))
        if text is not None or slot.start not in without:
            key = self.document.add(
                title, slot.start, slot.end, rule=text, without=without if text else (), length=slot.length
            )  # fmt: skip
            self._parts.setdefault(uid, [_Part(key, title, slot.start, slot.end - slot.start)])
        for start, at in further.items():
            self._further(uid, title, start, at, slot)

    def _rule(self, event: Any, title: str, slot: _Slot, text: str) -> tuple[_Slot, str | None]:
        """The event's rule as ours, and its first time. Most programs take the start for one even where the rule does
        not name it."""
        theirs = event.start.tzinfo if isinstance(event.start, datetime) and event.start.tzinfo else self._zone
        text = rules.kept(text, slot.start, self._zone, theirs)
        first = rules.first(text, slot.start, self._zone)
        if first == slot.start:
            return slot, text
        left = rules.less(text, 1)
        if first is None or left is None:
            return slot, None
        self._note(title, f"begins on {slot.start}, which its rule does not name; that time became one of its own")
        self.document.add(title, slot.start, slot.end, length=slot.length)
        return replace(slot, start=first, end=first + (slot.end - slot.start)), left

    def _named(self, title: str, rule: str | None, slot: _Slot, out: set[date]) -> tuple[date, ...]:
        """What of the times that are left out the event has."""
        found = {at for at in out if at == slot.start or (rule and rules.names(rule, slot.start, at, self._zone))}
        for at in sorted(out - found, key=str):
            self._note(title, f"leaves out {at}, which is none of its times")
        return tuple(sorted(found))

    def _further(self, uid: str, title: str, start: date, at: Any, slot: _Slot) -> None:
        """A further date of an event, or a further period."""
        end, length = start + (slot.end - slot.start), slot.length
        if isinstance(at, tuple):
            end, length = self._local(at[0] + at[1] if isinstance(at[1], timedelta) else at[1]), None
        self._more[uid, start] = self.document.add(title, start, end, length=length)

    def order(self, event: Any) -> tuple[bool, str]:
        """What changes from one occurrence on goes before what changes one alone, each in their order of time."""
        return not _is_onward(event), str(self._local(event["RECURRENCE-ID"].dt))

    def occurrence(self, event: Any) -> None:
        """One occurrence that is cancelled or takes place at another time, or all from one on."""
        uid, title = str(event.get("UID", "")), _title(event)
        original = self._local(event["RECURRENCE-ID"].dt)
        slot = None if _is_cancelled(event) else self._slot(event)
        if slot is None and not _is_cancelled(event):
            return
        parts = self._parts.get(uid, [])
        original = _like(original, parts[0].start) if parts else original
        part = next((one for one in reversed(parts) if one.since is None or one.since <= original), None)
        original += part.later if part is not None else timedelta(0)
        if _is_onward(event):
            if part is not None and self._onward(uid, part, title, original, slot):
                return
            self._note(title, f"is changed from {original} on; here that one time only, so check the later ones")
        further = self._more.pop((uid, original), None)
        if further is not None:
            self.document.remove(further)
        if part is not None and further is None and not self._has(part, original):
            self._note(title, f"changes {original}, which is none of its times")
            part = None
        key = part.key if part is not None and further is None else None
        if slot is None:
            if further is None and not self.document.spare(key, original):
                self._note(title, "is cancelled and was left out")
            return
        if part is not None and part.title != title and further is None:
            self._note(title, f"is what {part.title} is called on {slot.start}; here it keeps its name")
        same = part is not None and slot.length is None and slot.end - slot.start == part.length
        if same and self.document.move(key, original, slot.start):
            return
        self.document.spare(key, original)
        self.document.add(title, slot.start, slot.end, length=slot.length)

    def _has(self, part: _Part, at: date) -> bool:
        told = self.document.rule(part.key)
        return at == part.start if told is None else rules.names(told[1], told[0], at, self._zone)

    def _onward(self, uid: str, part: _Part, title: str, original: date, slot: _Slot | None) -> bool:
        """From an occurrence on a series ends, or goes on at another time (RFC 5545 section 3.2.13); False when that
        cannot be said by rules."""
        told = self.document.rule(part.key)
        if told is None:
            return False
        start, rule = told
        left = rules.before(rule, start, original, self._zone)
        if slot is None:
            self.document.end_before(part.key, original, left)
            return True
        goes_on = rules.after(rule, start, original, slot.start, self._zone)
        if goes_on is None or isinstance(slot.start, datetime) != isinstance(start, datetime):
            return False
        timed = "freeze" if self.document.is_freeze(part.key) else "window"
        kind = timed if isinstance(slot.start, datetime) else None
        without, moved = self.document.end_before(part.key, original, left)
        by = slot.start - original
        shifted = tuple(_like(datetime.fromisoformat(one) + by, slot.start) for one in without)
        key = self.document.add(
            title, slot.start, slot.end, kind=kind, rule=goes_on, without=shifted, length=slot.length
        )  # fmt: skip
        for at, to in moved.items():
            self.document.move(key, datetime.fromisoformat(at) + by, datetime.fromisoformat(to))
        self._parts[uid].append(
            _Part(key, title, slot.start, slot.end - slot.start, original - part.later, part.later + by)
        )
        return True

    def _slot(self, event: Any) -> _Slot | None:
        title = _title(event)
        start, end = event.start, event.end
        first, last = self._local(start), self._local(end)
        whole = not isinstance(first, datetime)
        real = _real(start, end)
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


def _is_onward(event: Any) -> bool:
    return str(event["RECURRENCE-ID"].params.get("RANGE", "")).upper() == "THISANDFUTURE"


def _like(at: date, start: date) -> date:
    """What names an occurrence, as a time where the event has times and a day where it has days: programs mix them."""
    if isinstance(start, datetime):
        return at if isinstance(at, datetime) else datetime.combine(at, start.time())
    return at.date() if isinstance(at, datetime) else at


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
            if name is None or str(name) in own or is_known(str(name)):
                continue
            raise InvalidInput.at(
                f"event {_title(event)}", f"the time zone {one_line(str(name), 60)!r} is not known",
                "an IANA name, or a VTIMEZONE in the file",
            )  # fmt: skip
