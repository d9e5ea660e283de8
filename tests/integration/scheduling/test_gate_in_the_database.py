"""The gate, leases and stages over what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from release_mgmt.core.approvals import Blocker, Verdict
from release_mgmt.core.errors import Conflict, InvalidInput, NotFound
from release_mgmt.core.gate import Decision
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Role, Via
from release_mgmt.services import (
    actors,
    approvals,
    breakglass,
    calendars,
    gate,
    leases,
    people,
    placing,
    plans,
    repositories,
    stages,
    windows,
)
from release_mgmt.services.gate import Asked
from release_mgmt.store.models.messages import MessageEvent
from release_mgmt.store.models.repositories import Change, Release, Repository
from release_mgmt.store.models.scheduling import ChangeTerms, DependencyRow, GateDecisionRow, PlanRow
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, document, freeze, in_conflict, seed, where
from tests.integration.scheduling.test_edits_at_once import at_once

IN_W1 = at("2026-11-24T18:00")
SERIES = document()["series"]


@pytest.fixture(name="planned")
def _planned(one_store: Store) -> Store:
    seed(one_store)
    apply(one_store)
    return one_store


def codes(store: Store, change: str, when=IN_W1, environment: str = "prod", **more) -> list[str]:
    found = gate.ask(store, OPERATOR, NOW, [Asked("pricing", environment, change, **more)], at=when)
    return [each.code for each in found.decision.reasons]


def test_a_change_goes_in_its_window(planned: Store):
    assert codes(planned, "m1") == []
    assert codes(planned, "m1", at("2026-11-24T21:00")) == ["outside_window"]
    assert codes(planned, "M1")[0] == "not_its_window"


@pytest.mark.acceptance("SCH-G8")
def test_every_decision_is_kept_and_changes_nothing_in_the_plan(planned: Store):
    with planned.read() as session:
        before = session.scalar(select(func.count()).select_from(PlanRow))
    for _ in range(100):
        gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prod", "m1")])
    with planned.write() as session:
        assert session.scalar(select(func.count()).select_from(GateDecisionRow)) == 100
        assert session.scalar(select(func.count()).select_from(PlanRow)) == before
        gate.forget_before(session, NOW + timedelta(days=200))
        assert session.scalar(select(func.count()).select_from(GateDecisionRow)) == 0


@pytest.mark.acceptance("SCH-C6")
def test_a_dependent_waits_until_its_dependency_is_reported_done(one_store: Store):
    seed(one_store)
    with one_store.write() as session:
        session.add(DependencyRow(change_id="m2", needs_id="m1", made_by="p", made_at=NOW))
    apply(one_store)
    assert codes(one_store, "m2") == ["dependency_not_done"]
    stages.report(one_store, OPERATOR, IN_W1, "m1", stage="deploy", state="running", done=3, total=10)
    assert codes(one_store, "m2") == ["dependency_not_done"]
    stages.report(one_store, OPERATOR, IN_W1, "m1", stage="deploy", state="done", done=10, total=10)
    assert codes(one_store, "m2") == []
    with one_store.read() as session:
        assert session.get(Change, "m1").state == "released"
    stages.report(one_store, OPERATOR, IN_W1, "m1", stage="deploy", state="rolled_back")
    assert codes(one_store, "m2") == ["dependency_not_done"]


@pytest.mark.acceptance("SCH-G5")
def test_another_commit_than_the_one_looked_at_is_stale(planned: Store):
    assert codes(planned, "m1", sha=f"{0:040x}") == []
    assert codes(planned, "m1", sha="deadbeef") == ["stale_approval"]
    found = gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prod", sha=f"{1:040x}")], at=IN_W1)
    assert [each.change for each in found.targets] == ["m2"]
    with pytest.raises(NotFound):
        gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prod", sha="deadbeef")])


@pytest.mark.acceptance("SCH-G3")
def test_a_scope_without_windows_has_the_calendars_own_answer(planned: Store):
    def asked() -> str:
        return gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "staging")]).decision.decision

    assert asked() == "deny"
    policy = document()["policy"] | {"unscheduled": "open"}
    apply(planned, policy=policy)
    assert asked() == "allow"
    with pytest.raises(InvalidInput):
        gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prodd")])


@pytest.mark.acceptance("SCH-F7")
@pytest.mark.acceptance("SCH-F6")
def test_a_freeze_that_came_later_denies_at_run_time(planned: Store):
    assert codes(planned, "m1") == []
    inside = at("2026-11-23T20:00")  # the notice is over, so the change stays and is flagged
    item = freeze("F", "2026-11-24")
    calendars.edit(planned, OPERATOR, inside, "releases", "freezes", item, identity="F")
    assert codes(planned, "m1") == ["freeze"]
    assert {each.id for each in in_conflict(planned)} >= {"m1"}
    calendars.edit(planned, OPERATOR, inside, "releases", "freezes", item | {"hard": False}, identity="F")
    found = gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prod", "m1")], at=IN_W1)
    assert found.decision.decision == "warn"


@pytest.mark.acceptance("SCH-F8")
@pytest.mark.parametrize("overrun", ["allow", "deny"])
def test_a_running_lease_may_go_on_into_a_freeze_only_where_the_freeze_lets_it(one_store: Store, overrun: str):
    seed(one_store)
    late = [{**SERIES[0], "end": "2026-11-25T00:00"}]
    stop = {"id": "F", "start": "2026-11-24T22:00", "end": "2026-11-26T00:00", "overrun": overrun}
    apply(one_store, series=late, freezes=[stop])
    lease = leases.take(one_store, OPERATOR, at("2026-11-24T20:50"), change="m1", environment="prod", minutes=15)
    frozen = at("2026-11-24T21:00")
    if overrun == "allow":
        renewed = leases.renew(one_store, OPERATOR, frozen, lease.id)
        assert renewed.expires_at == at("2026-11-24T21:15")
    else:
        with pytest.raises(Conflict):
            leases.renew(one_store, OPERATOR, frozen, lease.id)
    with pytest.raises(Conflict):
        leases.take(one_store, OPERATOR, frozen, change="m2", environment="prod")
    assert leases.release(one_store, OPERATOR, frozen, lease.id).released_at == frozen
    with pytest.raises(Conflict):
        leases.renew(one_store, OPERATOR, frozen, lease.id)


@pytest.mark.acceptance("SCH-C7")
def test_production_takes_what_was_accepted_on_staging_and_soaked(one_store: Store):
    seed(one_store, "m1")
    policy = document()["policy"] | {
        "promotions": [{"environment": "prod", "after": "staging", "soak": "PT24H"}], "needs_accepted": True
    }  # fmt: skip
    apply(one_store, policy=policy)
    assert [each.reasons[0]["code"] for each in windows.deferred(one_store, OPERATOR)] == ["not_ready"]
    when = at("2026-12-01T18:00")
    stages.report(one_store, OPERATOR, when, "m1", stage="stage", environment="staging", state="done")
    stages.report(one_store, OPERATOR, when, "m1", stage="accept", environment="staging", state="done")
    plans.replan(one_store, OPERATOR, when, "releases")
    assert windows.of_change(one_store, OPERATOR, "m1")[0].window == "w@2026-12-08T18:00"
    assert list(stages.latest(stages.of_change(one_store, OPERATOR, "m1"))) == ["stage", "accept"]


def test_a_report_must_make_sense(planned: Store):
    for more in ({"stage": "deploi"}, {"state": "done", "done": 1, "total": 2}, {"done": 3}, {"done": 3, "total": 2}):
        with pytest.raises(InvalidInput):
            stages.report(planned, OPERATOR, NOW, "m1", **{"stage": "deploy", "state": "running"} | more)


def test_the_minor_lane_needs_no_window_and_no_vote(one_store: Store):
    seed(one_store)
    policy = document()["policy"] | {
        "minor_lane": {"approved_in_advance": True}, "approvals": {"minor": {"release_managers": 1}}
    }  # fmt: skip
    apply(one_store, policy=policy, freezes=[freeze("F", "2026-11-26")])
    assert codes(one_store, "m6", at("2026-11-25T03:00")) == []
    assert codes(one_store, "m6", at("2026-11-26T03:00")) == ["freeze"]
    assert "outside_window" in codes(one_store, "M1", at("2026-11-25T03:00"))


@pytest.mark.acceptance("SCH-G4")
def test_a_missing_approval_is_told_beside_the_rest(one_store: Store):
    seed(one_store, "m1")
    policy = document()["policy"] | {"approvals": {"minor": {"release_managers": 1}}}
    apply(one_store, policy=policy, freezes=[freeze("F", "2026-11-23")])
    assert codes(one_store, "m1", at("2026-11-23T12:00")) == ["freeze", "outside_window", "missing_approval"]


@pytest.mark.acceptance("SCH-C7")
def test_the_soak_binds_the_minor_lane_too_and_ends_by_itself(one_store: Store):
    seed(one_store, "m1")
    policy = document()["policy"] | {
        "promotions": [{"environment": "prod", "after": "staging", "soak": "PT24H"}],
        "minor_lane": {"approved_in_advance": True},
    }
    apply(one_store, policy=policy)
    passed, over = at("2026-12-01T18:00"), at("2026-12-02T18:00")
    assert codes(one_store, "m1", passed) == ["not_ready"]
    stages.report(one_store, OPERATOR, passed, "m1", stage="stage", environment="staging", state="done")
    asked = gate.ask(one_store, OPERATOR, passed, [Asked("pricing", "prod", "m1")]).decision
    assert [(each.code, each.ref, each.until) for each in asked.reasons] == [("not_ready", "staging", over)]
    assert (asked.decision, asked.next_allow, asked.next_transition) == ("deny", over, over)
    assert codes(one_store, "m1", over - timedelta(seconds=1)) == ["not_ready"]
    assert codes(one_store, "m1", over) == []
    stages.report(one_store, OPERATOR, over, "m1", stage="stage", environment="staging", state="failed")
    assert codes(one_store, "m1", over) == ["not_ready"]


def tag(store: Store, name: str, sha: str, changes: list[str], package: str | None = None) -> None:
    with store.write() as session:
        session.add(
            Release(
                id=name, repository_id="r_pricing", version=name, package=package, tag=name, sha=sha,
                released_at=NOW, position=0,
            )
        )  # fmt: skip
        session.flush()
        for change in changes:
            session.get_one(Change, change).release_id = name


@pytest.mark.acceptance("SCH-G2")
def test_a_release_is_asked_about_whole_however_large(one_store: Store):
    names = [f"m{number:03}" for number in range(70)]
    seed(one_store, " ".join(names))
    apply(one_store, policy={"default": "open", "approvals": document()["policy"]["approvals"]}, series=[])
    with one_store.write() as session:
        session.get_one(Change, "m069").state = "withdrawn"
    tag(one_store, "1.0", "a" * 40, names)
    found = gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "prod", sha="aaaaaaa")])
    assert (len(found.targets), found.decision.decision) == (70, "deny")
    assert [(each.code, each.ref) for each in found.decision.reasons] == [("withdrawn", "m069")]


def test_packages_released_together_are_asked_about_together_and_a_short_id_may_name_several(planned: Store):
    tag(planned, "a-1.0", "a" * 40, ["m1"], "a")
    tag(planned, "b-1.0", "a" * 40, ["M1"], "b")
    tag(planned, "b-1.1", "a" * 39 + "b", ["m2"], "b")
    found = gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prod", sha="a" * 40)], at=IN_W1)
    assert [each.change for each in found.targets] == ["M1", "m1"]
    assert [each.decision for each in found.decision.answers] == ["deny", "allow"]
    with pytest.raises(InvalidInput):
        gate.ask(planned, OPERATOR, NOW, [Asked("pricing", "prod", sha="aaaaaaa")])


@pytest.mark.acceptance("SCH-G2")
@pytest.mark.parametrize("when", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_an_instant_beyond_every_calendar_is_refused(planned: Store, when: str):
    with pytest.raises(InvalidInput) as refused:
        codes(planned, "m1", at(when))
    assert [each.path for each in refused.value.errors] == ["at"]


def test_a_release_that_is_out_may_be_asked_about_again(planned: Store):
    tag(planned, "1.0", "a" * 40, ["m1", "m2"])
    stages.report(planned, OPERATOR, IN_W1, "m1", stage="deploy", state="done")
    asked = [Asked("pricing", "prod", sha="a" * 40)]
    assert [each.change for each in gate.ask(planned, OPERATOR, IN_W1, asked).targets] == ["m2"]
    stages.report(planned, OPERATOR, IN_W1, "m2", stage="deploy", state="done")
    again = gate.ask(planned, OPERATOR, IN_W1, asked)
    assert ([each.change for each in again.targets], again.decision.decision) == (["m1", "m2"], "allow")


FIXES = {"id": "fix", "start": "2026-11-26T06:00", "end": "2026-11-26T08:00", "rrule": "FREQ=WEEKLY;BYDAY=TH"}


def test_what_a_series_asks_for_decides_where_a_change_goes_and_what_the_gate_says(one_store: Store):
    seed(one_store, "m1 m2")
    soak = [{"environment": "prod", "after": "staging", "soak": "PT24H"}]
    apply(one_store, series=[{**SERIES[0], "promotions": soak, "needs_accepted": True}, FIXES])
    assert {each.window for each in windows.of_change(one_store, OPERATOR, "m1")} == {"fix@2026-11-26T06:00"}
    # In the window of a series without such rules nothing is missing.
    assert codes(one_store, "m1", at("2026-11-26T05:30")) == []
    moved = placing.move(one_store, OPERATOR, NOW, "m1", "w@2026-12-01T18:00", reason="together", override=True)
    assert "not_ready" in {each.code for each in moved.checks}
    asked = gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "prod", "m1")], at=at("2026-12-01T17:30"))
    assert [(each.code, each.ref) for each in asked.decision.reasons] == [
        ("not_ready", "accept"),
        ("not_ready", "staging"),
    ]


def test_a_change_without_a_window_must_meet_what_every_series_asks_for(one_store: Store):
    seed(one_store, "m1")
    lane = {"minor_lane": {"approved_in_advance": True}}
    apply(one_store, series=[{**SERIES[0], **lane, "needs_accepted": True}])
    assert codes(one_store, "m1", at("2026-11-25T03:00")) == ["not_ready"]
    stages.report(one_store, OPERATOR, NOW, "m1", stage="accept", environment="staging", state="done")
    plans.replan(one_store, OPERATOR, NOW, "releases")
    assert codes(one_store, "m1", at("2026-11-25T03:00")) == []


def test_the_lane_of_a_series_ships_and_is_shown(one_store: Store):
    seed(one_store, "m1")
    apply(one_store, series=[{**SERIES[0], "minor_lane": {"approved_in_advance": True}}])
    shipped = at("2026-11-23T10:15")
    stages.report(one_store, OPERATOR, shipped, "m1", stage="deploy", state="done")
    assert {each.window for each in windows.of_change(one_store, OPERATOR, "m1")} == {"minor_lane@2026-11-23T10:15Z"}


@pytest.mark.acceptance("SCH-F5")
def test_a_freeze_follows_the_repository_that_it_names_to_its_new_name(planned: Store):
    """A renamed repository would otherwise be free of a freeze that nobody took away."""
    scope = {"repositories": ["pricing", "pri*"], "except": {"repositories": ["x", "pricing"]}}
    with planned.write() as session:
        session.add(
            Repository(id="r_x", name="x", location="/srv/x", adopted_at=NOW, created_at=NOW, updated_at=NOW)
        )  # fmt: skip
    held = freeze("F1", "2026-12-01", scope={"repositories": ["pricing"]})
    apply(planned, freezes=[held, freeze("F2", "2026-12-08", scope=scope)])
    before = where(planned)
    repositories.edit(planned, OPERATOR, NOW, "pricing", version=None, values={"name": "prices"})
    asked = gate.ask(planned, OPERATOR, NOW, [Asked("prices", "prod")], at=at("2026-12-01T12:00"))
    assert asked.decision.blocked_by == ("F1",)
    found = calendars.get(planned, OPERATOR, "releases").document["freezes"]
    assert [each["scope"] for each in found] == [
        {"repositories": ["prices"]},
        {"repositories": ["prices", "pri*"], "except": {"repositories": ["x", "prices"]}},
    ]
    plans.replan(planned, OPERATOR, NOW, "releases")
    assert where(planned) == before
    assert [each.version for each in calendars.versions(planned, OPERATOR, "releases")] == [3, 2, 1]


@pytest.mark.acceptance("SCH-G1")
def test_a_change_is_told_of_its_own_window_however_far_it_is_from_the_instant(one_store: Store):
    """Asked two years before, or long after: it has a window, and it is that one that is named."""
    seed(one_store, "m1 m2")
    with one_store.write() as session:
        session.add(ChangeTerms(change_id="m2", earliest=at("2028-05-01T00:00"), updated_at=NOW, version=1))
    apply(one_store, horizon_days=1000)
    far, near = "w@2028-05-02T18:00", "w@2026-11-24T18:00"

    def asked(change: str, when: datetime) -> Decision:
        return gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "prod", change)], at=when).decision

    for change, window, when, code in (
        ("m2", far, NOW, "outside_window"),
        ("m2", far, IN_W1, "not_its_window"),
        ("m1", near, at("2028-05-02T17:00"), "not_its_window"),
        ("m1", near, at("2028-05-02T07:00"), "outside_window"),
    ):
        found = asked(change, when)
        assert [(each.code, each.ref) for each in found.reasons] == [(code, window)]
        assert window in found.reasons[0].message
        assert found.next_allow == (at("2028-05-02T16:00") if change == "m2" else None)
    assert asked("m2", at("2028-05-02T16:00")).decision == "allow"


@pytest.mark.acceptance("SCH-F3")
def test_the_next_window_of_a_rare_series_is_known_with_the_freezes_before_it(one_store: Store):
    seed(one_store, "m1")
    leap = {"id": "leap", "start": "2028-02-29T18:00", "end": "2028-02-29T22:00", "environments": ["staging"],
            "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"}  # fmt: skip
    apply(one_store, series=[*SERIES, leap])

    def following() -> tuple[str, datetime | None]:
        found = gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "staging")]).decision
        return found.reasons[0].ref, found.next_allow

    assert following() == ("leap@2028-02-29T18:00", at("2028-02-29T17:00"))
    apply(one_store, series=[*SERIES, leap], freezes=[freeze("F", "2028-02-29")])
    assert following() == ("leap@2028-02-29T18:00", at("2032-02-29T17:00"))


@pytest.mark.acceptance("SCH-F3")
def test_the_next_window_after_a_freeze_of_years_is_known(one_store: Store):
    seed(one_store, "m1")
    apply(one_store, freezes=[freeze("F", "2026-11-01", "2028-10-31"), freeze("G", "2028-11-01", "2028-11-13")])
    found = gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "prod")]).decision
    assert found.next_transition == at("2028-11-13T23:00")
    assert found.next_allow == at("2028-11-14T17:00")


@pytest.mark.acceptance("SCH-G8")
def test_pipelines_that_ask_at_the_same_moment_are_all_answered(store: Store):
    """The Owner is told once of what is denied; whose message that is decides no answer."""
    seed(store, "m1")
    apply(store)
    asked = [Asked("pricing", "prod", "m1")]
    answers = at_once(*[lambda: gate.ask(store, OPERATOR, NOW, asked).decision.decision] * 8)
    assert answers == ["deny"] * 8
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(GateDecisionRow)) == 8
        denied = select(func.count()).select_from(MessageEvent).where(MessageEvent.kind == Kind.GATE_DENIED.value)
        assert session.scalar(denied) == 1


@pytest.mark.acceptance("SCH-A8")
def test_glass_can_be_broken_wherever_the_gate_denies(planned: Store):
    """Also where the plan places nothing (staging here), by the only calendar there is: the one that the gate asks."""
    assert codes(planned, "m1", environment="staging") == ["outside_window"]
    person = people.add(planned, OPERATOR, NOW, name="E", login="e", grants=(people.Grant(Role.ENGINEER),))
    asked = breakglass.request(
        planned, actors.by_login(planned, "e", NOW, via=Via.CLI), NOW, change="m1", environment="staging",
        blockers=[Blocker("outside_window")], reason="Prices are wrong", ticket="OPS-1",
    )  # fmt: skip
    assert (asked.calendar, asked.requested_by) == ("releases", person.id)


@pytest.mark.acceptance("SCH-F8")
def test_a_lease_goes_on_into_a_lenient_freeze_where_the_plan_places_nothing(one_store: Store):
    seed(one_store, "m1")
    stop = {"id": "F", "start": "2026-11-24T22:00", "end": "2026-11-26T00:00", "overrun": "allow"}
    apply(one_store, freezes=[stop], policy=document()["policy"] | {"unscheduled": "open"})
    lease = leases.take(one_store, OPERATOR, at("2026-11-24T20:50"), change="m1", environment="staging")
    renewed = leases.renew(one_store, OPERATOR, at("2026-11-24T21:00"), lease.id)
    assert renewed.expires_at == at("2026-11-24T21:15")


@pytest.mark.acceptance("SCH-A5")
@pytest.mark.acceptance("SCH-G7")
def test_the_gate_knows_when_votes_will_expire(one_store: Store):
    """An answer holds no longer than the votes it counts, and a window that they do not reach is no time to go."""
    seed(one_store, "m1 m2")
    apply(one_store, policy=document()["policy"] | {"approvals": {"minor": {"release_managers": 1}, "expire_days": 4}})
    managers = (people.Grant(Role.RELEASE_MANAGER, "releases"),)
    for login in "abcd":
        people.add(one_store, OPERATOR, NOW, name=login, login=login, grants=managers)

    def vote(login: str, change: str, when: datetime) -> None:
        voter = actors.by_login(one_store, login, when, via=Via.CLI)
        approvals.vote(one_store, voter, when, change, "prod", Verdict.APPROVE)

    def ask(change: str, when: datetime | None) -> Decision:
        return gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "prod", change)], at=when).decision

    in_window, over = at("2026-11-24T18:00"), at("2026-11-24T21:00")
    for login in "ab":  # two: who wrote it is not known
        vote(login, "m1", in_window - timedelta(days=4))
        vote(login, "m2", NOW)
    allowed = ask("m1", at("2026-11-24T17:00"))
    assert (allowed.decision, allowed.valid_until, allowed.next_transition) == ("allow", in_window, in_window)
    [reason] = ask("m1", in_window).reasons
    assert (reason.code, "the vote expired" in reason.message) == ("stale_approval", True)
    assert (ask("m2", None).next_slot, ask("m2", None).next_allow) == (IN_W1 - timedelta(hours=1), None)
    for login in "cd":  # votes that are left fill the place
        vote(login, "m1", in_window - timedelta(days=3))
    assert ask("m1", in_window).valid_until == over
