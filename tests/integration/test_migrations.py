"""The chain of migrations makes exactly the models' schema, up and down, on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from release_mgmt import clock
from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.services import requests, terms
from release_mgmt.store import migrate
from release_mgmt.store.models import Base
from release_mgmt.store.session import Store, TryAgain, make_engine
from tests.conftest import GitRepo
from tests.integration.faults.town import OPERATOR, settle
from tests.support.served import Installation


def test_the_chain_is_one_line() -> None:
    """Each revision follows one other: no branches, no gaps, names as the files."""
    script = ScriptDirectory.from_config(migrate.config())
    assert len(script.get_heads()) == 1
    revisions = list(script.walk_revisions())
    assert [one.revision[:4] for one in reversed(revisions)] == [f"{n:04d}" for n in range(1, len(revisions) + 1)]


def test_migrated_schema_is_that_of_the_models(empty_url: str) -> None:
    """Nothing is in the models that a migration forgot, and the other way round."""
    migrate.upgrade(empty_url)
    engine = make_engine(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_every_step_goes_down_and_up_again(empty_url: str) -> None:
    """Each single revision can be undone and redone."""
    names = [one.revision for one in ScriptDirectory.from_config(migrate.config()).walk_revisions()]
    migrate.upgrade(empty_url)
    for name, below in zip(names, [*names[1:], "base"], strict=True):
        assert migrate.downgrade(empty_url, below).revision == (None if below == "base" else below)
        assert migrate.upgrade(empty_url, name).revision == name
        migrate.downgrade(empty_url, below)
    engine = make_engine(empty_url)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_every_step_goes_down_and_up_with_data_in_the_tables(store: Store, git_repo: GitRepo, tmp_path: Path) -> None:
    """An installation that was used: each step back and forth leaves the rows of every table that it does not drop."""
    settle(store, git_repo, tmp_path / "data")
    store.close()

    def rows() -> dict[str, int]:
        with store.engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            return {one: connection.execute(text(f'SELECT count(*) FROM "{one}"')).scalar_one() for one in tables}

    used = {name for name, count in rows().items() if count}
    assert len(used) > 20, used
    names = [one.revision for one in ScriptDirectory.from_config(migrate.config()).walk_revisions()]
    for name, below in zip(names, [*names[1:], "base"], strict=True):
        before = rows()
        migrate.downgrade(store.url, below)
        down = rows()
        down.pop("alembic_version")
        assert down == {table: before[table] for table in down}
        migrate.upgrade(store.url, name)
        up = rows()
        assert set(up) == set(before)
        assert {table: up[table] for table in down} == down
        migrate.downgrade(store.url, below)
    store.close()


def test_a_link_that_goes_back_has_the_author_of_its_request(store: Store, git_repo: GitRepo, tmp_path: Path) -> None:
    """The columns that nobody reads come back filled where an older version wants a value."""
    town = settle(store, git_repo, tmp_path / "data")
    request = requests.create(store, OPERATOR, clock.now(), title="Fewer wrong prices").id
    requests.link(store, OPERATOR, clock.now(), request, town.change)
    terms.put_terms(store, OPERATOR, clock.now(), town.change, minutes=10)
    store.close()
    migrate.downgrade(store.url, "0018_forge_ids")
    with store.engine.connect() as connection:
        links = connection.execute(text("SELECT linked_by, linked_at IS NOT NULL FROM request_changes")).all()
        emergencies = connection.execute(text("SELECT emergency FROM change_terms")).scalars().all()
    assert [(by, bool(at)) for by, at in links] == [("operator", True)]
    assert [bool(each) for each in emergencies] == [False]
    store.close()
    migrate.upgrade(store.url)
    assert [one.change for one in requests.get(store, OPERATOR, request).steps] == [town.change]


@pytest.mark.slow
def test_who_migrates_at_once_waits_for_the_other(empty_url: str, tmp_path: Path) -> None:
    """Every new process of a rollout may bring the database up: one does, the others find it done."""
    (tmp_path / "data").mkdir()
    installation = Installation(tmp_path / "data", empty_url)
    try:
        told = [installation.start("db", "upgrade") for _ in range(3)]
        assert [one.wait(300) for one in told] == [0, 0, 0], installation.log
    finally:
        installation.stop()
    assert migrate.standing(empty_url).state == "current"


@pytest.mark.slow
@pytest.mark.postgres
def test_a_table_in_use_is_not_waited_for_long(postgres_url: str) -> None:
    """A migration that queued for a lock would stop everybody behind it: it gives up, and nothing is changed."""
    names = [one.revision for one in ScriptDirectory.from_config(migrate.config()).walk_revisions()]
    migrate.upgrade(postgres_url)
    engine = make_engine(postgres_url)
    with engine.begin() as connection:
        for table in inspect(connection).get_table_names():
            connection.execute(text(f'LOCK TABLE "{table}" IN ACCESS SHARE MODE'))
        with pytest.raises(TryAgain):
            migrate.downgrade(postgres_url, "base")
    engine.dispose()
    assert migrate.standing(postgres_url).revision == names[0]


def test_newer_database_is_refused_and_left_alone(empty_url: str) -> None:
    """A database of a later version is neither upgraded, downgraded nor used; the message says what to do."""
    migrate.upgrade(empty_url)
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    for attempt in (migrate.upgrade, migrate.require_current, lambda url: migrate.downgrade(url, "base")):
        with pytest.raises(Conflict, match="9999_future") as caught:
            attempt(empty_url)
        assert caught.value.code == "database_newer"
        assert caught.value.hint
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999_future"
    engine.dispose()


def test_empty_and_unknown(empty_url: str) -> None:
    """An empty database is told apart from one that is behind; a revision that is none is bad input."""
    assert migrate.standing(empty_url).state == "empty"
    with pytest.raises(Conflict, match="empty"):
        migrate.require_current(empty_url)
    migrate.upgrade(empty_url, "0002_repositories")
    assert migrate.standing(empty_url).state == "behind"
    with pytest.raises(InvalidInput):
        migrate.upgrade(empty_url, "nonsense")
