"""What a team had before is read: calendars in CSV and iCalendar."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows import expand, periods
from release_mgmt.sources.adoption import Adopted, from_csv, from_ics
from release_mgmt.sources.calendars import read_document
from tests.unit.publishing.parsers import hour


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


def ics(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n{each}\nEND:VEVENT\n" for each in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def at(uid: int, title: str, start: str, end: str | None = None, *more: str) -> str:
    lines = [f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART{start}", *([f"DTEND{end}"] if end else []), *more]
    return "\n".join(lines)


BERLIN = ";TZID=Europe/Berlin:20261124T"
WEEKLY = at(1, "Release", f"{BERLIN}180000", f"{BERLIN}200000", "RRULE:FREQ=WEEKLY;COUNT=4")
FIRST = "RECURRENCE-ID:20261201T170000Z"


def starts(made: Adopted) -> list[str]:
    calendar = read_document(yaml.safe_load(yaml.safe_dump(made.document)), 2026)
    found = expand(calendar, hour("2026-10-01T00:00"), hour("2027-03-01T00:00")).windows
    return [f"{one.start:%m-%d %H:%M}/{one.end:%H:%M}" for one in found if not one.cancelled]


ONWARD = "RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T170000Z"


def later(start: str, end: str) -> str:
    return at(1, "Release", f";TZID=Europe/Berlin:{start}", f";TZID=Europe/Berlin:{end}", ONWARD)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            (WEEKLY, later("20261201T200000", "20261201T230000")),  # RFC 5545 3.2.13: each later one as much later
            ["11-24 17:00/19:00", "12-01 19:00/22:00", "12-08 19:00/22:00", "12-15 19:00/22:00"],
        ),
        (
            (
                at(1, "Release", f"{BERLIN}180000", f"{BERLIN}200000", "RRULE:FREQ=WEEKLY;UNTIL=20261215T170000Z",
                   "EXDATE:20261208T170000Z"),
                later("20261202T200000", "20261202T220000"),
                at(1, "Release", ":20261217T170000Z", ":20261217T190000Z", "RECURRENCE-ID:20261215T170000Z"),
            ),
            ["11-24 17:00/19:00", "12-02 19:00/21:00", "12-17 17:00/19:00"],
        ),
        ((WEEKLY, f"UID:1\nSUMMARY:Release\nSTATUS:CANCELLED\nDTSTART:20261201T170000Z\n{ONWARD}"),
         ["11-24 17:00/19:00"]),
        (
            (WEEKLY, later("20261201T200000", "20261201T210000").replace("20261201T17", "20261124T17")),
            ["12-01 19:00/20:00", "12-08 19:00/20:00", "12-15 19:00/20:00", "12-22 19:00/20:00"],
        ),
        (
            (
                WEEKLY,
                later("20261201T200000", "20261201T210000"),
                at(1, "Release", ":20261215T100000Z", ":20261215T110000Z",
                   "RECURRENCE-ID;RANGE=THISANDFUTURE:20261215T170000Z"),
            ),
            ["11-24 17:00/19:00", "12-01 19:00/20:00", "12-08 19:00/20:00", "12-15 10:00/11:00"],
        ),
    ],
)  # fmt: skip
def test_a_change_from_one_occurrence_on_is_carried_out(events: tuple[str, ...], expected: list[str]) -> None:
    made = from_ics(ics(*events), name="x", time_zone="Europe/Berlin")
    assert starts(made) == expected
    assert made.notes == ()


def test_a_change_from_one_occurrence_on_that_no_rule_says_is_told() -> None:
    monthly = at(1, "Release", f"{BERLIN}180000", f"{BERLIN}200000", "RRULE:FREQ=MONTHLY;BYDAY=4TU;COUNT=3")
    moved = at(1, "Release", ":20261225T170000Z", ":20261225T190000Z",
               "RECURRENCE-ID;RANGE=THISANDFUTURE:20261222T170000Z")  # fmt: skip
    made = from_ics(ics(monthly, moved), name="x", time_zone="Europe/Berlin")
    assert starts(made) == ["11-24 17:00/19:00", "12-25 17:00/19:00", "01-26 17:00/19:00"]
    assert made.notes == (
        "Release: is changed from 2026-12-22 18:00:00 on; here that one time only, so check the later ones",
    )


@pytest.mark.parametrize(
    ("events", "expected", "notes"),
    [
        (
            (
                WEEKLY,
                "UID:1\nSUMMARY:Release\nSTATUS:CANCELLED\nRECURRENCE-ID:20261201T170000Z\nDTSTART:20261201T170000Z",
            ),
            ["11-24 17:00/19:00", "12-08 17:00/19:00", "12-15 17:00/19:00"],
            (),
        ),
        (
            (
                at(1, "Release", ":20261202T170000Z", ":20261202T210000Z", FIRST),
                WEEKLY,
            ),
            ["11-24 17:00/19:00", "12-02 17:00/21:00", "12-08 17:00/19:00", "12-15 17:00/19:00"],
            (),
        ),
        (
            ("UID:2\nSUMMARY:Twice\nDTSTART:20261124T170000Z\nDURATION:PT1H\nRDATE:20261126T170000Z,20261127T170000Z",),
            ["11-24 17:00/18:00", "11-26 17:00/18:00", "11-27 17:00/18:00"],
            (),
        ),
        (
            (
                at(1, "Release", f"{BERLIN}180000", f"{BERLIN}200000", "RRULE:FREQ=WEEKLY;UNTIL=20261208",
                   "EXDATE;VALUE=DATE:20261201"),
                at(2, "Shop", f"{BERLIN}180000", f"{BERLIN}190000", "RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=2"),
            ),
            ["11-24 17:00/18:00", "11-24 17:00/19:00", "11-25 17:00/18:00", "12-08 17:00/19:00"],
            ("Shop: begins on 2026-11-24 18:00:00, which its rule does not name; that time became one of its own",),
        ),
        (
            (
                at(1, "Release", f"{BERLIN}180000", f"{BERLIN}200000",
                   "RDATE;VALUE=PERIOD:20261126T170000Z/PT3H,20261127T170000Z/20261127T180000Z",
                   "RDATE:20261128T170000Z,20261129T170000Z", "EXDATE:20261129T170000Z",
                   "RDATE;VALUE=DATE:20261201"),
                at(1, "Release", ":20261130T170000Z", ":20261130T180000Z", "RECURRENCE-ID:20261128T170000Z"),
                at(2, "Often", f"{BERLIN}180000", f"{BERLIN}180100", "RRULE:FREQ=HOURLY"),
            ),
            ["11-24 17:00/19:00", "11-26 17:00/20:00", "11-27 17:00/18:00", "11-30 17:00/18:00", "12-01 17:00/19:00"],
            ("Often: has a rule that no calendar here can hold and was left out: rrule: FREQ is HOURLY",),
        ),
        (
            (
                at(1, "Release", f"{BERLIN}180000", f"{BERLIN}200000", "RRULE:FREQ=WEEKLY;COUNT=2",
                   "EXDATE:20261202T170000Z"),
                at(1, "Release", ":20261203T170000Z", ":20261203T190000Z", "RECURRENCE-ID:20261203T100000Z"),
            ),
            ["11-24 17:00/19:00", "12-01 17:00/19:00", "12-03 17:00/19:00"],
            ("Release: leaves out 2026-12-02 18:00:00, which is none of its times",
             "Release: changes 2026-12-03 11:00:00, which is none of its times"),
        ),
        (
            (WEEKLY, at(1, "Big", ":20261201T170000Z", ":20261201T190000Z", FIRST)),
            ["11-24 17:00/19:00", "12-01 17:00/19:00", "12-08 17:00/19:00", "12-15 17:00/19:00"],
            ("Big: is what Release is called on 2026-12-01 18:00:00; here it keeps its name",),
        ),
        (
            ("UID:3\nSUMMARY:Night\nDTSTART:20261025T003000Z\nDTEND:20261025T013000Z",),
            ["10-25 00:30/01:30"],
            (),
        ),
        (
            (
                WEEKLY,
                at(4, "Reminder", ":20261124T170000Z"),
                at(5, "Back", ":20261124T170000Z", ":20261124T160000Z"),
            ),
            ["11-24 17:00/19:00", "12-01 17:00/19:00", "12-08 17:00/19:00", "12-15 17:00/19:00"],
            ("Reminder: does not last and was left out", "Back: does not last and was left out"),
        ),
        (
            (
                WEEKLY,
                at(6, "Both", ":20261124T170000Z", ":20261124T180000Z", "RRULE:FREQ=WEEKLY", "RRULE:FREQ=DAILY"),
            ),
            ["11-24 17:00/19:00", "12-01 17:00/19:00", "12-08 17:00/19:00", "12-15 17:00/19:00"],
            ("Both: has several rules and was left out",),
        ),
    ],
)  # fmt: skip
def test_nothing_of_a_calendar_is_lost_without_a_word(
    events: tuple[str, ...], expected: list[str], notes: tuple[str, ...]
) -> None:
    made = from_ics(ics(*events), name="Pricing", time_zone="Europe/Berlin")
    assert starts(made) == expected
    assert made.notes == notes


def test_zones_of_a_calendar_are_known_and_a_freeze_keeps_its_exceptions() -> None:
    outlook = "UID:1\nSUMMARY:R\nDTSTART;TZID={0}:20261124T180000\nDTEND;TZID={0}:20261124T200000"
    made = from_ics(ics(outlook.format("Pacific Standard Time")), name="x", time_zone="Europe/Berlin")
    assert starts(made) == ["11-25 02:00/04:00"]
    made = from_ics(ics(outlook.format("/vendor.example/Tzfile/Asia/Tokyo")), name="x", time_zone="Europe/Berlin")
    assert starts(made) == ["11-24 09:00/11:00"]
    with pytest.raises(InvalidInput, match="'Middle-earth' is not known"):
        from_ics(ics(outlook.format("Middle-earth")), name="x", time_zone="Europe/Berlin")
    spared = "EXDATE;VALUE=DATE:20271224"
    freeze = at(2, "Freeze", ";VALUE=DATE:20261224", ";VALUE=DATE:20261227", "RRULE:FREQ=YEARLY;COUNT=3", spared)
    made = from_ics(ics(freeze), name="x", time_zone="Europe/Berlin")
    calendar = read_document(yaml.safe_load(yaml.safe_dump(made.document)), 2026)
    found = periods(calendar.freezes, hour("2026-01-01T00:00"), hour("2030-01-01T00:00"))
    assert [one.whole_days for one in found] == [(date(year, 12, 24), date(year, 12, 26)) for year in (2026, 2028)]


@pytest.mark.parametrize(
    "text",
    [
        "title;start;end\nA;2026-11-24 18:00;2026-11-24 20:00\n",
        "sep=;\r\nTitle;Start;End\r\nA;24.11.2026 18:00;24.11.2026 20:00\r\n;;\r\n",
        "title\tstart\tend\nA\t24.11.2026, 18:00\t2026-11-24T20:00\n",
        "title|start|end\nA|2026-11-24 18:00|2026-11-24 20:00\n",
        "\n\ntitle;start;end;kind\nA;2026-11-24 18:00;2026-11-24 20:00;window\n",
        "\ufefftitle,start,end\r\r\nA,2026-11-24 18:00:00,2026-11-24 20:00\r\n",
    ],
)
def test_tables_as_spreadsheets_write_them(text: str) -> None:
    assert starts(from_csv(text, name="x", time_zone="Europe/Berlin")) == ["11-24 17:00/19:00"]


def test_whole_days_that_do_not_speak_of_a_freeze_are_told_to_be_one() -> None:
    days = at(1, "Release day", ";VALUE=DATE:20261201", ";VALUE=DATE:20261202")
    told = ("Release day: lasts whole days and became a freeze; check that nothing goes out then",)
    assert from_ics(ics(days), name="x", time_zone="UTC").notes == told
    assert from_csv("title,start,end\nRelease day,2026-12-01,2026-12-02\n", name="x", time_zone="UTC").notes == told
    meant = "title,start,end,kind\nStocktaking,2026-12-01,2026-12-02,freeze\n"
    assert from_csv(meant, name="x", time_zone="UTC").notes == ()


def test_no_cell_of_a_table_is_lost_without_a_word() -> None:
    row = "A,2026-11-24 18:00,2026-11-24 20:00"
    made = from_csv(f"title,start,end,owner\n{row},ada\n", name="x", time_zone="Europe/Berlin")
    assert made.notes == ("column 'owner' was left out",)
    with pytest.raises(InvalidInput) as caught:
        from_csv(f"\nsep=,\ntitle,start,end\n{row}\nB, bold,{row[2:]}\n", name="x", time_zone="Europe/Berlin")
    assert [(one.path, one.message) for one in caught.value.errors] == [
        ("line 5", "row: has more cells than there are columns")
    ]
    with pytest.raises(InvalidInput, match="there twice: title"):
        from_csv(f"title,title,start,end\nB,{row}\n", name="x", time_zone="Europe/Berlin")
    with pytest.raises(InvalidInput, match=r"missing: title, start, end \(there are: titel, beginn\)"):
        from_csv("Titel;Beginn\nA;B\n", name="x", time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    "line",
    ["RECURRENCE-ID:xyz", "EXDATE:xyz", "RDATE:xyz", "DTEND:xyz", f"{FIRST}\n{FIRST}", "DTEND;VALUE=DATE:20261201"],
)
def test_an_event_that_cannot_be_read_is_named(line: str) -> None:
    end = "" if "DTEND" in line else "DTEND:20261124T180000Z\n"
    broken = f"UID:2\nSUMMARY:Broken\nDTSTART:20261124T170000Z\n{end}{line}"
    with pytest.raises(InvalidInput, match=r"^event Broken: its times cannot be read: ."):
        from_ics(ics(WEEKLY, broken), name="x", time_zone="UTC")


def test_rules_of_exceptions_and_other_encodings_are_told() -> None:
    made = from_ics(ics(f"{WEEKLY}\nEXRULE:FREQ=MONTHLY"), name="x", time_zone="Europe/Berlin")
    assert made.notes == ("Release: has a rule of exceptions (EXRULE), which was left out; check its times",)
    with pytest.raises(InvalidInput, match="it is not UTF-8"):
        from_ics(ics(WEEKLY).decode().replace("Release", "Größe").encode("latin-1"), name="x", time_zone="UTC")


def test_an_icalendar_file_becomes_a_calendar_that_can_be_applied() -> None:
    made = from_ics(ICS, name="Pricing", time_zone="Europe/Berlin")
    assert (made.windows, made.freezes) == (1, 1)
    assert made.notes == (
        "Weekly release: repeats by the clock of UTC; check its days and times here",
        "Old: is cancelled and was left out",
    )
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
