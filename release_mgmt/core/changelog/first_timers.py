"""Who contributes for the first time: by what a release contains, never by date."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from release_mgmt.core.changes.groups import is_bot
from release_mgmt.core.changes.people import Helped, People
from release_mgmt.core.history.graph import NEVER, Graph


class FirstTimers:
    """Who has no commit before a release: by reachability, never by date. A person may have several names, and to be a
    co-author is to contribute.
    """

    def __init__(self, graph: Graph, authors: Sequence[str], helped: Helped, people: People) -> None:
        """``authors`` go by commit number, and grow; ``helped`` has the co-authors of the commits that have any."""
        self._graph = graph
        self._authors = authors
        self._people = people
        self._earliest: dict[str, int] = {}
        self._helpers: dict[int, list[str]] = {}
        self._helping: dict[str, list[int]] = {}
        self._commits: dict[str, list[int]] = {}  # by name
        self._masks: dict[str, tuple[int, bool]] = {}
        self._inside: Sequence[int] = ()
        self._known = 0
        self.grow(0, helped)

    def grow(self, first: int, helped: Helped) -> None:
        """Take in the people of the commits from ``first`` on."""
        self._masks = {}
        by_name: dict[str, int] = {}
        places = self._graph.introductions()
        for commit, author in enumerate(self._authors[first:], first):
            if places[commit] < by_name.get(author, NEVER):
                by_name[author] = places[commit]
        found = [(self._people.of(name), place) for name, place in by_name.items()]
        for commit, co_authors in helped.items():
            self._helpers[commit] = [self._people.signed(co_author) for co_author in co_authors]
            for person in self._helpers[commit]:
                self._helping.setdefault(person, []).append(commit)
                found.append((person, places[commit]))
        earliest = self._earliest
        for person, place in found:
            earliest[person] = min(place, earliest.get(person, NEVER))

    def _own(self, person: str) -> Sequence[int]:
        """The commits that a person had a part in; found for all when the first is asked for."""
        for commit in range(self._known, len(self._authors)):
            self._commits.setdefault(self._authors[commit], []).append(commit)
        self._known = len(self._authors)
        own = [self._commits.get(name, ()) for name in self._people.names(person)]
        return [*chain(*own, self._helping.get(person, ()))]

    def _beside(self, before: int) -> set[str]:
        """The people of what a commit contains off the main line."""
        commits = self._graph.beside(before)
        found = {self._people.of(name) for name in {self._authors[commit] for commit in commits}}
        return found.union(*[self._helpers.get(commit, ()) for commit in commits])

    def _places(self, person: str, inside: Sequence[int]) -> tuple[int, bool]:
        """The places of a person's commits as a bit mask, and whether some have none; kept while sections stand."""
        if self._inside is not inside:
            self._inside, self._masks = inside, {}
        found = self._masks.get(person)
        if found is None:
            places = {inside[commit] for commit in self._own(person)}
            found = self._masks[person] = sum([1 << place for place in places if place >= 0]), -1 in places
        return found

    def among(self, names: set[str], before: int | None, shipped: int, inside: Sequence[int]) -> tuple[str, ...]:
        """Those of ``names`` who contributed nothing that the commit ``before`` contains, each person once.

        ``inside`` has the place of each commit, or -1; ``shipped`` is a bit mask of places that ``before`` contains,
        its own the highest.
        """
        called = self._people.called(name for name in names if not is_bot(name))
        people = set(called)
        if before is not None:
            graph, reach = self._graph, self._graph.reach(before)
            people = {one for one in people if self._earliest.get(one, reach + 1) > reach}
            people = {one for one in people if not self._places(one, inside)[0] & shipped}
            if graph.introduced(before) > reach:  # else it contains nothing beside the main line
                # What it contains in other places stands in lower ones, where siblings had it first.
                lower = (1 << shipped.bit_length()) - 1
                doubtful = {one for one in people if (at := self._places(one, inside))[1] or at[0] & lower}
                if any(graph.may_contain(before, commit) for one in doubtful for commit in self._own(one)):
                    # Seldom, since the walk is as long as the line.
                    people -= self._beside(before)
        return tuple(sorted(called[one] for one in people))
