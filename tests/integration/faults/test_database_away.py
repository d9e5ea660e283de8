"""The disk is full, the database is restarted in the midst of requests: refused or done, never half, never wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import text

from release_mgmt.services import audit, teams
from release_mgmt.store import migrate
from release_mgmt.store.session import Store
from tests.conftest import GitRepo, PostgresCluster
from tests.integration.faults.town import OPERATOR, Town, settle, works
from tests.support.ports import free_port
from tests.support.served import Installation, Reply
from tests.support.waiting import LIMIT, until

WINDOW_CLOSED, CANNOT_TELL = 1, 3
DURABLE = "-c synchronous_commit=on"


def gate(installation: Installation, town: Town) -> int:
    """The exit code of a pipeline that asks before it deploys."""
    return installation.run(
        "gate", "--server", f"http://127.0.0.1:{installation.port}", "--repository", "repo", "--change", town.change,
        "--environment", "prod",
    ).returncode  # fmt: skip


def sound(reply: Reply, *good: int) -> None:
    """Done, or refused with the time to come again; a connection that broke (0) promises nothing."""
    assert reply.status in {0, 503, *good}, (reply.status, reply.body[:300])
    if reply.status == 503:
        assert int(reply.headers["Retry-After"]) >= 1
        assert b"VCALENDAR" not in reply.body


class Askers:
    """Threads that read, write and fetch a feed until they are told to stop, and keep what they were answered."""

    def __init__(self, installation: Installation, town: Town) -> None:
        self.installation, self.town = installation, town
        self.stopping = threading.Event()
        self.seen: Counter[tuple[str, int]] = Counter()
        self.made: list[str] = []
        self.faults: list[AssertionError] = []
        jobs_of = (self.write, self.read, self.feed)
        self.threads = [threading.Thread(target=self._until_stopped, args=(work,)) for work in jobs_of]

    def _until_stopped(self, work: object) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            try:
                work(number)  # type: ignore[operator]
            except AssertionError as fault:
                self.faults.append(fault)
                return
            time.sleep(0.01)

    def write(self, number: int) -> None:
        slug = f"team-{number}"
        reply = self.installation.ask("/api/v1/teams", {"slug": slug, "name": slug})
        self.seen["write", reply.status] += 1
        sound(reply, 201)
        if reply.status == 201:
            self.made.append(slug)

    def read(self, _number: int) -> None:
        reply = self.installation.ask("/api/v1/changes")
        self.seen["read", reply.status] += 1
        sound(reply, 200)

    def feed(self, _number: int) -> None:
        reply = self.installation.ask(self.town.feed)
        self.seen["feed", reply.status] += 1
        sound(reply, 200)
        if reply.status == 200:
            assert reply.body.rstrip().endswith(b"END:VCALENDAR")

    def answered(self, write: int, read: int, feed: int) -> None:
        """Wait until each has been answered so five times more."""
        wanted = {(kind, status): self.seen[kind, status] + 5 for kind, status in
                  (("write", write), ("read", read), ("feed", feed))}  # fmt: skip
        until(
            lambda: self.faults or all(self.seen[one] >= count for one, count in wanted.items()),
            lambda: (self.seen, self.installation.log[-3000:]),
        )

    def __enter__(self) -> Self:
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for one in self.threads:
            one.join(LIMIT)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_database_that_crashes_in_mid_request_costs_no_answer_that_was_given(
    cluster: PostgresCluster, git_repo: GitRepo, tmp_path: Path
) -> None:
    """PostgreSQL crashes twice under reads, writes, feeds and a worker: what was confirmed is there, the rest was
    refused, the gate's pipeline is told nothing it could take for a yes, and web processes go on without a restart."""
    cluster.start(DURABLE)
    url = f"{cluster.url}/postgres"
    migrate.upgrade(url)
    store = Store(url)
    (tmp_path / "data").mkdir()
    town = settle(store, git_repo, tmp_path / "data")
    installation = Installation(tmp_path / "data", url, token=town.token)
    try:
        installation.serve("--no-worker")
        worker = installation.start("worker", "--id", "w1")
        works(store, town, worker, installation)
        assert gate(installation, town) == WINDOW_CLOSED
        with Askers(installation, town) as askers:
            for _ in range(2):
                askers.answered(201, 200, 200)
                cluster.stop()
                askers.answered(503, 503, 503)
                assert gate(installation, town) == CANNOT_TELL
                assert installation.ask("/healthz").status == 200
                assert installation.ask("/readyz").status == 503
                cluster.start(DURABLE)
            askers.answered(201, 200, 200)
        assert askers.faults == [], installation.failures
        assert installation.ask("/readyz").status == 200
        assert gate(installation, town) == WINDOW_CLOSED
        kept = {team.slug for team in teams.every(store, OPERATOR, archived=False)}
        assert set(askers.made) <= kept
        assert len(askers.made) > 10
        assert audit.verify_chain(store, OPERATOR).fault is None
        assert worker.poll() is None, installation.log[-6000:]
    finally:
        installation.stop()
        store.close()


def small_disk() -> tuple[str, ...] | None:
    """What runs a command with a full-able disk of its own at ``/mnt``; None where this machine forbids it."""
    if shutil.which("unshare") is None:
        return None
    for rights in (("unshare", "-m"), ("unshare", "-rm")):
        prefix = (*rights, "sh", "-c", 'mount -t tmpfs -o size=12m none /mnt && exec "$@"', "sh")
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    return None


@pytest.mark.slow
def test_a_full_disk_refuses_writes_and_loses_nothing(git_repo: GitRepo, tmp_path: Path, sqlite_url: str) -> None:
    """The embedded installation on a disk of 12 MB that fills up: reads and feeds go on, writes and the gate refuse,
    and with room again everything is as it was."""
    prefix = small_disk()
    if prefix is None:
        pytest.skip("NOT RUN: this machine lets nobody mount a small disk (unshare --mount)")
    store = Store(sqlite_url)
    town = settle(store, git_repo, tmp_path / "data")
    store.close()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    begin = f'cp "{file}" /mnt/release-mgmt.db && exec "$@"'
    installation = Installation(
        tmp_path / "data", "sqlite:////mnt/release-mgmt.db", prefix=(*prefix, "sh", "-c", begin, "sh"),
        settings={"JOBS_DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db"}, token=town.token, port=free_port(),
    )  # fmt: skip
    try:
        installation.serve("--no-worker")
        disk = Path("/proc", str(installation.processes[0].pid), "root", "mnt")
        plain = Installation(tmp_path / "data", "", token=town.token, port=installation.port)
        assert gate(plain, town) == WINDOW_CLOSED
        before = installation.ask(town.feed)
        assert installation.ask("/api/v1/teams", {"slug": "before", "name": "Before"}).status == 201
        with (disk / "ballast").open("wb") as ballast:
            try:
                while True:
                    os.write(ballast.fileno(), bytes(4096))
            except OSError:
                pass
        refused = {}
        for number in range(400):  # what is left of the write-ahead log's last page may still take some
            reply = installation.ask("/api/v1/teams", {"slug": f"team-{number}", "name": "x" * 100})
            refused[f"team-{number}"] = reply
            sound(reply, 201)
            if reply.status == 503:
                break
        assert reply.status == 503
        assert reply.json["detail"] == "The database's disk is full."
        assert gate(plain, town) == CANNOT_TELL
        assert installation.ask("/api/v1/changes").status == 200
        assert installation.ask(town.feed).body == before.body
        (disk / "ballast").unlink()
        assert installation.ask("/api/v1/teams", {"slug": "after", "name": "After"}).status == 201
        assert gate(plain, town) == WINDOW_CLOSED
        kept = {one["slug"] for one in installation.ask("/api/v1/teams").json["items"]}
        wanted = {"before", "after"} | {slug for slug, reply in refused.items() if reply.status == 201}
        assert kept == wanted
        for name in ("release-mgmt.db", "release-mgmt.db-wal"):  # nobody writes now
            shutil.copy(disk / name, tmp_path / name)
        saved = Store(f"sqlite:///{tmp_path / 'release-mgmt.db'}")
        with saved.read() as session:
            assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        assert audit.verify_chain(saved, OPERATOR).fault is None
        saved.close()
    finally:
        installation.stop()
