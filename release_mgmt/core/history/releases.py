"""Which release holds which commit.

A commit belongs to the first release that contains it, in an order that respects ancestry first and version
second. Each package has releases of its own; with one package there is one line of them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from release_mgmt.core.history.graph import Graph
from release_mgmt.core.versions import NamedVersion, Version

Prereleases = Literal["fold", "separate"]


@dataclass(frozen=True, slots=True)
class TagAt:
    """A named version, the number of the commit it is on, and its date (ISO 8601) for show."""

    named: NamedVersion
    commit: int
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A release that has a section of its own.

    ``tags`` are those of equal version on the commit, ``folded`` its pre-releases, oldest first, ``commits`` what it is
    the first to contain, newest first, ``range_size`` how many commits it contains that ``previous`` does not.
    """

    version: Version
    package: str | None
    tags: tuple[str, ...]
    commit: int
    date: str | None
    rank: int = 0
    previous: int | None = None
    commits: tuple[int, ...] = ()
    range_size: int = 0
    folded: tuple[Release, ...] = ()
    first_in: dict[int, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The tag that stands for the release."""
        return self.tags[0]

    @property
    def named(self) -> NamedVersion:
        """The release as a named version."""
        return NamedVersion(self.tag, self.version, self.package)


@dataclass(frozen=True, slots=True)
class Releases:
    """All releases in the order in which commits were given to them; ``previous`` of each is a place in ``order``.

    ``unreleased`` are the commits of HEAD in no release, newest first, ``before_head`` the release that HEAD is
    compared with, ``shipped_to_head`` how many commits it contains that ``before_head`` does not. ``ancestors`` has
    for each release a bit mask of the places of the releases that it contains.
    """

    order: tuple[Release, ...]
    unreleased: tuple[int, ...]
    before_head: int | None
    shipped_to_head: int
    ancestors: tuple[int, ...]
    diagnostics: tuple[str, ...] = ()


def assign(
    graph: Graph, tags: Iterable[TagAt], prereleases: Prereleases = "fold", base: TagAt | None = None
) -> Releases:
    """Give every commit to its release. Linear in commits and tags for each package.

    ``base`` is a commit that everything is compared with instead of its own predecessor; what it contains counts as
    released with it, and it stands first in ``order``.
    """
    diagnostics: list[str] = []
    every = _joined(tags if base is None else [tag for tag in tags if tag.commit != base.commit], diagnostics)
    groups: dict[str | None, list[Release]] = {}
    for release in every:
        groups.setdefault(release.package, []).append(release)
    ancestors = _ancestors(graph, every)
    rank_of = {id(release): rank for rank, release in enumerate(every)}
    order: list[Release] = []
    first = (
        None
        if base is None
        else Release(base.named.version, base.named.package, (base.named.tag,), base.commit, base.date)
    )
    for package in sorted(groups, key=lambda name: (name is not None, name or "")):
        group = groups[package]
        kept, folded = _fold(group) if prereleases == "fold" else (group, {})
        ordered = _ordered(kept, [ancestors[rank_of[id(r)]] for r in kept], [rank_of[id(r)] for r in kept], diagnostics)
        owners = _flood(graph, ordered, first)
        start = len(order)
        for release, commits in zip(ordered, owners, strict=True):
            before = tuple(folded.get(id(release), ()))
            order.append(replace(release, commits=commits, folded=before, first_in=_first_in(graph, before, commits)))
        diagnostics.extend(_left_behind(graph, order[start:]))
    if first is not None:
        shipped = _flood(graph, [first], None)[0]
        order.insert(0, replace(first, commits=shipped, range_size=len(shipped)))
    order = [replace(release, rank=rank) for rank, release in enumerate(order)]
    masks = _ancestors(graph, order)
    order = _compared(graph, order, masks, prereleases) if first is None else _against_first(graph, order)
    return _with_head(graph, order, masks, diagnostics, based=first is not None)


def _joined(tags: Iterable[TagAt], diagnostics: list[str]) -> list[Release]:
    """Tags of equal version on one commit become one release; equal versions elsewhere are told of.

    Releases that would be called the same are called by their tags: no two releases of a package share a name.
    """
    at: dict[tuple[str | None, object, int], list[TagAt]] = {}
    for tag in tags:
        at.setdefault((tag.named.package, tag.named.version.key, tag.commit), []).append(tag)
    seen: dict[tuple[str | None, object], str] = {}
    found = []
    for (package, key, commit), same in at.items():
        same.sort(key=lambda tag: tag.named.tag)
        first = same[0]
        if (package, key) in seen:
            names = f"{seen[package, key]!r} and {first.named.tag!r}"
            diagnostics.append(f"tags {names} name the same version on different commits: each counts as a release")
        seen[package, key] = first.named.tag
        names_here = tuple(tag.named.tag for tag in same)
        found.append(Release(first.named.version, package, names_here, commit, first.date))
    called = Counter((release.package, release.version.text) for release in found)
    found = [
        release
        if called[release.package, release.version.text] == 1
        else replace(release, version=replace(release.version, text=release.tag))
        for release in found
    ]
    return sorted(found, key=lambda release: (release.version.key, release.commit, release.tag))


def _ancestors(graph: Graph, releases: Sequence[Release]) -> list[int]:
    """For each release a bit mask of the releases (by place) that its commit contains, its own among them.

    One pass over the commits; runs of commits without a release share one number.
    """
    bits: dict[int, int] = {}
    for place, release in enumerate(releases):
        bits[release.commit] = bits.get(release.commit, 0) | (1 << place)
    masks: list[int] = []
    for commit, parents in enumerate(graph.parents):
        mask = masks[parents[0]] if parents else 0
        for parent in parents[1:]:
            mask |= masks[parent]
        if commit in bits:
            mask |= bits[commit]
        masks.append(mask)
    return [masks[release.commit] for release in releases]


def _fold(group: Sequence[Release]) -> tuple[list[Release], dict[int, list[Release]]]:
    """Part what has a section from the pre-releases of a version that came out."""
    finals = {release.version.base: release for release in group if not release.version.prerelease}
    kept: list[Release] = []
    folded: dict[int, list[Release]] = {}
    for release in group:
        final = finals.get(release.version.base) if release.version.prerelease else None
        if final is None:
            kept.append(release)
        else:
            folded.setdefault(id(final), []).append(release)
    return kept, folded


def _ordered(
    group: Sequence[Release], ancestors: Sequence[int], ranks: Sequence[int], diagnostics: list[str]
) -> list[Release]:
    """The lowest version whose ancestors all have gone before, again and again.

    ``group`` comes in version order; each waits for one ancestor at a time, so that no pairs are compared.
    """
    place_of = {rank: place for place, rank in enumerate(ranks)}
    own = sum(1 << rank for rank in ranks)
    waiting: dict[int, list[int]] = {}
    ready: list[int] = []
    left = own
    # Two versions on one commit contain each other; there the version alone decides.
    twins: dict[int, int] = {}
    for place, release in enumerate(group):
        twins[release.commit] = twins.get(release.commit, 0) | (1 << ranks[place])

    def admit(place: int) -> None:
        same = twins[group[place].commit]
        blockers = ancestors[place] & left & ~(same & ~((1 << ranks[place]) - 1))
        if blockers:
            # The highest: along a line each then waits for the one before it, and is looked at twice, not n times.
            waiting.setdefault(place_of[blockers.bit_length() - 1], []).append(place)
        else:
            heapq.heappush(ready, place)

    for place in range(len(group)):
        admit(place)
    done: list[Release] = []
    highest: Release | None = None
    while ready:
        place = heapq.heappop(ready)
        release = group[place]
        left &= ~(1 << ranks[place])
        done.append(release)
        if highest is not None and release.version.key < highest.version.key:
            diagnostics.append(
                f"tag {release.tag!r} stands above the higher version {highest.tag!r}; the graph decides"
            )
        else:
            highest = release
        for later in waiting.pop(place, ()):
            admit(later)
    return done


def _flood(graph: Graph, ordered: Sequence[Release], first: Release | None) -> list[tuple[int, ...]]:
    """Each release takes what it contains and nobody took before it; ``first`` takes what it contains for nothing."""
    taken = bytearray(len(graph))
    parents = graph.parents
    found = []
    for release in ordered if first is None else [first, *ordered]:
        own: list[int] = []
        ahead = [release.commit]
        while ahead:
            commit = ahead.pop()
            while not taken[commit]:
                taken[commit] = 1
                own.append(commit)
                above = parents[commit]
                if not above:
                    break
                commit = above[0]
                if len(above) > 1:
                    ahead.extend(above[1:])
        own.sort(reverse=True)
        found.append(tuple(own))
    return found if first is None else found[1:]


def _against_first(graph: Graph, order: Sequence[Release]) -> list[Release]:
    """Every release compared with the first of the order."""
    base = order[0]
    return [base] + [
        replace(release, previous=0, range_size=len(graph.difference(release.commit, base.commit)))
        for release in order[1:]
    ]


def _first_in(graph: Graph, folded: Sequence[Release], commits: Sequence[int]) -> dict[int, str]:
    """Which pre-release had each commit of its final first."""
    left = set(commits) if folded else set()
    found: dict[int, str] = {}
    for release in folded:
        ahead = [release.commit]
        while ahead:
            commit = ahead.pop()
            if commit in left:
                left.discard(commit)
                found[commit] = release.version.text
                ahead.extend(graph.parents[commit])
    return found


def _left_behind(graph: Graph, order: Sequence[Release]) -> list[str]:
    """A folded pre-release that its final does not contain: what only it holds is in no section."""
    return [
        f"tag {before.tag!r} is a pre-release of {release.tag!r} but not among its ancestors; commits that only it "
        f"contains are in no section (see --prereleases separate)"
        for release in order
        for before in release.folded
        if not graph.contains(release.commit, before.commit)
    ]


def _compared(graph: Graph, order: Sequence[Release], masks: Sequence[int], prereleases: Prereleases) -> list[Release]:
    """Each release with the one before it and the size of the range between the two."""
    packages: dict[str | None, int] = {}
    finals: dict[str | None, int] = {}
    sizes = graph.sizes(release.commit for release in order)
    compared: list[Release] = []
    for place, release in enumerate(order):
        only_finals = prereleases == "fold" and not release.version.prerelease
        among = (finals if only_finals else packages).get(release.package, 0)
        candidates = masks[place] & among
        previous = candidates.bit_length() - 1 if candidates else None
        size = sizes[release.commit] - (sizes[order[previous].commit] if previous is not None else 0)
        compared.append(replace(release, previous=previous, range_size=size))
        packages[release.package] = packages.get(release.package, 0) | (1 << place)
        if not release.version.prerelease:
            finals[release.package] = finals.get(release.package, 0) | (1 << place)
    return compared


def _with_head(
    graph: Graph, order: Sequence[Release], masks: Sequence[int], diagnostics: list[str], *, based: bool
) -> Releases:
    """What HEAD holds beyond all releases, and the release it is compared with."""
    taken = bytearray(len(graph))
    for release in order:
        for commit in release.commits:
            taken[commit] = 1
        for before in release.folded:
            for commit in _contained(graph, before, taken):
                taken[commit] = 1
    head = graph.head
    if head is None:
        return Releases(tuple(order), (), None, 0, tuple(masks), tuple(diagnostics))
    unreleased: list[int] = []
    ahead = [head]
    nearest: int | None = None
    while ahead:
        commit = ahead.pop()
        if not taken[commit]:
            taken[commit] = 1
            unreleased.append(commit)
            ahead.extend(graph.parents[commit])
    plain = [0] if based else [place for place, release in enumerate(order) if release.package is None]
    for place in reversed(plain or range(len(order))):
        if based or graph.contains(head, order[place].commit):
            nearest = place
            break
    size = len(graph.difference(head, None if nearest is None else order[nearest].commit))
    unreleased.sort(reverse=True)
    return Releases(tuple(order), tuple(unreleased), nearest, size, tuple(masks), tuple(diagnostics))


def _contained(graph: Graph, release: Release, taken: bytearray) -> list[int]:
    """What a folded pre-release contains beyond what is taken."""
    found = []
    ahead = [release.commit]
    seen = set()
    while ahead:
        commit = ahead.pop()
        if not taken[commit] and commit not in seen:
            seen.add(commit)
            found.append(commit)
            ahead.extend(graph.parents[commit])
    return found
