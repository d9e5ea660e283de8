"""The packages of a monorepo: their names, their folders, and what is unreleased of all of them."""

from __future__ import annotations

import pytest

from tests.integration.history.conftest import Read, titles
from tests.support.gitrepo import Builder, git


@pytest.fixture
def two(made: Builder) -> Builder:
    """Two packages with a folder each, two releases each, and something unreleased in each and beside them."""
    at = made.commit("start", files={"a/x": "1\n", "b/x": "1\n"})
    for number in range(2):
        for package in "ab":
            made.tag(f"{package}-v1.{number}", at)
            at = made.commit(f"more of {package} {number}", at, files={f"{package}/x": f"{number}\n"})
    made.tag("a-v1.2", at)
    made.tag("b-v1.2", at)
    at = made.commit("later in a", at, files={"a/x": "9\n"})
    at = made.commit("later in b", at, files={"b/x": "9\n"})
    made.commit("beside", at, files={"c/x": "9\n"}, branch="main")
    made.build()
    return made


@pytest.mark.acceptance("CHG-B6")
def test_what_is_unreleased_is_that_of_all_packages(two: Builder, read: Read) -> None:
    """Not of the last one alone; with one that has no paths it is everything; one that is asked for has its own."""
    both = {"a": ("a",), "b": ("b",)}
    section = read(two, paths=both)["unreleased"]
    assert (titles(section), section["accounting"]["excluded"]) == (["later in b", "later in a"], 1)
    assert titles(read(two, paths={"b": ("b",)})["unreleased"]) == ["beside", "later in b", "later in a"]
    assert titles(read(two, paths=both, package="a")["unreleased"]) == ["later in a"]


@pytest.mark.acceptance("CHG-B1")
def test_an_unreleased_revert_is_linked_whichever_package_it_is_of(made: Builder, read: Read) -> None:
    """Also when what it takes back is of another package than the one that HEAD is compared with."""
    at = made.commit("start", files={"a/x": "1\n", "b/x": "1\n"})
    made.tag("a-v1.0", at)
    made.tag("b-v1.0", at)
    at = made.commit("Bad idea (#7)", at, files={"a/x": "2\n"})
    made.tag("a-v1.1", at)
    made.tag("b-v1.1", at)
    made.commit('Revert "Bad idea (#7)" (#8)', at, files={"a/x": "1\n"}, branch="main")
    (entry,) = read(made, paths={"a": ("a",), "b": ("b",)})["unreleased"]["entries"]
    assert (entry["title"], entry["reverts"]) == ("Reverted: Bad idea", "pr-7")


@pytest.mark.acceptance("CHG-E4")
@pytest.mark.parametrize("folder", ["a", "a/", "./a", "/a/", "b/../a", ".\\a\\"])
def test_a_folder_may_be_written_in_any_way(two: Builder, read: Read, folder: str) -> None:
    """As people type it."""
    document = read(two, paths={"a": (folder,)}, package="a")
    assert titles(document["unreleased"]) == ["later in a"]
    assert document["diagnostics"] == []


@pytest.mark.acceptance("CHG-E4")
def test_the_root_is_everything(two: Builder, read: Read) -> None:
    """``.`` leaves nothing out."""
    assert len(titles(read(two, paths={"a": (".",)}, package="a")["unreleased"])) == 3


@pytest.mark.acceptance("CHG-B6")
def test_paths_that_select_nothing_are_told(two: Builder, read: Read) -> None:
    """A misspelt folder or package would leave everything out in silence."""
    document = read(two, paths={"a": ("aa", "../a"), "c": ("c",)})
    assert document["diagnostics"] == [
        "no commit touches the paths of the package 'a': aa, ../a",
        "paths are given for a package 'c', but no tags are named after it",
    ]


@pytest.mark.acceptance("CHG-B6")
def test_what_only_a_release_of_another_package_contains_is_told(two: Builder, read: Read) -> None:
    """It is in no section until its own package is tagged; asked for alone, the package shows it as unreleased."""
    both = {"a": ("a",), "b": ("b",)}
    assert read(two, paths=both)["diagnostics"] == []
    git(two.path, "tag", "b-v3.0", "main")
    document = read(two, paths=both)
    assert titles(document["unreleased"]) == []
    (told,) = document["diagnostics"]
    assert told.startswith("commits of the package 'a'")
    assert "until it is tagged: 1 (" in told
    assert titles(read(two, paths=both, package="a")["unreleased"]) == ["later in a"]
