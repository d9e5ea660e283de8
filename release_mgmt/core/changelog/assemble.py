"""History -> the record of every release: each commit of each range is shown, folded, cancelled or accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import cast

from release_mgmt.core.changelog.first_timers import FirstTimers
from release_mgmt.core.changelog.record import Accounting, Changelog, Entry, Previous, PullRequestRef, Section
from release_mgmt.core.changes.groups import Change, ChangeBook
from release_mgmt.core.changes.mailmap import Mailmap
from release_mgmt.core.changes.messages import Facts
from release_mgmt.core.changes.model import Provider, PullRequest
from release_mgmt.core.changes.people import People, helped
from release_mgmt.core.changes.reverts import Reverts, Settled
from release_mgmt.core.changes.twins import Budget, Joiner, Patches, Twins
from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.core.history.graph import NEVER, Graph
from release_mgmt.core.history.releases import Prereleases, Release, Releases, TagAt, assign
from release_mgmt.core.versions import newest_first


@dataclass(frozen=True, slots=True)
class History:
    """What was read of a repository. Lists go by commit number; ``tags_at`` names all tags of a commit's sha.

    ``signed`` are the names and addresses of all authors, those of the mailmap.
    """

    repository: str
    graph: Graph
    facts: Sequence[Facts]
    authors: Sequence[str]
    names: Mapping[str, str]
    tags: Sequence[TagAt]
    tags_at: Mapping[int, tuple[str, ...]]
    forge: Provider = "unknown"
    diagnostics: tuple[str, ...] = ()
    mailmap: Mailmap | None = None
    signed: AbstractSet[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Options:
    """How a changelog is made. ``touched`` maps a package to the commits that touch its paths, where it has any.

    With ``base`` everything is compared with that commit, and what it contains has no section.
    """

    prereleases: Prereleases = "fold"
    package: str | None = None
    pulls: tuple[PullRequest, ...] = ()
    base: TagAt | None = None
    touched: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Part:
    """A section on its way: its place, what it is the first to hold, and what became of it."""

    place: int
    release: Release | None
    commits: Sequence[int]
    excluded: int = 0
    plain: int = 0
    settled: Settled = field(default_factory=lambda: Settled([]))


@dataclass(slots=True)
class Open:
    """The package whose last section is what is unreleased, as it was made: what more commits are added to.

    ``told`` is the range of the diagnostics that speak of that section.
    """

    parts: list[Part]
    inside: list[int]
    joiner: Joiner
    twins: Twins
    told: slice


def assemble(history: History, options: Options, patches: Patches | None = None) -> Changelog:
    """The changelog of all releases; ``patches`` compares contents, where nothing else tells.

    Raises BrokenInvariant when a commit of a range is not accounted for.
    """
    return Assembly(history, options, patches).changelog()


def _keep(part: Part, touched: AbstractSet[int]) -> None:
    """Leave the other commits of a section out, and count them."""
    kept = [commit for commit in part.commits if commit in touched]
    part.excluded += len(part.commits) - len(kept)
    part.commits = kept


class Assembly:
    """The making of one changelog; ``releases`` tells which release holds which commit."""

    def __init__(self, history: History, options: Options, patches: Patches | None, *, to_grow: bool = False) -> None:
        """With ``to_grow`` it keeps what ``core.changelog.growth`` adds to."""
        self.to_grow = to_grow
        self.history = history
        self.options = options
        self.patches = patches
        self.budget = Budget()
        self.graph = history.graph
        chosen = [tag for tag in history.tags if options.package in {None, tag.named.package}]
        self.releases: Releases = assign(self.graph, chosen, options.prereleases, options.base)
        self.book = ChangeBook(
            self.graph, history.facts, history.authors, options.pulls, history.forge, history.names, history.mailmap
        )
        if patches is not None:
            patches.learn_merges([self.graph.shas[merge] for merge in self.book.plain_merges()])
            self.book.adds_own = patches.adds_own
        self.diagnostics = [*history.diagnostics, *self.releases.diagnostics]
        self.people = People(history.mailmap)
        co_authored = helped(self.book.facts)
        self.people.learn(history.signed, co_authored)
        self.firsts = FirstTimers(self.graph, self.book.authors, co_authored, self.people)
        self.open: Open | None = None
        self.entries: dict[tuple[object, ...], Entry] = {}
        self.plain: tuple[dict[int, Entry], ...] = ({}, {})  # released or not, by change: the book keeps them all
        head = self.releases.before_head
        self.head_mask = 0
        if self.graph.head is not None:
            for place, release in enumerate(self.releases.order):
                if self.graph.contains(self.graph.head, release.commit):
                    self.head_mask |= 1 << place
        self.head_package = self.releases.order[head].package if head is not None else None

    def changelog(self) -> Changelog:
        """The record of every release."""
        order = self.releases.order
        sections: dict[int, Section] = {}
        packages = dict.fromkeys([release.package for release in order])
        unreleased_of = self.head_package if self.head_package in packages or not packages else next(iter(packages))
        apart = self._touched_by_any(packages)
        unreleased: Section | None = None
        for package in packages or {None: None}:
            parts = self._parts(package)
            if apart is None and (package == unreleased_of or not packages):
                parts.append(Part(len(order), None, self.releases.unreleased))
            for section, part in zip(self._sections(parts, self._touched(package)), parts, strict=True):
                if part.release is None:
                    unreleased = section
                else:
                    sections[part.place] = section
        if apart is not None:  # what is unreleased is everybody's, and may take back anything
            self.budget = Budget()
            part = Part(len(order), None, self.releases.unreleased)
            _keep(part, apart)
            unreleased = self._sections([*self._parts(unreleased_of), part], None)[-1]
            self.diagnostics.extend(self._waiting())
        assert unreleased is not None
        places = {id(release.version): place for place, release in enumerate(order)}
        named = newest_first([release.named for release in order[0 if self.options.base is None else 1 :]])
        listed = tuple(sections[places[id(one.version)]] for one in named)
        return Changelog(self.history.repository, listed, unreleased, self.told())

    def _waiting(self) -> list[str]:
        """A sentence for each package of which HEAD holds commits that only releases of other packages contain."""
        held: dict[str | None, set[int]] = {}
        for release in self.releases.order:
            held.setdefault(release.package, set()).update(release.commits)
        every = set[int]().union(*held.values())
        told = []
        for package in sorted(self.options.touched):
            own = held.get(package, set())
            left = ((self._touched(package) or set()) & every) - own
            count = sum(self.graph.introduced(one) < NEVER and len(self.graph.parents[one]) < 2 for one in left)
            if count and own:
                told.append(
                    f"commits of the package {package!r} that only releases of other packages contain are in no "
                    f"section until it is tagged: {count} (--package {package} shows them as unreleased)"
                )
        return told

    def _parts(self, package: str | None) -> list[Part]:
        """The releases of one package, on their way."""
        places = [place for place, release in enumerate(self.releases.order) if release.package == package]
        return [Part(place, self.releases.order[place], self.releases.order[place].commits) for place in places]

    def forget(self) -> None:
        """Let go of what only the making of many sections needs."""
        self.entries, self.plain = {}, ({}, {})

    def told(self) -> tuple[str, ...]:
        """The diagnostics, each once."""
        return tuple(dict.fromkeys(self.diagnostics))

    def _sections(self, parts: list[Part], touched: AbstractSet[int] | None) -> list[Section]:
        """The sections of one package; of each part only what is ``touched``, where that is known."""
        inside = [-1] * len(self.graph)
        for part in parts:
            if touched is not None:
                _keep(part, touched)
            for commit in part.commits:
                inside[commit] = part.place
        reverts = self.reverts(parts, inside)
        for part in parts:
            changes, part.plain = self.book.gather(part.commits, inside, part.place)
            part.settled = reverts.settle(changes, part.commits)
            self.diagnostics.extend(part.settled.diagnostics)
        told = len(self.diagnostics)
        last = len(self.releases.order)
        joiner = Joiner(self.book, inside, {part.place: part.settled.shown for part in parts}, self._linear, last)
        twins = joiner.join(self._side([part.place for part in parts]), self.patches, self.budget)
        self.diagnostics.extend(twins.diagnostics)
        if self.to_grow and parts[-1].release is None:
            about = slice(told - len(parts[-1].settled.diagnostics), told)
            self.open = Open(parts, inside, joiner, twins, about)
        return [self.section(part, twins, inside) for part in parts]

    def reverts(self, parts: Sequence[Part], inside: Sequence[int]) -> Reverts:
        """What settles the sections of one package."""
        by_place = {part.place: part for part in parts}
        in_part = self.patches.undoes_in_part if self.patches is not None else None
        return Reverts(self.book, inside, lambda place: by_place[place].settled.shown, in_part)

    def _touched_by_any(self, packages: Iterable[str | None]) -> AbstractSet[int] | None:
        """What may show as unreleased where packages have paths and none was asked for, else None.

        It is what touches one of them, or everything as long as some package has none.
        """
        paths = self.options.touched
        known = [*packages]
        if self.options.package is not None or not any(package in paths for package in known):
            return None
        if any(package not in paths for package in known):
            return frozenset(range(len(self.graph)))
        return frozenset().union(*[self._touched(package) or () for package in paths])

    def _touched(self, package: str | None) -> AbstractSet[int] | None:
        """The commits of a package with paths, with the merges that brought them in."""
        own = self.options.touched.get(package) if package is not None else None
        if own is None:
            return None
        found = set(own)
        for commit in own:
            by = self.book.owner[commit]
            while by >= 0:
                found.add(by)
                by = self.book.owner[by]
        return found

    def _linear(self, one: int, other: int) -> bool:
        """Whether one of two places contains the other; the place after the last release is HEAD."""
        low, high = sorted((one, other))
        if high == len(self.releases.order):
            return bool(self.head_mask >> low & 1)
        masks = self.releases.ancestors
        return bool(masks[high] >> low & 1 or masks[low] >> high & 1)

    def _side(self, places: Sequence[int]) -> frozenset[int]:
        """The places that are off the line which ends at HEAD."""
        last = len(self.releases.order)
        mask = sum(1 << place for place in places if place < last)
        if last in places:
            current = self.head_mask & mask
        else:
            current = self.releases.ancestors[places[-1]] & mask if places else 0
        line = {last}
        if last not in places and places:
            line.add(places[-1])
        while current:
            nearest = current.bit_length() - 1
            line.add(nearest)
            current = self.releases.ancestors[nearest] & mask & ((1 << nearest) - 1)
        return frozenset(places) - line

    def section(self, part: Part, twins: Twins, inside: Sequence[int]) -> Section:
        """One section as it is published; ``inside`` has the place of each commit."""
        release, order, shas = part.release, self.releases.order, self.graph.shas
        before_place = self.releases.before_head if release is None else release.previous
        before = None if before_place is None else order[before_place]
        tip = self.graph.head if release is None else release.commit
        size = self.releases.shipped_to_head if release is None else release.range_size
        entries = self._entries(part, twins)
        names = set[str]().union(*[entry.authors for entry in entries])
        old = None if before is None else before.commit
        mask = 0 if before_place is None else self.releases.ancestors[before_place]
        newcomers = self.firsts.among(names, old, mask, inside)
        previous = None if before is None else Previous(before.version.text, shas[before.commit])
        sha = None if tip is None else shas[tip]
        cancelled = tuple(
            (self._key(target, part.place, twins), self._key(by, part.place, twins))
            for target, by in part.settled.cancelled
        )
        return Section(
            version=None if release is None else release.version.text,
            package=None if release is None else release.package,
            tag=None if release is None else release.tag,
            tags=() if release is None else self._tags(release),
            sha=sha,
            previous=previous,
            range=sha if previous is None or sha is None else f"{previous.sha}..{sha}",
            date=None if release is None else release.date,
            prerelease=False if release is None else release.version.prerelease,
            accounting=self._account(part, size, len(entries)),
            entries=entries,
            cancelled=cancelled,
            first_time_contributors=newcomers,
        )

    def _tags(self, release: Release) -> tuple[str, ...]:
        others = self.history.tags_at.get(release.commit, ())
        return (*release.tags, *(tag for tag in others if tag not in release.tags))

    def _account(self, part: Part, size: int, entries: int) -> Accounting:
        shown = entries
        gone = part.settled.gone
        held = sum([len(change.commits) for change in part.settled.shown])
        folded = held - entries + part.plain
        own = len(part.commits) + part.excluded
        accounting = Accounting(size, shown, folded, gone, size - own, part.excluded)
        total = shown + folded + gone + accounting.already_shipped + part.excluded
        if total != size or held + part.plain + gone != len(part.commits) or accounting.already_shipped < 0:
            where = part.release.tag if part.release is not None else "what is unreleased"
            raise BrokenInvariant(
                f"the commits of {where} do not add up: {accounting}",
                hint="please report this with the repository or its shape",
            )
        return accounting

    def _key(self, change: Change, place: int, twins: Twins) -> str:
        return twins.same.get((place, change.newest), change.key)

    def _entries(self, part: Part, twins: Twins) -> tuple[Entry, ...]:
        """What a section shows. Most of it says the same wherever it stands, and packages of one history share it."""
        release = part.release
        known = self.plain[release is None]
        special = {*part.settled.links, *twins.at(part.place), *(release.first_in if release is not None else ())}
        shown = part.settled.shown
        found = [known.get(id(change)) for change in shown]
        if special:
            for at in [at for at, change in enumerate(shown) if change.commits[0] in special]:
                found[at] = self._entry(shown[at], part, twins)
        if not all(found):
            for at, change in enumerate(shown):
                if found[at] is None:
                    found[at] = known[id(change)] = self._entry(change, part, twins)
        return tuple(cast("list[Entry]", found))

    def _entry(self, change: Change, part: Part, twins: Twins) -> Entry:
        newest, release = change.commits[0], part.release
        at = (part.place, newest)
        link = part.settled.links.get(newest)
        also = twins.also.get(at)
        first_in = release.first_in.get(newest) if release is not None else None
        key = self._key(change, part.place, twins)
        cached = (change.commits, key, release is None, first_in)
        if link is None and not also and cached in self.entries:
            return self.entries[cached]
        title, reverts, kind = change.title, None, None
        if link is not None:
            title = f"{'Reapplied' if link.again else 'Reverted'}: {link.title}"
            kind = None if link.again else "revert"
            if link.target is not None and link.place is not None:
                reverts = self._key(link.target, link.place, twins)
        shas = self.graph.shas
        entry = Entry(
            id=key,
            title=title,
            details=change.details,
            level=None,
            kind=kind,
            state="draft" if release is None else "released",
            first_in=first_in,
            pull_request=None if change.number is None else PullRequestRef(change.provider, change.number[1]),
            commits=tuple([shas[commit] for commit in change.commits]),
            authors=self.people.once(change.authors) if len(change.authors) > 1 else change.authors,
            also_in=self._versions(also) if also else (),
            reverts=reverts,
        )
        if link is None and not also:
            self.entries[cached] = entry
        return entry

    def _versions(self, places: Iterable[int]) -> tuple[str, ...]:
        last = len(self.releases.order)
        return tuple(self.releases.order[place].version.text for place in sorted(places) if place < last)
