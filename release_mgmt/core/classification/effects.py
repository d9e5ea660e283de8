"""What a change moves beside code and libraries: metrics, artefacts, schemas of data, public interfaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from release_mgmt.core.classification.change import ChangedFile
from release_mgmt.core.classification.fact import Fact
from release_mgmt.core.classification.scope import Purpose, purpose
from release_mgmt.core.evidence import artefacts, interface, metrics, schemas
from release_mgmt.core.evidence.bounded import Unreadable
from release_mgmt.core.evidence.edits import shared

SHOWN = 50
"""Facts of one kind and file that are listed."""


def facts(one: ChangedFile, library: bool) -> Iterator[Fact]:
    """What one file of a change moves. Public interfaces count in a ``library``, which others install.

    What cannot be read is told by the other readers of the same file.
    """
    if one.same or one.link or one.unreadable or purpose(one.path) is Purpose.VENDORED:
        return
    for told in (_metrics(one), _artefacts(one), _schemas(one), _interface(one) if library else iter(())):
        try:
            yield from islice(told, SHOWN)
        except Unreadable:
            continue


def _metrics(one: ChangedFile) -> Iterator[Fact]:
    if metrics.is_metrics(one.path):
        for metric in metrics.changes(one.path, one.old, one.new):
            yield Fact("metric", one.path, None, metric.metric, _number(metric.old), _number(metric.new), "metric")


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.12g}"


def _artefacts(one: ChangedFile) -> Iterator[Fact]:
    if artefacts.is_artefacts(one.path, one.new) or artefacts.is_artefacts(one.path, one.old):
        for moved in artefacts.changes(one.path, one.old, one.new):
            old, new = _checksum(moved.old), _checksum(moved.new)
            yield Fact("artefact", one.path, None, moved.path, old, new, moved.kind)


def _checksum(one: artefacts.Artefact | None) -> str | None:
    if one is None:
        return None
    return f"{one.checksum or 'unknown'}" + (f" ({one.size:,} bytes)" if one.size is not None else "")


def _schemas(one: ChangedFile) -> Iterator[Fact]:
    if schemas.is_schema(one.path) and purpose(one.path) is not Purpose.TESTS:
        for moved in schemas.changes(one.path, one.old, one.new):
            fact = "break_unmarked" if moved.breaks else "schema_added"
            yield Fact(fact, one.path, moved.line, moved.subject, moved.old or moved.what, moved.new, "schema")


# What others call: parsing both sides costs much, so it is done only when one of these is not as it was.
_SIGNATURE = re.compile(
    rb"^[ \t]*(?:async[ \t]+)?def[ \t]+[A-Za-z]\w*[ \t]*\((?:[^()]|\([^()]*\))*\)|^[ \t]*class[ \t]+[A-Za-z]\w*"
    rb"|^__all__[^\n]*|^[ \t]*(?:S3method|export\w*)\([^)]*\)",
    re.MULTILINE,
)


def _around(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """What differs, from the definition before on."""
    start, end = shared(old, new)
    begin = max(old.rfind(word, 0, start) for word in (b"def ", b"class ", b"__all__", b"export", b"S3method"))
    begin = max(old.rfind(b"\n", 0, max(begin, 0)), 0)
    stop = old.find(b"\n", len(old) - end)
    tail = len(old) - stop if stop >= 0 else 0
    return old[begin : len(old) - tail], new[begin : len(new) - tail]


def is_interface(path: str) -> bool:
    """Whether others may call what the file at ``path`` holds, so that it matters whether the tree is a library."""
    if path.rpartition("/")[2] == "NAMESPACE":
        return True
    return interface.is_public_module(path) and purpose(path) is Purpose.CODE


def _interface(one: ChangedFile) -> Iterator[Fact]:
    path = one.new_path or one.old_path or ""
    if one.old is None or (one.old_path != one.new_path and one.new_path is not None) or not is_interface(path):
        return
    old, new = _around(one.old, one.new or b"")
    if not set(_SIGNATURE.findall(old)) - set(_SIGNATURE.findall(new)):
        return
    for moved in interface.changes(path, one.old, one.new):
        if moved.breaks and not moved.what.startswith("value"):
            yield Fact("break_unmarked", path, moved.line, moved.name, moved.old, moved.new or moved.what, "interface")
