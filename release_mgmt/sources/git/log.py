"""The one streaming ``git log`` that all history comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.core.history import Commit, FileChange

# NUL cannot stand in a name or a message, so the fields need no escaping; with -z it also ends each record.
FORMAT = "--format=%H%x00%P%x00%T%x00%aN%x00%aE%x00%aI%x00%cN%x00%cE%x00%cI%x00%B"
_FIELDS = 10
_CHUNK = 1 << 18

MESSAGE_LIMIT = 65_536
"""Characters of one message that are read; a title and its notes are never longer, a hostile one is cut here."""


def tokens(stdout: IO[bytes]) -> Iterator[list[str]]:
    """What git printed, cut at NUL, in lists of whole tokens."""
    rest = b""
    while chunk := stdout.read(_CHUNK):
        whole, found, tail = chunk.rpartition(b"\0")
        if not found:
            rest += chunk
            continue
        yield (rest + whole).decode("utf-8", "replace").split("\0")
        rest = tail
    if rest:
        raise BrokenInvariant("git log ended inside a record")


def parse(stdout: IO[bytes], *, files: bool) -> Iterator[Commit]:
    """Commits in the order in which git prints them (a commit before its parents only when asked for)."""
    return _with_files(stdout) if files else _without_files(stdout)


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
    raw: list[str] | None = None  # modes, ids and status whose paths are still to come
    old_path: str | None = None
    for found in tokens(stdout):
        for token in found:
            if raw is not None:
                status = raw[4][0]
                if status in "RC" and old_path is None:
                    old_path = token
                    continue
                changes.append(FileChange(status, token, old_path or token, raw[0], raw[1], raw[2], raw[3]))
                raw = old_path = None
            elif len(fields) < _FIELDS:
                fields.append(token)
            elif token.startswith((":", "\n:")):
                raw = token.lstrip("\n")[1:].split(" ")
            else:
                yield _commit(fields, changes)
                fields = [token.lstrip("\n")]
                changes = []
    if raw is not None or len(fields) not in {0, _FIELDS}:
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
