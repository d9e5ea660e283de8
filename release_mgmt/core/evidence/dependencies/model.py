"""What a manifest declares, whatever its format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from release_mgmt.core.evidence.bounded import Unreadable


class NotManifest(Unreadable):
    """The file only bears the name of a manifest: its content is something else, and readable as that."""

    code = "not_manifest"


class Group(StrEnum):
    """For what a requirement is needed, the most binding first."""

    RUNTIME = "runtime"
    LOCK_DIRECT = "lock-direct"
    OPTIONAL = "optional"
    DEVELOPMENT = "development"
    BUILD = "build"
    CONSTRAINT = "constraint"
    LOCK_TRANSITIVE = "lock-transitive"


NEEDED = frozenset((Group.RUNTIME, Group.LOCK_DIRECT))
"""The groups whose libraries must be there for the code to run."""

LOCKED = frozenset((Group.LOCK_DIRECT, Group.LOCK_TRANSITIVE))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One library that a manifest names.

    ``key`` is the name as its registry compares it (PEP 503 for pypi). ``version`` is the exact pin or the lower
    bound, None when there is neither; ``pinned`` tells them apart. ``extra`` is the name of the extra or group it
    stands in, in a lock the ranges that the entry answers, one a line; ``url`` where it comes from when that is no
    registry. ``ecosystem`` is one of pypi, conda, cran, julia, npm, docker, apt, and ``platform`` for a language itself
    (Python, R, Julia, Node).
    """

    name: str
    key: str
    ecosystem: str
    group: Group
    extra: str | None = None
    specifier: str = ""
    version: str | None = None
    pinned: bool = False
    marker: str | None = None
    url: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """A file that a manifest takes in (``-r``, ``-c``, ``dynamic``), its path seen from the repository's root."""

    path: str
    constraint: bool = False
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest or lock file as read. ``provides`` is the project's own name; ``unreadable`` says why nothing
    more is known. ``lock`` is true where the file pins a resolved set: its entries count as transitive until they are
    settled against the manifests beside it (`resolve`)."""

    path: str
    ecosystem: str
    requirements: tuple[Requirement, ...] = ()
    includes: tuple[Include, ...] = ()
    provides: str | None = None
    lock: bool = False
    settled: bool = True
    unreadable: str | None = None


LIBRARIES = frozenset(("pypi", "conda", "cran", "julia", "npm", "dbt"))
"""The ecosystems whose entries are libraries of the code; base images and system packages are not."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text: a table that stays readable."""
    return frozenset(text.split())


_RUNS = re.compile(r"[-_.]+")


def normalise(name: str, ecosystem: str) -> str:
    """``name`` as its registry compares it."""
    name = name.strip()
    if ecosystem in ("pypi", "conda"):
        return _RUNS.sub("-", name).lower()
    return name if ecosystem in ("cran", "julia", "platform") else name.lower()


def requirement(
    name: str,
    ecosystem: str,
    group: Group,
    *,
    extra: str | None = None,
    specifier: str = "",
    version: str | None = None,
    pinned: bool = False,
    marker: str | None = None,
    url: str | None = None,
    line: int | None = None,
) -> Requirement:
    """A requirement with its key worked out and every text bounded."""
    return Requirement(
        name=name.strip()[:200],
        key=normalise(name, ecosystem)[:200],
        ecosystem=ecosystem,
        group=group,
        extra=extra[:200] if extra else None,
        specifier=specifier.strip()[:200],
        version=version[:100] if version else None,
        pinned=pinned,
        marker=marker[:300] if marker else None,
        url=url[:500] if url else None,
        line=line,
    )
