"""What an event says in each of its states, and when an edit moves it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import Kept, Shown, advance, is_due, show_freeze, show_window, write
from release_mgmt.core.calendar.facts import hidden_from
from release_mgmt.formats.words import Words
from tests.unit.publishing.events import NOW, change, freeze, kept, step, window

EN = Words("en")
HOUR = timedelta(hours=1)


def told(shown: Shown) -> tuple[str, list[str]]:
    """Summary, and the lines of the description."""
    entry = write(Kept("x@release-mgmt", "business", shown, 0, NOW, NOW), EN)
    return entry.summary, [line for line in entry.description.split("\n") if line]


def of(*changes, **more) -> Shown:
    return show_window(window(*changes, **more), Audience.BUSINESS)


@pytest.mark.acceptance("FEED-5")
@pytest.mark.acceptance("FEED-10")
@pytest.mark.acceptance("CHG-D5")
def test_a_window_says_in_each_state_what_is_true_of_it() -> None:
    """Nothing is called released or approved before all of it is."""
    both = (change("c1", "released"), change("c2", "rolled_back"))
    for shown, line in (
        (of(change()), "The plan is announced and may still be approved or moved."),
        (of(change("c1", "approved"), change("c2")), "The plan is announced and may still be approved or moved."),
        (of(change("c1", "released"), change("c2")), "The plan is announced and may still be approved or moved."),
        (of(change("c1", "approved")), "The plan is approved."),
        (of(change("c1", "approved"), change("c2", "released")), "The plan is approved."),
        (of(change("c1", "released")), "These changes were released."),
        (of(*both), "These changes were released."),
        (of(), "No changes are planned in this window yet."),
        (of(change()).cancelled, "This window was cancelled."),
        (of().cancelled, "This window was cancelled."),
    ):
        assert told(shown)[1][0] == line
    assert of().status == "tentative"
    announced = told(of(change()))[1]
    assert announced[1:] == ["Minor: Change c1 (risk)"], "an announced change has no word for its state"
    assert len(told(of(*both))[1]) == 5


@pytest.mark.acceptance("FEED-2")
@pytest.mark.acceptance("FEED-10")
def test_a_window_is_called_after_what_it_holds() -> None:
    named = {"title": "Weekly"}
    for shown, summary in (
        (of(), "Release window"),
        (of(**named), "Release window: Weekly"),
        (of(change(), **named), "Release: Change c1"),
        (of(change("c1"), change("c2")), "Release: 2 changes"),
        (of(change("c1"), change("c2", level="major")), "Release: 2 changes - Major: Change c2"),
        (of(change(emergency=True)), "Emergency: Release: Change c1"),
        (of(change(emergency=True)).cancelled, "Cancelled: Emergency: Release: Change c1"),
    ):
        assert told(shown)[0] == summary
    assert told(of(change(), **named))[1][0] == "Weekly"
    assert write(kept(of(change(emergency=True))), EN).categories == ("Release window", "EMERGENCY")
    assert write(kept(of(change())), EN).categories == ("Release window",)
    assert write(kept(show_freeze(freeze())), EN).categories == ("Freeze",)


@pytest.mark.acceptance("FEED-10")
@pytest.mark.acceptance("CHG-D8")
def test_of_many_changes_the_first_are_told_and_the_rest_is_counted() -> None:
    for number, last in ((50, "Minor: Change c50 (risk)"), (51, "and 1 more"), (60, "and 10 more")):
        lines = told(of(*(change(f"c{at:02}") for at in range(1, number + 1))))[1]
        assert lines[-1] == last
        assert len([line for line in lines if line.startswith("Minor: ")]) == 50


@pytest.mark.acceptance("FEED-10")
def test_a_change_says_what_it_means_for_the_reader() -> None:
    """The note of its people first, in the reader's language, else in English, else in any, and marked."""
    differs = "It works differently from before: what builds on it may need a change."
    for values, lines in (
        ({"kind": "breaking_change"}, [differs]),
        ({"kind": "breaking_change", "notes": {"de": "Neu.", "en": "New."}}, ["New."]),
        ({"notes": {"fr": "Neuf.", "de": "Neu."}, "owner": "Alina"}, ["Neu. (in de)", "Alina answers for it."]),
    ):
        assert told(of(change(**values)))[1][2:] == lines


@pytest.mark.acceptance("FEED-5")
@pytest.mark.acceptance("FEED-10")
def test_a_freeze_says_whether_it_holds_warns_or_was_lifted() -> None:
    for values, summary, lines in (
        ({}, "Freeze: Closing", ["Nothing is released in this time.", "Reason: Closing"]),
        ({"title": "Year end"}, "Freeze: Year end", ["Nothing is released in this time.", "Reason: Closing"]),
        ({"reason": "Closing\nof books"}, "Freeze: Closing", None),
        ({"reason": ""}, "Freeze", ["Nothing is released in this time."]),
        ({"hard": False, "reason": ""}, "Freeze", ["Releases in this time need an acknowledgement."]),
    ):
        found = told(show_freeze(freeze(**values)))
        assert found[0] == summary
        assert lines is None or found[1] == lines
    assert show_freeze(freeze()).status == "confirmed"
    assert show_freeze(freeze(cancelled=True)).status == "cancelled"
    lifted = told(show_freeze(freeze()).cancelled)
    assert lifted == ("Cancelled: Freeze: Closing", ["This freeze was lifted.", "Reason: Closing"])


@pytest.mark.acceptance("FEED-4")
@pytest.mark.acceptance("SCH-S6")
def test_edits_within_one_second_have_two_times_and_a_called_off_event_keeps_its_day() -> None:
    """SEQUENCE goes up by one, LAST-MODIFIED never stands; the 30 days run from when it was called off."""
    first = step(None, of(change()))
    again = step(first, of(change("c2")), NOW)
    assert again is not None
    assert (again.sequence, again.last_modified, again.created) == (1, NOW + timedelta(seconds=1), NOW)
    off = step(again, None, NOW + HOUR)
    assert off is not None
    assert (off.sequence, off.cancelled_at, off.shown.changes) == (2, NOW + HOUR, again.shown.changes)
    for shown in (None, of(), of(change("c9"), cancelled=True)):
        assert step(off, shown, NOW + 2 * HOUR) is off, "what is called off tells what it told last"
    assert step(None, None) is None
    assert step(None, of(change(), cancelled=True)) is None
    assert not is_due(again, NOW + timedelta(days=9999))


@pytest.mark.acceptance("CHG-D4")
@pytest.mark.acceptance("FEED-5")
def test_a_called_off_event_no_longer_names_what_its_audience_may_not_read() -> None:
    """A change that became internal leaves a cancelled event too; one of the same name that is open stays."""
    open_one = window(change("c1"), change("c2"))
    secret = window(change("c1", internal=True), change("c2"))
    first = step(None, show_window(open_one, Audience.BUSINESS))
    assert first is not None
    hidden = hidden_from(secret, Audience.BUSINESS)
    off = advance(first, None, first.uid, "business", NOW + HOUR, hidden)
    assert off is not None
    assert [one.title for one in off.shown.changes] == ["Change c2"]
    later = advance(step(first, None, NOW + HOUR), None, first.uid, "business", NOW + 2 * HOUR, hidden)
    assert later is not None
    assert ([one.title for one in later.shown.changes], later.sequence) == (["Change c2"], 2)
    assert later.cancelled_at == NOW + HOUR, "an edit of what is called off does not keep it longer"
    assert hidden_from(secret, Audience.ENGINEERING) == frozenset()
    twins = window(change("c1", internal=True, title="Same"), change("c2", title="Same"))
    assert hidden_from(twins, Audience.BUSINESS) == frozenset()
