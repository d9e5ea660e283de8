"""Puts the files of a site into a folder, and takes away those of an earlier run that are no longer part of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from release_mgmt.core.errors import InvalidInput

MANIFEST = ".release-mgmt.json"


def write(folder: Path, files: Iterable[tuple[str, bytes]], progress: Callable[[str], None] | None = None) -> int:
    """Write the files; each appears whole or not at all. Returns how many were written.

    Raises InvalidInput when the folder holds files that are not of an earlier run: nothing of a person's is touched.
    """
    before = _manifest(folder)
    if folder.is_dir() and before is None and any(folder.iterdir()):
        raise InvalidInput.at(
            "--out", f"{folder} holds other files", "an empty or new folder, or one that was written by this command"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names: list[str] = []
        for name, content in files:
            _put(folder, name, content)
            names.append(name)
            if progress is not None:
                progress(name)
        for gone in sorted(set(before or ()) - set(names)):
            _take_away(folder, gone)
        _put(folder, MANIFEST, (json.dumps({"files": sorted(names)}, indent=1) + "\n").encode())
    except OSError as error:
        raise InvalidInput.at("--out", f"{folder} cannot be written: {error.strerror or error}") from error
    return len(names)


def read_state(folder: Path, name: str) -> Any:
    """The JSON of a file that an earlier run left; None when there is none or it cannot be read."""
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _manifest(folder: Path) -> list[str] | None:
    found = read_state(folder, MANIFEST)
    names = found.get("files") if isinstance(found, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _put(folder: Path, name: str, content: bytes) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if target.read_bytes() == content:
            return
    except OSError:
        pass
    partial = target.with_name(f".{target.name}.part")
    partial.write_bytes(content)
    partial.replace(target)


def _take_away(folder: Path, name: str) -> None:
    """Remove a file of an earlier run; a name that leads out of the folder is left alone."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/"):
        return
    (folder / name).unlink(missing_ok=True)
    parent = (folder / name).parent
    if parent != folder and parent.is_dir() and not any(parent.iterdir()):
        parent.rmdir()
