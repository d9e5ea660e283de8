"""What the gate gives as reasons, and at which second its answer changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release_mgmt.core.classification import Level
from release_mgmt.core.gate import BreakGlass, GateReason, Subject
from release_mgmt.core.windows import Policy
from tests.unit.gate_builders import PROD, A, ask, told, with_freezes
from tests.unit.planning.builders import TUESDAYS, W1, W2, W3
from tests.unit.windows.builders import at, freeze


@pytest.mark.acceptance("SCH-F3")
@pytest.mark.acceptance("SCH-G7")
def test_only_hard_freezes_that_hold_say_when_the_answer_changes():
    """One that is over and a soft one that touches say nothing; an answer that nothing changes holds for a day."""
    past = freeze("2026-11-02T00:00", "2026-11-03T00:00", id="past")
    soft = freeze("2027-01-04T07:00", "2027-01-20T00:00", id="soft", hard=False)
    cal = with_freezes(past, A, soft)
    assert ask(cal, "2026-11-24T17:00").next_transition == at("2026-11-24T21:00")
    starting = ask(cal, "2026-12-18T17:00")
    assert (starting.decision, starting.next_transition) == ("deny", at("2027-01-04T06:00"))
    ended = ask(cal, "2027-01-04T06:00")
    assert (told(ended), ended.next_transition) == (["outside_window", "soft_freeze"], at("2027-01-05T17:00"))
    always = replace(with_freezes(), series=(), policy=Policy(default="open"))
    found = ask(always, "2026-11-24T17:00")
    assert (found.next_transition, found.valid_until) == (None, at("2026-11-25T17:00"))


@pytest.mark.acceptance("SCH-F2")
@pytest.mark.acceptance("SCH-G7")
def test_the_answer_changes_when_the_time_left_gets_too_short():
    """Half-open: what takes two hours may begin two hours before the end, and not a second later."""
    soft = freeze("2026-11-24T21:30", "2026-11-24T22:00", id="S", hard=False)
    hard = freeze("2026-11-24T21:00", "2026-11-25T00:00", id="H")
    for freezes, last in (((), "2026-11-24T19:00"), ((soft,), "2026-11-24T19:00"), ((soft, hard), "2026-11-24T18:00")):
        subject = Subject("m1", Level.MINOR, window=W1, duration=timedelta(hours=2))
        cal, behind = with_freezes(*freezes), at(last) + timedelta(seconds=1)
        assert ask(cal, at("2026-11-24T17:00"), subject=subject).valid_until == behind
        assert ask(cal, at(last), subject=subject).decision == "allow"
        assert told(ask(cal, behind, subject=subject)) == ["not_enough_time_left"]
    whole = Subject("m1", Level.MINOR, window=W1, duration=timedelta(hours=4))
    assert told(ask(TUESDAYS, "2026-11-24T17:00", subject=whole)) == []


@pytest.mark.acceptance("SCH-F2")
def test_the_freeze_that_leaves_too_little_is_the_one_that_is_named():
    """Of several, the one that touches what is left; soft ones and those of other days take nothing."""
    short = replace(TUESDAYS.series[0], min_duration=timedelta(hours=2))
    away = freeze("2026-11-20T00:00", "2026-11-21T00:00", id="away")
    soft = freeze("2026-11-24T18:30", "2026-11-24T19:00", id="soft", hard=False)
    morning = freeze("2026-11-24T18:00", "2026-11-24T18:10", id="morning")
    first = freeze("2026-11-24T18:20", "2026-11-24T19:00", id="first")
    last = freeze("2026-11-24T20:00", "2026-11-24T23:00", id="last")
    for freezes, when, named in (
        ((away, first, last), "2026-11-24T18:30", ("first",)),
        ((away, last, first), "2026-11-24T18:00", ("first",)),
        ((morning, first, last), "2026-11-24T18:59", ("first",)),
        ((away, soft), "2026-11-24T17:10", ()),
        ((away, last), "2026-11-24T17:00", ()),
        ((away, last), "2026-11-24T18:59", ()),
    ):
        cal = replace(with_freezes(*freezes), series=(short,))
        assert ask(cal, when).blocked_by == named, (when, freezes)
        assert ask(replace(cal, series=TUESDAYS.series), when).blocked_by == ()


@pytest.mark.acceptance("SCH-G1")
@pytest.mark.acceptance("SCH-W15")
def test_a_change_outside_of_its_window_is_told_which_one_is_its():
    """Where it is placed, called off or gone, what is open instead, and until when it has to wait."""
    before, open_one, after = "2026-11-23T12:00", "2026-11-24T18:00", "2026-12-02T12:00"
    gone, starts = "w@2020-01-01T18:00", at("2026-12-01T17:00")
    placed, lost, bare = (Subject("m1", Level.MINOR, window=window) for window in (W2, gone, None))
    for subject, when, reason in (
        (placed, before, ("outside_window", W2, starts, f"Its window is {W2}.")),
        (placed, open_one, ("not_its_window", W2, starts, f"Its window is {W2}.")),
        (placed, after, ("outside_window", W2, None, f"Its window was {W2}.")),
        (lost, before, ("outside_window", gone, None, f"Its window was {gone}.")),
        (lost, open_one, ("not_its_window", gone, None, f"Its window was {gone}.")),
        (bare, before, ("outside_window", W1, at("2026-11-24T17:00"), f"No window is open. The next is {W1}.")),
        (bare, after, ("outside_window", W3, at("2026-12-08T17:00"), f"No window is open. The next is {W3}.")),
        (bare, open_one, ("not_its_window", "", None, "A window is open, but the plan has no window for this change.")),
        (replace(placed, cancelled=True), before, ("window_cancelled", W2, None, "Its window was cancelled.")),
        (replace(bare, cancelled=True), before, ("window_cancelled", "", None, "Its window was cancelled.")),
    ):
        [found] = ask(TUESDAYS, when, subject=subject).reasons
        assert (found.code, found.ref, found.until, found.message) == reason
    emptied = replace(TUESDAYS, series=())
    assert ask(emptied, before).reasons[0].message == "No window is open, and none is coming."


@pytest.mark.acceptance("SCH-G3")
def test_a_default_lets_only_changes_without_a_window_through():
    """What is placed waits for its window, also in a scope that is open at other times."""
    placed, lost, bare = (Subject("m1", Level.MINOR, window=window) for window in (W2, "w@2020-01-01T18:00", None))
    for unscheduled, default, scheduled, answer in (
        (None, "open", True, "allow"),
        ("closed", "open", True, "allow"),
        ("open", "closed", True, "deny"),
        ("open", "closed", False, "allow"),
        ("closed", "open", False, "deny"),
        (None, "open", False, "allow"),
    ):
        cal = replace(TUESDAYS, policy=Policy(default=default, unscheduled=unscheduled))
        assert ask(cal, "2026-11-25T12:00", subject=bare, scheduled=scheduled).decision == answer
        assert ask(cal, "2026-11-25T12:00", scheduled=scheduled).decision == answer
        for subject in (placed, lost):
            assert told(ask(cal, "2026-11-25T12:00", subject=subject, scheduled=scheduled)) == ["outside_window"]


@pytest.mark.acceptance("SCH-F5")
def test_windows_of_other_scopes_are_not_open_and_an_own_one_stays_its():
    """A change keeps the window that it was placed in; one that serves others only opens nothing for it."""
    others = replace(TUESDAYS, series=(replace(TUESDAYS.series[0], environments=("lab",), levels=(Level.MAJOR,)),))
    assert told(ask(others, "2026-11-24T18:00")) == ["outside_window"]
    target = replace(PROD, level=Level.MINOR)
    bare, placed = Subject("m1", Level.MINOR), Subject("m1", Level.MINOR, window=W1)
    assert told(ask(others, "2026-11-24T18:00", target, bare)) == ["outside_window"]
    assert ask(others, "2026-11-24T18:00", target, placed).decision == "allow"


@pytest.mark.acceptance("SCH-G4")
def test_blockers_that_end_by_themselves_are_told_until_then():
    """A withdrawn change never goes; a dependency with an end is over at that instant, not before and not after."""
    soak = GateReason("dependency_not_done", "m0", "It soaks.", at("2026-11-24T18:00"))
    subject = Subject("m1", Level.MINOR, window=W1, standing=(soak,))
    early = ask(TUESDAYS, "2026-11-24T17:59", subject=subject)
    assert (told(early), early.blocked_by, early.next_allow) == (["dependency_not_done"], ("m0",), soak.until)
    assert ask(TUESDAYS, "2026-11-24T18:00", subject=subject).decision == "allow"
    withdrawn = ask(TUESDAYS, "2026-11-24T18:00", subject=replace(subject, withdrawn=True))
    assert (told(withdrawn), withdrawn.next_allow) == (["withdrawn"], None)


@pytest.mark.acceptance("SCH-A8")
def test_a_permission_holds_from_its_first_instant_and_another_window_may_end_what_it_breaks():
    """It names ``outside_window``: while another window is open, what blocks is another blocker."""
    glass = BreakGlass(("outside_window",), at("2026-11-24T22:00"), at("2026-11-24T12:00"))
    subject = Subject("m1", Level.MINOR, window=W2, break_glass=(glass,))
    found = ask(TUESDAYS, "2026-11-24T12:00", subject=subject)
    assert (found.decision, found.next_transition) == ("allow", at("2026-11-24T17:00"))
    assert told(ask(TUESDAYS, "2026-11-24T17:00", subject=subject)) == ["not_its_window"]
    assert told(ask(TUESDAYS, "2026-11-24T11:59", subject=subject)) == ["outside_window"]
    assert ask(TUESDAYS, "2026-12-01T17:00", subject=subject).decision == "allow", "an old permission blocks nothing"
    soft = with_freezes(freeze("2026-12-01T00:00", "2026-12-02T00:00", id="S", hard=False))
    assert told(ask(soft, "2026-12-01T17:00", subject=subject)) == ["soft_freeze"]


@pytest.mark.acceptance("SCH-F1")
def test_a_freeze_is_told_with_its_reason():
    for reason, message in (("", "The freeze F holds."), ("Year end", "The freeze F holds: Year end.")):
        stop = freeze("2026-11-24T00:00", "2026-11-25T00:00", reason=reason)
        assert ask(with_freezes(stop), "2026-11-24T18:00").reasons[0].message == message
