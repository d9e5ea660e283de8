"""Commits of one person under one title that stand side by side, in sections of their own: one change, or several."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from release_mgmt.core.changes.groups import Change, ChangeBook

Item = tuple[int, Change]
"""A change and the place of the section that shows it."""

BESIDE_LIMIT = 400
"""Changes of a package whose contents are compared because others of their author and title stand beside them."""


class Contents(Protocol):
    """Tells what commits changed."""

    def patch_ids(self, shas: Iterable[str]) -> dict[str, str]:
        """Commit -> what names its patch, for those that change something."""


def where(item: Item) -> tuple[int, int]:
    """What names an item among all of a package."""
    return item[0], item[1].newest


class Classes:
    """Which items are one change, found out pair by pair."""

    def __init__(self, book: ChangeBook, linear: Callable[[int, int], bool]) -> None:
        """``linear(a, b)`` says that one of two places contains the other."""
        self._book = book
        self._linear = linear
        self.of: dict[tuple[int, int], list[Item]] = {}

    def members(self, item: Item) -> list[Item]:
        """What is one change with an item, itself among them."""
        return self.of.get(where(item), [item])

    def joined(self, one: Item, other: Item) -> bool:
        """Whether two items are one change."""
        return (one[1] is other[1] and one[0] == other[0]) or self.of.get(where(one), one) is self.of.get(where(other))

    def unite(self, one: Item, other: Item, *, apart: bool = False) -> bool:
        """Join two classes unless that joined a change with one it was built on; ``apart``: nor linear places."""
        if self.joined(one, other):
            return False
        first, second = self.members(one), self.members(other)
        for place, change in first:
            for other_place, other_change in second:
                if place == other_place or (apart and self._linear(place, other_place)):
                    return False
                newer, older = sorted((change.newest, other_change.newest), reverse=True)
                if self._book.graph.contains(newer, older):
                    return False
        united = [*first, *second]
        for item in united:
            self.of[where(item)] = united
        return True


class Beside:
    """The changes of one key in several sections of a package: those that nothing joins are told apart in the end.

    Their keys say no more than that one person wrote one title, as people do on two branches, so an id would stand for
    two changes, and what is new would count as shipped.
    """

    def __init__(
        self, book: ChangeBook, inside: Sequence[int], find: Callable[[int], Item | None], classes: Classes
    ) -> None:
        """``find`` gives the item that shows a commit, ``inside`` the place of each commit."""
        self._book = book
        self._classes = classes
        self._groups: list[list[Item]] = []
        for same in {id(same): same for same in book.parallel.values()}.values():
            if len({inside[commit] for commit in same} - {-1}) > 1:
                items = [item for commit in same if (item := find(commit)) is not None and item[1].number is None]
                found = sorted({where(item): item for item in items}.values(), key=where)
                if len(found) > 1:
                    self._groups.append(found)

    def join(self, linear: Callable[[int, int], bool], contents: Contents) -> str | None:
        """Join those of one line whose contents are the same: picked from one branch to another before these met.

        What has to be told, when there were too many.
        """
        wanted = [
            item
            for items in self._groups
            if len(self._parts(items)) > 1
            for item in items
            if any(not self._classes.joined(item, other) and linear(item[0], other[0]) for other in items)
        ]
        compared = sorted(wanted, key=lambda item: item[1].newest)[:BESIDE_LIMIT]
        shas = self._book.graph.shas
        ids = contents.patch_ids([shas[commit] for _, change in compared for commit in change.commits])
        patches = {where(item): {ids.get(shas[commit]) for commit in item[1].commits} for item in compared}
        for items in self._groups:
            known = [item for item in items if where(item) in patches]
            for at, later in enumerate(known):
                own = patches[where(later)]
                if None in own:
                    continue
                for earlier in known[:at]:
                    if own <= patches[where(earlier)] and self._classes.unite(earlier, later):
                        break
        left = len(wanted) - len(compared)
        return (
            f"the contents of {left} changes were not compared with those of the same author and title on another "
            f"branch: too many; of these, what was picked from one to the other is listed twice"
            if left
            else None
        )

    def tell_apart(self, same: dict[tuple[int, int], str]) -> None:
        """Give keys of their own to those that share one and were not joined; the first of a line keeps it.

        ``same`` has the keys of those that were joined; what is given here is added.
        """
        for items in self._groups:
            key = items[0][1].key
            parts = self._parts([item for item in items if same.get(where(item), key) == key])
            firsts = [min(members, key=where) for members in parts]
            for first, members in sorted(zip(firsts, parts, strict=True), key=lambda part: where(part[0]))[1:]:
                text = f"{key} {self._book.graph.shas[first[1].commits[-1]]}"
                own = "c-" + hashlib.sha256(text.encode()).hexdigest()[:16]
                same.update(dict.fromkeys(map(where, members), own))

    def _parts(self, items: Iterable[Item]) -> list[list[Item]]:
        """The classes that some items are of, each once."""
        known = [self._classes.members(item) for item in items]
        return [*{id(members): members for members in known}.values()]
