"""Pipfile and Pipfile.lock."""

from __future__ import annotations

from typing import Any

from release_mgmt.core.evidence.bounded import decode, load_json, load_toml
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, Requirement, requirement
from release_mgmt.core.evidence.dependencies.pyproject import line_index, named_table, table
from release_mgmt.core.evidence.dependencies.scope import group_of_name


def read(path: str, data: bytes) -> Manifest:
    """What a Pipfile declares: ``packages``, ``dev-packages`` and groups of its own."""
    document = load_toml(data)
    lines = line_index(decode(data))
    found: list[Requirement] = []
    for name in document:
        if name in ("source", "requires", "scripts", "pipenv"):
            continue
        group = Group.RUNTIME if name == "packages" else group_of_name(name)
        extra = None if name == "packages" else name
        found += named_table(table(document, name), group, extra, lines)
    return Manifest(path, "pypi", tuple(found))


def read_lock(path: str, data: bytes) -> Manifest:
    """What a Pipfile.lock pins; ``develop`` stays development."""
    document: Any = load_json(data)
    lines = line_index(decode(data))
    found = []
    for section, group in (("default", Group.LOCK_TRANSITIVE), ("develop", Group.DEVELOPMENT)):
        for name, entry in table(document, section).items():
            version = entry.get("version") if isinstance(entry, dict) else None
            version = version.lstrip("=") if isinstance(version, str) else None
            found.append(
                requirement(
                    name,
                    "pypi",
                    group,
                    specifier=f"=={version}" if version else "",
                    version=version,
                    pinned=version is not None,
                    line=lines.get(name),
                )
            )
    return Manifest(path, "pypi", tuple(found), lock=True, settled=False)
