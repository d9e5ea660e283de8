"""Every manifest format on files as projects write them: ``tests/cases/manifests/<format>/<case>/``.

A case holds one manifest at its path and ``expected.txt``: what is read from it, a requirement a line.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from release_mgmt.core.evidence.dependencies import Manifest, Requirement, read

CASES = Path(__file__).parents[2] / "cases" / "manifests"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/expected.txt"))


def told(manifest: Manifest | None) -> str:
    """What a manifest says, as a text that a person can check against the file."""
    if manifest is None:
        return "not a manifest\n"
    rows = [f"{manifest.ecosystem}{' lock' if manifest.lock else ''}{'' if manifest.settled else ' to settle'}"]
    if manifest.unreadable:
        rows.append(f"unreadable: {manifest.unreadable}")
    if manifest.provides:
        rows.append(f"provides {manifest.provides}")
    rows += [
        f"{one.line}: {'constrained by' if one.constraint else 'includes'} {one.path}" for one in manifest.includes
    ]
    rows += [requirement(one) for one in manifest.requirements]
    return "\n".join(rows) + "\n"


def requirement(one: Requirement) -> str:
    parts = [f"{one.line}: {one.group.value} {one.ecosystem} {one.name}"]
    if one.specifier:
        parts.append(f"({one.specifier})")
    if one.version:
        parts.append(f"{'pin' if one.pinned else 'from'} {one.version}")
    parts += [f"{word} {text}" for word, text in (("in", one.extra), ("if", one.marker), ("at", one.url)) if text]
    return " ".join(parts)


def manifest_of(folder: Path) -> tuple[str, bytes]:
    (path,) = (path for path in folder.rglob("*") if path.is_file() and path.name != "expected.txt")
    return path.relative_to(folder).as_posix(), path.read_bytes()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_manifest(folder: Path) -> None:
    """The manifest of a case is read as its golden text says."""
    assert told(read(*manifest_of(folder))) == (folder / "expected.txt").read_text(encoding="utf-8")


def test_every_format_has_three_cases() -> None:
    """No format rests on fewer than three files."""
    counted = {path.name: len(list(path.glob("*/expected.txt"))) for path in CASES.iterdir()}
    assert {name: count for name, count in counted.items() if count < 3} == {}
    assert len(counted) >= 20
