"""What the adapters of the forges have in common: neutral events, and the protocol they follow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal, Protocol

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Step, WorkItem, read_message
from release_mgmt.sources.forge.fields import Json, present

if TYPE_CHECKING:
    from release_mgmt.sources.forge.transport import Home, Transport

EventKind = Literal["pull_request", "tag", "push", "release", "comment", "renamed", "ping", "other"]


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that a delivery names; ``sha`` is None where the forge does not tell it (GitHub's ``create``)."""

    name: str
    sha: str | None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request; ``author`` is the login that the forge vouches for."""

    number: int
    author: str
    body: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook delivery in neutral words. It prompts us to read again and is never the whole truth itself.

    ``home_id`` is the forge's id of the repository, where it is told; it outlives the name ``repository``. ``at`` is
    when the forge says that it happened, where it tells that.
    """

    provider: Provider
    kind: EventKind
    name: str
    repository: str | None
    delivery_id: str | None = None
    action: str | None = None
    pull_request: PullRequest | None = None
    tags: tuple[TagChange, ...] = ()
    comment: Comment | None = None
    home_id: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What we say on a pull request: a status of its head commit, and one comment that is edited in place."""

    state: Literal["success", "pending", "failure"]
    summary: str
    comment: str
    url: str | None


class Forge(Protocol):
    """One forge. Everything but ``parse`` and ``event`` talks to it through a :class:`Transport`."""

    provider: Provider

    def parse(self, raw: Json) -> PullRequest:
        """The neutral record of one pull request as the API or a hook gives it. InvalidInput without a number."""

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:
        """The neutral event of a delivery; an unknown one has the kind ``other``."""

    def home(self, raw: Json) -> Home | None:
        """The repository that a pull request of a list is to be merged into; None when that is not told."""

    def named(self, transport: Transport, repository: str, key: str) -> str | None:
        """What the repository of the id ``key``, once called ``repository``, is called now; None: not to be found out.

        NotFound when it is gone or hidden from us.
        """

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        """The pull requests updated at or after ``since``, open ones too, so that they can be answered."""

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        """One pull request with its reviews, labels and work items as far as the forge tells them."""

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        """``pull`` with the commits that it had before its merge, at most 250: one call where they fit on a page."""

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:
        """Who put which label on a pull request or took it off; None, without a call, where the forge does not say."""

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        """Set the status of the head commit, and write or edit our one comment."""


MOST_COMMITS = 250  # GitHub lists no more of one pull request
MOST_EVENTS = 5_000  # of one pull request's history
MARKER = "<!-- release-mgmt -->"  # tells our own comment from all others
CONTEXT = "release-mgmt"

_CLOSES = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+((?:[\w.-]+/[\w.-]+)?#\d{1,9})\b", re.IGNORECASE | re.ASCII
)
_AZURE_ITEM = re.compile(r"\bAB#(\d{1,9})\b", re.ASCII)
_AZURE_RELATED = re.compile(r"^Related work items?:((?:\s*,?\s*#\d{1,9})+)\s*$", re.IGNORECASE | re.MULTILINE)
_TICKET = re.compile(r"\b([A-Z][A-Z0-9]{1,9}-[1-9]\d{0,6})\b", re.ASCII)
# Words that look like a ticket of a tracker and are names of standards or encodings.
_NO_TICKET = frozenset({"UTF", "SHA", "ISO", "RFC", "CVE", "PEP", "ECMA", "AES", "MD", "GPT", "CC", "BSD", "GPL"})


def holding(pull: PullRequest, listed: Iterable[tuple[str | None, str | None, str | None]]) -> PullRequest:
    """``pull`` with its commits, each as (id, message, author's name); those without an id are passed over."""
    found = [one for one in islice(listed, MOST_COMMITS) if one[0]]
    steps = (Step(read_message(message or "", merge=False).title, author) for _, message, author in found)
    return replace(pull, commits=tuple(sha for sha, _, _ in found if sha), steps=tuple(steps))


def told_labellings(
    listed: Iterable[tuple[str | None, str | None, datetime | None, bool | None]],
) -> tuple[Labelling, ...]:
    """Labellings from (label, login, instant, put on); what lacks a part is passed over."""
    return tuple(
        Labelling(label, by, at, on)
        for label, by, at, on in islice(listed, MOST_EVENTS)
        if label and by and at is not None and on is not None
    )


def linked_items(*texts: str | None) -> tuple[WorkItem, ...]:
    """The issues, work items and tickets that the words of a pull request name, in order of appearance."""
    keys: list[str] = []
    for text in texts:
        if not text:
            continue
        keys += [match[1] for match in _CLOSES.finditer(text)]
        keys += [f"AB#{match[1]}" for match in _AZURE_ITEM.finditer(text)]
        for related in _AZURE_RELATED.finditer(text):
            keys += [f"#{number}" for number in re.findall(r"#(\d+)", related[1])]
        keys += [match[1] for match in _TICKET.finditer(text) if match[1].split("-")[0] not in _NO_TICKET]
    return tuple(WorkItem(key) for key in present(keys)[:50])
