"""Known advisories on a library and the age of its release, from files that the operator supplies.

Nothing is fetched. Advisories come as OSV documents (https://ossf.github.io/osv-schema/), one a file or a list of
them; the days of releases as ``{"releases": {"pypi": {"numpy": {"2.0.0": "2024-06-16"}}}}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from packaging.version import InvalidVersion, Version

from release_mgmt.core.evidence.bounded import Unreadable, load_json
from release_mgmt.core.evidence.distributions import Identity, identity

_ECOSYSTEMS = {"pypi": "pypi", "cran": "cran", "bioconductor": "cran", "npm": "npm", "conda": "conda", "julia": "julia"}


@dataclass(frozen=True, slots=True)
class Advisory:
    """One known fault of a library: its id, its other names, what it is in a line, and how grave."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str | None
    fixed: str | None


@dataclass(frozen=True, slots=True)
class _Affected:
    advisory: Advisory
    versions: frozenset[str]
    ranges: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True)
class Advisories:
    """What the operator's files say, by library."""

    affected: dict[Identity, list[_Affected]] = field(default_factory=dict)
    released: dict[tuple[Identity, str], datetime] = field(default_factory=dict)

    def known(self, ecosystem: str, name: str, version: str | None) -> tuple[Advisory, ...]:
        """The advisories on ``version`` of a library; without a version nothing is said."""
        if not version:
            return ()
        listed = self.affected.get(identity(ecosystem, name), [])
        found = {one.advisory.id: one.advisory for one in listed if _hits(one, version)}
        return tuple(found[key] for key in sorted(found))

    def released_on(self, ecosystem: str, name: str, version: str | None) -> datetime | None:
        """When a version was released, None when no file says."""
        return self.released.get((identity(ecosystem, name), version or ""))


def load(files: Iterable[tuple[str, bytes]]) -> tuple[Advisories, tuple[tuple[str, str], ...]]:
    """(what the files say, the files that could not be read with the reason)."""
    found, faults = Advisories(), []
    for path, data in files:
        try:
            document = load_json(data)
        except Unreadable as error:
            faults.append((path, error.message))
            continue
        for one in document if isinstance(document, list) else [document]:
            if isinstance(one, dict):
                _releases(one.get("releases"), found)
                _advisory(one, found)
    return found, tuple(faults)


def _advisory(document: dict[str, Any], found: Advisories) -> None:
    if not isinstance(document.get("id"), str) or document.get("withdrawn"):
        return
    for entry in _dicts(document.get("affected")):
        package = entry.get("package")
        if not isinstance(package, dict):
            continue
        ecosystem = _ECOSYSTEMS.get(str(package.get("ecosystem", "")).partition(":")[0].lower())
        if ecosystem is None:
            continue
        ranges = tuple(
            tuple((str(kind), str(value)) for event in _dicts(one.get("events")) for kind, value in event.items())
            for one in _dicts(entry.get("ranges"))
            if one.get("type") in ("ECOSYSTEM", "SEMVER")
        )
        fixed = next((value for one in ranges for kind, value in one if kind == "fixed"), None)
        advisory = Advisory(
            document["id"][:100],
            tuple(str(alias)[:100] for alias in document.get("aliases") or ())[:20],
            " ".join(str(document.get("summary") or document.get("details") or "").split())[:300],
            _severity(document),
            fixed,
        )
        versions = frozenset(str(version) for version in entry.get("versions") or ())
        who = identity(ecosystem, str(package.get("name", "")))
        found.affected.setdefault(who, []).append(_Affected(advisory, versions, ranges))


def _severity(document: dict[str, Any]) -> str | None:
    own = document.get("database_specific")
    if isinstance(own, dict) and isinstance(own.get("severity"), str):
        return str(own["severity"]).lower()[:20]
    scores = [str(one.get("score"))[:100] for one in _dicts(document.get("severity"))]
    return scores[0] if scores else None


def _releases(table: Any, found: Advisories) -> None:
    for ecosystem, libraries in table.items() if isinstance(table, dict) else ():
        for name, versions in libraries.items() if isinstance(libraries, dict) else ():
            for version, day in versions.items() if isinstance(versions, dict) else ():
                try:
                    instant = datetime.fromisoformat(str(day))
                except ValueError:
                    continue
                aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
                found.released[identity(str(ecosystem), str(name)), str(version)] = aware


def _hits(one: _Affected, version: str) -> bool:
    return version in one.versions or any(_within(events, version) for events in one.ranges)


def _within(events: tuple[tuple[str, str], ...], version: str) -> bool:
    """Whether a version lies in a range of OSV: after an ``introduced`` and before the next ``fixed``."""
    inside = False
    wanted = _key(version)
    for kind, value in sorted(events, key=lambda event: (_key(event[1]), event[0] != "fixed")):
        if kind == "introduced" and wanted >= _key(value):
            inside = True
        elif (kind == "fixed" and wanted >= _key(value)) or (kind == "last_affected" and wanted > _key(value)):
            inside = False
    return inside


_NUMBERS = re.compile(r"[0-9]{1,18}")


def _key(version: str) -> tuple[Any, ...]:
    """An order over versions: PEP 440 where it can be read, else by the numbers."""
    try:
        return (0, Version(version))
    except InvalidVersion:
        numbers = ".".join(_NUMBERS.findall(version)[:8]) or "0"
        return (0, Version(numbers))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
