"""PostgreSQL ends a connection at any moment of a session, or has none to give: done, or Unavailable, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, event, select, text
from sqlalchemy.engine import make_url

from release_mgmt.core.errors import Unavailable
from release_mgmt.services.feeds.lookup import look_up
from release_mgmt.store.models.jobs import Worker
from release_mgmt.store.session import Store
from tests.support.waiting import LIMIT, until

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
THERE = select(Worker.id).where(Worker.id == "there")
MOMENTS = ("engine_connect", "begin", "before_cursor_execute", "after_cursor_execute", "commit", "rollback")
POOL_MOMENTS = ("checkout", "reset", "checkin")

pytestmark = pytest.mark.postgres


class Server:
    """Who runs the server of one database: ends its connections, and may let nobody in."""

    def __init__(self, url: str) -> None:
        self.name = make_url(url).database
        elsewhere = make_url(url).set(database="postgres")
        self.engine = create_engine(elsewhere, isolation_level="AUTOCOMMIT")

    def let_in(self, *, anybody: bool) -> None:
        with self.engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS {anybody}"))

    def cut(self) -> None:
        """End every connection to the database; they are gone when this returns."""
        ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        with self.engine.connect() as connection:
            until(lambda: not connection.execute(ended, {"name": self.name}).all(), pause=0.002)

    def wait_for_nobody(self) -> None:
        there = text("SELECT pid FROM pg_stat_activity WHERE datname = :name")
        with self.engine.connect() as connection:
            until(lambda: not connection.execute(there, {"name": self.name}).all(), pause=0.002)


@pytest.fixture
def server(migrated_postgres_url: str) -> Iterator[Server]:
    made = Server(migrated_postgres_url)
    try:
        yield made
    finally:
        made.let_in(anybody=True)
        made.engine.dispose()


def new() -> Worker:
    return Worker(id="new", started_at=AT, heartbeat_at=AT, version="1")


def read(store: Store) -> None:
    for _ in range(2):
        with store.read() as session:
            assert session.scalars(THERE).all() == ["there"]
            assert session.scalars(THERE).all() == ["there"]


def together(store: Store) -> None:
    with store.together():
        read(store)


def together_and_going_on(store: Store) -> None:
    """A page that leaves out a part that it cannot have."""
    with store.together():
        with suppress(Unavailable):
            read(store)
        read(store)


def write(store: Store) -> None:
    with store.write("alone") as session:
        session.add(new())
        session.flush()
        assert session.scalars(THERE).all() == ["there"]


def write_and_going_on(store: Store) -> None:
    """Takes no notice of what statements raise, and goes on to the commit."""
    with store.write() as session:
        for _ in range(2):
            with suppress(Exception):
                session.scalars(THERE).all()
        session.add(new())


def fail(store: Store) -> None:
    """An error of the block's own, under which everything is undone."""
    for block in (store.read, store.write):
        with suppress(KeyError), block() as session:
            session.scalars(THERE).all()
            raise KeyError


@contextmanager
def at_each_moment(store: Store, act: Callable[[int], None]) -> Iterator[None]:
    """Call ``act`` with 0, 1, 2... at the moments of the block at which the store has to do with its server."""
    count = iter(range(10_000))

    def heard(*_: Any) -> None:
        act(next(count))

    moments = [(store.engine, name) for name in MOMENTS] + [(store.engine.pool, name) for name in POOL_MOMENTS]
    for target, name in moments:
        event.listen(target, name, heard)
    try:
        yield
    finally:
        for target, name in moments:
            event.remove(target, name, heard)


@pytest.mark.parametrize("stays_away", [False, True])
@pytest.mark.parametrize("block", [read, together, together_and_going_on, write, write_and_going_on, fail])
def test_a_connection_lost_at_any_moment_is_unavailable(
    migrated_postgres_url: str, server: Server, block: Callable[[Store], None], *, stays_away: bool
) -> None:
    """Whenever the connection breaks, the block is done (and what it wrote is there) or refused as Unavailable (and
    nothing is there); the next block finds a connection of its own."""
    store = Store(migrated_postgres_url, lock_timeout=LIMIT, statement_timeout=LIMIT)
    with store.write() as session:
        session.add(Worker(id="there", started_at=AT, heartbeat_at=AT, version="1"))
    moments: list[int] = []
    with at_each_moment(store, moments.append):
        block(store)
    refused = []
    for moment in moments:
        with store.write() as session:
            session.execute(delete(Worker).where(Worker.id == "new"))

        def cut_at(number: int, moment: int = moment) -> None:
            if number == moment:
                server.let_in(anybody=not stays_away)
                server.cut()

        try:
            with at_each_moment(store, cut_at):
                block(store)
            done = True
        except Unavailable:
            done = False
            refused.append(moment)
        server.let_in(anybody=True)
        with store.read() as session:
            assert (session.get(Worker, "new") is not None) == (done and block in {write, write_and_going_on})
    assert 0 < len(refused) < len(moments)
    store.close()


def test_a_server_that_ends_a_connection_for_its_own_reasons_is_unavailable(
    migrated_postgres_url: str, server: Server
) -> None:
    """PostgreSQL's last word need not be of the class of operational errors: this one is an internal error to it."""
    store = Store(migrated_postgres_url)

    def dawdle() -> None:
        with store.read() as session:
            session.execute(text("SET idle_in_transaction_session_timeout = 1"))
            server.wait_for_nobody()
            session.execute(THERE)

    with pytest.raises(Unavailable, match="cannot be reached"):
        dawdle()
    store.close()


def test_no_free_connection_is_unavailable(migrated_postgres_url: str) -> None:
    """Who waits too long for a connection is told to come again, whatever it was for."""
    store = Store(migrated_postgres_url, pool_size=1, statement_timeout=1)
    with store.engine.connect(), store.engine.connect():  # as many again as the pool keeps are its most
        for block in (store.read, store.write):
            with pytest.raises(Unavailable, match="in use"), block() as session:
                session.execute(THERE)
        with pytest.raises(Unavailable):
            look_up(store, "token")
    with store.read() as session:
        assert session.scalars(THERE).all() == []
    store.close()
