"""Data and models kept outside git that a change replaces: .dvc files, dvc.lock, Git LFS pointers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, load_yaml

_LFS = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid (sha256:[0-9a-f]{64})\nsize (\d{1,19})\n?\Z"
)
_MODEL = re.compile(
    r"\.(?:pkl|pickle|joblib|h5|hdf5|keras|pt|pth|ckpt|onnx|pb|pbtxt|tflite|bst|ubj|cbm|rds|rdata|safetensors|gguf|mar|mlmodel"
    r"|pmml|model|zip)\Z|(?:^|/)models?(?:/|\.|\Z)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing kept outside git: where it stands, its checksum and size in bytes, and the stage that makes it."""

    path: str
    checksum: str | None
    size: int | None
    stage: str | None = None

    @property
    def kind(self) -> str:
        """``model`` or ``data``, as the name tells."""
        return "model" if _MODEL.search(self.path) else "data"


@dataclass(frozen=True, slots=True)
class ArtefactChange:
    """One artefact before and after; None where there was or is none."""

    path: str
    old: Artefact | None
    new: Artefact | None

    @property
    def kind(self) -> str:
        """``model`` or ``data``."""
        some = self.new or self.old
        return some.kind if some else "data"


def lfs_pointer(path: str, data: bytes) -> Artefact | None:
    """The artefact that a Git LFS pointer stands for, None when the file is none."""
    match = _LFS.match(data) if len(data) < 1024 else None
    return Artefact(path, match.group(1).decode(), int(match.group(2))) if match else None


def is_artefacts(path: str, data: bytes | None) -> bool:
    """Whether a file stands for artefacts kept elsewhere."""
    return (
        path.endswith(".dvc")
        or basename(path) == "dvc.lock"
        or (data is not None and lfs_pointer(path, data) is not None)
    )


def read(path: str, data: bytes) -> dict[str, Artefact]:
    """The artefacts that a file stands for, by path. Raises ``Unreadable``."""
    pointer = lfs_pointer(path, data)
    if pointer:
        return {path: pointer}
    if not is_artefacts(path, None):
        return {}
    document = load_yaml(data)
    if not isinstance(document, dict):
        raise Unreadable("not a DVC file")
    folder = dirname(path)
    stages: Any = document.get("stages")
    if path.endswith("dvc.lock") and not isinstance(stages, dict):
        stages = {key: value for key, value in document.items() if isinstance(value, dict)}  # before schema 2.0
    found: dict[str, Artefact] = {}
    for stage, entry in (stages or {None: document}).items() if isinstance(stages, dict) else [(None, document)]:
        working = entry.get("wdir", "") if isinstance(entry, dict) and stage is None else ""
        for one in _outs(entry, join(folder, str(working or "")), stage):
            found[one.path] = one
    return found


def _outs(entry: Any, folder: str, stage: Any) -> Iterator[Artefact]:
    listed = entry.get("outs") if isinstance(entry, dict) else None
    for out in listed if isinstance(listed, list) else []:
        if not isinstance(out, dict) or not isinstance(out.get("path"), str):
            continue
        named = ("md5", "etag", "checksum", "sha256")
        kind, checksum = next(((name, out[name]) for name in named if isinstance(out.get(name), str)), (None, None))
        size = out.get("size")
        yield Artefact(
            normpath(join(folder, out["path"][:1000])).removeprefix("./"),
            f"{kind}:{checksum}"[:200] if kind else None,
            size if isinstance(size, int) else None,
            str(stage)[:200] if stage is not None else None,
        )


def changes(path: str, old: bytes | None, new: bytes | None) -> tuple[ArtefactChange, ...]:
    """The artefacts whose content differs, by path. Raises ``Unreadable`` when the new file cannot be read."""
    after = read(path, new) if new is not None else {}
    try:
        before = read(path, old) if old is not None else {}
    except Unreadable:
        before = {}
    return tuple(
        ArtefactChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if (before[name].checksum if name in before else None) != (after[name].checksum if name in after else None)
        or (name in before) != (name in after)
    )
