"""Who contributes for the first time: by what a release contains, never by date."""

from __future__ import annotations

from collections.abc import Sequence

from release_mgmt.core.changes.groups import is_bot
from release_mgmt.core.history.graph import NEVER, Graph


class FirstTimers:
    """Who has no commit before a release: by reachability, never by date."""

    def __init__(self, graph: Graph, authors: Sequence[str]) -> None:
        self._graph = graph
        self._authors = authors
        self._earliest: dict[str, int] = {}
        self._commits: dict[str, list[int]] = {}
        self._masks: dict[str, tuple[int, bool]] = {}
        self._inside: Sequence[int] = ()
        self._known = 0
        self.grow(0)

    def grow(self, first: int) -> None:
        """Take in the authors of the commits from ``first`` on."""
        self._masks = {}
        earliest, places = self._earliest, self._graph.introductions()
        for commit, author in enumerate(self._authors[first:], first):
            if places[commit] < earliest.get(author, NEVER):
                earliest[author] = places[commit]

    def _own(self, name: str) -> Sequence[int]:
        """The commits of an author, oldest first; found for all when the first is asked for."""
        for commit in range(self._known, len(self._authors)):
            self._commits.setdefault(self._authors[commit], []).append(commit)
        self._known = len(self._authors)
        return self._commits.get(name, ())

    def _places(self, name: str, inside: Sequence[int]) -> tuple[int, bool]:
        """The places of an author's commits as a bit mask, and whether some have none; kept while sections stand."""
        if self._inside is not inside:
            self._inside, self._masks = inside, {}
        found = self._masks.get(name)
        if found is None:
            places = {inside[commit] for commit in self._own(name)}
            found = self._masks[name] = sum([1 << place for place in places if place >= 0]), -1 in places
        return found

    def among(self, names: set[str], before: int | None, shipped: int, inside: Sequence[int]) -> tuple[str, ...]:
        """Those of ``names`` who wrote nothing that the commit ``before`` contains.

        ``inside`` has the place of each commit, or -1; ``shipped`` is a bit mask of places that ``before`` contains,
        its own the highest.
        """
        people = {name for name in names if not is_bot(name)}
        if before is not None:
            graph, reach = self._graph, self._graph.reach(before)
            people = {name for name in people if self._earliest.get(name, reach + 1) > reach}
            people = {name for name in people if not self._places(name, inside)[0] & shipped}
            if graph.introduced(before) > reach:  # else it contains nothing beside the main line
                # What it contains in other places stands in lower ones, where siblings had it first.
                lower = (1 << shipped.bit_length()) - 1
                doubtful = {name for name in people if (at := self._places(name, inside))[1] or at[0] & lower}
                if any(graph.may_contain(before, one) for name in doubtful for one in self._own(name)):
                    # Seldom, since the walk is as long as the line.
                    people -= {self._authors[commit] for commit in graph.beside(before)}
        return tuple(sorted(people))
