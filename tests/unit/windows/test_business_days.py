"""Notice in business days, with dates worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.windows import BusinessDays, Notice, resolve, zone
from tests.unit.windows.builders import at, local

HOLIDAYS = frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)})
BERLIN = BusinessDays("Europe/Berlin", days_off=HOLIDAYS)


def announced(text: str) -> datetime:
    return resolve(local(text), zone("Europe/Berlin")).instant


@pytest.mark.acceptance("SCH-N1")
@pytest.mark.parametrize(
    ("when", "earliest"),
    [("2026-12-23T10:00", "2026-12-31"), ("2026-12-23T15:59", "2026-12-31"), ("2026-12-23T16:00", "2027-01-04")],
)
def test_five_days_over_christmas(when, earliest):
    assert BERLIN.earliest(announced(when), 5) == date.fromisoformat(earliest)


@pytest.mark.acceptance("SCH-N2")
def test_the_cut_off_and_a_holiday_each_cost_a_day():
    assert BERLIN.earliest(announced("2026-11-20T10:00"), 5) == date(2026, 11, 27)
    assert BERLIN.earliest(announced("2026-11-20T16:30"), 5) == date(2026, 11, 30)
    thanksgiving = BusinessDays("Europe/Berlin", days_off=frozenset({date(2026, 11, 26)}))
    assert thanksgiving.earliest(announced("2026-11-20T10:00"), 5) == date(2026, 11, 30)


@pytest.mark.acceptance("SCH-N3")
def test_a_weekend_announcement_counts_from_the_next_business_day():
    assert BERLIN.earliest(announced("2026-12-26T10:00"), 1) == date(2026, 12, 29)


@pytest.mark.acceptance("SCH-N4")
def test_another_weekend():
    cairo = BusinessDays("Europe/Berlin", weekend=frozenset({4, 5}))
    assert cairo.earliest(announced("2027-01-07T10:00"), 2) == date(2027, 1, 11)


@pytest.mark.acceptance("SCH-N5")
def test_elapsed_notice_is_real_time():
    notice = Notice(elapsed=timedelta(hours=24))
    assert notice.earliest(announced("2027-03-27T12:00"), (BERLIN,)) == at("2027-03-28T11:00")
    assert notice.met(announced("2027-03-27T12:00"), at("2027-03-28T11:00"), (BERLIN,))
    assert not notice.met(announced("2027-03-27T12:00"), at("2027-03-28T10:59"), (BERLIN,))


@pytest.mark.acceptance("SCH-N6")
def test_of_several_calendars_the_latest_date_counts():
    other = BusinessDays("America/New_York", days_off=frozenset({date(2026, 11, 26)}))
    notice = Notice(5)
    when = announced("2026-11-20T10:00")
    assert notice.earliest(when, (BERLIN,)) == at("2026-11-26T23:00")
    assert notice.earliest(when, (BERLIN, other)) == at("2026-11-30T05:00")


def test_no_days_means_the_same_day_before_the_cut_off():
    assert BERLIN.earliest(announced("2026-11-20T15:59"), 0) == date(2026, 11, 20)
    assert BERLIN.earliest(announced("2026-11-20T16:00"), 0) == date(2026, 11, 23)


@given(st.datetimes(local("2026-01-01"), local("2027-12-31")), st.integers(0, 15))
def test_met_and_earliest_tell_the_same(when, days):
    instant = resolve(when.replace(microsecond=0), zone("Europe/Berlin")).instant
    first = Notice(days).earliest(instant, (BERLIN,))
    assert Notice(days).met(instant, first, (BERLIN,))
    if first > instant:
        assert not Notice(days).met(instant, first - timedelta(seconds=1), (BERLIN,))
