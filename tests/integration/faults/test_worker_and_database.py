"""A worker whose database crashes goes on by itself, and leaves no job lying that it had begun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.services import jobs, repositories
from release_mgmt.store import migrate
from release_mgmt.store.models.jobs import Job
from release_mgmt.store.session import Store
from tests.conftest import GitRepo, PostgresCluster
from tests.integration.faults.town import OPERATOR, Town, settle, works
from tests.support.ports import free_port
from tests.support.served import Installation
from tests.support.waiting import until

DURABLE = "-c synchronous_commit=on"
# Commits of sessions that ask for it wait for a standby that does not exist: kept, and not told to the client.
NO_STANDBY = "-c synchronous_standby_names=nobody -c synchronous_commit=local"


@contextmanager
def installed(
    cluster: PostgresCluster, repo: GitRepo, folder: Path, **settings: str
) -> Iterator[tuple[Store, Town, Installation]]:
    url = f"{cluster.url}/postgres"
    migrate.upgrade(url)
    store = Store(url)
    (folder / "data").mkdir()
    town = settle(store, repo, folder / "data")
    installation = Installation(folder / "data", url, token=town.token, settings=settings)
    try:
        yield store, town, installation
    finally:
        installation.stop()
        store.close()


def wait_until_read(store: Store, town: Town, head: str, installation: Installation) -> None:
    def read() -> bool:  # asked again: a job that a crash interrupted may end as failed
        jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, town.repository)
        return repositories.get(store, OPERATOR, "repo").head_sha == head

    until(read, lambda: installation.log[-3000:], pause=0.2)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_worker_goes_on_after_the_database_crashed(
    cluster: PostgresCluster, git_repo: GitRepo, tmp_path: Path
) -> None:
    """PostgreSQL crashes twice under a worker, which reads what comes later without a restart."""
    cluster.start(DURABLE)
    with installed(cluster, git_repo, tmp_path) as (store, town, installation):
        worker = installation.start("worker", "--id", "w1")
        works(store, town, worker, installation)
        for _ in range(2):
            jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, town.repository)
            cluster.stop()
            cluster.start(DURABLE)
        wait_until_read(store, town, git_repo.commit("Later. (#3)", {"train.py": "rate = 0.3\n"}), installation)
        assert worker.poll() is None, installation.log
        with store.read() as session:
            assert session.scalar(select(func.count()).where(Job.state == "dead")) == 0


@pytest.mark.slow
@pytest.mark.postgres
def test_a_job_that_was_taken_while_the_connection_broke_is_taken_again(
    cluster: PostgresCluster, git_repo: GitRepo, tmp_path: Path
) -> None:
    """PostgreSQL keeps that a worker took a job, and the worker is told of an error only: it lives, so nobody takes the
    job over, and it does not run the job, which every later one of the repository waits for. It sees that itself."""
    cluster.start(NO_STANDBY)
    server = create_engine(f"{cluster.url}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as operator:
        operator.execute(text("CREATE ROLE engine SUPERUSER LOGIN"))
        engine_url = f"{cluster.url}/postgres".replace("tester@", "engine@")
        with installed(cluster, git_repo, tmp_path, JOBS_DATABASE_URL=engine_url, SYNC_EVERY="3600") as (
            store, town, installation,
        ):  # fmt: skip
            worker = installation.start("worker", "--id", "w1")
            works(store, town, worker, installation)
            until(lambda: not jobs.active(store), lambda: installation.log)
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'engine'"
            operator.execute(text("ALTER ROLE engine SET synchronous_commit = on"))
            operator.execute(text(end))  # those that it begins now wait at each commit
            head = git_repo.commit("Later. (#3)", {"train.py": "rate = 0.3\n"})
            job = jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, town.repository)

            def taken() -> bool:  # others see what was committed when its session no longer waits
                operator.execute(text(end + " AND wait_event = 'SyncRep'"))
                state = text("SELECT status FROM dbos.workflow_status WHERE workflow_uuid = :job")
                return operator.execute(state, {"job": job}).scalar() == "PENDING"

            until(taken, lambda: installation.log)
            operator.execute(text("ALTER ROLE engine RESET synchronous_commit"))
            operator.execute(text(end))
            wait_until_read(store, town, head, installation)
            assert worker.poll() is None, installation.log
            with store.read() as session:
                until(lambda: not jobs.active(store), lambda: installation.log)
                assert session.scalar(select(Job.state).where(Job.id == job)) == "done"
    server.dispose()


@pytest.mark.slow
@pytest.mark.postgres
def test_a_worker_that_cannot_start_says_so(cluster: PostgresCluster, git_repo: GitRepo, tmp_path: Path) -> None:
    """When the database goes away while the engine starts, the worker ends with a sentence; who watches over it starts
    it again."""
    cluster.start(DURABLE)
    nowhere = f"postgresql+psycopg://tester@127.0.0.1:{free_port()}/postgres"
    with installed(cluster, git_repo, tmp_path, JOBS_DATABASE_URL=nowhere) as (_store, _town, installation):
        done = installation.run("worker", "--id", "w1")
        assert done.returncode == 2
        assert "The job engine cannot start" in done.stderr
