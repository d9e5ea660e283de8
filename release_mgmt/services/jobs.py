"""Jobs as domain rows: what is due, what runs and how far it is. The engine in ``jobs`` only carries them out.

These rows are the truth and the engine's tables are not: everything here can be enqueued again after they are lost.
At most one job of a kind and subject is queued or running, which keeps the order of work on one repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from release_mgmt.core import pipeline
from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Action, Actor, Via, require
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, audit, outbox, turns, visibility
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.jobs import Job, Worker
from release_mgmt.store.models.repositories import Repository

ACTIVE = ("queued", "running")
STATES = (*ACTIVE, "done", "failed", "dead", "cancelled")


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it. ``done`` of ``total`` counts what the present step works through; instants are UTC."""

    id: str
    kind: str
    subject: str
    subject_name: str | None
    state: str
    step: str | None
    done: int
    total: int | None
    attempts: int
    message: str | None
    result: Mapping[str, Any] | None
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool


_COLUMNS = [Repository.name if name == "subject_name" else getattr(Job, name) for name in JobView.__dataclass_fields__]


def _query() -> Any:
    return select(*_COLUMNS).outerjoin(Repository, Repository.id == Job.subject)


def _seen(actor: Actor) -> ColumnElement[bool]:
    """Jobs of repositories that the actor may know of, and of what is no repository."""
    return or_(Repository.id.is_(None), visibility.repositories(actor))


def search(
    store: Store,
    actor: Actor,
    *,
    states: tuple[str, ...] = (),
    repository: str | None = None,
    kind: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[JobView]:
    """Jobs, the newest first. Raises NotFound for a repository that is not there."""
    require(actor, Action.READ_REPOSITORY)
    size = bounded(limit)
    query = _query().where(_seen(actor)).order_by(Job.created_at.desc(), Job.id.desc()).limit(size + 1)
    if states:
        query = query.where(Job.state.in_(states))
    if repository is not None:
        query = query.where(Repository.name == repository)
    if kind is not None:
        query = query.where(Job.kind == kind)
    if cursor is not None:
        instant, job = values(cursor, datetime, str)
        query = query.where(or_(Job.created_at < instant, and_(Job.created_at == instant, Job.id < job)))
    with store.read() as session:
        if repository is not None:
            visibility.require_there(session, actor, repository)
        rows = [JobView(*row) for row in session.execute(query)]
    return page(rows, size, lambda one: (one.created_at, one.id))


def get(store: Store, actor: Actor, job: str) -> JobView:
    """One job by id."""
    require(actor, Action.READ_REPOSITORY)
    with store.read() as session:
        return _load(session, job, _seen(actor))


def _load(session: Session, job: str, *seen: ColumnElement[bool]) -> JobView:
    row = session.execute(_query().where(Job.id == job, *seen)).first()
    if row is None:
        raise NotFound("There is no such job.")
    return JobView(*row)


def cancel(store: Store, actor: Actor, now: datetime, job: str) -> JobView:
    """Ask a job to stop: a queued one never starts, a running one stops at its next look."""
    require(actor, Action.MANAGE_JOBS)
    with store.write() as session:
        found = _load(session, job)
        if found.state not in ACTIVE:
            raise Conflict(f"The job is {found.state} already.")
        session.execute(update(Job).where(Job.id == job, Job.state.in_(ACTIVE)).values(cancel_requested=True))
        session.execute(
            update(Job)
            .where(Job.id == job, Job.state == "queued")
            .values(state="cancelled", finished_at=now, message="Cancelled before it began.")
        )
        audit.record(session, actor, now, action="job.cancel", subject=f"job:{job}")
        return _load(session, job)


def replay(store: Store, actor: Actor, now: datetime, job: str) -> JobView:
    """Do a finished job's work again as a new job, with its failures forgotten."""
    require(actor, Action.MANAGE_JOBS)
    with store.write("jobs") as session:
        found = _load(session, job)
        if found.state in ACTIVE:
            raise Conflict(f"The job is {found.state}.")
        made = _insert(session, now, found.kind, found.subject, actor.person or actor.name)
        audit.record(session, actor, now, action="job.replay", subject=f"job:{job}", after={"job": made})
        return _load(session, made)


def _insert(session: Session, now: datetime, kind: str, subject: str, by: str | None, attempts: int = 0) -> str:
    active = session.scalar(select(Job.id).where(Job.kind == kind, Job.subject == subject, Job.state.in_(ACTIVE)))
    if active is not None:
        return active
    made = f"j_{secrets.token_hex(10)}"
    session.add(
        Job(id=made, kind=kind, subject=subject, state="queued", attempts=attempts, requested_by=by, created_at=now)
    )
    session.flush()
    return made


def enqueue(store: Store, actor: Actor, now: datetime, kind: str, subject: str) -> str:
    """Put a job in the queue and return its id, or the id of the one that waits or runs already."""
    if actor.via not in {Via.JOB, Via.CLI}:
        require(actor, Action.SYNC_REPOSITORY if kind == pipeline.REFRESH else Action.MANAGE_JOBS)
    with store.write("jobs") as session:
        return _insert(session, now, kind, subject, actor.person or actor.name)


def enqueue_unless_failing(store: Store, now: datetime, kind: str, subject: str) -> str | None:
    """As :func:`enqueue` for a job of ours that is looked for every second: after failures it is left alone, longer
    each time (None), and what keeps failing ends dead, so that a person looks."""
    with store.write("jobs") as session:
        last = session.execute(
            select(Job.state, Job.attempts, Job.finished_at)
            .where(Job.kind == kind, Job.subject == subject)
            .order_by(Job.created_at.desc(), Job.id.desc())
            .limit(1)
        ).first()
        failures = last.attempts + 1 if last is not None and last.state in {"failed", "dead"} else 0
        ended = (last.finished_at if last is not None else None) or now
        if failures and ended - pipeline.LONGEST_WAIT < now < ended + pipeline.wait_after(failures):
            return None
        return _insert(session, now, kind, subject, None, failures)


def take_due(store: Store, now: datetime, every: timedelta) -> list[str]:
    """Make a job for each repository that is due, and move its next turn by ``every``; the ids of the new jobs.

    Many workers may call this at once: each turn is taken by one.
    """
    longest = max(every, pipeline.LONGEST_WAIT) + timedelta(minutes=1)
    due = (turns.due(Repository.sync_due_at, now, longest), Repository.archived_at.is_(None))
    with store.read() as session:
        if session.execute(select(Repository.id).where(*due).limit(1)).first() is None:
            return []
    made = []
    with store.write("jobs") as session:
        busy = select(Job.subject).where(Job.kind == pipeline.REFRESH, Job.state.in_(ACTIVE))
        for repository in session.scalars(select(Repository.id).where(*due, Repository.id.not_in(busy))).all():
            last = session.execute(
                select(Job.state, Job.attempts)
                .where(Job.kind == pipeline.REFRESH, Job.subject == repository)
                .order_by(Job.created_at.desc(), Job.id.desc())
                .limit(1)
            ).first()
            failures = last.attempts + 1 if last and last.state == "failed" else 0
            made.append(_insert(session, now, pipeline.REFRESH, repository, None, failures))
            session.execute(update(Repository).where(Repository.id == repository).values(sync_due_at=now + every))
    return made


def last_of(store: Store, kind: str) -> datetime | None:
    """When the newest job of a kind was made."""
    with store.read() as session:
        return session.scalar(select(Job.created_at).where(Job.kind == kind).order_by(Job.created_at.desc()).limit(1))


# --- what a worker tells -----------------------------------------------------------------------------------------


def active(store: Store) -> dict[str, tuple[str, str]]:
    """Jobs that are queued or running: id -> (kind, state)."""
    with store.read() as session:
        rows = session.execute(
            select(Job.id, Job.kind, Job.state).where(Job.state.in_(ACTIVE)).order_by(Job.created_at)
        )
        return {job: (kind, state) for job, kind, state in rows}


def begin(store: Store, now: datetime, job: str) -> tuple[str, str] | None:
    """Mark a job as running and return (kind, subject); None when it must not run (any more)."""
    with store.write() as session:
        row = session.get(Job, job)
        if row is None or row.state not in ACTIVE:
            return None
        row.state = "running"
        row.started_at = row.started_at or now
        row.heartbeat_at = now
        return row.kind, row.subject


def progress(
    store: Store, now: datetime, job: str, *, step: str | None = None, done: int = 0, total: int | None = None
) -> bool:
    """Keep how far a job is; whether it should go on (False: somebody asked it to stop)."""
    given: dict[str, Any] = {"done": done, "total": total, "heartbeat_at": now}
    if step is not None:
        given["step"] = step
    with store.write() as session:
        session.execute(update(Job).where(Job.id == job, Job.state == "running").values(**given))
        return not session.scalar(select(Job.cancel_requested).where(Job.id == job))


def keep(store: Store, now: datetime, job: str, step: str, result: Mapping[str, Any]) -> None:
    """Keep what a step of a running job told."""
    with store.write() as session:
        row = session.get(Job, job)
        if row is not None and row.state == "running":
            row.result = {**(row.result or {}), step: dict(result)}
            row.heartbeat_at = now


def finish(store: Store, now: datetime, job: str) -> bool:
    """Mark a running job as done, once; False when it was finished already."""
    given = {"state": "done", "finished_at": now, "message": None, "step": None}
    with store.write() as session:
        done = session.execute(update(Job).where(Job.id == job, Job.state == "running").values(**given))
        return bool(done.rowcount)  # type: ignore[attr-defined] # an UPDATE's result is a CursorResult


def cancelled(store: Store, now: datetime, job: str) -> None:
    """Mark a running job as cancelled."""
    given = {"state": "cancelled", "finished_at": now, "message": "Cancelled while it ran."}
    with store.write() as session:
        session.execute(update(Job).where(Job.id == job, Job.state.in_(ACTIVE)).values(**given))


def fail(store: Store, now: datetime, job: str, message: str, *, passing: bool) -> str:
    """Mark a job as failed (or dead: a person must look) and set when its repository is tried again.

    ``passing`` says that the cause may go away by itself (a forge that is down). Returns the state.
    """
    with store.write() as session:
        row = session.get(Job, job)
        if row is None or row.state not in ACTIVE:
            return row.state if row else "gone"
        failures = row.attempts + 1
        row.state = "dead" if pipeline.gives_up(failures, passing=passing) else "failed"
        row.message = one_line(message, 500)
        row.finished_at = now
        if row.state == "dead":
            facts = {"job": row.id, "kind": row.kind, "subject": row.subject, "message": row.message}
            outbox.tell(session, now, Kind.JOB_DEAD, fold=f"job:{row.kind}:{row.subject}", facts=facts)
        if row.kind == pipeline.REFRESH:
            due = None if row.state == "dead" else now + pipeline.wait_after(failures)
            session.execute(
                update(Repository)
                .where(Repository.id == row.subject)
                .values(sync_due_at=due, sync_error=one_line(message, 500))
            )
        return row.state


def end_overdue(store: Store, now: datetime, deadline: timedelta) -> list[str]:
    """End the jobs that have run longer than ``deadline``: asked to stop, failed, and tried again later; their ids.

    A step that hangs cannot be ended from outside; what it still writes finds its job ended and changes no job.
    """
    with store.read() as session:
        query = select(Job.id).where(Job.state == "running", Job.started_at < now - deadline)
        found = list(session.scalars(query.order_by(Job.id)))
    for job in found:
        with store.write() as session:
            session.execute(update(Job).where(Job.id == job, Job.state == "running").values(cancel_requested=True))
        hours = round(deadline / timedelta(hours=1), 1)
        fail(store, now, job, f"It ran longer than {hours:g} hours and was ended.", passing=True)
    return found


def heartbeat(store: Store, now: datetime, worker: str, version: str) -> None:
    """Say that a worker lives."""
    with store.write() as session:
        row = session.get(Worker, worker)
        if row is None:
            session.add(Worker(id=worker, started_at=now, heartbeat_at=now, version=version))
        else:
            row.heartbeat_at = now
            row.version = version


def heartbeats(store: Store) -> dict[str, datetime]:
    """The last sign of life that each worker gave, by its own clock."""
    with store.read() as session:
        return {name: beat for name, beat in session.execute(select(Worker.id, Worker.heartbeat_at))}  # noqa: C416 - rows


def a_worker_lives(store: Store, now: datetime, silence: timedelta = timedelta(seconds=15)) -> bool:
    """Whether some worker gave a sign of life lately."""
    with store.read() as session:
        return session.scalar(select(Worker.id).where(Worker.heartbeat_at >= now - silence).limit(1)) is not None


def forget_workers(store: Store, workers: Iterable[str]) -> None:
    """Drop the rows of workers that will not come back."""
    with store.write() as session:
        for one in workers:
            row = session.get(Worker, one)
            if row is not None:
                session.delete(row)
