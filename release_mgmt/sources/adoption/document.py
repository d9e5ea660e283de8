"""A calendar document as it grows out of events that were read from a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from release_mgmt.core.errors import InvalidInput, TooLarge
from release_mgmt.core.text import one_line

MOST_BYTES = 10_000_000
MOST_EVENTS = 5_000
_FREEZE = re.compile(r"freeze|frozen|blackout|moratorium|no.?deploy|sperr|holiday|feiertag", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A calendar document in the form of calendar files, and what a person should look at."""

    document: dict[str, Any]
    windows: int
    freezes: int
    notes: tuple[str, ...]


def bounded(size: int) -> None:
    """Raises TooLarge for a file beyond the limit."""
    if size > MOST_BYTES:
        raise TooLarge(f"The file has {size:,} bytes; {MOST_BYTES:,} are allowed.")


class Document:
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
        length: timedelta | None = None,
    ) -> str:
        """Take in an event; returns its id. ``length`` is its real duration where the clock between says another."""
        if len(self.series) + len(self.freezes) >= MOST_EVENTS:
            raise TooLarge(f"The file holds more than {MOST_EVENTS:,} events.")
        whole = not isinstance(start, datetime)
        if isinstance(end, datetime) == whole:
            raise InvalidInput.at("end", "start and end must both be days or both be times")
        if length is None and end <= start and not (whole and end == start):
            raise InvalidInput.at("end", "must be after the start")
        told = (kind or "").strip().lower()
        if told not in ("", "window", "freeze"):
            raise InvalidInput.at("kind", f"{told!r} is not known", "window, freeze")
        text = one_line(title, 200) or "event"
        key = self._key(text)
        entry: dict[str, Any] = {"id": key}
        if told == "freeze" or (not told and (whole or _FREEZE.search(text))):
            last = end if told or end == start else end - timedelta(days=1)
            entry |= {"days": [start.isoformat(), last.isoformat()]} if whole else _span(start, end, length)
            entry |= {"hard": True, "reason": one_line(reason or text, 500)}
            entry |= {"rrule": rule} if rule else {}
            self.freezes.append(entry)
            if not told and not _FREEZE.search(text):
                self.notes.append(f"{text}: lasts whole days and became a freeze; check that nothing goes out then")
        elif whole:
            raise InvalidInput.at("start", "a window needs times", "2026-11-24T18:00")
        else:
            entry |= {"title": text, **_span(start, end, length)} | ({"rrule": rule} if rule else {})
            self.series.append(entry)
        if without:
            entry["except"] = [_start(at) for at in without]
        return key

    def spare(self, key: str | None, original: date) -> bool:
        """Leave an occurrence of a series or freeze out; False when there is no such series."""
        entry = self._entry(key)
        if entry is None:
            return False
        entry["except"] = sorted({*entry.get("except", ()), _start(original)})
        return True

    def move(self, key: str | None, original: date, start: date) -> bool:
        """An occurrence of a series takes place at another time; False when there is no such series."""
        entry = next((one for one in self.series if one["id"] == key), None)
        if entry is None:
            return False
        entry.setdefault("moved", {})[_wall(original)] = _wall(start)
        return True

    def end_before(self, key: str, original: date, rule: str | None) -> tuple[list[str], dict[str, str]]:
        """A series or freeze ends before an occurrence: ``rule`` is what is left of it (None: nothing).

        Returns what was left out and moved from there on."""
        entry = self._entry(key) or {}
        since = _start(original)
        without = [one for one in entry.get("except", ()) if one >= since]
        moved = {at: to for at, to in entry.get("moved", {}).items() if at >= since}
        entry["rrule"] = rule
        entry["except"] = [one for one in entry.get("except", ()) if one < since]
        entry["moved"] = {at: to for at, to in entry.get("moved", {}).items() if at < since}
        for name in [name for name in ("except", "moved") if not entry[name]]:
            del entry[name]
        if rule is None:
            self.remove(key)
        return without, moved

    def remove(self, key: str) -> None:
        """Take an entry out again."""
        self.series = [one for one in self.series if one["id"] != key]
        self.freezes = [one for one in self.freezes if one["id"] != key]

    def rule(self, key: str | None) -> tuple[date, str] | None:
        """The start and rule of a series or freeze; None when it has none."""
        entry = self._entry(key)
        if entry is None or "rrule" not in entry:
            return None
        start = entry.get("start") or entry["days"][0]
        return (datetime.fromisoformat(start) if "T" in start else date.fromisoformat(start)), entry["rrule"]

    def is_freeze(self, key: str) -> bool:
        """Whether an entry became a freeze."""
        return any(one["id"] == key for one in self.freezes)

    def _entry(self, key: str | None) -> dict[str, Any] | None:
        return next((one for one in (*self.series, *self.freezes) if one["id"] == key), None)

    def done(self) -> Adopted:
        """The document."""
        if not self.series and not self.freezes:
            raise InvalidInput.at("file", "; ".join(("no events were found", *self.notes[:10])))
        document = {**self.head, "series": self.series, "freezes": self.freezes}
        return Adopted(document, len(self.series), len(self.freezes), tuple(self.notes))

    def _key(self, text: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:40] or "event"
        key, number = base, 2
        while key in self._ids:
            key, number = f"{base}-{number}", number + 1
        self._ids.add(key)
        return key


def _span(start: date, end: date, length: timedelta | None) -> dict[str, Any]:
    if length is None:
        return {"start": _wall(start), "end": _wall(end)}
    return {"start": _wall(start), "duration": f"PT{length // timedelta(minutes=1)}M"}


def _wall(at: date) -> str:
    return at.strftime("%Y-%m-%dT%H:%M") if isinstance(at, datetime) else at.isoformat()


def _start(at: date) -> str:
    """How an occurrence is named: whole days begin at midnight."""
    return _wall(at) if isinstance(at, datetime) else f"{at.isoformat()}T00:00"
