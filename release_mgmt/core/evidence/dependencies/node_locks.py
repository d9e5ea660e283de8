"""yarn.lock (version 1 and Berry) and pnpm-lock.yaml: long files that a tool writes line by line, and are read so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, Requirement, requirement

_LONG = 20_000
_DESCRIPTOR = re.compile(r"(@?[^@\s]+)@(?:npm:)?(.*)\Z")
_ELSEWHERE = re.compile(r"(?:workspace|file|link|portal|patch|virtual):|\.{0,2}/")
_VERSION = re.compile(r"  version:? +[\"']?([^\"'\s]+)")


def read_yarn(path: str, data: bytes) -> Manifest:
    """What a yarn.lock pins. The ranges that an entry answers tell which of several versions the package.json beside it
    asks for; entries of the workspace itself are none."""
    found: list[Requirement] = []
    name, ranges, begun = "", "", 0
    for number, line in enumerate(decode(data).split("\n"), 1):
        if len(line) > _LONG or not line or line.startswith("#"):
            continue
        if line[0] != " ":
            name, ranges = _asked(line) if line.endswith(":") else ("", "")
            begun = number
            continue
        version = _VERSION.match(line) if name else None
        if version:
            found.append(_pin(name, version.group(1), Group.LOCK_TRANSITIVE, begun, ranges))
            name = ""
    return Manifest(path, "npm", tuple(found), lock=True, settled=False)


def _asked(line: str) -> tuple[str, str]:
    """(package, its ranges) of the line that opens an entry: ``"a@^1", "a@^1.2":`` or ``"a@npm:^1, a@npm:^1.2":``."""
    name, ranges = "", []
    for part in line.rstrip(":").replace('"', "").split(","):
        match = _DESCRIPTOR.match(part.strip())
        if match is None or _ELSEWHERE.match(match.group(2)):
            return "", ""
        name = match.group(1)
        ranges.append("" if match.group(2) in ("*", "latest") else match.group(2))
    return name, "\n".join(ranges)


_PACKAGE_OLD = re.compile(r"/(@?[^@/\s]+(?:/[^@/\s]+)?)/(\d[^/_()\s]*)")
_PACKAGE = re.compile(r"/?(@?[^@/()\s]+(?:/[^@/()\s]+)?)@(\d[^()_\s]*)")
_SECTIONS = {
    "dependencies": Group.LOCK_DIRECT,
    "optionalDependencies": Group.OPTIONAL,
    "devDependencies": Group.DEVELOPMENT,
}


def read_pnpm(path: str, data: bytes) -> Manifest:
    """What a pnpm-lock.yaml pins, of format 5 to 9; it says itself what is asked for, by each project in it."""
    direct: dict[str, Requirement] = {}
    rest: list[Requirement] = []
    known = False
    for one in _pairs(decode(data)):
        known = known or one.keys[0] == "lockfileVersion"
        asked = _direct(one)
        package = _package(one.keys[1]) if one.keys[0] == "packages" and len(one.keys) == 2 else None
        if asked and (asked.name not in direct or asked.group is Group.LOCK_DIRECT):
            direct[asked.name] = asked
        elif package:
            rest.append(_pin(*package, Group.LOCK_TRANSITIVE, one.line))
    if not known:
        raise NotManifest("no lockfileVersion")
    pinned = {(one.name, one.version) for one in direct.values()}
    transitive = [one for one in rest if (one.name, one.version) not in pinned]
    return Manifest(path, "npm", (*direct.values(), *transitive), lock=True)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A key with those above it, and the plain value beside it."""

    keys: tuple[str, ...]
    value: str
    line: int


_KEY = re.compile(r"( *)(?:'([^']+)'|\"([^\"]+)\"|([^\s'\":#][^:]*(?::[^\s:][^:]*)*)):(?: +(.*))?\Z")


def _pairs(text: str) -> Iterator[_Pair]:
    """The keys of a block of YAML, six deep at most."""
    above: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _KEY.match(line) if len(line) < 2_000 else None
        if match is None:
            continue
        indent = len(match.group(1))
        while above and above[-1][0] >= indent:
            above.pop()
        above.append((indent, match.group(2) or match.group(3) or match.group(4)))
        if len(above) <= 6:
            yield _Pair(tuple(key for _, key in above), (match.group(5) or "").strip("'\""), number)


def _direct(one: _Pair) -> Requirement | None:
    """The library that a project of the lock asks for, on the line that holds its version."""
    keys = one.keys[2:] if one.keys[0] == "importers" else one.keys
    if len(keys) not in (2, 3) or keys[0] not in _SECTIONS or (len(keys) == 3 and keys[2] != "version"):
        return None
    version = re.match(r"\d[^(_\s]*", one.value)
    return _pin(keys[1], version.group(), _SECTIONS[keys[0]], one.line) if version else None


def _package(key: str) -> tuple[str, str] | None:
    match = _PACKAGE_OLD.match(key) or _PACKAGE.match(key)
    return (match.group(1), match.group(2)) if match else None


def _pin(name: str, version: str, group: Group, line: int, ranges: str | None = None) -> Requirement:
    return requirement(
        name, "npm", group, extra=ranges, specifier=f"=={version}", version=version, pinned=True, line=line
    )
