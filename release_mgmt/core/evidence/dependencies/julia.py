"""Julia: Project.toml and Manifest.toml."""

from __future__ import annotations

import re
from typing import Any

from release_mgmt.core.evidence.bounded import decode, load_toml
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, Requirement, requirement, word_set
from release_mgmt.core.evidence.dependencies.pyproject import line_index, table
from release_mgmt.core.evidence.dependencies.scope import group_of_path
from release_mgmt.core.evidence.dependencies.versions import bound

_HEAD = re.compile(r"\[\[(?:deps\.)?(\w+)\]\]")
_STANDARD = word_set(
    """
    ArgTools Artifacts Base64 CRC32c Core Dates DelimitedFiles Distributed Downloads FileWatching Future
    InteractiveUtils LazyArtifacts LibCURL LibGit2 Libdl LinearAlgebra Logging Markdown Mmap NetworkOptions Pkg
    Printf Profile REPL Random SHA Serialization SharedArrays Sockets SparseArrays Statistics SuiteSparse TOML Tar
    Test UUIDs Unicode
    """
)


def read_project(path: str, data: bytes) -> Manifest:
    """What a Project.toml declares: deps, weak and extra ones; ``compat`` gives the bounds."""
    document = load_toml(data)
    compat = table(document, "compat")
    lines = line_index(decode(data))
    found: list[Requirement] = []
    runtime = group_of_path(path)
    for section, group in (("deps", runtime), ("weakdeps", Group.OPTIONAL), ("extras", Group.DEVELOPMENT)):
        for name in table(document, section):
            if name in _STANDARD:
                continue
            specifier = compat.get(name)
            specifier = specifier if isinstance(specifier, str) else ""
            version, pinned = bound(specifier.split(",")[0])
            found.append(
                requirement(
                    name,
                    "julia",
                    group,
                    extra=None if section == "deps" else section,
                    specifier=specifier,
                    version=version,
                    pinned=pinned and specifier.startswith("="),
                    line=lines.get(name),
                )
            )
    own = document.get("name")
    return Manifest(path, "julia", tuple(found), provides=own if isinstance(own, str) else None)


def read_manifest(path: str, data: bytes) -> Manifest:
    """What a Manifest.toml pins; its first form has the packages at the top, the second under ``deps``."""
    document = load_toml(data)
    packages: Any = table(document, "deps") or document
    lines: dict[str, int] = {}
    for number, line in enumerate(decode(data).split("\n"), 1):
        head = _HEAD.match(line)
        if head:
            lines.setdefault(head.group(1), number)
    found = []
    for name, entries in packages.items():
        if name in _STANDARD or not isinstance(entries, list):
            continue
        for entry in entries[:20]:
            version = entry.get("version") if isinstance(entry, dict) else None
            if isinstance(version, str):
                found.append(
                    requirement(
                        name,
                        "julia",
                        Group.LOCK_TRANSITIVE,
                        specifier=f"=={version}",
                        version=version,
                        pinned=True,
                        line=lines.get(name),
                    )
                )
    return Manifest(path, "julia", tuple(found), lock=True, settled=False)
