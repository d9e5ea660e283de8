"""The database as services see it: ``store.read()`` and ``store.write()``, on SQLite and on PostgreSQL.

SQLite: WAL, foreign keys, a busy timeout, and every writer starts with BEGIN IMMEDIATE, so that two writers queue
instead of one failing half-way. PostgreSQL: time limits for locks and statements on every connection.
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from release_mgmt.core.errors import Conflict, InvalidInput, StaleVersion, Unavailable

T = TypeVar("T")

# SQLSTATEs of PostgreSQL after which the same transaction, run again, may succeed:
# serialization_failure, deadlock_detected, lock_not_available.
_AGAIN = {"40001", "40P01", "55P03"}
# numeric_value_out_of_range: more than the column holds. SQLite's driver raises an OverflowError of Python's instead.
_TOO_LARGE = "22003"
# read_only_sql_transaction: what a standby answers.
_READ_ONLY = "25006"
# SQLAlchemy's code of the refusal to go on with a connection that was lost.
_CONNECTION_GONE = "8s2b"
ATTEMPTS = 5
# Columns hold whole changelogs, which the standard library takes several times as long to write and to read.
_JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}


class TryAgain(Unavailable):
    """The transaction lost a race for a lock and changed nothing; :meth:`Store.transact` runs it again."""

    code = "busy"


def make_engine(
    url: str, *, lock_timeout: int = 5, statement_timeout: int = 30, pool_size: int = 5, foreign_keys: bool = True
) -> Engine:
    """An engine for ``url``; times in seconds. ``foreign_keys`` is off for migrations of SQLite only.

    :raises InvalidInput: when the URL names neither SQLite (a file) nor PostgreSQL.
    """
    try:
        kind = make_url(url).get_backend_name()
    except (ArgumentError, ValueError):  # a port that is no number is the latter
        raise InvalidInput.at(
            "database_url", "this is not a database URL", "sqlite:///PATH or postgresql://..."
        ) from None
    if kind == "sqlite":
        return _sqlite(url, lock_timeout, foreign_keys=foreign_keys)
    if kind == "postgresql":
        options = f"-c lock_timeout={lock_timeout}s -c statement_timeout={statement_timeout}s -c timezone=UTC"
        return create_engine(
            url,
            **_JSON,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=statement_timeout,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={"options": options, "connect_timeout": 10, "application_name": "release-mgmt"},
        )
    raise InvalidInput.at("database_url", f"{kind} is not supported", "sqlite:///PATH or postgresql://...")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The folder of the database cannot be made: {folder}: {error.strerror}.",
            hint="Choose another with RELEASE_MGMT_DATA_DIR, or mend its permissions.",
        ) from error


def _sqlite(url: str, lock_timeout: int, *, foreign_keys: bool) -> Engine:
    name = make_url(url).database
    if not name or name == ":memory:":
        raise InvalidInput.at("database_url", "SQLite needs a file: several processes share it", "sqlite:///PATH")
    if not name.startswith("file:"):  # an SQLite URI names its file in a form of its own, and never a new one
        _make_folder(Path(name).parent)
    engine = create_engine(url, **_JSON, connect_args={"timeout": lock_timeout})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:  # noqa: ARG001 - SQLAlchemy gives it
        connection.isolation_level = None  # we say BEGIN ourselves; the driver's own BEGIN is deferred and too late
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        cursor.execute(f"PRAGMA busy_timeout={lock_timeout * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def translated(error: Exception) -> Exception:
    """A database error in the words of the product; errors that are faults of ours come back as they are."""
    if isinstance(error, StaleDataError):
        return StaleVersion("Somebody else changed this in the meantime.", hint="Load it again and repeat the edit.")
    if isinstance(error, IntegrityError):
        return Conflict(
            "This clashes with something that is stored already.", hint="Load it again and repeat the edit."
        )
    if isinstance(error, NoneFree):
        return Unavailable(
            "All database connections are in use.", hint="Ask again in a moment.", details={"retry_after": 1}
        )
    if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
        # Refused because the connection was lost before, under an error that somebody took no notice of.
        return _away() if isinstance(error, PendingRollbackError) and error.code == _CONNECTION_GONE else error
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause).lower()
    state = getattr(cause, "sqlstate", None)
    if state in _AGAIN or "database is locked" in said:
        return TryAgain("The database is busy.", hint="Ask again in a moment.", details={"retry_after": 1})
    if state == _TOO_LARGE:
        return _too_large()
    if "readonly database" in said or "attempt to write a readonly" in said:
        return Unavailable(
            "The database cannot be written.", hint="Check the owner and the permissions of the file and its folder."
        )
    if state == _READ_ONLY or "during recovery" in said:
        return Unavailable(
            "The database cannot be written.",
            hint="It is a standby, or somebody made it read-only.",
            details={"retry_after": 5},
        )
    if "unable to open database file" in said:
        return Unavailable(
            "The database file cannot be opened.",
            hint="Check the owner and the permissions of the file and its folder.",
            details={"retry_after": 5},
        )
    if "disk is full" in said or "no space left" in said or state == "53100":
        return Unavailable("The database's disk is full.", hint="Free some space; nothing was changed.")
    # SQLAlchemy wraps what the driver raises at a statement; bare it comes from making a connection ready.
    if not isinstance(error, DBAPIError) or error.connection_invalidated or isinstance(error, OperationalError):
        return _away()
    return error


def _too_large() -> InvalidInput:
    return InvalidInput("A number is larger than any that is kept here.")


def _away() -> Unavailable:
    return Unavailable(
        "The database cannot be reached.",
        hint="Check that it runs and that database_url is right (`release-mgmt doctor`).",
        details={"retry_after": 5},
    )


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """A block whose database errors leave it in the words of the product: those of statements, of the transaction's
    begin and end, and of getting a connection and giving it back. So it goes around all of these."""
    try:
        yield
    except OverflowError as error:
        if "SQLite" not in str(error):
            raise
        raise _too_large() from error
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        ours = translated(error)
        if ours is error:
            raise
        raise ours from error


def _undo(session: Session) -> None:
    """Roll back. Where that cannot be said the connection is given up, and the server rolls back by itself."""
    try:
        session.rollback()
    except (SQLAlchemyError, session.get_bind().dialect.loaded_dbapi.Error):
        session.invalidate()


_TOGETHER: ContextVar[tuple[Store | None, Session | None]] = ContextVar("together", default=(None, None))
_ALSO: ContextVar[Callable[[Session], None] | None] = ContextVar("also", default=None)


class Store:
    """Sessions on one database. Safe to share between threads; make a new one after a fork."""

    def __init__(self, url: str, *, lock_timeout: int = 5, statement_timeout: int = 30, pool_size: int = 5) -> None:
        self.url = url
        self.engine = make_engine(
            url, lock_timeout=lock_timeout, statement_timeout=statement_timeout, pool_size=pool_size
        )
        self.sqlite = self.engine.dialect.name == "sqlite"
        # A reader sees one state of everything, as SQLite's do in any case.
        one_state: dict[str, Any] = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
        reading = self.engine if self.sqlite else self.engine.execution_options(**one_state)
        self._read = sessionmaker(reading, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(writing=True), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads one unchanging state; nothing it does is kept.

        Within :meth:`together` it is the one of the block.
        """
        store, shared = _TOGETHER.get()
        if store is self and shared is not None:
            with told(self.engine):
                yield shared
            return
        with told(self.engine), self._read() as session:
            try:
                yield session
            finally:
                session.expunge_all()  # what was loaded stays readable; a rollback would empty it
                _undo(session)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let every ``read()`` of the block share one session: one page tells one state and loads no row twice.

        Not for a block that writes in between: what is written after its first read is not seen in it.
        """
        with self.read() as session:
            kept: list[object] = []  # a session alone forgets what nobody holds
            event.listen(session, "loaded_as_persistent", lambda _session, one: kept.append(one))
            token = _TOGETHER.set((self, session))
            try:
                yield
            finally:
                _TOGETHER.reset(token)

    @contextmanager
    def also(self, work: Callable[[Session], None]) -> Iterator[None]:
        """Let every transaction of the block do ``work`` too, last: kept with what it did itself, or not at all."""
        token = _ALSO.set(work)
        try:
            yield
        finally:
            _ALSO.reset(token)

    @contextmanager
    def write(self, lock: str | None = None) -> Iterator[Session]:
        """One transaction, committed at the end of the block, undone by any exception.

        With ``lock`` the transaction is alone among those with the same word (SQLite has one writer anyway).

        :raises TryAgain: when it lost a race for a lock; nothing was changed.
        """
        with told(self.engine), self._write() as session:
            try:
                session.connection()  # BEGIN (IMMEDIATE) now: waiting for the lock belongs to the start
                if lock is not None and not self.sqlite:
                    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(lock.encode())})
                yield session
                also = _ALSO.get()
                if also is not None:
                    also(session)
                session.commit()
            except BaseException:
                _undo(session)
                raise

    def transact(self, work: Callable[[Session], T], lock: str | None = None) -> T:
        """``work`` in one transaction, run again (five times at most) when it lost a race; it has no other effect."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.write(lock) as session:
                    return work(session)
            except TryAgain:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
