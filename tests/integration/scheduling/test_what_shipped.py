"""What shipped in a window stays told in that window, whatever is planned after it: pages, changelog and feeds."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, Event
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from release_mgmt.core.audience import Audience
from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Actor
from release_mgmt.formats.words import Words
from release_mgmt.services import placing, plans, stages, windows
from release_mgmt.services.publications.windows import Scope, of_calendar
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import PlanRow
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import OPERATOR, apply, at, document, seed
from tests.support.waiting import LIMIT

W1, W2 = "w@2026-11-24T18:00", "w@2026-12-01T18:00"
INSIDE, AFTER = at("2026-11-24T17:30"), at("2026-11-25T09:00")


def deploy(store: Store, *changes: str, now: datetime = INSIDE, state: str = "done") -> None:
    for change in changes:
        stages.report(store, OPERATOR, now, change, stage="deploy", state=state)


def event(store: Store, window: str = W1) -> tuple[str, int, dict[str, str]]:
    """Status, sequence and title -> state, as engineers see the window."""
    with store.read() as session:
        row = session.scalars(
            select(FeedEventRow).where(FeedEventRow.audience == "engineering", FeedEventRow.key == window)
        ).one()
        return row.shown["status"], row.sequence, {each["title"]: each["state"] for each in row.shown["changes"]}


def shipped(store: Store, now: datetime) -> dict[str, dict[str, str]]:
    """Window -> change -> state in the changelog of what shipped."""
    text = of_calendar(
        store, OPERATOR, now, Scope("releases", which="shipped"), say=Words("en"), site="https://x.example",
        audience=Audience.BUSINESS, form="json",
    )  # fmt: skip
    return {
        part["version"]: {one["id"]: one["text"]["state"] for one in part["entries"]}
        for part in orjson.loads(text)["releases"]
    }


@pytest.mark.acceptance("CHG-D5")
@pytest.mark.acceptance("FEED-2")
def test_a_window_in_which_all_shipped_is_never_told_as_cancelled(store: Store) -> None:
    seed(store, "m1 m2")
    apply(store)
    deploy(store, "m1", "m2")
    plans.replan(store, OPERATOR, INSIDE + timedelta(minutes=5), "releases")
    assert event(store) == ("confirmed", 0, {"Change m1": "approved", "Change m2": "approved"}), "not before it is over"
    seed(store, "n1 n2", "billing")
    plans.replan(store, OPERATOR, AFTER, "releases")
    assert event(store) == ("confirmed", 1, {"Change m1": "released", "Change m2": "released"})


@pytest.mark.acceptance("FEED-2")
def test_what_did_not_go_leaves_the_event_of_the_past_window(store: Store) -> None:
    seed(store, "m1 m2")
    apply(store)
    deploy(store, "m1")
    plans.replan(store, OPERATOR, AFTER, "releases")
    assert event(store) == ("confirmed", 1, {"Change m1": "released"})
    assert event(store, W2)[2].keys() == {"Change m2"}


@pytest.mark.acceptance("CHG-D5")
def test_a_change_rolled_back_keeps_its_window_and_its_entry_through_later_plans(store: Store) -> None:
    seed(store, "m1 m2")
    apply(store)
    deploy(store, "m1", "m2")
    plans.replan(store, OPERATOR, AFTER, "releases")
    deploy(store, "m1", now=AFTER, state="rolled_back")
    told = {"Change m1": "rolled_back", "Change m2": "released"}
    assert event(store) == ("confirmed", 2, told), "in the transaction of the report"
    for day in (1, 2):
        seed(store, f"n{day}", f"billing{day}")
        plans.replan(store, OPERATOR, AFTER + timedelta(days=day), "releases")
    assert windows.of_change(store, OPERATOR, "m1")[0].window == W1
    assert shipped(store, AFTER + timedelta(days=2)) == {W1: {"m1": "Rolled back", "m2": "Released"}}
    assert event(store) == ("confirmed", 2, told)


def test_what_shipped_outlives_its_repository_in_feeds(one_store: Store) -> None:
    store = one_store
    seed(store, "m1")
    apply(store)
    deploy(store, "m1")
    plans.replan(store, OPERATOR, AFTER, "releases")
    before = event(store)
    with store.write() as session:
        session.scalars(select(Repository)).one().archived_at = AFTER
    seed(store, "n1", "billing")
    plans.replan(store, OPERATOR, AFTER + timedelta(days=1), "releases")
    assert event(store) == before
    assert windows.of_change(store, OPERATOR, "m1")[0].window == W1


def test_reports_moves_and_plans_at_once_wait_for_each_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes the one lock of planning, so none is refused and no version of a plan is made twice."""
    seed(store)
    apply(store, policy=document()["policy"] | {"minor_lane": {"approved_in_advance": True}})
    now = at("2026-11-23T10:15")
    inside, seen, first = Event(), Event(), plans.compute

    def slow(*given: Any) -> Any:
        if not inside.is_set():
            inside.set()
            seen.wait(0.5)  # the others come while this plan is being made
        return first(*given)

    monkeypatch.setattr(plans, "compute", slow)
    start = Barrier(4)

    def run(work: Callable[[Store, Actor, datetime], None]) -> None:
        start.wait()
        if work is not _plan:
            inside.wait(LIMIT)
        work(store, OPERATOR, now)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(run, work) for work in (_plan, _ship, _move, _edit)]:
            done.result()
    with store.read() as session:
        versions = session.scalars(select(PlanRow.version).order_by(PlanRow.version)).all()
    assert versions == list(range(1, len(versions) + 1))
    assert len(versions) >= 4
    assert windows.of_change(store, OPERATOR, "m1")[0].why == "minor_lane"
    assert windows.of_change(store, OPERATOR, "m6")[0].window == "w@2026-12-22T18:00"


def _plan(store: Store, actor: Actor, now: datetime) -> None:
    plans.replan(store, actor, now, "releases")


def _ship(store: Store, actor: Actor, now: datetime) -> None:
    stages.report(store, actor, now, "m1", stage="deploy", state="done")


def _move(store: Store, actor: Actor, now: datetime) -> None:
    placing.move(store, actor, now, "m6", "w@2026-12-22T18:00", reason="The supplier is late.")


def _edit(store: Store, actor: Actor, now: datetime) -> None:
    apply(store, now, policy=document()["policy"] | {"minor_lane": {"approved_in_advance": True}}, horizon_days=170)


@pytest.mark.acceptance("SCH-C4")
@pytest.mark.parametrize("state", ["done", "rolled_back"])
def test_what_shipped_keeps_its_room_until_its_window_is_over(store: Store, state: str) -> None:
    seed(store, "m1 m2 m3 m4 m5")
    apply(store)
    deploy(store, "m1", "m2")
    if state == "rolled_back":
        deploy(store, "m1", "m2", state=state)
    plans.replan(store, OPERATOR, INSIDE + timedelta(minutes=1), "releases", reason="again")
    found = windows.detail(store, OPERATOR, "releases", W1)
    assert ([one.id for one in found.changes], found.used, found.points) == (["m1", "m2", "m3", "m4"], 4, 4)
    [planned] = [one for one in plans.document(store, OPERATOR, "releases")["windows"] if one["key"] == W1]
    assert (sorted(planned["changes"]), planned["capacity"]["used"]) == (["m1", "m2", "m3", "m4"], 4)
    with pytest.raises(Conflict) as refused:
        placing.move(store, OPERATOR, INSIDE + timedelta(minutes=2), "m5", W1, reason="it is urgent")
    assert {each["code"] for each in refused.value.details["checks"]} >= {"capacity"}

    with store.write() as session:
        session.add(
            BreakGlassRow(
                id="b1", change_id="m5", environment="prod", calendar="releases", blockers=[], reason="r", ticket="t",
                minutes=60, requested_at=INSIDE, granted=True, starts_at=INSIDE, expires_at=AFTER,
            )
        )  # fmt: skip
    plans.replan(store, OPERATOR, INSIDE + timedelta(minutes=3), "releases", reason="an emergency")
    assert "m5" not in {one.id for one in windows.detail(store, OPERATOR, "releases", W1).changes}
    assert set(event(store)[2]) == {"Change m1", "Change m2", "Change m3", "Change m4"}
