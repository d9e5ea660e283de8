"""R: DESCRIPTION, NAMESPACE, renv.lock and packrat.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from release_mgmt.core.evidence.bounded import decode, load_json
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, Requirement, requirement
from release_mgmt.core.evidence.dependencies.pyproject import table
from release_mgmt.core.evidence.dependencies.scope import group_of_name
from release_mgmt.core.evidence.dependencies.versions import bound
from release_mgmt.core.evidence.distributions import R_BASE

_ENTRY = re.compile(r"([A-Za-z][\w.]*)\s*(?:\(([^)]*)\))?")
_REMOTE = re.compile(r"(?:[\w.]+=)?(?:\w+::)?(?:[\w.:/-]*/)?([A-Za-z][\w.]*)(?:[@#].*)?\Z")
_IMPORT = re.compile(r"^\s*import(?:From)?\(\s*[\"']?([A-Za-z][\w.]*)", re.MULTILINE)
_IMPORTS = re.compile(r"^\s*import\(([^)]*)\)", re.MULTILINE)

_PROFILE = re.compile(r"Config/renv/profiles/([\w.-]+)/dependencies\Z")
_PROFILE_LOCK = re.compile(r"(?:.*/)?renv/profiles/([^/]+)/renv\.lock\Z")

_FIELDS = {
    "Depends": Group.RUNTIME,
    "Imports": Group.RUNTIME,
    "LinkingTo": Group.RUNTIME,
    "Suggests": Group.OPTIONAL,
    "Enhances": Group.OPTIONAL,
}


def read_description(path: str, data: bytes) -> Manifest:
    """What an R package's DESCRIPTION declares. Raises ``Unreadable`` when the file is none."""
    text = decode(data, 1_000_000)
    fields = dcf(text)
    if not fields.keys() & {"Package", "Type", "Imports", "Depends", "Title", "Suggests"}:
        raise NotManifest("no field of a DESCRIPTION")
    remotes = dict(_remotes(fields.get("Remotes", ("", 0))[0]))
    found: list[Requirement] = []
    groups = dict(_FIELDS)
    for field in fields:
        profile = _PROFILE.match(field)
        if profile:
            groups[field] = group_of_name(profile.group(1), Group.RUNTIME)
    for field, group in groups.items():
        value, start = fields.get(field, ("", 0))
        for name, specifier, offset in _entries(value):
            version, pinned = bound(specifier)
            found.append(
                requirement(
                    name,
                    "cran",
                    group,
                    extra=field,
                    specifier=specifier,
                    version=version,
                    pinned=pinned,
                    url=remotes.get(name),
                    line=start + offset,
                )
            )
    own = fields["Package"][0] if "Package" in fields else None
    return Manifest(path, "cran", tuple(found), provides=own)


def dcf(text: str) -> dict[str, tuple[str, int]]:
    """The fields of a Debian control file with the line on which each value starts."""
    fields: dict[str, tuple[str, int]] = {}
    current = None
    for number, line in enumerate(text.split("\n"), 1):
        if line[:1] in (" ", "\t"):
            if current is not None:
                value, start = fields[current]
                fields[current] = (f"{value}\n{line.strip()}", start)
            continue
        key, colon, value = line.partition(":")
        if colon and re.fullmatch(r"[\w.@/-]+", key):
            current = key
            fields.setdefault(key, (value.strip(), number))
        else:
            current = None
    return fields


def _entries(value: str) -> Iterator[tuple[str, str, int]]:
    """(package, version specifier, line within the field) of a comma-separated field."""
    offset = 0
    for piece in value.split(","):
        text = piece.strip()
        line = offset + piece[: len(piece) - len(piece.lstrip())].count("\n")
        offset += piece.count("\n")
        match = _ENTRY.match(text)
        if match and match.group(1) not in R_BASE:
            yield match.group(1), (match.group(2) or "").strip(), line


def _remotes(value: str) -> Iterator[tuple[str, str]]:
    for piece in re.split(r"[,\n]", value):
        match = _REMOTE.match(piece.strip())
        if match:
            yield match.group(1), piece.strip()


def read_namespace(path: str, data: bytes) -> Manifest:
    """What a NAMESPACE imports: needed at run time, declared in DESCRIPTION as well."""
    text = decode(data, 1_000_000)
    found: dict[str, Requirement] = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = _IMPORT.match(line)
        names = [match.group(1)] if match else []
        several = _IMPORTS.match(line)
        if several:
            names += [name.strip().strip("\"'") for name in several.group(1).split(",")]
        for name in names:
            if name and name not in R_BASE and re.fullmatch(r"[A-Za-z][\w.]*", name):
                found.setdefault(name, requirement(name, "cran", Group.RUNTIME, extra="NAMESPACE", line=number))
    return Manifest(path, "cran", tuple(found.values()))


def read_renv(path: str, data: bytes) -> Manifest:
    """What an renv.lock pins. Which entries are direct is settled by DESCRIPTION and by what the code uses."""
    document = load_json(data)
    packages = table(document, "Packages")
    lines = line_index_of_keys(decode(data))
    profile = _PROFILE_LOCK.match(path)
    group = group_of_name(profile.group(1), Group.LOCK_TRANSITIVE) if profile else Group.LOCK_TRANSITIVE
    found = []
    for name, entry in packages.items():
        version = table(packages, name).get("Version")
        version = version if isinstance(version, str) else None
        remote = entry.get("RemoteUsername") if isinstance(entry, dict) else None
        if name in R_BASE or name == "renv":
            continue
        found.append(
            requirement(
                name,
                "cran",
                group,
                specifier=f"=={version}" if version else "",
                version=version,
                pinned=version is not None,
                url=f"{remote}/{entry.get('RemoteRepo', name)}" if isinstance(remote, str) else None,
                line=lines.get(name),
            )
        )
    return Manifest(path, "cran", tuple(found), lock=True, settled=False)


_JSON_KEY = re.compile(r'^\s*"([^"]{1,200})"\s*:\s*\{')


def line_index_of_keys(text: str) -> dict[str, int]:
    """The line of each key that opens an object."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = _JSON_KEY.match(line)
        if match:
            found.setdefault(match.group(1), number)
    return found


def read_packrat(path: str, data: bytes) -> Manifest:
    """What a packrat.lock pins, settled like an renv.lock."""
    found = []
    for start, block in _blocks(decode(data)):
        fields = dcf(block)
        name, version = fields.get("Package", ("", 0))[0], fields.get("Version", ("", 0))[0]
        if name and name not in R_BASE and name != "packrat":
            found.append(
                requirement(
                    name,
                    "cran",
                    Group.LOCK_TRANSITIVE,
                    specifier=f"=={version}" if version else "",
                    version=version or None,
                    pinned=bool(version),
                    line=start + fields["Package"][1] - 1,
                )
            )
    return Manifest(path, "cran", tuple(found), lock=True, settled=False)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the parts that blank lines separate."""
    block: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), "\n".join(block)
            block = []
