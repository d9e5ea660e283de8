"""Try the rules on a diff that somebody pasted: what they would say of it, without a repository.

A diff holds only what is near its changes, so the verdict is judged against the lines that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import select

from release_mgmt.core.classification import ChangedFile, ChangeInput, Classification, Tree, classify, read_blob
from release_mgmt.core.errors import InvalidInput, NotFound, TooLarge
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store
from release_mgmt.services.classify import default_rules
from release_mgmt.store.models.repositories import ChangeCommit

MOST_BYTES = 500_000
_NAME = re.compile(r"(?:---|\+\+\+) (?:\"?[ab]/)?(?P<path>[^\t\"]+)")
_HUNK = re.compile(r"@@ -\d+(?:,(?P<old>\d+))? \+\d+(?:,(?P<new>\d+))? @@")


def on_diff(actor: Actor, diff: str, message: str = "", rules: str | None = None) -> Classification:
    """The verdict on a unified diff with this commit message; ``rules`` (TOML) are tried before ours.

    :raises InvalidInput: when the text is no diff, or the rules cannot be read.
    """
    require(actor, Action.READ_CHANGE)
    if len(diff) > MOST_BYTES:
        raise TooLarge(f"A diff to try has at most {MOST_BYTES // 1000} KB.")
    files = tuple(files_of(diff))
    if not files:
        raise InvalidInput.at("diff", "this is not a unified diff", "what `git diff` or `git show` prints")
    tree = Tree()
    for one in files:
        if one.old_path is not None and one.old is not None:
            tree.put(one.old_path, read_blob(one.old_path, one.old))
    return classify(ChangeInput(files, message), tree, default_rules(rules or None))


def change_of(store: Store, actor: Actor, sha: str) -> str:
    """The id of the change that holds a commit, named by at least seven digits of its sha."""
    require(actor, Action.READ_CHANGE)
    wanted = sha.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{7,64}", wanted):
        raise InvalidInput.at("sha", "this is not a commit", "7 to 64 hexadecimal digits")
    query = select(ChangeCommit.change_id).where(ChangeCommit.sha.startswith(wanted)).order_by(ChangeCommit.change_id)
    with store.read() as session:
        found = session.scalar(query.limit(1))
    if found is None:
        raise NotFound("No change holds this commit.", hint="Its repository may not have been read since.")
    return found


def files_of(diff: str) -> Iterator[ChangedFile]:
    """The files of a unified diff, each with the old and the new lines that it shows."""
    path: list[str | None] = [None, None]
    texts: tuple[list[str], list[str]] = ([], [])
    left = [0, 0]
    seen = False
    for line in diff.replace("\r\n", "\n").split("\n"):
        if left[0] <= 0 and left[1] <= 0:
            if line.startswith("--- "):
                if seen:
                    yield _file(path, texts)
                path, texts, seen = [_path(line), None], ([], []), True
                continue
            if line.startswith("+++ ") and seen:
                path[1] = _path(line)
                continue
            hunk = _HUNK.match(line)
            if hunk and seen:
                left = [int(hunk[one]) if hunk[one] is not None else 1 for one in ("old", "new")]
            continue
        if line.startswith(("-", " ")) or not line:
            texts[0].append(line[1:])
            left[0] -= 1
        if line.startswith(("+", " ")) or not line:
            texts[1].append(line[1:])
            left[1] -= 1
    if seen:
        yield _file(path, texts)


def _path(line: str) -> str | None:
    found = _NAME.match(line)
    name = found["path"].strip() if found else ""
    return None if name in {"", "/dev/null", "dev/null"} else name


def _file(path: list[str | None], texts: tuple[list[str], list[str]]) -> ChangedFile:
    old, new = ("\n".join(one).encode() + b"\n" for one in texts)
    return ChangedFile(path[0], path[1], old if path[0] else None, new if path[1] else None)
