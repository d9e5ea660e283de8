"""What operators watch: readiness and the numbers that only the database knows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from release_mgmt.services import Store, visibility
from release_mgmt.services.messages import log
from release_mgmt.store import migrate
from release_mgmt.store.models.ingest import ForgeSource, WebhookDelivery
from release_mgmt.store.models.jobs import Job, Worker
from release_mgmt.store.models.repositories import Repository

Series = dict[tuple[tuple[str, str], ...], float]
Gauges = dict[str, tuple[str, Series]]


def check_ready(store: Store) -> None:
    """Return when the database answers and has the schema of this code, or a newer one; else raise Conflict or
    Unavailable.

    A newer one only while an upgrade runs: nothing starts on it (``migrate.require_current``), and migrations keep what
    the version before them uses, so that a process that runs already goes on until it is replaced.
    """
    with store.read() as session:
        found = migrate.standing_of(session.connection())
    if found.state != "newer":
        migrate.require(found)


def gauges(store: Store, now: datetime) -> Gauges:
    """Gauges: name -> (help, labels -> value)."""
    with store.read() as session:
        jobs = session.execute(select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)).all()
        repositories = session.scalar(select(func.count()).where(Repository.archived_at.is_(None))) or 0
        failing = session.scalar(
            select(func.count()).where(Repository.archived_at.is_(None), Repository.sync_error.is_not(None))
        )
        waiting = session.scalar(select(func.min(Job.created_at)).where(Job.state == "queued"))
        oldest = session.scalar(select(func.min(Repository.synced_at)).where(Repository.archived_at.is_(None)))
        beats = session.execute(select(Worker.id, Worker.heartbeat_at)).all()
        rows = session.execute(
            select(Repository.name, ForgeSource)
            .join(ForgeSource, ForgeSource.repository_id == Repository.id)
            .where(Repository.archived_at.is_(None))
        ).all()
        kept = visibility.kept(session)  # /metrics may be open to anybody: such a repository is named by its id
        sources = [(one.repository_id if name in kept else name, one) for name, one in rows]
        deliveries = session.execute(
            select(WebhookDelivery.provider, WebhookDelivery.status, func.count()).group_by(
                WebhookDelivery.provider, WebhookDelivery.status
            )
        ).all()
        messages = log.gauges(session, now)
    found: Gauges = messages | {
        "release_mgmt_jobs": ("Jobs by state", {(("kind", kind), ("state", state)): n for kind, state, n in jobs}),
        "release_mgmt_repositories": ("Repositories that are read", {(): float(repositories)}),
        "release_mgmt_repositories_failing": ("Repositories whose last sync failed", {(): float(failing or 0)}),
        "release_mgmt_worker_silence_seconds": (
            "Time since a worker's last heartbeat",
            {(("worker", name),): max(0.0, (now - beat).total_seconds()) for name, beat in beats},
        ),
    }
    found |= _of_sources([(name, source) for name, source in sources], now)
    found["release_mgmt_webhook_deliveries"] = (
        "Webhook deliveries that are kept, by state",
        {(("forge", forge), ("state", state)): n for forge, state, n in deliveries},
    )
    waited = max(0.0, (now - waiting).total_seconds()) if waiting else 0.0
    found["release_mgmt_oldest_queued_seconds"] = ("Time that the job that waits longest has waited", {(): waited})
    if oldest is not None:
        age = max(0.0, (now - oldest).total_seconds())
        found["release_mgmt_oldest_sync_seconds"] = ("Time since the sync that is longest ago", {(): age})
    return found


def _of_sources(sources: list[tuple[str, ForgeSource]], now: datetime) -> Gauges:
    """How each repository's forge is read: lag, failures in a row, calls left."""
    lag: Series = {
        (("repository", name),): max(0.0, (now - one.polled_at).total_seconds())
        for name, one in sources
        if one.polled_at
    }
    left: Series = {
        (("repository", name),): float(one.calls_left) for name, one in sources if one.calls_left is not None
    }
    failures: Series = {(("repository", name),): float(one.failures) for name, one in sources}
    return {
        "release_mgmt_source_lag_seconds": ("Time since a repository's forge was read whole", lag),
        "release_mgmt_source_failures": (
            "Failed readings of a repository's forge in a row",
            failures,
        ),
        "release_mgmt_source_calls_left": ("Calls that a repository's forge still allows, as it said last", left),
    }
