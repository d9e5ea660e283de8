"""The worker: carries out jobs and looks, again and again, whether domain rows and the engine still agree."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

import structlog
from sqlalchemy.exc import DBAPIError

from release_mgmt import __version__, clock, traces
from release_mgmt.core import pipeline
from release_mgmt.core.errors import ReleaseMgmtError, Unavailable
from release_mgmt.jobs import meters
from release_mgmt.jobs.engine import Engine, Plan
from release_mgmt.jobs.handlers import ACTOR, HANDLERS, Cancelled, Handler, Work
from release_mgmt.services import Store, tending
from release_mgmt.services import jobs as services
from release_mgmt.settings import Settings

log = structlog.get_logger(__name__)

BEAT = 5.0
SILENCE = 30.0
LONG_SILENT = 3 * BEAT
DROPPED = 3 * BEAT
PATIENCE = 20  # seconds: less than what stops services (30 and more) gives before it kills
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Runner:
    """Carries out one job, step by step, and keeps in its row what came of it."""

    store: Store
    settings: Settings
    handlers: dict[str, Handler]

    def steps(self, job: str) -> list[str]:
        """The steps of a job that has a handler each; empty when the job must not run."""
        begun = services.begin(self.store, clock.now(), job)
        if begun is None:
            return []
        kind, _ = begun
        return [step.name for step in pipeline.STEPS.get(kind, ()) if step.name in self.handlers]

    def run(self, job: str, step: str) -> bool:
        """One step; whether to go on. What goes wrong is kept in the job's row, never raised to the engine."""
        begun = services.begin(self.store, clock.now(), job)
        if begun is None:
            return False
        kind, subject = begun
        bound = log.bind(job_id=job, kind=kind, subject=subject, step=step)
        begun_at, outcome = time.perf_counter(), "failed"
        try:
            work = Work(self.store, self.settings, job, subject, kind)
            work.enter(step)
            with traces.span(f"job {step}", {"job.id": job, "job.kind": kind, "job.subject": subject}):
                result = self.handlers[step](work)
            services.keep(self.store, clock.now(), job, step, result)
            outcome = "failed" if result.get("error") else "done"  # a source that is down fails no job of its own
        except Cancelled:
            outcome = "cancelled"
            services.cancelled(self.store, clock.now(), job)
            bound.info("job cancelled")
            return False
        except ReleaseMgmtError as error:
            told = f"{error.message} {error.hint or ''}".strip()
            state = services.fail(self.store, clock.now(), job, told, passing=isinstance(error, Unavailable))
            bound.warning("job failed", error=error.message, state=state)
            return False
        except Exception as error:  # noqa: BLE001 - a fault of ours in one job must not stop the others
            told = f"Something went wrong on our side ({type(error).__name__}). The log tells more."
            state = services.fail(self.store, clock.now(), job, told, passing=False)
            bound.error("job failed", state=state, exc_info=error)
            return False
        finally:
            meters.ended(kind, step, outcome, time.perf_counter() - begun_at)
        bound.info("step done")
        return True

    def finish(self, job: str) -> None:
        """The last write: the job is done, once, whatever was run again before."""
        services.finish(self.store, clock.now(), job)


def run_here(store: Store, settings: Settings, job: str, tell: Callable[[str], None]) -> None:
    """Carry out one job in this process, without the engine: for a command line where no worker lives."""
    runner = Runner(store, settings, HANDLERS)
    for step in runner.steps(job):
        tell(step)
        if not runner.run(job, step):
            return
    runner.finish(job)


@dataclass(slots=True)
class Dropped:
    """Jobs that the engine says this worker runs, and it does not (:class:`release_mgmt.jobs.engine.Seen`)."""

    steady: Callable[[], float] = time.monotonic
    since: dict[str, float] = field(default_factory=dict)

    def for_long(self, jobs: Iterable[str]) -> list[str]:
        """Those among ``jobs``, the dropped ones of this look, that were so at every look of a while."""
        at = self.steady()
        self.since = {job: self.since.get(job, at) for job in jobs}
        return [job for job, since in self.since.items() if at - since >= DROPPED]


def reconcile(store: Store, engine: Engine, settings: Settings, dropped: Dropped) -> int:
    """One look: make jobs of what is due, give the engine what it does not know or dropped, end what it gave up.

    Returns how many jobs were put in the engine's queue.
    """
    tending.process_deliveries(store, clock.now())
    tending.enqueue_due(store, ACTOR, clock.now(), timedelta(seconds=settings.sync_every))
    tending.enqueue_messages(store, clock.now(), timedelta(seconds=settings.message_settle))
    overdue = services.end_overdue(store, clock.now(), timedelta(minutes=settings.job_deadline))
    if overdue:
        log.warning("jobs ran too long", jobs=overdue)
    active = services.active(store)
    known = engine.states(active)
    sent = 0
    for job, (_, state) in active.items():
        seen = known.get(job)
        if seen is None:
            engine.enqueue(job)
            sent += 1
        elif engine.ended(seen.state):
            message = f"The job engine gave up ({seen.state.lower()}) while the job was {state}."
            services.fail(store, clock.now(), job, message, passing=engine.broke_off(seen.state))
    for job in dropped.for_long(job for job, seen in known.items() if seen.dropped):
        log.warning("queued a job again that nobody ran", job_id=job)
        engine.queue_again(job)
        sent += 1
    return sent


@dataclass(slots=True)
class Watch:
    """Which workers are silent, judged by the steps of their heartbeat and not by wall clocks.

    Clocks are set, and those of two machines differ: a worker is silent when its heartbeat did not move for half a
    minute of our own steady clock; for a quarter of one where it was old already when we looked first (the worker had
    ended before we began).
    """

    steady: Callable[[], float] = time.monotonic
    seen: dict[str, tuple[datetime, float]] = field(default_factory=dict)

    def silent(self, beats: Mapping[str, datetime], now: datetime) -> list[str]:
        """The silent ones among ``beats`` (worker -> last heartbeat), at ``now``."""
        at = self.steady()
        before, self.seen = self.seen, {}
        found = []
        for worker, beat in beats.items():
            known = before.get(worker)
            since = known[1] if known is not None and known[0] == beat else at
            self.seen[worker] = (beat, since)
            patience = LONG_SILENT if now - beat > timedelta(seconds=SILENCE) else SILENCE
            if at - since >= patience:
                found.append(worker)
        return found


def take_over(store: Store, engine: Engine, watch: Watch) -> None:
    """Resume what workers without a sign of life had begun."""
    silent = watch.silent(services.heartbeats(store), clock.now())
    if silent:
        taken = engine.resume(silent)
        services.forget_workers(store, silent)
        log.warning("took over from silent workers", workers=silent, jobs=taken)


def _beat(store: Store, worker: str, ended: threading.Event) -> None:
    """Say every few seconds that this worker lives; a busy database is no reason to stop saying so."""
    while True:
        try:
            services.heartbeat(store, clock.now(), worker, __version__)
        except ReleaseMgmtError as error:
            log.warning("no heartbeat", error=error.message)
        if ended.wait(BEAT):
            return


def work(
    settings: Settings, store: Store, stop: threading.Event, handlers: dict[str, Handler] | None = None
) -> set[str]:
    """Work until ``stop`` is set; then let running jobs end, and say until then that this worker lives.

    Returns the jobs that still ran after :data:`PATIENCE` seconds; :func:`leave` with them.

    :raises Unavailable: when the engine cannot start, because its database went away just now.
    """
    runner = Runner(store, settings, HANDLERS if handlers is None else handlers)
    plan = Plan(runner.steps, runner.run, runner.finish)
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(store, settings.worker_id, ended), name="heartbeat", daemon=True)
    beating.start()
    try:
        engine = Engine(settings.jobs_database, worker=settings.worker_id, threads=settings.worker_threads, plan=plan)
    except DBAPIError as error:
        raise Unavailable(
            "The job engine cannot start: its database cannot be reached.",
            hint="Check that it runs and that jobs_database_url is right; then start the worker again.",
        ) from error
    log.info("worker started", worker=settings.worker_id)
    watch, dropped = Watch(), Dropped()
    cleaned = clock.now() - HOUR
    try:
        while not stop.is_set():
            try:
                take_over(store, engine, watch)
                reconcile(store, engine, settings, dropped)
                if abs(clock.now() - cleaned) >= HOUR:
                    cleaned = clock.now()
                    engine.forget_before(cleaned - timedelta(days=settings.keep_jobs_days))
            except (Unavailable, DBAPIError) as error:  # the database is away for a moment: look at the next turn
                log.warning("cannot look for work", error=type(error).__name__)
            stop.wait(settings.reconcile_every)
    finally:
        left = engine.close(PATIENCE)
        ended.set()
        beating.join(timeout=BEAT)
        log.info("worker stopped", worker=settings.worker_id)
    return left


def leave(jobs: set[str]) -> NoReturn:
    """End this process in the midst of ``jobs``, as a crash would: whoever works next takes them up after their last
    step. Python alone would wait for their threads, silent, while another worker does the same again."""
    log.warning("left in the midst of jobs", jobs=sorted(jobs))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
