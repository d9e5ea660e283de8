"""Kill -9 at random points of the real work: what is stored ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import audit, calendars, jobs, repositories
from release_mgmt.settings import Settings
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.store.models import Base
from release_mgmt.store.models.jobs import Job
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.support.steady import steady
from tests.support.waiting import LIMIT, until

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[2]
# What must come out the same; the columns left out hold instants, or ids that are drawn.
COMPARED = {
    "tags": ("name", "sha", "moved", "gone_at"),
    "releases": ("id", "version", "previous_id", "position", "changes", "majors"),
    "commits": ("sha", "parents", "subject"),
    "changes": ("id", "title", "state", "level", "kind", "release_id", "rank"),
    "change_commits": ("change_id", "sha", "position"),
    "classifications": ("change_id", "level", "kind", "rule"),
    "publications": ("repository", "version", "revision", "state"),
    "placements": ("change_id", "window"),
}


def history(repo: GitRepo, rounds: range) -> None:
    for number in rounds:
        repo.commit(f"Tune {number}. (#{number + 1})", {"train.py": f"import numpy\nrate = 0.{number}\n"})
        repo.commit(f"Use library {number}.", {"requirements.txt": "".join(f"lib{n}==1\n" for n in range(number + 1))})
        repo.tag(f"v1.{number}.0")


def outcome(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    with store.read() as session:
        for name, columns in COMPARED.items():
            table = Base.metadata.tables[name]
            rows = session.execute(select(*(table.c[one] for one in columns))).all()
            found[name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def make(store: Store, repo: GitRepo) -> str:
    allowed = repositories.policy((str(repo.path.parent),), ())
    document = load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0]
    calendars.apply(store, OPERATOR, clock.now(), document)
    return repositories.register(
        store, OPERATOR, clock.now(), location=str(repo.path), allowed=allowed,
        adopted_at=clock.now() - timedelta(days=3000),
    ).id  # fmt: skip


def worker(store: Store, data: Path, begun: float) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RELEASE_MGMT_DATA_DIR": str(data),
        "RELEASE_MGMT_DATABASE_URL": store.url, "RELEASE_MGMT_SYNC_EVERY": "10", "RELEASE_MGMT_LOG_LEVEL": "error",
        "RELEASE_MGMT_LOCK_TIMEOUT": "120",
        "RELEASE_MGMT_REPOSITORY_ROOTS": str(data.parent),
    }  # fmt: skip
    command = [sys.executable, "-c", "from tests.support.steady import work; work()", str(begun)]
    return subprocess.Popen(command, env=environment, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def carry_through(store: Store, data: Path, repo: GitRepo, repository: str, kills: int, begun: float) -> None:
    """Kill the worker ``kills`` times at random while history grows, then let it finish."""
    chance = random.Random(kills)
    for kill in range(kills):
        if kill % 4 == 3:
            history(repo, range(3 + kill // 4, 4 + kill // 4))
        with store.write() as session:
            session.execute(update(Repository).values(sync_due_at=clock.now()))
        process = worker(store, data, begun)
        time.sleep(1.2 + 1.6 * chance.random())
        process.kill()
        process.wait()
    with store.write() as session:
        session.execute(update(Repository).values(sync_due_at=clock.now()))
    process = worker(store, data, begun)
    try:
        head, tags = repo.git("rev-parse", "HEAD"), len(repo.git("tag").splitlines())

        def caught_up() -> bool:
            view = repositories.get(store, OPERATOR, "repo")
            active = Job.state.in_(jobs.ACTIVE), Job.kind == pipeline.REFRESH, Job.subject == repository
            with store.read() as session:
                busy = session.scalar(select(Job.id).where(*active))
            return view.head_sha == head and busy is None and view.releases == tags

        until(caught_up, lambda: repositories.get(store, OPERATOR, "repo"), pause=0.3)
    finally:
        process.terminate()
        process.wait(LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [12, pytest.param(200, marks=pytest.mark.long)])
def test_kills_at_random_points_change_nothing(
    one_store: Store, settings: Settings, git_repo: GitRepo, tmp_path: Path, sqlite_template: Path, kills: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After any number of kills everything read, judged, placed and published is as without them, and audited whole."""
    begun = time.monotonic()
    monkeypatch.setattr(clock, "now", steady(begun))
    history(git_repo, range(3))
    (tmp_path / "killed").mkdir()
    repository = make(one_store, git_repo)
    carry_through(one_store, tmp_path / "killed", git_repo, repository, kills, begun)
    run_here(
        one_store, replace(settings, data_dir=str(tmp_path / "killed")),
        jobs.enqueue(one_store, OPERATOR, clock.now(), pipeline.REFRESH, repository), lambda _: None,
    )  # fmt: skip

    quiet = tmp_path / "quiet.db"
    quiet.write_bytes(sqlite_template.read_bytes())
    control = Store(f"sqlite:///{quiet}")
    make(control, git_repo)
    with control.write() as session:  # the ids of changes begin with the repository's
        session.execute(update(Repository).values(id=repository))
    calm = replace(settings, data_dir=str(tmp_path / "calm"), database_url=control.url)
    job = jobs.enqueue(control, OPERATOR, clock.now(), pipeline.REFRESH, repository)
    run_here(control, calm, job, lambda _: None)
    assert jobs.get(control, OPERATOR, job).state == "done"
    wanted = outcome(control)
    assert all(wanted.values()), {name: len(rows) for name, rows in wanted.items()}
    assert outcome(one_store) == wanted
    assert audit.verify_chain(one_store, OPERATOR).fault is None
    control.close()
