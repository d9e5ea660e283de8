"""Reverts in the forms that git and the forges' buttons write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.history.conftest import Read, by_version, titles
from tests.support.gitrepo import Builder

BRANCH = "Merge branch 'f' into 'main'"


def _twice(folder: Path, tell: Callable[[Builder, dict[str, str]], None]) -> Builder:
    """A repository whose messages name shas of its own, known when it was built before."""
    shas: dict[str, str] = {}
    for attempt in range(2):
        made = Builder(folder / f"{attempt}.git")
        tell(made, shas)
        made.build()
        shas = made.shas
    return made


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize("shipped", [False, True])
@pytest.mark.parametrize("words", ["This reverts merge request !12", "This reverts merge request group/p!12"])
def test_the_button_of_gitlab_names_the_request(made: Builder, read: Read, words: str, shipped: bool) -> None:
    """The title that it quotes is the merge's subject, which no entry is called."""
    base = made.commit("base")
    made.tag("v1.0", base)
    work = made.commit("work", base)
    merge = made.commit(f"{BRANCH}\n\nAdd f\n\nSee merge request group/p!12", base, work)
    if shipped:
        made.tag("v1.1", merge)
    revert = made.commit(f'Revert "{BRANCH}"\n\n{words}', merge)
    made.commit(
        f"Merge branch 'r' into 'main'\n\nRevert \"{BRANCH}\"\n\nSee merge request group/p!13",
        merge, revert, branch="main",
    )  # fmt: skip
    document = read(made)
    section = document["unreleased"]
    assert document["diagnostics"] == []
    if shipped:
        assert [(entry["title"], entry["reverts"]) for entry in section["entries"]] == [
            ("Reverted: Add f", "gitlab-12")
        ]
    else:
        assert (titles(section), section["cancelled"]) == ([], [["gitlab-12", "gitlab-13"]])


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize("named", ["sha", "title"])
def test_a_revert_of_a_merge_without_a_number_takes_back_what_it_brought(
    tmp_path: Path, read: Read, named: str
) -> None:
    """What the merge brought in is cancelled, and what one of its commits took away before stays away."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        base = made.commit("base")
        made.tag("v1.0", base)
        one = made.commit("one", base, files={"a.txt": "1\n2\n"})
        two = made.commit("two", one, files={"a.txt": "1\n"})
        merge = made.commit("Merge branch 'f'", made.commit("other", base), two, mark="merge")
        words = f"\n\nThis reverts commit {shas.get('merge')}, reversing\nchanges made to {shas.get('c4')}."
        text = "Revert \"Merge branch 'f'\"" + (words if named == "sha" else "")
        made.commit(text, merge, files={"a.txt": None}, branch="main")

    section = read(_twice(tmp_path, tell))["unreleased"]
    assert titles(section) == ["other"]
    assert (section["accounting"]["cancelled"], section["accounting"]["folded"]) == (3, 1)


@pytest.mark.acceptance("CHG-B1")
def test_a_revert_to_the_side_that_was_merged_leaves_it(tmp_path: Path, read: Read) -> None:
    """``git revert -m 2``: the commits that the merge brought stay, those of its first side go."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        base = made.commit("base")
        made.tag("v1.0", base)
        side = made.commit("side", base, mark="side")
        merge = made.commit("Merge branch 'f'", made.commit("first", base), side, mark="merge")
        words = f"This reverts commit {shas.get('merge')}, reversing\nchanges made to {shas.get('side')}."
        made.commit(f"Revert \"Merge branch 'f'\"\n\n{words}", merge, branch="main")

    assert titles(read(_twice(tmp_path, tell))["unreleased"]) == ["side"]


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize("count", [1, 2])
def test_a_revert_of_a_merge_without_a_number_that_shipped_is_linked(tmp_path: Path, read: Read, count: int) -> None:
    """To what the merge brought, the newest when there was more."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        base = made.commit("base")
        made.tag("v1.0", base)
        at = base
        for number in range(count):
            at = made.commit(f"work {number}", at)
        merge = made.commit("Merge branch 'f'", base, at, mark="merge")
        made.tag("v1.1", merge)
        words = f"This reverts commit {shas.get('merge')}, reversing\nchanges made to {'0' * 40}."
        made.commit(f"Revert \"Merge branch 'f'\"\n\n{words}", merge, branch="main")

    sections = by_version(read(_twice(tmp_path, tell)))
    (entry,) = sections[None]["entries"]
    assert entry["title"] == ("Reverted: work 0" if count == 1 else "Reverted: Merge branch 'f'")
    assert entry["reverts"] == sections["1.1"]["entries"][0]["id"]


@pytest.mark.acceptance("CHG-B1")
def test_a_revert_of_two_commits_that_met_in_a_file_is_whole(tmp_path: Path, read: Read) -> None:
    """The second took away a line of the first, so less is left to take back than the first put in."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        base = made.commit("base", files={"a.txt": "x\n"})
        made.tag("v1.0", base)
        one = made.commit("one", base, files={"a.txt": "x\n1\n2\n"}, mark="one")
        two = made.commit("two", one, files={"a.txt": "x\n1\n"}, mark="two")
        words = f"This reverts commits {shas.get('two')} and {shas.get('one')}."
        made.commit(f"Back out\n\n{words}", two, files={"a.txt": "x\n"}, branch="main")

    section = read(_twice(tmp_path, tell))["unreleased"]
    assert (titles(section), section["accounting"]["cancelled"]) == ([], 3)


@pytest.mark.acceptance("CHG-B1")
def test_bitbucket_quotes_the_request_in_the_title(made: Builder, read: Read) -> None:
    """Its number is in the quoted words, and no sha anywhere."""
    base = made.commit("base")
    made.tag("v1.0", base)
    work = made.commit("Merged in f (pull request #12)\n\nAdd f\n\nApproved-by: X", base)
    made.commit('Merged in r (pull request #13)\n\nRevert "Add f (pull request #12)"', work, branch="main")
    section = read(made)["unreleased"]
    assert (titles(section), section["cancelled"]) == ([], [["bitbucket-12", "bitbucket-13"]])


@pytest.mark.acceptance("CHG-B1")
def test_a_revert_of_one_commit_of_a_request_is_not_said_to_have_no_target(tmp_path: Path, read: Read) -> None:
    """It takes back a part, so both are shown; what it names is in the history."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        base = made.commit("base")
        made.tag("v1.0", base)
        two = made.commit("two", made.commit("one", base), mark="two")
        merge = made.commit("Merge pull request #5 from x/y\n\nBoth", base, two)
        made.commit(f'Revert "two"\n\nThis reverts commit {shas.get("two")}.', merge, branch="main")

    document = read(_twice(tmp_path, tell))
    assert titles(document["unreleased"]) == ['Revert "two"', "Both"]
    assert document["diagnostics"] == []


@pytest.mark.acceptance("CHG-B1")
def test_a_revert_may_quote_the_subject_of_a_merge(made: Builder, read: Read) -> None:
    """The merge's entry has another title, and the number is in the quoted words."""
    base = made.commit("base")
    made.tag("v1.0", base)
    merge = made.commit("Merge pull request #5 from x/y\n\nAdd it", base, made.commit("work", base))
    back = made.commit("Back", merge)
    text = 'Merge pull request #6 from x/z\n\nRevert "Merge pull request #5 from x/y"'
    made.commit(text, merge, back, branch="main")
    assert read(made)["unreleased"]["cancelled"] == [["pr-5", "pr-6"]]


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize("both", [False, True])
def test_of_a_change_on_two_branches_a_revert_of_one_is_partial(tmp_path: Path, read: Read, both: bool) -> None:
    """Both are shown then; reverts of one title on the two branches are one, and take back the whole."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        base = made.commit("base", mark="base")
        tips = []
        for name in ("a", "b"):
            tips.append(made.commit("Fix it", base, mark=name))
            if name == "a" or both:
                words = f'Revert "Fix it"\n\nThis reverts commit {shas.get(name, "0" * 40)}.'
                tips[-1] = made.commit(words, tips[-1])
        made.commit("Merge branch 'b'", *tips, branch="main")

    section = read(_twice(tmp_path, tell))["unreleased"]
    assert titles(section) == (["base"] if both else ["Fix it", 'Revert "Fix it"', "base"])
    assert section["accounting"]["cancelled"] == (4 if both else 0)


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize(
    "words",
    [
        "Revert 'fix(io): read it'", "Revert “fix(io): read it” (#9)", 'Revert: "fix(io): read it"',
        'Back out "fix(io): read it"', 'Backed out "fix(io): read it"', 'Rollback of "fix(io): read it"',
        "revert: fix(io): read it", "revert(io)!: fix(io): read it (#9)", "revert: that\n\nRefs: SHA",
        "Revert SHA", "revert commit SHA (#9)", "Revert #8", "reverts PR #8 (#9)", "fix: revert PR 8",
        "Undo it\n\nReverts commit SHA.", "Revert the fix (#9)\n\nReverts owner/name#8",
        "Reverting it\n\nreverts PR #8.",
        "Undo it\n\nThis reverts pull request #8.",
    ],
)  # fmt: skip
def test_a_revert_names_its_target_in_many_words(tmp_path: Path, read: Read, words: str) -> None:
    """By its sha, its number or its whole title in quotes; by Conventional Commits also by a title with a type."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        fix = made.commit("fix(io): read it (#8)", made.commit("base"), mark="fix")
        made.commit(words.replace("SHA", shas.get("fix", "0" * 40)[:12]), fix, branch="main")

    document = read(_twice(tmp_path, tell))
    assert titles(document["unreleased"]) == ["base"]
    assert (len(document["unreleased"]["cancelled"]), document["diagnostics"]) == (1, [])


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize(
    "words",
    ["Revert README", "revert: README", "Revert to abc1234", "Revert deadbee", "revert: fix(io): what never was",
     "Revert #8 in part", "Better\n\nReverts #8", "Say it\n\nThis reverts PR #8 in part.",
     "Say it\n\nRefs: SHA", "Revert some of SHA"],
)  # fmt: skip
def test_what_only_speaks_of_reverting_takes_nothing_back(tmp_path: Path, read: Read, words: str) -> None:
    """Nor is it said to have no target."""

    def tell(made: Builder, shas: dict[str, str]) -> None:
        fix = made.commit("README (#8)", made.commit("base"), mark="fix")
        made.commit(words.replace("SHA", shas.get("fix", "0" * 40)[:12]), fix, branch="main")

    document = read(_twice(tmp_path, tell))
    assert titles(document["unreleased"])[1:] == ["README", "base"]
    assert document["diagnostics"] == []
