"""Bring a database to the schema of this code, back, or tell where it stands (Alembic over ``migrations/``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from release_mgmt import resources
from release_mgmt.core.errors import BrokenInvariant, Conflict, InvalidInput
from release_mgmt.store.session import make_engine, told

# Any number will do as long as all versions of the product use the same: who migrates holds this lock.
ADVISORY_LOCK = 7_244_816_013


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands: its revision (None when empty), the code's newest, and what that means."""

    revision: str | None
    newest: str
    state: Literal["empty", "behind", "current", "newer"]


def config() -> Config:
    """Alembic's configuration; there is no ini file."""
    made = Config()
    made.set_main_option("script_location", str(resources.folder("migrations")).replace("%", "%%"))
    return made


@contextmanager
def _connection(url: str, *, write: bool) -> Iterator[Connection]:
    # A migration may hold locks for long, so it asks for them briefly: rather fail than stop the running service.
    engine = make_engine(url, lock_timeout=10, statement_timeout=3600, foreign_keys=False)
    try:
        with told(engine), engine.execution_options(writing=write).begin() as connection:
            if write and connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            yield connection
            if write and connection.dialect.name == "sqlite":
                broken = connection.execute(text("PRAGMA foreign_key_check")).all()
                if broken:
                    raise BrokenInvariant(f"the migration would leave {len(broken)} rows without their parent")
    finally:
        engine.dispose()


@lru_cache(maxsize=1)
def _chain() -> tuple[str, frozenset[str]]:
    """The newest revision of this code and all of them: files that a process reads once."""
    script = ScriptDirectory.from_config(config())
    newest = script.get_current_head()
    assert newest is not None
    return newest, frozenset(one.revision for one in script.walk_revisions())


def standing_of(connection: Connection) -> Standing:
    """Where the database behind ``connection`` stands."""
    newest, known = _chain()
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return Standing(None, newest, "empty")
    if revision == newest:
        return Standing(revision, newest, "current")
    return Standing(revision, newest, "behind" if revision in known else "newer")


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema behind ``connection``."""
    return MigrationContext.configure(connection).get_current_revision()


def standing(url: str) -> Standing:
    """Where the database stands; an SQLite file that does not exist counts as empty and is made."""
    with _connection(url, write=False) as connection:
        return standing_of(connection)


def _newer(standing: Standing) -> Conflict:
    return Conflict(
        f"The database is at revision {standing.revision}, which this version of release-mgmt does not know.",
        code="database_newer",
        hint="Install the version that migrated it, or a later one. Nothing was changed.",
    )


def upgrade(url: str, revision: str = "head") -> Standing:
    """Migrate up to ``revision``, all or nothing.

    :raises Conflict: when the database is newer than this code.
    """
    with _connection(url, write=True) as connection:
        before = standing_of(connection)
        if before.state == "newer":
            raise _newer(before)
        _run(connection, revision, down=False)
        return standing_of(connection)


def downgrade(url: str, revision: str) -> Standing:
    """Migrate down to ``revision`` (or ``base``), all or nothing."""
    with _connection(url, write=True) as connection:
        before = standing_of(connection)
        if before.state == "newer":
            raise _newer(before)
        _run(connection, revision, down=True)
        return standing_of(connection)


def require_current(url: str) -> None:
    """Raise :class:`Conflict` with what to do unless the database is exactly at the code's schema."""
    require(standing(url))


def require(found: Standing) -> None:
    """Raise :class:`Conflict` with what to do unless ``found`` is exactly the code's schema."""
    if found.state == "newer":
        raise _newer(found)
    if found.state == "empty":
        raise Conflict(
            "The database is empty.",
            code="database_behind",
            hint="Run `release-mgmt init` for a new installation (`release-mgmt db upgrade` makes the schema alone); "
            "where an old one is looked for, `release-mgmt settings` tells (data_dir, database_url).",
        )
    if found.state != "current":
        raise Conflict(
            "The database is behind this version.", code="database_behind", hint="Run `release-mgmt db upgrade`."
        )


def _run(connection: Connection, revision: str, *, down: bool) -> None:
    options = config()
    options.attributes["connection"] = connection
    try:
        (command.downgrade if down else command.upgrade)(options, revision)
    except CommandError as error:
        raise InvalidInput.at("revision", str(error), "head, base or the name of a revision") from error
