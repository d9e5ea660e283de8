"""What the forges tell of pull requests, in neutral words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Provider = Literal["github", "gitlab", "gitea", "bitbucket", "bitbucket_server", "azure", "unknown"]


@dataclass(frozen=True, slots=True)
class Review:
    """The latest word of one reviewer; ``state`` is approved, changes_requested, commented or pending."""

    reviewer: str
    state: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Labelling:
    """Who put a label on a pull request, or with ``on`` false took it off, and when; a login the forge vouches for."""

    label: str
    by: str
    at: datetime
    on: bool = True


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An issue, ticket or work item that a pull request names; ``key`` as people write it (``#12``, ``AB#7``)."""

    key: str
    url: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One commit of a pull request as its author wrote it; a rebase keeps both words and gives it another id."""

    title: str
    author: str | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What a forge tells of one pull request, in neutral words.

    ``None`` means that the forge did not tell; an empty tuple or string means that it told "nothing".
    Instants are aware and in UTC. ``merge_sha`` is set only when the pull request is merged and may be
    an abbreviation (Bitbucket Cloud gives 12 characters). ``commits`` and ``steps`` tell of its own commits before
    the merge, in the order of the forge (GitHub's oldest first, GitLab's newest first), ``labellings`` only
    of labels that set a level.
    """

    provider: str
    number: int
    title: str
    state: Literal["open", "closed", "merged"]
    body: str | None = None
    author: str | None = None
    author_id: str | None = None
    labels: tuple[str, ...] | None = None
    labellings: tuple[Labelling, ...] | None = None
    base_ref: str | None = None
    head_ref: str | None = None
    head_sha: str | None = None
    merge_sha: str | None = None
    commits: tuple[str, ...] | None = None
    steps: tuple[Step, ...] | None = None
    created_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: str | None = None
    updated_at: datetime | None = None
    reviews: tuple[Review, ...] | None = None
    requested_reviewers: tuple[str, ...] | None = None
    milestone: str | None = None
    work_items: tuple[WorkItem, ...] | None = None
    draft: bool | None = None
    url: str | None = None
    raw_sha256: str | None = field(default=None, compare=False)
