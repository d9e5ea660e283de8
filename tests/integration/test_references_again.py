"""References read again by their names say the same as references read whole, whatever became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from release_mgmt.sources.git import Refs, Repository, open_repository
from release_mgmt.sources.git.objects import Objects, objects_of
from release_mgmt.sources.git.references import asked, head_in, refreshed
from tests.support.gitrepo import Builder, git

STEPS: dict[str, Callable[[Path, str], object]] = {
    "nothing": lambda _path, _other: None,
    "a branch moves": lambda path, other: git(path, "update-ref", "refs/heads/main", other),
    "a branch is added": lambda path, other: git(path, "update-ref", "refs/heads/more/one", other),
    "a remote's branch is added": lambda path, other: git(path, "update-ref", "refs/remotes/origin/x", other),
    "a branch goes": lambda path, _other: git(path, "update-ref", "-d", "refs/heads/side"),
    "a tag moves": lambda path, other: git(path, "update-ref", "refs/tags/v1.0", other),
    "a tag is added": lambda path, other: git(path, "update-ref", "refs/tags/v0.1", other),
    "a branch is called as a tag": lambda path, other: git(path, "update-ref", "refs/heads/refs/tags/v9", other),
    "a name holds what ends a line elsewhere": lambda path, other: git(path, "update-ref", "refs/tags/a\x85b", other),
    "all tags go": lambda path, _other: [git(path, "tag", "-d", name) for name in ("v1.0", "v2.0")],
    "all branches go": lambda path, _other: [git(path, "update-ref", "-d", f"refs/heads/{name}")
                                             for name in ("main", "side")],
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_what_is_read_again_equals_what_is_read_whole(tmp_path: Path, step: str) -> None:
    """After the first reading, after one by names, and after one more in which nothing happened."""
    for again in (False, True):
        made = Builder(tmp_path / f"project{again}.git")
        first = made.commit("first")
        made.tag("v1.0", first, "Version 1.0")
        made.commit("second", first, branch="main")
        made.tag("v2.0", made.commit("side", first, branch="side"))
        made.build()
        repository = open_repository(made.path)
        with objects_of(repository) as objects:
            known = repository.refs()
            other = known.branches["refs/heads/side"]
            if again:
                known = _read_again(repository, objects, known)
            STEPS[step](made.path, other)
            for _ in range(2):
                known = _read_again(repository, objects, known)
                assert known == repository.refs()


def _read_again(repository: Repository, objects: Objects, known: Refs) -> Refs:
    with asked(repository) as answer:
        text = answer()
    found = refreshed(repository, objects, known, text)
    assert found.head.sha in {head_in(repository, text), None}
    return found
