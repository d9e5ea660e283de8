"""What a revision's whole tree holds that a verdict needs: manifests, the libraries its code asks for, own modules.

A tree is kept up to date file by file, so that a walk through history costs what changed and not what is there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from posixpath import basename, commonprefix, dirname

from release_mgmt.core.classification.facts import NOTHING, STANDARD, TOOLING, Asked, FileFacts, language_of
from release_mgmt.core.classification.scope import counts_at_run_time
from release_mgmt.core.evidence.dependencies import Group, Manifest, Needed, manifest_kind, needed, read_included
from release_mgmt.core.evidence.dependencies.model import word_set
from release_mgmt.core.evidence.dependencies.scope import group_of_path
from release_mgmt.core.evidence.distributions import (
    IMPORTS,
    R_BASE,
    R_RECOMMENDED,
    Identity,
    distribution,
    identity,
    import_identity,
)
from release_mgmt.core.evidence.imports import Guard

INCLUDES_DEEP = 10
MOST_INCLUDES = 100
"""How deep and how many files that manifests take in are followed; a cycle ends where it began."""

BINDING = (Guard.NONE, Guard.LAZY)
"""The conditions under which an import makes its library needed."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What is kept of one file: its facts as code and as manifest."""

    facts: FileFacts = NOTHING
    manifest: Manifest | None = None
    commented: frozenset[Identity] = frozenset()
    """Libraries that a requirements file names in a comment: known to be of use, not asked for."""
    binding: frozenset[tuple[str, str]] = frozenset()
    """(how, name) of what the code asks for without asking first whether it is there."""


_COMMON = word_set(
    """
    app common conf config configs configuration const constants credentials custom data_loader data_utils func funcs
    function functions helper helper_functions helpers layers lib libs losses main misc model models modules
    my_functions my_module my_utils mylib mymodule myutils network networks options params paths preprocess
    preprocessing scripts settings shared src tool tools train trainer training util utilities utility utils
    """
)

_NO_NAMES: frozenset[tuple[str, str]] = frozenset()
_MODULES = (".py", ".pyx", ".pyi")


def blob_of(facts: FileFacts, manifest: Manifest | None, commented: frozenset[Identity] = frozenset()) -> Blob:
    """A file's facts with what follows from them."""
    binding = frozenset((one.how, one.name) for one in facts.asked if one.guard in BINDING)
    return Blob(facts, manifest, commented, binding)


def included_blob(path: str, data: bytes, group: Group) -> Blob:
    """What a tree keeps of a file that a manifest takes in for ``group``, whatever the file's name."""
    manifest = read_included(path, data)
    if manifest is not None and group is not Group.RUNTIME:
        taken = (replace(one, group=group) if one.group is Group.RUNTIME else one for one in manifest.requirements)
        manifest = replace(manifest, requirements=tuple(taken))
    return Blob(manifest=manifest)


def wanted(path: str) -> bool:
    """Whether a tree needs the content of the file at ``path``."""
    return language_of(path) is not None or manifest_kind(path) is not None


@lru_cache(maxsize=50_000)
def _named(how: str, name: str) -> tuple[str, str, Identity]:
    if how == "r":
        return name, "cran", identity("cran", name)
    if how == "python":
        return distribution(name), "pypi", import_identity(name)
    return name, how, identity(how, name)


def name_of(asked: Asked) -> tuple[str, str, Identity]:
    """(distribution, ecosystem, identity) of what a file asks for."""
    return _named(asked.how, asked.name)


_NOWHERE: Counter[str] = Counter()


class Modules:
    """The Python modules and packages of a tree, to tell own imports from third-party ones."""

    def __init__(self) -> None:
        self._files: dict[str, Counter[str]] = {}  # module -> the folders that hold it as a file
        self._folders: dict[str, Counter[str]] = {}  # folder of Python files -> the folders that hold it
        self._packages: Counter[str] = Counter()  # folders with an __init__

    def add(self, path: str, count: int = 1) -> None:
        """Note a Python file that came (1) or went (-1)."""
        stem = basename(path).partition(".")[0]
        folder = dirname(path)
        if stem == "__init__":
            self._packages[folder] += count
        else:
            _place(self._files, stem, folder, count)
        while folder:
            folder, _, last = folder.rpartition("/")
            _place(self._folders, last, folder, count)

    def is_package(self, folder: str) -> bool:
        """Whether a folder is a Python package with an ``__init__``."""
        return self._packages[folder] > 0

    def meant(self, name: str) -> bool:
        """Whether an unknown ``name`` cannot be a library's: private by its form, a word that every project calls a
        module of its own (it is not in git, or beside a path that code adds), or one slip from an own module's of
        several words. Other single words are no sign: ``tokenizers`` is a library beside an own ``tokenizer``."""
        if name.startswith("_") or name in _COMMON:
            return True
        return "_" in name and any(_one_slip(name, own) for own in (*self._files, *self._folders))

    def own(self, module: str, importer: str, known: bool) -> bool:
        """Whether ``module``, imported by the file at ``importer``, is one of the tree's own.

        ``known`` tells that a third-party library of that name is known; then only a module where Python
        would look for it first counts: beside the importer or above it, at the root or in a source folder.
        """
        top = module.partition(".")[0]
        files, folders = self._files.get(top, _NOWHERE), self._folders.get(top, _NOWHERE)
        if not known or not (files or folders):
            return bool(files or folders)
        solid = {place for place in folders if self._packages[f"{place}/{top}" if place else top] > 0}
        return any(self._packages[place] <= 0 and _near(place, dirname(importer)) for place in solid | files.keys())


def _one_slip(name: str, other: str) -> bool:
    """Whether one letter too many, too few, other, or two that changed places tell two long names apart, alike
    at both ends."""
    if abs(len(name) - len(other)) > 1 or min(len(name), len(other)) < 9 or name[:2] != other[:2]:
        return False
    start = len(commonprefix((name, other)))
    end = len(commonprefix((name[start:][::-1], other[start:][::-1])))
    one, two = name[start : len(name) - end], other[start : len(other) - end]
    return end >= 3 and (max(len(one), len(two)) == 1 or (len(one) == 2 and one == two[::-1]))


def _place(table: dict[str, Counter[str]], name: str, folder: str, count: int) -> None:
    places = table.setdefault(name, Counter())
    places[folder] += count
    if places[folder] <= 0:
        del places[folder]


_SOURCE_FOLDERS = frozenset(("src", "lib", "python", "code", "scripts", "source"))


def _near(place: str, importer: str) -> bool:
    above = importer == place or importer.startswith(f"{place}/") or not place
    return above or basename(place) in _SOURCE_FOLDERS


class Tree:
    """The state of one revision; `put` and `remove` move it to another."""

    def __init__(self) -> None:
        self.files: dict[str, Blob] = {}
        self.manifests: dict[str, Manifest] = {}
        self.modules = Modules()
        self._uses: Counter[tuple[str, str, str, bool]] = Counter()
        self._needed: Needed | None = None
        self._used: frozenset[Identity] | None = None
        self._declared: frozenset[Identity] | None = None
        self._own: frozenset[Identity] | None = None
        self._included: dict[str, Group] | None = None
        self.followed: set[str] = set()
        """The files that are here only because a manifest took them in."""

    def put(self, path: str, blob: Blob) -> None:
        """The file at ``path`` is now ``blob``."""
        before = self.files.get(path)
        if before is blob:
            return
        self.files[path] = blob
        if blob.manifest is not None or (before is not None and before.manifest is not None):
            if blob.manifest is not None:
                self.manifests[path] = blob.manifest
                if not wanted(path):
                    self.followed.add(path)
            else:
                del self.manifests[path]
            self._needed = self._used = self._declared = self._own = self._included = None
        if before is None and path.endswith(_MODULES):
            self.modules.add(path)
            self._used = self._needed = None
        self._count(path, before, blob)

    def remove(self, path: str) -> None:
        """There is no file at ``path`` any more."""
        before = self.files.pop(path, None)
        if before is None:
            return
        self.followed.discard(path)
        if self.manifests.pop(path, None) is not None:
            self._needed = self._used = self._declared = self._own = self._included = None
        if path.endswith(_MODULES):
            self.modules.add(path, -1)
            self._used = self._needed = None
        self._count(path, before, None)

    def _count(self, path: str, before: Blob | None, after: Blob | None) -> None:
        """Take in that the code at ``path`` asks for what ``after`` does and no more for what ``before`` did."""
        old = before.binding if before is not None else _NO_NAMES
        new = after.binding if after is not None else _NO_NAMES
        # Whether examples count depends on the whole tree, so it is asked when the whole tree is there.
        example = not counts_at_run_time(path, library=True)
        if old == new or (example and not counts_at_run_time(path, library=False)):
            return
        folder = dirname(path)
        for how, name in old - new:
            key = folder, how, name, example
            self._uses[key] -= 1
            if self._uses[key] <= 0:
                del self._uses[key]
                self._used = self._needed = None
        for how, name in new - old:
            key = folder, how, name, example
            self._uses[key] += 1
            if self._uses[key] == 1:
                self._used = self._needed = None

    @property
    def included(self) -> dict[str, Group]:
        """The files that manifests take in (``-r``, ``-c``) though no name tells what they are, with the most binding
        group in which they are taken."""
        if self._included is None:
            found: dict[str, Group] = {}
            order = list(Group)
            reading = {path: group_of_path(path) for path in self.manifests if wanted(path)}
            for _ in range(INCLUDES_DEEP):
                taken: dict[str, Group] = {}
                for path, group in reading.items():
                    for one in self.manifests[path].includes[:MOST_INCLUDES] if path in self.manifests else ():
                        if not wanted(one.path):
                            as_group = Group.CONSTRAINT if one.constraint else group
                            taken[one.path] = min(as_group, taken.get(one.path, as_group), key=order.index)
                reading = {path: group for path, group in taken.items() if path not in found}
                found.update(reading)
                if not reading or len(found) > MOST_INCLUDES:
                    break
            self._included = found
        return self._included

    @property
    def is_library(self) -> bool:
        """Whether the repository is a library that others install, whose examples are not run-time code."""
        if any(path in self.files for path in ("setup.py", "setup.cfg", "DESCRIPTION")):
            return True
        project = self.manifests.get("pyproject.toml")
        if project is None or not project.provides or all(one.group is not Group.BUILD for one in project.requirements):
            return False
        name = project.provides.replace("-", "_")
        return self.modules.is_package(name) or self.modules.is_package(f"src/{name}")

    @property
    def used(self) -> frozenset[Identity]:
        """The third-party libraries that run-time code asks for without asking first whether they are there."""
        if self._used is None:
            found = set()
            library = self.is_library
            for folder, how, name, example in self._uses:
                if example and library:
                    continue
                one = Asked(how, name, None, Guard.NONE)
                who = name_of(one)[2]
                if who not in found and not self.is_own(one, f"{folder}/-" if folder else "-", who):
                    found.add(who)
            self._used = frozenset(found)
        return self._used

    @property
    def needed(self) -> Needed:
        """What the manifests need, locks settled against the code."""
        if self._needed is None:
            self._needed = needed(self.manifests.values(), self.used)
        return self._needed

    def is_own(self, one: Asked, importer: str, who: Identity | None = None) -> bool:
        """Whether what a file asks for is the repository's own, the language's own or the installer's."""
        if one.how == "r":
            own = (who or name_of(one)[2]) in self.own_names
            return own or one.name in R_BASE or one.name in R_RECOMMENDED or self._former_name(one.name)
        if one.how == "python":
            top = one.name.partition(".")[0]
            if top in STANDARD or top in TOOLING:
                return True
            who = who or name_of(one)[2]
            known = who not in self.own_names and (top in IMPORTS or who in self.declared)
            return self.modules.own(one.name, importer, known) or (not known and self.modules.meant(top))
        return (who or name_of(one)[2]) in self.own_names

    def _former_name(self, name: str) -> bool:
        """Whether ``name`` is the package itself before it got a number (``readr`` of ``readr2``)."""
        return any(own[0] == "r" and own[1].rstrip("0123456789") == name.lower() for own in self.own_names)

    @property
    def commented(self) -> frozenset[Identity]:
        """Libraries that manifests name in comments only."""
        return frozenset(who for path in self.manifests for who in self.files[path].commented)

    @property
    def own_names(self) -> frozenset[Identity]:
        """The projects that the tree itself makes, as its manifests call them."""
        if self._own is None:
            self._own = frozenset(
                identity(one.ecosystem, one.provides) for one in self.manifests.values() if one.provides
            )
        return self._own

    @property
    def declared(self) -> frozenset[Identity]:
        """Every library that a manifest names, for whatever purpose."""
        if self._declared is None:
            self._declared = frozenset(
                identity(one.ecosystem, one.key)
                for manifest in self.manifests.values()
                for one in manifest.requirements
            )
        return self._declared
