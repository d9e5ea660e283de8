"""conda-lock.yml and pixi.lock."""

from __future__ import annotations

import re
from typing import Any

from release_mgmt.core.evidence.bounded import Path, load_yaml
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, Requirement, requirement

_LOCK_BYTES = 6_000_000
_CONDA_FILE = re.compile(r"([A-Za-z0-9_][\w.-]*)-([\w.!+]+)-[\w.]+\.(?:conda|tar\.bz2)\Z")
_WHEEL = re.compile(r"([A-Za-z0-9][\w.]*)-([0-9][\w.!+]*)(?:-|\.tar\.gz|\.zip)")


def read_conda_lock(path: str, data: bytes) -> Manifest:
    """What a conda-lock.yml pins, once for all its platforms; its categories tell development apart."""
    lines: dict[Path, int] = {}
    document = load_yaml(data, lines, _LOCK_BYTES)
    listed = document.get("package") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise NotManifest("no list of packages")
    found: dict[tuple[str, str], Requirement] = {}
    for index, entry in enumerate(listed):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        ecosystem = "pypi" if entry.get("manager") == "pip" else "conda"
        development = entry.get("category", "main") not in ("main", None)
        group = Group.DEVELOPMENT if development else Group.LOCK_TRANSITIVE
        one = _pin(entry["name"], str(entry.get("version", "")), ecosystem, group, lines.get(("package", index)))
        found.setdefault((ecosystem, one.key), one)
    return Manifest(path, "conda", tuple(found.values()), lock=True, settled=False)


def read_pixi_lock(path: str, data: bytes) -> Manifest:
    """What a pixi.lock pins, once for all its platforms."""
    lines: dict[Path, int] = {}
    document = load_yaml(data, lines, _LOCK_BYTES)
    listed = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise NotManifest("no list of packages")
    found: dict[tuple[str, str], Requirement] = {}
    for index, entry in enumerate(listed):
        one = _pixi_entry(entry, lines.get(("packages", index)))
        if one:
            found.setdefault((one.ecosystem, one.key), one)
    return Manifest(path, "conda", tuple(found.values()), lock=True, settled=False)


def _pixi_entry(entry: Any, line: int | None) -> Requirement | None:
    if not isinstance(entry, dict):
        return None
    if isinstance(entry.get("name"), str):
        ecosystem = "pypi" if "pypi" in entry or entry.get("kind") == "pypi" else "conda"
        return _pin(entry["name"], str(entry.get("version", "")), ecosystem, Group.LOCK_TRANSITIVE, line)
    conda = entry.get("conda")
    if isinstance(conda, str):
        file = _CONDA_FILE.match(conda.rsplit("/", 1)[-1])
        return _pin(file.group(1), file.group(2), "conda", Group.LOCK_TRANSITIVE, line) if file else None
    wheel = _WHEEL.match(str(entry.get("pypi", "")).rsplit("/", 1)[-1])
    return _pin(wheel.group(1), wheel.group(2), "pypi", Group.LOCK_TRANSITIVE, line) if wheel else None


def _pin(name: str, version: str, ecosystem: str, group: Group, line: int | None) -> Requirement:
    return requirement(
        name, ecosystem, group, specifier=f"=={version}", version=version or None, pinned=bool(version), line=line
    )
