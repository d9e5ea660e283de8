"""Names of time zones in other programs' calendars."""

from __future__ import annotations

from zoneinfo import available_timezones


def is_known(name: str) -> bool:
    """Whether icalendar reads the zone: IANA's names, those of Windows, and ``/vendor/Europe/Berlin``, which is one of
    another program's making (RFC 5545 section 3.2.19)."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    ends = [name] if not name.startswith("/") else ["/".join(name.split("/")[at:]) for at in (-1, -2, -3)]
    return name in WINDOWS_TO_OLSON or any(end in available_timezones() for end in ends)
