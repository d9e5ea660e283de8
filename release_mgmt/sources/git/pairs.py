"""Two commits side by side: where they parted, and what changed between them."""

from __future__ import annotations

from release_mgmt.core.history import Commit, FileChange
from release_mgmt.sources.git.process import GitFailed, run
from release_mgmt.sources.git.repository import Repository


def merge_base(repository: Repository, one: str, other: str) -> str | None:
    """The best common ancestor of two commits (full shas); None when their histories do not meet."""
    try:
        out = run(repository.objects_dir, ["merge-base", "--end-of-options", one, other], repository.objects_env)
    except GitFailed:
        return None  # git tells "none" by its exit code alone
    return out.decode().strip() or None


def net_change(repository: Repository, base: str, head: str) -> Commit:
    """All that ``head`` changes against ``base`` (full shas), as one commit on top of ``base`` with head's message."""
    (tip,) = repository.log([head], walk=False)
    command = ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-M", "--end-of-options", base, head]
    out = run(repository.objects_dir, command, repository.objects_env).decode("utf-8", "replace")
    return tip._replace(parents=(base,), files=tuple(_changes(out.split("\0")[:-1])))


def _changes(tokens: list[str]) -> list[FileChange]:
    """Raw entries: ``:modes ids status``, a path, and a second one for renames and copies."""
    found = []
    at = 0
    while at < len(tokens):
        old_mode, new_mode, old_blob, new_blob, status = tokens[at][1:].split(" ")
        renamed = status[0] in "RC"
        old_path, path = tokens[at + 1], tokens[at + 2 if renamed else at + 1]
        found.append(FileChange(status[0], path, old_path, old_mode, new_mode, old_blob, new_blob))
        at += 3 if renamed else 2
    return found
