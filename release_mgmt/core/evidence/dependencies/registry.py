"""Which reader a path asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from posixpath import basename

from release_mgmt.core.evidence.bounded import Unreadable
from release_mgmt.core.evidence.dependencies import pyproject, requirements_txt
from release_mgmt.core.evidence.dependencies.model import Manifest

Reader = Callable[[str, bytes], Manifest]
"""(path from the root of the repository, the file's bytes) -> what it declares; may raise ``Unreadable``."""

_REQUIREMENTS = re.compile(
    r"(?:.*[-_.])?(?:requirements?|reqs?|constraints?|pip[-_]?requirements)(?:[-_.\d].*)?\.(?:txt|in|pip)\Z"
    r"|(?:.*/)?requirements?/[^/]+\.(?:txt|in|pip)\Z"
    r"|(?:.*/)?(?:requirements?|requirements-[\w-]+)\Z",
    re.IGNORECASE,
)

_BY_NAME: dict[str, tuple[str, Reader]] = {
    "pyproject.toml": ("pypi", pyproject.read),
}

_BY_PATTERN: tuple[tuple[re.Pattern[str], str, Reader], ...] = ()

# Copies of other people's projects: what they ask for is not asked for by this one.
_FOREIGN = re.compile(
    r"(?:^|/)(?:node_modules|site-packages|vendor|vendored|_vendor|third[_-]?party|bower_components|renv/library"
    r"|packrat/(?:src|lib[^/]*)|\.venv|venv)/",
    re.IGNORECASE,
)


def manifest_kind(path: str) -> Reader | None:
    """The reader of the manifest at ``path``, None when that is no manifest (or one of a vendored project)."""
    found = _found(path)
    return found[1] if found else None


def _found(path: str) -> tuple[str, Reader] | None:
    if _FOREIGN.search(path):
        return None
    name = basename(path)
    by_name = _BY_NAME.get(name)
    if by_name:
        return by_name
    for pattern, ecosystem, reader in _BY_PATTERN:
        if pattern.match(path):
            return ecosystem, reader
    if len(path) < 1000 and (_REQUIREMENTS.match(name) or _REQUIREMENTS.match(path)):
        return "pypi", requirements_txt.read
    return None


def read(path: str, data: bytes) -> Manifest | None:
    """The manifest at ``path``, None when it is none. Never raises: what cannot be read says why."""
    found = _found(path)
    if found is None:
        return None
    ecosystem, reader = found
    try:
        return reader(path, data)
    except Unreadable as error:
        return Manifest(path, ecosystem, unreadable=error.message)
    except RecursionError:
        return Manifest(path, ecosystem, unreadable="nested too deeply")
