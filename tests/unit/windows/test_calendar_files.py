"""Calendar documents: what they say, and each fault in them by path, with the right value where it can be told."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import InvalidInput, TooLarge
from release_mgmt.core.windows import Capacity, Notice, expand, periods
from release_mgmt.sources.calendars import Known, load_file, load_yaml, read_document
from tests.unit.windows.builders import at

ROOT = Path(__file__).parents[3]
DESIGNED = """
calendar: Pricing
time_zone: Europe/Berlin
business_days: {weekend: [sat, sun], cut_off: "16:00", holidays: {country: DE, subdivision: BE}, days_off: [2026-12-24]}
policy:
  notice: {minor: 1, major: 5}
  capacity: {points: 4, minor: 1, major: 3, most_major: 1}
  approvals: {minor: {release_managers: 1}, major: {release_managers: 2, each_affected_team: true}, expire_days: 30}
  default: closed
  minor_lane: {approved_in_advance: false}
series:
  - {id: weekly, levels: [minor, major], environments: [prod], start: 2026-11-24T18:00, end: 2026-11-24T22:00,
     rrule: FREQ=WEEKLY, except: [2026-12-29T18:00], moved: {2026-12-22T18:00: 2026-12-21T18:00}, min_duration: PT1H}
freezes:
  - {id: year-end, days: [2026-12-24, 2027-01-01], hard: true, reason: Closing of the books,
     scope: {repositories: ["*"], teams: [], environments: [prod], levels: [], except: {teams: [payments]}}}
"""


def test_the_designed_form_is_read():
    calendar = read_document(load_yaml(DESIGNED)[0], 2026)
    assert calendar.slug == "pricing"
    assert calendar.business_days.cut_off == time(16)
    assert {
        date(2026, 12, 24),
        date(2026, 12, 25),
        date(2027, 3, 8),
    } <= calendar.business_days.days_off  # BE: Women's Day
    assert calendar.policy.notice(Level.MAJOR) == Notice(5)
    assert calendar.series[0].min_duration == timedelta(hours=1)
    assert calendar.freezes[0].scope.exceptions.teams == ("payments",)
    windows = expand(calendar, at("2026-12-20"), at("2027-01-01"))
    assert [each.key for each in windows.windows] == ["weekly@2026-12-22T18:00"]
    assert [each.key for each in windows.cancelled] == ["weekly@2026-12-29T18:00"]


def test_holidays_are_named_in_the_language_asked_for_and_never_by_the_machine(monkeypatch: pytest.MonkeyPatch):
    """German, where the package knows it for the country; else English, whatever the locale of the process is."""
    monkeypatch.setenv("LANGUAGE", "de")
    document = {"calendar": "A", "time_zone": "Europe/Berlin", "business_days": {"holidays": {"country": "DE"}}}
    first = date(2041, 1, 1)
    assert read_document(document, 2041).business_days.name_of(first) == "New Year's Day"
    assert read_document(document, 2041, language="de").business_days.name_of(first) == "Neujahr"
    document["business_days"] = {"holidays": {"country": "US"}}
    assert read_document(document, 2041, language="de").business_days.name_of(first) == "New Year's Day"
    document["business_days"] = {"holidays": {"market": "XNYS"}, "days_off": [{"date": "2041-03-01", "name": "Ours"}]}
    assert read_document(document, 2041, language="de").business_days.name_of(date(2041, 3, 1)) == "Ours"


def test_the_example_calendar_lets_one_release_manager_approve_minor_changes():
    [calendar] = load_file(ROOT / "config" / "calendar.example.yaml", 2026)
    assert calendar.policy.approvals.rule(Level.MINOR).release_managers == 1
    assert {each.id for each in calendar.series} == {"weekly", "monthly"}
    assert calendar.freezes


def test_an_unquoted_cut_off_is_understood():
    [data] = load_yaml("calendar: A\ntime_zone: UTC\nbusiness_days: {cut_off: 16:30}\n")
    assert read_document(data, 2026).business_days.cut_off == time(16, 30)


@pytest.mark.acceptance("SCH-W14")
@pytest.mark.parametrize("number", [1730, 10**30])
def test_a_number_of_no_minute_of_a_day_is_no_cut_off(number: int):
    """JSON that was made of YAML holds minutes; 1730 there is not half past five, as 930 is not half past nine."""
    document = {"calendar": "A", "time_zone": "UTC", "business_days": {"cut_off": number}}
    with pytest.raises(InvalidInput) as caught:
        read_document(document, 2026)
    [fault] = caught.value.errors
    assert (fault.path, fault.allowed) == ("business_days.cut_off", 'for instance "16:00"')


@pytest.mark.acceptance("SCH-W14")
def test_what_yaml_1_1_reads_otherwise_stays_as_it_was_written():
    """Times without quotes are no minutes, a leading nought makes nothing octal, and 1.10 is not 1.1."""
    [data] = load_yaml(
        "calendar: A\ntime_zone: UTC\nbusiness_days: {cut_off: 8:30}\nteams: {}\n"
        "freezes: [{id: 1.10, days: 2026-12-24}, {id: 0123, days: 2026-12-25}]\n"
    )
    calendar = read_document(data, 2026)
    assert calendar.business_days.cut_off == time(8, 30)
    assert [each.id for each in calendar.freezes] == ["1.10", "0123"]


@pytest.mark.acceptance("SCH-W14")
@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("business_days: {cut_off: 930}", "business_days.cut_off", 'for instance "16:00"'),
        ("business_days: {cut_off: 16}", "business_days.cut_off", 'for instance "16:00"'),
        ('business_days: {cut_off: "16:00Z"}', "business_days.cut_off", 'for instance "16:00"'),
        ('business_days: {cut_off: "16:00+02:00"}', "business_days.cut_off", 'for instance "16:00"'),
        ("policy: {capacity: {points: 010}}", "policy.capacity.points", "0 to 1000000"),
        ("business_days: {weekend: [sunshine]}", "business_days.weekend[0]", None),
        ("business_days: {days_off: [{date: 2026-12-24, nmae: x}]}", "business_days.days_off[0].nmae",
         "did you mean name?"),
        ("business_days: {holidays: {country: NO}}", "business_days.holidays.country",
         'a text; where it is one, in quotes, such as "NO" or "on"'),
        ("business_days: {time_zone: Factory}", "business_days.time_zone", None),
        ("freezes: [{id: f, days: 2026-12-24, time_zone: localtime}]", "freezes[0].time_zone", None),
        ("series: [{id: w, start: 2026-11-24T18:00, duration: PT4H, notice: 2, policy: {notice: 3}}]",
         "series[0].notice", None),
        ("business_days: {days_off: [{date: 2026-12-24, name: NO}]}", "business_days.days_off[0].name",
         'a text; where it is one, in quotes, such as "NO" or "on"'),
        (("series: [{id: w, start: 2026-11-24T18:00, duration: PT4H,"
         " moved: {2026-11-24T18:00: 2026-11-25T18:00, 2026-11-24 18:00: 2026-11-26T18:00}}]"),
         "series[0].moved", "one new start for each"),
        ("series: [{id: w, start: 2026-11-24T18:00, duration: PT4H, moved: {2026-11-24 19:00: 2026-11-25T18:00}}]",
         "series[0].moved.2026-11-24 19:00", "2026-11-24T18:00"),
        ("---\ncalendar: a\ntime_zone: UTC", "calendar", "one document for each calendar"),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_or_not_at_all_is_refused(text: str, path: str, allowed: str | None):
    with pytest.raises(InvalidInput) as caught:
        [read_document(each, 2026) for each in load_yaml(f"calendar: A\ntime_zone: Europe/Berlin\n{text}\n")]
    [fault] = caught.value.errors
    assert fault.path == path
    assert allowed is None or fault.allowed == allowed


BASE = "calendar: A\ntime_zone: Europe/Berlin\n"
SERIES = BASE + "series:\n  - {id: w, start: 2026-11-24T18:00, end: 2026-11-24T22:00, rrule: FREQ=WEEKLY}\n"


@pytest.mark.acceptance("SCH-W14")
@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        (BASE.replace("Europe/Berlin", "Europe/Berln"), "time_zone", "did you mean Europe/Berlin?"),
        (BASE.replace("calendar: A\n", ""), "calendar", None),
        (BASE + "freezez: []\n", "freezez", "did you mean freezes?"),
        (SERIES.replace("FREQ=WEEKLY", "FREQ=WEAKLY"), "series[0].rrule", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        (SERIES.replace("11-24T22", "11-24T17"), "series[0].end", "later than 2026-11-24T18:00"),
        (
            SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY;UNTIL=20271231"),
            "series[0].rrule",
            "UNTIL=20271231T225959Z",
        ),
        (SERIES.replace("11-24T22", "12-01T18"), "series[0].end", "shorter than 7 days, 0:00:00"),
        (
            SERIES.replace("FREQ=WEEKLY", '"FREQ=WEEKLY;BYDAY=MO"'),
            "series[0].start",
            "the first start after it is 2026-11-30T18:00",
        ),
        (
            SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY, except: [2026-12-02T18:00]"),
            "series[0].except[0]",
            "2026-12-01T18:00",
        ),
        (
            SERIES.replace("T18:00,", "T18:00+01:00,"),
            "series[0].start",
            "for instance 2026-11-24T18:00",
        ),
        (BASE + "freezes: [{id: f, days: [2026-12-24], time_zone: floating}]\n", "freezes[0].time_zone", None),
        (BASE + "freezes: [{id: f, days: [2026-12-24, 2026-12-20]}]\n", "freezes[0].days[1]", "2026-12-24 or later"),
        (BASE + "policy: {notice: {minor: tomorrow}}\n", "policy.notice.minor", None),
        (BASE + "policy: {capacity: {points: 2, major: 3}}\n", "policy.capacity.major", "at most 2"),
        (BASE + "business_days: {holidays: {country: DEU2}}\n", "business_days.holidays.country", None),
        (
            BASE + "business_days: {holidays: {country: DE, subdivision: XX}}\n",
            "business_days.holidays.subdivision",
            None,
        ),
    ],
)
def test_each_fault_is_named_by_its_path(text, path, allowed):
    with pytest.raises(InvalidInput) as caught:
        read_document(load_yaml(text)[0], 2026)
    [fault] = [each for each in caught.value.errors if each.path == path]
    if allowed:
        assert fault.allowed == allowed


@pytest.mark.acceptance("SCH-F5")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        (SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY, unscheduled: open"), "series[0].unscheduled"),
        (SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY, policy: {unscheduled: open}"), "series[0].policy.unscheduled"),
        (SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY, environments: []"), "series[0].environments"),
        (SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY, repositories: []"), "series[0].repositories"),
        (SERIES.replace("FREQ=WEEKLY", "FREQ=WEEKLY, min_duration: PT5H"), "series[0].min_duration"),
        (
            SERIES.replace("end: 2026-11-24T22:00", "duration: PT4H").replace(
                "FREQ=WEEKLY", "FREQ=WEEKLY, retimed: [{from: 2027-01-01, start: '19:00', end: '21:00'}]"
            ),
            "series[0].retimed[0].end",
        ),
        (
            SERIES.replace("rrule: FREQ=WEEKLY", "retimed: [{from: 2027-01-01, start: '19:00'}]"),
            "series[0].retimed[0].from",
        ),
        (BASE + "freezes: [{id: f, days: [2026-12-24], hard: false, overrun: allow}]\n", "freezes[0].overrun"),
        (BASE + "business_days: {holidays: {country: DE, market: XNYS}}\n", "business_days.holidays.market"),
        (
            BASE + "teams: {fraud: {business_days: {holidays: {country: DE, market: XNYS}}}}\n",
            "teams.fraud.business_days.holidays.market",
        ),
    ],
)
def test_what_would_be_read_without_effect_is_refused_and_a_stored_document_stays_readable(text, path):
    [data] = load_yaml(text)
    with pytest.raises(InvalidInput) as caught:
        read_document(data, 2026)
    [fault] = caught.value.errors
    assert fault.path == path
    assert fault.allowed
    read_document(data, 2026, stored=True)


def test_a_window_without_room_may_say_what_a_change_would_cost():
    text = BASE + "policy: {capacity: {points: 0, minor: 1, major: 3}}\n"
    assert read_document(load_yaml(text)[0], 2026).policy.capacity == Capacity(0, 1, 3)


def test_a_team_keeps_the_weekend_of_the_calendar_unless_it_has_its_own():
    text = BASE + (
        "business_days: {weekend: [fri, sat]}\n"
        "teams: {fraud: {business_days: {time_zone: Asia/Dubai}}, risk: {business_days: {weekend: [sun]}}}\n"
    )
    own = dict(read_document(load_yaml(text)[0], 2026).team_business_days)
    assert (own["fraud"].weekend, own["risk"].weekend) == ({4, 5}, {6})


def test_an_unknown_name_in_a_scope_is_refused_and_not_matched_with_nothing():
    text = BASE + "freezes: [{id: f, days: [2026-12-24], scope: {repositories: [prcing], teams: [fraud]}}]\n"
    known = Known(repositories=frozenset({"pricing", "risk"}), teams=frozenset({"fraud"}))
    with pytest.raises(InvalidInput) as caught:
        read_document(load_yaml(text)[0], 2026, known)
    assert caught.value.errors[0].path == "freezes[0].scope.repositories[0]"
    assert caught.value.errors[0].allowed == "did you mean pricing?"


@pytest.mark.acceptance("SCH-F9")
def test_a_freeze_that_floats_with_its_reader_is_refused():
    text = BASE + "freezes: [{id: f, days: [2026-12-24], time_zone: floating}]\n"
    with pytest.raises(InvalidInput, match="float"):
        read_document(load_yaml(text)[0], 2026)


@pytest.mark.parametrize(
    "text", ["", "- a\n", "a: [1", "a: &x [1]\nb: *x\n", "calendar: A\ncalendar: B\n", "\x00", "[" * 40 + "]" * 40]
)
def test_files_that_hold_no_calendar_are_refused(text):
    with pytest.raises((InvalidInput, TooLarge)):
        load_yaml(text)


def test_a_huge_file_is_refused_unread():
    with pytest.raises(TooLarge):
        load_yaml("a: " + "x" * 600_000)


@pytest.mark.parametrize(
    "value",
    [
        "!!int abc",
        "9" * 5000,
        "!!int ''",
        "!!timestamp 2026-99-99",
        "!!float abc",
        "!!bool maybe",
        "1:2:" + "3:" * 3000 + "4",
        "!!map [a]",
        "!!python/object:os.system {}",
    ],
)
def test_a_value_that_its_tag_forbids_is_refused_and_crashes_nothing(value):
    with pytest.raises(InvalidInput):
        load_yaml(f"calendar: {value}")
    with pytest.raises(InvalidInput):
        load_yaml(f"{value}: calendar")


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
def test_a_number_that_is_none_is_no_text(value):
    with pytest.raises(InvalidInput) as caught:
        read_document(load_yaml(f"calendar: {value}\ntime_zone: UTC")[0], 2026)
    assert [each.path for each in caught.value.errors] == ["calendar"]


@pytest.mark.acceptance("SCH-W14")
def test_an_exception_of_a_freeze_must_be_one_of_its_starts():
    days = "{id: f, days: [2026-12-05, 2026-12-06], rrule: FREQ=WEEKLY, except: [%s]}"
    found = read_document(load_yaml(BASE + f"freezes: [{days % '2026-12-12'}]")[0], 2026)
    held = periods(found.freezes, at("2026-12-01T00:00"), at("2026-12-25T00:00"))
    assert [each.whole_days[0].day for each in held if each.whole_days] == [5, 19]
    nightly = "{id: n, start: 2026-12-05T22:00, duration: PT4H, rrule: FREQ=DAILY, except: [%s]}"
    for text, meant in ((days % "2026-12-13", "2026-12-12T00:00"), (nightly % "2026-12-06T21:00", "2026-12-06T22:00")):
        with pytest.raises(InvalidInput) as caught:
            read_document(load_yaml(BASE + f"freezes: [{text}]")[0], 2026)
        assert [(each.path, each.allowed) for each in caught.value.errors] == [("freezes[0].except[0]", meant)]
