"""Placing changes: capacity, notice, priority, dependencies, freezes and promotion, worked out by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.planning import Request
from release_mgmt.core.windows import Capacity, Freeze, Notice, Promotion, Scope
from tests.unit.planning.builders import (
    NOW,
    POLICY,
    TUESDAYS,
    W1,
    W2,
    W3,
    W4,
    W5,
    announce,
    change,
    codes,
    content,
    example,
    frozen,
    make,
    where,
)
from tests.unit.windows.builders import at, freeze, series

A = freeze("2026-12-18T18:00", "2027-01-04T07:00", id="A")
B = freeze("2026-12-31T00:00", "2027-01-07T00:00", id="B")


@pytest.mark.acceptance("SCH-C1")
def test_the_example_is_placed_as_by_hand():
    made = make(example())
    assert content(made) == {W1: ["m1", "m2", "m4", "m5"], W2: ["M1", "m3"], W3: ["M2", "m6"]}
    reasons = {each.change: codes(each.reasons) for each in made.placements}
    assert reasons["M1"] == [("notice", W1, W1)]
    assert reasons["M2"] == [("notice", W1, W1), ("capacity", W2, W2)]
    assert reasons["m6"] == [("capacity", W1, W2)]
    assert reasons["m3"] == [("dependency", W1, W1)]
    assert reasons["m1"] == []


@pytest.mark.acceptance("SCH-C2")
def test_any_order_of_the_input_gives_the_same_plan():
    first = make(example())
    shuffled = example()
    for seed in range(200):
        random.Random(seed).shuffle(shuffled)
        again = make(shuffled)
        assert again == first
        assert again.digest == first.digest


@pytest.mark.acceptance("SCH-C3")
def test_what_no_window_takes_is_deferred_with_every_reason_and_an_alert():
    calendar = frozen(B, frozen(A))
    made = make([change(f"M{i}", i) for i in range(1, 6)], calendar, until=at("2027-01-18"))
    assert [where(made)[f"M{i}"][2:12] for i in range(1, 5)] == ["2026-12-01", "2026-12-08", "2026-12-15", "2027-01-12"]
    [left] = made.deferrals
    assert [(each.code, each.ref, each.first[2:12], each.last[2:12]) for each in left.reasons] == [
        ("notice", W1, "2026-11-24", "2026-11-24"),
        ("capacity", W2, "2026-12-01", "2026-12-15"),
        ("freeze", "A", "2026-12-22", "2026-12-29"),
        ("freeze", "B", "2027-01-05", "2027-01-05"),
        ("capacity", "w@2027-01-12T18:00", "2027-01-12", "2027-01-12"),
    ]
    assert [(each.change, each.reason.code) for each in made.conflicts] == [("M5", "unscheduled")]


@pytest.mark.acceptance("SCH-C5")
def test_a_circle_of_dependencies_names_its_members_and_apart_what_leans_on_it():
    circle = [
        change("a", depends_on=("b",)), change("b", depends_on=("c",)), change("c", depends_on=("a",)),
        change("d", depends_on=("a",)), change("e"),
    ]  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        make(circle)
    assert caught.value.details == {"cycle": ["a", "b", "c"], "leaning_on_it": ["d"]}


@pytest.mark.acceptance("SCH-C5")
def test_a_dependency_on_a_withdrawn_change_blocks():
    made = make([change("m1", withdrawn=True), change("m2", depends_on=("m1",)), change("m3", depends_on=("m2",))])
    assert [(each.change, each.reasons[0].code, each.reasons[0].ref) for each in made.deferrals] == [
        ("m2", "withdrawn", "m1"),
        ("m3", "dependency", "m2"),
    ]


@pytest.mark.acceptance("SCH-C6")
def test_a_dependent_may_share_the_window_and_comes_after():
    made = make([change("a", 5), change("b", 1, depends_on=("a",))])
    assert content(made) == {W1: ["a", "b"]}


@pytest.mark.acceptance("SCH-C7")
def test_promotion_waits_for_the_soak():
    rule = Promotion("prod", "staging", timedelta(hours=24))
    calendar = replace(TUESDAYS, policy=replace(POLICY, promotions=(rule,)))
    late, early = (("staging", at("2026-12-01T18:00")),), (("staging", at("2026-11-30T17:00")),)
    made = make([change("m1", passed=late)], calendar, now=at("2026-12-01T18:00"))
    assert where(made) == {"m1": W3}
    starts_at_its_end = make([change("m1", passed=early)], calendar, now=at("2026-11-30T12:00"))
    assert where(starts_at_its_end) == {"m1": W2}
    within = (("staging", at("2026-11-30T17:01")),)
    assert where(make([change("m1", passed=within)], calendar, now=at("2026-11-30T18:00"))) == {"m1": W3}
    waiting = make([change("m1")], calendar)
    assert [(each.code, each.ref) for each in waiting.deferrals[0].reasons] == [("not_ready", "staging")]


@pytest.mark.acceptance("SCH-C7")
def test_of_several_promotions_the_one_that_ends_last_decides():
    """In whatever order they are written."""
    rules = (Promotion("prod", "staging", timedelta(hours=24)), Promotion("prod", "lab", timedelta(days=8)))
    passed = (("staging", at("2026-11-25T12:00")), ("lab", at("2026-11-25T12:00")))
    for promotions in (rules, rules[::-1]):
        calendar = replace(TUESDAYS, policy=replace(POLICY, promotions=promotions))
        assert where(make([change("m1", passed=passed)], calendar, now=at("2026-11-25T12:00"))) == {"m1": W3}
        waiting = make([change("m1", passed=passed[1:])], calendar, now=at("2026-11-25T12:00"))
        assert [(each.code, each.ref) for each in waiting.deferrals[0].reasons] == [("not_ready", "staging")]


@pytest.mark.acceptance("SCH-F2")
def test_a_partly_frozen_window_takes_what_fits_in_the_rest():
    evening = freeze("2026-12-22T20:00", "2026-12-23T06:00")
    calendar = frozen(evening)
    now = at("2026-12-18T09:00")
    made = make(
        [change("m1", duration=timedelta(hours=2)), change("m2", duration=timedelta(hours=3))], calendar, now=now
    )
    assert where(made)["m1"] == W5
    assert where(made)["m2"] == "w@2026-12-29T18:00"
    [placement] = [each for each in made.placements if each.change == "m2"]
    assert [(each.code, each.ref) for each in placement.reasons] == [("exceeds_window", W5)]


@pytest.mark.acceptance("SCH-F6")
def test_drafts_do_not_enter_a_soft_freeze_by_themselves():
    made = make([change("m1")], frozen(freeze("2026-11-24T00:00", "2026-11-25T00:00", id="S", hard=False)))
    assert where(made) == {"m1": W2}
    assert [(each.code, each.ref) for each in made.placements[0].reasons] == [("soft_freeze", "S")]


@pytest.mark.acceptance("SCH-F6")
def test_a_soft_freeze_that_leaves_too_little_for_a_change_is_told_as_one():
    """It takes three of the window's four hours; a manager may acknowledge it, a hard one could not be."""
    long = change("m1", duration=timedelta(hours=3))
    for hard, reason in ((False, ("soft_freeze", "S")), (True, ("exceeds_window", W1))):
        made = make([long], frozen(freeze("2026-11-24T20:00", "2026-11-25T00:00", id="S", hard=hard)))
        assert where(made) == {"m1": W2}
        assert [(each.code, each.ref) for each in made.placements[0].reasons] == [reason]


@pytest.mark.acceptance("SCH-F5")
def test_a_freeze_holds_its_scope_only_and_exempts_only_whole_changes():
    day = (date(2026, 11, 24), date(2026, 11, 24))
    from release_mgmt.core.windows import Exceptions

    scoped = Freeze("F", "Europe/Berlin", days=day, scope=Scope(repositories=("pricing",)))
    assert where(make([change("m1"), change("m2", repository="risk")], frozen(scoped))) == {"m1": W2, "m2": W1}
    saved = Freeze("F", "Europe/Berlin", days=day, scope=Scope(exceptions=Exceptions(teams=("payments",))))
    made = make(
        [
            change("m1", teams=frozenset({"payments"})),
            change("m2", teams=frozenset({"payments", "fraud"})),
            change("m3"),
        ],
        frozen(saved),
    )
    assert where(made) == {"m1": W1, "m2": W2, "m3": W2}


@pytest.mark.acceptance("SCH-N6")
def test_each_affected_team_counts_by_its_own_calendar():
    from release_mgmt.core.windows import BusinessDays

    off = frozenset({date(2026, 11, 23), date(2026, 11, 24)})
    calendar = replace(TUESDAYS, team_business_days=(("fraud", BusinessDays("Europe/Berlin", days_off=off)),))
    made = make([change("m1", teams=frozenset({"fraud", "risk"})), change("m2", teams=frozenset({"risk"}))], calendar)
    assert where(made) == {"m1": W2, "m2": W1}


@pytest.mark.acceptance("SCH-N6")
def test_an_emergency_skips_notice_and_may_enter_an_open_window():
    open_now = at("2026-11-24T18:00")
    made = make([change("M1", emergency=True), change("m1")], now=open_now)
    assert where(made) == {"M1": W1, "m1": W2}


def test_the_cut_off_closes_the_content_of_a_window():
    calendar = replace(TUESDAYS, policy=replace(POLICY, content_cut_off=Notice(1)))
    in_time, late = at("2026-11-23T14:59"), at("2026-11-23T15:01")
    now = at("2026-11-23T09:00")
    made = make([change("m1", ready_at=in_time), change("m2", ready_at=late)], calendar, now=now)
    assert where(made) == {"m1": W1, "m2": W2}
    assert [each.code for each in made.placements[1].reasons] == ["cut_off"]


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        (None, "2026-11-24T17:00"),  # when the window starts
        (Notice(0), "2026-11-24T15:00"),  # 16:00 in Berlin on its day
        (Notice(1), "2026-11-23T15:00"),
        (Notice(2), "2026-11-20T15:00"),  # over the weekend
        (Notice(1, timedelta(hours=3)), "2026-11-24T14:00"),
    ],
)
def test_a_change_is_ready_in_time_up_to_the_cut_off_itself(rule, last):
    calendar = replace(TUESDAYS, policy=replace(POLICY, minor_notice=Notice(), content_cut_off=rule))
    instant = at(last)
    in_time = change("m1", ready_at=instant)
    late = change("m2", ready_at=instant + timedelta(seconds=1))
    assert where(make([in_time, late], calendar)) == {"m1": W1, "m2": W2}


def test_the_content_of_a_morning_closes_with_its_start_at_the_latest():
    morning = series("2026-11-24T10:00", "2026-11-24T12:00", "FREQ=WEEKLY;BYDAY=TU")
    policy = replace(POLICY, minor_notice=Notice(), content_cut_off=Notice(0))
    calendar = replace(TUESDAYS, policy=policy, series=(morning,))
    made = make(
        [change("m1", ready_at=at("2026-11-24T09:00")), change("m2", ready_at=at("2026-11-24T09:01"))], calendar
    )
    assert where(made) == {"m1": "w@2026-11-24T10:00", "m2": "w@2026-12-01T10:00"}


@pytest.mark.parametrize("notice", [0, 5])
def test_a_window_that_fills_up_after_its_majors_were_taken_says_capacity_from_then_on(notice):
    """Per window the first failing check is given, in the order capacity, most_major, as things stand by then."""
    room = Capacity(points=10, minor=1, major=3, most_major=2)
    policy = replace(POLICY, minor_notice=Notice(notice), major_notice=Notice(notice), capacity=room)
    names = ["M1", "M2", "M3", "m1", "m2", "M4", "M5"]  # the minors leave the first window two points
    made = make([change(name, number) for number, name in enumerate(names)], replace(TUESDAYS, policy=policy))
    first, second, third = (W2, W3, W4) if notice else (W1, W2, W3)
    assert where(made) == {
        **dict.fromkeys(["M1", "M2", "m1", "m2"], first),
        **dict.fromkeys(["M3", "M4"], second),
        "M5": third,
    }
    reasons = {each.change: codes(each.reasons) for each in made.placements}
    early = [("notice", W1, W1)] if notice else []
    assert reasons["M3"] == [*early, ("most_major", first, first)]
    assert reasons["M4"] == [*early, ("capacity", first, first)]
    assert reasons["M5"] == [*early, ("capacity", first, first), ("most_major", second, second)]


def test_a_prerequisite_inherits_the_highest_priority_of_what_needs_it():
    full = [change(f"m{i}", i) for i in range(4)]
    made = make([*full, change("z", 9), change("urgent", 9, priority=10, depends_on=("z",))])
    assert content(made)[W1] == ["z", "urgent", "m0", "m1"]


def test_a_series_may_set_its_own_policy():
    own = replace(POLICY, minor_notice=Notice(3))
    calendar = replace(TUESDAYS, series=(replace(TUESDAYS.series[0], policy=own),))
    both = replace(calendar, series=(*calendar.series, replace(TUESDAYS.series[0], id="x")))
    assert where(make([change("m1")], calendar)) == {"m1": W2}
    made = make([change("m1")], both)
    assert where(made) == {"m1": "x@2026-11-24T18:00"}
    assert [each.code for each in made.placements[0].reasons] == ["notice"]


def test_a_change_that_is_not_ready_is_a_preview_only():
    made = make([change("m1", ready_at=None)])
    assert not made.placements
    assert [each.code for each in made.deferrals[0].reasons] == ["not_ready"]
    assert not made.conflicts


def test_a_level_that_no_window_takes_is_said():
    from release_mgmt.core.classification import Level

    calendar = replace(TUESDAYS, series=(replace(TUESDAYS.series[0], levels=(Level.MINOR,)),))
    made = make([change("M1")], calendar)
    assert [(each.code, each.ref) for each in made.deferrals[0].reasons] == [("level_not_taken", "major")]


def test_earliest_date_and_deadline():
    made = make([change("m1", earliest=at("2026-11-30"), deadline=NOW + timedelta(days=2))])
    assert where(made) == {"m1": W2}
    assert [each.code for each in made.placements[0].reasons] == ["not_ready"]
    assert [each.reason.code for each in made.conflicts] == ["deadline"]


def test_the_fourth_and_later_windows_exist_to_the_horizon():
    made = make([change("M1", depends_on=("elsewhere",))], external={"elsewhere": at("2026-12-09T10:00")})
    assert where(made) == {"M1": W4}
    nowhere = make([change("M1", depends_on=("elsewhere",))])
    assert [(each.code, each.ref) for each in nowhere.deferrals[0].reasons] == [("dependency", "elsewhere")]


@pytest.mark.acceptance("SCH-C6")
@pytest.mark.parametrize("chosen", [False, True], ids=["planned", "by a release manager"])
def test_windows_that_start_together_keep_a_dependency_whatever_their_names(chosen):
    """Each repository has a series of its own at the same hour; the order within the hour is the gate's."""
    both = [
        series("2026-11-24T18:00", "2026-11-24T22:00", "FREQ=WEEKLY", id=name, repositories=(repository,))
        for name, repository in (("a", "risk"), ("b", "pricing"))
    ]
    calendar = replace(TUESDAYS, series=tuple(both))
    request = Request("a@2026-11-24T18:00", "together", "anna") if chosen else None
    needing = change("m2", 1, repository="risk", depends_on=("m1",), request=request)
    made = make([change("m1"), needing], calendar)
    assert where(made) == {"m1": "b@2026-11-24T18:00", "m2": "a@2026-11-24T18:00"}
    assert make(announce(made, [change("m1"), replace(needing, request=None)]), calendar).moves == ()


def test_a_freeze_that_begins_behind_the_horizon_holds_in_the_window_that_reaches_over_it():
    """The gate would refuse there what the plan had announced."""
    mornings = replace(TUESDAYS, series=(series("2026-11-24T09:00", "2026-11-24T13:00"),), horizon_days=4)
    calendar = frozen(freeze("2026-11-24T10:30", "2026-11-24T14:00", id="F"), mornings)
    made = make([change("m1", duration=timedelta(hours=3)), change("m2", duration=timedelta(hours=1))], calendar)
    assert where(made) == {"m2": "w@2026-11-24T09:00"}
    assert codes(made.deferrals[0].reasons) == [("exceeds_window", "w@2026-11-24T09:00", "w@2026-11-24T09:00")]


def test_what_only_an_open_window_is_left_for_is_told_to_have_none():
    """It is not placed there any more, and not left out without a word either."""
    last = replace(TUESDAYS, series=(series("2026-11-20T09:00", "2026-11-20T13:00"),))
    made = make([change("m1")], last)
    assert codes(made.deferrals[0].reasons) == [("unscheduled", "", "")]
    assert [(each.change, each.reason.code) for each in made.conflicts] == [("m1", "unscheduled")]
