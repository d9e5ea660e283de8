"""Who is one person: whoever shares a name or, after the mailmap, an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from release_mgmt.core.changes.groups import is_bot
from release_mgmt.core.changes.mailmap import Mailmap
from release_mgmt.core.changes.messages import Facts

Helped = Mapping[int, Sequence[tuple[str, str]]]
"""Commit -> its co-authors as they signed, for the commits that have any."""


def helped(facts: Sequence[Facts], first: int = 0) -> Helped:
    """Who helped with commits of which the first has the number ``first``."""
    return {commit: one.co_authors for commit, one in enumerate(facts, first) if one.co_authors}


class People:
    """The people of a history by all the names that they sign with, as authors and as co-authors.

    One of the names stands for the person, whichever it is. Programs share no address with anybody.
    """

    def __init__(self, mailmap: Mailmap | None = None) -> None:
        self._mailmap = mailmap or Mailmap()
        self._person: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}  # of people with several
        self._at: dict[str, str] = {}  # address -> a name
        self._signed: dict[tuple[str, str], str] = {}

    def learn(self, authors: Iterable[tuple[str, str]], co_authors: Helped) -> bool:
        """Meet authors, by name and address after the mailmap, and co-authors.

        Whether all whom we knew as different people still are.
        """
        apart = [self._meet(name, address) for name, address in authors]
        for signed in {one for several in co_authors.values() for one in several} - self._signed.keys():
            name, address = self._mailmap.person(*signed)
            self._signed[signed] = name
            apart.append(self._meet(name, address))
        return all(apart)

    def _meet(self, name: str, address: str) -> bool:
        new = name not in self._person
        person = self._person.setdefault(name, name)
        if not address or not name:
            return True
        owner = self._at.setdefault(address, name)
        other = self._person[owner]
        if person == other or is_bot(name):
            return True
        if is_bot(owner):
            self._at[address] = name
            return True
        moved = self._names.pop(person, [person])
        self._names.setdefault(other, [other]).extend(moved)
        self._person.update(dict.fromkeys(moved, other))
        return new

    def of(self, name: str) -> str:
        """The person of a name."""
        return self._person.get(name, name)

    def signed(self, co_author: tuple[str, str]) -> str:
        """The person of a co-author whom we met."""
        return self.of(self._signed[co_author])

    def names(self, person: str) -> Sequence[str]:
        """All names of a person."""
        return self._names.get(person) or (person,)

    def called(self, names: Iterable[str]) -> dict[str, str]:
        """Each person among some names, by the fullest of these; in the order in which they come."""
        found: dict[str, str] = {}
        for name in names:
            person = self._person.get(name, name)
            known = found.get(person)
            if known is None or (len(name), name) > (len(known), known):
                found[person] = name
        return found

    def once(self, names: Sequence[str]) -> tuple[str, ...]:
        """Some names, each person's once."""
        return tuple(self.called(names).values())
