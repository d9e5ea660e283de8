"""Jobs survive what happens to workers, and each has its effect once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import DROPPED, Dropped, Watch
from release_mgmt.services import jobs
from release_mgmt.store.models.jobs import Job, Worker
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.support.waiting import LIMIT, until

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[2]

# A worker with steps that count their effect in the database: transactional, so that a repeated step counts once.
WORKER = """
import itertools, signal, sys, threading, time
from contextlib import contextmanager
from datetime import timedelta
from sqlalchemy import update
from release_mgmt.core.errors import Unavailable
from release_mgmt.jobs.worker import leave, work
from release_mgmt.settings import Settings
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store

from release_mgmt import clock
from release_mgmt.jobs import worker as module

database, engine, worker, pause, step, most = sys.argv[1:7]
module.BEAT, module.SILENCE, module.LONG_SILENT = 0.5, 6.0, 3.0  # all that waits for a worker, five times as fast
if most == "0":  # its first step does not end
    module.PATIENCE = 1
if step != "0":  # this machine's clock is set, a second after the worker began
    module.SILENCE, module.LONG_SILENT = 12.0, 10.0  # a busy machine may let a worker that lives wait for seconds
    true, begun = clock.now, time.monotonic()
    clock.now = lambda: true() + timedelta(seconds=float(step) if time.monotonic() > begun + 1 else 0)
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
store = Store(database, lock_timeout=120)
begun_here = itertools.count(1)

def touch(task):
    time.sleep(float(pause))
    while next(begun_here) > int(most):  # here it is killed
        time.sleep(600)
    with store.write() as session:
        row = session.get(Repository, task.subject)
        if task.job not in row.diagnostics:
            row.diagnostics = [*row.diagnostics, task.job]
    return {"touched": task.subject}

def once(task):
    with store.write() as session:
        row = session.get(Repository, task.subject)
        row.diagnostics = [*row.diagnostics, f"{worker} {task.job}"]
    time.sleep(float(pause))
    return {}

def slow(task):
    for done in range(600):
        task.report(done, 600)
        time.sleep(float(pause))
    return {}

def away(*_):
    raise Unavailable("The database is away.")

if worker == "away":
    module.services.finish = away
settings = Settings(database_url=database, jobs_database_url=engine, worker_id=worker, worker_threads=4)
begin = {"slow": slow, "touch": touch}.get(worker, once if step != "0" else touch)
left = work(settings, store, stop, {"sync": begin, "classify": touch})
if left:
    leave(left)
"""


@pytest.fixture
def engine_url(database_url: str, tmp_path: Path) -> str:
    """Where the engine of the tests keeps its tables."""
    return database_url if database_url.startswith("postgresql") else f"sqlite:///{tmp_path / 'jobs.db'}"


def add_repositories(store: Store, count: int) -> None:
    now = clock.now()
    with store.write() as session:
        for number in range(count):
            session.add(
                Repository(
                    id=f"r_{number}", name=f"repo-{number}", location=f"/nowhere/{number}", settings={}, diagnostics=[],
                    adopted_at=now, created_at=now, updated_at=now, sync_due_at=now,
                )
            )  # fmt: skip


STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def no_worker_stays() -> Iterator[None]:
    """A test that fails half-way leaves no worker behind."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            kill(process)


def start(
    store: Store, engine_url: str, worker: str = "w1", pause: float = 0.02, step: int = 0, most: int = 100_000
) -> subprocess.Popen[bytes]:
    """A worker whose steps take ``pause`` seconds; the one after ``most`` steps never ends."""
    command = [sys.executable, "-c", WORKER, store.url, engine_url, worker, str(pause), str(step), str(most)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    made = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    STARTED.append(made)
    return made


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, errors.decode()[-2000:]


@contextmanager
def working(store: Store, engine_url: str, worker: str = "w1", pause: float = 0.02) -> Iterator[None]:
    """A worker that lives as long as the block, and then ends as it is told."""
    process = start(store, engine_url, worker, pause)
    try:
        yield
    finally:
        stop(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def states(store: Store) -> dict[str, int]:
    with store.read() as session:
        rows = session.execute(select(Job.state, func.count()).where(Job.kind == pipeline.REFRESH).group_by(Job.state))
        return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs to the type checker


def wait_for(store: Store, state: str, count: int) -> None:
    until(lambda: states(store).get(state, 0) >= count, lambda: states(store))


@pytest.mark.parametrize("count", [40, pytest.param(150, marks=pytest.mark.long)])
def test_no_job_is_lost_or_doubled_when_workers_are_killed(store: Store, engine_url: str, count: int) -> None:
    """The worker is killed 4 times in the midst of its jobs: each is done once, its effect is there once."""
    add_repositories(store, count)
    for finished in (count // 13, count // 4, count // 2, count * 2 // 3):
        missing = max(0, finished - states(store).get("done", 0))
        process = start(store, engine_url, most=2 * missing + 4)  # two steps a job, four threads
        wait_for(store, "done", finished)
        kill(process)
    assert states(store).get("done", 0) < count, "the last kill must come in the midst of work"
    with working(store, engine_url):
        wait_for(store, "done", count)
    assert states(store) == {"done": count}
    with store.read() as session:
        touched = session.scalars(select(Repository.diagnostics)).all()
        made = session.scalars(select(Job.id).where(Job.kind == pipeline.REFRESH)).all()
    assert sorted(job for one in touched for job in one) == sorted(made)


def test_what_a_dead_worker_had_begun_is_taken_over(store: Store, engine_url: str) -> None:
    """A worker that never returns loses its job to another once it was silent long enough."""
    add_repositories(store, 1)
    process = start(store, engine_url, "lost", pause=600)
    wait_for(store, "running", 1)
    kill(process)
    with store.write() as session:  # half a minute passes
        session.execute(update(Worker).values(heartbeat_at=clock.now() - timedelta(seconds=31)))
    with working(store, engine_url, "other"):
        wait_for(store, "done", 1)


def test_who_is_told_to_stop_ends_in_the_midst_of_a_long_job_and_leaves_it_to_others(
    store: Store, engine_url: str
) -> None:
    """A step that does not end in time keeps no process alive; its worker is known to live as long as it runs it."""
    add_repositories(store, 1)
    process = start(store, engine_url, "stuck", most=0)
    wait_for(store, "running", 1)
    stop(process)
    assert states(store) == {"running": 1}
    with working(store, engine_url, "other"):
        wait_for(store, "done", 1)


def test_a_job_whose_end_the_database_could_not_be_told_is_tried_for_ever(one_store: Store, tmp_path: Path) -> None:
    """That a database is away passes by itself: no person need look, however often it was so."""
    add_repositories(one_store, 1)
    (job,) = jobs.take_due(one_store, clock.now(), timedelta(hours=1))
    with one_store.write() as session:
        session.get_one(Job, job).attempts = 100
    with working(one_store, f"sqlite:///{tmp_path / 'jobs.db'}", "away"):
        wait_for(one_store, "failed", 1)
    message = jobs.get(one_store, OPERATOR, job).message
    assert message == "The job engine gave up (error) while the job was running."


@pytest.mark.slow
@pytest.mark.parametrize("step", [3600, pytest.param(-3600, marks=pytest.mark.long)])
def test_a_clock_that_is_set_takes_no_job_from_a_worker_that_lives(one_store: Store, tmp_path: Path, step: int) -> None:
    """Two workers whose clocks are set an hour, each another way: a long job stays where it is and runs once."""
    store, engine_url = one_store, f"sqlite:///{tmp_path / 'jobs.db'}"
    add_repositories(store, 1)
    first = start(store, engine_url, "first", pause=15, step=step)
    wait_for(store, "running", 1)
    second = start(store, engine_url, "second", pause=0.1, step=-step)
    try:
        wait_for(store, "done", 1)
    finally:
        kill(first)
        kill(second)
    with store.read() as session:
        ran = session.scalars(select(Repository.diagnostics)).one()
    runs = [one.split() for one in ran if " " in one]
    assert runs[0][0] == "first"
    assert len({job for _, job in runs}) == len(runs), "each job ran once; the later ones are turns of a set clock"


def test_who_is_silent_is_judged_by_a_steady_clock() -> None:
    """Only a heartbeat that does not move is silence; what the wall clocks say of it shortens the wait at most."""
    at = 0.0
    watch = Watch(lambda: at)
    now = clock.now()
    moving, future, old = now, now + timedelta(days=1), now - timedelta(hours=1)
    seen: dict[str, float] = {}
    for second in range(40):
        at = float(second)
        moving += timedelta(seconds=1)
        wall = now + timedelta(hours=5 if second > 20 else 0)  # the clock is set
        for worker in watch.silent({"moving": moving, "future": future, "old": old}, wall):
            seen.setdefault(worker, at)
    assert seen == {"old": 15.0, "future": 30.0}


def test_a_job_is_dropped_when_it_was_so_at_every_look_of_a_while() -> None:
    """A job that is begun or ends just now is between two states for a moment: that counts from anew each time."""
    at = 0.0
    dropped = Dropped(lambda: at)
    assert dropped.for_long(["a", "b"]) == []
    at = DROPPED - 1
    assert dropped.for_long(["a"]) == []
    at = DROPPED
    assert dropped.for_long(["a", "b"]) == ["a"]
    at = 2 * DROPPED
    assert dropped.for_long(["b"]) == ["b"]


@pytest.mark.sqlite("the engine's file is lost; on PostgreSQL the engine's tables go with the domain's")
def test_losing_the_engines_tables_loses_nothing(one_store: Store, tmp_path: Path) -> None:
    """With the engine's file deleted, jobs that waited are enqueued again from the domain rows."""
    add_repositories(one_store, 3)
    assert len(jobs.take_due(one_store, clock.now(), timedelta(hours=1))) == 3
    with working(one_store, f"sqlite:///{tmp_path / 'new-engine.db'}"):
        wait_for(one_store, "done", 3)


def test_a_running_job_can_be_cancelled_and_replayed(one_store: Store, tmp_path: Path) -> None:
    """Progress is visible while it runs; a request to cancel stops it; replay makes a new job."""
    add_repositories(one_store, 1)
    with working(one_store, f"sqlite:///{tmp_path / 'jobs.db'}", "slow", pause=0.5):
        wait_for(one_store, "running", 1)
        job = jobs.search(one_store, OPERATOR, kind=pipeline.REFRESH).items[0]
        until(lambda: jobs.get(one_store, OPERATOR, job.id).done)
        seen = jobs.get(one_store, OPERATOR, job.id)
        assert (seen.step, seen.total) == ("sync", 600)
        jobs.cancel(one_store, OPERATOR, clock.now(), job.id)
        wait_for(one_store, "cancelled", 1)
        again = jobs.replay(one_store, OPERATOR, clock.now(), job.id)
        assert again.id != job.id
        jobs.cancel(one_store, OPERATOR, clock.now(), again.id)
        wait_for(one_store, "cancelled", 2)


def test_due_repositories_are_taken_once(store: Store) -> None:
    """A turn is taken by one caller, a running job blocks the next, and failures set the next try."""
    add_repositories(store, 2)
    now = clock.now()
    first = jobs.take_due(store, now, timedelta(minutes=5))
    assert len(first) == 2
    assert jobs.take_due(store, now, timedelta(minutes=5)) == []
    assert jobs.enqueue(store, OPERATOR, now, pipeline.REFRESH, "r_0") in first
    jobs.begin(store, now, first[0])
    assert jobs.fail(store, now, first[0], "The forge is down.", passing=True) == "failed"
    assert jobs.take_due(store, now + timedelta(seconds=29), timedelta(minutes=5)) == []
    second = jobs.take_due(store, now + timedelta(seconds=30), timedelta(minutes=5))
    assert len(second) == 1
    assert jobs.get(store, OPERATOR, second[0]).attempts == 1


def test_a_job_over_its_deadline_is_ended_and_tried_again(store: Store) -> None:
    """It does not block its repository for ever, and what its hanging step tells later changes nothing."""
    add_repositories(store, 1)
    now = clock.now()
    (job,) = jobs.take_due(store, now, timedelta(hours=1))
    jobs.begin(store, now, job)
    assert jobs.end_overdue(store, now + timedelta(hours=6), timedelta(hours=6)) == []
    late = now + timedelta(hours=6, seconds=1)
    assert jobs.end_overdue(store, late, timedelta(hours=6)) == [job]
    ended = jobs.get(store, OPERATOR, job)
    assert (ended.state, ended.cancel_requested) == ("failed", True)
    assert ended.message == "It ran longer than 6 hours and was ended."
    assert not jobs.progress(store, late, job, step="classify")
    assert not jobs.finish(store, late, job)
    assert jobs.get(store, OPERATOR, job).state == "failed"
    assert len(jobs.take_due(store, late + timedelta(minutes=1), timedelta(hours=1))) == 1


def test_turns_that_were_set_before_the_clock_went_back_are_due(store: Store) -> None:
    """The clock was a day ahead and is set right: work goes on at once, not in a day."""
    add_repositories(store, 1)
    now = clock.now()
    ahead = now + timedelta(days=1)
    (job,) = jobs.take_due(store, ahead, timedelta(minutes=5))
    jobs.begin(store, ahead, job)
    jobs.finish(store, ahead, job)
    assert len(jobs.take_due(store, now, timedelta(minutes=5))) == 1
    assert jobs.take_due(store, now, timedelta(minutes=5)) == []


def test_what_cannot_pass_by_itself_ends_dead_and_stays_until_replayed(one_store: Store) -> None:
    """Five failures in a row that waiting cannot mend: dead, no more tries; a forge that is down is tried for ever."""
    add_repositories(one_store, 1)
    now = clock.now()
    for attempt in range(1, 6):
        (job,) = jobs.take_due(one_store, now, timedelta(hours=2))
        assert jobs.fail(one_store, now, job, "Not a repository.", passing=False) == (
            "dead" if attempt == 5 else "failed"
        )
        now += timedelta(hours=1)
    assert jobs.take_due(one_store, now + timedelta(days=1), timedelta(hours=2)) == []
    replayed = jobs.replay(one_store, OPERATOR, now, job)
    assert (replayed.state, replayed.attempts) == ("queued", 0)
    assert not pipeline.gives_up(1000, passing=True)
    assert pipeline.wait_after(1000) == timedelta(hours=1)
