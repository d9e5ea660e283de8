"""What a series asks for itself: what a change must have passed, and what holds outside of its windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release_mgmt.core.classification import Level
from release_mgmt.core.gate import Question, Subject, decide
from release_mgmt.core.windows import Policy, Promotion, ReleaseCalendar, Target, expand, periods
from tests.unit.planning.builders import NOW, POLICY, TUESDAYS, W1, W2, change, codes, make, where
from tests.unit.windows.builders import at, freeze, series

FIRST, SECOND = "fix@2026-11-26T06:00", "fix@2026-12-03T06:00"
ACCEPTED = replace(POLICY, needs_accepted=True)
STAGED = replace(POLICY, promotions=(Promotion("prod", "staging", timedelta(days=3)),))
BETWEEN = at("2026-11-25T12:00")  # no window is open


def two(weekly: Policy | None = None, fixes: Policy | None = None, **more) -> ReleaseCalendar:
    """Tuesdays, and Thursdays at six in the morning, each by a policy of its own (None: the calendar's)."""
    thursdays = series(
        "2026-11-26T06:00", "2026-11-26T08:00", "FREQ=WEEKLY;BYDAY=TH", id="fix", policy=fixes, **more
    )  # fmt: skip
    return replace(TUESDAYS, series=(replace(TUESDAYS.series[0], policy=weekly), thursdays))


def test_a_series_may_ask_for_acceptance_where_the_calendar_does_not():
    made = make([change("m1"), change("m2", accepted_at=NOW - timedelta(hours=1))], two(weekly=ACCEPTED))
    assert where(made) == {"m1": FIRST, "m2": W1}
    assert codes(made.placement_of("m1").reasons) == [("not_ready", W1, W1)]


def test_a_series_may_do_without_what_the_calendar_asks_for():
    calendar = replace(two(fixes=POLICY), policy=replace(STAGED, needs_accepted=True))
    made = make([change("m1")], calendar)
    assert where(made) == {"m1": FIRST}
    [reason] = made.placement_of("m1").reasons
    assert (reason.code, reason.ref) == ("not_ready", "m1")


def test_the_soak_of_a_series_counts_for_its_own_windows():
    # Passed on Sunday noon: three days end on Wednesday noon, after the Tuesday and before the Thursday.
    passed = (("staging", at("2026-11-22T12:00")),)
    made = make([change("m1", passed=passed)], two(weekly=STAGED, fixes=STAGED), now=at("2026-11-22T12:00"))
    assert where(made) == {"m1": FIRST}
    longer = replace(POLICY, promotions=(Promotion("prod", "staging", timedelta(days=9)),))
    made = make([change("m1", passed=passed)], two(weekly=STAGED, fixes=longer), now=at("2026-11-22T12:00"))
    assert where(made) == {"m1": W2}
    assert [(each.code, each.ref) for each in made.placement_of("m1").reasons] == [("not_ready", "staging")]


def test_a_change_that_no_series_takes_yet_waits_and_says_for_what():
    made = make([change("m1")], two(weekly=STAGED, fixes=ACCEPTED))
    assert [(each.code, each.ref) for each in made.deferrals[0].reasons] == [("not_ready", "staging")]


def test_all_of_several_promotions_to_one_environment_count():
    both = replace(POLICY, promotions=(Promotion("prod", "staging"), Promotion("prod", "canary", timedelta(days=7))))
    calendar = replace(TUESDAYS, policy=both)
    staged = (("staging", at("2026-11-20T08:00")),)
    waiting = make([change("m1", passed=staged)], calendar)
    assert [(each.code, each.ref) for each in waiting.deferrals[0].reasons] == [("not_ready", "canary")]
    made = make([change("m1", passed=(*staged, ("canary", at("2026-11-19T08:00"))))], calendar)
    assert where(made) == {"m1": W2}


def test_what_a_series_wants_passed_is_known_as_an_environment():
    calendar = two(fixes=replace(POLICY, promotions=(Promotion("prod", "canary"),)))
    assert calendar.known_environments() == {"prod", "canary"}
    assert calendar.passed_before("prod") == {"canary"}


def answer(calendar: ReleaseCalendar, target: Target, subject: Subject | None = None, when=BETWEEN):
    since, until = at("2026-10-01T00:00"), at("2027-12-31T00:00")
    question = Question(
        target, calendar.outside(target), expand(calendar, since, until).windows,
        periods(calendar.freezes, since, until), subject=subject,
    )  # fmt: skip
    found = decide([question], when, when)
    return found.decision, [each.code for each in found.reasons]


OPEN = replace(POLICY, default="open")
LANE = replace(POLICY, minor_lane=True)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target("models", "prod"), "deny"),  # Tuesdays serve it too, and say closed
        (Target("models", "edge"), "allow"),
        (Target("pricing", "edge"), "deny"),  # nothing serves it; the calendar says closed
        (Target("models", "edge", level=Level.MAJOR), "deny"),  # not a level that the series takes
    ],
)
def test_a_series_says_what_holds_outside_of_its_windows_for_what_it_alone_serves(target, told):
    calendar = two(fixes=OPEN, environments=("prod", "edge"), repositories=("models",), levels=(Level.MINOR,))
    assert answer(calendar, target)[0] == told


def test_a_closed_series_closes_what_its_calendar_leaves_open():
    calendar = replace(two(fixes=POLICY, environments=("edge",)), policy=OPEN)
    assert answer(calendar, Target("pricing", "prod"))[0] == "allow"
    assert answer(calendar, Target("pricing", "edge")) == ("deny", ["outside_window"])


def test_the_lane_of_a_series_is_for_what_it_alone_serves():
    calendar = two(fixes=LANE, environments=("prod", "edge"))
    minor, major = Subject("m1", Level.MINOR, window=FIRST), Subject("M1", Level.MAJOR, window=FIRST)
    assert answer(calendar, Target("pricing", "edge", level=Level.MINOR), minor)[0] == "allow"
    assert answer(calendar, Target("pricing", "edge", level=Level.MAJOR), major) == ("deny", ["outside_window"])
    assert answer(calendar, Target("pricing", "prod", level=Level.MINOR), minor) == ("deny", ["outside_window"])
    stop = replace(calendar, freezes=(freeze("2026-11-25T00:00", "2026-11-26T00:00"),))
    assert answer(stop, Target("pricing", "edge", level=Level.MINOR), minor) == ("deny", ["freeze"])


def test_a_series_may_leave_the_lane_of_its_calendar():
    calendar = replace(two(fixes=POLICY, environments=("edge",)), policy=LANE)
    minor = Subject("m1", Level.MINOR, window=W1)
    assert answer(calendar, Target("pricing", "prod", level=Level.MINOR), minor)[0] == "allow"
    assert answer(calendar, Target("pricing", "edge", level=Level.MINOR), minor) == ("deny", ["outside_window"])
