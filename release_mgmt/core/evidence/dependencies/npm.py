"""npm: package.json, package-lock.json and bun.lock."""

from __future__ import annotations

import re
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, decode, load_json
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, Requirement, requirement
from release_mgmt.core.evidence.dependencies.pyproject import line_index, table
from release_mgmt.core.evidence.dependencies.scope import group_of_path
from release_mgmt.core.evidence.dependencies.versions import bound

_SECTIONS = {
    "dependencies": Group.RUNTIME,
    "optionalDependencies": Group.OPTIONAL,
    "peerDependencies": Group.RUNTIME,
    "devDependencies": Group.DEVELOPMENT,
}


def read_package(path: str, data: bytes) -> Manifest:
    """What a package.json declares; local paths and workspaces are its own."""
    document: Any = load_json(data)
    if not isinstance(document, dict):
        raise Unreadable("not a package.json")
    lines = line_index(decode(data))
    runtime = group_of_path(path)
    found: list[Requirement] = []
    for section, group in _SECTIONS.items():
        for name, specifier in table(document, section).items():
            if not isinstance(specifier, str) or specifier.startswith(("file:", "link:", "workspace:", ".", "/")):
                continue
            remote = specifier if "/" in specifier or specifier.startswith("npm:") else None
            version, pinned = bound("" if remote else specifier)
            found.append(
                requirement(
                    name,
                    "npm",
                    runtime if group is Group.RUNTIME else group,
                    extra=None if group is Group.RUNTIME else section,
                    specifier="" if specifier in ("*", "latest") else specifier,
                    version=version,
                    pinned=pinned,
                    url=remote,
                    line=lines.get(name),
                )
            )
    own = document.get("name")
    return Manifest(path, "npm", tuple(found), provides=own if isinstance(own, str) else None)


def read_lock(path: str, data: bytes) -> Manifest:
    """What a package-lock.json pins at the top level; its root entry says which are direct."""
    document: Any = load_json(data)
    packages = table(document, "packages")
    root = table(packages, "")
    direct = table(root, "dependencies").keys() | table(root, "peerDependencies").keys()
    development = table(root, "devDependencies").keys()
    found = []
    lines = line_index(decode(data))
    entries = {key[13:]: value for key, value in packages.items() if key.startswith("node_modules/")}
    for name, entry in (entries or table(document, "dependencies")).items():
        version = entry.get("version") if isinstance(entry, dict) else None
        if "/node_modules/" in name or not isinstance(version, str):
            continue
        group = Group.LOCK_DIRECT if name in direct else Group.LOCK_TRANSITIVE
        if name in development or entry.get("dev") is True:
            group = Group.DEVELOPMENT
        line = lines.get(f"node_modules/{name}" if entries else name)
        found.append(requirement(name, "npm", group, specifier=f"=={version}", version=version, pinned=True, line=line))
    return Manifest(path, "npm", tuple(found), lock=True, settled=bool(root))


_PINNED = {**_SECTIONS, "dependencies": Group.LOCK_DIRECT, "peerDependencies": Group.LOCK_DIRECT}
# A text, or a comma that closes a list or table: JSON allows none there, Bun writes one.
_LAST_COMMA = re.compile(rb'"(?:[^"\\\n]++|\\.)*+"?|,(?=\s*[}\]])')
_OWN = ("workspace:", "file:", "link:", "root:")


def read_bun(path: str, data: bytes) -> Manifest:
    """What a bun.lock pins; it repeats what each workspace asks for, so it says itself what is direct."""
    plain = _LAST_COMMA.sub(lambda match: b"" if match.group() == b"," else match.group(), data)
    document: Any = load_json(plain)
    workspaces = table(document, "workspaces")
    if not workspaces:
        raise NotManifest("no workspaces")
    asked: dict[str, tuple[str, Group]] = {}
    for folder in workspaces:
        workspace = table(workspaces, folder)
        for section, group in _PINNED.items():
            for name in table(workspace, section):
                # What a workspace has in a version of its own stands below the workspace's name.
                for key in (name, f"{workspace.get('name')}/{name}"):
                    if key not in asked or group is Group.LOCK_DIRECT:
                        asked[key] = name, group
    found: list[Requirement] = []
    lines = line_index(decode(data))
    for key, entry in table(document, "packages").items():
        resolved = entry[0] if isinstance(entry, list) and entry and isinstance(entry[0], str) else ""
        at = resolved.find("@", 1)
        version = resolved[at + 1 :] if at > 0 else ""
        if not version or version.startswith(_OWN):
            continue
        name, group = asked.get(key, (resolved[:at], Group.LOCK_TRANSITIVE))
        pinned = version[0].isdigit()
        found.append(
            requirement(
                name,
                "npm",
                group,
                specifier=f"=={version}" if pinned else "",
                version=version if pinned else None,
                pinned=pinned,
                url=None if pinned else version,
                line=lines.get(resolved),
            )
        )
    own = table(workspaces, "").get("name")
    return Manifest(path, "npm", tuple(found), provides=own if isinstance(own, str) else None, lock=True)
