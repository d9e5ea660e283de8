"""Tables of jobs: what is due, what runs, how far it is, and answers kept for repeated requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


class Job(Base):
    """One piece of work outside a request, as people see it; the engine's own rows are elsewhere and may be lost.

    ``subject`` is what it is about (a repository's id). At most one job of a kind and subject waits or runs at a time,
    and ``id`` is also the engine's id of it. ``attempts`` counts the failures in a row before this one; ``state`` is
    queued, running, done, failed, dead (a person must look) or cancelled.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str]
    step: Mapped[str | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0)
    message: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    requested_by: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index(
            "uq_jobs_active",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index(None, "kind", "subject", "created_at"),
        Index(None, "state", "created_at"),
    )


class Worker(Base):
    """A worker that lives, by its last heartbeat."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    version: Mapped[str]


class IdempotencyKey(Base):
    """The answer to a request that a machine may send twice; ``digest`` is that of the request's body.

    Without a ``status`` it has had no effect yet; with a status and no ``body`` it has had one and was not answered.
    """

    __tablename__ = "idempotency_keys"

    actor: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str]
    digest: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    etag: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class RateCount(Base):
    """How many requests a client made in the time that ends at ``ends_at``; old rows are of no use to anybody."""

    __tablename__ = "rate_counts"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)
