"""What a feed holds, one line an event: ``python tests/clients/expected.py URL``."""

from __future__ import annotations

import sys
import urllib.request
from datetime import UTC, date, datetime

import icalendar


def shown(value: date | datetime) -> str:
    """A day, or an instant in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value.isoformat()


def lines(content: bytes) -> list[str]:
    """The events, sorted."""
    calendar = icalendar.Calendar.from_ical(content)
    return sorted(
        f"{shown(event.start)} {shown(event.end)} {event.get('STATUS', '-')} {event.get('SUMMARY', '')}"
        for event in calendar.walk("VEVENT")
    )


if __name__ == "__main__":
    address = sys.argv[1].replace("webcal:", "http:", 1)
    with urllib.request.urlopen(address) as reply:
        found = lines(reply.read())
    print("\n".join(found))
    sys.exit(0 if found else 1)
