"""What changed between the manifests of two trees."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from release_mgmt.core.evidence.dependencies.model import LIBRARIES, NEEDED, Group, Manifest, Requirement
from release_mgmt.core.evidence.dependencies.needed import Needed, needed
from release_mgmt.core.evidence.dependencies.versions import crosses_major, newest
from release_mgmt.core.evidence.distributions import Identity


@dataclass(frozen=True, slots=True)
class DependencyChange:
    """One library between two trees, however many manifests name it.

    ``status``: ``added`` (no manifest named it before), ``removed`` (none does now), ``promoted`` (it became needed
    at run time; ``before`` was its group), ``demoted`` (the reverse), ``updated`` (its pin or bound moved).
    ``old`` and ``new`` are the pin or lower bound, else the specifier, "" when anything will do, None when absent.
    ``direct`` is false for what only a lock's resolution brings. ``major``: the pin or bound of a direct run-time
    library crosses a major version.
    """

    status: Literal["added", "removed", "promoted", "demoted", "updated"]
    identity: Identity
    name: str
    ecosystem: str
    path: str
    line: int | None
    group: Group
    before: Group | None
    old: str | None
    new: str | None
    direct: bool
    major: bool


@dataclass(frozen=True, slots=True)
class DependencyChanges:
    """Every library that differs, by name; and the manifests that could not be read (path, reason)."""

    changes: tuple[DependencyChange, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()


def diff(
    old: Iterable[Manifest],
    new: Iterable[Manifest],
    *,
    used_before: Collection[Identity] = (),
    used_now: Collection[Identity] = (),
) -> DependencyChanges:
    """What changed between the manifests of two whole trees. ``used_before`` and ``used_now`` are the libraries that
    the code of each imports; they tell a lock's direct entries from the rest."""
    return compare(needed(old, used_before), needed(new, used_now))


def compare(before: Needed, after: Needed) -> DependencyChanges:
    """`diff` of two trees whose needs are known already."""
    changes: list[DependencyChange] = []
    for who in before.entries.keys() | after.entries.keys():
        earlier, later = before.entries.get(who, []), after.entries.get(who, [])
        if earlier != later:
            one = _change(who, earlier, later)
            if one:
                changes.append(one)
    changes.sort(key=lambda one: (one.identity, one.path))
    known = set(before.unreadable)
    return DependencyChanges(tuple(changes), tuple(one for one in after.unreadable if one not in known))


Entries = list[tuple[str, Requirement]]


def _change(who: Identity, earlier: Entries, later: Entries) -> DependencyChange | None:
    group_before = earlier[0][1].group if earlier else None
    if not later:
        path, one = earlier[0]
        old = _text(earlier)
        return _row("removed", who, path, one, one.group, group_before, old, None)
    path, one = _witness(earlier, later)
    if not earlier:
        return _row("added", who, path, one, one.group, None, None, _text(later))
    group = later[0][1].group
    was, now = group_before in NEEDED, group in NEEDED
    old, new = _moved(earlier, later)
    if was != now:
        status: Literal["promoted", "demoted"] = "promoted" if now else "demoted"
        return _row(status, who, later[0][0], later[0][1], group, group_before, old, new)
    if old == new:
        return None
    crossed = _crossed(who, earlier, later)
    if crossed:
        old, new = crossed
    return _row("updated", who, path, one, group, group_before, old, new, crossed is not None)


def _row(
    status: Literal["added", "removed", "promoted", "demoted", "updated"],
    who: Identity,
    path: str,
    one: Requirement,
    group: Group,
    before: Group | None,
    old: str | None,
    new: str | None,
    major: bool = False,
) -> DependencyChange:
    direct = group is not Group.LOCK_TRANSITIVE
    return DependencyChange(
        status, who, one.name, one.ecosystem, path, one.line, group, before, old, new, direct, major
    )


def _stated(one: Requirement) -> str:
    return one.version or one.specifier or (one.url or "")


def _text(entries: Entries) -> str:
    """The version that the most binding entries state, the highest of several."""
    group = entries[0][1].group
    stated = [_stated(one) for _, one in entries if one.group is group]
    return newest([text for text in stated if text]) or ""


def _by_path(entries: Entries) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for path, one in entries:
        found.setdefault(path, []).append(one)
    return found


def _witness(earlier: Entries, later: Entries) -> tuple[str, Requirement]:
    """The entry to show: the most binding one that is not as it was."""
    known = {(path, one.group, _stated(one)) for path, one in earlier}
    for path, one in later:
        if (path, one.group, _stated(one)) not in known:
            return path, one
    return later[0]


def _moved(earlier: Entries, later: Entries) -> tuple[str, str]:
    """What a file that names it before and after states, else what all files state."""
    old, new = _by_path(earlier), _by_path(later)
    for path, one in later:
        if path in old:
            before, after = _highest(old[path]), _highest(new[path])
            if before != after:
                return before, after
        elif (path, one) not in earlier and not (old.keys() & new.keys()):
            break
    return _text(earlier), _text(later)


def _highest(listed: list[Requirement]) -> str:
    return newest([_stated(one) for one in listed if _stated(one)]) or ""


def _bounds(listed: Iterable[Requirement]) -> str | None:
    return newest([one.version for one in listed if one.version and one.group in NEEDED])


def _crossed(who: Identity, earlier: Entries, later: Entries) -> tuple[str, str] | None:
    """The run-time pins or lower bounds between which a major version is crossed, None when none is: within one
    file, or, where a file takes over from others that are gone, against the highest of those."""
    old, new = _by_path(earlier), _by_path(later)
    gone = [one for path, listed in old.items() if path not in new for one in listed]
    for path, listed in new.items():
        before = _bounds(old[path]) if path in old else _bounds(gone)
        after = _bounds(listed)
        if before and after and listed[0].ecosystem in LIBRARIES and crosses_major(who[1], before, after):
            return before, after
    return None
