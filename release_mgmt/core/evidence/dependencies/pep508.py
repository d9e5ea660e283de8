"""One Python requirement as PEP 508 writes it, and what people write instead."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed

from release_mgmt.core.evidence.dependencies.model import Group, Requirement, requirement
from release_mgmt.core.evidence.dependencies.versions import bound

_LOOSE = re.compile(
    r"\s*((?=[\w.-]*[A-Za-z])[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*\(?((?:[=<>!~^][^;@]*)?)\)?\s*(?:@\s*([^;\s]+))?\s*(?:;(.*))?\Z"
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=[^=]")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_REPOSITORY = re.compile(r"[/:]([A-Za-z0-9][\w.-]*?)(?:\.git)?/?\Z")
_FORGE = re.compile(r"/([A-Za-z0-9][\w.-]*?)(?:\.git)?/(?:archive|zipball|tarball|releases)/")
_WHEEL = re.compile(r"/?([A-Za-z0-9](?:[\w.]*[A-Za-z0-9])?)-[0-9][^/]*\.(?:whl|tar\.gz|zip)(?:[#?].*)?\Z")
_URL = re.compile(r"(?:(?:git|hg|svn|bzr)\+|https?:|ssh:|git@|git:|ftp:)")

# Names of the standard library that a registry has as well, for Python versions that lacked them.
_BACKPORTED = frozenset(("asyncio", "contextvars", "dataclasses", "enum34", "graphlib", "pathlib", "tomllib", "typing"))

_STANDARD = frozenset(sys.stdlib_module_names) - _BACKPORTED

PLATFORM = frozenset(("python", "pip"))
"""Names that manifests list beside libraries and that are none."""


def parse(
    text: str, group: Group, *, extra: str | None = None, line: int | None = None, ecosystem: str = "pypi"
) -> Requirement | None:
    """The requirement that ``text`` writes, None when it names no library (a local path, an option, nonsense)."""
    text = text.strip()
    if not text or len(text) > 4000:
        return None
    if _URL.match(text):
        return _from_url(text, group, extra, line)
    parsed = _strictly(text)
    if parsed is None:
        return _loose(text, group, extra, line, ecosystem)
    name = parsed.name
    if name.replace(".", "").isdigit() or (ecosystem == "pypi" and name in _STANDARD):
        return None
    return requirement(
        name,
        ecosystem,
        group,
        extra=extra,
        specifier=parsed.specifier,
        version=parsed.version,
        pinned=parsed.pinned,
        marker=parsed.marker,
        url=parsed.url,
        line=line,
    )


class _Strict(NamedTuple):
    name: str
    specifier: str
    version: str | None
    pinned: bool
    marker: str | None
    url: str | None


@lru_cache(maxsize=2048)  # a history says the same again and again
def _strictly(text: str) -> _Strict | None:
    try:
        parsed = Parsed(text)
    except (InvalidRequirement, RecursionError):
        return None
    specifier = str(parsed.specifier)
    return _Strict(parsed.name, specifier, *bound(specifier), str(parsed.marker) if parsed.marker else None, parsed.url)


def parse_all(
    texts: Iterable[object], group: Group, *, extra: str | None = None, lines: dict[str, int] | None = None
) -> list[Requirement]:
    """The requirements of a list from a manifest; entries that are no text are passed over."""
    found = []
    for text in texts:
        if isinstance(text, str):
            line = lines.get(text.strip()) if lines else None
            one = parse(text, group, extra=extra, line=line)
            if one and one.key not in PLATFORM:
                found.append(one)
    return found


def _from_url(text: str, group: Group, extra: str | None, line: int | None) -> Requirement | None:
    """A requirement given by its address alone: named by ``egg=``, the file or the repository."""
    address, _, marker = text.partition(" ;")
    name = _EGG.search(address) or _WHEEL.search(address) or _FORGE.search(address) or _repository(address)
    if not name:
        return None
    return requirement(
        name.group(1), "pypi", group, extra=extra, url=address.strip(), marker=marker.strip() or None, line=line
    )


def _repository(address: str) -> re.Match[str] | None:
    """The last part of a repository's path, without what stands behind it: ``@branch``, ``#fragment``."""
    path = re.split(r"[#?]", address.strip())[0].partition("://")[2] or address
    host, slash, rest = path.partition("/")
    return _REPOSITORY.search(f"{host.rpartition(':')[2]}{slash}{rest.partition('@')[0]}")


def _loose(text: str, group: Group, extra: str | None, line: int | None, ecosystem: str) -> Requirement | None:
    """What PEP 508 refuses and installers of old took: ``name=1.2``, ``name (>=1)``, ``name>=1.*``."""
    match = _LOOSE.match(text)
    if not match or _VARIABLE.match(text):
        return None
    name, _, specifier, url, marker = match.groups()
    version, pinned = bound(specifier or "")
    return requirement(
        name,
        ecosystem,
        group,
        extra=extra,
        specifier=(specifier or "").rstrip(") "),
        version=version,
        pinned=pinned,
        marker=marker.strip() if marker else None,
        url=url,
        line=line,
    )
