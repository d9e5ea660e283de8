"""The commits of a repository as numbers in one order that no date and no sha has a say in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from release_mgmt.core.errors import RepositoryRefused

NEVER = 1 << 60
"""The place on the main line of what it never took in: after every other."""


class Graph:
    """Commits numbered from 0, each after its parents: the reverse of "newest first, branch after branch".

    The order depends on the order of ``tips`` and of each commit's parents alone. ``shas[n]`` is commit n,
    ``parents[n]`` its parents' numbers, ``number`` the way back.
    """

    __slots__ = ("_introduced", "_line", "_reaches", "head", "number", "parents", "shas")

    def __init__(self, parents: Mapping[str, Sequence[str]], tips: Iterable[str], head: str | None) -> None:
        """``parents`` maps every sha to its parents; ``tips`` are walked in order, ``head`` before them.

        Raises RepositoryRefused when a parent is missing.
        """
        self.shas: list[str] = []
        self.number: dict[str, int] = {}
        ordered = tips if head is None else [head, *tips]
        for tip in ordered:
            self._walk(parents, tip)
        number = self.number
        self.parents: list[tuple[int, ...]] = [tuple([number[p] for p in parents[sha]]) for sha in self.shas]
        self.head = None if head is None else number[head]
        self._line: list[int] = []
        self._introduced: list[int] = []
        self._reaches: list[int] = []
        self._follow_the_main_line()

    def __len__(self) -> int:
        return len(self.shas)

    def _walk(self, parents: Mapping[str, Sequence[str]], tip: str) -> None:
        """Depth first, first parents first, a commit when its parents are done."""
        number, shas = self.number, self.shas
        if tip in number:
            return
        path: list[str] = []
        sha = tip
        try:
            while True:
                for parent in parents[sha]:
                    if parent not in number:
                        path.append(sha)
                        sha = parent
                        break
                else:
                    number[sha] = len(shas)
                    shas.append(sha)
                    if not path:
                        return
                    sha = path.pop()
        except KeyError:
            raise RepositoryRefused(
                f"commit {sha} is missing", code="repository_incomplete", hint="git fetch --unshallow --tags"
            ) from None

    def _follow_the_main_line(self) -> None:
        """Learn when the main line (first parents of HEAD) took each commit in, and how much of it each contains."""
        size = len(self.shas)
        introduced = [NEVER] * size  # place on the main line of the first commit that contains it
        at = self.head
        while at is not None:
            self._line.append(at)
            at = self.parents[at][0] if self.parents[at] else None
        self._line.reverse()
        for place, commit in enumerate(self._line):
            introduced[commit] = place
        for place, commit in enumerate(self._line):
            ahead = list(self.parents[commit][1:])
            while ahead:
                other = ahead.pop()
                if introduced[other] == NEVER:
                    introduced[other] = place
                    ahead.extend(self.parents[other])
        reaches = [-1] * size
        on_line = set(self._line)
        for commit, parents in enumerate(self.parents):
            if commit in on_line:
                reaches[commit] = introduced[commit]
            elif parents:
                reaches[commit] = max([reaches[parent] for parent in parents])
        self._introduced, self._reaches = introduced, reaches

    def grow(self, parents: Mapping[str, Sequence[str]], head: str) -> bool:
        """Take in the commits that a new ``head`` has on top of the old one: ``parents`` are theirs.

        They are numbered last, in the order that a graph made anew would give them among each other. False when the
        graph made anew would differ in more (the main line does not go on from the old head, or something comes in that
        the old head did not contain); this one must not be used any more then.
        """
        if self.head is None:
            return False
        number, introduced = self.number, self._introduced
        line: list[str] = []
        at = head
        while at in parents:
            line.append(at)
            if not parents[at]:
                return False
            at = parents[at][0]
        if number.get(at) != self.head or not line:
            return False
        for above in parents.values():
            for sha in above:
                if sha not in parents and (sha not in number or introduced[number[sha]] == NEVER):
                    return False
        before = len(self.shas)
        self._walk(parents, head)
        fresh = self.shas[before:]
        if len(fresh) != len(parents):
            return False
        self.parents.extend(tuple([number[one] for one in parents[sha]]) for sha in fresh)
        self.head = number[head]
        introduced.extend([NEVER] * len(fresh))
        for sha in reversed(line):
            self._take_in(number[sha])
        for commit in range(before, len(self.shas)):
            on_line = self._line[introduced[commit]] == commit
            above_it = self.parents[commit]
            self._reaches.append(
                introduced[commit] if on_line else max([self._reaches[one] for one in above_it], default=-1)
            )
        return True

    def _take_in(self, commit: int) -> None:
        """Make a commit the next one of the main line, with what it brings in."""
        introduced, place = self._introduced, len(self._line)
        self._line.append(commit)
        introduced[commit] = place
        ahead = list(self.parents[commit][1:])
        while ahead:
            other = ahead.pop()
            if introduced[other] == NEVER:
                introduced[other] = place
                ahead.extend(self.parents[other])

    def beside(self, commit: int) -> list[int]:
        """What a commit contains (itself included) beyond the part of the main line that it reaches."""
        if commit < 0:
            return []
        reach, introduced, parents = self._reaches[commit], self._introduced, self.parents
        if introduced[commit] <= reach:
            return []
        seen = {commit}
        ahead = [commit]
        while ahead:
            for parent in parents[ahead.pop()]:
                if parent not in seen and introduced[parent] > reach:
                    seen.add(parent)
                    ahead.append(parent)
        return list(seen)

    def reach(self, commit: int) -> int:
        """The place on the main line up to which a commit contains it; -1 for none."""
        return self._reaches[commit]

    def introduced(self, commit: int) -> int:
        """The place on the main line where a commit came in; ``NEVER`` when it did not."""
        return self._introduced[commit]

    def introductions(self) -> Sequence[int]:
        """:meth:`introduced` of every commit."""
        return self._introduced

    def main_line_sizes(self) -> list[int]:
        """How many commits each place of the main line contains."""
        counts = [0] * (len(self._line) + 1)
        for place in self._introduced:
            if place < len(self._line):
                counts[place] += 1
        total = 0
        for place, count in enumerate(counts[:-1]):
            total += count
            counts[place] = total
        return counts[:-1]

    def sizes(self, commits: Iterable[int]) -> dict[int, int]:
        """How many commits each of ``commits`` contains, itself included.

        Lines beside the main one are followed once from their root, so that many releases of one line cost no more
        than the line.
        """
        on_line = self.main_line_sizes()
        wanted = set(commits)
        found: dict[int, int] = {}
        followed: set[int] = set()
        for tip in sorted(wanted, reverse=True):
            if tip in found:
                continue
            chain = []
            at: int | None = tip
            while at is not None and self._introduced[at] > self._reaches[at] and at not in followed:
                chain.append(at)
                at = self.parents[at][0] if self.parents[at] else None
            if at is not None and at in followed:
                reach = self._reaches[tip]
                found[tip] = (on_line[reach] if reach >= 0 else 0) + len(self.beside(tip))
                continue
            followed.update(chain)
            found.update(self._along(chain[::-1], at, on_line, wanted))
        return found

    def _along(
        self, chain: Sequence[int], root: int | None, on_line: Sequence[int], wanted: set[int]
    ) -> dict[int, int]:
        """The sizes of the wanted commits of a line that leaves the main one at ``root``."""
        introduced, parents = self._introduced, self.parents
        reach = -1 if root is None else self._reaches[root]
        found = {}
        if root is not None and root in wanted:
            found[root] = on_line[reach]
        own: set[int] = set()
        for commit in chain:
            if self._reaches[commit] > reach:
                reach = self._reaches[commit]
                own = {one for one in own if introduced[one] > reach}
            ahead = [commit]
            own.add(commit)
            while ahead:
                for parent in parents[ahead.pop()]:
                    if introduced[parent] > reach and parent not in own:
                        own.add(parent)
                        ahead.append(parent)
            if commit in wanted:
                found[commit] = (on_line[reach] if reach >= 0 else 0) + len(own)
        return found

    def contains(self, later: int, earlier: int) -> bool:
        """Whether ``earlier`` is ``later`` or one of its ancestors."""
        if earlier >= later:
            return earlier == later
        if self._introduced[earlier] <= self._reaches[later]:
            return True
        if not self.may_contain(later, earlier):
            return False
        reach, introduced, parents = self._reaches[later], self._introduced, self.parents
        seen: set[int] = set()
        ahead = [later]
        while ahead:
            for parent in parents[ahead.pop()]:
                if parent == earlier:
                    return True
                if parent > earlier and parent not in seen and introduced[parent] > reach:
                    seen.add(parent)
                    ahead.append(parent)
        return False

    def may_contain(self, later: int, earlier: int) -> bool:
        """Whether ``earlier`` may be one of those :meth:`beside` gives of ``later``: told without a walk."""
        reach, introduced = self._reaches[later], self._introduced
        # An ancestor has a lower number. What contains another reaches at least as far along the main line, and came to
        # it no earlier.
        return earlier <= later and reach < introduced[earlier] <= introduced[later] and self._reaches[earlier] <= reach

    def difference(self, tip: int, base: int | None) -> list[int]:
        """Commits of ``tip`` that ``base`` does not contain, newest first: a true set difference over the parents."""
        if base is None:
            without: set[int] = set()
            reach = -1
        else:
            without, reach = set(self.beside(base)), self._reaches[base]
        seen = {tip}
        ahead = [tip]
        found = []
        while ahead:
            commit = ahead.pop()
            if commit in without or self._introduced[commit] <= reach:
                continue
            found.append(commit)
            for parent in self.parents[commit]:
                if parent not in seen:
                    seen.add(parent)
                    ahead.append(parent)
        return sorted(found, reverse=True)
