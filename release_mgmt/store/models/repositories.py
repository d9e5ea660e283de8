"""Tables of repositories: tags, releases, commits, pull requests, changes and their classification.

``version`` counts the edits of people (If-Match), not what syncs write.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base

FLAG = "feature_flag"
"""The kind of a change that is a feature flag switched: reported, not read from git, so no sync writes it."""


def _repository() -> Mapped[str]:
    return mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"))


class Repository(Base):
    """A git repository that is read.

    ``name`` is what people use in addresses and may change, ``id`` never does. ``adopted_at`` parts shipped history
    (before) from what is planned (after). ``sync_due_at`` is the level that jobs are triggered by.
    """

    __tablename__ = "repositories"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    location: Mapped[str]
    provider: Mapped[str] = mapped_column(default="unknown")
    forge_slug: Mapped[str | None]
    web_url: Mapped[str | None]
    default_branch: Mapped[str | None]
    tag_pattern: Mapped[str | None]
    description: Mapped[str | None]
    owner_team: Mapped[str | None]
    calendar: Mapped[str | None]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    adopted_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    sync_due_at: Mapped[datetime | None] = mapped_column(index=True)
    synced_at: Mapped[datetime | None]
    sync_error: Mapped[str | None]
    sync_cursor: Mapped[dict[str, Any] | None]
    head_sha: Mapped[str | None]
    diagnostics: Mapped[list[str]] = mapped_column(default=list)


class Tag(Base):
    """A tag as git has it; ``moved`` counts how often it was seen to point elsewhere."""

    __tablename__ = "tags"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sha: Mapped[str]
    object_sha: Mapped[str | None]
    tagger_key: Mapped[str | None]
    seen_at: Mapped[datetime]
    moved: Mapped[int] = mapped_column(default=0)
    gone_at: Mapped[datetime | None]


class Release(Base):
    """A version of a repository; ``position`` counts from the oldest version (0) up, in version order.

    ``section`` is the release's record in the changelog's JSON schema without its entries, ``entries`` those: the key
    of a change where the change's own ``record`` says all, else the entry.
    """

    __tablename__ = "releases"

    id: Mapped[str] = mapped_column(primary_key=True)
    repository_id: Mapped[str] = _repository()
    version: Mapped[str]
    package: Mapped[str | None]
    tag: Mapped[str]
    sha: Mapped[str]
    previous_id: Mapped[str | None]
    position: Mapped[int]
    prerelease: Mapped[bool] = mapped_column(default=False)
    released_at: Mapped[datetime | None]
    changes: Mapped[int] = mapped_column(default=0)
    majors: Mapped[int] = mapped_column(default=0)
    section: Mapped[dict[str, Any]] = mapped_column(default=dict)
    entries: Mapped[list[Any]] = mapped_column(default=list)

    __table_args__ = (
        UniqueConstraint("repository_id", "tag"),
        Index(None, "repository_id", "position"),
        Index(None, "released_at"),
    )


class Commit(Base):
    """A commit as far as an incremental sync needs it.

    ``position`` is its place in a topological order (parents first), ``parents`` are full shas
    separated by spaces. ``release_id`` is the first release that contains it.
    """

    __tablename__ = "commits"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    sha: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    parents: Mapped[str]
    tree: Mapped[str | None]
    author: Mapped[str]
    author_key: Mapped[str | None]
    authored_at: Mapped[datetime | None]
    committed_at: Mapped[datetime | None]
    subject: Mapped[str]
    body: Mapped[str | None]
    release_id: Mapped[str | None]

    __table_args__ = (Index(None, "repository_id", "position"), Index(None, "repository_id", "release_id"))


class PullRequestRow(Base):
    """A pull request as the forge told it; ``record`` is the neutral record as JSON."""

    __tablename__ = "pull_requests"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    title: Mapped[str]
    merge_sha: Mapped[str | None]
    head_sha: Mapped[str | None]
    updated_at: Mapped[datetime | None]
    record: Mapped[dict[str, Any]]

    __table_args__ = (
        Index(None, "repository_id", "merge_sha"),
        Index(None, "repository_id", "head_sha"),
        Index(None, "repository_id", "number"),  # a change names its number, and a provider that may be unknown
    )


class Change(Base):
    """The unit that is classified, placed, approved and published.

    ``id`` is unique in the installation and never changes; ``key`` is the identity inside the repository.
    ``level``, ``kind`` and ``needs_review`` are those in force (the override's when there is one), kept here so
    that lists need no join. ``rank`` orders a repository's changes,
    newest highest; ``happened_at`` (merged, else opened) orders those of all repositories. ``merged_at`` is None for a
    preview (an open pull request). ``record`` holds what only the changelog needs (details, authors, also_in ...).
    """

    __tablename__ = "changes"

    id: Mapped[str] = mapped_column(primary_key=True)
    repository_id: Mapped[str] = _repository()
    key: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str | None]
    author: Mapped[str | None]
    owner: Mapped[str | None]
    provider: Mapped[str | None]
    number: Mapped[int | None]
    url: Mapped[str | None]
    state: Mapped[str]
    level: Mapped[str | None]
    kind: Mapped[str | None]
    needs_review: Mapped[bool] = mapped_column(default=False)
    overridden: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=0)
    ready: Mapped[bool] = mapped_column(default=False)
    head_sha: Mapped[str | None]
    merged_at: Mapped[datetime | None]
    happened_at: Mapped[datetime]
    release_id: Mapped[str | None] = mapped_column(index=True)
    rank: Mapped[int] = mapped_column(default=0)
    affected_teams: Mapped[list[str]] = mapped_column(default=list)
    record: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("repository_id", "key"),
        Index(None, "repository_id", "rank"),
        Index(None, "repository_id", "state", "rank"),
        Index(None, "repository_id", "number"),
        Index(None, "repository_id", "happened_at", "id"),
        Index(None, "happened_at", "id"),
        Index(None, "state", "happened_at"),
    )


class ChangeCommit(Base):
    """Which commits a change is made of; ``position`` keeps their order. A sha may be in several changes (picks)."""

    __tablename__ = "change_commits"

    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True)
    sha: Mapped[str] = mapped_column(primary_key=True)
    repository_id: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index(None, "repository_id", "sha"),)


class ClassificationRow(Base):
    """What the rules say of a change at its present content. ``about`` are the names of the facts that were judged,
    in one text; ``policy`` is the digest of the rules about these."""

    __tablename__ = "classifications"

    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True)
    content: Mapped[str]
    policy: Mapped[str]
    about: Mapped[str] = mapped_column(server_default="")
    level: Mapped[str]
    kind: Mapped[str]
    needs_review: Mapped[bool]
    rule: Mapped[str]
    new_libraries: Mapped[list[Any]] = mapped_column(default=list)
    evidence: Mapped[list[Any]] = mapped_column(default=list)
    classified_at: Mapped[datetime]


class OverrideRow(Base):
    """A person's correction of a level; the newest that is not withdrawn is in force."""

    __tablename__ = "overrides"

    id: Mapped[str] = mapped_column(primary_key=True)
    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"))
    level: Mapped[str]
    previous_level: Mapped[str | None]
    reason: Mapped[str]
    source: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "change_id", "made_at"),)


class ClassificationCache(Base):
    """What blobs, pairs of blobs and whole changes say, by content; rows may be deleted at any time."""

    __tablename__ = "classification_cache"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime] = mapped_column(index=True)
