"""Sessions on SQLite and PostgreSQL: writers queue, failures undo everything, errors come in our words."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, update

from release_mgmt.core.errors import Conflict, InvalidInput, Unavailable
from release_mgmt.store import migrate
from release_mgmt.store import session as module
from release_mgmt.store.models.jobs import Worker
from release_mgmt.store.session import Store, make_engine
from tests.conftest import PostgresCluster
from tests.support.waiting import LIMIT

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def worker(name: str, at: datetime = AT) -> Worker:
    return Worker(id=name, started_at=at, heartbeat_at=at, version="1")


def test_instants_come_back_in_utc(store: Store) -> None:
    """An instant of another zone is stored as the same instant; a naive one is refused."""
    elsewhere = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2)))
    with store.write() as session:
        session.add(worker("a", elsewhere))
    with store.read() as session:
        found = session.scalars(select(Worker.started_at)).one()
    assert (found, found.tzinfo) == (elsewhere, UTC)
    with pytest.raises(Exception, match="without a time zone"), store.write() as session:
        session.add(worker("b", datetime(2026, 1, 1)))  # noqa: DTZ001 - that is what must be refused


def test_failure_undoes_everything(store: Store) -> None:
    """An exception in the block leaves nothing behind; a clash is a Conflict."""

    def fail() -> None:
        with store.write() as session:
            session.add(worker("a"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.write() as session:
        session.add(worker("a"))
    with pytest.raises(Conflict), store.write() as session:
        session.add(worker("a"))
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Worker)) == 1


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(store: Store) -> None:
    """An answer that takes several statements is made of one moment."""
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Worker)) == 0
        with store.write() as other:
            other.add(worker("a"))
        assert session.scalar(select(func.count()).select_from(Worker)) == 0
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Worker)) == 1


def test_lost_update_cannot_happen_under_a_lock(store: Store) -> None:
    """Eight threads that read, add one and write back, ten times each: nothing is lost."""
    with store.write() as session:
        session.add(Worker(id="count", started_at=AT, heartbeat_at=AT, version="0"))

    def add() -> None:
        for _ in range(10):
            with store.write("count") as session:
                seen = session.scalars(select(Worker.version).where(Worker.id == "count")).one()
                session.execute(update(Worker).where(Worker.id == "count").values(version=str(int(seen) + 1)))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with store.read() as session:
        assert session.scalars(select(Worker.version)).one() == "80"


def test_busy_database_says_so_and_transact_tries_again(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits too long gets 503 busy with nothing written, and goes through once the lock is free."""
    store = Store(sqlite_url, lock_timeout=0)
    held = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with store.write() as session:
            session.add(worker("first"))
            held.set()
            release.wait(LIMIT)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(LIMIT)
    with pytest.raises(Unavailable, match="busy"), store.write():
        pass
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            release.set()
            thread.join()

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=pause))
    store.transact(lambda session: session.add(worker("second")))
    assert len(pauses) == 3
    with store.read() as session:
        assert session.scalars(select(Worker.id).order_by(Worker.id)).all() == ["first", "second"]
    store.close()


def test_wrong_addresses_are_told(tmp_path: Path) -> None:
    """Not a URL, another database, memory, an unreachable server and a missing folder: each a sentence."""
    for url in ("postgresql://u:p@h:x/n", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(InvalidInput):
            make_engine(url)
    unreachable = Store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="cannot be reached"), unreachable.read() as session:
        session.execute(select(1))
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"cannot be made: .*file"):
        make_engine(f"sqlite:///{tmp_path}/file/x.db")


@pytest.mark.postgres
def test_a_database_that_takes_no_writes_is_unavailable() -> None:
    """A standby after a failover: reads go on, writes and the gate are refused with the time to come again, also on a
    connection that read before."""
    cluster = PostgresCluster.make()
    try:
        cluster.start()
        migrate.upgrade(f"{cluster.url}/postgres")
        cluster.stop("fast")
        signal = cluster.folder / "data" / "standby.signal"
        signal.touch()
        if cluster.user:
            shutil.chown(signal, cluster.user)
        cluster.start()
        for read_before in (False, True):
            store = Store(f"{cluster.url}/postgres")
            if read_before:
                with store.read() as session:
                    assert session.scalars(select(Worker.id)).all() == []
            with pytest.raises(Unavailable, match="cannot be written") as refused, store.write() as session:
                session.add(worker("a"))
            assert refused.value.details == {"retry_after": 5}
            store.close()
    finally:
        cluster.remove()
