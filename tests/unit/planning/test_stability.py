"""Announced dates stay unless a named reason forces the move."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Request
from tests.unit.planning.builders import (
    NOW,
    TUESDAYS,
    W1,
    W2,
    W3,
    W4,
    announce,
    change,
    codes,
    content,
    example,
    frozen,
    make,
    where,
)
from tests.unit.windows.builders import at, freeze, local

F1 = freeze("2026-12-01T00:00", "2026-12-02T00:00", id="F1")


@pytest.fixture(name="announced")
def _announced():
    candidates = example()
    return announce(make(candidates), candidates)


@pytest.mark.acceptance("SCH-S1")
def test_planning_again_without_a_change_moves_nothing(announced):
    first = make(example())
    for now in (NOW, NOW + timedelta(hours=3), NOW + timedelta(days=3)):
        again = make(announced, now=now)
        assert again.moves == ()
        assert where(again) == where(first)
        assert again.digest == first.digest if now == NOW else again.conflicts == ()


@pytest.mark.acceptance("SCH-S2")
def test_an_urgent_newcomer_takes_the_first_free_place_and_moves_nobody(announced):
    made = make([*announced, change("u1", 99, priority=10)])
    assert where(made)["u1"] == W4
    assert made.moves == ()


@pytest.mark.acceptance("SCH-S3")
def test_a_freeze_moves_exactly_what_it_hits_and_what_needs_that(announced):
    made = make(announced, frozen(F1), version=2)
    assert {each.change: (each.origin, each.to) for each in made.moves} == {"M1": (W2, W4), "m3": (W2, W4)}
    reasons = {each.change: [(r.code, r.ref) for r in each.reasons] for each in made.moves}
    assert reasons == {"M1": [("freeze", "F1")], "m3": [("freeze", "F1"), ("dependency", "M1")]}
    [placed] = [each for each in made.placements if each.change == "M1"]
    assert codes(placed.reasons) == [("freeze", W2, W2), ("capacity", W3, W3)]
    assert content(made) == {W1: ["m1", "m2", "m4", "m5"], W3: ["M2", "m6"], W4: ["M1", "m3"]}


@pytest.mark.acceptance("SCH-S4")
def test_a_freeze_taken_away_only_suggests(announced):
    moved = make(announced, frozen(F1), version=2)
    again = announce(moved, announced, origins={each.change: each.origin for each in moved.moves})
    made = make(again, version=3)
    assert made.moves == ()
    assert [(each.change, each.present, each.to) for each in made.suggestions] == [("M1", W4, W2), ("m3", W4, W2)]
    too_late = make(again, now=at("2026-11-26T09:00"))
    assert [each.change for each in too_late.suggestions] == []  # five days of notice no longer fit for M1, m3 needs it


@pytest.mark.acceptance("SCH-S5")
def test_inside_the_notice_period_a_conflict_is_raised_and_nothing_moves(announced):
    late = at("2026-11-25T09:00")  # Wednesday: four business days to Tuesday
    shipped = {"m1", "m2", "m4", "m5"}
    made = make([replace(each, done=each.id in shipped) for each in announced], frozen(F1), now=late)
    assert made.moves == ()
    assert [(each.change, each.reason.code, each.reason.ref) for each in made.conflicts] == [
        ("M1", "freeze", "F1"),
        ("m3", "dependency", "M1"),
        ("m3", "freeze", "F1"),
    ]
    assert (where(made)["M1"], where(made)["m3"]) == (W2, W2)


def test_a_window_that_passed_without_the_release_has_its_changes_placed_again(announced):
    made = make(announced, now=at("2026-11-25T09:00"))
    assert {(each.change, each.reasons[0].code) for each in made.moves} == {
        (name, "outside_window") for name in ("m1", "m2", "m4", "m5")
    }


@pytest.mark.acceptance("SCH-S5")
def test_exactly_the_notice_left_is_still_outside_the_period(announced):
    exactly = at("2026-11-24T09:00")  # Tuesday 10:00: five business days to the Tuesday after
    assert {each.change for each in make(announced, frozen(F1), now=exactly).moves} == {"M1", "m3"}
    after_cut_off = at("2026-11-24T15:30")
    assert "M1" not in {each.change for each in make(announced, frozen(F1), now=after_cut_off).moves}


@pytest.mark.acceptance("SCH-S6")
def test_every_move_tells_the_old_and_new_place_and_why(announced):
    for move in make(announced, frozen(F1)).moves:
        assert move.origin
        assert move.to
        assert move.reasons


@pytest.mark.acceptance("SCH-S8")
def test_drafts_are_shuffled_freely():
    candidates = example()
    made = make([*candidates, change("u1", 99, priority=10)])
    assert content(made)[W1] == ["u1", "m1", "m2", "m4"]
    assert made.moves == ()


def test_a_cancelled_window_has_its_changes_placed_again(announced):
    off = replace(TUESDAYS, series=(replace(TUESDAYS.series[0], cancelled=(local("2026-12-08T18:00"),)),))
    made = make(announced, off)
    assert {each.change: (each.origin, each.to) for each in made.moves} == {"M2": (W3, W4), "m6": (W3, W4)}
    assert {reason.code for each in made.moves for reason in each.reasons} == {"window_cancelled"}


@pytest.mark.acceptance("SCH-S5")
def test_what_nobody_decided_leaves_a_called_off_window_when_its_time_is_over(announced):
    """Inside the notice period it stays, flagged, for a manager; a window that is over can be decided about no more."""
    off = replace(TUESDAYS, series=(replace(TUESDAYS.series[0], cancelled=(local("2026-11-24T18:00"),)),))
    near = make(announced, off, now=at("2026-11-24T12:00"))
    assert {each.window for each in near.conflicts if each.reason.code == "window_cancelled"} == {W1}
    assert where(near)["m1"] == W1
    still = make(announced, off, now=at("2026-11-24T20:59"))
    assert where(still)["m1"] == W1
    over = make(announced, off, now=at("2026-11-24T21:00"))
    assert {each.reasons[0].code for each in over.moves} == {"outside_window"}
    assert {each.change for each in over.moves} == {"m1", "m2", "m4", "m5"}
    assert W1 not in where(over).values()


@pytest.mark.acceptance("SCH-S1")
def test_what_needs_a_change_in_conflict_is_flagged_as_soon_as_it_is_placed(announced):
    """And not in the next plan, which nothing gave a reason for."""
    near = at("2026-11-30T12:00")
    calendar = frozen(F1)
    newcomer = change("n1", 50, depends_on=("M1",))
    made = make([*announced, newcomer], calendar, now=near)
    flagged = [(each.change, each.reason.code, each.reason.ref) for each in made.conflicts]
    assert ("M1", "freeze", "F1") in flagged
    assert ("n1", "dependency", "M1") in flagged
    again = make(announce(made, [*announced, newcomer]), calendar, now=near)
    assert again.digest == made.digest


@pytest.mark.acceptance("SCH-W16")
def test_a_window_that_moves_takes_its_changes_along(announced):
    moved = replace(
        TUESDAYS,
        series=(replace(TUESDAYS.series[0], moved=((local("2026-12-08T18:00"), local("2026-12-09T18:00")),)),),
    )
    made = make(announced, moved)
    assert {(each.change, each.origin, each.to) for each in made.moves} == {("M2", W3, W3), ("m6", W3, W3)}
    assert {each.reasons[0].code for each in made.moves} == {"window_moved"}
    assert {each.reasons[0].code for each in make(announced, moved, zone_data_changed=True).moves} == {"tzdata"}


def test_a_level_raised_after_the_announcement_restarts_notice(announced):
    raised = [replace(each, level=Level.MAJOR) if each.id == "m1" else each for each in announced]
    made = make(raised)
    assert [(each.change, each.to, each.reasons[0].code) for each in made.moves] == [("m1", W4, "notice")]


@pytest.mark.acceptance("SCH-C4")
def test_a_managers_choice_may_over_book_and_is_shown(announced):
    extra = replace(change("m7"), request=Request(W1, "promised to the branch", "p_1"))
    made = make([*announced, extra])
    [window] = [each for each in made.windows if each.window.key == W1]
    assert window.used == 5
    assert [(each.window, each.reason.ref) for each in made.conflicts] == [(W1, "5/4")]


def test_a_withdrawn_dependency_of_an_announced_change_is_flagged_and_it_stays(announced):
    made = make([replace(each, withdrawn=each.id == "M1") for each in announced])
    assert where(made)["m3"] == W2
    assert [(each.change, each.reason.code, each.reason.ref) for each in made.conflicts] == [("m3", "withdrawn", "M1")]


@pytest.mark.acceptance("SCH-N6")
def test_a_holiday_added_later_never_breaks_a_notice_that_was_met(announced):
    from datetime import date

    days = replace(TUESDAYS.business_days, days_off=frozenset({date(2026, 11, 23), date(2026, 11, 26)}))
    assert make(announced, replace(TUESDAYS, business_days=days)).moves == ()


@pytest.mark.acceptance("SCH-S1")
def test_a_shorter_horizon_moves_nothing_that_was_announced_beyond_it():
    """Its window is still there: only what is new is no longer placed as far ahead."""
    far = change("m1", earliest=at("2027-01-20T00:00"))
    held = announce(make([far]), [far])
    made = make([*held, change("m2", 1)], replace(TUESDAYS, horizon_days=30))
    assert where(made) == {"m1": "w@2027-01-26T18:00", "m2": W1}
    assert (made.moves, made.conflicts) == ((), ())


@pytest.mark.acceptance("SCH-S6")
def test_what_leaves_the_last_window_before_the_horizon_goes_to_the_next_one_behind_it():
    """It neither loses its date nor comes back to an earlier window with the next plan."""
    short = replace(TUESDAYS, horizon_days=12)  # W1 and W2
    [announced] = announce(make([change("m1", request=Request(W2, "because", "p"))], short), [change("m1")])
    called_off = replace(short, series=(replace(short.series[0], cancelled=(local("2026-12-01T18:00"),)),))
    made = make([announced, change("m2", 1, earliest=at("2026-12-30T00:00"))], called_off, version=2)
    [moved] = made.moves
    assert (moved.change, moved.origin, moved.to) == ("m1", W2, W3)
    assert [each.code for each in moved.reasons] == ["window_cancelled"]
    assert [each.change for each in made.deferrals] == ["m2"]  # the horizon is the same for everything else
    assert made.windows[-1].window.key == W3
    settled = announce(made, [announced])
    again = make(settled, called_off, version=3)
    assert (again.moves, where(again)) == ((), {"m1": W3})
