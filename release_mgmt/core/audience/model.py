"""What an audience reads: plain, cleaned text in the reader's language, ready for any format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only its name: what finds evidence takes longer to load than a changelog to write
    from release_mgmt.core.classification import Classification

TITLE_LIMIT = 500
TEXT_LIMIT = 20_000
DETAIL_LIMIT = 2_000
NAME_LIMIT = 120


class Audience(StrEnum):
    """For whom a text is written."""

    BUSINESS = "business"
    ENGINEERING = "engineering"
    RELEASE_MANAGER = "release-manager"


class Say(Protocol):
    """Fixed words in the reader's language; the message is its English text, ``values`` fill its ``{names}``."""

    language: str

    def __call__(self, message: str, /, **values: object) -> str:
        """The message in this language."""
        ...

    def many(self, one: str, several: str, count: int, /, **values: object) -> str:
        """The form of the message for ``count``, which is also the value ``count``."""
        ...


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured effect of a change: the value before and after, as the repository's metrics file holds them."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Promise:
    """What a business request expects of a change: a metric, its values before and after, and what was measured."""

    request: str
    metric: str
    old: str | None
    new: str | None
    measured: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is known of a change beside the record.

    ``notes`` are a person's words for the business by language, ``actions`` what the business must do (by an empty name
    where nobody knows the language). ``window`` is the slot in UTC. ``approvals``, ``missing``, ``risk`` and ``moves``
    are sentences for release managers. ``promises`` are joined when it is read and never stored: what was measured
    comes after the text.
    """

    internal: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    teams: tuple[str, ...] = ()
    classification: Classification | None = None
    metrics: tuple[Metric, ...] = ()
    window: tuple[datetime, datetime] | None = None
    state: str | None = None
    approvals: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()
    promises: tuple[Promise, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A value that went from ``old`` to ``new`` (None: it was not there)."""

    name: str
    old: str | None
    new: str | None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A person's words; ``language`` is set when they are not in the reader's language."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class EntryView:
    """One change as one audience reads it. Plain, cleaned text throughout; what is not for the audience is empty.

    ``left_out`` tells how many more settings and pieces of evidence there are."""

    id: str
    anchor: str
    title: str
    level: str | None
    level_word: str
    breaking: bool
    state: str
    state_word: str
    marks: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    note: Note | None = None
    tweaks: tuple[Move, ...] = ()
    metrics: tuple[Move, ...] = ()
    details: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    pull_request: str | None = None
    number: int | None = None
    provider: str | None = None
    authors: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    evidence: tuple[Move, ...] = ()
    left_out: str | None = None
    teams: tuple[str, ...] = ()
    window: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who contributes for the first time; ``first`` is their earliest change that has a pull request."""

    name: str
    first: EntryView | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.first.pull_request})" if self.first else self.name


@dataclass(frozen=True, slots=True)
class SectionView:
    """One release, or what is coming (``version`` None), as one audience reads it. ``date`` is ISO 8601 or None.

    ``left_out`` entries more belong to it and are not in ``entries``; every form says so."""

    version: str | None
    package: str | None
    title: str
    anchor: str
    date: str | None
    tag: str | None
    previous_tag: str | None
    sha: str | None
    range: str | None
    prerelease: bool
    yanked: str | None
    summary: str
    entries: tuple[EntryView, ...]
    contributors: tuple[Newcomer, ...] = ()
    libraries: tuple[Move, ...] = ()
    cancelled: str | None = None
    audience: Audience = Audience.BUSINESS
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ChangelogView:
    """A changelog as one audience reads it: what is coming first, then releases, newest first."""

    repository: str
    audience: Audience
    language: str
    title: str
    intro: str
    sections: tuple[SectionView, ...]
