"""Who contributes for the first time: by what a release contains, never by date."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from release_mgmt.core.changes.groups import is_bot
from release_mgmt.core.history.graph import NEVER, Graph


class FirstTimers:
    """Who has no commit before a release: by reachability, never by date."""

    def __init__(self, graph: Graph, authors: Sequence[str]) -> None:
        self._graph = graph
        self._authors = authors
        self._earliest: dict[str, int] = {}
        self._commits: dict[str, list[int]] = {}
        self._known = 0
        self.grow(0)

    def grow(self, first: int) -> None:
        """Take in the authors of the commits from ``first`` on."""
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

    def among(self, names: set[str], before: int | None, shipped: Callable[[int], bool]) -> tuple[str, ...]:
        """Those of ``names`` who wrote nothing that the commit ``before`` contains.

        ``shipped`` says of some of these commits that it contains them, without a walk.
        """
        people = {name for name in names if not is_bot(name)}
        if before is not None:
            reach = self._graph.reach(before)
            people = {name for name in people if self._earliest.get(name, reach + 1) > reach}
            people = {name for name in people if not any(shipped(one) for one in self._own(name))}
            if any(self._graph.may_contain(before, one) for name in people for one in self._own(name)):
                # Seldom, since the walk is as long as the line.
                people -= {self._authors[commit] for commit in self._graph.beside(before)}
        return tuple(sorted(people))
