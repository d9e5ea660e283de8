"""Tables of publishing: changelogs as published, what feeds show, subscriptions, rendered bodies.

A feed's token is kept as its SHA-256 only. Revisions are written once and never changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


class PublicationRow(Base):
    """One release of a repository as it is published; its texts are in :class:`RevisionRow`.

    ``version`` is the release's. ``state`` is draft, published or revised; ``sha`` the commit its text was written for,
    ``conflict`` what moved since. ``position`` orders releases of a repository, oldest first.
    """

    __tablename__ = "publications"
    __table_args__ = (UniqueConstraint("repository", "package", "version"), Index(None, "repository", "position"))

    id: Mapped[str] = mapped_column(primary_key=True)
    repository: Mapped[str]
    package: Mapped[str] = mapped_column(default="")
    version: Mapped[str]
    sha: Mapped[str]
    position: Mapped[int]
    state: Mapped[str]
    revision: Mapped[int]
    conflict: Mapped[str | None]
    yanked: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    lock: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": lock}  # noqa: RUF012 - SQLAlchemy reads it from the class


class RevisionRow(Base):
    """One text of a publication, for all audiences: the record and what is known of its changes. Never updated."""

    __tablename__ = "publication_revisions"

    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    person: Mapped[str | None]
    reason: Mapped[str]
    digest: Mapped[str]
    record: Mapped[dict[str, Any]]
    annotations: Mapped[dict[str, Any]]


class NoteRow(Base):
    """What somebody wrote of a change for the business, in one language."""

    __tablename__ = "business_notes"

    change_id: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    action: Mapped[str | None]
    person: Mapped[str | None]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class PublicityRow(Base):
    """A change that is kept from the business (``internal``), with the reason."""

    __tablename__ = "change_publicity"

    change_id: Mapped[str] = mapped_column(primary_key=True)
    internal: Mapped[bool]
    reason: Mapped[str]
    person: Mapped[str | None]
    updated_at: Mapped[datetime]


class FeedHeadRow(Base):
    """When a calendar last changed for an audience.

    The row whose calendar is empty counts for the whole audience: its ``version`` rises with every visible change of
    any calendar or changelog, its ``epoch`` when all kept bodies are to be made anew. It is locked by who raises it.
    """

    __tablename__ = "feed_heads"

    audience: Mapped[str] = mapped_column(primary_key=True)
    calendar: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    version: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime]


class FeedEventRow(Base):
    """An event as an audience last saw it (:class:`release_mgmt.core.calendar.Kept`).

    A row stays when its event was called off: should it be planned again, its sequence goes on.
    ``touched`` is the version of the head with which it last changed; ``starts_at`` and ``ends_at`` choose the span.
    ``fact`` is what the plan told, kept on the release managers' row only: a note or an internal mark written later is
    joined to it again. ``told`` is the digest of what the plan told, on the same row; None when it was called off.
    """

    __tablename__ = "feed_events"
    __table_args__ = (
        Index(None, "audience", "calendar", "ends_at"),
        Index(None, "audience", "calendar", "touched"),
    )

    uid: Mapped[str] = mapped_column(primary_key=True)
    audience: Mapped[str] = mapped_column(primary_key=True)
    calendar: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    shown: Mapped[dict[str, Any]]
    fact: Mapped[dict[str, Any] | None]
    told: Mapped[str | None]
    sequence: Mapped[int]
    touched: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_modified: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class SubscriptionRow(Base):
    """Somebody's feed: its token (hashed), audience, language and filters. A revoked one keeps its row.

    ``edited_at`` is when one of these (the token apart), or the teams of its person, last changed.
    """

    __tablename__ = "subscriptions"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]
    name: Mapped[str]
    audience: Mapped[str]
    language: Mapped[str]
    filters: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class FeedBodyRow(Base):
    """The rendered components of a feed at one version of its data, shared by all processes.

    ``key`` names audience, language, filters and addresses; the head, which names the token, is never kept. Any row may
    be deleted at any time.
    """

    __tablename__ = "feed_bodies"
    __table_args__ = (Index(None, "made_at", "key"),)  # their age is read without reading bodies

    key: Mapped[str] = mapped_column(primary_key=True)
    stamp: Mapped[str]
    left_out: Mapped[int]
    last_modified: Mapped[datetime]
    body: Mapped[bytes]
    made_at: Mapped[datetime]
