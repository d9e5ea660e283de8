"""Tables of messages: the outbox of what happened, where messages go, who is told what, and how delivery went.

An event is written in the transaction of what it tells of. One item stands for one event and one target, so nothing is
told twice; items of a target that are due together travel as one delivery, whose id stays the same over all attempts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


class MessageEvent(Base):
    """Something that happened. ``state``: waiting, told, folded (a later one of its ``fold`` tells it) or nothing."""

    __tablename__ = "message_events"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    fold: Mapped[str]
    calendar: Mapped[str | None]
    change_id: Mapped[str | None]
    actor: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="waiting")
    told_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "state", "at"), Index(None, "at"))


class MessageTarget(Base):
    """Where messages of a person, a team or the installation go, and how they want them.

    ``channel`` is email, webhook or chat. ``address`` is a team's mail address, a webhook's URL or a chat's masked one;
    a person's mail goes to the verified address. ``sealed`` holds a webhook's secret or a chat's URL, encrypted;
    ``sealed_before`` the secret before, until ``before_until``. ``events`` None: what the kinds say by themselves.
    Quiet hours and digests are wall times (``HH:MM``) in ``zone``.
    """

    __tablename__ = "message_targets"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), index=True)
    team: Mapped[str | None] = mapped_column(ForeignKey("teams.slug", ondelete="CASCADE"), index=True)
    channel: Mapped[str]
    name: Mapped[str]
    address: Mapped[str | None]
    sealed: Mapped[str | None]
    sealed_before: Mapped[str | None]
    before_until: Mapped[datetime | None]
    events: Mapped[list[str] | None]
    calendars: Mapped[list[str]] = mapped_column(default=list)
    mode: Mapped[str] = mapped_column(default="immediate")
    digest_at: Mapped[str] = mapped_column(default="08:00")
    digest_day: Mapped[int] = mapped_column(default=0)
    quiet_from: Mapped[str | None]
    quiet_until: Mapped[str | None]
    zone: Mapped[str | None]
    language: Mapped[str] = mapped_column(default="en")
    failing_since: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class MessageDelivery(Base):
    """One message to one target, as it is sent. ``id`` is also its Message-ID and its webhook-id.

    ``state``: waiting, sending (until ``due_at`` nobody else takes it), sent, failed (given up) or dropped.
    """

    __tablename__ = "message_deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[str] = mapped_column(ForeignKey("message_targets.id", ondelete="CASCADE"))
    channel: Mapped[str]
    subject: Mapped[str]
    content: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None]

    __table_args__ = (Index(None, "state", "due_at"), Index(None, "target_id", "created_at"), Index(None, "created_at"))


class MessageItem(Base):
    """One event for one target; ``delivery_id`` None: it waits for ``due_at`` (a digest, the end of quiet hours)."""

    __tablename__ = "message_items"

    event_id: Mapped[str] = mapped_column(ForeignKey("message_events.id", ondelete="CASCADE"), primary_key=True)
    target_id: Mapped[str] = mapped_column(ForeignKey("message_targets.id", ondelete="CASCADE"), primary_key=True)
    due_at: Mapped[datetime]
    delivery_id: Mapped[str | None] = mapped_column(ForeignKey("message_deliveries.id", ondelete="CASCADE"), index=True)
    dropped: Mapped[str | None]

    __table_args__ = (
        Index(
            "ix_message_items_waiting",
            "due_at",
            sqlite_where=text("delivery_id IS NULL AND dropped IS NULL"),
            postgresql_where=text("delivery_id IS NULL AND dropped IS NULL"),
        ),
        Index(None, "target_id"),
    )


class MessageAttempt(Base):
    """One try to send a delivery, for its log. ``status`` is an HTTP or SMTP status where there was one."""

    __tablename__ = "message_attempts"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("message_deliveries.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    milliseconds: Mapped[int | None]
    status: Mapped[int | None]
    error: Mapped[str | None]
