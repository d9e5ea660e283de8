"""Content lines (RFC 5545 3.1) and events."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from release_mgmt.core.calendar import CalendarEntry
from release_mgmt.core.text import clean

_FOLD = 75
_ESCAPE = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}
_SPECIAL = re.compile(r"[\\;,\n]")


def text(value: str) -> str:
    """A TEXT value (3.3.11), without controls."""
    return _SPECIAL.sub(lambda found: _ESCAPE[found.group()], clean(value))


def fold(line: str) -> bytes:
    """One content line, folded at 75 octets and never inside a character, with its CRLF."""
    raw = line.encode("utf-8")
    if len(raw) <= _FOLD:
        return raw + b"\r\n"
    pieces, start, room = [], 0, _FOLD
    while len(raw) - start > room:
        end = start + room
        while raw[end] & 0xC0 == 0x80:  # a continuation byte of UTF-8
            end -= 1
        pieces.append(raw[start:end])
        start, room = end, _FOLD - 1
    pieces.append(raw[start:])
    return b"\r\n ".join(pieces) + b"\r\n"


def instant(value: datetime) -> str:
    """A DATE-TIME in UTC."""
    return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def moment(name: str, value: datetime | date, zone: str | None = None) -> str:
    """A DTSTART or DTEND line: DATE for days, else UTC, or local time with TZID.

    A time in the repeated autumn hour stays UTC in every variant: most parsers read it as the second of the two.
    """
    if not isinstance(value, datetime):
        return f"{name};VALUE=DATE:{value:%Y%m%d}"
    if zone is not None:
        local = value.astimezone(ZoneInfo(zone))
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return f"{name};TZID={zone}:{local:%Y%m%dT%H%M%S}"
    return f"{name}:{instant(value)}"


def event(entry: CalendarEntry, zone: str | None = None, alarm_minutes: int | None = None) -> bytes:
    """A VEVENT. ``zone`` writes local times with that TZID, ``alarm_minutes`` adds a reminder before the start."""
    changed = instant(entry.last_modified)
    busy = "FREE" if entry.transparent else "TENTATIVE" if entry.status == "TENTATIVE" else "BUSY"
    lines = [
        "BEGIN:VEVENT",
        f"UID:{text(entry.uid)}",
        f"DTSTAMP:{changed}",
        moment("DTSTART", entry.start, zone),
        moment("DTEND", entry.end, zone),
        f"SUMMARY:{text(entry.summary)}",
        f"DESCRIPTION:{text(entry.description)}" if entry.description else "",
        f"CREATED:{instant(entry.created)}",
        f"LAST-MODIFIED:{changed}",
        f"SEQUENCE:{entry.sequence}",
        f"STATUS:{entry.status}",
        f"TRANSP:{'TRANSPARENT' if entry.transparent else 'OPAQUE'}",
        f"X-MICROSOFT-CDO-BUSYSTATUS:{busy}",
        f"CATEGORIES:{','.join(text(name) for name in entry.categories)}" if entry.categories else "",
        f"URL:{uri(entry.url)}" if entry.url else "",
    ]
    if alarm_minutes is not None and entry.status != "CANCELLED":
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", f"DESCRIPTION:{text(entry.summary)}"]
        lines += [f"TRIGGER:-PT{alarm_minutes}M", "END:VALARM"]
    lines.append("END:VEVENT")
    return b"".join(fold(line) for line in lines if line)


def uri(value: str) -> str:
    """A URI value: ASCII only, no white space (percent-encoded here where it is not)."""
    return "".join(
        char if "!" <= char <= "~" else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
        for char in value
    )
