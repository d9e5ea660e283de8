"""One ``cat-file`` that many ask: what it does not answer is never taken for an answer."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.sources.git import Repository, open_repository
from release_mgmt.sources.git import objects as asked
from release_mgmt.sources.git.merges import TREES_AT_ONCE, with_own_content
from release_mgmt.sources.git.objects import BATCH, Objects, Question, Work, contents, objects_of, sizes
from release_mgmt.sources.git.process import Process
from tests.support.gitrepo import Builder

TEXTS = [f"{number:06}" * 400 for number in range(3 * BATCH)]


@pytest.fixture
def many(tmp_path: Path) -> tuple[Repository, list[str]]:
    """A repository with more than fits a pipe, and the ids of its files."""
    made = Builder(tmp_path / "many.git")
    made.commit("All", files={f"f{number:04}": text for number, text in enumerate(TEXTS)}, branch="main")
    made.build()
    repository = open_repository(made.path, time_limit=20)
    return repository, [entry.sha for entry in repository.tree(made.shas["c1"])]


def _parts(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def test_small_pipes_make_nobody_wait_for_the_other(
    many: tuple[Repository, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a system gives them to a user who has opened very many."""
    repository, ids = many
    start = asked.start

    @contextmanager
    def narrow(*arguments: Any, **options: Any) -> Iterator[Process]:
        with start(*arguments, **options) as process:
            for pipe in (process.stdin, process.stdout):
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 4096)
            yield process

    monkeypatch.setattr(asked, "start", narrow)
    with objects_of(repository) as objects:
        found = objects.in_turns(contents(part) for part in _parts(ids))
    assert [data.decode() for one in found for data in one.values() if data is not None] == TEXTS


@pytest.mark.parametrize("question", ["contents", "info"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_git_that_ends_early_is_an_error(many: tuple[Repository, list[str]], question: str, at: int) -> None:
    """Whichever question is open then: what was not answered is not missing."""
    repository, ids = many

    def work(number: int, part: list[str]) -> Work[object]:
        if number == at:
            objects._running().kill()
            objects._running().popen.wait()
        found: object = yield from contents(part) if question == "contents" else sizes(part)
        return found

    with pytest.raises(ReleaseMgmtError, match="cat-file failed"), objects_of(repository) as objects:
        objects.in_turns(work(number, part) for number, part in enumerate(_parts(ids)))


def test_what_a_failed_work_was_not_told_is_told_to_nobody_else(many: tuple[Repository, list[str]]) -> None:
    """Another question was under way; who asks next gets the answers to its own."""
    repository, ids = many

    def work(part: list[str]) -> Work[None]:
        yield from contents(part)
        raise ValueError("stopped")

    with objects_of(repository) as objects:
        with pytest.raises(ValueError, match="stopped"):
            objects.in_turns(work(part) for part in _parts(ids))
        data = objects.read(ids[7])
        assert data is not None
        assert data.decode() == TEXTS[7]


def test_merges_in_a_huge_folder_are_looked_at_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of many files has a tree of megabytes: what is in memory together is bounded by bytes, not by merges."""
    made = Builder(tmp_path / "huge.git")
    names = [f"data/{'record' * 8}-{number:06}" for number in range(2_000)]
    at = made.commit("base", files=dict.fromkeys(names, "1\n"))
    for number in range(80):
        ours = made.commit("ours", at, files={names[number]: f"{number}\n"})
        theirs = made.commit("theirs", at, files={names[-1 - number]: f"{number}\n"})
        at = made.commit("Merge branch 'b'", ours, theirs)
    made.build()
    merges = [made.shas[mark] for mark in made.marks if len(made.parents[mark]) > 1]
    told: list[int] = []
    answers = Objects._answers

    def seen(self: Objects, question: Question) -> object:
        found = answers(self, question)
        if isinstance(found, dict):
            told.append(sum(len(data) for data in found.values() if data))
        return found

    monkeypatch.setattr(Objects, "_answers", seen)
    with objects_of(open_repository(made.path)) as objects:
        assert set(with_own_content(objects, merges, {}).values()) == {False}
    assert sum(told) > 4 * TREES_AT_ONCE
    assert max(told) < 2 * TREES_AT_ONCE
