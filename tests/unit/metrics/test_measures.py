"""Each figure on facts small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from release_mgmt.core.metrics import (
    DEFINITIONS,
    MEASURES,
    DateFact,
    Facts,
    GateFact,
    GlassFact,
    IncidentFact,
    LevelFact,
    MoveFact,
    Report,
    Result,
    ShippedFact,
    TagFact,
    figures,
    span,
)

SPAN = span(date(2026, 11, 2), date(2026, 11, 15), "Europe/Berlin")  # two weeks
AT = datetime(2026, 11, 3, 17, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATE = DateFact(
    "a", "major", AT, AT, AT + 4 * HOUR, AT - 7 * DAY, AT - DAY, True, first_end=AT + 4 * HOUR, shipped_at=AT + HOUR
)


def measure(identity: str, facts: Facts) -> Result:
    return MEASURES[identity](facts, SPAN)


def test_every_definition_is_measured_and_nothing_else() -> None:
    assert {one.id for one in DEFINITIONS} == set(MEASURES)


def test_nothing_sent_gives_no_number_and_says_what_to_send() -> None:
    for figure in figures(Facts(), SPAN):
        if figure.definition.id == "break_glass":
            assert figure.result.value == 0
        else:
            assert figure.result.value is None, figure.definition.id
            assert figure.missing
        assert figure.span == SPAN


def test_deployments_are_counted_for_seven_days() -> None:
    reports = (
        Report("a", "r", "prod", "done", AT),
        Report("b", "r", "prod", "done", AT + timedelta(minutes=4)),
        Report("c", "r", "prod", "done", AT + DAY),
        Report("d", "r", "prod", "failed", AT + 2 * DAY),
        Report("e", "r", "prod", "done", AT - 30 * DAY),
    )
    found = measure("deployment_frequency", Facts(True, reports))
    assert (found.value, found.population, found.changes) == (1.0, 2, ("a", "b", "c"))
    assert measure("deployment_frequency", Facts(True)).value == 0


def test_the_lead_time_is_a_median_and_leaves_out_wrong_clocks() -> None:
    hours = (1, 3, 200)
    shipped = tuple(ShippedFact(str(n), AT, AT - n * HOUR) for n in hours)
    odd = (ShippedFact("x", AT, AT + HOUR), ShippedFact("y", AT, None))
    found = measure("lead_time", Facts(shipped=shipped + odd))
    assert (found.value, found.p90, found.population, found.left_out) == (3.0, 200.0, 3, 2)


def test_failures_and_their_recovery() -> None:
    reports = (
        Report("a", "r", "prod", "done", AT),
        Report("b", "r", "prod", "done", AT + DAY),
        Report("b", "r", "prod", "rolled_back", AT + DAY + 2 * HOUR),
        Report("c", "r", "prod", "done", AT + 2 * DAY),
        Report("d", "r", "prod", "failed", AT + 3 * DAY),
    )
    incidents = (
        IncidentFact("i", AT + HOUR, AT + 5 * HOUR, frozenset({"a"})),
        IncidentFact("j", AT + HOUR, None),
    )
    facts = Facts(True, reports, incidents=incidents)
    rate = measure("change_failure_rate", facts)
    assert (rate.value, rate.counted, rate.population, rate.left_out) == (75.0, 3, 4, 1)
    assert rate.against == ("a", "b", "d")
    recovery = measure("recovery_time", facts)
    assert (recovery.value, recovery.population, recovery.left_out) == (3.0, 2, 1)  # 4 h and 2 h; d is still broken


def test_tags_tell_how_often_and_how_soon() -> None:
    tags = (TagFact("r", "1.0", AT, (("a", AT - 10 * HOUR), ("b", AT - 20 * HOUR))), TagFact("r", "1.1", AT + DAY))
    assert measure("release_frequency", Facts(tags=tags, tagging=True)).value == 1.0
    assert measure("release_frequency", Facts(tagging=True)).value == 0
    assert measure("release_frequency", Facts()).value is None
    assert measure("lead_time_to_release", Facts(tags=tags)).value == 15.0


def test_a_date_is_kept_only_in_the_window_announced_first() -> None:
    late = replace(DATE, change="b", shipped_at=AT + 5 * HOUR)
    moved = replace(DATE, change="c", moved=True, start=AT + 7 * DAY, end=AT + 8 * DAY, shipped_at=AT + 7 * DAY)
    silent = replace(DATE, change="d", shipped_at=None)
    lane = replace(DATE, change="e", lane=True)
    back = replace(DATE, change="f", moved=True)
    waiting, gone = replace(back, change="g", shipped_at=None), replace(back, change="h", first_end=None)
    found = measure("dates_kept", Facts(dates=(DATE, late, moved, silent, lane, back, waiting, gone)))
    assert (found.counted, found.population, found.left_out) == (2, 6, 1)
    assert found.against == ("b", "c", "g", "h")
    assert found.value == pytest.approx(100 / 3)


def test_notice_and_majors() -> None:
    short = replace(DATE, change="b", announced_at=AT - DAY, notice_from=AT + DAY)
    unsigned = replace(DATE, change="c", agreed=False)
    minor = replace(DATE, change="d", level="minor", notice_from=AT + DAY)
    gone = replace(DATE, change="e", announced_at=None, notice_from=None, moved=True)
    facts = Facts(dates=(DATE, short, unsigned, minor, gone))
    assert measure("notice_given", facts).value == 7.0
    assert measure("notice_given", facts).population == 4
    assert measure("notice_met", facts).against == ("b", "d")
    majors = measure("majors_coordinated", facts)
    assert (majors.counted, majors.population, majors.against) == (1, 3, ("b", "c"))


def test_moves_by_reason() -> None:
    moves = (MoveFact("a", AT, ("hard_freeze",)), MoveFact("a", AT, ("requested",)), MoveFact("b", AT, ("requested",)))
    found = measure("moves", Facts(moves=moves))
    assert (found.value, found.split) == (3.0, (("requested", 2), ("hard_freeze", 1)))
    assert measure("moves", Facts(dates=(DATE,))).value == 0


def test_freezes_gate_glass_and_levels() -> None:
    facts = Facts(
        shipped=(ShippedFact("a", AT, None), ShippedFact("b", AT, None, frozen=True), ShippedFact("c", AT, None)),
        gates=(GateFact("a", AT, "allow"), GateFact("b", AT, "deny")),
        glasses=(GlassFact("b", AT),),
        levels=(LevelFact("a", AT, None), LevelFact("b", AT, "raised"), LevelFact("c", AT, "kept")),
    )
    assert measure("freezes_respected", facts).against == ("b",)
    gate = measure("gate_respected", facts)
    assert (gate.value, gate.left_out, gate.against) == (50.0, 1, ("b",))
    assert measure("break_glass", facts).value == 1
    levels = measure("level_overrides", facts)
    assert (levels.counted, levels.population, levels.split) == (1, 3, (("raised", 1),))


def test_the_course_has_one_value_a_week_and_the_same_rule() -> None:
    reports = tuple(Report(str(n), "r", "prod", "done", AT + n * DAY) for n in range(8))
    (figure,) = figures(Facts(True, reports), SPAN, [one for one in DEFINITIONS if one.id == "deployment_frequency"])
    assert [one.population for one in figure.course] == [6, 2]
    assert sum(one.population for one in figure.course) == figure.result.population
