"""What a whole tree needs: its manifests taken together, with locks settled against what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from posixpath import dirname

from release_mgmt.core.evidence.dependencies.model import LOCKED, NEEDED, Group, Manifest, Requirement
from release_mgmt.core.evidence.distributions import Identity, identity, is_development_tool

_ORDER = {group: rank for rank, group in enumerate(Group)}


@dataclass(frozen=True)
class Needed:
    """Every requirement of a tree by identity, with the path of its manifest, the most binding group first."""

    entries: dict[Identity, list[tuple[str, Requirement]]]
    own: frozenset[Identity] = frozenset()
    unreadable: tuple[tuple[str, str], ...] = ()
    _: None = field(default=None, repr=False)

    def best(self, who: Identity) -> Group | None:
        """The most binding group that names ``who``, None when no manifest does."""
        entries = self.entries.get(who)
        return entries[0][1].group if entries else None

    @cached_property
    def runtime(self) -> frozenset[Identity]:
        """What must be there for the code to run, as the manifests say."""
        return frozenset(who for who, entries in self.entries.items() if entries[0][1].group in NEEDED)

    @cached_property
    def locked(self) -> frozenset[Identity]:
        """What a lock or freeze pins, directly needed or not."""
        return frozenset(who for who, entries in self.entries.items() if any(one.group in LOCKED for _, one in entries))


def needed(manifests: Iterable[Manifest], used: Collection[Identity] = ()) -> Needed:
    """What the manifests of a tree need. ``used`` are the libraries that its code imports: a lock's entry is direct
    when a manifest beside it or the code names it."""
    settled = settle(list(manifests), used)
    own = frozenset(identity(manifest.ecosystem, manifest.provides) for manifest in settled if manifest.provides)
    entries: dict[Identity, list[tuple[str, Requirement]]] = {}
    for manifest in settled:
        for one in manifest.requirements:
            who = identity(one.ecosystem, one.key)
            if who not in own:
                if one.group is Group.RUNTIME and is_development_tool(who):
                    one = replace(one, group=Group.DEVELOPMENT)  # noqa: PLW2901 - the same entry, told apart
                entries.setdefault(who, []).append((manifest.path, one))
    images = {manifest.path for manifest in settled if manifest.ecosystem == "docker"}
    for who, listed in entries.items():
        if images and len(listed) > 1:
            entries[who] = _without_images(listed, images)
    for listed in entries.values():
        listed.sort(key=lambda entry: (_ORDER[entry[1].group], entry[0], entry[1].line or 0))
    unreadable = tuple((one.path, one.unreadable) for one in settled if one.unreadable is not None)
    return Needed(entries, own, unreadable)


def _without_images(listed: list[tuple[str, Requirement]], images: Collection[str]) -> list[tuple[str, Requirement]]:
    """The entries of a library; an image that installs what a manifest calls optional or for development needs it
    no more than the manifest says."""
    asked = [one.group for path, one in listed if path not in images and one.group not in LOCKED]
    if not asked or any(group in NEEDED for group in asked):
        return listed
    group = min(asked, key=_ORDER.__getitem__)
    return [
        (path, replace(one, group=group) if path in images and one.group is Group.RUNTIME else one)
        for path, one in listed
    ]


def settle(manifests: list[Manifest], used: Collection[Identity] = ()) -> list[Manifest]:
    """The same manifests with the entries of unsettled locks told direct or transitive."""
    asked: dict[str, dict[Identity, set[str]]] = {}
    for manifest in manifests:
        if not manifest.lock:
            folder = asked.setdefault(_project(manifest.path), {})
            for one in manifest.requirements:
                if one.group in NEEDED:
                    folder.setdefault(identity(one.ecosystem, one.key), set()).add(one.specifier)
    known = set(used)
    return [
        manifest if manifest.settled else _settled(manifest, asked.get(_project(manifest.path), {}), known)
        for manifest in manifests
    ]


def _project(path: str) -> str:
    """The folder whose manifests say what a lock's entries are for: a profile of renv belongs to its project."""
    return re.sub(r"(?:^|/)renv/profiles/[^/]+$", "", dirname(path))


def _settled(manifest: Manifest, beside: dict[Identity, set[str]], used: set[Identity]) -> Manifest:
    return replace(
        manifest,
        settled=True,
        requirements=tuple(
            replace(one, group=Group.LOCK_DIRECT) if _is_direct(one, beside, used) else one
            for one in manifest.requirements
        ),
    )


def _is_direct(one: Requirement, beside: dict[Identity, set[str]], used: set[Identity]) -> bool:
    """Whether what stands beside the lock asks for its entry; one that says which ranges it answers is asked for by
    one of these."""
    if one.group is not Group.LOCK_TRANSITIVE:
        return False
    who = identity(one.ecosystem, one.key)
    if who in beside:
        return one.extra is None or not beside[who].isdisjoint(one.extra.split("\n"))
    return who in used
