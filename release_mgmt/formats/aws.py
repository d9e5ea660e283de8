"""AWS Change Calendar: the native document, from expanded events (no RRULE, no EXDATE), at most 64 KB.

Freezes make a calendar that is open by default and closed during events, windows one that is closed by default and open
during events (AWS Systems Manager user guide, Change Calendar).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from release_mgmt.core.calendar import CalendarEntry
from release_mgmt.core.errors import TooLarge
from release_mgmt.formats.ical.lines import fold, instant, text

MOST_BYTES = 65_536
_PRODID = "-//AWS//Change Calendar 1.0//EN"


def document(
    entries: Iterable[CalendarEntry], kind: Literal["freezes", "windows"], description: str, time_zone: str
) -> bytes:
    """The document of the freezes or of the windows; cancelled events are not in it.

    Whole days are given as instants in ``time_zone``. Raises TooLarge when AWS would refuse the file.
    """
    wanted = "freeze" if kind == "freezes" else "window"
    chosen = sorted(
        (entry for entry in entries if entry.kind == wanted and entry.status != "CANCELLED"),
        key=lambda entry: (_instant(entry.start, time_zone), entry.uid),
    )
    lines = [
        "BEGIN:VCALENDAR",
        f"PRODID:{_PRODID}",
        "VERSION:2.0",
        f"X-CALENDAR-TYPE:{'DEFAULT_OPEN' if kind == 'freezes' else 'DEFAULT_CLOSED'}",
        f"X-WR-CALDESC:{text(description)}",
        "X-CALENDAR-CMEVENTS:DISABLED",
        f"X-WR-TIMEZONE:{time_zone}",
    ]
    for entry in chosen:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{text(entry.uid)}",
            f"DTSTAMP:{instant(entry.last_modified)}",
            f"SUMMARY:{text(entry.summary)}",
            f"DTSTART:{instant(_instant(entry.start, time_zone))}",
            f"DTEND:{instant(_instant(entry.end, time_zone))}",
            "END:VEVENT",
        ]
    if not chosen:  # the document needs a component
        lines += ["BEGIN:VTODO", "DTSTAMP:20200101T000000Z", "UID:placeholder@release-mgmt"]
        lines += ["SUMMARY:Add events to this calendar.", "END:VTODO"]
    lines.append("END:VCALENDAR")
    content = b"".join(fold(line) for line in lines)
    if len(content) > MOST_BYTES:
        raise TooLarge(
            f"The calendar has {len(content):,} bytes; AWS Change Calendar takes {MOST_BYTES:,}.",
            hint="Export a shorter span, or one calendar, team or repository at a time.",
            details={"bytes": len(content), "limit": MOST_BYTES},
        )
    return content


def _instant(value: datetime | date, time_zone: str) -> datetime:
    """Midnight of a day in the zone; one that the clock jumps over is the instant of the jump."""
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
