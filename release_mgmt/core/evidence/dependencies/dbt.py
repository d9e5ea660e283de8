"""dbt: packages.yml and dependencies.yml."""

from __future__ import annotations

from release_mgmt.core.evidence.bounded import Path, load_yaml
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, requirement
from release_mgmt.core.evidence.dependencies.versions import bound


def read(path: str, data: bytes) -> Manifest:
    """The packages that a dbt project takes in."""
    lines: dict[Path, int] = {}
    document = load_yaml(data, lines)
    listed = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise NotManifest("no list of packages")
    found = []
    for index, entry in enumerate(listed):
        name = (entry.get("package") or entry.get("git")) if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        wanted = entry.get("version", entry.get("revision", ""))
        specifier = ",".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
        version, pinned = bound(specifier)
        found.append(
            requirement(
                name,
                "dbt",
                Group.RUNTIME,
                specifier=specifier,
                version=version,
                pinned=pinned,
                line=lines.get(("packages", index)),
            )
        )
    return Manifest(path, "dbt", tuple(found))
