"""Commits of one author under one title, told apart by how many of them each was built on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from release_mgmt.core.history.graph import Graph

ASKED_ONE_BY_ONE = 16
"""Commits of one title that each are asked for, which for nearly all is enough, before all ancestors are listed."""


class Ordinals:
    """For commits whose author wrote the same title before: how many of those are among their ancestors, in a row.

    Ancestors never change, so neither does the number; a cherry-pick on another line gets that of its original.
    """

    def __init__(self, graph: Graph, authors: Sequence[str], titled: Iterable[Sequence[int]]) -> None:
        """``titled`` are the commits of each title, oldest first.

        ``parallel`` has for each commit that shares author, title and number with others all of these, itself among
        them: they stand side by side.
        """
        self._graph = graph
        self._authors = authors
        self._of: dict[int, int] = {}
        self.parallel: dict[int, list[int]] = {}
        for commits in titled:
            if len(commits) == 1:
                continue  # nearly all
            by_author: dict[str, list[int]] = {}
            for commit in commits:
                if len(graph.parents[commit]) < 2:
                    by_author.setdefault(authors[commit], []).append(commit)
            for own in by_author.values():
                if len(own) > 1:
                    self._count_all(own)

    def of(self, commit: int) -> int:
        """The number of one commit."""
        return self._of.get(commit, 0)

    def add(self, same: Sequence[int]) -> list[int]:
        """Count the last of some commits of one title; those that share its number."""
        *earlier, commit = same
        author, parents = self._authors[commit], self._graph.parents
        own = [one for one in earlier if self._authors[one] == author and len(parents[one]) < 2]
        if not own or len(parents[commit]) > 1:
            return []
        number = self._of[commit] = self._count(own, commit, max(self.of(one) for one in own))
        found = [one for one in own if self.of(one) == number]
        if found:
            self._stand_beside([*found, commit])
        return found

    def _count_all(self, own: Sequence[int]) -> None:
        highest = 0
        for place, commit in enumerate(own):
            self._of[commit] = self._count(own[:place], commit, highest)
            highest = max(highest, self._of[commit])
        if highest < len(own) - 1:  # on one line each has a number of its own
            numbered: dict[int, list[int]] = {}
            for commit in own:
                numbered.setdefault(self._of[commit], []).append(commit)
            for same in numbered.values():
                if len(same) > 1:
                    self._stand_beside(same)

    def _stand_beside(self, same: list[int]) -> None:
        self.parallel.update(dict.fromkeys(same, same))

    def _count(self, earlier: Sequence[int], commit: int, highest: int) -> int:
        best, asked = -1, 0
        beside: set[int] | None = None  # what it contains off the main line, once that is worth finding out
        places, reach = self._graph.introductions(), self._graph.reach(commit)
        for before in reversed(earlier):
            if self.of(before) <= best:
                continue
            if beside is None and asked == ASKED_ONE_BY_ONE:
                beside = {*self._graph.beside(commit)}
            asked += 1
            if self._graph.contains(commit, before) if beside is None else before in beside or places[before] <= reach:
                best = self.of(before)
                if best == highest:
                    break
        return best + 1
