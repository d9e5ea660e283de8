"""The record that is published of a repository's releases: one model, rendered by ``formats``.

The JSON form of :class:`Changelog` is the schema ``release-mgmt/changelog/1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from release_mgmt.core.changes import Provider

SCHEMA = "release-mgmt/changelog/1"


class PullRequestRef(NamedTuple):
    """The pull request that an entry came by."""

    provider: Provider
    number: int


class Entry(NamedTuple):
    """One change as a release holds it.

    ``id`` names the change and is the same wherever it appears. ``commits`` are full shas, ``authors`` names
    after the mailmap (never addresses), ``also_in`` versions of other lines that hold the same change,
    ``reverts`` the id of the shipped entry this one takes back. ``level`` and ``kind`` are None with ``--no-levels``.
    A tuple, since histories hold tens of thousands of them.
    """

    id: str
    title: str
    details: tuple[str, ...]
    level: str | None
    kind: str | None
    state: str
    first_in: str | None
    pull_request: PullRequestRef | None
    commits: tuple[str, ...]
    authors: tuple[str, ...]
    also_in: tuple[str, ...] = ()
    reverts: str | None = None


@dataclass(frozen=True, slots=True)
class Accounting:
    """Where every commit of the range went: ``commits`` is the sum of the other five."""

    commits: int
    shown: int
    folded: int
    cancelled: int
    already_shipped: int
    excluded: int


@dataclass(frozen=True, slots=True)
class Previous:
    """The release a section is compared with."""

    version: str
    sha: str


@dataclass(frozen=True, slots=True)
class Section:
    """One release, or what is not released yet (``version`` and ``tag`` None).

    ``date`` is ISO 8601 with offset, or None.
    """

    version: str | None
    package: str | None
    tag: str | None
    tags: tuple[str, ...]
    sha: str | None
    previous: Previous | None
    range: str | None
    date: str | None
    prerelease: bool
    accounting: Accounting
    entries: tuple[Entry, ...]
    cancelled: tuple[tuple[str, str], ...] = ()
    first_time_contributors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changelog:
    """All releases of a repository, newest version first, and what is not released yet."""

    repository: str
    releases: tuple[Section, ...]
    unreleased: Section
    diagnostics: tuple[str, ...] = ()
