"""The operator's files of advisories; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from release_mgmt.core.errors import FieldError, InvalidInput
from release_mgmt.core.evidence.advisories import Advisories, load

_MOST = 100_000


def read_advisories(place: Path) -> Advisories:
    """What the ``.json`` files at ``place`` (a file, or a folder with all below it) say.

    Raises ``InvalidInput`` that names each file that cannot be read.
    """
    found, faults = load(_files(place))
    if faults:
        errors = [FieldError(path, reason) for path, reason in faults[:20]]
        raise InvalidInput(f"{len(faults)} files of advisories cannot be read: {faults[0][0]}: {faults[0][1]}", errors)
    return found


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    paths = sorted(place.rglob("*.json"))[:_MOST] if place.is_dir() else [place]
    for path in paths:
        try:
            yield str(path), path.read_bytes()
        except OSError as error:
            raise InvalidInput.at(str(path), f"cannot be read: {error.strerror}") from None
