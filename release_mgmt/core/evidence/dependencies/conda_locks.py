"""conda-lock.yml and pixi.lock: YAML of hundreds of kilobytes that a tool writes line by line, and is read so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, Requirement, requirement

_CONDA_FILE = re.compile(r"([A-Za-z0-9_][\w.-]*)-([\w.!+]+)-[\w.]+\.(?:conda|tar\.bz2)\Z")
_WHEEL = re.compile(r"([A-Za-z0-9][\w.]*)-([0-9][\w.!+]*)(?:-|\.tar\.gz|\.zip)")
_PAIR = re.compile(r"(?:- |  )([\w-]+): +(\S.*)")


def read_conda_lock(path: str, data: bytes) -> Manifest:
    """What a conda-lock.yml pins, once for all its platforms; its categories tell development apart."""
    found: dict[tuple[str, str], Requirement] = {}
    for line, entry in _entries(decode(data), "package"):
        if "name" in entry:
            ecosystem = "pypi" if entry.get("manager") == "pip" else "conda"
            group = Group.LOCK_TRANSITIVE if entry.get("category", "main") == "main" else Group.DEVELOPMENT
            one = _pin(entry["name"], entry.get("version", ""), ecosystem, group, line)
            found.setdefault((ecosystem, one.key), one)
    return Manifest(path, "conda", tuple(found.values()), lock=True, settled=False)


def read_pixi_lock(path: str, data: bytes) -> Manifest:
    """What a pixi.lock pins, once for all its platforms."""
    found: dict[tuple[str, str], Requirement] = {}
    for line, entry in _entries(decode(data), "packages"):
        one = _pixi_entry(entry, line)
        if one:
            found.setdefault((one.ecosystem, one.key), one)
    return Manifest(path, "conda", tuple(found.values()), lock=True, settled=False)


def _entries(text: str, section: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, plain values) of each entry of the list at the top-level key ``section``.

    Raises ``NotManifest`` when there is no such list.
    """
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if line.startswith(f"{section}:")), None)
    if start is None:
        raise NotManifest("no list of packages")
    entry: dict[str, str] = {}
    begun = 0
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if line[:1] not in ("-", " ", "#", ""):
            break
        if line.startswith("- "):
            if entry:
                yield begun, entry
            entry, begun = {}, number
        pair = _PAIR.match(line) if len(line) < 2000 else None
        if pair:
            entry.setdefault(pair.group(1), pair.group(2).strip().strip("\"'"))
    if entry:
        yield begun, entry


def _pixi_entry(entry: dict[str, str], line: int) -> Requirement | None:
    if "name" in entry:
        ecosystem = "pypi" if "pypi" in entry or entry.get("kind") == "pypi" else "conda"
        return _pin(entry["name"], entry.get("version", ""), ecosystem, Group.LOCK_TRANSITIVE, line)
    for key, pattern, ecosystem in (("conda", _CONDA_FILE, "conda"), ("pypi", _WHEEL, "pypi")):
        file = pattern.match(entry.get(key, "").rsplit("/", 1)[-1])
        if file:
            return _pin(file.group(1), file.group(2), ecosystem, Group.LOCK_TRANSITIVE, line)
    return None


def _pin(name: str, version: str, ecosystem: str, group: Group, line: int) -> Requirement:
    return requirement(
        name, ecosystem, group, specifier=f"=={version}", version=version or None, pinned=bool(version), line=line
    )
