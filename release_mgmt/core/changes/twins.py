"""One change on several lines: cherry-picks and backports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from release_mgmt.core.changes.beside import Beside, Classes, Item
from release_mgmt.core.changes.groups import Change, ChangeBook, TitleKeys
from release_mgmt.core.changes.messages import PrKey, title_key


class Patches(Protocol):
    """Compares what commits changed; asked only for the few that nothing else tells of."""

    def patch_ids(self, shas: Iterable[str]) -> dict[str, str]:
        """Commit -> what names its patch, for those that change something."""

    def learn(self, shas: Iterable[str]) -> None:
        """Look at many commits at once, which costs less than one by one."""

    def paths(self, sha: str) -> tuple[str, ...]:
        """The files that a commit changed, much cheaper than its patch; commits of one patch change the same."""

    def learn_merges(self, shas: Sequence[str]) -> None:
        """The same for merges."""

    def adds_own(self, merge: str) -> bool:
        """Whether a merge has content that none of its sides had."""

    def undoes_in_part(self, revert: str, target: str) -> bool:
        """Whether what ``revert`` changed is less than the inverse of what ``target`` did."""


PATCH_LIMIT = 100
"""Commits whose contents are compared for one changelog; one costs as much as a hundred messages."""


@dataclass(slots=True)
class Twins:
    """For (place, newest commit) of a change: ``also``, the other places that hold it; ``same``, its common key."""

    also: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    same: dict[tuple[int, int], str] = field(default_factory=dict)
    diagnostics: list[str] = field(default_factory=list)
    _newest: dict[int, set[int]] = field(default_factory=dict)

    def at(self, place: int) -> AbstractSet[int]:
        """The newest commits of those of a place."""
        if not self._newest:
            for where, newest in self.same:
                self._newest.setdefault(where, set()).add(newest)
        return self._newest.get(place, frozenset())


@dataclass(slots=True)
class Budget:
    """How many commits may still be compared by content, over all packages of a changelog."""

    left: int = PATCH_LIMIT


class _Alone:
    """The changes of one commit of a place that nothing was joined with, found by their people and titles."""

    def __init__(self, items: Sequence[Item], keys: TitleKeys) -> None:
        self.items = items
        self._keys = keys
        self._by_author: dict[str, list[int]] = {}
        self._by_title: dict[str, list[int]] = {}

    def likely(self, of: Sequence[Item]) -> list[Item]:
        """Those by the same people or under the same titles."""
        if not self._by_title:
            for at, (_, change) in enumerate(self.items):
                self._by_title.setdefault(self._keys[change.title], []).append(at)
                for name in change.authors:
                    self._by_author.setdefault(name, []).append(at)
        found: set[int] = set()
        for name in {name for _, change in of for name in change.authors}:
            found.update(self._by_author.get(name, ()))
        for _, change in of:
            found.update(self._by_title.get(self._keys[change.title], ()))
        return [self.items[at] for at in sorted(found)]


class Joiner:
    """Finds the twins among the sections of one package.

    ``shown[place]`` is what a section shows; ``linear(a, b)`` says that one of two places contains the other;
    ``opened`` is the place of what is unreleased.
    """

    def __init__(
        self,
        book: ChangeBook,
        inside: Sequence[int],
        shown: dict[int, Sequence[Change]],
        linear: Callable[[int, int], bool],
        opened: int | None = None,
    ) -> None:
        self._book = book
        self._inside = inside
        self._shown = shown
        self._linear = linear
        self._open = opened
        self._side: frozenset[int] = frozenset()
        self._elsewhere: tuple[set[PrKey], set[str]] | None = None
        self._beside_open: list[Item] = []  # compared by content with what is unreleased
        self._cut = False  # whether some of what is unreleased was not
        self._classes = Classes(book, linear)
        self._told_apart: AbstractSet[tuple[int, int]] = frozenset()
        self._by_commit: dict[int, dict[int, Change]] = {}

    def _item(self, commit: int) -> Item | None:
        """The place and the change that show a commit."""
        place = self._inside[commit]
        if place not in self._shown:
            return None
        held = self._by_commit.get(place)
        if held is None:
            held = {one: change for change in self._shown[place] for one in change.commits}
            self._by_commit[place] = held
        return (place, held[commit]) if commit in held else None

    def join(self, side: frozenset[int], patches: Patches | None, budget: Budget) -> Twins:
        """By number, by trailer, by title and author, then by patch; ``side`` are the places off the main line."""
        picked = self._book.picked
        found = Twins()
        self._side = side
        if side:
            self._numbers()
        self._trailers(picked)
        if side:
            self._titles(side)
        beside = Beside(self._book, self._inside, self._item, self._classes)
        if patches is not None:
            told = beside.join(self._linear, patches)
            found.diagnostics += [told] if told else []
            if side:
                self._patches(side, patches, budget, found)
        self._tell(found)
        joined = found.same.copy()
        beside.tell_apart(found.same)
        self._told_apart = found.same.keys() - joined.keys()
        return found

    def _numbers(self) -> None:
        wanted = self._book.kinds.several() | {
            ("#", number) for commit in self._book.renumbered for number in self._book.facts[commit].others
        }
        by_number: dict[PrKey, list[Item]] = {}
        for place, changes in self._shown.items():
            for change in [one for one in changes if one.number in wanted]:
                assert change.number is not None
                by_number.setdefault(change.number, []).append((place, change))
        for items in by_number.values():
            if len(items) == 1:
                continue  # nearly all
            for at, item in enumerate(items[1:], 1):
                for earlier in items[:at]:
                    self._classes.unite(earlier, item, apart=True)
        for commit in sorted(self._book.renumbered):
            found = self._item(commit)
            for number in self._book.facts[commit].others:
                for original in by_number.get(("#", number), ()):
                    if found is not None and title_key(original[1].title) == title_key(found[1].title):
                        self._classes.unite(original, found, apart=True)

    def _trailers(self, picked: Sequence[int]) -> None:
        from_same: dict[str, Item] = {}
        for commit in picked:
            item = self._item(commit)
            if item is None:
                continue
            for sha in self._book.facts[commit].picked:
                source = self._book.find(sha)
                original = self._item(source) if source is not None else None
                if original is not None:
                    self._classes.unite(original, item)
                elif sha in from_same:
                    self._classes.unite(from_same[sha], item)
                else:
                    from_same[sha] = item

    def _titles(self, side: frozenset[int]) -> None:
        """Same title and a common author, at least one of the two off the main line; the oldest unmatched first."""
        keys = self._book.title_keys
        known = {keys[change.title] for place in side for change in self._shown.get(place, ())}
        by_title: dict[str, list[Item]] = {}
        for place, changes in self._shown.items():
            for change in [one for one in changes if keys[one.title] in known]:
                by_title.setdefault(keys[change.title], []).append((place, change))
        for items in by_title.values():
            if len(items) == 1:
                continue
            items.sort(key=lambda item: item[1].newest)
            for item in items:
                if item[0] not in side:
                    continue
                for other in items:
                    if other[0] == item[0] or self._classes.joined(other, item) or self._taken(other, item[0]):
                        continue
                    if set(other[1].authors) & set(item[1].authors) and self._classes.unite(other, item, apart=True):
                        break

    def _taken(self, item: Item, place: int) -> bool:
        """Whether a change has its twin on the line of a place already."""
        return any(
            other is not item and (other[0] == place or self._linear(other[0], place))
            for other in self._classes.members(item)
        )

    def _patches(self, side: frozenset[int], patches: Patches, budget: Budget, found: Twins) -> None:
        """Equal patches, only for single commits left alone so far, and only between neighbouring lines.

        Newest lines first, until as many commits were compared as are allowed; what was not is told. Of what is
        unreleased the oldest are compared and not counted, so that new commits change nothing of what was found before.
        """
        skipped = 0
        left: dict[int, _Alone] = {}  # places that several lines are compared with
        for place in sorted(side, reverse=True):
            alone = self._single(place)
            near = self._neighbours(place, side) if alone else []
            if not near:
                continue
            beside = left.get(near[0])
            if beside is None:
                beside = left[near[0]] = _Alone(self._single(near[0]), self._book.title_keys)
            others, beyond = beside.items, False
            if near == [self._open]:
                beyond = len(others) > PATCH_LIMIT
                others, counted = self._oldest(others), len(alone)
            else:
                if len(alone) + len(others) > budget.left:
                    others = beside.likely(alone)
                if not others:
                    continue
                counted = len(alone) + len(others)
            if counted > budget.left:
                skipped += len(alone)
                continue
            budget.left -= counted
            if near == [self._open]:
                self._beside_open += alone
                self._cut = self._cut or beyond
            if others:
                self._equal(others, alone, patches)
                left.clear()
        if skipped:
            found.diagnostics.append(
                f"the contents of {skipped} changes on maintenance lines were not compared with the main line's: too "
                f"many; of these, backports with another title and no number are listed twice"
            )
        if self._cut:
            # In words that hold for any number of them: new commits add to what is unreleased, and to nothing else.
            found.diagnostics.append(
                f"only the contents of the oldest {PATCH_LIMIT} unreleased changes were compared with those on "
                f"maintenance lines: too many; of others, backports with another title and no number are listed twice"
            )

    def _oldest(self, items: Sequence[Item]) -> Sequence[Item]:
        return sorted(items, key=lambda item: item[1].newest)[:PATCH_LIMIT]

    def _equal(self, others: Sequence[Item], alone: Sequence[Item], patches: Patches) -> None:
        for same in self._alike(others, alone, patches):
            for at, item in enumerate(same[1:], 1):
                for other in same[:at]:
                    self._classes.unite(other, item)

    def _alike(self, others: Sequence[Item], alone: Sequence[Item], patches: Patches) -> list[list[Item]]:
        """Those of one patch, where there are several; only of commits that changed the same files on both sides."""
        shas = self._book.graph.shas
        patches.learn([shas[item[1].newest] for item in (*others, *alone)])
        paths = [{patches.paths(shas[item[1].newest]) for item in items} for items in (others, alone)]
        plausible = (paths[0] & paths[1]) - {()}
        items = [item for item in (*others, *alone) if patches.paths(shas[item[1].newest]) in plausible]
        ids = patches.patch_ids([shas[change.newest] for _, change in items])
        by_patch: dict[str, list[Item]] = {}
        for item in items:
            patch = ids.get(shas[item[1].newest])
            if patch:
                by_patch.setdefault(patch, []).append(item)
        return [same for same in by_patch.values() if len(same) > 1]

    def prepare(self) -> None:
        """Learn what :meth:`stand_apart` asks for."""
        if self._elsewhere is None:
            shown = [change for place, changes in self._shown.items() if place != self._open for change in changes]
            numbers = {change.number for change in shown if change.number is not None}
            keys = self._book.title_keys
            titles = {keys[change.title] for place in self._side for change in self._shown.get(place, ())}
            self._elsewhere = numbers, titles

    def stand_apart(self, shown: Sequence[Change], patches: Patches | None) -> bool:
        """Whether ``shown``, which is unreleased now, has the same twins as what was unreleased before.

        False as well where that would take long to find out; the joiner must not be used any more then.
        """
        assert self._open is not None
        before, place, book = self._shown[self._open], self._open, self._book
        alone = len(self._single(place))
        old, new = set(before), set(shown)
        gone = [change for change in before if change not in new]
        fresh = [change for change in shown if change not in old]
        if any(
            (place, change.newest) in self._classes.of or (place, change.newest) in self._told_apart for change in gone
        ):
            return False
        if any(
            self._inside[twin] != place
            for change in fresh
            for one in change.commits
            for twin in book.parallel.get(one, ())
        ):
            return False  # one change with something released, or another under its key
        if any(book.facts[commit].picked for change in fresh for commit in change.commits):
            return False
        self._shown[place] = shown
        self._by_commit.pop(place, None)
        if not self._side:
            return True
        self.prepare()
        assert self._elsewhere is not None
        numbers, titles = self._elsewhere
        if any(change.number in numbers or title_key(change.title) in titles for change in fresh):
            return False
        if any(book.facts[commit].others for change in fresh for commit in change.commits):
            return False
        return patches is None or not self._beside_open or self._other_patches(gone, fresh, alone, patches)

    def _other_patches(self, gone: Sequence[Change], fresh: Sequence[Change], alone: int, patches: Patches) -> bool:
        """Whether no commit that is new or newly compared changes the same as one beside what is unreleased."""
        if gone and alone > PATCH_LIMIT:
            return False
        assert self._open is not None
        single = self._single(self._open)
        joined = sum(1 for place, _ in self._classes.of if place == self._open)
        if len(single) <= PATCH_LIMIT if self._cut else len(single) + joined > PATCH_LIMIT:
            return False  # that some were left out may have to be told now, or no more
        known = {change.newest for change in fresh}
        compared = [item for item in self._oldest(single) if item[1].newest in known]
        if not compared:
            return True
        return not self._alike(compared, self._beside_open, patches)

    def _single(self, place: int) -> list[Item]:
        """Changes of one commit that nothing else was joined with."""
        return [
            (place, change)
            for change in self._shown.get(place, ())
            if len(change.commits) == 1 and (place, change.commits[0]) not in self._classes.of
        ]

    def _neighbours(self, place: int, side: frozenset[int]) -> list[int]:
        """The next place of the main line that is on another line than a place."""
        main = sorted(other for other in self._shown if other not in side)
        return [other for other in main if not self._linear(place, other)][:1]

    def _tell(self, found: Twins) -> None:
        for members in {id(members): members for members in self._classes.of.values()}.values():
            places = {place for place, _ in members}
            same = min(members, key=self._originality)[1].key
            for place, change in members:
                found.also[place, change.newest] = places - {place}
                found.same[place, change.newest] = same

    def _originality(self, item: Item) -> tuple[bool, bool, bool, int]:
        """What is likeliest the original: not picked from elsewhere, on the main line, by a pull request, oldest."""
        change, graph = item[1], self._book.graph
        picked = any(self._book.facts[commit].picked for commit in change.commits)
        on_main = graph.introduced(change.newest) < len(graph)
        return picked, not on_main, change.number is None, change.newest
