"""Changes that need each other across calendars and repositories: placed, kept, moved and refused as within one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.services import calendars, placing, plans, stages, terms, windows
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, at, document, freeze, seed, where

W1, W2 = "w@2026-11-24T18:00", "w@2026-12-01T18:00"
T1, T2 = "t@2026-11-26T18:00", "t@2026-12-03T18:00"


@pytest.fixture(name="two")
def _two(store: Store) -> Store:
    """Tuesdays for pricing, Thursdays for risk."""
    seed(store, "m1 m2")
    seed(store, "m7 m8", "risk")
    with store.write() as session:
        for row in session.scalars(select(Repository)):
            row.calendar = "releases" if row.name == "pricing" else "thursdays"
    calendars.apply(store, OPERATOR, NOW, document())
    thursdays = {"id": "t", "start": "2026-11-26T18:00", "end": "2026-11-26T22:00", "rrule": "FREQ=WEEKLY"}
    calendars.apply(store, OPERATOR, NOW, document(calendar="Thursdays", series=[thursdays]))
    assert where(store) == {"m1": W1, "m2": W1, "m7": T1, "m8": T1}
    return store


def need(store: Store, change: str, *needs: str) -> None:
    terms.put_terms(store, OPERATOR, NOW, change, depends_on=list(needs))


def freeze_first_window(store: Store) -> None:
    item = freeze("F", "2026-11-24")
    calendars.edit(store, OPERATOR, NOW, "releases", "freezes", item, identity="F")
    assert where(store)["m1"] == W2


def move(store: Store, change: str, window: str, **more: Any) -> None:
    placing.move(store, OPERATOR, NOW, change, window, reason="it suits", **more)


def conflicts(store: Store, change: str) -> list[tuple[str, str]]:
    [found] = windows.of_change(store, OPERATOR, change)
    return [(each["code"], each["ref"]) for each in found.conflicts]


@pytest.mark.acceptance("SCH-C5")
def test_a_circle_through_two_calendars_is_refused_with_its_members(two: Store) -> None:
    need(two, "m1", "m7")
    need(two, "m8", "m1")
    with pytest.raises(InvalidInput) as refused:
        need(two, "m7", "m1")
    assert refused.value.details == {"cycle": ["m1", "m7"], "leaning_on_it": []}
    assert terms.terms(two, OPERATOR, "m7").depends_on == ()
    stages.report(two, OPERATOR, NOW, "m1", stage="deploy", state="done")
    need(two, "m7", "m1")  # what is released waits for nothing any more


@pytest.mark.acceptance("SCH-S3")
def test_an_announced_change_follows_what_it_needs_in_another_calendar(two: Store) -> None:
    need(two, "m7", "m1")
    assert where(two)["m7"] == T1
    freeze_first_window(two)
    plans.replan(two, OPERATOR, NOW, "thursdays")
    assert where(two)["m7"] == T2
    [moved] = windows.moves(two, OPERATOR, change="m7")
    assert [(each["code"], each["ref"]) for each in moved.reasons] == [("dependency", "m1")]


@pytest.mark.acceptance("SCH-S5")
def test_inside_its_notice_it_stays_and_is_flagged(two: Store) -> None:
    need(two, "m7", "m1")
    freeze_first_window(two)
    plans.replan(two, OPERATOR, at("2026-11-26T09:00"), "thursdays")
    assert where(two)["m7"] == T1
    assert conflicts(two, "m7") == [("dependency", "m1")]


@pytest.mark.acceptance("SCH-C5")
def test_what_needs_a_withdrawn_or_rolled_back_change_of_another_calendar_is_flagged(two: Store) -> None:
    need(two, "m7", "m1")
    need(two, "m8", "m2")
    placing.withdraw(two, OPERATOR, NOW, "m1", reason="not wanted")
    stages.report(two, OPERATOR, at("2026-11-24T18:00"), "m2", stage="deploy", state="done")
    plans.replan(two, OPERATOR, NOW, "thursdays")
    assert conflicts(two, "m7") == [("withdrawn", "m1")]
    assert conflicts(two, "m8") == []
    stages.report(two, OPERATOR, at("2026-11-24T18:30"), "m2", stage="deploy", state="rolled_back")
    plans.replan(two, OPERATOR, NOW, "thursdays")
    assert conflicts(two, "m8") == [("dependency", "m2")]
    assert {where(two)[each] for each in ("m7", "m8")} == {T1}


def test_a_draft_is_not_placed_behind_what_was_rolled_back(two: Store) -> None:
    stages.report(two, OPERATOR, at("2026-11-24T18:00"), "m1", stage="deploy", state="done")
    stages.report(two, OPERATOR, at("2026-11-24T18:30"), "m1", stage="deploy", state="rolled_back")
    seed(two, "m9", "models")
    with two.write() as session:
        session.get_one(Repository, "r_models").calendar = "releases"
    need(two, "m9", "m1")
    [deferred] = windows.deferred(two, OPERATOR)
    assert (deferred.id, deferred.reasons[0]["code"], deferred.reasons[0]["ref"]) == ("m9", "dependency", "m1")


@pytest.mark.acceptance("SCH-C6")
def test_a_move_looks_at_other_calendars_too(two: Store) -> None:
    need(two, "m7", "m1")
    with pytest.raises(Conflict) as refused:
        move(two, "m1", "w@2026-12-08T18:00", override=True)
    assert [(each["code"], each["ref"]) for each in refused.value.details["checks"]] == [("dependency", "m7")]
    stages.report(two, OPERATOR, at("2026-11-24T18:00"), "m1", stage="deploy", state="done")
    move(two, "m7", T2)


def test_a_move_tells_what_was_ready_too_late(two: Store) -> None:
    calendars.apply(two, OPERATOR, NOW, document(policy=document()["policy"] | {"content_cut_off": "PT101H"}))
    late = NOW + timedelta(hours=4)
    with two.write() as session:
        session.get_one(Change, "m2").merged_at = late
    with pytest.raises(Conflict) as refused:
        placing.move(two, OPERATOR, late, "m2", W1, reason="it suits")
    assert [each["code"] for each in refused.value.details["checks"]] == ["cut_off"]
    terms.put_terms(two, OPERATOR, late, "m1", earliest=at("2026-11-30T00:00"))
    with pytest.raises(Conflict) as early:
        placing.move(two, OPERATOR, late, "m1", W1, reason="it suits")
    assert [each["code"] for each in early.value.details["checks"]] == ["not_ready"]
    placing.move(two, OPERATOR, late, "m1", W1, reason="agreed with all", override=True)


@pytest.mark.parametrize("first", ["releases", "other"])
def test_a_repository_that_goes_over_to_another_calendar_takes_its_changes_along(one_store: Store, first: str) -> None:
    """Whichever calendar is planned first, each change stands once, and its announced date ends with a reason."""
    seed(one_store, "m1 m2")
    calendars.apply(one_store, OPERATOR, NOW, document())
    calendars.apply(one_store, OPERATOR, NOW, document(calendar="Other"))
    with one_store.write() as session:
        session.get_one(Repository, "r_pricing").calendar = "releases"
    plans.replan(one_store, OPERATOR, NOW, "releases")
    assert {one.calendar for one in windows.of_change(one_store, OPERATOR, "m1")} == {"releases"}
    with one_store.write() as session:
        session.get_one(Repository, "r_pricing").calendar = "other"
    for slug in (first, *({"releases", "other"} - {first})):
        plans.replan(one_store, OPERATOR, NOW, slug)
    for change in ("m1", "m2"):
        assert [one.calendar for one in windows.of_change(one_store, OPERATOR, change)] == ["other"]
    found = windows.moves(one_store, OPERATOR)
    assert sorted((one.change, one.calendar, one.to_window) for one in found) == [
        ("m1", "releases", None), ("m2", "releases", None)
    ]  # fmt: skip
    assert {each["code"] for one in found for each in one.reasons} == {"other_calendar"}


@pytest.mark.acceptance("SCH-S1")
def test_a_second_calendar_takes_no_announced_date_away(one_store: Store) -> None:
    """A repository that names no calendar goes by the only one, and goes on by it when there is another."""
    seed(one_store, "m1 m2")
    calendars.apply(one_store, OPERATOR, NOW, document())
    before = windows.of_change(one_store, OPERATOR, "m1")
    calendars.apply(one_store, OPERATOR, NOW, document(calendar="Other"), dry_run=True)
    with one_store.read() as session:
        assert session.get_one(Repository, "r_pricing").calendar is None
    calendars.apply(one_store, OPERATOR, NOW, document(calendar="Other"))
    for slug in ("releases", "other"):
        plans.replan(one_store, OPERATOR, NOW, slug)
    assert [(each.calendar, each.window) for each in windows.of_change(one_store, OPERATOR, "m1")] == [
        (each.calendar, each.window) for each in before
    ]
    assert windows.moves(one_store, OPERATOR) == []
    with one_store.read() as session:
        assert session.get_one(Repository, "r_pricing").calendar == "releases"


def test_a_change_without_a_place_is_released_where_its_own_calendar_releases(two: Store) -> None:
    """Each calendar has an environment of its own; no plan was made since the change came."""
    live = {"id": "t", "start": "2026-11-26T18:00", "end": "2026-11-26T22:00", "environments": ["live"]}
    calendars.apply(two, OPERATOR, NOW, document(calendar="Thursdays", environments=["staging", "live"], series=[live]))
    seed(two, "fresh", "late")
    with two.write() as session:
        session.scalars(select(Repository).where(Repository.name == "late")).one().calendar = "thursdays"
    stages.report(two, OPERATOR, NOW, "fresh", stage="deploy", state="done", environment="prod")
    with two.read() as session:
        assert session.get_one(Change, "fresh").state == "draft"
    stages.report(two, OPERATOR, NOW, "fresh", stage="deploy", state="done", environment="live")
    with two.read() as session:
        assert session.get_one(Change, "fresh").state == "released"
