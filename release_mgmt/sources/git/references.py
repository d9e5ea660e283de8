"""References read again: what is known of a tag holds as long as it names the same object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from release_mgmt.sources.git.objects import Objects
from release_mgmt.sources.git.process import start
from release_mgmt.sources.git.repository import Refs, Repository, TagRef

# Names alone: git then needs to look at no object, which takes a fraction of the time.
_FORMAT = "--format=%(objectname) %(refname)"
_TAG = " refs/tags/"
_WHEN = re.compile(rb"^(?:tagger|committer) [^\n]*?(?:<([^<>\n]*)>)? (\d{1,11}) ([+-])(\d\d)([0-5]\d)$", re.MULTILINE)
_TARGET = re.compile(rb"object ([0-9a-f]{40,64})\n")
_NESTED = 10
"""Tags of tags that are followed; git's own tools make none."""


@contextmanager
def asked(repository: Repository) -> Iterator[Callable[[], str]]:
    """The names of all references, by one ``for-each-ref``, which looks for them until the answer is called for."""
    command = ["for-each-ref", _FORMAT, "refs/tags", "refs/heads", "refs/remotes"]
    with start(repository.git_dir, command, repository.env, time_limit=repository.time_limit) as process:
        yield lambda: process.stdout.read().decode("utf-8", "replace")


def refreshed(repository: Repository, objects: Objects, known: Refs, text: str) -> Refs:
    """The references of the moment at which git said ``text``; ``objects`` is asked for what is new."""
    if text == known.told:
        return replace(known, head=repository.head(known.branches))
    branches, tags = _branches(objects, text, known), known.tags
    if known.told is None or _of_tags(text) != _of_tags(known.told):
        tags = tuple(_tags(objects, text, known))
    return Refs(tags, branches, repository.head(branches), text)


def head_in(repository: Repository, text: str) -> str | None:
    """Where HEAD is by git's words, which nobody has looked at yet: what is there may be no commit."""
    return repository.head(dict(_of_branches(text))).sha


def _of_tags(text: str) -> str:
    """The lines that name tags: git sorts by name, so they are the last."""
    at = text.find(_TAG)
    return text[text.rfind("\n", 0, at) + 1 :] if at >= 0 else ""


def _of_branches(text: str) -> Iterator[tuple[str, str]]:
    """The name of each branch, and the object that it names."""
    for line in text.removesuffix(_of_tags(text)).split("\n")[:-1]:
        sha, _, name = line.partition(" ")
        yield name, sha


def _branches(objects: Objects, text: str, known: Refs) -> dict[str, str]:
    """The branches of all that git said; what no branch was on before is looked at."""
    commits = set(known.branches.values())
    branches: dict[str, str] = {}
    for name, sha in _of_branches(text):
        if sha in commits or _is_commit(objects, sha):
            branches[name] = sha
            commits.add(sha)
    return branches


def _tags(objects: Objects, text: str, known: Refs) -> Iterator[TagRef]:
    """The tags of all that git said; those that are new or moved are looked at."""
    before = {tag.name: tag for tag in known.tags}
    for line in _of_tags(text).split("\n")[:-1]:
        sha, _, name = line.partition(_TAG)
        tag = before.get(name)
        yield tag if tag is not None and tag.target == sha else _tag(objects, name, sha)


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
