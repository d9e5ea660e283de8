"""Independent readers of a feed: raw lines, icalendar, vobject, ical (Home Assistant), ical.js (Thunderbird)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
import vobject
from ical.calendar_stream import IcsCalendarStream

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


def node_folder() -> Path:
    """A folder with ical.js, installed once into the user's cache; the test is skipped loudly when it cannot be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "release-mgmt-node"
    if not (base / "node_modules/ical.js").is_dir():
        if shutil.which("npm") is None:
            pytest.skip("NOT CHECKED: ical.js (Thunderbird's parser) needs node and npm, which are not installed")
        base.mkdir(parents=True, exist_ok=True)
        command = ["npm", "i", "ical.js@2", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=base, capture_output=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip("NOT CHECKED: ical.js (Thunderbird's parser) could not be installed by npm")
    return base


def by_icaljs(content: bytes) -> list[Event]:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", DUMP],
        input=content,
        cwd=node_folder(),
        capture_output=True,
        timeout=60,
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
