"""Events of an .ics file as spans: recurrences expanded, exceptions honoured, every zone known (RFC 5545)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from release_mgmt.core.errors import FieldError, InvalidInput, TooLarge
from release_mgmt.core.text import one_line
from release_mgmt.core.windows import resolve, zone
from release_mgmt.sources.calendars.zones import is_known

MOST_BYTES = 2 * 1024 * 1024
MOST_EVENTS = 2_000
MOST_A_DAY = 24
_DAILY = {"HOURLY": 24, "MINUTELY": 1440, "SECONDLY": 86_400}
_DAY = timedelta(days=1)
_TWICE = "has the UID of another event"
_RULE = "has a rule of exceptions (EXRULE), which is not read: it keeps all its times"


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """One occurrence: ``days`` (whole local days, both included), or instants in UTC. ``key`` names it for ever."""

    key: str
    title: str
    days: tuple[date, date] | None
    start: datetime | None
    end: datetime | None

    @property
    def digest(self) -> str:
        """Changes with anything that it says."""
        return hashlib.sha256(repr((self.title, self.days, self.start, self.end)).encode()).hexdigest()


def read_ics(
    content: bytes, since: datetime, until: datetime, zone_name: str
) -> tuple[list[ImportedEvent], tuple[FieldError, ...]]:
    """The occurrences that touch [since, until), cancelled ones left out, by start; and what else was left out, by its
    place: events without length, that end before they begin, or with the UID of another, and rules of exceptions
    (EXRULE, RFC 2445 section 4.8.5.2), whose events keep all their times.

    Times without a zone are wall time of ``zone_name``. Raises InvalidInput for what is no calendar, and for a zone
    that nobody knows, naming the event; TooLarge over the bounds.
    """
    import icalendar
    import recurring_ical_events

    if len(content) > MOST_BYTES:
        raise TooLarge(f"A calendar file to import has at most {MOST_BYTES // 1024 // 1024} MB.")
    try:
        calendar = icalendar.Calendar.from_ical(content)
    except (ValueError, IndexError, KeyError) as error:
        raise InvalidInput.at("file", "is not an iCalendar file", "text that begins with BEGIN:VCALENDAR") from error
    if calendar.name != "VCALENDAR":
        raise InvalidInput.at("file", "is not an iCalendar file", "text that begins with BEGIN:VCALENDAR")
    events: list[Any] = list(calendar.walk("VEVENT"))
    if len(events) > MOST_EVENTS:
        raise TooLarge(f"A calendar file to import has at most {MOST_EVENTS} events.")
    _check(calendar, events)
    rules = zone(zone_name)
    try:
        faults = _faults(events, rules)
        kept = [event for index, event in enumerate(events) if faults.get(index) != _TWICE]
        calendar.subcomponents = [one for one in calendar.subcomponents if one.name != "VEVENT"] + kept
        _until_whole_days(kept)
        found = _expanded(recurring_ical_events.of(calendar), since, until)
    except (ValueError, TypeError, OverflowError, KeyError, AttributeError) as error:
        raise InvalidInput.at("file", f"holds an event that cannot be expanded: {one_line(str(error), 120)}") from error
    exact, starts = _exact(kept), {_identity(event): event["DTSTART"].dt for event in kept}
    wrong = {_identity(events[index]) for index, fault in faults.items() if fault != _TWICE}
    shown = [each for each in found if not _is_cancelled(each) and _source(each, starts) not in wrong]
    read = [_event(each, rules, exact, starts) for each in shown]
    unique = {each.key: each for each in read if each is not None}
    left_out = [
        FieldError(f"events[{index}]", f"the event “{_called(events[index], index)}” {fault}")
        for index, fault in sorted(faults.items())
        if not _is_cancelled(events[index])
    ]
    left_out += [
        FieldError(f"events[{index}].EXRULE", f"the event “{_called(event, index)}” {_RULE}")
        for index, event in enumerate(events)
        if "EXRULE" in event and index not in faults and not _is_cancelled(event)
    ]
    return sorted(unique.values(), key=lambda each: (str(each.start or each.days), each.key)), tuple(left_out)


def _is_cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _called(event: Any, index: int) -> str:
    return one_line(str(event.get("SUMMARY") or event.get("UID") or index), 80)


def _identity(event: Any) -> tuple[str, str]:
    return _name(event), _recurrence(event)


def _source(event: Any, named: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The identity of the event of the file that an occurrence comes from: one of its own, or that of the series."""
    own = _identity(event)
    return own if own in named else (own[0], "")


def _faults(events: list[Any], rules: tzinfo) -> dict[int, str]:
    """Why events are left out, by their place. Of those with one UID the last version (SEQUENCE) stays, else the first
    (RFC 5545 section 3.8.4.7: a UID names one)."""
    found = {index: fault for index, event in enumerate(events) if (fault := _fault(event, rules)) is not None}
    stay: dict[tuple[str, str], int] = {}
    for index, event in enumerate(events):
        other = stay.setdefault(_identity(event), index)
        if other == index or not event.get("UID"):
            continue
        newer = int(event.get("SEQUENCE", 0)) > int(events[other].get("SEQUENCE", 0))
        found[other if newer else index] = _TWICE
        stay[_identity(event)] = index if newer else other
    return found


def _fault(event: Any, rules: tzinfo) -> str | None:
    start, end, length = event["DTSTART"].dt, event.get("DTEND"), event.get("DURATION")
    timed = isinstance(start, datetime)
    if end is None:
        span = length.dt if length is not None else timedelta(days=not timed)
    elif isinstance(end.dt, datetime) != timed:
        return None
    else:
        span = _instant(end.dt, rules, late=True) - _instant(start, rules, late=False) if timed else end.dt - start
    if span < timedelta():
        return "ends before it begins"
    return "has no length" if timed and not span else None


def _until_whole_days(events: list[Any]) -> None:
    """A day as the end of a rule of times is meant whole (RFC 5545 section 3.3.10 has it for events of whole days)."""
    for event in events:
        start, given = event["DTSTART"].dt, event.get("RRULE", [])
        for rule in given if isinstance(given, list) else [given]:
            day = (rule.get("UNTIL") or [None])[0]
            if isinstance(start, datetime) and isinstance(day, date) and not isinstance(day, datetime):
                last = datetime.combine(day, time(23, 59, 59), start.tzinfo)
                rule["UNTIL"] = [last.astimezone(UTC) if start.tzinfo is not None else last]


def _expanded(calendar: Any, since: datetime, until: datetime) -> list[Any]:
    """The occurrences that touch [since, until), looked for in stretches that double: a flood is seen early.

    Raises TooLarge when they are too many.
    """
    found: dict[tuple[str, str, str], Any] = {}
    stretch = timedelta(days=1)
    while since < until:
        end = min(since + stretch, until)
        for each in calendar.between(since, end):
            found.setdefault((_name(each), _recurrence(each), str(each["DTSTART"].dt)), each)
        if len(found) > MOST_EVENTS:
            raise TooLarge(f"A calendar file to import has at most {MOST_EVENTS} occurrences.")
        since, stretch = end, stretch * 2
    return list(found.values())


def _name(event: Any) -> str:
    """By what an event is known: its UID, which some programs leave out, else its title."""
    return str(event.get("UID") or event.get("SUMMARY") or "")


def _often(event: Any) -> int:
    """How often an event's rules name a time on one day, at the most."""
    rules = event.get("RRULE", [])
    most = 1
    for rule in rules if isinstance(rules, list) else [rules]:
        frequency = str((rule.get("FREQ") or [""])[0]).upper()
        times = _DAILY.get(frequency, 1)
        for part, finer in (("BYHOUR", 1), ("BYMINUTE", 24), ("BYSECOND", 1440)):
            times *= max(len(rule.get(part, [])), 1) if _DAILY.get(frequency, 1) <= finer else 1
        most = max(most, times)
    return most


def _check(calendar: Any, events: list[Any]) -> None:
    """Zones must be known: readers silently take an unknown one as the reader's own time."""
    own = {str(each.get("TZID")) for each in calendar.walk("VTIMEZONE")}
    faults = []
    for index, event in enumerate(events):
        name = _called(event, index)
        if _often(event) > MOST_A_DAY:
            message = f"the event “{name}” repeats more than {MOST_A_DAY} times a day"
            faults.append(FieldError(f"events[{index}].RRULE", message, "once an hour at most"))
        if event.get("DTSTART") is None:
            faults.append(FieldError(f"events[{index}].DTSTART", f"the event “{name}” has no start"))
        for part in ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"):
            values = event.get(part)
            for value in values if isinstance(values, list) else [values] if values is not None else []:
                tzid = getattr(value, "params", {}).get("TZID")
                if tzid is not None and str(tzid) not in own and not is_known(str(tzid)):
                    message = f"the event “{name}” has an unknown time zone {one_line(str(tzid), 60)!r}"
                    faults.append(
                        FieldError(f"events[{index}].{part}", message, "an IANA name or a VTIMEZONE in the file")
                    )
    if faults:
        raise InvalidInput(faults[0].message, faults, hint=faults[0].allowed)


def _exact(events: list[Any]) -> dict[tuple[str, str], timedelta]:
    """Exact durations by (UID, RECURRENCE-ID or nothing): expanding makes wall-clock ends of them."""
    return {
        (str(event.get("UID", "")), _recurrence(event)): event["DURATION"].dt
        for event in events
        if event.get("DURATION") is not None
    }


def _recurrence(event: Any) -> str:
    found = event.get("RECURRENCE-ID")
    return found.dt.isoformat() if found is not None else ""


def _first_start(event: Any, starts: dict[tuple[str, str], Any]) -> Any:
    """When an occurrence would have been by the rule, which names it.

    Those that follow one with RANGE=THISANDFUTURE (RFC 5545 section 3.2.13) carry the RECURRENCE-ID of that one.
    """
    start, given = event["DTSTART"].dt, event.get("RECURRENCE-ID")
    if given is None:
        return start
    changed = starts.get(_identity(event), start)
    alike = isinstance(given.dt, datetime) == isinstance(start, datetime) == isinstance(changed, datetime)
    return given.dt + (start - changed) if alike else given.dt


def _event(
    event: Any, rules: tzinfo, exact: dict[tuple[str, str], timedelta], starts: dict[tuple[str, str], Any]
) -> ImportedEvent | None:
    start = event["DTSTART"].dt
    uid = str(event.get("UID", ""))
    length = exact.get((uid, _recurrence(event)), exact.get((uid, "")))
    if length is not None and event.get("DTEND") is not None and event["DTEND"].dt - start != length:
        length = None  # an occurrence that was given an end of its own
    finish = event["DTEND"].dt if event.get("DTEND") is not None else None
    key = f"{_name(event)}@{_first_start(event, starts).isoformat()}"
    title = one_line(str(event.get("SUMMARY") or ""), 200)
    if not isinstance(start, datetime):
        last = finish - _DAY if isinstance(finish, date) and not isinstance(finish, datetime) else start
        return ImportedEvent(key, title, (start, max(start, last)), None, None)
    begin = _instant(start, rules, late=False)
    if length is not None:
        end = begin + length  # an exact duration is real time, whatever the clock does
    elif isinstance(finish, datetime):
        end = _instant(finish, rules, late=True)
    else:
        return None
    return ImportedEvent(key, title, None, begin, end) if end > begin else None


def _instant(value: datetime, rules: tzinfo, *, late: bool) -> datetime:
    return value.astimezone(UTC) if value.tzinfo is not None else resolve(value, rules, late=late).instant
