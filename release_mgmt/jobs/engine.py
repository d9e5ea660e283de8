"""DBOS behind one small module: durable queue and recovery. Nothing else in the product knows it.

The rules that make it safe (each was measured): a stable ``executor_id`` for each worker and a constant application
version, so that a restarted worker takes up what it had begun; own tables in an own file or schema; WAL on SQLite;
workflows named by our job's id, so that enqueueing twice is harmless. DBOS keeps one instance a process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowStatus
from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import event

from release_mgmt.clock import now

QUEUE = "jobs"
VERSION = "1"
MOST_RECOVERIES = 10
_ENDED = {"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}

Steps = Callable[[str], list[str]]
RunStep = Callable[[str, str], bool]
Finish = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a job is carried out: which steps it has (by name), how one runs (whether to go on), and how it ends."""

    steps: Steps
    run: RunStep
    finish: Finish


_plan: Plan | None = None
_running: set[str] = set()
"""The jobs that this process carries out just now."""


def _planned() -> Plan:
    assert _plan is not None, "the engine was not launched"
    return _plan


@DBOS.step(name="steps_of")
def _steps_of(job: str) -> list[str]:
    return _planned().steps(job)


@DBOS.step(name="run_step")
def _run_step(job: str, step: str) -> bool:
    return _planned().run(job, step)


@DBOS.step(name="finish_job")
def _finish(job: str) -> None:
    _planned().finish(job)


@DBOS.workflow(name="carry_out", max_recovery_attempts=MOST_RECOVERIES)
def carry_out(job: str) -> None:
    """Run a job's steps in order; steps that were finished before a crash are not run again."""
    _running.add(job)
    try:
        for step in _steps_of(job):
            if not _run_step(job, step):
                return
        _finish(job)
    finally:
        _running.discard(job)


def _teach_unixepoch(connection: object, _record: object) -> None:
    """Whole seconds will do: so DBOS has it before Python 3.12."""
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, lambda _subsec: int(now().timestamp()))


def _prepare_sqlite(url: str) -> None:
    """WAL lasts in the file: with it, a commit under load takes a quarter of the time.

    From Python 3.12 on DBOS takes it that SQLite knows ``unixepoch('subsec')``, which came with SQLite 3.42; with an
    older library (Debian 12 has 3.40) its first insert would fail, so the function is given to its connections.
    """
    if sqlite3.sqlite_version_info < (3, 42):
        event.listen(DatabaseEngine, "connect", _teach_unixepoch)
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as the engine has it: its state, and whether this worker is said to run it and does not.

    That is so for a moment while a job is taken from the queue or ends. It stays so where the database broke off while
    the engine took the job: the server had kept that, the engine was told of an error, and would not look again.
    """

    state: str
    dropped: bool


class Engine:
    """The worker's side of the engine. ``close`` waits for what runs, at most ``wait`` seconds."""

    def __init__(self, url: str, *, worker: str, threads: int, plan: Plan) -> None:
        global _plan  # noqa: PLW0603 - DBOS finds workflows by name in the process, so there is one plan a process
        _plan = plan
        self._worker = worker
        if url.startswith("sqlite"):
            _prepare_sqlite(url)
        settings: DBOSConfig = {
            "name": "release-mgmt",
            "system_database_url": url,
            "application_version": VERSION,
            "executor_id": worker,
            "log_level": "WARNING",
            "console_log_level": "WARNING",
            "enable_otlp": False,
        }
        DBOS(config=settings)
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=threads, polling_interval_sec=0.5, on_conflict="always_update")

    def states(self, jobs: Iterable[str]) -> dict[str, Seen]:
        """What the engine says of these jobs; those it does not know are missing."""
        wanted = list(jobs)
        if not wanted:
            return {}
        found = DBOS.list_workflows(workflow_ids=wanted, load_input=False, load_output=False)
        return {one.workflow_id: Seen(one.status, dropped=self._dropped(one)) for one in found}

    def _dropped(self, workflow: WorkflowStatus) -> bool:
        mine = workflow.status == "PENDING" and workflow.executor_id == self._worker
        return mine and workflow.workflow_id not in _running

    def ended(self, state: str) -> bool:
        """Whether the engine will do nothing more for a job in this state."""
        return state in _ENDED

    def broke_off(self, state: str) -> bool:
        """Whether a job in this state ended by an error that left a step. Steps keep in the job's row what goes wrong
        in them, so it is that of a database that could not be told."""
        return state == "ERROR"

    def enqueue(self, job: str) -> None:
        """Put a job in the engine's queue; the same job twice is one."""
        with SetWorkflowID(job):
            DBOS.enqueue_workflow(QUEUE, carry_out, job)

    def resume(self, workers: Iterable[str]) -> list[str]:
        """Take up what these workers, which will not come back, had begun; the jobs' ids."""
        taken = []
        for worker in workers:
            found = DBOS.list_workflows(executor_id=worker, status="PENDING", load_input=False, load_output=False)
            for one in found:
                self.queue_again(one.workflow_id)
                taken.append(one.workflow_id)
        return taken

    def queue_again(self, job: str) -> None:
        """Let any worker take up a job that one had begun, after its last step that was finished."""
        DBOS.resume_workflow(job, queue_name=QUEUE)

    def forget_before(self, instant: datetime) -> int:
        """Delete the engine's rows of jobs that ended before ``instant``, at most a thousand; how many."""
        ended = DBOS.list_workflows(
            status=sorted(_ENDED), completed_before=instant.isoformat(), limit=1000, load_input=False, load_output=False
        )
        DBOS.delete_workflows([one.workflow_id for one in ended])
        return len(ended)

    def close(self, wait: int) -> set[str]:
        """Stop taking jobs, let what runs end, give the connections back; the jobs that run on all the same."""
        DBOS.destroy(workflow_completion_timeout_sec=wait)
        return set(_running)
