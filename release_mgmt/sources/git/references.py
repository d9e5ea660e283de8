"""References read again: what is known of a tag holds as long as it names the same object."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from release_mgmt.sources.git.objects import Objects
from release_mgmt.sources.git.process import run
from release_mgmt.sources.git.repository import Refs, Repository, TagRef

# Names alone: git then needs to look at no object, which takes a fraction of the time.
_FORMAT = "--format=%(objectname) %(refname)"
_WHEN = re.compile(rb"^(?:tagger|committer) [^\n]*?(?:<([^<>\n]*)>)? (\d{1,11}) ([+-])(\d\d)([0-5]\d)$", re.MULTILINE)
_TARGET = re.compile(rb"object ([0-9a-f]{40,64})\n")
_NESTED = 10
"""Tags of tags that are followed; git's own tools make none."""


def refreshed(repository: Repository, objects: Objects, known: Refs) -> Refs:
    """The references of this moment, by one ``for-each-ref`` of names; ``objects`` is asked for tags that are new."""
    out = run(
        repository.git_dir,
        ["for-each-ref", _FORMAT, "refs/tags", "refs/heads", "refs/remotes"],
        repository.env,
        time_limit=repository.time_limit,
    )
    before = {tag.name: tag for tag in known.tags}
    commits = set(known.branches.values())
    tags: list[TagRef] = []
    branches: dict[str, str] = {}
    for line in out.decode("utf-8", "replace").splitlines():
        sha, _, name = line.partition(" ")
        if name.startswith("refs/tags/"):
            tag = before.get(name[10:])
            tags.append(tag if tag is not None and tag.target == sha else _tag(objects, name[10:], sha))
        elif sha in commits or _is_commit(objects, sha):
            branches[name] = sha
            commits.add(sha)
    return Refs(tuple(tags), branches, repository.head(branches))


def _is_commit(objects: Objects, sha: str) -> bool:
    return (objects.read(sha) or b"").startswith(b"tree ")


def _tag(objects: Objects, name: str, sha: str) -> TagRef:
    """What one tag is, from the object that it names."""
    data = objects.read(sha) or b""
    annotated = data.startswith(b"object ")
    date, tagger = _when(data)
    peeled, at = data, sha
    for _ in range(_NESTED):
        target = _TARGET.match(peeled)
        if target is None:
            break
        at = target[1].decode()
        peeled = objects.read(at) or b""
    commit = at if peeled.startswith(b"tree ") else None
    return TagRef(name, sha, commit, annotated, date, tagger if annotated else None)


def _when(data: bytes) -> tuple[str | None, str | None]:
    """The date that a tag or commit object has, as git writes it strictly, and the address beside it."""
    found = _WHEN.search(data.partition(b"\n\n")[0])
    if found is None:
        return None, None
    address = (found[1] or b"").decode("utf-8", "replace").lower() or None
    ahead = timedelta(hours=int(found[4]), minutes=int(found[5])) * (1 if found[3] == b"+" else -1)
    try:
        at = datetime.fromtimestamp(int(found[2]), timezone(ahead) if ahead else UTC)
    except (ValueError, OverflowError):
        return None, address
    return at.isoformat(), address
