"""The gate: every blocker, what ends it, and that it never disagrees with the calendar."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from release_mgmt.core.classification import Level
from release_mgmt.core.gate import BreakGlass, GateReason, Question, Subject, decide
from release_mgmt.core.windows import Policy, ReleaseCalendar, Scope, Target, expand, in_scope, periods, usable
from tests.unit.gate_builders import PROD, A, B, ask, question, told, with_freezes
from tests.unit.planning.builders import TUESDAYS, W1, W2
from tests.unit.windows.builders import at, calendar, freeze, series


@pytest.mark.acceptance("SCH-F3")
def test_overlapping_freezes_are_one_and_the_next_window_is_after_both():
    found = ask(with_freezes(A, B), "2027-01-02T12:00")
    assert found.decision == "deny"
    assert found.blocked_by == ("A", "B")
    assert found.next_transition == at("2027-01-06T23:00")
    assert found.next_allow == at("2027-01-12T17:00")


@pytest.mark.acceptance("SCH-F1")
@pytest.mark.acceptance("SCH-F7")
def test_a_hard_freeze_beats_everything_and_the_answer_lists_every_blocker():
    missing = GateReason("missing_approval", "major", "One approval is missing.")
    subject = Subject("m1", Level.MINOR, window=W1, standing=(missing,))
    stop = freeze("2026-11-24T00:00", "2026-11-25T00:00", id="F")
    found = ask(with_freezes(stop), "2026-11-24T18:00", subject=subject)
    assert (found.decision, told(found)) == ("deny", ["freeze", "missing_approval"])
    approved = ask(with_freezes(stop), "2026-11-24T18:00", subject=replace(subject, standing=()))
    assert (approved.decision, told(approved)) == ("deny", ["freeze"])
    assert ask(TUESDAYS, "2026-11-24T18:00", subject=replace(subject, standing=())).decision == "allow"


@pytest.mark.acceptance("SCH-F4")
def test_only_the_asked_instant_counts():
    coming = with_freezes(freeze("2026-12-01T00:00", "2026-12-05T00:00", id="F"))
    assert ask(coming, "2026-11-24T18:00").decision == "allow"
    now = at("2026-11-24T18:00")
    assert decide([question(coming)], at("2026-12-01T18:00"), now).decision == "deny"
    during = at("2026-12-01T18:00")
    assert decide([question(coming)], at("2026-12-08T18:00"), during).decision == "allow"


@pytest.mark.acceptance("SCH-F5")
def test_a_freeze_holds_its_scope():
    scoped = freeze(
        "2026-11-24T00:00", "2026-11-25T00:00", scope=Scope(repositories=("pricing",), environments=("prod",))
    )
    both = replace(with_freezes(scoped), series=(replace(TUESDAYS.series[0], environments=("prod", "staging")),))
    for target, answer in (
        (PROD, "deny"),
        (Target("pricing", "staging"), "allow"),
        (Target("risk", "prod"), "allow"),
    ):
        assert ask(both, "2026-11-24T18:00", target).decision == answer


@pytest.mark.acceptance("SCH-F6")
def test_a_soft_freeze_warns_and_does_not_block():
    soft = freeze("2026-11-24T00:00", "2026-11-25T00:00", id="S", hard=False)
    found = ask(with_freezes(soft), "2026-11-24T18:00")
    assert (found.decision, told(found), found.next_allow) == ("warn", ["soft_freeze"], at("2026-11-24T18:00"))


@pytest.mark.acceptance("SCH-F2")
def test_the_time_left_before_a_freeze_must_fit():
    evening = with_freezes(freeze("2026-12-22T20:00", "2026-12-23T06:00"))
    key = "w@2026-12-22T18:00"
    for when, hours, codes in (
        ("2026-12-22T17:00", 2, []),
        ("2026-12-22T17:30", 2, ["not_enough_time_left"]),
        ("2026-12-22T17:00", 3, ["not_enough_time_left"]),
        ("2026-12-22T17:00", 5, ["exceeds_window"]),
        ("2026-12-22T19:00", 1, ["freeze"]),
    ):
        subject = Subject("m1", Level.MINOR, window=key, duration=timedelta(hours=hours))
        assert told(ask(evening, when, subject=subject)) == codes


@pytest.mark.acceptance("SCH-G2")
def test_several_targets_are_all_asked():
    own = freeze("2026-11-24T00:00", "2026-11-25T00:00", id="F", scope=Scope(repositories=("risk",)))
    cal = with_freezes(own)
    instant = at("2026-11-24T18:00")
    found = decide([question(cal), question(cal, Target("risk", "prod"))], instant, instant)
    assert found.decision == "deny"
    assert [each.decision for each in found.answers] == ["allow", "deny"]
    assert found.next_allow == at("2026-12-01T17:00")


@pytest.mark.acceptance("SCH-G3")
def test_a_scope_without_windows_has_its_own_default():
    for unscheduled, default, answer in (
        ("open", "closed", "allow"),
        ("closed", "open", "deny"),
        (None, "open", "allow"),
    ):
        cal = replace(TUESDAYS, policy=Policy(default=default, unscheduled=unscheduled))
        assert ask(cal, "2026-11-25T12:00", Target("pricing", "lab"), scheduled=False).decision == answer
    closed = ask(TUESDAYS, "2026-11-25T12:00")
    assert (closed.decision, told(closed)) == ("deny", ["outside_window"])
    assert ask(replace(TUESDAYS, policy=Policy(default="open")), "2026-11-25T12:00").decision == "allow"


@pytest.mark.acceptance("SCH-G4")
def test_three_reasons_in_a_stable_order():
    missing = GateReason("missing_approval", "minor", "One approval is missing.")
    subject = Subject("m1", Level.MINOR, window=W1, standing=(missing,))
    found = ask(with_freezes(freeze("2026-11-23T00:00", "2026-11-24T10:00")), "2026-11-23T12:00", subject=subject)
    assert told(found) == ["freeze", "outside_window", "missing_approval"]
    assert found.next_allow is None
    assert found.next_slot == at("2026-11-24T17:00")


@pytest.mark.acceptance("SCH-G1")
def test_a_placed_change_goes_in_its_own_window_only():
    subject = Subject("m1", Level.MINOR, window=W2)
    found = ask(TUESDAYS, "2026-11-24T18:00", subject=subject)
    assert (told(found), found.reasons[0].ref, found.next_allow) == (["not_its_window"], W2, at("2026-12-01T17:00"))
    assert ask(TUESDAYS, "2026-12-01T17:00", subject=subject).decision == "allow"
    assert ask(TUESDAYS, "2026-12-01T21:00", subject=subject).decision == "deny"
    unplaced = ask(TUESDAYS, "2026-11-24T18:00", subject=Subject("m1", Level.MINOR))
    assert told(unplaced) == ["not_its_window"]
    off = ask(TUESDAYS, "2026-11-24T18:00", subject=Subject("m1", Level.MINOR, window=W2, cancelled=True))
    assert told(off) == ["window_cancelled"]


def test_the_minor_lane_needs_no_window_and_stops_at_freezes():
    lane = replace(TUESDAYS, policy=replace(TUESDAYS.policy, minor_lane=True), freezes=(A,))
    minor, major = Subject("m1", Level.MINOR), Subject("M1", Level.MAJOR)
    assert ask(lane, "2026-11-25T12:00", subject=minor).decision == "allow"
    assert ask(lane, "2026-11-25T12:00", subject=major).decision == "deny"
    assert told(ask(lane, "2026-12-20T12:00", subject=minor)) == ["freeze"]


@pytest.mark.acceptance("SCH-A8")
def test_break_glass_breaks_what_it_names_until_it_expires():
    subject = Subject(
        "m1", Level.MINOR, window=W2, break_glass=(BreakGlass(("freeze:A", "outside_window"), at("2026-12-20T14:00")),)
    )
    assert ask(with_freezes(A), "2026-12-20T12:00", subject=subject).decision == "allow"
    assert told(ask(with_freezes(A), "2026-12-20T14:00", subject=subject))[-1] == "override_expired"
    other = freeze("2026-12-20T00:00", "2026-12-21T00:00", id="new")
    assert told(ask(with_freezes(A, other), "2026-12-20T12:00", subject=subject)) == ["freeze"]


@pytest.mark.acceptance("SCH-A8")
def test_of_several_permissions_each_breaks_what_it_names_while_it_holds():
    """The first names one freeze for long, the second, given for a shorter time, one that was added since."""
    long = BreakGlass(("freeze:A", "outside_window"), at("2026-12-20T14:00"), at("2026-12-20T10:00"))
    short = BreakGlass(("freeze:new",), at("2026-12-20T12:00"), at("2026-12-20T11:00"))
    other = freeze("2026-12-20T00:00", "2026-12-21T00:00", id="new")

    def asked(moment: str) -> list[str]:
        subject = Subject("m1", Level.MINOR, window=W2, break_glass=(short, long))
        return told(ask(with_freezes(A, other), moment, subject=subject))

    assert asked("2026-12-20T11:30") == []
    assert asked("2026-12-20T12:30") == ["freeze"], "the second is over, the first still breaks what it names"
    assert asked("2026-12-20T15:00")[-1] == "override_expired"
    assert asked("2026-12-20T09:00") == ["freeze", "freeze", "outside_window"], "nothing was given yet"
    both = Subject("m1", Level.MINOR, window=W2, break_glass=(short, long))
    assert ask(with_freezes(A, other), "2026-12-20T11:30", subject=both).valid_until == at("2026-12-20T12:00")


@pytest.mark.acceptance("SCH-G7")
def test_the_answer_holds_until_the_window_closes():
    found = ask(TUESDAYS, "2026-11-24T20:59:40")
    assert (found.valid_until, found.next_transition) == (at("2026-11-24T21:00"), at("2026-11-24T21:00"))


def test_touching_windows_are_one():
    cal = calendar(
        series("2026-11-24T18:00", "2026-11-24T20:00", id="a"), series("2026-11-24T20:00", "2026-11-24T22:00", id="b")
    )
    assert ask(cal, "2026-11-24T18:00").next_transition == at("2026-11-24T21:00")


CHANGES = {
    "Europe/Berlin": ("2027-03-28T01:00", "2027-10-31T01:00"),
    "America/New_York": ("2027-03-14T07:00", "2027-11-07T06:00"),
    "Australia/Lord_Howe": ("2027-04-03T15:00", "2027-10-02T15:30"),
}


@pytest.mark.acceptance("SCH-G9")
@pytest.mark.parametrize("zone_name", sorted(CHANGES))
def test_gate_and_calendar_agree_at_a_thousand_instants(zone_name):
    """Including the hours around both clock changes of 2027, to the second at every edge."""
    cal = ReleaseCalendar(
        name="Any",
        time_zone=zone_name,
        series=(
            series("2027-01-03T01:30", "2027-01-03T03:30", "FREQ=WEEKLY;BYDAY=SU", zone_name, id="night"),
            series("2027-01-05T18:00", "2027-01-05T22:00", "FREQ=WEEKLY;BYDAY=TU,SA", zone_name, id="evening"),
        ),
        freezes=(
            freeze("2027-03-28T02:00", "2027-03-28T02:40", zone_name, id="x"),
            freeze("2027-07-01T00:00", "2027-07-14T12:00", zone_name, id="y"),
        ),
    )
    since, until = at("2027-01-01"), at("2027-12-31")
    windows, freezes = expand(cal, since, until).windows, periods(cal.freezes, since, until)
    asked = Question(PROD, cal.policy, windows, freezes)
    spans = [piece for each in windows for piece in usable(each, in_scope(freezes, PROD))]
    chosen = random.Random(zone_name)
    instants = [since + timedelta(seconds=chosen.randrange(363 * 86400)) for _ in range(700)]
    instants += [at(change) + timedelta(seconds=chosen.randrange(-9000, 9000)) for change in CHANGES[zone_name] * 100]
    edges = [edge for span in spans for edge in span]
    instants += [chosen.choice(edges) + timedelta(seconds=chosen.choice((-1, 0, 1))) for _ in range(100)]
    for instant in instants:
        on_calendar = any(start <= instant < end for start, end in spans)
        found = decide([asked], instant, instant)
        assert (found.decision == "allow") is on_calendar, instant
        following = min((start for start, _ in spans if start >= instant), default=None)
        assert found.next_allow == (instant if on_calendar else following)


@pytest.mark.acceptance("SCH-F2")
def test_what_a_freeze_leaves_of_a_window_must_have_its_least_duration():
    short = replace(TUESDAYS.series[0], min_duration=timedelta(hours=2))
    cal = replace(with_freezes(freeze("2026-11-24T19:00", "2026-11-24T20:00", id="F")), series=(short,))
    before, within, after = at("2026-11-24T17:30"), at("2026-11-24T18:30"), at("2026-11-24T19:30")
    subject = Subject("m1", Level.MINOR, window=W1)
    for who in (None, subject):
        assert [told(ask(cal, when, subject=who)) for when in (before, after)] == [["freeze"], []]
        assert told(ask(cal, within, subject=who))[0] == "freeze"
        found = ask(cal, before, subject=who)
        assert (found.blocked_by, found.next_allow) == (("F",), at("2026-11-24T19:00"))
    [window] = [each for each in question(cal).windows if each.key == W1]
    assert usable(window, periods(cal.freezes, window.start, window.end)) == [(at("2026-11-24T19:00"), window.end)]
