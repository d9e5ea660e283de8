"""What a team had before is read: Keep a Changelog, forges' releases, calendars in CSV and iCalendar."""

from __future__ import annotations

import json
from datetime import date

import pytest
import yaml

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows import expand, periods
from release_mgmt.sources.adoption import forge_releases, from_csv, from_ics, keep_a_changelog
from release_mgmt.sources.calendars import read_document
from tests.unit.publishing.parsers import hour

CHANGELOG = """\
# Changelog

All notable changes.

## [Unreleased]
### Added
- Not yet.

## [1.1.0] - 2026-11-03 [YANKED]
### Added
- **Fraud model** on [LightGBM](https://example.org) (#12),
  which is quicker.
  - a detail
- `code` and \\*stars\\*
### Fixed
* Rounding <script>alert(1)</script>

## 1.0.0 (2026-01-05)
- First

[1.1.0]: https://example.org/compare
"""


def test_a_keep_a_changelog_file() -> None:
    newest, oldest = keep_a_changelog(CHANGELOG)
    assert (newest.version, newest.date, newest.yanked) == ("1.1.0", date(2026, 11, 3), True)
    assert newest.changes == (
        ("Added", "Fraud model on LightGBM (#12), which is quicker."),
        ("Added", "code and *stars*"),
        ("Fixed", "Rounding alert(1)"),
    )
    assert (oldest.version, oldest.date, oldest.changes) == ("1.0.0", date(2026, 1, 5), (("", "First"),))
    for nothing in ("", "# Title\n\ntext", "## Contributing\n- x"):
        with pytest.raises(InvalidInput):
            keep_a_changelog(nothing)


def test_the_releases_of_forges() -> None:
    github = [
        {
            "tag_name": "v1.1",
            "published_at": "2026-11-03T10:00:00Z",
            "draft": False,
            "body": "## Changes\r\n* One by @ada\r\n* Two",
        },
        {"tag_name": "v1.2", "draft": True, "body": "* Secret"},
        {"tag_name": "v1.0", "published_at": None, "body": None},
    ]
    newest, oldest = forge_releases(json.dumps(github))
    assert (newest.version, newest.date) == ("v1.1", date(2026, 11, 3))
    assert newest.changes == (("Changes", "One by @ada"), ("Changes", "Two"))
    assert oldest.changes == ()
    (gitlab,) = forge_releases(
        json.dumps([{"tag_name": "v2", "released_at": "2026-01-01T00:00:00.000Z", "description": "Plain words"}])
    )
    assert gitlab.changes == (("", "Plain words"),)
    for wrong in ("{", "{}", "[1]", '[{"tag_name": 1}]', "[" * 100_000):
        with pytest.raises(InvalidInput):
            forge_releases(wrong)


def test_a_table_becomes_a_calendar_that_can_be_applied() -> None:
    table = (
        "Title,Start,End,Kind,Reason\n"
        "Weekly release,2026-11-24 18:00,2026-11-24 22:00,window,\n"
        '"Year end; closing, really",2026-12-24,2027-01-01,freeze,Closing of the books\n'
    )
    made = from_csv(table, name="Pricing", time_zone="Europe/Berlin")
    assert (made.windows, made.freezes) == (1, 1)
    calendar = read_document(yaml.safe_load(yaml.safe_dump(made.document)), 2026)
    (window,) = expand(calendar, hour("2026-11-01T00:00"), hour("2027-02-01T00:00")).windows
    assert (window.start, window.end) == (hour("2026-11-24T17:00"), hour("2026-11-24T21:00"))
    (frozen,) = periods(calendar.freezes, hour("2026-11-01T00:00"), hour("2027-02-01T00:00"))
    assert frozen.whole_days == (date(2026, 12, 24), date(2027, 1, 1))


def test_wrong_rows_are_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        from_csv(
            "title,start,end\na,2026-11-24 18:00,yesterday\nb,2026-11-24 18:00,2026-11-24 17:00\n",
            name="x",
            time_zone="UTC",
        )
    assert [fault.path for fault in caught.value.errors] == ["line 2", "line 3"]
    with pytest.raises(InvalidInput, match="columns are missing"):
        from_csv("a,b\n1,2\n", name="x", time_zone="UTC")


ICS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//x//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART:20261124T170000Z
DTEND:20261124T210000Z
RRULE:FREQ=WEEKLY;COUNT=5
EXDATE:20261201T170000Z
SUMMARY:Weekly release
END:VEVENT
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
RECURRENCE-ID:20261208T170000Z
DTSTART:20261209T170000Z
DTEND:20261209T210000Z
SUMMARY:Weekly release
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20270102
SUMMARY:Change freeze
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTAMP:20260101T000000Z
DTSTART:20261124T170000Z
DTEND:20261124T210000Z
STATUS:CANCELLED
SUMMARY:Old
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n").encode()


def test_an_icalendar_file_becomes_a_calendar_that_can_be_applied() -> None:
    made = from_ics(ICS, name="Pricing", time_zone="Europe/Berlin")
    assert (made.windows, made.freezes) == (1, 1)
    assert made.notes == ("Old: is cancelled and was left out",)
    calendar = read_document(yaml.safe_load(yaml.safe_dump(made.document)), 2026)
    windows = [
        window.start
        for window in expand(calendar, hour("2026-11-01T00:00"), hour("2027-02-01T00:00")).windows
        if not window.cancelled
    ]
    assert windows == [hour(f"2026-{day}T17:00") for day in ("11-24", "12-09", "12-15", "12-22")]
    (frozen,) = periods(calendar.freezes, hour("2026-11-01T00:00"), hour("2027-02-01T00:00"))
    assert frozen.whole_days == (date(2026, 12, 24), date(2027, 1, 1))
    for wrong in (b"", b"hello", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"):
        with pytest.raises(InvalidInput):
            from_ics(wrong, name="x", time_zone="UTC")
