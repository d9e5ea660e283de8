"""Events of a feed: what an audience sees, how it moves on, and that every client reads the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from release_mgmt.core.audience import Audience, view
from release_mgmt.core.calendar import (
    KEEP_CANCELLED,
    CalendarEntry,
    FeedHead,
    Shown,
    WindowFact,
    advance,
    is_due,
    show_freeze,
    show_window,
    uid_of,
    write,
)
from release_mgmt.core.errors import TooLarge
from release_mgmt.formats import aws, ical
from release_mgmt.formats.ical.zones import vtimezone
from release_mgmt.formats.words import Words
from tests.unit.publishing.events import NOW, change, freeze, kept, step, window
from tests.unit.publishing.parsers import agree, by_icaljs, hour, raw_lines
from tests.unit.publishing.samples import entry, record, section

HEAD = FeedHead("Pricing", "What is coming", NOW, "Europe/Berlin", "https://r.example/c", "https://r.example/c.ics")
HOSTILE = [
    "a; b, c\\d",
    "new\nline and \r\n return",
    "null\x00 bell\x07",
    "sep\u2028para\u2029",
    "😀" * 60,
    "Änderung der Prämienberechnung für Überschuß " * 12,
    "<b>bold</b> &amp; <script>",
    'say "hi": x=y;z',
    "BEGIN:VEVENT",
    "\u202eright to left",
]


def entries(count: int) -> Iterator[CalendarEntry]:
    say = Words("en")
    for at in range(count):
        start = hour("2026-11-24T17:00") + timedelta(hours=at)
        fact = WindowFact(f"w{at}", "pricing", start, start + timedelta(hours=1), (change(f"c{at}"),))
        yield write(
            kept(show_window(fact, Audience.BUSINESS), uid_of("pricing", fact.identity)),
            say,
            f"https://r.example/w/{at}",
        )


@pytest.mark.acceptance("FEED-1")
@pytest.mark.parametrize("language", ["en", "de"])
def test_hostile_text_is_read_alike_by_every_parser(language: str) -> None:
    say = Words(language)
    made = [
        write(
            kept(
                show_window(window(change(title=text, owner=text, notes={"en": text})), Audience.ENGINEERING), f"u{n}@x"
            ),
            say,
        )
        for n, text in enumerate(HOSTILE)
    ]
    made += [
        write(kept(show_freeze(freeze(title=text, reason=text)), f"f{n}@x"), say) for n, text in enumerate(HOSTILE)
    ]
    for name in HOSTILE:
        content = ical.render(replace(HEAD, name=name, description=name), made, say).content
        assert len(agree(content)) == 2 * len(HOSTILE)
    assert sum(line == "BEGIN:VEVENT" for line in raw_lines(content)) == 2 * len(HOSTILE)


@pytest.mark.node
@pytest.mark.acceptance("FEED-1")
def test_thunderbirds_parser_reads_hostile_text_too() -> None:
    say = Words("en")
    made = [
        write(kept(show_window(window(change(title=text)), Audience.ENGINEERING), f"u{n}@x"), say)
        for n, text in enumerate(HOSTILE)
    ]
    assert len(agree(ical.render(HEAD, made, say).content, node=True)) == len(HOSTILE)


@pytest.mark.acceptance("FEED-2")
def test_whole_days_are_dates_with_an_exclusive_end_and_windows_are_in_utc() -> None:
    say = Words("en")
    made = [
        write(kept(show_freeze(freeze()), "f@x"), say),
        write(kept(show_window(window(change()), Audience.BUSINESS), "w@x"), say),
    ]
    lines = raw_lines(ical.render(HEAD, made, say).content)
    assert "DTSTART;VALUE=DATE:20261224" in lines
    assert "DTEND;VALUE=DATE:20270102" in lines
    assert "DTSTART:20261124T170000Z" in lines
    assert not any("RRULE" in line or "TZID" in line for line in lines)


ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Europe/Dublin",
]


@pytest.mark.node
@pytest.mark.acceptance("FEED-2")
@pytest.mark.parametrize("zone", ZONES)
def test_local_times_are_right_around_both_changes_of_the_year(zone: str) -> None:
    info = ZoneInfo(zone)
    day = hour("2027-01-01T00:00")
    changes = [
        at
        for at in (day + timedelta(hours=n) for n in range(365 * 24))
        if at.astimezone(info).utcoffset() != (at + timedelta(hours=1)).astimezone(info).utcoffset()
    ]
    probes = sorted({at + timedelta(minutes=m) for at in changes or [day] for m in range(-300, 330, 30)})
    say = Words("en")
    made = [
        CalendarEntry(f"p{n}@x", "window", at, at + timedelta(minutes=15), f"p{n}", "", "CONFIRMED", False, 0, NOW, NOW)
        for n, at in enumerate(probes)
    ]
    content = ical.render(replace(HEAD, time_zone=zone), made, say, local_times=True).content
    expected = sorted((f"p{n}@x", at.strftime("%Y-%m-%dT%H:%M:%SZ")) for n, at in enumerate(probes))
    assert [
        (uid, start)
        for uid, start, *_ in agree(content, node=zone in ZONES[:4], named_zones=zone != "Africa/Casablanca")
    ] == expected
    lines = raw_lines(content)
    assert sum(line == "BEGIN:VTIMEZONE" for line in lines) == 1
    local = [line for line in lines if line.startswith("DTSTART;TZID=")]
    assert local
    for line in local:  # a time of the repeated hour is never written as local time
        wall = datetime.strptime(line.partition(":")[2], "%Y%m%dT%H%M%S").replace(tzinfo=info)
        assert wall.utcoffset() == wall.replace(fold=1).utcoffset()


@pytest.mark.acceptance("FEED-2")
def test_onsets_are_written_in_the_offset_that_held_before() -> None:
    berlin = vtimezone("Europe/Berlin", 2026, 2027).decode()
    assert (
        "DTSTART:20250330T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"
        in berlin
    )
    assert "COMMENT" not in berlin


@pytest.mark.node
@pytest.mark.acceptance("FEED-2")
@pytest.mark.parametrize("zone", ["Asia/Almaty", "America/Sao_Paulo", "US/Eastern", "Asia/Gaza"])
def test_local_times_are_right_before_the_first_change_a_feed_tells_of(zone: str) -> None:
    """Almaty gave its offset up on the first of March 2024 and had changed nothing for years before."""
    probes = [datetime(2024, 1, 5, 3, tzinfo=UTC) + timedelta(days=11 * n) for n in range(30)]
    made = [
        CalendarEntry(f"p{n}@x", "window", at, at + timedelta(hours=1), f"p{n}", "", "CONFIRMED", False, 0, NOW, NOW)
        for n, at in enumerate(probes)
    ]
    content = ical.render(replace(HEAD, time_zone=zone), made, Words("en"), local_times=True).content
    expected = sorted((f"p{n}@x", at.strftime("%Y-%m-%dT%H:%M:%SZ")) for n, at in enumerate(probes))
    assert [(uid, start) for uid, start, *_ in by_icaljs(content)] == expected


@pytest.mark.acceptance("FEED-3")
def test_uids_come_from_identity_and_there_is_none_on_the_calendar() -> None:
    assert uid_of("pricing", "weekly@2026-11-24T18:00") == uid_of("pricing", "weekly@2026-11-24T18:00")
    assert uid_of("a", "bc") != uid_of("ab", "c")
    lines = raw_lines(ical.render(HEAD, entries(3), Words("en")).content)
    assert not any(line.startswith("UID") for line in lines[: lines.index("BEGIN:VEVENT")])
    moved = show_window(window(change(), start="2026-11-25T17:00"), Audience.BUSINESS)
    first = step(None, show_window(window(change()), Audience.BUSINESS))
    assert first is not None
    second = step(first, moved, NOW + timedelta(hours=1))
    assert second is not None
    assert second.uid == first.uid


@pytest.mark.acceptance("FEED-4")
@pytest.mark.parametrize(
    "edit",
    [
        lambda: window(change(), start="2026-11-24T18:00"),
        lambda: window(change(title="Another title")),
        lambda: window(change(state="approved")),
        lambda: window(change(), change("c2")),
        lambda: window(change(notes={"en": "In plain words"})),
        lambda: window(change(level="major")),
        lambda: window(change(owner="Alina")),
        lambda: window(change(), title="Quarter's end"),
        lambda: window(change(notes={"de": "In klaren Worten"})),
    ],
)
def test_every_visible_change_raises_the_sequence_by_one(edit: object) -> None:
    assert callable(edit)
    first = step(None, show_window(window(change()), Audience.BUSINESS))
    second = step(first, show_window(edit(), Audience.BUSINESS), NOW + timedelta(minutes=5))
    assert first is not None
    assert second is not None
    assert (second.sequence, second.last_modified) == (1, NOW + timedelta(minutes=5))
    assert second.created == first.created


@pytest.mark.acceptance("FEED-4")
def test_an_untouched_event_stays_byte_for_byte() -> None:
    first = step(None, show_window(window(change(), change("c2")), Audience.BUSINESS))
    again = step(first, show_window(window(change("c2"), change()), Audience.BUSINESS), NOW + timedelta(days=3))
    assert again is first
    twice = step(first, show_window(window(change()), Audience.BUSINESS), NOW)
    assert twice is not None
    assert twice.last_modified > NOW  # two edits in one second are still two


@pytest.mark.acceptance("FEED-4")
def test_what_no_text_tells_of_moves_nothing_but_the_filters() -> None:
    first = step(None, show_window(window(change(teams=("Fraud",))), Audience.BUSINESS))
    assert first is not None
    other = window(change(teams=("Prices",)), environments=("prod", "eu"))
    after = step(first, show_window(other, Audience.BUSINESS), NOW + timedelta(hours=1))
    assert after is not None
    assert (after.sequence, after.last_modified) == (0, NOW)
    assert (after.shown.teams, after.shown.environments) == (("Prices",), ("eu", "prod"))
    say = Words("en")
    assert ical.event(write(after, say)) == ical.event(write(first, say))


@pytest.mark.acceptance("FEED-10")
def test_a_freeze_says_what_it_holds_and_a_window_what_it_is_called() -> None:
    say = Words("en")
    everything = write(kept(show_freeze(freeze(repositories=("*",)))), say).description
    assert everything == "Nothing is released in this time.\nReason: Closing"
    some = freeze(repositories=("secret-*",), environments=("prod",), levels=("major",), teams=("Fraud",), exempt=True)
    assert write(kept(show_freeze(some)), say).description.splitlines()[2:] == [
        "For: Fraud",
        "Only some repositories are concerned.",
        "Environments: prod",
        "Levels: Major",
        "There are exceptions.",
    ]
    assert "Stufen: Groß" in write(kept(show_freeze(some)), Words("de")).description
    titled = write(kept(show_window(window(change(), title="Quarter's end"), Audience.BUSINESS)), say)
    assert titled.description.startswith("Quarter's end\n")
    empty = write(kept(show_window(window(title="Quarter's end"), Audience.BUSINESS)), say)
    assert empty.summary == "Release window: Quarter's end"
    noted = write(kept(show_window(window(change(notes={"de": "Klar"})), Audience.BUSINESS)), say)
    assert "Klar (in de)" in noted.description


@pytest.mark.acceptance("FEED-2")
@pytest.mark.acceptance("CHG-D4")
def test_an_internal_change_moves_only_what_its_audience_sees() -> None:
    plain, more = window(change()), window(change(), change("secret", internal=True))
    business = step(None, show_window(plain, Audience.BUSINESS))
    assert step(business, show_window(more, Audience.BUSINESS), NOW + timedelta(hours=1)) is business
    engineering = step(None, show_window(plain, Audience.ENGINEERING), audience=Audience.ENGINEERING)
    later = step(engineering, show_window(more, Audience.ENGINEERING), NOW + timedelta(hours=1), Audience.ENGINEERING)
    assert later is not None
    assert later.sequence == 1


@pytest.mark.acceptance("FEED-5")
@pytest.mark.acceptance("CHG-D5")
def test_states_become_the_status_that_clients_know() -> None:
    say = Words("en")
    assert show_window(window(change(state="draft")), Audience.ENGINEERING).empty
    announced = write(kept(show_window(window(change()), Audience.BUSINESS)), say)
    assert announced.status == "TENTATIVE"
    assert "released" not in (announced.summary + announced.description).lower()
    mixed = show_window(window(change(), change("c2", state="approved")), Audience.BUSINESS)
    assert write(kept(mixed), say).status == "TENTATIVE"
    approved = show_window(window(change(state="approved")), Audience.BUSINESS)
    released = show_window(window(change(state="released")), Audience.BUSINESS)
    assert [write(kept(shown), say).status for shown in (approved, released)] == ["CONFIRMED", "CONFIRMED"]
    assert write(kept(show_freeze(freeze())), say).transparent
    first = kept(approved)
    gone = advance(first, None, first.uid, "business", NOW + timedelta(hours=1))
    assert gone is not None
    called_off = write(gone, say)
    assert (called_off.status, called_off.transparent, called_off.summary) == (
        "CANCELLED",
        True,
        "Cancelled: Release: Change c1",
    )
    assert write(gone, Words("de")).summary.startswith("Abgesagt: ")
    assert not is_due(gone, NOW + KEEP_CANCELLED)
    assert is_due(gone, NOW + KEEP_CANCELLED + timedelta(hours=1))


@pytest.mark.acceptance("FEED-5")
def test_a_window_that_lost_its_changes_is_called_off_and_can_come_back() -> None:
    first = step(None, show_window(window(change()), Audience.BUSINESS))
    lost = step(first, show_window(window(), Audience.BUSINESS), NOW + timedelta(hours=1))
    assert lost is not None
    assert lost.shown.status == "cancelled"
    assert step(lost, show_window(window(), Audience.BUSINESS), NOW + timedelta(hours=2)) is lost
    back = step(lost, show_window(window(change("c3")), Audience.BUSINESS), NOW + timedelta(hours=3))
    assert back is not None
    assert (back.shown.status, back.sequence, back.cancelled_at) == ("tentative", 2, None)
    assert step(None, show_window(window(cancelled=True), Audience.BUSINESS)) is None


@pytest.mark.acceptance("FEED-9")
def test_the_head_says_everything_in_the_forms_clients_read() -> None:
    lines = raw_lines(ical.render(HEAD, entries(1), Words("en")).content)
    head = lines[: lines.index("BEGIN:VEVENT")]
    values = dict(line.split(":", 1) for line in head)
    assert values["NAME"] == values["X-WR-CALNAME"] == "Pricing"
    assert values["DESCRIPTION"] == values["X-WR-CALDESC"]
    assert values["REFRESH-INTERVAL;VALUE=DURATION"] == values["X-PUBLISHED-TTL"] == "PT1H"
    assert values["SOURCE;VALUE=URI"] == "https://r.example/c.ics"
    assert values["COLOR"] == "steelblue"
    assert values["CALSCALE"] == "GREGORIAN"
    assert "release-mgmt" in values["PRODID"]
    assert {"URL", "LAST-MODIFIED"} <= set(values)
    assert not any(line.startswith("METHOD") or "VALARM" in line for line in lines)
    asked = raw_lines(ical.render(HEAD, entries(1), Words("en"), alarm_minutes=60).content)
    assert "TRIGGER:-PT60M" in asked


@pytest.mark.acceptance("FEED-5")
def test_a_window_that_is_called_off_tells_what_it_told_last_though_its_changes_went_elsewhere() -> None:
    before = step(None, show_window(window(change()), Audience.BUSINESS))
    after = step(before, show_window(window(cancelled=True), Audience.BUSINESS), NOW + timedelta(hours=1))
    assert before is not None
    assert after is not None
    assert after.shown == replace(before.shown, status="cancelled")
    assert not after.shown.empty, "feeds leave empty windows out"


@pytest.mark.acceptance("FEED-10")
def test_the_description_tells_a_business_reader_what_why_and_who() -> None:
    fact = window(
        change(
            "m",
            title="feat: fraud model on LightGBM (#4)",
            level="major",
            owner="Alina Krause",
            libraries=("lightgbm",),
        ),
        change("n", title="Tune rate", kind="parameter_only"),
    )
    text = write(kept(show_window(fact, Audience.BUSINESS)), Words("en")).description
    assert "Major: Fraud model on LightGBM (risk)" in text
    assert "A new building block comes in: lightgbm." in text
    assert "Alina Krause answers for it." in text
    assert "Settings were adjusted" in text
    assert not re.search(r"<\w|&\w+;|#4|feat:", text)


@pytest.mark.acceptance("FEED-10")
@pytest.mark.parametrize("kind", ["docs_only", "code_logic", "library_major_bump", "feature_flag", "revert", "other"])
def test_the_description_and_the_changelog_tell_the_same_of_a_change(kind: str) -> None:
    fact = window(change("n", title="Tune rate", kind=kind))
    text = write(kept(show_window(fact, Audience.BUSINESS)), Words("de")).description
    made = replace(record(), releases=(section("1.0", (entry("n", "Tune rate", kind=kind),)),))
    shown = view(made, Audience.BUSINESS, Words("de")).sections[1].entries[0]
    assert shown.summary[0] in text


@pytest.mark.node
@pytest.mark.acceptance("FEED-11")
def test_an_empty_feed_holds_its_zone_and_parses_everywhere() -> None:
    for zone in (*ZONES, "UTC"):
        content = ical.render(replace(HEAD, time_zone=zone), [], Words("en")).content
        assert sum(line == "BEGIN:VTIMEZONE" for line in raw_lines(content)) == 1
        assert agree(content) == []
    assert by_icaljs(content) == []


@pytest.mark.acceptance("FEED-12")
def test_ten_thousand_events_become_a_feed_within_limits_that_tells_of_the_rest() -> None:
    body = ical.render(HEAD, entries(10_000), Words("en"))
    assert body.events <= ical.MOST_EVENTS
    assert len(body.content) <= ical.MOST_BYTES
    assert body.left_out == 10_001 - body.events
    assert f"{body.left_out} events are left out here" in "\n".join(raw_lines(body.content))
    assert len(agree(body.content)) == body.events
    assert body.events > 1_000


@pytest.mark.acceptance("FEED-14")
def test_the_aws_document_has_its_native_form() -> None:
    say = Words("en")
    made = [write(kept(show_freeze(freeze()), "f@x"), say), *entries(2)]
    frozen = raw_lines(aws.document(made, "freezes", "Year end; closing", "Europe/Berlin"))
    assert frozen[:4] == [
        "BEGIN:VCALENDAR",
        "PRODID:-//AWS//Change Calendar 1.0//EN",
        "VERSION:2.0",
        "X-CALENDAR-TYPE:DEFAULT_OPEN",
    ]
    assert {"DTSTART:20261223T230000Z", "DTEND:20270101T230000Z", "X-WR-TIMEZONE:Europe/Berlin"} <= set(frozen)
    assert frozen.count("BEGIN:VEVENT") == 1
    open_times = raw_lines(aws.document(made, "windows", "Windows", "Europe/Berlin"))
    assert "X-CALENDAR-TYPE:DEFAULT_CLOSED" in open_times
    assert open_times.count("BEGIN:VEVENT") == 2
    assert "BEGIN:VTODO" in raw_lines(aws.document([], "freezes", "", "UTC"))
    with pytest.raises(TooLarge, match="65,536"):
        aws.document(entries(400), "windows", "Windows", "UTC")


def test_what_is_stored_of_an_event_comes_back_the_same() -> None:
    shown = show_window(window(change(notes={"de": "x", "en": "y"}, libraries=("a",))), Audience.BUSINESS)
    assert Shown.of(shown.payload()) == shown
    assert Shown.of(show_freeze(freeze()).payload()).digest == show_freeze(freeze()).digest


@pytest.mark.acceptance("FEED-6")
def test_the_bytes_of_a_feed_do_not_depend_on_the_hash_seed() -> None:
    script = (
        "import hashlib; from tests.unit.publishing.test_calendar import *;"
        "made = list(entries(30)); say = Words('de');"
        "parts = [ical.render(HEAD, made, say, local_times=local).content for local in (False, True)];"
        "print(hashlib.sha256(b''.join(parts)).hexdigest())"
    )
    seen = set()
    for seed in ("0", "1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd(), "PATH": os.environ["PATH"]}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
        seen.add(done.stdout)
    assert len(seen) == 1
