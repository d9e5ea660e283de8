"""The one streaming ``git log`` that all history comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.core.history import Commit, FileChange

# NUL cannot stand in a name or a message, so the fields need no escaping; with -z it also ends each record.
FORMAT = "--format=%H%x00%P%x00%T%x00%aN%x00%aE%x00%aI%x00%cN%x00%cE%x00%cI%x00%B"
BRIEF = "--format=%H%x00%P%x00%T%x00%aN%x00%aE%x00%B"
"""Without times and committers, which cost git a tenth of the reading."""
_FIELDS = 10
_BRIEF_FIELDS = 6
_CHUNK = 1 << 16

MESSAGE_LIMIT = 65_536
"""Characters of one message that are read; a title and its notes are never longer, a hostile one is cut here."""
_FIELD_LIMIT = 1 << 24
"""Bytes of one field after which the rest of it is passed over: enough for 400,000 parents, and for any message."""


def tokens(stdout: IO[bytes]) -> Iterator[list[str]]:
    """What git printed, cut at NUL, in lists of whole tokens."""
    rest, pipe = bytearray(), stdout.fileno()
    while chunk := os.read(pipe, _CHUNK):  # what is there, rather than wait for more while git has something to do
        whole, found, tail = chunk.rpartition(b"\0")
        if not found:
            if len(rest) < _FIELD_LIMIT:
                rest += chunk
            continue
        yield (rest + whole).decode("utf-8", "replace").split("\0")
        rest = bytearray(tail)
    if rest:
        raise BrokenInvariant("git log ended inside a record")


def parse(stdout: IO[bytes], *, files: bool) -> Iterator[Commit]:
    """Commits in the order in which git prints them (a commit before its parents only when asked for)."""
    return _with_files(stdout) if files else _without_files(stdout)


def brief(stdout: IO[bytes]) -> Iterator[list[str]]:
    """The fields of whole commits, one commit after the other, as many as git gave at once; see ``BRIEF``."""
    left: list[str] = []
    for new in tokens(stdout):
        found = left + new if left else new
        beyond = len(found) % _BRIEF_FIELDS
        left = found[-beyond:] if beyond else []
        if beyond:
            del found[-beyond:]
        yield found
    if left:
        raise BrokenInvariant("git log ended inside a record")


def _without_files(stdout: IO[bytes]) -> Iterator[Commit]:
    left: list[str] = []
    make = Commit._make
    for new in tokens(stdout):
        found = left + new if left else new
        whole = len(found) - len(found) % _FIELDS
        for at in range(0, whole, _FIELDS):
            fields: list[object] = found[at : at + _FIELDS]  # type: ignore[assignment]  # the parents become a tuple
            fields[1] = tuple(found[at + 1].split())
            fields[9] = found[at + 9][:MESSAGE_LIMIT]
            fields.append(())
            yield make(fields)
        left = found[whole:]
    if left:
        raise BrokenInvariant("git log ended inside a record")


def _with_files(stdout: IO[bytes]) -> Iterator[Commit]:
    """Records of ten fields, each followed by raw lines: ``:modes ids status``, path, and a second path of a rename."""
    fields: list[str] = []
    changes: list[FileChange] = []
    left: list[str] = []  # a raw line whose paths are still to come
    make = tuple.__new__
    for new in tokens(stdout):
        found = left + new if left else new
        left = []
        at, count = 0, len(found)
        while at < count:
            if len(fields) < _FIELDS:
                taken = found[at : at + _FIELDS - len(fields)]
                fields += taken
                at += len(taken)
                continue
            token = found[at]
            if not token.startswith((":", "\n:")):
                yield _commit(fields, changes)
                fields, changes = [token.lstrip("\n")], []
                at += 1
                continue
            modes, new_mode, old_blob, new_blob, status = token.split(" ")
            renamed = status[0] in "RC"
            if at + 1 + renamed >= count:
                left = found[at:]
                break
            old_path, path = found[at + 1], found[at + 1 + renamed]
            changes.append(make(FileChange, (status[0], path, old_path, modes[-6:], new_mode, old_blob, new_blob)))
            at += 2 + renamed
    if left or len(fields) not in {0, _FIELDS}:
        raise BrokenInvariant("git log ended inside a record")
    if fields:
        yield _commit(fields, changes)


def _commit(fields: list[str], changes: list[FileChange]) -> Commit:
    sha, parents, tree, author, email, authored, committer, committer_email, committed, message = fields
    return Commit(
        sha,
        tuple(parents.split()),
        tree,
        author,
        email,
        authored,
        committer,
        committer_email,
        committed,
        message[:MESSAGE_LIMIT],
        tuple(changes),
    )
