"""Owners and affected teams of the changes of a real repository."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from release_mgmt.core.errors import Forbidden, InvalidInput
from release_mgmt.core.owners import TeamRule
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import actors, delegation, ownership, people, teams
from release_mgmt.sources.git import open_repository
from release_mgmt.store.models.repositories import Change, ChangeCommit, Commit, PullRequestRow, Repository
from release_mgmt.store.session import Store
from tests.conftest import GitRepo

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPERATOR = trusted("operator", Via.CLI)


@pytest.fixture
def world(one_store: Store, make_git_repo: Callable[[str], GitRepo]) -> tuple[Store, GitRepo, dict[str, str]]:
    store, repo = one_store, make_git_repo("pricing")
    first = repo.commit("Start", {".github/CODEOWNERS": "* @bob\n/models/ @ada\n/docs/ @org/fraud\n", "a.py": "1"})
    shas = {
        "models": repo.commit("Tune", {"models/fraud/train.py": "lr = 1"}, author="Ada"),
        "docs": repo.commit("Tell", {"docs/x.md": "x"}, author="Stranger"),
    }
    ids = {
        name: people.add(store, OPERATOR, NOW, name=name.title(), login=name, grants=(people.Grant(role),)).id
        for name, role in [("ada", Role.ENGINEER), ("bob", Role.ENGINEER), ("lead", Role.READER)]
    }
    people.link(store, OPERATOR, NOW, "ada", kind="github", value="ada")
    people.link(store, OPERATOR, NOW, "ada", kind="email", value="ada@example.org")
    people.link(store, OPERATOR, NOW, "bob", kind="github", value="bob")
    for slug in ("fraud", "risk", "pricing"):
        teams.add(store, OPERATOR, NOW, slug=slug, name=slug)
    teams.change(store, OPERATOR, NOW, "fraud", lead="lead", rules=[TeamRule("fraud", "pri*", "models/fraud/**")])
    teams.change(store, OPERATOR, NOW, "risk", rules=[TeamRule("risk", "*", label="risk")])
    with store.write() as session:
        session.add(
            Repository(
                id="r1", name="pricing", location="/nowhere", provider="github", adopted_at=NOW, created_at=NOW,
                updated_at=NOW, owner_team="pricing", head_sha=shas["docs"],
            )
        )  # fmt: skip
        session.flush()
        for number, (name, sha) in enumerate(shas.items()):
            author = "ada@example.org" if name == "models" else "stranger@example.org"
            session.add(
                Change(
                    id=name, repository_id="r1", key=name, title=name, state="draft", happened_at=NOW, created_at=NOW,
                    updated_at=NOW, provider="github", number=number,
                )
            )  # fmt: skip
            session.add(
                Commit(repository_id="r1", sha=sha, position=number, parents=first, author="A", author_key=author,
                       subject="s")
            )  # fmt: skip
            session.flush()
            session.add(ChangeCommit(change_id=name, sha=sha, repository_id="r1", position=0))
        session.add(
            PullRequestRow(repository_id="r1", provider="github", number=1, state="merged", title="t",
                           record={"labels": ["Risk"]})
        )  # fmt: skip
    return store, repo, ids


def seen(store: Store, change: str) -> tuple[str | None, list[str]]:
    with store.read() as session:
        row = session.get(Change, change)
        assert row is not None
        return row.owner, row.affected_teams


def test_rules_find_the_owner_and_the_teams(world: tuple[Store, GitRepo, dict[str, str]]) -> None:
    store, repo, ids = world
    source = open_repository(repo.path)
    assert ownership.assign(store, OPERATOR, NOW, "pricing", source) == 2
    assert seen(store, "models") == (ids["ada"], ["fraud", "pricing"])
    assert seen(store, "docs") == (ids["lead"], ["pricing", "risk"])
    assert ownership.assign(store, OPERATOR, NOW, "pricing", source) == 0, "the same again changes nothing"


def test_many_open_changes_take_as_many_statements_as_one_and_let_others_write_between(
    world: tuple[Store, GitRepo, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog of thousands neither costs queries for each change nor keeps the only writer of SQLite busy."""
    store, repo, ids = world
    source = open_repository(repo.path)
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))
    ownership.assign(store, OPERATOR, NOW, "pricing", source)
    few = len([statement for statement in asked if statement.startswith("SELECT")])
    with store.write() as session:
        sha = session.get_one(ChangeCommit, ("docs", repo.git("rev-parse", "HEAD"))).sha
        for number in range(40):
            session.add(
                Change(id=f"c{number}", repository_id="r1", key=f"c{number}", title="t", state="draft", happened_at=NOW,
                       created_at=NOW, updated_at=NOW, provider="github", number=1)
            )  # fmt: skip
            session.flush()
            if number:  # the first is known to the forge alone
                session.add(ChangeCommit(change_id=f"c{number}", sha=sha, repository_id="r1", position=0))
    asked.clear()
    monkeypatch.setattr(ownership, "AT_ONCE", 15)
    assert ownership.assign(store, OPERATOR, NOW, "pricing", source) == 40
    portions = 3  # of 42 changes
    assert len([one for one in asked if one.startswith("SELECT")]) <= portions * few
    assert asked.count("BEGIN IMMEDIATE") == portions or not store.sqlite
    assert seen(store, "c0") == (None, ["pricing", "risk"])
    assert {seen(store, f"c{number}") == (ids["lead"], ["pricing", "risk"]) for number in range(1, 40)} == {True}


def test_people_hand_over_and_add_teams_and_a_new_reading_keeps_it(
    world: tuple[Store, GitRepo, dict[str, str]],
) -> None:
    store, repo, ids = world
    source = open_repository(repo.path)
    ownership.assign(store, OPERATOR, NOW, "pricing", source)
    ada, bob = (actors.by_login(store, login, NOW) for login in ("ada", "bob"))
    with pytest.raises(Forbidden):
        ownership.hand_over(store, bob, NOW, "models", to="bob", reason="mine now")
    ownership.hand_over(store, ada, NOW, "models", to="bob", reason="on holiday")
    assert ownership.add_teams(store, bob, NOW, "models", added=["risk"]) == ["fraud", "pricing", "risk"]
    with pytest.raises(InvalidInput):
        ownership.add_teams(store, bob, NOW, "models", added=["nobody"])
    ownership.assign(store, OPERATOR, NOW, "pricing", source)
    assert seen(store, "models") == (ids["bob"], ["fraud", "pricing", "risk"])
    assert ownership.add_teams(store, bob, NOW, "models", added=[]) == ["fraud", "pricing"]


def test_a_deputy_is_named_for_a_time(world: tuple[Store, GitRepo, dict[str, str]]) -> None:
    store, _, ids = world
    ada = actors.by_login(store, "ada", NOW)
    until = NOW + timedelta(days=7)
    delegation.name_deputy(store, ada, NOW, deputy="bob", since=NOW, until=until)
    assert [one.principal for one in actors.by_login(store, "bob", NOW).mandates] == [ids["ada"]]
    assert actors.by_login(store, "bob", until).mandates == ()
    for wrong in ({"deputy": "ada"}, {"until": NOW}, {"until": NOW + timedelta(days=400)}):
        with pytest.raises(InvalidInput):
            delegation.name_deputy(store, ada, NOW, **{"deputy": "bob", "since": NOW, "until": until, **wrong})  # type: ignore[arg-type]
    delegation.end(store, ada, NOW)
    assert delegation.of(store, ada, ids["ada"]).deputy is None
