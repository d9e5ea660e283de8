"""Conda: environment files with pip sections, recipes (meta.yaml, recipe.yaml), explicit lists, Pixi."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from release_mgmt.core.evidence.bounded import Path, decode, load_toml, load_yaml
from release_mgmt.core.evidence.dependencies.freeze import as_lock, is_freeze
from release_mgmt.core.evidence.dependencies.model import (
    Group,
    Include,
    Manifest,
    NotManifest,
    Requirement,
    requirement,
)
from release_mgmt.core.evidence.dependencies.pep508 import PLATFORM, parse
from release_mgmt.core.evidence.dependencies.pyproject import line_index, pixi, table
from release_mgmt.core.evidence.dependencies.scope import beside, group_of_path
from release_mgmt.core.evidence.dependencies.versions import bound

_SPEC = re.compile(r"(?:[\w./:-]+::)?([A-Za-z0-9_][\w.-]*)\s*(\[[^\]]*\])?\s*(.*)\Z")
_NO_LIBRARY = PLATFORM | frozenset(("r-base", "r", "conda", "mamba", "nodejs", "julia", "anaconda"))
_TEMPLATE = re.compile(r"\{\{[^{}\n]{0,200}\}\}")
_STATEMENT = re.compile(r"\{%[^{}\n]{0,300}%\}")
_SECTIONS = {"run": Group.RUNTIME, "build": Group.BUILD, "host": Group.BUILD}
_ADDRESS = re.compile(r"https?://\S{1,300}/([A-Za-z0-9_][\w.-]*)-([\w.!+]+)-[\w.]+\.(?:conda|tar\.bz2)(?:#\w+)?$")
_LIST = re.compile(r"^([A-Za-z0-9_][\w.-]*)=([\w.!+]+)=[\w.]+$")


def spec(text: str, group: Group, *, extra: str | None = None, line: int | None = None) -> Requirement | None:
    """One conda match specification: ``channel::name``, ``name=1.2=build``, ``name >=1,<2``, ``name 1.2 build``."""
    text = text.split(" #", maxsplit=1)[0].strip().strip("\"'")
    match = _SPEC.match(text) if len(text) < 1000 else None
    if not match:
        return None
    name, _, rest = match.groups()
    rest = rest.strip()
    if rest.startswith("=") and not rest.startswith("=="):
        rest = "=" + rest[1:].split("=")[0]
    elif rest[:1].isdigit():
        rest = rest.split()[0]
    if name.lower() in _NO_LIBRARY:
        return None
    version, pinned = bound(rest)
    return requirement(name, "conda", group, extra=extra, specifier=rest, version=version, pinned=pinned, line=line)


def read_environment(path: str, data: bytes) -> Manifest:
    """What an environment file lists, the pip section as pypi."""
    lines: dict[Path, int] = {}
    document = load_yaml(data, lines)
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        raise NotManifest("no list of dependencies")
    group = group_of_path(path)
    found: list[Requirement] = []
    includes: list[Include] = []
    for index, entry in enumerate(document["dependencies"]):
        line = lines.get(("dependencies", index))
        if isinstance(entry, str):
            one = spec(entry, group, line=line)
            if one:
                found.append(one)
        elif isinstance(entry, dict):
            rows = [("dependencies", index, "pip", at) for at in range(len(entry.get("pip") or []))]
            _pip(path, entry.get("pip"), [lines.get(row) for row in rows], group, found, includes)
    if is_freeze(found, strict=False):
        return Manifest(path, "conda", as_lock(found), tuple(includes), lock=True, settled=False)
    return Manifest(path, "conda", tuple(found), tuple(includes))


def _pip(
    path: str,
    listed: Any,
    lines: list[int | None],
    group: Group,
    found: list[Requirement],
    includes: list[Include],
) -> None:
    for text, line in zip(listed if isinstance(listed, list) else [], lines, strict=False):
        if not isinstance(text, str):
            continue
        include = re.match(r"-(r|c)\s*(\S+)", text)
        if include:
            includes.append(Include(beside(path, include.group(2)), include.group(1) == "c", line))
            continue
        wanted = re.sub(r"^(?:-e|--editable)\s*", "", text.split(" #")[0].strip())
        one = None if wanted.startswith(("-", ".")) else parse(wanted, group, line=line)
        if one and one.key not in PLATFORM:
            found.append(one)


def read_recipe(path: str, data: bytes) -> Manifest:
    """What a conda recipe needs to run and to be built; its templates are blanked."""
    text = _TEMPLATE.sub("x", _STATEMENT.sub("", decode(data, 1_000_000)))
    lines: dict[Path, int] = {}
    document = load_yaml(text.encode(), lines)
    if not isinstance(document, dict):
        raise NotManifest("no table")
    needs = document.get("requirements")
    if "package" not in document and not isinstance(needs, dict):
        raise NotManifest("neither a package nor requirements")
    found: list[Requirement] = []
    if isinstance(needs, dict):
        for section, group in _SECTIONS.items():
            listed = needs.get(section)
            for index, entry in enumerate(listed if isinstance(listed, list) else []):
                one = (
                    spec(entry, group, line=lines.get(("requirements", section, index)))
                    if isinstance(entry, str) and entry.strip() != "x"
                    else None
                )
                if one:
                    found.append(one)
    name = table(document, "package").get("name")
    return Manifest(path, "conda", tuple(found), provides=name if isinstance(name, str) and name != "x" else None)


def read_list(path: str, data: bytes) -> Manifest:
    """What ``conda list --export`` or ``--explicit`` wrote, or conda-lock for one platform: a freeze of everything."""
    return Manifest(path, "conda", tuple(_rows(decode(data))), lock=True, settled=False)


def _rows(text: str) -> Iterator[Requirement]:
    for number, row in enumerate((line.strip() for line in text.split("\n")), 1):
        match = _ADDRESS.match(row) if "://" in row[:10] else _LIST.match(row)
        if match and match.group(1) not in _NO_LIBRARY:
            name, version = match.groups()
            yield requirement(
                name,
                "conda",
                Group.LOCK_TRANSITIVE,
                specifier=f"={version}",
                version=version,
                pinned=True,
                line=number,
            )


def read_pixi(path: str, data: bytes) -> Manifest:
    """What a pixi.toml declares."""
    document = load_toml(data)
    name = (table(document, "project") or table(document, "workspace")).get("name")
    found = tuple(one for one in pixi(document, line_index(decode(data))) if one.key not in _NO_LIBRARY)
    return Manifest(path, "conda", found, provides=name if isinstance(name, str) else None)
