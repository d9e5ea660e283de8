"""A whole feed: head, events in order, limits that are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from release_mgmt.core.audience import Say
from release_mgmt.core.calendar import CalendarEntry, FeedHead, uid_of
from release_mgmt.formats.ical.lines import event, fold, instant, text, uri
from release_mgmt.formats.ical.zones import vtimezone

PRODID = "-//release-mgmt//release calendar//EN"
MOST_EVENTS = 2_500
MOST_BYTES = 1_000_000
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Body:
    """A rendered feed: its bytes, how many events they hold and how many were left out."""

    content: bytes
    events: int
    left_out: int


def render(
    head: FeedHead,
    entries: Iterable[CalendarEntry],
    say: Say,
    *,
    local_times: bool = False,
    alarm_minutes: int | None = None,
) -> Body:
    """A feed of these events, in order of start. ``local_times`` writes TZID and a VTIMEZONE instead of UTC."""
    ordered = sorted(entries, key=lambda entry: (_key(entry.start), entry.uid))
    zone = head.time_zone if local_times and head.time_zone != "UTC" else None
    parts = [(entry.start, event(entry, zone, alarm_minutes)) for entry in ordered]
    zones = b""
    if zone is not None and any(f";TZID={zone}:".encode() in part for _, part in parts):
        years = [entry.start.year for entry in ordered] + [entry.end.year for entry in ordered]
        zones = vtimezone(zone, min(years), max(years))
    return assemble(head, parts, say, zones)


def assemble(head: FeedHead, parts: Sequence[tuple[datetime | date, bytes]], say: Say, zones: bytes = b"") -> Body:
    """A feed from rendered events, in the order given; limits as :func:`components`."""
    content, events, left = components(head, parts, say, zones)
    return Body(opening(head, say, left) + content, events, left)


def components(
    head: FeedHead, parts: Sequence[tuple[datetime | date, bytes]], say: Say, zones: bytes = b""
) -> tuple[bytes, int, int]:
    """All after the head, to the end: the bytes, how many events they hold, how many were left out.

    More than :data:`MOST_EVENTS` or :data:`MOST_BYTES` are never sent: the latest are left out, the calendar's
    description says how many, and an event on the day of the first one left out points to the page.
    """
    kept, size = len(parts), 4_000 + len(zones)
    for at, (_, part) in enumerate(parts):
        size += len(part)
        if at >= MOST_EVENTS or size > MOST_BYTES:
            kept = min(at, MOST_EVENTS - 1)
            break
    if kept == len(parts):
        if not parts and not zones:
            zones = vtimezone(head.time_zone, head.last_modified.year, head.last_modified.year + 1)
        return b"".join([zones, *(part for _, part in parts), b"END:VCALENDAR\r\n"]), kept, 0
    left = len(parts) - kept
    note = event(_limit_note(head, parts[kept][0], _notice(say, left), say))
    return b"".join([zones, *(part for _, part in parts[:kept]), note, b"END:VCALENDAR\r\n"]), kept + 1, left


def opening(head: FeedHead, say: Say, left_out: int = 0) -> bytes:
    """The head of a feed, to its first component."""
    if left_out:
        head = replace(head, description=f"{head.description} {_notice(say, left_out)}")
    return _head(head)


def _notice(say: Say, left: int) -> str:
    return say.many(
        "This calendar holds more than fits: {count} event is left out here and is on the page.",
        "This calendar holds more than fits: {count} events are left out here and are on the page.",
        left,
    )


def _limit_note(head: FeedHead, at: datetime | date, notice: str, say: Say) -> CalendarEntry:
    day = at.date() if isinstance(at, datetime) else at
    return CalendarEntry(
        uid=uid_of("limit", head.name),
        kind="note",
        start=day,
        end=day + timedelta(days=1),
        summary=say("More events than fit"),
        description=notice,
        status="CONFIRMED",
        transparent=True,
        sequence=int((head.last_modified - _EPOCH).total_seconds()) // 60,  # rises whenever the feed's data changes
        created=head.last_modified,
        last_modified=head.last_modified,
        url=head.url,
    )


def _head(head: FeedHead) -> bytes:
    name, about = text(head.name.replace("\n", " ")), text(head.description)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODID}",
        "CALSCALE:GREGORIAN",
        f"NAME:{name}",
        f"X-WR-CALNAME:{name}",
        f"DESCRIPTION:{about}",
        f"X-WR-CALDESC:{about}",
        f"X-WR-TIMEZONE:{head.time_zone}",
        f"LAST-MODIFIED:{instant(head.last_modified)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:PT{head.refresh_hours}H",
        f"X-PUBLISHED-TTL:PT{head.refresh_hours}H",
        f"COLOR:{head.color}",
        f"URL:{uri(head.url)}" if head.url else "",
        f"SOURCE;VALUE=URI:{uri(head.source)}" if head.source else "",
    ]
    return b"".join(fold(line) for line in lines if line)


def _key(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
