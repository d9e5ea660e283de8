"""Digests and quiet hours are wall times of the reader, also where the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.messages import Preference, after_quiet, due, next_digest, retry_after

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC")
walls = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
# A year that holds every change of clock, and again and again the nights of those changes.
instants = st.one_of(
    st.integers(0, 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.tuples(
        st.sampled_from([(2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 10, 4), (2026, 10, 25), (2026, 11, 1)]),
        st.integers(-24 * 60, 24 * 60),
    ).map(lambda pair: datetime(*pair[0], tzinfo=UTC) + timedelta(minutes=pair[1])),
)
preferences = st.builds(
    Preference, mode=st.sampled_from(["immediate", "daily", "weekly"]), zone=st.sampled_from(ZONES), digest_at=walls,
    digest_day=st.integers(0, 6), quiet_from=walls, quiet_until=walls,
)  # fmt: skip


def wall(at: datetime, preference: Preference) -> time:
    return at.astimezone(ZoneInfo(preference.zone)).time()


@given(preferences, instants)
def test_nothing_arrives_in_quiet_hours_nor_before_now_nor_days_later(preference: Preference, now: datetime) -> None:
    found = after_quiet(preference, now)
    assert found >= now
    assert not preference.quiet(wall(found, preference))
    assert found - now <= timedelta(hours=26), "a day, and what a clock change adds"
    if not preference.quiet(wall(now, preference)):
        assert found == now
    assert after_quiet(preference, found) == found


@given(preferences, instants)
def test_a_digest_comes_at_its_wall_time_within_a_day_or_a_week(preference: Preference, now: datetime) -> None:
    found = next_digest(preference, now)
    days = 7 if preference.mode == "weekly" else 1
    assert now < found <= now + timedelta(days=days, hours=2)
    local = found.astimezone(ZoneInfo(preference.zone))
    if preference.mode == "weekly":
        assert local.weekday() == preference.digest_day
    skipped = local.time() != preference.digest_at
    if skipped:  # only where the clock jumped over it: a minute earlier it was before, now it is after
        before = (found - timedelta(minutes=1)).astimezone(ZoneInfo(preference.zone)).time()
        assert before < preference.digest_at < local.time() or before > local.time()


@given(preferences, instants)
def test_two_digests_are_never_closer_than_a_day_and_none_is_left_out(preference: Preference, now: datetime) -> None:
    first = next_digest(preference, now)
    second = next_digest(preference, first)
    days = 7 if preference.mode == "weekly" else 1
    assert abs(second - first - timedelta(days=days)) <= timedelta(hours=2)


@pytest.mark.parametrize(
    ("zone", "mornings"),
    [
        ("Europe/Berlin", ["2027-03-27T07:00", "2027-03-28T06:00", "2027-03-29T06:00"]),
        ("Europe/Berlin", ["2027-10-30T06:00", "2027-10-31T07:00", "2027-11-01T07:00"]),
        ("Pacific/Kiritimati", ["2027-03-26T18:00", "2027-03-27T18:00", "2027-03-28T18:00"]),
        ("Pacific/Pago_Pago", ["2027-03-27T19:00", "2027-03-28T19:00", "2027-03-29T19:00"]),
        ("Pacific/Chatham", ["2027-04-02T18:15", "2027-04-03T19:15", "2027-04-04T19:15"]),
    ],
)
def test_a_digest_at_eight_on_days_the_clock_changes_and_at_the_ends_of_the_world(
    zone: str, mornings: list[str]
) -> None:
    """Worked out by hand: one each morning at 08:00 on the wall, none twice and none left out."""
    wanted = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in mornings]
    reader = Preference("daily", zone, time(8))
    assert next_digest(reader, wanted[0] - timedelta(seconds=1)) == wanted[0]
    assert [next_digest(reader, one) for one in wanted[:-1]] == wanted[1:]


def test_quiet_hours_over_midnight_in_the_night_the_clock_changes() -> None:
    """Berlin, 25 October 2026: 02:00 to 03:00 comes twice; 29 March: it never comes."""
    night = Preference(zone="Europe/Berlin", quiet_from=time(22), quiet_until=time(2, 30))
    assert after_quiet(night, datetime(2026, 10, 24, 21, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert after_quiet(night, datetime(2026, 3, 28, 22, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 for the second time
    assert after_quiet(night, second) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_what_is_urgent_waits_for_no_digest_but_for_the_morning() -> None:
    digest = Preference("daily", "Europe/Berlin", time(8), 0, time(22), time(7))
    evening = datetime(2026, 11, 20, 22, tzinfo=UTC)
    assert due(digest, evening) == datetime(2026, 11, 21, 7, tzinfo=UTC)
    assert due(digest, evening, urgent=True) == datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert due(digest, datetime(2026, 11, 20, 12, tzinfo=UTC), urgent=True) == datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_waits_grow_and_end_and_a_receivers_wish_only_lengthens_them() -> None:
    waits = [retry_after(n) for n in range(1, 10)]
    assert waits[0] == timedelta(seconds=5)
    assert waits[-1] == timedelta(days=1)
    assert waits == sorted(waits, key=lambda one: one or timedelta())
    assert retry_after(10) is None
    assert retry_after(1, timedelta(minutes=1)) == timedelta(minutes=1)
    assert retry_after(3, timedelta(seconds=1)) == timedelta(minutes=30)
    assert retry_after(1, timedelta(days=400)) == timedelta(days=1)
