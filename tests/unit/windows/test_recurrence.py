"""Recurrence by arithmetic gives what dateutil gives, from any day on, at a bounded cost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, note, settings
from hypothesis import strategies as st

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows import parse, zone
from tests.unit.windows.builders import local

BERLIN = zone("Europe/Berlin")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@st.composite
def rules(draw) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 5))}"]
    counted = frequency in {"MONTHLY", "YEARLY"} and draw(st.booleans())
    # dateutil takes the meet of "3SA" and "MO" in one BYDAY, RFC 5545 the union: see the test below.
    ordinals = ["1", "2", "3", "-1", "5"] if counted else [""]
    by_day = draw(st.lists(st.tuples(st.sampled_from(ordinals), st.sampled_from(WEEKDAYS)), max_size=3, unique=True))
    if by_day:
        parts.append("BYDAY=" + ",".join(a + b for a, b in by_day))
    month_days = draw(st.lists(st.integers(-31, 31).filter(bool), max_size=3, unique=True))
    # With ordinals and days of the month together dateutil and RFC 5545 differ; such rules are rare and not compared.
    if month_days and frequency != "WEEKLY" and not any(a for a, _ in by_day):
        parts.append("BYMONTHDAY=" + ",".join(map(str, month_days)))
    months = draw(st.lists(st.integers(1, 12), max_size=3, unique=True))
    if months:
        parts.append("BYMONTH=" + ",".join(map(str, months)))
    if frequency == "YEARLY" and not counted and draw(st.booleans()):
        weeks = draw(st.booleans())
        # dateutil misnumbers the last week of a year where it reaches into January: see the test below.
        most = 51 if weeks else 366
        numbers = draw(st.lists(st.integers(-most, most).filter(bool), min_size=1, max_size=3))
        parts.append(("BYWEEKNO=" if weeks else "BYYEARDAY=") + ",".join(map(str, numbers)))
    # A day is a period of its own for DAILY: nothing to pick from, and dateutil agrees.
    if any(part.startswith(("BYDAY", "BYMONTH", "BYWEEKNO", "BYYEARDAY")) for part in parts) and draw(st.booleans()):
        places = draw(st.lists(st.sampled_from([1, 2, 3, -1, -2]), min_size=1, max_size=3, unique=True))
        parts.append("BYSETPOS=" + ",".join(map(str, places)))
    picks_in_weeks = frequency == "WEEKLY" and parts[-1].startswith("BYSETPOS")
    end = draw(st.sampled_from(["", "UNTIL"] if picks_in_weeks else ["", "COUNT", "UNTIL"]))
    if end == "COUNT":
        parts.append(f"COUNT={draw(st.integers(1, 40))}")
    elif end:
        day, clock = (
            draw(st.dates(date(2019, 12, 1), date(2026, 1, 1))),
            draw(st.sampled_from(["160000", "165959", "170000"])),
        )
        parts.append(f"UNTIL={day:%Y%m%d}T{clock}Z")
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    return ";".join(parts)


def by_dateutil(text, start, last):
    """The same rule by dateutil; it takes no UNTIL in UTC beside a wall time, so that is compared here."""
    text, _, until = text.partition(";UNTIL=")
    until, _, rest = until.partition(";")
    text += ";" + rest if rest else ""
    rule = rrulestr(text if "COUNT" in text else f"{text};UNTIL={last:%Y%m%dT235959}", dtstart=start)
    end = datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if until else datetime.max.replace(tzinfo=UTC)
    return [each for each in rule if each.date() <= last and each.replace(tzinfo=BERLIN).astimezone(UTC) <= end]


@settings(deadline=None)  # dateutil looks for a rule that never happens until the year 9999
@given(rules(), st.dates(date(2020, 1, 1), date(2022, 12, 31)), st.integers(0, 1500), st.integers(0, 700))
def test_the_same_days_as_dateutil(text, first_day, skip, length):
    start = datetime.combine(first_day, datetime.min.time()).replace(hour=18)
    rule = parse(text, "rrule", BERLIN, start)
    first = first_day + timedelta(days=skip)
    last = first + timedelta(days=length)
    if "WEEKLY" in text and "BYSETPOS" in text:
        # dateutil picks from what is left of the first week, RFC 5545 from the whole: see the test below.
        first = max(first, first_day + timedelta(days=7))
    ours = list(rule.local_starts(start, first, last, BERLIN))
    theirs = [each for each in by_dateutil(text, start, last) if each.date() >= first]
    note(text)
    assert ours == theirs


@pytest.mark.acceptance("SCH-W14")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "NAME=VALUE"),
        ("FREQ=HOURLY", "FREQ"),
        ("FREQ=WEEKLY;BYDAY=XX", "weekday"),
        ("FREQ=WEEKLY;BYDAY=3SA", "counts weekdays"),
        ("FREQ=WEEKLY;INTERVAL=0", "INTERVAL"),
        ("FREQ=WEEKLY;BYHOUR=3", "time of day"),
        ("FREQ=WEEKLY;COUNT=3;UNTIL=20270101T000000Z", "exclude"),
        ("FREQ=WEEKLY;SPICE=1", "unknown part"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYSETPOS=-1", "BYSETPOS"),
        ("FREQ=WEEKLY;UNTIL=tomorrow", "UNTIL"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_with_its_path(text, says):
    with pytest.raises(InvalidInput) as caught:
        parse(text, "series[0].rrule", BERLIN, local("2026-11-24T18:00"))
    assert caught.value.errors[0].path == "series[0].rrule"
    assert says in caught.value.errors[0].message + str(caught.value.errors[0].allowed)


@pytest.mark.acceptance("SCH-W14")
@pytest.mark.parametrize(
    ("until", "meant"), [("20271231", "20271231T225959Z"), ("20270701T180000", "20270701T160000Z")]
)
def test_an_until_that_is_not_utc_is_refused_with_the_right_value(until, meant):
    with pytest.raises(InvalidInput) as caught:
        parse(f"FREQ=WEEKLY;UNTIL={until}", "rrule", BERLIN, local("2026-11-24T18:00"))
    assert caught.value.errors[0].allowed == f"UNTIL={meant}"


@pytest.mark.acceptance("SCH-W14")
def test_until_is_inclusive_and_an_instant():
    start = local("2026-11-24T18:00")
    for until, count in (("20261208T170000Z", 3), ("20261208T165959Z", 2)):
        rule = parse(f"FREQ=WEEKLY;UNTIL={until}", "rrule", BERLIN, start)
        assert len(list(rule.local_starts(start, start.date(), date(2027, 12, 31), BERLIN))) == count
    assert parse("FREQ=WEEKLY;UNTIL=20261208T170000Z", "r", BERLIN, start).until == datetime(
        2026, 12, 8, 17, tzinfo=UTC
    )


def test_week_numbers_and_days_of_the_year():
    start = local("2026-01-05T18:00")
    rule = parse("FREQ=YEARLY;BYWEEKNO=2,20;BYDAY=MO", "rrule", BERLIN, start)
    days = [each.date() for each in rule.local_starts(start, date(2027, 1, 1), date(2027, 12, 31), BERLIN)]
    assert days == [date(2027, 1, 11), date(2027, 5, 17)]


@pytest.mark.parametrize("number", [1, 2, 51, 52, 53, -1, -2, -52])
def test_week_numbers_are_those_of_the_iso_calendar_at_the_turn_of_every_year(number):
    """Seven days a week, those in the neighbouring year too; 2021's week 52 ends on 2 January 2022."""
    first, last = date(1999, 1, 1), date(2030, 12, 31)
    start = local("1999-01-01T18:00")
    rule = parse(f"FREQ=YEARLY;BYWEEKNO={number}", "rrule", BERLIN, start)
    found = {each.date() for each in rule.local_starts(start, first, last, BERLIN)}
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    weeks = {year: date(year, 12, 28).isocalendar().week for year in range(1998, 2032)}
    wanted = {
        day
        for day in days
        for year, week, _ in [day.isocalendar()]
        if week == (number if number > 0 else weeks[year] + 1 + number)
    }
    assert found == wanted


def test_a_week_may_begin_on_any_day():
    start = local("2026-01-04T18:00")  # a Sunday; counted from Sundays, week 1 holds it
    rule = parse("FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=SU", "rrule", BERLIN, start)
    days = [each.date() for each in rule.local_starts(start, date(2026, 1, 1), date(2028, 12, 31), BERLIN)]
    assert days == [date(2026, 1, 4), date(2027, 1, 3), date(2028, 1, 2), date(2028, 12, 31)]


def test_counted_and_plain_weekdays_add_up():
    start = local("2027-01-01T18:00")
    rule = parse("FREQ=MONTHLY;BYDAY=1FR,MO", "rrule", BERLIN, start)
    days = [each.day for each in rule.local_starts(start, date(2027, 1, 1), date(2027, 1, 31), BERLIN)]
    assert days == [1, 4, 11, 18, 25]


def test_a_place_in_the_week_is_counted_in_the_whole_week_also_in_the_first():
    start = local("2027-01-05T18:00")  # a Tuesday
    rule = parse("FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=2", "rrule", BERLIN, start)
    days = [each.day for each in rule.local_starts(start, date(2027, 1, 1), date(2027, 1, 20), BERLIN)]
    assert days == [5, 12, 19]


def test_an_until_at_the_end_of_time_is_no_end():
    start = local("2027-01-05T18:00")
    for end in ("99991231T235959Z", "00010101T000000Z"):
        rule = parse(f"FREQ=DAILY;UNTIL={end}", "rrule", zone("Pacific/Kiritimati"), start)
        found = list(rule.local_starts(start, start.date(), date(2027, 1, 6), zone("Pacific/Kiritimati")))
        assert len(found) == (2 if end.startswith("9") else 0)


@pytest.mark.acceptance("SCH-W13")
def test_a_yearly_rule_counts_its_weekdays_in_the_year_beside_a_day_of_the_month_too():
    """The second Wednesday of a year is the 13th in 2027, and not again until 2038; many a month has one."""
    begin = local("2027-01-13T18:00")
    rule = parse("FREQ=YEARLY;BYDAY=2WE;BYMONTHDAY=13", "rrule", zone("UTC"), begin)
    found = rule.local_starts(begin, begin.date(), date(2038, 12, 31), zone("UTC"))
    assert [f"{each:%Y-%m-%d}" for each in found] == ["2027-01-13", "2038-01-13"]
