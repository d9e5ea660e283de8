"""Which commits are a change of their own in whatever section they stand: nearly all, found once for all packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from release_mgmt.core.changes.messages import Facts, PrKey
from release_mgmt.core.history.graph import Graph

# What a commit is in every section: a part of something perhaps; a change by itself; a merge and nothing more.
GROUPED, ALONE, PLAIN = range(3)


class Kinds:
    """The kind of each commit of a history by its number (``of``).

    A commit is alone when no other names its pull request's number or came by it.
    """

    def __init__(
        self, graph: Graph, facts: Sequence[Facts], owner: Sequence[int], adds_own: Callable[[str], bool]
    ) -> None:
        """``owner`` has for each commit the merge with a number that brought it in, or -1."""
        self.of = bytearray(len(facts))
        self._only: dict[PrKey, int] = {}  # a number's one commit, -1 when there are several
        only, kinds = self._only, self.of
        for commit, one in enumerate(facts):
            number = one.number
            if number is None and owner[commit] >= 0:
                number = facts[owner[commit]].number
            if number is not None:
                only[number] = -1 if number in only else commit
            else:
                plain = len(graph.parents[commit]) > 1 and not adds_own(graph.shas[commit])
                kinds[commit] = PLAIN if plain else ALONE
        bringing = set(owner)
        for commit in only.values():
            if commit >= 0 and commit not in bringing:
                kinds[commit] = ALONE

    def several(self) -> set[PrKey]:
        """The numbers that more than one commit came by: no other can be in two sections."""
        return {number for number, commit in self._only.items() if commit < 0}

    def regroup(self, commit: int) -> bool:
        """Let a commit be part of something; whether it was alone so far."""
        was = self.of[commit] == ALONE
        if was:
            self.of[commit] = GROUPED
        return was

    def grow(self, facts: Sequence[Facts]) -> list[int]:
        """Take in more commits, which may be parts of something; those that are not alone any more."""
        numbers = {one.number for one in facts if one.number is not None}
        joined = [commit for number in numbers if (commit := self._only.get(number, -1)) >= 0]
        for commit in joined:
            self.of[commit] = GROUPED
        self.of.extend(bytes(len(facts)))
        return joined
