"""A calendar that a team has today, as a calendar file of ours: to be read, corrected, and applied with a preview.

An event of whole days, or one whose title speaks of a freeze, becomes a freeze; every other event a window.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar

from release_mgmt.core.errors import FieldError, InvalidInput, TooLarge
from release_mgmt.core.text import one_line

MOST_BYTES = 10_000_000
MOST_EVENTS = 5_000
COLUMNS = ("title", "start", "end")
_FREEZE = re.compile(r"freeze|frozen|blackout|moratorium|no.?deploy|sperr|holiday|feiertag", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A calendar document in the form of calendar files, and what a person should look at."""

    document: dict[str, Any]
    windows: int
    freezes: int
    notes: tuple[str, ...]


def from_csv(text: str, *, name: str, time_zone: str) -> Adopted:
    """From a table with the columns title, start and end (and kind: window or freeze; reason), in local time.

    Raises InvalidInput naming each row that cannot be read.
    """
    _bounded(len(text))
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True, strict=True)
    try:
        names = [str(column).strip().lower() for column in rows.fieldnames or ()]
        rows.fieldnames = names
        missing = [column for column in COLUMNS if column not in names]
        if missing:
            raise InvalidInput.at("file", f"these columns are missing: {', '.join(missing)}", ", ".join(COLUMNS))
        made = _Document(name, time_zone)
        faults: list[FieldError] = []
        for number, row in enumerate(rows, 2):
            try:
                start, end = _when(row.get("start") or ""), _when(row.get("end") or "")
                made.add(row.get("title") or "", start, end, kind=row.get("kind"), reason=row.get("reason"))
            except InvalidInput as error:
                faults.append(FieldError(f"line {number}", error.message))
    except csv.Error as error:
        raise InvalidInput.at("file", f"this is not a table: {error}") from error
    if faults:
        raise InvalidInput(f"{len(faults)} rows cannot be read.", faults[:50])
    return made.done()


def from_ics(content: bytes, *, name: str, time_zone: str) -> Adopted:
    """From an iCalendar file. Times in other zones are turned into ``time_zone``; rules, exceptions and moved
    occurrences are kept. Raises InvalidInput when it cannot be read or names a time zone nobody knows."""
    _bounded(len(content))
    try:
        calendar = icalendar.Calendar.from_ical(content)
    except (ValueError, IndexError, KeyError) as error:
        raise InvalidInput.at("file", f"this is not an iCalendar file: {one_line(str(error), 200)}") from error
    made = _Document(name, time_zone)
    moved: list[tuple[str, date, date]] = []
    ids: dict[str, str] = {}
    events: list[Any] = list(calendar.walk("VEVENT"))
    for event in events:
        uid, title = str(event.get("UID", "")), str(event.get("SUMMARY", ""))
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            made.notes.append(f"{title}: is cancelled and was left out")
            continue
        try:
            start, end = _local(event.start, time_zone), _local(event.end, time_zone)
        except (AttributeError, ValueError, TypeError) as error:
            raise InvalidInput.at(f"event {one_line(title, 80)}", f"its times cannot be read: {error}") from error
        if "RECURRENCE-ID" in event:
            moved.append((uid, _local(event["RECURRENCE-ID"].dt, time_zone), start))
            continue
        rule = event["RRULE"].to_ical().decode() if "RRULE" in event else None
        ids[uid] = made.add(title, start, end, rule=rule, without=_excepted(event, time_zone))
    for uid, original, start in moved:
        made.move(ids.get(uid), original, start)
    return made.done()


class _Document:
    """A calendar document as it grows."""

    def __init__(self, name: str, time_zone: str) -> None:
        title = one_line(name, 100)
        if not title:
            raise InvalidInput.at("name", "must not be empty")
        self.head: dict[str, Any] = {"calendar": title, "time_zone": time_zone, "public": False}
        self.series: list[dict[str, Any]] = []
        self.freezes: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._ids: set[str] = set()

    def add(
        self,
        title: str,
        start: date,
        end: date,
        *,
        kind: str | None = None,
        reason: str | None = None,
        rule: str | None = None,
        without: tuple[date, ...] = (),
    ) -> str:
        """Take in an event; returns its id."""
        if len(self.series) + len(self.freezes) >= MOST_EVENTS:
            raise TooLarge(f"The file holds more than {MOST_EVENTS:,} events.")
        whole = not isinstance(start, datetime)
        if isinstance(end, datetime) == whole:
            raise InvalidInput.at("end", "start and end must both be days or both be times")
        if end <= start and not (whole and end == start):
            raise InvalidInput.at("end", "must be after the start")
        told = (kind or "").strip().lower()
        if told not in ("", "window", "freeze"):
            raise InvalidInput.at("kind", f"{told!r} is not known", "window, freeze")
        text = one_line(title, 200) or "event"
        key = self._key(text)
        entry: dict[str, Any] = {"id": key}
        if told == "freeze" or (not told and (whole or _FREEZE.search(text))):
            last = end if told or end == start else end - timedelta(days=1)
            entry |= {"days": [start.isoformat(), last.isoformat()]} if whole else _span(start, end)
            entry |= {"hard": True, "reason": one_line(reason or text, 500)}
            self.freezes.append(entry | ({"rrule": rule} if rule else {}))
        elif whole:
            raise InvalidInput.at("start", "a window needs times", "2026-11-24T18:00")
        else:
            entry |= {"title": text, **_span(start, end)} | ({"rrule": rule} if rule else {})
            if without:
                entry["except"] = [_wall(at) for at in without]
            self.series.append(entry)
        return key

    def move(self, key: str | None, original: date, start: date) -> None:
        """An occurrence of a series that takes place at another time."""
        series = next((one for one in self.series if one["id"] == key), None)
        if series is None:
            self.notes.append(f"{original}: moved occurrence of an event that is not in the file")
            return
        series.setdefault("moved", {})[_wall(original)] = _wall(start)

    def done(self) -> Adopted:
        """The document."""
        if not self.series and not self.freezes:
            raise InvalidInput.at("file", "no events were found")
        document = {**self.head, "series": self.series, "freezes": self.freezes}
        return Adopted(document, len(self.series), len(self.freezes), tuple(self.notes))

    def _key(self, text: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:40] or "event"
        key, number = base, 2
        while key in self._ids:
            key, number = f"{base}-{number}", number + 1
        self._ids.add(key)
        return key


def _span(start: date, end: date) -> dict[str, Any]:
    return {"start": _wall(start), "end": _wall(end)}


def _wall(at: date) -> str:
    return at.strftime("%Y-%m-%dT%H:%M") if isinstance(at, datetime) else at.isoformat()


def _when(text: str) -> date:
    told = text.strip().replace(" ", "T", 1)
    try:
        if len(told) == 10:
            return date.fromisoformat(told)
        found = datetime.fromisoformat(told)
    except ValueError:
        raise InvalidInput.at("time", f"{text[:40]!r} is not a day or a local time", "2026-11-24T18:00") from None
    if found.tzinfo is not None:
        raise InvalidInput.at("time", f"{text[:40]!r} has an offset", "a local time without one")
    return found


def _local(value: date, time_zone: str) -> date:
    """A day as it is, an instant as naive wall time in the calendar's zone; floating times are taken for that zone."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None) if value.tzinfo else value


def _excepted(event: Any, time_zone: str) -> tuple[date, ...]:
    lists = event.get("EXDATE", [])
    found = [item.dt for one in (lists if isinstance(lists, list) else [lists]) for item in one.dts]
    return tuple(sorted(_local(at, time_zone) for at in found))


def _bounded(size: int) -> None:
    if size > MOST_BYTES:
        raise TooLarge(f"The file has {size:,} bytes; {MOST_BYTES:,} are allowed.")
