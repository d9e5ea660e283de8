"""Imports into a calendar: idempotent, exceptions honoured, zones known, what is gone called off."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from release_mgmt.core.errors import InvalidInput, TooLarge
from release_mgmt.services import calendars, imports, windows
from release_mgmt.sources.calendars.ics import read_ics
from release_mgmt.store.models.scheduling import ImportRow
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, seed


def ics(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nDTSTAMP:20260101T000000Z\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//t//t//EN\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


WEEKLY = """
UID:weekly@example.org
SUMMARY:Backup
DTSTART;TZID=Europe/Berlin:20261130T010000
DTEND;TZID=Europe/Berlin:20261130T030000
RRULE:FREQ=WEEKLY;COUNT=4
EXDATE;TZID=Europe/Berlin:20261207T010000
"""
MOVED = """
UID:weekly@example.org
SUMMARY:Backup, later
RECURRENCE-ID;TZID=Europe/Berlin:20261214T010000
DTSTART;TZID=Europe/Berlin:20261215T050000
DTEND;TZID=Europe/Berlin:20261215T070000
"""
CLOSING = """
UID:closing@example.org
SUMMARY:Closing of the books
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20270102
"""


def read(*events: str):
    return read_ics(ics(*events), at("2026-11-01"), at("2028-01-01"), "Europe/Berlin")[0]


def left_out(*events: str) -> list[tuple[str, str]]:
    told = read_ics(ics(*events), at("2026-11-01"), at("2028-01-01"), "Europe/Berlin")[1]
    return [(one.path, one.message) for one in told]


@pytest.mark.acceptance("SCH-F11")
def test_recurrences_exceptions_and_moved_occurrences_are_honoured():
    found = read(WEEKLY, MOVED, CLOSING)
    timed = [each for each in found if each.start]
    assert [each.start for each in timed] == [at("2026-11-30T00:00"), at("2026-12-15T04:00"), at("2026-12-21T00:00")]
    assert [each.title for each in timed] == ["Backup", "Backup, later", "Backup"]
    [closing] = [each for each in found if each.days]
    assert [day.isoformat() for day in closing.days] == ["2026-12-24", "2027-01-01"]


@pytest.mark.acceptance("SCH-F11")
def test_what_changes_from_one_occurrence_on_is_kept_whole_under_the_names_of_the_rule():
    """All of them carry the RECURRENCE-ID of the first that changed (RFC 5545, 3.2.13), so only one was left."""
    found = read(
        "UID:a\nDTSTART:20270301T100000Z\nDTEND:20270301T110000Z\nRRULE:FREQ=DAILY;COUNT=4",
        "UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270302T100000Z\nDTSTART:20270302T120000Z\nDTEND:20270302T130000Z",
    )
    assert [each.start for each in found] == [
        at("2027-03-01T10:00"), *(at(f"2027-03-0{day}T12:00") for day in (2, 3, 4))
    ]  # fmt: skip
    assert [each.key for each in found] == [f"a@2027-03-0{day}T10:00:00+00:00" for day in (1, 2, 3, 4)]


def test_an_exact_duration_is_real_time_over_a_clock_change():
    [event] = read("UID:a\nSUMMARY:x\nDTSTART;TZID=Europe/Berlin:20270328T013000\nDURATION:PT2H")
    assert (event.start, event.end) == (at("2027-03-28T00:30"), at("2027-03-28T02:30"))


@pytest.mark.acceptance("SCH-F11")
def test_an_unknown_zone_is_refused_by_the_name_of_its_event():
    with pytest.raises(InvalidInput, match="Backup") as caught:
        read(WEEKLY.replace("Europe/Berlin", "Nowhere/Land"))
    assert caught.value.errors[0].path == "events[0].DTSTART"


@pytest.mark.parametrize("content", [b"", b"hello", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"\xff\xfe\x00", ics("UID:x")])
def test_what_is_no_calendar_is_refused(content: bytes):
    with pytest.raises(InvalidInput):
        read_ics(content, at("2026-11-01"), at("2027-11-01"), "UTC")


TIMES = "SUMMARY:Close\nDTSTART:20261201T090000Z\n"


@pytest.mark.parametrize("newest", [0, 1])
def test_of_two_events_with_one_uid_one_stays_and_the_other_is_told(newest: int):
    events = [f"UID:a\nSEQUENCE:{int(newest == place)}\nSUMMARY:{'AB'[place]}\nDTSTART;VALUE=DATE:202612{place}1"
              for place in range(2)]  # fmt: skip
    other = 1 - newest
    assert [each.title for each in read(*events)] == ["AB"[newest]]
    assert left_out(*events) == [(f"events[{other}]", f"the event “{'AB'[other]}” has the UID of another event")]
    assert left_out(WEEKLY, MOVED, CLOSING) == []


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("DURATION:-PT1H", "ends before it begins"),
        ("DTEND:20261201T080000Z", "ends before it begins"),
        ("DTEND:20261201T090000Z", "has no length"),
        ("DURATION:PT0S", "has no length"),
        ("TRANSP:OPAQUE", "has no length"),
    ],
)
def test_an_event_that_takes_no_time_is_left_out_and_told(part: str, why: str):
    """One that ended before it began was turned round, one without length was left out without a word."""
    events = (WEEKLY, f"UID:a\n{TIMES}{part}")
    assert {each.title for each in read(*events)} == {"Backup"}
    assert left_out(*events) == [("events[1]", f"the event “Close” {why}")]
    assert left_out(f"UID:a\nSTATUS:CANCELLED\n{TIMES}{part}") == []


def test_a_rule_of_exceptions_is_told_and_its_event_keeps_all_its_times():
    """It was ignored without a word."""
    events = (CLOSING, f"{WEEKLY}EXRULE:FREQ=WEEKLY;INTERVAL=2")
    assert read(*events) == read(CLOSING, WEEKLY)
    said = "has a rule of exceptions (EXRULE), which is not read: it keeps all its times"
    assert left_out(*events) == [("events[1].EXRULE", f"the event “Backup” {said}")]
    assert left_out(f"{WEEKLY}STATUS:CANCELLED\nEXRULE:FREQ=WEEKLY;INTERVAL=2") == []


def test_an_occurrence_that_takes_no_time_is_left_out_and_its_series_stays():
    moved = MOVED.replace("DTEND;TZID=Europe/Berlin:20261215T070000", "DURATION:-PT2H")
    assert [each.start for each in read(WEEKLY, moved)] == [at("2026-11-30T00:00"), at("2026-12-21T00:00")]
    assert left_out(WEEKLY, moved) == [("events[1]", "the event “Backup, later” ends before it begins")]


@pytest.mark.parametrize("start", [";TZID=America/New_York:20261201T210000", ":20261201T210000Z", ":20261201T210000"])
def test_a_day_that_ends_a_rule_of_times_is_meant_whole_as_in_adopt(start: str):
    found = read(f"UID:a\nSUMMARY:x\nDTSTART{start}\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20261203")
    assert len(found) == 3


def test_an_import_tells_what_it_left_out(store: Store):
    seed(store)
    apply(store)
    content = ics(WEEKLY, f"UID:a\n{TIMES}")
    done = imports.import_ics(store, OPERATOR, NOW, "releases", content, source="a.ics", dry_run=True)
    assert [one.path for one in done.left_out] == ["events[1]"]


def test_a_flood_of_occurrences_is_refused():
    with pytest.raises(TooLarge):
        read("UID:a\nSUMMARY:x\nDTSTART:20261120T000000Z\nDTEND:20261120T000100Z\nRRULE:FREQ=HOURLY")


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ("FREQ=SECONDLY", InvalidInput),
        ("FREQ=MINUTELY;INTERVAL=5", InvalidInput),
        ("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", InvalidInput),
        ("FREQ=HOURLY;BYSECOND=0,30", InvalidInput),
        ("FREQ=HOURLY;COUNT=3", None),
        ("FREQ=DAILY;COUNT=2;BYHOUR=1,2", None),
    ],
)
def test_what_repeats_all_the_time_is_refused_before_it_is_counted(rule: str, refused: type[Exception] | None):
    """Two years of seconds are sixty million occurrences, which took minutes."""
    event = f"UID:a\nSUMMARY:Noise\nDTSTART:20261120T010000Z\nDTEND:20261120T010001Z\nRRULE:{rule}"
    if refused is None:
        assert read(event)
        return
    with pytest.raises(refused, match=r"Noise.*repeats more than") as caught:
        read(event)
    assert caught.value.errors[0].path == "events[0].RRULE"


def test_many_that_repeat_are_refused_in_their_first_days():
    with pytest.raises(TooLarge, match="occurrences"):
        read(*(f"UID:{number}\nSUMMARY:x\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY" for number in range(1500)))


def test_what_lasts_over_stretches_is_one_occurrence():
    found = read(WEEKLY, MOVED, "UID:long\nSUMMARY:Long\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20290101")
    assert len(found) == 4
    assert [each.title for each in found if each.days] == ["Long"]


def test_zones_of_windows_are_read_as_what_they_name():
    [event] = read(
        "UID:a\nSUMMARY:x\nDTSTART;TZID=W. Europe Standard Time:20270701T180000\n"
        "DTEND;TZID=W. Europe Standard Time:20270701T200000"
    )
    assert (event.start, event.end) == (at("2027-07-01T16:00"), at("2027-07-01T18:00"))


def test_events_without_a_uid_are_told_apart_by_their_titles():
    found = read("SUMMARY:Stocktaking\nDTSTART;VALUE=DATE:20261124", "SUMMARY:Audit\nDTSTART;VALUE=DATE:20261124")
    assert sorted(each.title for each in found) == ["Audit", "Stocktaking"]


@pytest.mark.acceptance("SCH-F11")
def test_the_same_file_twice_adds_nothing_and_what_is_gone_is_called_off(store: Store):
    seed(store)
    apply(store)

    def bring(*events: str, dry_run: bool = False):
        return imports.import_ics(
            store, OPERATOR, NOW, "releases", ics(*events), source="bank.ics", dry_run=dry_run
        )  # fmt: skip

    assert len(bring(WEEKLY, CLOSING, dry_run=True).added) == 4
    assert calendars.get(store, OPERATOR, "releases").document["freezes"] == []
    first = bring(WEEKLY, CLOSING)
    assert (len(first.added), first.cancelled) == (4, ())
    version = calendars.get(store, OPERATOR, "releases").version
    again = bring(WEEKLY, CLOSING)
    assert (again.added, again.changed, again.cancelled, again.unchanged) == ((), (), (), 4)
    assert calendars.get(store, OPERATOR, "releases").version == version
    frozen = windows.freezes_between(store, OPERATOR, NOW, at("2026-11-20"), at("2027-02-01"))
    assert [each.reason for each in frozen] == ["Backup", "Backup", "Backup", "Closing of the books"]
    gone = bring(WEEKLY)
    assert len(gone.cancelled) == 1
    with store.read() as session:
        [row] = session.scalars(select(ImportRow).where(ImportRow.cancelled_at.is_not(None)))
        assert (row.freeze, row.cancelled_at) == (gone.cancelled[0], NOW)
    assert len(calendars.get(store, OPERATOR, "releases").document["freezes"]) == 3


@pytest.mark.acceptance("SCH-F11")
def test_an_import_tells_what_is_there_and_leaves_what_people_edited(store: Store):
    """A freeze that was taken away is added again and not called unchanged; an edited one keeps its scope."""
    seed(store)
    apply(store)

    def bring(*events: str):
        return imports.import_ics(store, OPERATOR, NOW, "releases", ics(*events), source="bank.ics")

    def kept():
        return calendars.get(store, OPERATOR, "releases").document["freezes"]

    bring(CLOSING, WEEKLY)
    [closing] = [each for each in kept() if "days" in each]
    calendars.edit(store, OPERATOR, NOW, "releases", "freezes", None, identity=closing["id"])
    backup = kept()[0]
    narrow = backup | {"scope": {"repositories": ["pricing"]}, "hard": False}
    calendars.edit(store, OPERATOR, NOW, "releases", "freezes", narrow, identity=backup["id"])
    again = bring(CLOSING, WEEKLY)
    assert (again.added, again.changed, again.unchanged) == ((closing["id"],), (), 3)
    assert [each for each in kept() if each["id"] == closing["id"]] == [closing]
    assert [each["hard"] for each in kept() if each["id"] == backup["id"]] == [False]
    bring(CLOSING, WEEKLY.replace("Backup", "Backup of all"))
    assert {each["hard"] for each in kept()} == {True}


@pytest.mark.acceptance("SCH-F11")
def test_holidays_are_taken_once_with_their_names(one_store: Store):
    seed(one_store)
    apply(one_store)
    first = imports.import_holidays(one_store, OPERATOR, NOW, "releases", "DE", subdivision="BE")
    assert "2027-03-08" in first.added
    assert imports.import_holidays(one_store, OPERATOR, NOW, "releases", "DE", subdivision="BE").added == ()
    days = windows.holidays_between(one_store, OPERATOR, NOW, at("2026-12-20").date(), at("2026-12-31").date())
    assert len(days) == 2
    assert all(names for names in days.values())
