"""The arithmetic behind figures: medians, percentiles, days in zones, deployments and their failures."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.metrics import (
    Facts,
    IncidentFact,
    Report,
    blocks,
    days_back,
    deployments,
    failures,
    median,
    percentile,
    span,
)

T0 = datetime(2026, 11, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
VALUES = st.lists(st.floats(-1e9, 1e9), max_size=40)
REPORTS = st.lists(
    st.builds(
        Report,
        st.sampled_from("abcd"),
        st.sampled_from(["r1", "r2"]),
        st.just("prod"),
        st.sampled_from(["done", "failed", "rolled_back"]),
        st.integers(0, 60).map(lambda minutes: T0 + minutes * MINUTE),
    ),
    max_size=25,
)


@given(VALUES)
def test_the_median_is_the_one_of_the_books(values: list[float]) -> None:
    if values:
        assert median(values) == pytest.approx(statistics.median(values))
    else:
        assert median(values) is None


@given(VALUES.filter(bool), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_was_there_and_the_smallest_that_suffices(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(one <= found for one in values) >= share * len(values) - 1e-9
    below = [one for one in values if one < found]
    assert len(below) < share * len(values)


def test_ninety_percent_of_ten_is_the_ninth() -> None:
    assert percentile(list(range(1, 11)), 0.9) == 9
    assert percentile([7.0], 0.9) == 7.0
    assert percentile([], 0.9) is None


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(1, 400), st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"]
))  # fmt: skip
def test_blocks_are_whole_days_without_gap_or_overlap(first: date, days: int, where: str) -> None:
    whole = span(first, first + timedelta(days=days - 1), where)
    parts = blocks(whole)
    assert whole.days == days
    assert len({part.days for part in parts}) <= 1
    for one, other in pairwise(parts):
        assert one.until == other.since
    if parts:
        assert parts[-1].until == whole.until
        assert parts[0].since >= whole.since
    size = parts[0].days if parts else 7
    assert len(parts) == days // size


def test_the_night_of_the_clock_change_belongs_to_its_own_day() -> None:
    """25 October 2026 has 25 hours in Berlin: both readings of 02:30 lie in it, 23:30 UTC of that day does not."""
    day = span(date(2026, 10, 25), date(2026, 10, 25), "Europe/Berlin")
    assert day.until - day.since == timedelta(hours=25)
    assert day.holds(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert day.holds(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert day.holds(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    assert not day.holds(datetime(2026, 10, 25, 23, 30, tzinfo=UTC))
    assert day.days == 1


def test_today_is_that_of_the_zone() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert days_back(late, 1, "Europe/Berlin").last == date(2026, 11, 21)
    assert days_back(late, 1, "UTC").last == date(2026, 11, 20)


def test_a_span_is_bounded() -> None:
    with pytest.raises(InvalidInput):
        span(date(2026, 2, 1), date(2026, 1, 1), "UTC")
    with pytest.raises(InvalidInput):
        span(date(2024, 1, 1), date(2026, 1, 1), "UTC")


@given(REPORTS, st.randoms(use_true_random=False))
def test_deployments_do_not_depend_on_the_order_of_reports(reports: list[Report], chance: object) -> None:
    shuffled = list(reports)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert deployments(reports) == deployments(shuffled)


@given(REPORTS)
def test_every_report_of_an_outcome_is_in_one_deployment(reports: list[Report]) -> None:
    made = deployments(reports)
    for report in [one for one in reports if one.state != "rolled_back"]:
        homes = [
            one
            for one in made
            if report.change in one.changes
            and one.repository == report.repository
            and one.failed == (report.state == "failed")
            and one.at <= report.at <= one.at + timedelta(minutes=5)
        ]
        assert len(homes) == 1


@given(REPORTS, st.lists(st.integers(0, 90), max_size=4))
def test_failures_are_deployments_each_once_and_never_end_before_they_begin(
    reports: list[Report], minutes: list[int]
) -> None:
    incidents = [
        IncidentFact(str(n), T0 + at * MINUTE, T0 + (at + 7) * MINUTE, frozenset("ab")) for n, at in enumerate(minutes)
    ]
    made = deployments(reports)
    found = failures(made, reports, incidents)
    assert len({one.deployment for one in found}) == len(found) <= len(made)
    assert {one for one in made if one.failed} <= {one.deployment for one in found}
    for one in found:
        assert one.restored is None or one.restored >= one.began >= one.deployment.at


def test_an_incident_belongs_to_the_last_deployment_of_its_change_before_it() -> None:
    reports = (
        Report("a", "r", "prod", "done", T0),
        Report("b", "r", "prod", "done", T0 + 60 * MINUTE),
        Report("a", "r", "prod", "done", T0 + 120 * MINUTE),
    )
    incident = IncidentFact("i", T0 + 90 * MINUTE, T0 + 100 * MINUTE, frozenset({"a"}))
    (failure,) = failures(deployments(reports), reports, [incident])
    assert failure.deployment.at == T0
    assert failure.restored is not None
    assert failure.restored - failure.began == 10 * MINUTE


def test_with_several_causes_it_is_put_right_when_all_are() -> None:
    reports = (Report("a", "r", "prod", "done", T0), Report("a", "r", "prod", "rolled_back", T0 + 30 * MINUTE))
    still_open = IncidentFact("i", T0 + 10 * MINUTE, None, frozenset({"a"}))
    facts = Facts(True, reports, incidents=(still_open,))
    (failure,) = facts.failures
    assert (failure.began, failure.restored) == (T0, None)
    closed = IncidentFact("i", T0 + 10 * MINUTE, T0 + 90 * MINUTE, frozenset({"a"}))
    (failure,) = Facts(True, reports, incidents=(closed,)).failures
    assert failure.restored == T0 + 90 * MINUTE


def test_a_failed_attempt_is_put_right_by_the_next_one_there() -> None:
    reports = [
        Report("a", "r1", "prod", "failed", T0),
        Report("a", "r2", "prod", "done", T0 + 10 * MINUTE),
        Report("a", "r1", "prod", "done", T0 + 45 * MINUTE),
    ]
    (failure,) = failures(deployments(reports), reports, [])
    assert failure.restored == T0 + 45 * MINUTE


@given(REPORTS)
def test_a_failed_attempt_is_put_right_by_the_next_one_done_there(reports: list[Report]) -> None:
    """However many there are, and whichever other repository deploys in between."""
    made = deployments(reports)
    found = {
        id(one.deployment): one for one in failures(made, [each for each in reports if each.state != "rolled_back"], [])
    }
    for one in made:
        if one.failed:
            later = [
                other.at for other in made
                if not other.failed and other.repository == one.repository and other.at >= one.at
            ]  # fmt: skip
            assert found[id(one)].restored == min(later, default=None)
    assert len(found) == sum(one.failed for one in made)
