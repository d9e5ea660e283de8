"""Tables of what forges send and of how each repository's forge is read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


class WebhookDelivery(Base):
    """A delivery as it came in, kept for ``keep_deliveries_days``.

    ``delivery_key`` is the forge's own id (the same when it sends again), else the digest of the body. ``status`` is
    waiting, done, ignored (nothing for us in it; no body kept) or failed (tried for the last time; can be replayed).
    """

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    delivery_key: Mapped[str]
    event: Mapped[str]
    action: Mapped[str | None]
    forge_slug: Mapped[str | None]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[bytes | None]
    status: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    seen: Mapped[int] = mapped_column(default=1)
    error: Mapped[str | None]
    received_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    processed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("provider", "delivery_key"),
        Index(None, "status", "due_at"),
        Index(None, "forge_slug", "received_at"),
        Index(None, "received_at"),
    )


class PullRequestAges(Base):
    """The age of each field of a stored pull request, so that late tellings never undo newer ones."""

    __tablename__ = "pull_request_ages"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    ages: Mapped[dict[str, Any]]


class ForgeSource(Base):
    """How a repository's forge is read: the cursor of the last whole poll, and how it goes.

    ``forge_id`` is the forge's own id of the repository, which outlives its name; ``estranged_at`` since when that name
    belongs to another one.
    """

    __tablename__ = "forge_sources"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    api_url: Mapped[str]
    answers: Mapped[bool] = mapped_column(default=False)
    cursor: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    failures: Mapped[int] = mapped_column(default=0)
    degraded_at: Mapped[datetime | None]
    error: Mapped[str | None]
    calls_left: Mapped[int | None]
    requests: Mapped[int] = mapped_column(default=0)
    forge_id: Mapped[str | None]
    estranged_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class ForgeValidator(Base):
    """ETag and Last-Modified of an answer, for each account (a digest of its token) and address."""

    __tablename__ = "forge_validators"

    account: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(primary_key=True)
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]


class ForgeAnswer(Base):
    """What was last said on a pull request; ``wanted`` differs from ``said`` while an answer is due."""

    __tablename__ = "forge_answers"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    head_sha: Mapped[str | None]
    wanted: Mapped[dict[str, Any]]
    wanted_digest: Mapped[str]
    said_digest: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    error: Mapped[str | None]
    said_at: Mapped[datetime | None]
