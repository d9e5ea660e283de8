"""A changelog that was made, and what new commits on top of HEAD add to it: the section of what is unreleased.

With the tags as they were, new commits belong to no release, so that all other sections stand as they are, unless one
of the few things happens that reach back: a cherry-pick, a title or number that a maintenance line has too, a co-author
who now has a name, two people who turn out to be one. Then :func:`grow` gives nothing, and the changelog is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from release_mgmt.core.changelog.assemble import Assembly, Part
from release_mgmt.core.changelog.record import Section
from release_mgmt.core.changes.messages import Facts
from release_mgmt.core.changes.model import PullRequest
from release_mgmt.core.changes.people import helped

_SHORT = 7  # characters: the shortest form in which messages name commits


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new: the parents of each new commit, what it says, the name and address of who wrote it; the head; the
    forge's word of today, None when that is the same as before.

    ``named`` are the addresses whose name was not known before or is another now.
    """

    parents: Mapping[str, Sequence[str]]
    facts: Mapping[str, Facts]
    authors: Mapping[str, tuple[str, str]]
    head: str
    pulls: Iterable[PullRequest] | None = None
    named: AbstractSet[str] = frozenset()


class Growth:
    """A made changelog that may grow. After a refusal it is of no use any more."""

    def __init__(self, made: Assembly) -> None:
        self.made = made
        self._helpers: set[str] = set()
        self._named: set[str] = set()
        self._learn(made.book.facts)
        if made.open is not None:
            made.open.joiner.prepare()
        made.forget()

    def grow(self, fresh: Fresh) -> Section | None:
        """What is unreleased with the new commits; None when more than that may have changed."""
        made = self.made
        at, graph, book = made.open, made.graph, made.book
        if at is None or made.options.touched or made.options.base or fresh.named & self._helpers:
            return None
        if any(sha[:_SHORT] in self._named for sha in fresh.parents):
            return None
        first = len(graph)
        same = graph.head is not None and graph.shas[graph.head] == fresh.head
        if fresh.parents if same else not graph.grow(fresh.parents, fresh.head):
            return None
        shas = graph.shas[first:]
        co_authored = helped([fresh.facts[sha] for sha in shas], first)
        if not made.people.learn({*fresh.authors.values()}, co_authored):
            return None
        told = book.grow([fresh.facts[sha] for sha in shas], [fresh.authors[sha][0] for sha in shas], fresh.pulls)
        if told is None:
            return None
        if told:
            made.forget()
        made.firsts.grow(first, co_authored)
        self._learn(fresh.facts.values())
        old = at.parts[-1]
        at.inside.extend([old.place] * len(shas))
        if any(at.inside[commit] != old.place for key in told for commit in book.numbered(key)):
            return None
        part = Part(old.place, None, [*range(len(graph) - 1, first - 1, -1), *old.commits])
        at.parts[-1] = part
        changes, part.plain = book.gather(part.commits, at.inside, part.place)
        part.settled = made.reverts(at.parts, at.inside).settle(changes, part.commits)
        if not at.joiner.stand_apart(part.settled.shown, made.patches):
            return None
        made.releases = replace(
            made.releases,
            unreleased=tuple(part.commits),
            shipped_to_head=made.releases.shipped_to_head + len(shas),
        )
        made.diagnostics[at.told] = part.settled.diagnostics
        at.told = slice(at.told.start, at.told.start + len(part.settled.diagnostics))
        return made.section(part, at.twins, at.inside)

    def _learn(self, facts: Iterable[Facts]) -> None:
        """Whom messages name as co-authors, and which commits they name."""
        for one in facts:
            if one.co_authors:
                self._helpers.update(email for _, email in one.co_authors)
            if one.picked or one.undo:
                named = (*one.picked, *(one.undo.shas if one.undo else ()))
                self._named.update(sha[:_SHORT] for sha in named)
