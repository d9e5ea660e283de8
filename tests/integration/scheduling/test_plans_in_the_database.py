"""Calendars and plans in the database: applied, planned again, moved with reasons, told to feeds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from release_mgmt.core.errors import Conflict, InvalidInput, StaleVersion
from release_mgmt.services import calendars, gate, overrides, placing, plans, terms, windows
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import DependencyRow, PlacementRow, PlanRow
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, document, freeze, in_conflict, seed, where

W1, W2, W3, W4 = (f"w@2026-{day}T18:00" for day in ("11-24", "12-01", "12-08", "12-15"))


@pytest.fixture(name="planned")
def _planned(store: Store) -> Store:
    seed(store)
    with store.write() as session:
        session.add(DependencyRow(change_id="m3", needs_id="M1", made_by="p", made_at=NOW))
    apply(store)
    return store


@pytest.mark.acceptance("SCH-C1")
def test_applying_a_calendar_places_and_announces_what_is_ready(planned: Store):
    assert where(planned) == {
        "m1": W1, "m2": W1, "m4": W1, "m5": W1, "M1": W2, "m3": W2, "M2": W3, "m6": W3
    }  # fmt: skip
    with planned.read() as session:
        states = {(level, state) for level, state in session.execute(select(Change.level, Change.state))}
    assert {state for level, state in states if level == "minor"} == {"approved"}, "nobody is asked about these"
    assert {state for level, state in states if level == "major"} <= {"announced", "approved"}
    [window] = [each for each in windows.upcoming(planned, OPERATOR, NOW) if each.key == W2]
    assert (window.used, window.points, window.majors) == (4, 4, 1)
    assert [each.id for each in window.changes] == ["M1", "m3"]
    assert window.changes[0].reasons[0]["code"] == "notice"
    assert windows.detail(planned, OPERATOR, "releases", W2) == window


@pytest.mark.acceptance("SCH-S1")
def test_planning_again_without_a_difference_writes_nothing(planned: Store):
    def look() -> tuple[object, ...]:
        with planned.read() as session:
            events = session.execute(select(FeedEventRow.uid, FeedEventRow.audience, FeedEventRow.sequence)).all()
            return (
                session.scalar(select(func.count()).select_from(PlanRow)),
                sorted(map(tuple, events)),
                sorted(session.scalars(select(FeedEventRow.last_modified))),
            )

    before = look()
    assert before[1]
    told = plans.replan(planned, OPERATOR, NOW + timedelta(hours=1), "releases")
    assert told.hits == ()
    assert look() == before


@pytest.mark.acceptance("SCH-S3")
@pytest.mark.acceptance("SCH-S6")
@pytest.mark.acceptance("SCH-F10")
def test_a_freeze_is_shown_before_it_is_saved_and_moves_with_reasons(planned: Store):
    item = freeze("F1", "2026-12-01")
    shown = calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", item, identity="F1", dry_run=True)
    assert {(hit.change, hit.window, hit.to) for hit in shown.effects.hits} == {("M1", W2, W4), ("m3", W2, W4)}
    assert shown.effects.teams == ("fraud",)
    assert windows.moves(planned, OPERATOR) == []
    assert calendars.get(planned, OPERATOR, "releases").document["freezes"] == []

    calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", item, identity="F1", reason="audit week")
    moved = windows.moves(planned, OPERATOR)
    assert {(each.change, each.from_window, each.to_window) for each in moved} == {("M1", W2, W4), ("m3", W2, W4)}
    assert {each.actor for each in moved} == {"planner"}
    [major] = [each for each in moved if each.change == "M1"]
    assert [(each["code"], each["ref"]) for each in major.reasons] == [("freeze", "F1")]
    assert (major.plan_version, major.from_start, major.to_start) == (2, at("2026-12-01T17:00"), at("2026-12-15T17:00"))


@pytest.mark.acceptance("SCH-S4")
def test_a_freeze_taken_away_moves_nothing_and_suggests(planned: Store):
    calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", freeze("F1", "2026-12-01"), identity="F1")
    calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", None, identity="F1")
    assert where(planned)["M1"] == W4
    suggested = {each.id: each.suggestion for each in windows.detail(planned, OPERATOR, "releases", W4).changes}
    assert suggested == {"M1": W2, "m3": W2}
    assert len(windows.moves(planned, OPERATOR)) == 2


@pytest.mark.acceptance("SCH-F5")
def test_an_unknown_name_in_a_scope_is_refused_by_its_own_path(planned: Store):
    item = freeze("F1", "2026-12-01", scope={"repositories": ["prcing"]})
    with pytest.raises(InvalidInput) as caught:
        calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", item, identity="F1")
    assert caught.value.errors[0].path == "scope.repositories[0]"
    assert caught.value.errors[0].allowed == "did you mean pricing?"


@pytest.mark.acceptance("SCH-F5")
def test_a_name_that_was_removed_since_does_not_stand_in_the_way_of_the_next_freeze(planned: Store):
    item = freeze("F1", "2026-12-01", scope={"repositories": ["pricing"], "teams": ["fraud"]})
    calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", item, identity="F1")
    with planned.write() as session:
        session.scalars(select(Repository)).one().name = "prices"
    calendars.edit(planned, OPERATOR, NOW, "releases", "freezes", freeze("F2", "2026-12-08"), identity="F2")
    with pytest.raises(InvalidInput) as caught:
        apply(planned, teams={"frud": {"business_days": {"weekend": ["sun"]}}})
    assert [each.path for each in caught.value.errors] == ["teams.frud"]


def test_two_edits_at_once_are_told_apart(planned: Store):
    seen = calendars.get(planned, OPERATOR, "releases")
    apply(planned, horizon_days=90)
    with pytest.raises(StaleVersion):
        calendars.apply(planned, OPERATOR, NOW, document(), slug="releases", version=seen.version)
    assert [each.version for each in calendars.versions(planned, OPERATOR, "releases")] == [2, 1]


def test_the_edits_of_a_document_are_told_part_by_part(planned: Store):
    shown = calendars.apply(
        planned, OPERATOR, NOW, document(horizon_days=90, freezes=[freeze("F", "2027-05-03")]), dry_run=True
    )
    assert [(edit.path, edit.before is None) for edit in shown.edits] == [("freezes[F]", True), ("horizon_days", True)]


def test_a_change_that_is_released_keeps_its_window_and_frees_the_rest(planned: Store):
    with planned.write() as session:
        for change in session.scalars(select(Change).where(Change.id.in_(["m1", "m2", "m4", "m5"]))):
            change.state = "released"
    plans.replan(planned, OPERATOR, at("2026-11-25T09:00"), "releases")
    assert windows.of_change(planned, OPERATOR, "m1")[0].window == W1
    assert windows.moves(planned, OPERATOR) == []


def test_a_deadline_that_the_plan_misses_is_flagged_at_once_and_unflagged(planned: Store):
    def flagged() -> set[tuple[str, str]]:
        found = in_conflict(planned)
        return {(each.id, one["code"]) for each in found for one in each.conflicts}

    terms.put_terms(planned, OPERATOR, NOW, "M1", deadline=at("2026-11-30T00:00"))
    assert (flagged(), where(planned)["M1"]) == ({("M1", "deadline")}, W2)
    terms.put_terms(planned, OPERATOR, NOW, "M1", deadline=at("2026-12-01T17:00"))
    assert flagged() == set()


@pytest.mark.acceptance("SCH-A4")
@pytest.mark.acceptance("SCH-N1")
def test_a_raised_level_whose_notice_was_kept_stays_while_its_date_comes_nearer(planned: Store):
    """The notice restarts once, when the level is raised; that days go by afterwards is what it is for."""
    with planned.write() as session:
        session.get_one(Change, "m6").level = "major"
    for text in ("2026-11-20T10:00", "2026-12-02T10:00", "2026-12-07T10:00"):
        plans.replan(planned, OPERATOR, at(text), "releases")
        assert where(planned)["m6"] == W3, text
    with planned.read() as session:
        row = session.get_one(PlacementRow, ("m6", "prod"))
        assert (row.announced_level, row.announced_at) == ("major", at("2026-11-20T10:00"))


@pytest.mark.acceptance("SCH-C4")
def test_what_a_window_takes_and_holds_follows_also_when_nothing_moves(planned: Store):
    """Room, most majors, title and the points of a change are shown and checked by what is stored of the window."""

    def look() -> tuple[object, ...]:
        window = windows.detail(planned, OPERATOR, "releases", W1)
        [told] = [each for each in plans.document(planned, OPERATOR, "releases")["windows"] if each["key"] == W1]
        assert (told["title"], told["capacity"]["used"], told["capacity"]["points"]) == (
            window.title, window.used, window.points
        )  # fmt: skip
        return window.title, window.used, window.points, window.most_major

    policy = document()["policy"]
    before = where(planned)
    [series] = document()["series"]
    assert look() == ("", 4, 4, 1)
    larger = policy | {"capacity": {"points": 9, "minor": 1, "major": 3, "most_major": 2}}
    apply(planned, policy=larger)
    assert look() == ("", 4, 9, 2)
    apply(planned, policy=larger, series=[series | {"title": "Evening"}])
    assert look() == ("Evening", 4, 9, 2)
    terms.put_terms(planned, OPERATOR, NOW, "m1", points=6)
    assert look() == ("Evening", 9, 9, 2)
    with pytest.raises(Conflict) as full:
        placing.move(planned, OPERATOR, NOW, "m3", W1, reason="as soon as it can", override=True)
    assert {"dependency", "capacity"} <= {each["code"] for each in full.value.details["checks"]}
    assert where(planned) == before


@pytest.mark.acceptance("SCH-F6")
def test_a_manager_may_put_a_long_change_into_a_window_that_a_soft_freeze_shortens(one_store: Store):
    seed(one_store, "m1")
    apply(one_store)
    terms.put_terms(one_store, OPERATOR, NOW, "m1", minutes=180)
    evening = {"id": "S", "start": "2026-12-01T20:00", "end": "2026-12-02T00:00", "hard": False, "reason": "books"}
    apply(one_store, freezes=[evening])
    with pytest.raises(Conflict) as asked:
        placing.move(one_store, OPERATOR, NOW, "m1", W2, reason="the customer waits")
    assert [(each["code"], each["ref"]) for each in asked.value.details["checks"]] == [("soft_freeze", "S")]
    placing.move(one_store, OPERATOR, NOW, "m1", W2, reason="the customer waits", override=True)
    assert where(one_store) == {"m1": W2}
    apply(one_store, freezes=[evening | {"hard": True}])
    assert where(one_store) == {"m1": W3}


@pytest.mark.acceptance("SCH-S6")
@pytest.mark.parametrize("kind", ["announced", "requested", "in conflict"])
def test_a_window_that_moves_takes_its_changes_along_with_a_reason_however_they_came_there(one_store: Store, kind: str):
    """By first fit, by a manager's choice, and when something else is wrong that a manager must look at."""
    seed(one_store, "m1")
    apply(one_store)
    now = NOW
    if kind == "requested":
        placing.move(one_store, OPERATOR, NOW, "m1", W2, reason="the customer asks for it")
    [before] = windows.of_change(one_store, OPERATOR, "m1")
    assert before.start is not None
    wrong = []
    if kind == "in conflict":
        now, wrong = before.start - timedelta(hours=20), [freeze("F", f"{before.start:%Y-%m-%d}")]
    known = {each.id for each in windows.moves(one_store, OPERATOR)}
    apply(one_store, now, time_zone="America/New_York", freezes=wrong)
    [after] = windows.of_change(one_store, OPERATOR, "m1")
    assert (after.window, after.start) == (before.window, before.start + timedelta(hours=6))
    [moved] = [each for each in windows.moves(one_store, OPERATOR) if each.id not in known]
    assert (moved.from_start, moved.to_start) == (before.start, after.start)
    assert [(each["code"], each["message"]) for each in moved.reasons] == [
        ("window_moved", f"{after.window}: the window itself goes at another time.")
    ]
    assert bool(after.conflicts) is (kind == "in conflict")
    assert (after.why, after.requested_by is not None) == (
        ("requested", True) if kind == "requested" else ("announced", False)
    )
    assert plans.replan(one_store, OPERATOR, now, "releases").hits == ()


@pytest.mark.acceptance("SCH-S1")
def test_a_lowered_level_is_looked_at_once(one_store: Store):
    """The plan that follows at once is the same: what the shorter notice sets free moves then, and no plan later."""
    seed(one_store, "M1")
    apply(one_store)
    assert where(one_store) == {"M1": W2}
    near = at("2026-11-27T12:00")
    [series] = document()["series"]
    apply(one_store, near, series=[series | {"except": ["2026-12-01T18:00"]}])
    assert in_conflict(one_store) != []
    overrides.override(one_store, OPERATOR, near, "M1", "minor", "it is a parameter alone")
    plans.replan(one_store, OPERATOR, near, "releases")
    assert where(one_store) == {"M1": W3}
    assert plans.replan(one_store, OPERATOR, near, "releases").hits == ()


@pytest.mark.acceptance("SCH-S5")
@pytest.mark.acceptance("SCH-S6")
def test_an_announced_change_leaves_a_window_before_its_earliest_date_as_it_leaves_one_that_is_too_short(
    one_store: Store,
):
    """Its Owner says later that it must not go before; inside the notice period a release manager decides."""
    seed(one_store, "m1 m2 m3")
    apply(one_store)
    assert where(one_store) == dict.fromkeys(("m1", "m2", "m3"), W1)
    terms.put_terms(one_store, OPERATOR, NOW, "m1", earliest=at("2026-12-02T00:00"))
    assert where(one_store) == {"m1": W3, "m2": W1, "m3": W1}
    [moved] = windows.moves(one_store, OPERATOR)
    assert (moved.change, [(each["code"], each["ref"]) for each in moved.reasons]) == ("m1", [("not_ready", "m1")])
    placing.move(one_store, OPERATOR, NOW, "m3", W2, reason="with the campaign", override=True)
    terms.put_terms(one_store, OPERATOR, NOW, "m3", earliest=at("2026-12-03T00:00"))
    terms.put_terms(one_store, OPERATOR, at("2026-11-24T10:00"), "m2", earliest=at("2026-12-02T00:00"))
    assert where(one_store) == {"m1": W3, "m2": W1, "m3": W2}, "a manager's choice stands, and so does a short notice"
    [told] = in_conflict(one_store)
    assert (told.id, [each["code"] for each in told.conflicts]) == ("m2", ["not_ready"])


@pytest.mark.acceptance("SCH-S6")
def test_a_window_that_is_called_off_and_comes_back_at_another_time_moves_with_a_reason(one_store: Store):
    """Inside the notice period its change stays, flagged, at the date that was told; the new one is a move."""
    seed(one_store, "m1")
    apply(one_store)
    [before] = windows.of_change(one_store, OPERATOR, "m1")
    near = at("2026-11-23T22:00")  # after the cut-off in both zones
    [series] = document()["series"]
    apply(one_store, near, series=[series | {"except": ["2026-11-24T18:00"]}], time_zone="America/New_York")
    [flagged] = windows.of_change(one_store, OPERATOR, "m1")
    assert [each["code"] for each in flagged.conflicts] == ["window_cancelled"]
    assert (flagged.window, flagged.start) == (before.window, before.start)
    apply(one_store, near, time_zone="America/New_York")
    [after] = windows.of_change(one_store, OPERATOR, "m1")
    [moved] = windows.moves(one_store, OPERATOR)
    assert (moved.from_start, moved.to_start) == (before.start, after.start)
    assert after.start == at("2026-11-24T23:00")


STAGING = {"id": "s", "start": "2026-11-25T18:00", "end": "2026-11-25T22:00", "rrule": "FREQ=WEEKLY;BYDAY=WE"}


@pytest.mark.acceptance("SCH-S6")
def test_another_environment_in_the_first_series_takes_no_announced_date_away(one_store: Store):
    """What was announced to production stays there; what comes new goes to what the calendar releases to now."""
    seed(one_store, "m1 M1")
    apply(one_store)
    before = where(one_store)
    apply(one_store, series=[STAGING | {"environments": ["staging"]}, *document()["series"]])
    assert where(one_store) == before
    assert windows.moves(one_store, OPERATOR) == []
    seed(one_store, "x1", repository="risk")
    plans.replan(one_store, OPERATOR, NOW, "releases")
    assert where(one_store) == before | {"x1": "s@2026-11-25T18:00"}
    with one_store.read() as session:
        found = session.execute(select(PlacementRow.change_id, PlacementRow.environment))
        assert dict(map(tuple, found)) == {"m1": "prod", "M1": "prod", "x1": "staging"}


def test_an_environment_that_is_called_otherwise_keeps_the_dates_and_is_what_the_gate_asks(one_store: Store):
    seed(one_store, "m1")
    apply(one_store)
    production = [document()["series"][0] | {"environments": ["production"]}]
    apply(one_store, series=production, environments=["production"])
    assert where(one_store) == {"m1": W1}
    assert windows.moves(one_store, OPERATOR) == []
    found = gate.ask(one_store, OPERATOR, NOW, [gate.Asked("pricing", "production", "m1")], at=at("2026-11-24T18:00"))
    assert found.decision.decision == "allow"


@pytest.mark.acceptance("SCH-S6")
def test_a_last_window_that_is_called_off_moves_its_change_behind_the_horizon_with_the_reason(one_store: Store):
    seed(one_store, "m1")
    apply(one_store, horizon_days=12)
    placing.move(one_store, OPERATOR, NOW, "m1", W2, reason="later")
    apply(one_store, horizon_days=12, series=[document()["series"][0] | {"except": ["2026-12-01T18:00"]}])
    [newest, _] = sorted(windows.moves(one_store, OPERATOR), key=lambda each: -each.plan_version)
    assert (newest.from_window, newest.to_window) == (W2, W3)
    assert [each["code"] for each in newest.reasons] == ["window_cancelled"]
    plans.replan(one_store, OPERATOR, NOW + timedelta(hours=1), "releases")
    assert where(one_store) == {"m1": W3}
    assert len(windows.moves(one_store, OPERATOR)) == 2
