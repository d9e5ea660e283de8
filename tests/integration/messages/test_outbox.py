"""The outbox is written with what happened: both or neither."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Role
from release_mgmt.services import actors, breakglass, gate, jobs, outbox, people, placing, plans, stages
from release_mgmt.store.models.jobs import Job
from release_mgmt.store.models.messages import MessageEvent
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import DependencyRow
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, freeze, seed


def told(store: Store) -> list[tuple[str, str | None]]:
    with store.read() as session:
        rows = session.execute(select(MessageEvent.kind, MessageEvent.change_id).order_by(MessageEvent.id))
        return [(kind, change) for kind, change in rows]


def new(store: Store, seen: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    return told(store)[len(seen) :]


def test_a_plan_tells_what_it_announces_and_a_move_what_moved(store: Store) -> None:
    seed(store, "m1 M1")
    apply(store)
    expected = [("change.announced", "M1"), ("signoff.asked", "M1"), ("change.announced", "m1")]
    assert told(store) == expected
    before = told(store)
    placing.move(store, OPERATOR, NOW, "m1", window="w@2026-12-08T18:00", reason="The supplier is late.")
    assert new(store, before) == [("change.moved", "m1")]
    with store.read() as session:
        facts = session.scalar(select(MessageEvent.facts).where(MessageEvent.kind == "change.moved"))
    assert facts is not None
    assert (facts["from_window"], facts["window"]) == ("w@2026-11-24T18:00", "w@2026-12-08T18:00")
    assert facts["reasons"]


@pytest.mark.acceptance("SCH-S1")
def test_a_plan_without_a_difference_tells_nothing(store: Store) -> None:
    seed(store, "m1 M1")
    apply(store)
    before = told(store)
    for minutes in range(5):
        plans.replan(store, OPERATOR, NOW + timedelta(minutes=minutes), "releases")
    assert new(store, before) == []


def test_what_is_undone_leaves_nothing_to_tell(store: Store) -> None:
    """The event stands in the transaction of the plan: an error after it takes both back."""
    seed(store, "m1")
    with store.write() as session:
        outbox.tell(session, NOW, Kind.RELEASED, fold="x", change="m1")
        session.flush()
        session.rollback()
    assert told(store) == []


def test_whom_a_change_waits_for_is_told_once_it_is_announced(store: Store) -> None:
    seed(store, "m1 M1")
    policy = {
        "approvals": {"minor": {"release_managers": 1}, "major": {"release_managers": 1, "each_affected_team": True}}
    }
    apply(store, policy=policy)
    assert sorted(told(store)) == [
        ("approval.needed", "M1"), ("approval.needed", "m1"), ("change.announced", "M1"), ("change.announced", "m1"),
        ("signoff.asked", "M1"),
    ]  # fmt: skip


def test_a_release_and_its_rollback_are_told_once_each(store: Store) -> None:
    seed(store, "m1")
    apply(store)
    before = told(store)
    for state in ("running", "done", "done", "rolled_back"):
        stages.report(store, OPERATOR, NOW, "m1", stage="deploy", state=state)
    assert new(store, before) == [("change.released", "m1"), ("change.rolled_back", "m1")]


def test_a_freeze_is_told_when_it_is_added_and_not_when_it_stays(store: Store) -> None:
    seed(store, "m1")
    apply(store)
    before = told(store)
    apply(store, freezes=[freeze("closing", "2027-01-04")])
    apply(store, NOW, freezes=[freeze("closing", "2027-01-04"), freeze("past", "2026-01-04")])
    assert [kind for kind, _ in new(store, before)] == ["freeze.added"]


def test_a_pipeline_that_asks_the_gate_again_and_again_is_told_of_once_a_day(store: Store) -> None:
    seed(store, "m1")
    apply(store)
    before = told(store)
    for minutes in range(20):
        asked = [gate.Asked("pricing", "prod", "m1")]
        assert gate.ask(store, OPERATOR, NOW + timedelta(minutes=minutes), asked).decision.decision == "deny"
    assert new(store, before) == [("gate.denied", "m1")]
    gate.ask(store, OPERATOR, NOW + timedelta(days=1), [gate.Asked("pricing", "prod", "m1")])
    assert len(new(store, before)) == 2


@pytest.mark.acceptance("SCH-A8")
def test_break_glass_is_told_when_it_is_asked_for_and_when_it_is_given(store: Store) -> None:
    seed(store, "m1")
    apply(store)
    who = [
        people.add(store, OPERATOR, NOW, name=name, login=name, grants=(people.Grant(role),)).login
        for name, role in (("eve", Role.ENGINEER), ("ben", Role.RELEASE_MANAGER), ("mia", Role.RELEASE_MANAGER))
    ]
    eve, ben = (actors.by_login(store, str(login), NOW) for login in who[:2])
    before = told(store)
    asked = breakglass.request(
        store, eve, NOW, change="m1", environment="prod", blockers=[Blocker("outside_window")],
        reason="The shop is down.", ticket="OPS-1", minutes=60,
    )  # fmt: skip
    breakglass.decide(store, ben, NOW, asked.id, grant=True)
    assert [one for one in new(store, before) if one[0].startswith("break_glass")] == [
        ("break_glass.asked", "m1"), ("break_glass.used", "m1"),
    ]  # fmt: skip


@pytest.mark.acceptance("SCH-C5")
def test_the_owner_of_a_change_is_told_when_what_it_needs_is_withdrawn(store: Store) -> None:
    seed(store, "m1 m2")
    with store.write() as session:
        session.add(DependencyRow(change_id="m2", needs_id="m1", made_by="x", made_at=NOW))
    apply(store)
    with store.read() as session:
        assert session.get_one(Change, "m2").state in {"announced", "approved"}
    before = told(store)
    placing.withdraw(store, OPERATOR, NOW, "m1", reason="Not needed any more.")
    assert ("dependency.withdrawn", "m2") in new(store, before)
    assert ("change.moved", "m1") in new(store, before), "it left its window"


def test_a_job_that_is_dead_is_told(store: Store) -> None:
    made = jobs.enqueue(store, OPERATOR, NOW, "refresh", "r_1")
    for _ in range(5):
        jobs.begin(store, NOW, made)
        if jobs.fail(store, NOW, made, "broken", passing=False) == "dead":
            break
        with store.write() as session:
            session.get_one(Job, made).state, session.get_one(Job, made).attempts = "queued", 4
    assert [kind for kind, _ in told(store)] == ["job.dead"]
