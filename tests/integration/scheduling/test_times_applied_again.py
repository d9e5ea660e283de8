"""A calendar file that is applied again with other times: announced windows move, they do not become other ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from release_mgmt.services import calendars, windows
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, seed, where

WEEKLY = {"id": "w", "start": "2026-11-24T18:00", "end": "2026-11-24T22:00", "rrule": "FREQ=WEEKLY;BYDAY=TU"}


def weekly(start: str, end: str, **more: Any) -> list[dict[str, Any]]:
    return [WEEKLY | {"start": start, "end": end} | more]


def stored(store: Store) -> dict[str, Any]:
    found = calendars.get(store, OPERATOR, "releases").document["series"][0]
    assert isinstance(found, dict)
    return found


def shown(store: Store) -> dict[str, tuple[str, int, str]]:
    """Key -> (UID, sequence, start) of the windows in the feed that hold changes."""
    with store.read() as session:
        rows = session.scalars(
            select(FeedEventRow).where(FeedEventRow.audience == "engineering", FeedEventRow.kind == "window")
        )
        return {row.key: (row.uid, row.sequence, row.shown["start"]) for row in rows if row.shown["changes"]}


def spans(store: Store) -> dict[str, tuple[datetime, datetime]]:
    return {each.key: (each.start, each.end) for each in windows.between(store, OPERATOR, NOW, at("2027-01-01T00:00"))}


@pytest.mark.acceptance("SCH-S6")
@pytest.mark.acceptance("SCH-S7")
def test_another_time_of_day_moves_every_window_to_come_and_keeps_its_name(store: Store) -> None:
    seed(store)
    apply(store)
    places, events = where(store), shown(store)
    later = NOW + timedelta(hours=1)
    done = apply(store, later, series=weekly("2026-11-24T19:00", "2026-11-24T22:30"))
    assert [edit.path for edit in done.edits] == ["series[w].end", "series[w].retimed"]
    assert stored(store)["retimed"] == [{"from": "2026-11-20", "start": "19:00", "end": "22:30"}]
    assert where(store) == places, "nobody lost its window"
    for key, (uid, sequence, _) in events.items():
        assert shown(store)[key][:2] == (uid, sequence + 1)
        assert shown(store)[key][2].endswith("T18:00:00Z")
    assert spans(store)["w@2026-11-24T18:00"] == (at("2026-11-24T18:00"), at("2026-11-24T21:30"))
    moved = windows.moves(store, OPERATOR)
    assert {each.change for each in moved} == set(places)
    assert {each.reasons[0]["code"] for each in moved} == {"window_moved"}
    # The same file again, also on another day, changes nothing.
    for days in (0, 1, 9):
        again = apply(store, later + timedelta(days=days), series=weekly("2026-11-24T19:00", "2026-11-24T22:30"))
        assert again.edits == ()


@pytest.mark.acceptance("SCH-S7")
def test_what_is_past_keeps_the_time_it_had(one_store: Store) -> None:
    store = one_store
    apply(store)
    inside = at("2026-12-01T18:00")  # 19:00 in Berlin: the window of this day is open
    apply(store, inside, series=weekly("2026-11-24T20:00", "2026-11-24T23:00"))
    assert spans(store)["w@2026-12-01T18:00"] == (at("2026-12-01T17:00"), at("2026-12-01T20:00"))
    assert spans(store)["w@2026-12-08T18:00"] == (at("2026-12-08T19:00"), at("2026-12-08T22:00"))
    apply(store, at("2026-12-12T09:00"), series=weekly("2026-11-24T18:00", "2026-11-24T21:00"))
    assert [each["from"] for each in stored(store)["retimed"]] == ["2026-12-02", "2026-12-12"]
    assert spans(store)["w@2026-12-08T18:00"][0] == at("2026-12-08T19:00")
    assert spans(store)["w@2026-12-15T18:00"][0] == at("2026-12-15T17:00")


def test_over_midnight_and_back(one_store: Store) -> None:
    store = one_store
    apply(store)
    apply(store, NOW, series=weekly("2026-11-24T22:00", "2026-11-25T02:00"))
    assert spans(store)["w@2026-11-24T18:00"] == (at("2026-11-24T21:00"), at("2026-11-25T01:00"))
    apply(store, NOW, series=weekly("2026-11-24T18:00", "2026-11-24T22:00"))
    assert "retimed" not in stored(store)
    assert spans(store)["w@2026-11-24T18:00"] == (at("2026-11-24T17:00"), at("2026-11-24T21:00"))


def test_exceptions_are_read_by_the_file_s_own_times(one_store: Store) -> None:
    store = one_store
    apply(store)
    more = {"except": ["2026-12-29T19:00"], "moved": {"2026-12-22T19:00": "2026-12-21T18:00"}}
    for _ in range(2):
        apply(store, series=weekly("2026-11-24T19:00", "2026-11-24T23:00", **more))
        assert stored(store)["except"] == ["2026-12-29T18:00"]
        assert spans(store)["w@2026-12-22T18:00"] == (at("2026-12-21T17:00"), at("2026-12-21T21:00"))
        states = {each.key: each.state for each in windows.between(store, OPERATOR, NOW, at("2027-01-02T00:00"))}
        assert states["w@2026-12-29T18:00"] == "cancelled"


def test_an_exact_duration_and_a_later_first_date(one_store: Store) -> None:
    store = one_store
    exact = {key: value for key, value in WEEKLY.items() if key != "end"} | {"duration": "PT4H"}
    apply(store, series=[exact])
    apply(store, series=[exact | {"start": "2026-12-08T20:00", "duration": "PT3H"}])
    assert spans(store)["w@2026-12-08T18:00"] == (at("2026-12-08T19:00"), at("2026-12-08T22:00"))
    assert min(spans(store)) == "w@2026-12-08T18:00"


def test_a_single_window_on_another_day_is_moved_and_a_past_one_leaves_its_name_free(one_store: Store) -> None:
    store = one_store
    seed(store, "m1")
    once = {"id": "launch", "start": "2026-12-01T18:00", "end": "2026-12-01T20:00"}
    other = once | {"start": "2026-12-03T10:00", "end": "2026-12-03T13:00"}
    apply(store, series=[once])
    assert where(store) == {"m1": "launch@2026-12-01T18:00"}
    for _ in range(2):
        apply(store, series=[other])
        assert where(store) == {"m1": "launch@2026-12-01T18:00"}
        assert spans(store) == {"launch@2026-12-01T18:00": (at("2026-12-03T09:00"), at("2026-12-03T12:00"))}
    [move] = windows.moves(store, OPERATOR)
    assert [each["code"] for each in move.reasons] == ["window_moved"]
    next_one = once | {"start": "2026-12-15T18:00", "end": "2026-12-15T20:00"}
    apply(store, at("2026-12-04T09:00"), series=[next_one])
    assert "launch@2026-12-15T18:00" in spans(store)


def test_other_days_are_other_windows_and_what_the_file_says_itself_stands(one_store: Store) -> None:
    store = one_store
    apply(store)
    thursdays = weekly("2026-11-26T19:00", "2026-11-26T23:00", rrule="FREQ=WEEKLY;BYDAY=TH")
    apply(store, series=thursdays)
    assert stored(store) == thursdays[0]
    said = weekly("2026-11-26T19:00", "2026-11-26T23:00", rrule="FREQ=WEEKLY;BYDAY=TH")
    said[0]["retimed"] = [{"from": "2027-01-01", "start": "17:00"}]
    apply(store, series=said)
    assert stored(store) == said[0]
