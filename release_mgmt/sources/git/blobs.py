"""Reading blobs through one ``cat-file``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.sources.git.process import EndedEarly, Process

SIZE_LIMIT = 5_000_000
"""Bytes of a blob that are handed out unless the caller says otherwise; longer ones are skipped, never kept."""


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """Why there is no content: ``missing`` (a partial clone), ``too_large`` or ``not_a_blob``; ``size`` in bytes."""

    reason: str
    size: int | None = None


def read_answer(stdout: IO[bytes], limit: int) -> tuple[str, bytes | MissingBlob]:
    """One answer of ``cat-file --batch``: the object's id and its bytes, or why there are none."""
    header = stdout.readline().decode("ascii", "replace").split()
    if len(header) == 2:
        return header[0], MissingBlob("missing")
    if not header:
        raise _ended()
    if len(header) != 3:
        raise BrokenInvariant(f"cat-file answered {header!r}")
    sha, kind, size = header[0], header[1], int(header[2])
    if kind != "blob" or size > limit:
        _skip(stdout, size + 1)
        return sha, MissingBlob("not_a_blob" if kind != "blob" else "too_large", size)
    data = stdout.read(size)
    if not stdout.read(1):
        raise _ended()
    return sha, data


def _ended() -> EndedEarly:
    return EndedEarly("git cat-file ended before it had answered")


def _skip(stdout: IO[bytes], count: int) -> None:
    while count > 0:
        gone = len(stdout.read(min(count, 1 << 20)))
        if not gone:
            raise _ended()
        count -= gone


def read_stream(process: Process, limit: int, count: int) -> Iterator[tuple[str, bytes | MissingBlob]]:
    """``count`` answers in the order asked."""
    for _ in range(count):
        yield read_answer(process.stdout, limit)


class BlobReader:
    """Question and answer with one ``cat-file --batch``: microseconds a blob, where a process costs milliseconds."""

    def __init__(self, process: Process, limit: int = SIZE_LIMIT) -> None:
        self._process = process
        self._limit = limit

    def read(self, blob: str) -> bytes | None:
        """The bytes of a blob, or None when it is missing, too large or no blob."""
        answer = self.ask(blob)
        return answer if isinstance(answer, bytes) else None

    def ask(self, blob: str) -> bytes | MissingBlob:
        """The bytes of a blob given by its full id, or why there are none. Ids of zeros are missing."""
        if not blob.isalnum():
            raise BrokenInvariant(f"not an object id: {blob!r}")
        try:
            self._process.stdin.write(blob.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _ended() from None
        return read_answer(self._process.stdout, self._limit)[1]


def questions(ids: Iterable[str]) -> bytes:
    """Full ids, one a line, as ``cat-file --batch`` reads them."""
    return "".join(f"{blob}\n" for blob in ids).encode()
