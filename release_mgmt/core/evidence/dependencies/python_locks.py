"""poetry.lock, pdm.lock, uv.lock and pylock.toml (PEP 751)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, decode, load_toml
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, Requirement, normalise, requirement
from release_mgmt.core.evidence.dependencies.pyproject import items, table

_NAME = re.compile(r"""^name = ["']([^"'\n]{1,200})["']""", re.MULTILINE)
_LOCK_BYTES = 8_000_000


def read_poetry(path: str, data: bytes) -> Manifest:
    """What a poetry.lock pins. Which entries are direct is settled by the pyproject.toml beside it."""
    packages, lines = _packages(data, "package")
    return Manifest(path, "pypi", tuple(_pins(packages, lines, {})), lock=True, settled=False)


def read_pdm(path: str, data: bytes) -> Manifest:
    """What a pdm.lock pins, settled like a poetry.lock."""
    return read_poetry(path, data)


def read_pylock(path: str, data: bytes) -> Manifest:
    """What a pylock.toml pins, settled by the manifest beside it."""
    packages, lines = _packages(data, "packages")
    return Manifest(path, "pypi", tuple(_pins(packages, lines, {})), lock=True, settled=False)


def read_uv(path: str, data: bytes) -> Manifest:
    """What a uv.lock pins: the workspace's own packages in it say which entries are direct."""
    packages, lines = _packages(data, "package")
    groups: dict[str, Group] = {}
    own = [one for one in packages if _is_own(one)]
    for one in own:
        for listed in table(one, "optional-dependencies").values():
            _mark(groups, listed, Group.OPTIONAL)
        for listed in table(one, "dev-dependencies").values():
            _mark(groups, listed, Group.DEVELOPMENT)
    for one in own:
        _mark(groups, one.get("dependencies"), Group.LOCK_DIRECT)
    others = [one for one in packages if not _is_own(one)]
    first = own[0].get("name") if own else None
    return Manifest(
        path,
        "pypi",
        tuple(_pins(others, lines, groups)),
        provides=first if isinstance(first, str) else None,
        lock=True,
        settled=bool(own),
    )


def _is_own(package: dict[str, Any]) -> bool:
    source = table(package, "source")
    return any(key in source for key in ("virtual", "editable", "directory", "workspace"))


def _mark(groups: dict[str, Group], listed: object, group: Group) -> None:
    for entry in items(listed):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            groups[normalise(entry["name"], "pypi")] = group


def _packages(data: bytes, key: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    listed = load_toml(data, _LOCK_BYTES).get(key, [])
    if not isinstance(listed, list):
        raise Unreadable(f"not a lock: {key} is no list")
    text = decode(data, _LOCK_BYTES)
    lines: dict[str, int] = {}
    number, at = 1, 0
    for match in _NAME.finditer(text):
        number += text.count("\n", at, match.start())
        at = match.start()
        lines.setdefault(match.group(1), number)
    return [one for one in listed if isinstance(one, dict)], lines


def _pins(packages: Iterable[dict[str, Any]], lines: dict[str, int], groups: dict[str, Group]) -> Iterable[Requirement]:
    for package in packages:
        name, version = package.get("name"), package.get("version")
        if not isinstance(name, str):
            continue
        version = version if isinstance(version, str) else None
        group = groups.get(normalise(name, "pypi"), Group.LOCK_TRANSITIVE)
        if package.get("category") == "dev" or package.get("groups") in (["dev"], ["test"], ["docs"], ["lint"]):
            group = Group.DEVELOPMENT
        source = table(package, "source")
        url = source.get("git") or source.get("url")
        yield requirement(
            name,
            "pypi",
            group,
            specifier=f"=={version}" if version else "",
            version=version,
            pinned=version is not None,
            url=url if isinstance(url, str) and "git" in source else None,
            line=lines.get(name),
        )
