"""The operator's files of advisories; nothing is fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from release_mgmt.core.errors import FieldError, InvalidInput
from release_mgmt.core.evidence.advisories import Advisories, load
from release_mgmt.core.text import counted

_MOST = 100_000

Faults = tuple[tuple[str, str], ...]
"""(file, why it cannot be read)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the files at one place say; ``digest`` tells their contents apart, ``faults`` what could not be read."""

    advisories: Advisories = field(default_factory=Advisories)
    digest: str = ""
    faults: Faults = ()
    files: int = 0


def read_advisories(place: Path) -> Advisories:
    """What the ``.json`` files at ``place`` (a file, or a folder with all below it) say.

    Raises ``InvalidInput`` that names each file that cannot be read.
    """
    found = _read(place)
    if found.faults:
        errors = [FieldError(path, reason) for path, reason in found.faults[:20]]
        path, reason = found.faults[0]
        count = counted(len(found.faults), "file")
        raise InvalidInput(f"{count} of advisories cannot be read: {path}: {reason}", errors)
    return found.advisories


def known_advisories(place: str) -> Known | None:
    """The same for a service: None when there is no ``place``. Files that cannot be read are passed over, and told by
    ``release-mgmt doctor``. What was read stays in memory until a file changes."""
    return _kept(place, _seen(Path(place))) if place else None


@lru_cache(maxsize=2)
def _kept(place: str, _seen: str) -> Known:
    return _read(Path(place))


def _seen(place: Path) -> str:
    """What tells without reading that a file came, went or changed."""
    digest = hashlib.sha256()
    for path in _paths(place):
        try:
            status = path.stat()
        except OSError:
            continue
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _read(place: Path) -> Known:
    digest, faults, count = hashlib.sha256(), [], 0

    def files() -> Iterator[tuple[str, bytes]]:
        nonlocal count
        for path in _paths(place):
            try:
                data = path.read_bytes()
            except OSError as error:
                faults.append((str(path), f"cannot be read: {error.strerror}"))
                continue
            count += 1
            digest.update(hashlib.sha256(data).digest())
            yield str(path), data

    advisories, broken = load(files())
    return Known(advisories, digest.hexdigest()[:16], (*faults, *broken), count)


def _paths(place: Path) -> list[Path]:
    return sorted(place.rglob("*.json"))[:_MOST] if place.is_dir() else [place]
