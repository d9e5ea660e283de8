"""The gate for a repository while no change is named: what its teams have frozen holds it too."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from release_mgmt.services import gate
from release_mgmt.services.gate import Asked
from release_mgmt.store.models.people import Team, TeamPattern
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, freeze, seed

IN_W1 = at("2026-11-24T18:00")


def owned_by(store: Store, team: str, *teams: str) -> None:
    """The repository belongs to ``team``; its changes affect that one alone, and there are some other teams."""
    with store.write() as session:
        for name in (team, *teams):
            if session.get(Team, name) is None:
                session.add(Team(slug=name, name=name, created_at=NOW, updated_at=NOW))
        session.flush()
        session.scalars(select(Repository)).one().owner_team = team
        for change in session.scalars(select(Change)):
            change.affected_teams = [team]


@pytest.mark.acceptance("SCH-F5")
def test_without_a_change_a_freeze_of_a_team_holds_what_the_team_may_be_affected_by(store: Store):
    """The repository's own team, one that a rule gives every change of it, one that a change still to go affects."""
    seed(store, "m1 m2")
    owned_by(store, "pricing", "risk", "sales", "legal")
    with store.write() as session:
        for team, path in (("risk", None), ("legal", "contracts/**")):
            session.add(TeamPattern(id=f"r_{team}", team=team, repository="pricing", path=path))
        session.get_one(Change, "m2").affected_teams = ["pricing", "sales"]
    every = ("pricing", "risk", "sales", "legal", "fraud")
    days = dict(zip(every, ("2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15", "2026-12-22"), strict=True))
    apply(store, freezes=[freeze(team, day, scope={"teams": [team]}) for team, day in days.items()])

    def asked() -> list[str]:
        found = [
            gate.ask(store, OPERATOR, NOW, [Asked("pricing", "prod")], at=at(f"{day}T18:00")).decision
            for day in days.values()
        ]
        return [name for one in found for name in one.blocked_by]

    assert asked() == ["pricing", "risk", "sales"]
    with store.write() as session:
        session.get_one(Change, "m2").state = "released"
    assert asked() == ["pricing", "risk"]


@pytest.mark.acceptance("SCH-F5")
def test_without_a_change_only_what_affects_nobody_else_is_let_through_for_its_team(one_store: Store):
    seed(one_store, "m1 m2")
    apply(one_store)
    owned_by(one_store, "pricing", "sales")
    apply(one_store, freezes=[freeze("F", "2026-11-24", scope={"except": {"teams": ["pricing"]}})])

    def asked() -> str:
        return gate.ask(one_store, OPERATOR, NOW, [Asked("pricing", "prod")], at=IN_W1).decision.decision

    assert asked() == "allow"
    with one_store.write() as session:
        session.get_one(Change, "m2").affected_teams = ["pricing", "sales"]
    assert asked() == "deny"
    with one_store.write() as session:
        session.scalars(select(Repository)).one().owner_team = None
        session.get_one(Change, "m1").affected_teams = []  # nobody's: no exception is for it
        session.get_one(Change, "m2").affected_teams = ["pricing"]
    assert asked() == "deny"
