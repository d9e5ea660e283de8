"""Independent readers of a feed: raw lines, icalendar, vobject, ical (Home Assistant), ical.js (Thunderbird)."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, date, datetime, timedelta

import icalendar
import vobject
from ical.calendar_stream import IcsCalendarStream

from tests import nodetools
from tests.support.waiting import LIMIT

Event = tuple[str, str, str, str, str]

DUMP = """
import ICAL from 'ical.js';
import { readFileSync } from 'node:fs';
const utc = t => t.isDate ? t.toString() : t.convertToZone(ICAL.Timezone.utcTimezone).toString();
const root = new ICAL.Component(ICAL.parse(readFileSync(0, 'utf8')));
for (const zone of root.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
console.log(JSON.stringify(root.getAllSubcomponents('vevent').map(v => {
  const e = new ICAL.Event(v);
  return [e.uid, utc(e.startDate), utc(e.endDate), e.summary ?? '', e.description ?? ''];
})));
"""


def iso(value: date | datetime) -> str:
    """A day, or an instant in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value.isoformat()


def raw_lines(content: bytes) -> list[str]:
    """The unfolded lines, after the octet rules of RFC 5545 3.1 were checked."""
    assert content.endswith(b"\r\n")
    assert not content.startswith(b"\xef\xbb\xbf")
    physical = content[:-2].split(b"\r\n")
    for line in physical:
        assert 0 < len(line) <= 75, line
        assert b"\n" not in line
        assert b"\r" not in line
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]", line), line
        line.decode()  # a fold never cuts a character
    return content.decode().replace("\r\n ", "").split("\r\n")[:-1]


def by_icalendar(content: bytes) -> list[Event]:
    calendar = icalendar.Calendar.from_ical(content)
    assert [error for part in calendar.walk() for error in getattr(part, "errors", [])] == []
    return sorted(
        (str(e["UID"]), iso(e.start), iso(e.end), str(e.get("SUMMARY", "")), str(e.get("DESCRIPTION", "")))
        for e in calendar.walk("VEVENT")
    )


def by_vobject(content: bytes) -> list[Event]:
    calendar = next(vobject.readComponents(content.decode()))
    return sorted(
        (
            e.uid.value,
            iso(e.dtstart.value),
            iso(e.dtend.value),
            e.summary.value,
            e.description.value if hasattr(e, "description") else "",
        )
        for e in getattr(calendar, "vevent_list", [])
    )


def by_ical(content: bytes) -> list[Event]:
    calendar = IcsCalendarStream.calendar_from_ics(content.decode())
    return sorted(
        (str(e.uid), iso(e.dtstart), iso(e.end), e.summary or "", e.description or "") for e in calendar.events
    )


def by_icaljs(content: bytes) -> list[Event]:
    done = subprocess.run(
        [str(nodetools.node()), "--input-type=module", "-e", DUMP],
        input=content,
        cwd=nodetools.folder(),
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return sorted((uid, start, end, summary, text) for uid, start, end, summary, text in json.loads(done.stdout))


def agree(content: bytes, *, node: bool = False, named_zones: bool = True) -> list[Event]:
    """What all parsers read; fails when two differ.

    vobject prefers the system's zone of the same name to the feed's own; ``named_zones`` False leaves it out where the
    two may differ by the age of the system's data.
    """
    raw_lines(content)
    first = by_icalendar(content)
    assert not named_zones or by_vobject(content) == first
    assert by_ical(content) == first
    if node:
        assert by_icaljs(content) == first
    return first


def hour(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(start: str, hours: float) -> tuple[datetime, datetime]:
    return hour(start), hour(start) + timedelta(hours=hours)
