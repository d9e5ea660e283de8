"""Which commits came by a pull request, where only the forge tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from release_mgmt.core.changes.messages import Facts, PrKey, title_key
from release_mgmt.core.changes.model import PullRequest, Step
from release_mgmt.core.history.graph import Graph

NATIVE_SPACE = {"gitlab": "gitlab", "azure": "azure", "bitbucket": "bitbucket"}


def by_key(pulls: Iterable[PullRequest], forge: str = "unknown") -> dict[PrKey, PullRequest]:
    """The merged ones by the number that commits name them with; of several that of the repository's own forge."""

    def trust(pull: PullRequest) -> tuple[bool, bool, str, int]:
        return pull.provider == forge, pull.provider != "unknown", pull.provider, pull.number

    ordered = sorted(pulls, key=trust)
    return {(NATIVE_SPACE.get(pull.provider, "#"), pull.number): pull for pull in ordered if pull.state == "merged"}


class Merged:
    """Numbers the commits of one history; ``facts`` are changed in place, ``unexplained`` are the merged pull
    requests of which nobody told so far which commits came by them.
    """

    def __init__(self, graph: Graph, facts: list[Facts], authors: Sequence[str]) -> None:
        self._graph = graph
        self._facts = facts
        self._authors = authors
        self.unexplained: list[PullRequest] = []

    def place(self, pulls: Mapping[PrKey, PullRequest], find: Callable[[str], int | None]) -> list[int]:
        """Give commits that name no number that of the pull request which the forge says they came by; which they are.

        ``find`` gives the commit of a sha. It is not kept: that would be a cycle, and a history stay in memory.

        Oldest merges first: a pull request on top of another lists the other's commits too, which then are taken.
        """
        placed = []
        tips = {key: find(pull.merge_sha) if pull.merge_sha else None for key, pull in pulls.items()}
        for key, tip in sorted(tips.items(), key=lambda one: -1 if one[1] is None else one[1]):
            pull = pulls[key]
            if tip is not None and pull.commits is None and not self._explained(tip):
                self.unexplained.append(pull)
            named = [self._graph.number[sha] for sha in pull.commits or () if sha in self._graph.number]
            for commit in {*named, *(() if tip is None else self._brought(pull, tip))}:
                if self._facts[commit].number is None:
                    self._facts[commit] = self._facts[commit]._replace(number=key)
                    placed.append(commit)
        return placed

    def _explained(self, commit: int) -> bool:
        """Whether a merge or a number in its message says which commits came by it."""
        return self._facts[commit].number is not None or len(self._graph.parents[commit]) > 1

    def _brought(self, pull: PullRequest, tip: int) -> list[int]:
        """The commits that a merge put on its line: more than ``tip`` when it was a rebase."""
        if self._explained(tip):
            return [tip]
        steps = pull.steps or ()
        if steps:
            return max(self._rebased(tip, steps[::-1]), self._rebased(tip, steps), key=len)
        same = title_key(self._facts[tip].title) == title_key(pull.title)
        return [*self._line(tip)][: 1 if same else max(1, len(pull.commits or ()))]

    def _rebased(self, tip: int, steps: Sequence[Step]) -> list[int]:
        """Those below ``tip`` that are the steps, newest first. Steps that a rebase drops (merges, what the line has
        already) are passed over; a squash is none of them, or the first alone."""
        found: list[int] = []
        line, names = self._line(tip), dict[str | None, str]()
        commit = next(line, None)
        for step in steps:
            if commit is None:
                break
            author = self._authors[commit]
            if title_key(self._facts[commit].title) == title_key(step.title) and (
                # The mailmap may call an author otherwise than the forge does, but one name stays one person.
                names.setdefault(step.author, author) == author
            ):
                found.append(commit)
                commit = next(line, None)
        return found or [tip]

    def _line(self, tip: int) -> Iterator[int]:
        """``tip`` and what lies below it, down to the first commit that came by something known."""
        commit = tip
        while True:
            yield commit
            parents = self._graph.parents[commit]
            if len(parents) != 1 or self._explained(parents[0]):
                return
            commit = parents[0]
