"""A repository kept for its teams does not exist for others: not in lists, counts, searches, windows or by its id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from release_mgmt.bootstrap import create_app
from release_mgmt.core.approvals import Blocker
from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.core.permissions import Actor, Role, Via, trusted
from release_mgmt.services import (
    approvals,
    audit,
    breakglass,
    changes,
    gate,
    jobs,
    plans,
    releases,
    repositories,
    terms,
    visibility,
    window_votes,
    windows,
)
from release_mgmt.services.changes import Filter
from release_mgmt.settings import Settings
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.jobs import Job
from release_mgmt.store.models.publishing import PublicationRow
from release_mgmt.store.models.repositories import Change, Release, Repository
from release_mgmt.store.models.scheduling import CalendarRow, DependencyRow, PlacementRow, PlanRow, WindowRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as

OPERATOR = trusted("tests", Via.CLI)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = NOW + timedelta(days=4)


@pytest.fixture
def world(store: Store) -> Store:
    """An open and a kept repository with one change each, both in one window; the kept one affects the team fraud."""
    document = {"calendar": "Pricing", "time_zone": "UTC",
                "series": [{"id": "w", "start": "2026-11-24T12:00", "end": "2026-11-24T14:00"}]}  # fmt: skip
    with store.write() as session:
        session.add(
            CalendarRow(
                id="c", slug="pricing", name="Pricing", time_zone="UTC", document=document, created_at=NOW,
                updated_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            WindowRow(
                calendar_id="c", key="w@x", series="w", original_start="x", title="", starts_at=START,
                ends_at=START + timedelta(hours=2), state="planned", points=4, used=4, majors=1,
            )
        )  # fmt: skip
        for name, settings in [("open", {}), ("kept", {"teams_only": True})]:
            session.add(
                Repository(
                    id=name, name=name, location="/nowhere", adopted_at=NOW, created_at=NOW, updated_at=NOW,
                    calendar="pricing", owner_team="secret", settings=settings,
                )
            )  # fmt: skip
            session.flush()
            session.add(Release(id=name, repository_id=name, version="1.0", tag="v1.0", sha="s", position=0))
            session.add(
                Change(
                    id=f"{name}-1", repository_id=name, key="1", title=f"Of {name}", state="announced",
                    level="major" if name == "kept" else "minor", happened_at=NOW, created_at=NOW,
                    updated_at=NOW, affected_teams=["fraud"],
                )
            )  # fmt: skip
            session.flush()
            session.add(
                PlacementRow(
                    change_id=f"{name}-1", environment="prod", calendar_id="c", window="w@x", starts_at=START,
                    ends_at=START, why="first_fit", updated_at=NOW,
                )
            )  # fmt: skip
    return store


def somebody(*teams: str, role: Role = Role.ENGINEER, calendars: tuple[str, ...] = ()) -> Actor:
    return Actor("p_1", "Ada", frozenset({role}), frozenset(calendars), teams=frozenset(teams), via=Via.SESSION)


INSIDE = [
    somebody("secret"),
    somebody("fraud"),
    somebody(role=Role.ADMINISTRATOR),
    somebody(role=Role.RELEASE_MANAGER, calendars=("pricing",)),
]
OUTSIDE = [somebody(), somebody("risk"), somebody(role=Role.RELEASE_MANAGER, calendars=("risk",))]


def listed(store: Store, actor: Actor) -> set[str]:
    return {one.id for one in changes.search(store, actor).items}


@pytest.fixture
def leaning(world: Store) -> Store:
    """The open change needs the kept one first."""
    with world.write() as session:
        session.add(DependencyRow(change_id="open-1", needs_id="kept-1", made_by="m", made_at=NOW))
    return world


@pytest.mark.parametrize("actor", INSIDE)
def test_whom_it_concerns_is_told_by_the_gate_what_is_needed_first(leaning: Store, actor: Actor) -> None:
    told = gate.peek(leaning, actor, NOW, gate.Asked("open", "prod", "open-1")).decision
    assert ("kept-1", "It needs “Of kept” first.") in [(one.ref, one.message) for one in told.reasons]
    assert "kept-1" in told.blocked_by
    assert terms.needs_of(leaning, actor, "open-1") == ("kept-1",)


@pytest.mark.parametrize("actor", OUTSIDE)
def test_others_are_told_by_the_gate_that_something_is_needed_first_and_not_what(leaning: Store, actor: Actor) -> None:
    asked = gate.Asked("open", "prod", "open-1")
    for told in (
        gate.peek(leaning, actor, NOW, asked).decision,
        gate.ask(leaning, actor, NOW, [asked]).decision,
        gate.ask(leaning, actor, NOW, [asked, asked]).decision,
    ):
        assert told.decision == "deny"
        assert "It needs another change first." in [one.message for one in told.reasons]
        assert "kept" not in repr(told)
    assert terms.needs_of(leaning, actor, "open-1") == ()
    assert terms.terms(leaning, actor, "open-1").depends_on == ()


def test_an_edit_by_somebody_who_does_not_know_of_it_keeps_what_is_needed_first(leaning: Store) -> None:
    stranger, insider = somebody(), somebody("fraud")
    assert terms.put_terms(leaning, stranger, NOW, "open-1", depends_on=[]).depends_on == ()
    assert terms.needs_of(leaning, insider, "open-1") == ("kept-1",), "what nobody told is not taken away either"
    with pytest.raises(InvalidInput, match="is no other change"):
        terms.put_terms(leaning, stranger, NOW, "open-1", depends_on=["kept-1"])
    assert terms.put_terms(leaning, insider, NOW, "open-1", depends_on=[]).depends_on == ()
    assert terms.needs_of(leaning, insider, "open-1") == ()


@pytest.mark.parametrize("actor", [OUTSIDE[1], INSIDE[0]])
def test_the_jobs_of_a_kept_repository_are_those_of_its_teams(world: Store, actor: Actor) -> None:
    made = {name: jobs.enqueue(world, OPERATOR, NOW, "refresh", name) for name in ("open", "kept", "nightly")}
    seen = {"open", "kept", "nightly"} if "secret" in actor.teams else {"open", "nightly"}
    assert {one.subject for one in jobs.search(world, actor).items} == seen
    if "kept" not in seen:
        with pytest.raises(NotFound):
            jobs.get(world, actor, made["kept"])
        with pytest.raises(NotFound, match="There is no such repository"):
            jobs.search(world, actor, repository="kept")


@pytest.mark.parametrize("actor", INSIDE)
def test_whom_it_concerns_sees_the_change(world: Store, actor: Actor) -> None:
    assert listed(world, actor) == {"open-1", "kept-1"}
    assert changes.get(world, actor, "kept-1").change.title == "Of kept"
    found = windows.detail(world, actor, "pricing", "w@x")
    assert (len(found.changes), found.used, found.majors) == (2, 4, 1)
    assert set(window_votes.statuses(world, actor, NOW, "pricing", "w@x")) == {"open-1/prod", "kept-1/prod"}


@pytest.mark.parametrize("actor", OUTSIDE)
def test_to_others_nothing_of_it_exists(world: Store, actor: Actor) -> None:
    assert listed(world, actor) == {"open-1"}
    assert changes.search(world, actor, Filter(text="kept")).items == ()
    assert [one.name for one in repositories.search(world, actor).items] == ["open"]
    window = windows.detail(world, actor, "pricing", "w@x")
    assert ([one.id for one in window.changes], window.used, window.majors) == (["open-1"], 1, 0)
    assert set(window_votes.statuses(world, actor, NOW, "pricing", "w@x")) == {"open-1/prod"}
    assert list(window_votes.view(world, actor, NOW, "pricing", "w@x")[0]) == ["open-1/prod"]
    assert windows.of_change(world, actor, "kept-1") == []
    for ask in (
        lambda: changes.get(world, actor, "kept-1"),
        lambda: repositories.get(world, actor, "kept"),
        lambda: changes.search(world, actor, Filter(repository="kept")),
        lambda: releases.of_repository(world, actor, "kept"),
        lambda: releases.get(world, actor, "kept", "1.0"),
        lambda: approvals.view(world, actor, NOW, "kept-1", "prod"),
    ):
        with pytest.raises(NotFound) as found:
            ask()
        assert "kept" not in found.value.message


@pytest.mark.parametrize(("actor", "sees"), [(somebody("fraud"), True), (somebody("risk"), False)])
def test_a_window_that_holds_only_what_is_hidden_is_an_empty_one(world: Store, actor: Actor, sees: bool) -> None:
    """In its counts, in lists that leave empty windows out, and in the plan's document."""
    with world.write() as session:
        session.execute(delete(PlacementRow).where(PlacementRow.change_id == "open-1"))
    assert [one.used for one in windows.upcoming(world, actor, NOW)] == [4 if sees else 0]
    assert len(windows.upcoming(world, actor, NOW, with_empty=False)) == (1 if sees else 0)


@pytest.mark.parametrize("actor", [*INSIDE, *OUTSIDE])
def test_a_plan_is_read_without_what_is_hidden(world: Store, actor: Actor) -> None:
    """Whole for whom it concerns; for others without the change, its room, its conflicts and its name in reasons."""
    full = {"code": "capacity", "ref": "w@x", "message": "5/4", "from": "w@x", "to": "w@x"}
    waits = full | {"code": "dependency", "ref": "kept-1", "message": "kept-1"}
    placed = [
        {"change": "open-1", "title": "Of open", "level": "minor", "window": "w@x", "why": "", "reasons": [waits]},
        {"change": "kept-1", "title": "Of kept", "level": "major", "window": "w@x", "why": "", "reasons": []},
    ]
    room = {"points": 4, "used": 4, "majors": 1, "most_major": None}
    window = {"key": "w@x", "series": "w", "capacity": room, "changes": ["kept-1", "open-1"]}
    made = {
        "windows": [window], "placements": placed, "deferrals": [], "suggestions": [],
        "moves": [{"change": "kept-1", "from": "w@y", "to": "w@x", "reasons": []}],
        "conflicts": [{"change": None, "window": "w@x", **full}, {"change": "kept-1", "window": "w@x", **full}],
    }  # fmt: skip
    with world.write() as session:
        session.add(PlanRow(calendar_id="c", version=1, digest="d", document=made, made_by="x", made_at=NOW))
        session.get_one(CalendarRow, "c").plan_version = 1
    found = plans.document(world, actor, "pricing")
    if actor in INSIDE:
        assert found == made
        return
    assert "kept" not in str(found)
    assert found["windows"][0]["capacity"] == room | {"used": 1, "majors": 0}
    assert (found["moves"], found["conflicts"]) == ([], [])
    assert found["placements"][0]["reasons"][0]["code"] == "dependency"


def test_one_click_on_a_window_tells_nothing_of_what_is_hidden(world: Store) -> None:
    """Whoever has no vote there learns why for the changes that may be known of, and of no other."""
    with world.write() as session:
        session.execute(delete(PlacementRow).where(PlacementRow.change_id == "open-1"))
    assert window_votes.vote(world, somebody("risk"), NOW, "pricing", "w@x") == []


@pytest.mark.parametrize("actor", [*INSIDE, *OUTSIDE])
def test_break_glass_of_what_is_hidden_is_hidden(world: Store, actor: Actor) -> None:
    asked = breakglass.request(
        world, INSIDE[0], NOW, change="kept-1", environment="prod", blockers=[Blocker("notice")], reason="burning",
        ticket="OPS-1",
    )  # fmt: skip
    if actor in INSIDE:
        assert [one.id for one in breakglass.search(world, actor, NOW)] == [asked.id]
        assert breakglass.get(world, actor, NOW, asked.id).change == "kept-1"
        return
    assert breakglass.search(world, actor, NOW) == []
    with pytest.raises(NotFound):
        breakglass.get(world, actor, NOW, asked.id)


def test_the_log_tells_a_manager_elsewhere_nothing_of_what_is_hidden(world: Store) -> None:
    """Neither by a row's subject, whatever it is that belongs to the repository, nor by what a row tells."""
    open_rows = {"change:open-1", "repository:open", "publication:p_open", "job:j_open", "delivery:w_open", "team:x"}
    kept_rows = {"change:kept-1", "repository:kept", "publication:p_kept", "job:j_kept", "delivery:w_kept"}
    with world.write() as session:
        for name in ("open", "kept"):
            session.get_one(Repository, name).forge_slug = f"Acme/{name}"
            session.add(PublicationRow(id=f"p_{name}", repository=name, package="", version="1", sha="s", state="draft",
                                       revision=1, position=1, updated_at=NOW, created_at=NOW))  # fmt: skip
            session.add(Job(id=f"j_{name}", kind="refresh", subject=name, state="done", created_at=NOW))
            session.add(
                WebhookDelivery(
                    id=f"w_{name}", provider="github", delivery_key=name, event="push", forge_slug=f"acme/{name}",
                    status="done", received_at=NOW,
                )
            )  # fmt: skip
        for subject in sorted(open_rows | kept_rows | {"repository:gone", "change:gone"}):
            audit.record(session, OPERATOR, NOW, action="x.edit", subject=subject)
        # A row of what is open that names what is not.
        audit.record(session, OPERATOR, NOW, action="swap", subject="change:open-1", after={"with": "kept-1"})
        audit.record(session, OPERATOR, NOW, action="swap", subject="calendar:pricing", before={"kept-1": "w@x"})
    told = [audit.search(world, actor, audit.Query())[0] for actor in (INSIDE[-1], INSIDE[-2], OUTSIDE[-1])]
    subjects = [{one.entry.subject for one in rows} for rows in told]
    assert subjects[1] == open_rows | kept_rows | {"repository:gone", "change:gone", "calendar:pricing"}
    assert subjects[0] == open_rows | kept_rows | {"calendar:pricing"}
    assert subjects[2] == open_rows
    assert "kept" not in str([(one.entry.before, one.entry.after) for one in told[2]])
    for text in ("kept", "kept-1", "w@x"):
        assert audit.search(world, OUTSIDE[-1], audit.Query(text=text))[0] == []
    assert {one.entry.subject for one in audit.search(world, INSIDE[-1], audit.Query(text="kept-1"))[0]} == {
        "change:kept-1", "change:open-1", "calendar:pricing",
    }  # fmt: skip


def test_an_affected_team_sees_its_change_and_not_the_rest_of_the_repository(world: Store) -> None:
    assert listed(world, somebody("fraud")) == {"open-1", "kept-1"}
    with pytest.raises(NotFound):
        repositories.get(world, somebody("fraud"), "kept")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/changes/kept-1", "/api/v1/changes/kept-1/approvals", "/api/v1/changes/kept-1/placement",
        "/api/v1/changes/kept-1/stages", "/api/v1/repositories/kept", "/api/v1/repositories/kept/releases",
        "/api/v1/repositories/kept/changelog", "/api/v1/repositories/kept/changelog?format=atom",
        "/api/v1/repositories/kept/publications", "/api/v1/gate?repository=kept&environment=prod",
        "/api/v1/gate?repository=open&change=kept-1&environment=prod", "/changes/kept-1", "/repositories/kept",
        "/changelogs/kept",
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the door is the same on every database
def test_every_route_answers_as_if_it_were_not_there(world: Store, settings: Settings, path: str) -> None:
    """The same for a hidden change and for one that never was, asked directly as an engineer of another team."""
    app = create_app(settings, world)
    client = client_as(app, world, Role.ENGINEER)
    hidden = client.get(path)
    never = client.get(path.replace("kept", "never"))
    assert hidden.status_code == 404
    assert never.status_code == 404
    said = [(one.json or {}) if one.is_json else {} for one in (hidden, never)]
    assert all(said[0].get(part) == said[1].get(part) for part in ("code", "title", "detail", "hint"))
    assert "Of kept" not in hidden.text
    wrote = client.put("/api/v1/changes/kept-1/override", json={"level": "major", "reason": "because"})
    assert wrote.status_code == 404


def test_feeds_leave_what_is_kept_out(world: Store) -> None:
    with world.read() as session:
        assert visibility.kept(session) == {"kept": "secret"}
