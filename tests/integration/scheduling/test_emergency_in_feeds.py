"""What everybody's calendar says of a change that goes by break-glass, and what is planned by it while it holds."""

from __future__ import annotations

from datetime import timedelta

import icalendar
import pytest

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Actor, Role, Via
from release_mgmt.services import actors, breakglass, feeds, gate, people, placing, plans, stages
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, seed

HOUR = timedelta(hours=1)


def managers(store: Store) -> list[Actor]:
    """Three release managers."""
    found = []
    for login in ("m1", "m2", "m3"):
        grants = (people.Grant(Role.RELEASE_MANAGER, "releases"),)
        key = people.add(store, OPERATOR, NOW, name=login, login=login, grants=grants).id
        with store.read() as session:
            found.append(actors.load(session, people.find(session, key, active=True), NOW, via=Via.SESSION))
    return found


def asked(store: Store, by: Actor, change: str = "M1") -> str:
    """A permission asked for, by its id."""
    named = [Blocker("outside_window"), Blocker("missing_approval")]
    return breakglass.request(
        store, by, NOW, change=change, environment="prod", blockers=named, reason="Prices are wrong", ticket="OPS-1",
        minutes=120,
    ).id  # fmt: skip


def marks(store: Store, audience: str) -> int:
    """How many windows a feed tells as emergencies."""
    made = feeds.create(store, OPERATOR, NOW, name="All", audience=audience)
    answer = feeds.Feeds(store, "https://releases.example").answer(str(made.token), "calendar.ics", 1, NOW)
    assert answer is not None
    events = icalendar.Calendar.from_ical(answer.body).walk("VEVENT")
    assert len(events) > 1
    found = 0
    for one in events:
        mark = "EMERGENCY" in [str(each) for each in one["CATEGORIES"].cats]
        assert str(one["SUMMARY"]).startswith("Emergency: ") is mark
        found += mark
    return found


@pytest.mark.acceptance("SCH-A8")
@pytest.mark.parametrize("audience", ["business", "engineering"])
def test_a_granted_break_glass_is_an_emergency_in_the_feeds(one_store: Store, audience: str) -> None:
    """At once on granting, not on asking; and only the window that holds the change."""
    seed(one_store)
    apply(one_store)
    one, two, _ = managers(one_store)
    key = asked(one_store, one)
    assert marks(one_store, audience) == 0
    breakglass.decide(one_store, two, NOW, key, grant=True)
    assert marks(one_store, audience) == 1


@pytest.mark.acceptance("SCH-A8")
@pytest.mark.parametrize("deployed", [None, HOUR, 3 * HOUR])
def test_an_emergency_ends_with_its_permission_and_a_deploy_by_it_stays_told(
    store: Store, deployed: timedelta | None
) -> None:
    """After two hours nothing is decided by it any more; only what went out within them is told as one for good."""
    seed(store)
    apply(store)
    one, two, _ = managers(store)
    breakglass.decide(store, two, NOW, asked(store, one), grant=True)
    if deployed is not None:
        stages.report(store, OPERATOR, NOW + deployed, "M1", stage="deploy", state="done")
    plans.replan(store, OPERATOR, NOW + 119 * HOUR / 60, "releases")
    assert marks(store, "engineering") == 1
    plans.replan(store, OPERATOR, NOW + 2 * HOUR, "releases")
    assert marks(store, "engineering") == (deployed == HOUR)


@pytest.mark.acceptance("SCH-A8")
@pytest.mark.parametrize("reviewed", [False, True])
def test_notice_is_asked_for_again_when_a_permission_is_over_or_reviewed(one_store: Store, reviewed: bool) -> None:
    """A major needs five days of notice; the next window is nearer. The record of the permission stays."""
    seed(one_store, "m1 M1")
    apply(one_store)
    one, two, three = managers(one_store)
    near = "w@2026-11-24T18:00"

    def objected(at: timedelta) -> set[str]:
        try:
            moved = placing.move(one_store, OPERATOR, NOW + at, "M1", near, reason="try", dry_run=True)
        except Conflict as refused:
            return {each["code"] for each in refused.details["checks"]}
        return {each.code for each in moved.checks}

    assert "notice" in objected(timedelta())
    key = asked(one_store, one)
    breakglass.decide(one_store, two, NOW, key, grant=True)
    assert "notice" not in objected(HOUR)

    def denied(at: timedelta) -> set[str]:
        found = gate.ask(one_store, OPERATOR, NOW + at, [gate.Asked("pricing", "prod", "M1")]).decision
        return {each.code for each in found.reasons} if found.decision == "deny" else set()

    assert denied(HOUR) == set()
    if reviewed:
        breakglass.review(one_store, three, NOW + HOUR, key, note="Done by hand instead.")
    over = HOUR if reviewed else 2 * HOUR
    assert "notice" in objected(over)
    assert "override_expired" in denied(over)
    kept = breakglass.get(one_store, one, NOW + over, key)
    assert (kept.state, kept.reason, kept.decided_by) == (
        "reviewed" if reviewed else "over", "Prices are wrong", two.person
    )  # fmt: skip
