"""Backups, exports and downgrades with rows in every table, on both databases."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Integer, LargeBinary, Table, func, insert, select

from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.store import migrate, transfer
from release_mgmt.store.models import Base
from release_mgmt.store.models.base import UtcDateTime
from release_mgmt.store.session import Store

AT = datetime(2026, 10, 25, 0, 30, 1, 123456, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def _allowed(table: Table, column: Column[Any]) -> str | None:
    """A word that a check of the form ``column IN ('a', 'b')`` allows."""
    for one in table.constraints:
        said = str(one.sqltext) if isinstance(one, CheckConstraint) else ""
        if said.startswith(f"{column.name} IN"):
            return said.split("'")[1]
    return None


def _value(table: Table, column: Column[Any], number: int) -> Any:
    if column.foreign_keys and not column.nullable:
        (key,) = column.foreign_keys
        return _value(key.column.table, key.column, number)
    if column.nullable and number % 2:
        return None
    if column.foreign_keys:
        return None
    if isinstance(column.type, UtcDateTime):
        return AT
    if isinstance(column.type, JSON):
        return {"a": [1, "ü", None]}
    if isinstance(column.type, LargeBinary):
        return b"\x00\xff" + bytes([number])
    if isinstance(column.type, Boolean):
        return bool(number % 2)
    if isinstance(column.type, Integer):
        return number + 1
    return _allowed(table, column) or f"{column.name} {number} 'ü"


def fill(store: Store, *, but: frozenset[str] = frozenset()) -> int:
    """Two rows in every table but those a migration fills."""
    rows = 0
    with store.write() as session:
        for table in Base.metadata.sorted_tables:
            if table.name in transfer.SEEDED | but:
                continue
            for number in range(2):
                given = {column.name: _value(table, column, number) for column in table.columns}
                session.execute(insert(table), [given])
                rows += 1
    return rows


def counts(store: Store) -> dict[str, int]:
    with store.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def other(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """A second, empty installation on SQLite."""
    path = tmp_path / "other.db"
    path.write_bytes(sqlite_template.read_bytes())
    made = Store(f"sqlite:///{path}")
    yield made
    made.close()


def test_there_and_back_again(store: Store, other: Store) -> None:
    """From either database to SQLite and out again: the same bytes, so no row and no microsecond is lost."""
    fill(store)
    first = list(transfer.dump(store))
    with other.write() as session:
        rows = transfer.load(session, first)
    assert rows == len(first) - 2
    assert list(transfer.dump(other)) == first
    kept = {name: count for name, count in counts(store).items() if name not in transfer.PASSING}
    assert {name: count for name, count in counts(other).items() if name not in transfer.PASSING} == kept


@pytest.mark.postgres
@pytest.mark.sqlite("the way from SQLite up to PostgreSQL")
def test_the_way_up_to_postgresql(one_store: Store, migrated_postgres_url: str) -> None:
    """What SQLite exported goes into PostgreSQL and comes out the same."""
    fill(one_store)
    first = list(transfer.dump(one_store))
    above = Store(migrated_postgres_url)
    with above.write() as session:
        transfer.load(session, first)
    assert list(transfer.dump(above)) == first
    above.close()


def test_an_export_is_loaded_whole_or_not_at_all(one_store: Store, other: Store) -> None:
    """Cut, changed, extended, of another schema or not empty: refused, and nothing is there afterwards."""
    fill(one_store)
    good = list(transfer.dump(one_store))
    header = json.loads(good[0])
    wrong: dict[str, list[bytes]] = {
        "nothing": [],
        "cut": good[:-1],
        "a row is missing": [*good[:5], *good[6:]],
        "a row is changed": [*good[:5], good[5].replace(b"0", b"7", 1), *good[6:]],
        "something follows": [*good, good[1]],
        "another format": [b'{"format": "x"}\n', *good[1:]],
        "another revision": [json.dumps({**header, "revision": "0001_people"}).encode() + b"\n", *good[1:]],
        "not JSON": [b"\x00\n", *good[1:]],
        "unknown table": [good[0], b'{"table": "sqlite_master", "row": {}}\n', *good[1:]],
    }
    before = counts(other)
    for name, lines in wrong.items():
        with pytest.raises((InvalidInput, Conflict)), other.write() as session:
            transfer.load(session, lines)
        assert counts(other) == before, name
    with pytest.raises(Conflict, match="holds something"), one_store.write() as session:
        transfer.load(session, good)


def test_a_backup_is_one_state_while_others_write(store: Store) -> None:
    """Rows written after the backup began are not in it."""
    fill(store)
    lines = transfer.dump(store)
    begun = [next(lines)]
    with store.write() as session:
        table = Base.metadata.tables["repositories"]
        given = {column.name: _value(table, column, 7) for column in table.columns}
        session.execute(insert(table), [given])
    kept = [*begun, *lines]
    assert sum(b'"table":"repositories"' in line for line in kept) == 2


def test_downgrades_keep_what_the_older_schema_knows(database_url: str) -> None:
    """With rows everywhere, each revision goes down and up again, and the tables of older revisions keep their rows."""
    store = Store(database_url)
    fill(store)
    before = counts(store)
    store.close()
    revisions = [one.revision for one in ScriptDirectory.from_config(migrate.config()).walk_revisions()]
    for below in [*revisions[1:], "base"]:
        migrate.downgrade(database_url, below)
    migrate.upgrade(database_url)
    store = Store(database_url)
    assert set(counts(store)) == set(before)
    fill(store)
    newest = revisions[1]
    store.close()
    migrate.downgrade(database_url, newest)
    migrate.upgrade(database_url)
    store = Store(database_url)
    assert counts(store)["repositories"] == before["repositories"]
    store.close()


def test_backup_and_restore_from_the_command_line(tmp_path: Path, sqlite_template: Path) -> None:
    """A backup file restores into a new installation; damaged or existing files are refused with exit code 2."""

    def run(folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "RELEASE_MGMT_DATA_DIR": str(tmp_path / folder),
        }
        command = [sys.executable, "-m", "release_mgmt", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "release-mgmt.db").write_bytes(sqlite_template.read_bytes())
    store = Store(f"sqlite:///{tmp_path}/one/release-mgmt.db")
    fill(store, but=frozenset({"audit_log"}))  # its numbers are those of its chain
    store.close()
    assert run("one", "backup", "kept.jsonl.gz").returncode == 0
    assert (tmp_path / "kept.jsonl.gz").stat().st_mode & 0o077 == 0
    assert run("one", "backup", "kept.jsonl.gz").returncode == 2
    damaged = gzip.decompress((tmp_path / "kept.jsonl.gz").read_bytes())[:-10]
    (tmp_path / "damaged.jsonl.gz").write_bytes(gzip.compress(damaged))
    refused = run("two", "restore", "damaged.jsonl.gz")
    assert refused.returncode == 2, refused.stderr
    assert "Nothing was changed" in refused.stderr
    done = run("two", "restore", "kept.jsonl.gz")
    assert done.returncode == 0, done.stderr
    again = run("two", "restore", "kept.jsonl.gz")
    assert again.returncode == 2
