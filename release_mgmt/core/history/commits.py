"""The commit graph as values, and how it falls into releases."""

from __future__ import annotations

from typing import NamedTuple


class FileChange(NamedTuple):
    """One file that a commit changed, as ``git log --raw`` tells it.

    ``status`` is A, M, D, T, R or C without the score. Blob ids are full; an id of zeros with mode ``000000`` stands
    for "no such file". ``old_path`` equals ``path`` unless the file was renamed or copied. A tuple, since
    histories hold hundreds of thousands of them.
    """

    status: str
    path: str
    old_path: str
    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str


class Commit(NamedTuple):
    """One commit. Names are those of the mailmap; times are ISO 8601 with the offset that the author used.

    ``tree`` is the id of its root tree. ``files`` is empty unless the log was asked for them; for a merge they are
    the difference to the first parent, or nothing. A tuple, since histories hold tens of thousands of them.
    """

    sha: str
    parents: tuple[str, ...]
    tree: str
    author: str
    author_email: str
    authored_at: str
    committer: str
    committer_email: str
    committed_at: str
    message: str
    files: tuple[FileChange, ...] = ()
