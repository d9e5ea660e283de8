"""Windows at clock changes, with instants worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import pytest

from release_mgmt.core.windows import Freeze, Retiming, expand, periods, resolve, zone
from tests.unit.windows.builders import at, calendar, freeze, local, series

WEEKLY_TUE = "FREQ=WEEKLY;BYDAY=TU"


def only(cal, day: str):
    """The one occurrence whose original local start is on that day, or what was skipped."""
    found = expand(cal, at(day) - timedelta(days=2), at(day) + timedelta(days=3))
    windows = [each for each in found.windows if each.original_start.date() == date.fromisoformat(day)]
    skipped = [each for each in found.skipped if each.original_start.date() == date.fromisoformat(day)]
    assert len(windows) + len(skipped) == 1
    return (windows + skipped)[0]


def span(cal, day: str) -> tuple[datetime, datetime]:
    window = only(cal, day)
    return window.start, window.end


@pytest.mark.acceptance("SCH-W1")
def test_a_window_keeps_its_wall_time_over_the_clock_change():
    cal = calendar(series("2027-03-02T18:00", "2027-03-02T20:00", WEEKLY_TUE))
    assert span(cal, "2027-03-23") == (at("2027-03-23T17:00"), at("2027-03-23T19:00"))
    assert span(cal, "2027-03-30") == (at("2027-03-30T16:00"), at("2027-03-30T18:00"))


@pytest.mark.acceptance("SCH-W2")
def test_a_start_that_does_not_exist_is_the_jump_and_flagged():
    rule = "FREQ=WEEKLY;BYDAY=SU"
    cal = calendar(series("2027-03-07T02:30", "2027-03-07T04:00", rule))
    window = only(cal, "2027-03-28")
    assert (window.start, window.end) == (at("2027-03-28T01:00"), at("2027-03-28T02:00"))
    assert window.duration == timedelta(minutes=60)
    assert "dst_gap" in window.flags
    short = calendar(series("2027-03-07T02:30", "2027-03-07T04:00", rule, min_duration=timedelta(minutes=90)))
    assert only(short, "2027-03-28").reason == "dst_gap"


@pytest.mark.acceptance("SCH-W3")
def test_an_occurrence_inside_the_gap_is_skipped_and_never_empty():
    cal = calendar(series("2027-03-07T02:10", "2027-03-07T02:50", "FREQ=WEEKLY;BYDAY=SU"))
    found = expand(cal, at("2027-03-20"), at("2027-04-10"))
    assert [each.original_start.date().isoformat() for each in found.windows] == ["2027-03-21", "2027-04-04"]
    assert [(each.reason, each.original_start) for each in found.skipped] == [("dst_gap", local("2027-03-28T02:10"))]


@pytest.mark.acceptance("SCH-W4")
def test_a_window_that_spans_the_repeated_hour_is_two_hours_long():
    window = only(calendar(series("2027-10-03T02:30", "2027-10-03T03:30", "FREQ=WEEKLY;BYDAY=SU")), "2027-10-31")
    assert (window.start, window.end) == (at("2027-10-31T00:30"), at("2027-10-31T02:30"))
    assert "dst_overlap" in window.flags


@pytest.mark.acceptance("SCH-W5")
def test_the_end_of_a_freeze_takes_the_second_reading_and_a_window_the_first():
    [period] = periods([freeze("2027-10-31T01:00", "2027-10-31T02:30")], at("2027-10-30"), at("2027-11-02"))
    assert (period.start, period.end) == (at("2027-10-30T23:00"), at("2027-10-31T01:30"))
    cal = calendar(series("2027-10-31T01:00", "2027-10-31T02:30"))
    assert span(cal, "2027-10-31") == (at("2027-10-30T23:00"), at("2027-10-31T00:30"))


@pytest.mark.acceptance("SCH-W6")
def test_an_exact_duration_is_real_time():
    cal = calendar(series("2027-03-07T01:30", None, "FREQ=WEEKLY;BYDAY=SU", duration=timedelta(hours=2)))
    assert span(cal, "2027-03-28") == (at("2027-03-28T00:30"), at("2027-03-28T02:30"))


@pytest.mark.acceptance("SCH-W7")
def test_a_night_across_the_clock_change_has_nine_or_seven_hours():
    cal = calendar(
        series("2026-10-03T22:00", "2026-10-04T06:00", "FREQ=WEEKLY;BYDAY=SA", "America/New_York"),
        zone_name="America/New_York",
    )
    assert span(cal, "2026-11-07") == (at("2026-11-08T03:00"), at("2026-11-08T11:00"))  # not the change night of 2026
    assert span(cal, "2027-11-06") == (at("2027-11-07T02:00"), at("2027-11-07T11:00"))
    assert span(cal, "2027-03-13") == (at("2027-03-14T03:00"), at("2027-03-14T10:00"))
    assert only(cal, "2027-03-13").flags == ("dst_inside",)


@pytest.mark.acceptance("SCH-W8")
@pytest.mark.parametrize(
    ("zone_name", "day", "start", "end"),
    [
        ("Asia/Beirut", "2027-03-28", "2027-03-27T22:00", "2027-03-28T21:00"),
        ("Africa/Cairo", "2027-04-30", "2027-04-29T22:00", "2027-04-30T21:00"),
    ],
)
def test_a_day_whose_midnight_does_not_exist_begins_at_the_jump(zone_name, day, start, end):
    whole = date.fromisoformat(day)
    [period] = periods(
        [Freeze(id="F", time_zone=zone_name, days=(whole, whole))], at(day), at(day) + timedelta(hours=12)
    )
    assert (period.start, period.end) == (at(start), at(end))


@pytest.mark.acceptance("SCH-W9")
def test_a_half_hour_clock_change():
    cal = calendar(series("2027-10-03T02:15", "2027-10-03T03:15"), zone_name="Australia/Lord_Howe")
    assert span(cal, "2027-10-03") == (at("2027-10-02T15:30"), at("2027-10-02T16:15"))


@pytest.mark.acceptance("SCH-W10")
def test_two_zones_overlap_only_while_their_clock_changes_disagree():
    york = calendar(
        series("2027-03-02T15:00", "2027-03-02T16:00", WEEKLY_TUE, "America/New_York"), zone_name="America/New_York"
    )
    berlin = calendar(series("2027-03-02T20:00", "2027-03-02T21:00", WEEKLY_TUE))
    for day, overlap in (("2027-03-16", True), ("2027-03-30", False)):
        (a, b), (c, d) = span(york, day), span(berlin, day)
        assert (a < d and c < b) is overlap
    assert span(york, "2027-03-30")[0] == at("2027-03-30T19:00")
    assert span(berlin, "2027-03-30")[0] == at("2027-03-30T18:00")


@pytest.mark.acceptance("SCH-W11")
def test_a_window_over_midnight_is_open_on_the_next_morning_only():
    cal = calendar(series("2026-11-27T22:00", "2026-11-28T02:00", "FREQ=WEEKLY;BYDAY=FR"))
    window = only(cal, "2026-11-27")
    assert window.contains(at("2026-11-27T23:30"))
    assert not window.contains(at("2026-11-26T23:30"))


@pytest.mark.acceptance("SCH-W12")
def test_intervals_are_half_open():
    cal = calendar(
        series("2026-11-24T18:00", "2026-11-24T20:00", id="a"), series("2026-11-24T20:00", "2026-11-24T22:00", id="b")
    )
    windows = expand(cal, at("2026-11-24"), at("2026-11-25")).windows
    for instant, names in (
        ("2026-11-24T17:00", ["a"]),
        ("2026-11-24T18:59:59", ["a"]),
        ("2026-11-24T19:00", ["b"]),
        ("2026-11-24T21:00", []),
    ):
        assert [each.series for each in windows if each.contains(at(instant))] == names


@pytest.mark.acceptance("SCH-W13")
def test_monthly_rules():
    def starts(first: str, rule: str, until: str):
        end = first[:11] + "23:00"
        return [each.start for each in expand(calendar(series(first, end, rule)), at("2027-01-01"), at(until)).windows]

    third = starts("2027-01-16T18:00", "FREQ=MONTHLY;BYDAY=3SA", "2027-04-30")
    assert [each.date().isoformat() for each in third] == ["2027-01-16", "2027-02-20", "2027-03-20", "2027-04-17"]
    last = starts("2027-01-29T18:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2027-05-01")
    assert last == [at("2027-01-29T17:00"), at("2027-02-26T17:00"), at("2027-03-31T16:00"), at("2027-04-30T16:00")]
    thirty_first = starts("2027-01-31T18:00", "FREQ=MONTHLY;BYMONTHDAY=31", "2027-08-01")
    assert [each.month for each in thirty_first] == [1, 3, 5, 7]


@pytest.mark.acceptance("SCH-W15")
def test_cancelled_and_moved_occurrences_keep_their_identity():
    cal = calendar(
        series(
            "2026-11-24T18:00",
            "2026-11-24T22:00",
            WEEKLY_TUE,
            cancelled=(local("2026-12-29T18:00"),),
            moved=((local("2026-12-22T18:00"), local("2026-12-21T18:00")),),
        )
    )
    found = expand(cal, at("2026-12-20"), at("2027-01-01"))
    assert [each.key for each in found.windows] == ["w@2026-12-22T18:00"]
    assert (found.windows[0].start, found.windows[0].end) == (at("2026-12-21T17:00"), at("2026-12-21T21:00"))
    assert [each.key for each in found.cancelled] == ["w@2026-12-29T18:00"]
    assert found.skipped == ()


@pytest.mark.acceptance("SCH-W16")
def test_other_zone_data_moves_the_instant_and_keeps_the_local_time_and_identity():
    cal = calendar(series("2027-11-02T18:00", "2027-11-02T20:00", WEEKLY_TUE))

    def always_summer(_: str) -> tzinfo:
        return timezone(timedelta(hours=2))

    [before] = expand(cal, at("2027-11-02"), at("2027-11-03")).windows
    [after] = expand(cal, at("2027-11-02"), at("2027-11-03"), always_summer).windows
    assert before.key == after.key
    assert (before.start, after.start) == (at("2027-11-02T17:00"), at("2027-11-02T16:00"))


@pytest.mark.acceptance("SCH-S7")
def test_a_retiming_touches_only_later_occurrences_and_keeps_their_identity():
    late = Retiming(since=date(2027, 1, 1), start=timedelta(hours=1), end=timedelta(hours=1))
    cal = calendar(series("2026-11-24T18:00", "2026-11-24T22:00", WEEKLY_TUE, retimings=(late,)))
    windows = expand(cal, at("2026-12-28"), at("2027-01-07")).windows
    assert [(each.key, each.start) for each in windows] == [
        ("w@2026-12-29T18:00", at("2026-12-29T17:00")),
        ("w@2027-01-05T18:00", at("2027-01-05T18:00")),
    ]


@pytest.mark.acceptance("SCH-F9")
def test_one_day_is_another_instant_at_each_site():
    day = date(2027, 1, 1)
    found = {
        name: periods([Freeze(id="F", time_zone=name, days=(day, day))], at("2026-12-30"), at("2027-01-03"))[0].start
        for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago")
    }
    assert found["Pacific/Kiritimati"] == at("2026-12-31T10:00")
    assert found["Pacific/Pago_Pago"] == at("2027-01-01T11:00")


def test_a_skipped_day_resolves_to_its_jump():
    """Samoa had no 30 December 2011: every local time of it is the one jump."""
    apia = zone("Pacific/Apia")
    assert resolve(local("2011-12-30T12:00"), apia).instant == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert resolve(local("2011-12-30T12:00"), apia).note == "dst_gap"
