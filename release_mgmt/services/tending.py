"""What is due without anybody asking: plans that time or edits made old, forges to read, rows to drop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select

from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Actor
from release_mgmt.services import Store, forges, gate, jobs, webhooks
from release_mgmt.services.messages import assembly, delivery, fanout, posting
from release_mgmt.store.models.jobs import IdempotencyKey, Job, RateCount
from release_mgmt.store.models.repositories import Change, ClassificationCache, Repository
from release_mgmt.store.models.scheduling import CalendarRow

PLAN_AT_LEAST_EVERY = timedelta(minutes=10)
"""Time alone moves plans: cut-offs pass, windows begin."""
DROP_EVERY = timedelta(days=1)
CACHE_KEPT = timedelta(days=60)
INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Keep:
    """How long rows are kept, in days."""

    jobs: int
    deliveries: int
    gate_decisions: int


def plans_due(store: Store, now: datetime) -> list[str]:
    """Calendars whose plan is older than an edit of a change or than ten minutes."""
    edited = (
        select(func.max(Change.updated_at))
        .join(Repository, Repository.id == Change.repository_id)
        .where(or_(Repository.calendar == CalendarRow.slug, Repository.calendar.is_(None)))
        .correlate(CalendarRow)
        .scalar_subquery()
    )
    old = or_(
        CalendarRow.planned_at.is_(None),
        CalendarRow.planned_at <= now - PLAN_AT_LEAST_EVERY,
        CalendarRow.planned_at > now + PLAN_AT_LEAST_EVERY,  # planned before the clock went back
        CalendarRow.planned_at <= edited,
    )
    with store.read() as session:
        return list(session.scalars(select(CalendarRow.slug).where(old).order_by(CalendarRow.slug)))


def enqueue_due(store: Store, actor: Actor, now: datetime, every: timedelta) -> None:
    """Make a job for everything that is due; each turn is taken once, whatever the number of callers."""
    jobs.take_due(store, now, every)
    for slug in plans_due(store, now):
        jobs.enqueue(store, actor, now, pipeline.REPLAN, slug)
    for repository in forges.due(store, now):
        jobs.enqueue(store, actor, now, pipeline.POLL, repository)
    last = jobs.last_of(store, pipeline.RETENTION)
    if last is None or abs(now - last) >= DROP_EVERY:
        jobs.enqueue(store, actor, now, pipeline.RETENTION, INSTALLATION)


def enqueue_messages(store: Store, now: datetime, settle: timedelta) -> None:
    """Make a job where something waits to be told, and one for each target that something is to be sent to."""
    if fanout.events_due(store, now, settle) or assembly.items_due(store, now):
        jobs.enqueue_unless_failing(store, now, pipeline.MESSAGES, INSTALLATION)
    for subject in delivery.subjects_due(store, now):
        jobs.enqueue_unless_failing(store, now, pipeline.DELIVER, subject)


def process_deliveries(store: Store, now: datetime) -> int:
    """Make what is to be made of the webhooks that came in; how many were done."""
    return sum(webhooks.process(store, now, delivery) for delivery in webhooks.due(store, now))


def drop_old(store: Store, now: datetime, keep: Keep) -> dict[str, int]:
    """Drop what is older than it is kept; table -> rows. Changes, publications and the audit log are never dropped."""
    dropped = {"deliveries": webhooks.forget(store, now, keep.deliveries)}
    old = (
        ("jobs", delete(Job).where(Job.finished_at < now - timedelta(days=keep.jobs), Job.state != "dead")),
        ("rate_counts", delete(RateCount).where(RateCount.ends_at < now)),
        ("idempotency_keys", delete(IdempotencyKey).where(IdempotencyKey.created_at < now - timedelta(days=2))),
        ("cache", delete(ClassificationCache).where(ClassificationCache.used_at < now - CACHE_KEPT)),
    )
    with store.write() as session:
        for name, statement in old:
            dropped[name] = session.execute(statement).rowcount  # type: ignore[attr-defined] # it is a CursorResult
        dropped["messages"] = posting.forget_before(session, now - timedelta(days=keep.deliveries))
        dropped["gate_decisions"] = gate.forget_before(session, now - timedelta(days=keep.gate_decisions))
    return dropped
