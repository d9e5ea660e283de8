"""Which commits are one change, what it is called, and what takes what back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from release_mgmt.core.changes import PullRequest, Step
from tests.integration.history.conftest import Read, by_version, titles
from tests.support.gitrepo import Builder, git


def _entry(section: dict[str, Any], title: str) -> dict[str, Any]:
    (entry,) = [entry for entry in section["entries"] if entry["title"] == title]
    return dict(entry)


def rebased(number: int, tip: str, *steps: tuple[str, str]) -> PullRequest:
    """A pull request as a forge tells it: its commits have other ids than in the line it was rebased on."""
    listed = tuple(Step(title, author) for title, author in steps)
    commits = tuple(f"{number:x}{place:039x}" for place in range(len(steps)))
    return PullRequest("github", number, f"PR {number}", "merged", merge_sha=tip, commits=commits, steps=listed)


@pytest.mark.acceptance("CHG-B3")
def test_a_rebase_is_found_by_the_titles_and_authors_of_its_commits(made: Builder, read: Read) -> None:
    """In either order of listing; merges and commits that the line had already are passed over."""
    base = made.commit("Update README", author="Bob <b@x>")
    one = made.commit("Add the loader", base, author="Ada <a@x>")
    two = made.commit("Use the loader", one, author="Cid <c@x>")
    three = made.commit("Tune it (#2)", two, author="Ada <a@x>")
    four = made.commit("Say so\nin two lines", three, author="Ada <a@x>")
    five = made.commit("Fix a typo", four, author="Ada <a@x>", branch="main")
    made.build()
    first = rebased(5, made.shas[two], ("Add the loader", "ada-l"), ("Merge branch 'main' into x", "ada-l"),
                    ("Use the loader", "Cid"), ("Dropped", "Cid"))  # fmt: skip
    on_top = rebased(4, made.shas[five], ("Fix a typo", "ada-l"), ("Say so in two lines", "ada-l"),
                     ("Tune it", "ada-l"), ("Use the loader", "Cid"), ("Add the loader", "ada-l"))  # fmt: skip
    section = read(made, pulls=(on_top, first))["unreleased"]
    assert [(entry["title"], len(entry["commits"])) for entry in section["entries"]] == [
        ("PR 4", 2), ("Tune it", 1), ("PR 5", 2), ("Update README", 1),
    ]  # fmt: skip


@pytest.mark.acceptance("CHG-B3")
def test_a_squash_without_a_number_takes_no_commit_of_others_with_it(made: Builder, read: Read) -> None:
    """Its own commits are not there; a neighbour with the same title is by another person."""
    base = made.commit("Update README", author="Bob <b@x>")
    squash = made.commit("Update README", base, author="Ada <a@x>", branch="main")
    made.build()
    pull = rebased(5, made.shas[squash], ("Update README", "ada"), ("Update README", "ada"))
    section = read(made, pulls=(pull,))["unreleased"]
    assert [(entry["title"], len(entry["commits"])) for entry in section["entries"]] == [
        ("PR 5", 1), ("Update README", 1),
    ]  # fmt: skip


@pytest.mark.acceptance("CHG-B3")
def test_merge_squash_rebase_and_direct_commits_are_one_entry_each(made: Builder, read: Read) -> None:
    """Merge and branch are one, a squash has its bullets, a rebase is one by the forge's word, a direct is alone."""
    base = made.commit("base")
    made.tag("v1.0", base)
    a1 = made.commit("wip a", base, author="Bea <b@x>")
    main = made.commit("direct", base)
    mixed = made.commit("Merge branch 'main' into a", a1, main)
    a2 = made.commit("more a", mixed, author="Cid <c@x>")
    merged = made.commit("Merge pull request #3 from org/a\n\nAdd feature A", main, a2)
    squash = made.commit(
        "Add feature B (#4)\n\n* first step\n\n* second step\n\nCo-authored-by: Dora <d@x>", merged, author="Eve <e@x>"
    )
    r1 = made.commit("step one", squash)
    r2 = made.commit("step two", r1, branch="main")
    made.build()
    pulls = (PullRequest("github", 5, "Feature C", "merged", merge_sha=made.shas[r2], commits=("a" * 40, "b" * 40)),)
    section = read(made, pulls=pulls)["unreleased"]
    assert titles(section) == ["Feature C", "Add feature B", "Add feature A", "direct"]
    c, b, a, direct = section["entries"]
    assert c["commits"] == [made.shas[r2], made.shas[r1]]
    assert (b["details"], b["authors"]) == (["first step", "second step"], ["Eve", "Dora"])
    assert a["commits"] == [made.shas[mark] for mark in (merged, a2, mixed, a1)]
    assert a["authors"] == ["Bea", "Cid"]
    assert [entry["pull_request"] for entry in (c, b, a, direct)] == [
        {"provider": "github", "number": 5},
        {"provider": "unknown", "number": 4},
        {"provider": "github", "number": 3},
        None,
    ]
    counts = section["accounting"]
    assert (counts["commits"], counts["shown"], counts["folded"]) == (8, 4, 4)


@pytest.mark.acceptance("CHG-B3")
def test_octopus_merges_and_nested_pull_requests(made: Builder, read: Read) -> None:
    """An octopus brings in all its branches; a pull request merged into another's branch is an entry of its own."""
    base = made.commit("base")
    one, two = made.commit("one", base), made.commit("two", base)
    octopus = made.commit("Merge pull request #1 from x/many\n\nMany", base, one, two)
    outer = made.commit("outer work", octopus)
    inner = made.commit("inner work", outer)
    joined = made.commit("Merge pull request #2 from x/inner\n\nInner", outer, inner)
    made.commit("Merge pull request #3 from x/outer\n\nOuter", octopus, joined, branch="main")
    entries = read(made)["unreleased"]["entries"]
    assert [(entry["title"], len(entry["commits"])) for entry in entries] == [
        ("Outer", 2), ("Inner", 2), ("Many", 3), ("base", 1),
    ]  # fmt: skip


@pytest.mark.acceptance("CHG-B4")
@pytest.mark.parametrize(
    ("message", "number", "provider", "title"),
    [
        ("Fix it (#12)", 12, "unknown", "Fix it"),
        ("Fix it (#11) (#12)", 12, "unknown", "Fix it (#11)"),
        ("Merged PR 7: Fix it", 7, "azure", "Fix it"),
        ("Merged in fix/it (pull request #8)\n\nFix it\n\nApproved-by: x", 8, "bitbucket", "Fix it"),
        (
            "Merge branch 'fix' into 'main'\n\nFix it\n\nSee merge request group/sub-group/project!9",
            9,
            "gitlab",
            "Fix it",
        ),
        ("Merge pull request #5 from a/b\n\nFix it", 5, "github", "Fix it"),
        ("Merge pull request #5 in P/repo from fix to main\n\nFix it", 5, "bitbucket_server", "Fix it"),
        ("Merge pull request 'Fix it' (#6) from a/b into main", 6, "gitea", "Fix it"),
        ("Fix #12 for good", None, None, "Fix #12 for good"),
        ("Fix it\n\nSee (#12) and #13, closes #14", None, None, "Fix it"),
        ("Fix it\n\nThis follows See merge request a/b!3 of old", None, None, "Fix it"),
        ("Undo Merge pull request #5 from a/b", None, None, "Undo Merge pull request #5 from a/b"),
        ("Fix (#12) it", None, None, "Fix (#12) it"),
        ('Revert "Fix it (#12)"', None, None, 'Revert "Fix it (#12)"'),
        ('Revert "Fix it (#12)" (#15)', 15, "unknown", 'Revert "Fix it (#12)"'),
    ],
)
def test_numbers_come_from_anchored_forms_only(
    made: Builder, read: Read, message: str, number: int | None, provider: str | None, title: str
) -> None:
    """Never from free text."""
    base = made.commit("base")
    side = made.commit("side", base)
    made.commit(message, *((base, side) if message.startswith("Merge") else (base,)), branch="main")
    entry = read(made)["unreleased"]["entries"][0]
    expected = None if number is None else {"provider": provider, "number": number}
    assert (entry["pull_request"], entry["title"]) == (expected, title)


@pytest.mark.acceptance("CHG-B7")
def test_of_two_forges_that_count_alike_the_own_one_is_believed(made: Builder, read: Read) -> None:
    """A repository that moved from one to the other has both their records, in whatever order they come."""
    made.commit("Fix it (#4)", branch="main")
    pulls = [PullRequest(forge, 4, f"By {forge}", "merged") for forge in ("gitea", "github", "unknown")]
    for forge in ("gitea", "github"):
        for given in (pulls, pulls[::-1]):
            (entry,) = read(made, pulls=tuple(given), forge=forge)["unreleased"]["entries"]
            assert entry["title"] == f"By {forge}"


@pytest.mark.acceptance("CHG-B4")
def test_a_repository_that_moved_keeps_the_numbers_of_both_forges_apart(made: Builder, read: Read) -> None:
    """!4 and #4 are two changes."""
    one = made.commit("one (#4)")
    side = made.commit("side", one)
    made.commit("Merge branch 'x' into 'main'\n\ntwo\n\nSee merge request g/p!4", one, side, branch="main")
    entries = read(made)["unreleased"]["entries"]
    assert [entry["id"] for entry in entries] == ["gitlab-4", "pr-4"]


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize("form", ["full", "short", "title", "squash", "number"])
def test_a_revert_in_the_same_window_cancels_its_target(tmp_path: Path, read: Read, form: str) -> None:
    """By full sha, short sha, quoted title, squash merge or number in the quoted title."""
    made = _reverted(tmp_path, form, between=False)
    sections = by_version(read(made))
    assert titles(sections["1.1"]) == ["other"]
    assert sections["1.1"]["accounting"]["cancelled"] == 2
    assert len(sections["1.1"]["cancelled"]) == 1


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize("form", ["full", "short", "title", "squash", "number"])
def test_a_revert_of_something_shipped_is_shown_and_linked(tmp_path: Path, read: Read, form: str) -> None:
    """Under "Reverted", with the id of what it takes back."""
    made = _reverted(tmp_path, form, between=True)
    sections = by_version(read(made))
    (target,) = sections["1.0.5"]["entries"]
    entry = _entry(sections["1.1"], "Reverted: Bad idea")
    assert (entry["reverts"], entry["kind"]) == (target["id"], "revert")


def _reverted(folder: Path, form: str, *, between: bool) -> Builder:
    sha = ""
    for attempt in range(2):
        made = Builder(folder / f"{attempt}.git")
        base = made.commit("base")
        made.tag("v1.0", base)
        bad = made.commit("Bad idea (#7)" if form in {"number", "squash"} else "Bad idea", base)
        if between:
            made.tag("v1.0.5", bad)
        other = made.commit("other", bad)
        message = {
            "full": f'Revert "Bad idea"\n\nThis reverts commit {sha}.',
            "short": f"Take it back\n\nThis reverts commit {sha[:8]}.",
            "title": 'Revert "Bad idea"',
            "squash": f'Revert "Bad idea (#7)" (#8)\n\nReverts org/repo#7\n\nThis reverts commit {sha}.',
            "number": 'Revert "Worded otherwise (#7)" (#9)',
        }[form]
        made.tag("v1.1", made.commit(message, other, branch="main"))
        made.build()
        sha = made.shas[bad]
    return made


@pytest.mark.acceptance("CHG-B1")
def test_a_revert_of_a_merge_takes_all_of_it_back(tmp_path: Path, read: Read) -> None:
    """The branch commits count as cancelled too; the second sha of git's sentence is no target."""
    sha = ""
    for attempt in range(2):
        made = Builder(tmp_path / f"{attempt}.git")
        base = made.commit("base")
        made.tag("v1.0", base)
        b1 = made.commit("b1", base)
        b2 = made.commit("b2", b1)
        merge = made.commit("Merge pull request #2 from x/b\n\nBad", base, b2)
        words = f"This reverts commit {sha}, reversing\nchanges made to {'0' * 40}."
        text = f'Revert "Merge pull request #2 from x/b"\n\n{words}'
        made.commit(text, merge, branch="main")
        made.build()
        sha = made.shas[merge]
    section = read(made)["unreleased"]
    assert (titles(section), section["accounting"]["cancelled"], section["accounting"]["commits"]) == ([], 4, 4)


@pytest.mark.acceptance("CHG-B2")
@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("form", ["nested", "reapply", "sha"])
@pytest.mark.parametrize("shipped", [False, True])
def test_chains_of_reverts_leave_the_change_present_or_absent(
    tmp_path: Path, read: Read, count: int, form: str, shipped: bool
) -> None:
    """An odd number takes it away, an even one leaves it once; of a shipped change one entry or none is left."""
    shas: list[str] = []
    for attempt in range(count + 1):
        made = Builder(tmp_path / f"{attempt}.git")
        at = made.commit("base")
        made.tag("v1.0", at)
        at = made.commit("Bad idea", at)
        marks = [at]
        if shipped:
            made.tag("v1.0.1", at)
        title = "Bad idea"
        for step in range(count):
            again = form == "reapply" and step % 2 == 1
            title = 'Reapply "Bad idea"' if again else f'Revert "{title if form != "reapply" else "Bad idea"}"'
            body = f"\n\nThis reverts commit {shas[step]}." if form == "sha" and step < len(shas) else ""
            at = made.commit((f"Step {step}" if form == "sha" else title) + body, at)
            marks.append(at)
        made.tag("v1.1", made.commit("other", at, branch="main"))
        made.build()
        shas = [made.shas[mark] for mark in marks]
        if form != "sha":
            break
    section = by_version(read(made))["1.1"]
    left = [title for title in titles(section) if title != "other"]
    if shipped:
        assert left == (["Reverted: Bad idea"] if count % 2 else [])
    else:
        assert left == ([] if count % 2 else ["Bad idea"])


@pytest.mark.acceptance("CHG-B2")
def test_a_reapply_in_a_later_release_counts(made: Builder, read: Read) -> None:
    """Shipped, taken back, put back: three releases, each says so."""
    at = made.commit("Good idea")
    made.tag("v1.0", at)
    at = made.commit('Revert "Good idea"', at)
    made.tag("v1.1", at)
    at = made.commit('Reapply "Good idea"', at, branch="main")
    made.tag("v1.2", at)
    sections = by_version(read(made))
    assert [titles(sections[version]) for version in ("1.0", "1.1", "1.2")] == [
        ["Good idea"], ["Reverted: Good idea"], ["Reapplied: Good idea"],
    ]  # fmt: skip
    assert sections["1.2"]["entries"][0]["reverts"] == sections["1.1"]["entries"][0]["id"]


@pytest.mark.acceptance("CHG-B1")
def test_several_partial_and_unknown_targets(tmp_path: Path, read: Read) -> None:
    """One that names several cancels each; a partial one shows both; an unknown one is an entry with a diagnostic."""
    shas: dict[str, str] = {}
    for attempt in range(2):
        made = Builder(tmp_path / f"{attempt}.git")
        base = made.commit("base")
        made.tag("v1.0", base)
        one = made.commit("one", base)
        two = made.commit("two", one)
        p1 = made.commit("part one", two)
        p2 = made.commit("part two", p1)
        merge = made.commit("Merge pull request #6 from x/y\n\nBig", two, p2)
        kept = made.commit("kept", merge)
        names = {mark: shas.get(mark, "0" * 40) for mark in (one, two, p2, kept)}
        back = made.commit(f"Back out\n\nThis reverts commits {names[one]} and {names[two][:10]}.", kept)
        part = made.commit(f"Half of it\n\nThis reverts commit {names[p2]}.", back)
        some = made.commit(f"Some\n\nThis partially reverts commit {names[kept]}.", part)
        made.commit(f"Mystery\n\nThis reverts commit {'f' * 40}.", some, branch="main")
        made.build()
        shas = made.shas
    document = read(made)
    assert titles(document["unreleased"]) == ["Mystery", "Some", "Half of it", "kept", "Big"]
    assert document["unreleased"]["accounting"]["cancelled"] == 3
    assert len(document["unreleased"]["cancelled"]) == 2
    assert all(entry["reverts"] is None for entry in document["unreleased"]["entries"])
    assert len([line for line in document["diagnostics"] if "Mystery" in line]) == 1


def _two_lines(folder: Path, pick: dict[str, Any], original: dict[str, Any], *, rounds: int = 2) -> Builder:
    """A change on main (v2.0) and its pick on a maintenance line (v1.0.1)."""
    sha = ""
    for attempt in range(rounds):
        made = Builder(folder / f"{attempt}.git")
        base = made.commit("base", files={"f.txt": "1\n2\n3\n4\n5\n6\n7\n8\n9\n"})
        made.tag("v1.0", base)
        ahead = made.commit("ahead", base)
        main = made.commit(
            original["message"], ahead,
            files=original.get("files", {"f.txt": "1\n2\n3\n4\n5\n6\n7\n8\nX\n"}),
        )  # fmt: skip
        made.tag("v2.0", main)
        made.branch("main", main)
        message = pick["message"].replace("SHA", sha or "0" * 40)
        side = made.commit(message, base, files=pick.get("files", {"f.txt": "1\n2\n3\n4\n5\n6\n7\n8\nX\n"}),
                           author=pick.get("author", "Ann Author <ann@example.org>"))  # fmt: skip
        made.tag("v1.0.1", side)
        made.build()
        sha = made.shas[main]
    return made


OTHER_PATCH = {"f.txt": "0\n2\n3\n4\n5\n6\n7\n8\n9\n", "g.txt": "g\n"}


@pytest.mark.acceptance("CHG-B5")
@pytest.mark.parametrize(
    ("original", "pick"),
    [
        ({"message": "Fix it (#5)"}, {"message": "Worded otherwise (#5)", "files": OTHER_PATCH, "author": "Bob <b@x>"}),
        ({"message": "Fix it"}, {"message": "Else\n\n(cherry picked from commit SHA)", "files": OTHER_PATCH,
                                 "author": "Bob <b@x>"}),
        ({"message": "Fix it"}, {"message": "Worded otherwise", "author": "Bob <b@x>"}),
        ({"message": "Fix it"}, {"message": "Fix it", "files": OTHER_PATCH}),
        ({"message": "Fix it (#5)"}, {"message": "Fix it (#5) (#9)", "files": OTHER_PATCH, "author": "Bob <b@x>"}),
    ],
    ids=["number", "trailer", "patch", "title and author", "number before the last"],
)  # fmt: skip
def test_backports_are_joined(tmp_path: Path, read: Read, original: dict[str, Any], pick: dict[str, Any]) -> None:
    """They stay in both sections, each naming the other's version, with one id."""
    sections = by_version(read(_two_lines(tmp_path, pick, original)))
    on_main = next(entry for entry in sections["2.0"]["entries"] if entry["title"] != "ahead")
    (picked,) = sections["1.0.1"]["entries"]
    assert (on_main["also_in"], picked["also_in"]) == (["1.0.1"], ["2.0"])
    assert on_main["id"] == picked["id"]


@pytest.mark.acceptance("CHG-B5")
def test_same_title_by_another_author_with_another_patch_is_another_change(tmp_path: Path, read: Read) -> None:
    """The false-join guard; an empty patch joins nothing either."""
    pick = {"message": "Fix it", "files": OTHER_PATCH, "author": "Bob <b@x>"}
    sections = by_version(read(_two_lines(tmp_path / "1", pick, {"message": "Fix it"})))
    assert sections["1.0.1"]["entries"][0]["also_in"] == []
    assert sections["1.0.1"]["entries"][0]["id"] != sections["2.0"]["entries"][0]["id"]
    nothing: dict[str, Any] = {"files": {}}
    empty = _two_lines(tmp_path / "2", {"message": "Empty b", **nothing}, {"message": "Empty a", **nothing})
    assert by_version(read(empty))["1.0.1"]["entries"][0]["also_in"] == []


@pytest.mark.acceptance("CHG-B5")
def test_nothing_is_joined_along_one_line(made: Builder, read: Read) -> None:
    """The same title twice, and one number in two releases, are listed in both without a link."""
    at = made.commit("start")
    for version, title in (
        ("v1.1", "Update README"),
        ("v1.2", "Update README"),
        ("v1.3", "part (#8)"),
        ("v1.4", "part (#8)"),
    ):
        at = made.commit(title, at)
        made.tag(version, at)
    made.branch("main", at)
    sections = by_version(read(made))
    entries = [sections[version]["entries"][0] for version in ("1.1", "1.2", "1.3", "1.4")]
    assert all(entry["also_in"] == [] for entry in entries)
    assert entries[0]["id"] != entries[1]["id"]


@pytest.mark.acceptance("CHG-B5")
def test_a_repeated_title_is_joined_one_to_one(made: Builder, read: Read) -> None:
    """Two "Update README" on main and one on a maintenance line: only the first of main is its twin."""
    base = made.commit("base")
    made.tag("v1.0", base)
    one = made.commit("Update README", base)
    made.tag("v2.0", one)
    two = made.commit("Update README", one, branch="main")
    made.tag("v2.1", two)
    made.tag("v1.0.1", made.commit("Update README", base))
    sections = by_version(read(made))
    assert [sections[v]["entries"][0]["also_in"] for v in ("1.0.1", "2.0", "2.1")] == [["2.0"], ["1.0.1"], []]


@pytest.mark.acceptance("CHG-B7")
def test_pull_requests_that_were_not_merged_never_show_and_later_words_fill_the_entry(
    made: Builder, read: Read
) -> None:
    """Open and closed ones change nothing; a merged one brings its title, with the same id, again and again."""
    base = made.commit("base")
    made.commit("Terse (#5)", base, branch="main")
    made.build()
    before = read(made)
    noise = (
        PullRequest("github", 5, "Not yet", "open"),
        PullRequest("github", 6, "Never", "closed", merge_sha=made.shas[base]),
        PullRequest("github", 7, "Elsewhere", "merged", merge_sha="e" * 40),
    )
    assert read(made, pulls=noise) == before
    told = (PullRequest("github", 5, "Told at length", "merged"), *noise[1:])
    after = read(made, pulls=told)
    assert titles(after["unreleased"]) == ["Told at length", "base"]
    assert [e["id"] for e in after["unreleased"]["entries"]] == [e["id"] for e in before["unreleased"]["entries"]]
    assert read(made, pulls=told) == after


@pytest.mark.acceptance("CHG-B6")
def test_nothing_is_lost_whatever_people_write(made: Builder, read: Read) -> None:
    """Empty messages, odd merges and unconventional subjects are all counted and shown."""
    at = made.commit("base")
    made.tag("v1.0", at)
    for message in (
        "",
        "wip",
        "feat: x",
        "Merge",
        "🚀",
        "x" * 5000,
        "(#)",
        "Revert",
        'Revert ""',
        "Merge pull request #",
    ):
        at = made.commit(message, at)
    made.branch("main", at)
    section = read(made)["unreleased"]
    assert section["accounting"] == {
        "commits": 10, "shown": 10, "folded": 0, "cancelled": 0, "already_shipped": 0, "excluded": 0,
    }  # fmt: skip


@pytest.mark.acceptance("CHG-D10")
def test_people_are_named_once_and_newcomers_by_reachability(made: Builder, read: Read) -> None:
    """Mailmap and co-authors count, bots do not; who wrote on another line only is new here."""
    base = made.commit("base", files={".mailmap": "Ann Author <ann@example.org> <old@x>\nZoe <zoe@x> <z@x>\n"})
    made.tag("v1.0", base)
    side = made.commit("side", base, author="Sid <s@x>", when=1)
    made.tag("v1.0.1", side)
    one = made.commit("one", base, author="nn <old@x>")
    two = made.commit("two (#3)\n\nCo-authored-by: zz <zoe@x>\nCo-authored-by: Bot <x@y>", one, author="z <z@x>")
    three = made.commit("bump", two, author="dependabot[bot] <d@x>")
    three = made.commit("lint", three, author="acme-core-bot <core@x>")
    made.tag("v2.0", made.commit("four", three, author="Sid <s@x>", branch="main"))
    section = by_version(read(made))["2.0"]
    assert [entry["authors"] for entry in section["entries"]] == [["Sid"], [], [], ["Zoe", "Bot"], ["Ann Author"]]
    assert section["first_time_contributors"] == ["Bot", "Sid", "Zoe"]


@pytest.mark.acceptance("CHG-B6")
def test_a_branch_commit_released_before_its_merge_stands_alone_there(made: Builder, read: Read) -> None:
    """A tag on the branch: there it is a direct change; the pull request's entry in the later release has the rest."""
    base = made.commit("base")
    early = made.commit("early", base)
    made.tag("v1.0", early)
    late = made.commit("late", early)
    made.tag("v1.1", made.commit("Merge pull request #2 from x/y\n\nAll of it", base, late, branch="main"))
    sections = by_version(read(made))
    assert sections["1.0"]["entries"][0]["pull_request"] is None
    assert [(e["title"], len(e["commits"])) for e in sections["1.1"]["entries"]] == [("All of it", 2)]


@pytest.mark.acceptance("CHG-B1")
@pytest.mark.parametrize(("left", "shown"), [("b.txt", ['Revert "Two files"', "Two files"]), (None, [])])
def test_a_revert_that_leaves_a_file_as_it_is_shows_both(
    tmp_path: Path, read: Read, left: str | None, shown: list[str]
) -> None:
    """Whatever its message says: what it does not take back is still there."""
    made = Builder(tmp_path / "part.git")
    base = made.commit("base", files={"a.txt": "1\n", "b.txt": "1\n"})
    made.tag("v1.0", base)
    two = made.commit("Two files", base, files={"a.txt": "2\n", "b.txt": "2\n"})
    back = {name: "1\n" for name in ("a.txt", "b.txt") if name != left}
    made.commit('Revert "Two files"', two, files=dict(back), branch="main")
    assert titles(read(made)["unreleased"]) == shown


@pytest.mark.acceptance("CHG-B5")
def test_a_trailer_that_names_an_ancestor_joins_nothing(tmp_path: Path, read: Read) -> None:
    """Picked onto itself after it was shipped: a change of its own."""
    sha = "0" * 40
    for attempt in range(2):
        made = Builder(tmp_path / f"{attempt}.git")
        one = made.commit("Fix it")
        made.tag("v1.1", one)
        made.tag("v1.2", made.commit(f"Again\n\n(cherry picked from commit {sha})", one, branch="main"))
        made.build()
        sha = made.shas[one]
    sections = by_version(read(made))
    assert [sections[version]["entries"][0]["also_in"] for version in ("1.1", "1.2")] == [[], []]


@pytest.mark.acceptance("CHG-B6")
def test_a_merge_with_content_of_its_own_is_an_entry(made: Builder, read: Read) -> None:
    """Whether it rewrote a line, put a file in or took one away; a merge that only joined two sides is folded."""
    text = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"
    base = made.commit("base", files={"a.txt": text, "b.txt": "b\n", "moved.txt": "old\n"})
    made.tag("v1.0", base)
    tip = base
    expected = ["base"]
    for number, (ours, extra, own) in enumerate((
        ("ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n", {}, False),
        ("ONE\ntwo\nthree, by the merge\nfour\nfive\nsix\nSEVEN\n", {}, True),
        ("ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n", {"new.txt": "put in\n"}, True),
        ("ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n", {"b.txt": None}, True),
        ("ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n", {"deep/er/moved.txt": "old\n", "moved.txt": None}, False),
    )):  # fmt: skip
        left = made.commit(f"left {number}", tip, files={"a.txt": text.replace("one", "ONE"), "b.txt": "b\n",
                                                         "new.txt": None})  # fmt: skip
        files = {"deep/er/moved.txt": "old\n", "moved.txt": None} if number == 4 else {}
        right = made.commit(f"right {number}", tip, files={"a.txt": text.replace("seven", "SEVEN"), **files})
        tip = made.commit(f"Merge branch 'b{number}'", left, right, files={"a.txt": ours, **extra})
        expected += [f"left {number}", f"right {number}", *([f"Merge branch 'b{number}'"] if own else [])]
    made.tag("v1.1", tip)
    made.branch("main", tip)
    section = by_version(read(made))["1.1"]
    assert sorted(titles(section)) == sorted(expected[1:])
    assert (section["accounting"]["folded"], section["accounting"]["commits"]) == (2, 15)
    merges = [entry for entry in section["entries"] if entry["title"].startswith("Merge")]
    assert len({entry["id"] for entry in merges}) == 3
    assert all(entry["pull_request"] is None for entry in merges)


@pytest.mark.acceptance("CHG-B5")
@pytest.mark.acceptance("CHG-D10")
def test_co_authors_get_the_names_of_the_mailmap_as_authors_do(made: Builder, read: Read) -> None:
    """Also those who committed nothing, as `git check-mailmap` names them; of several names the fullest."""
    lines = (
        "Dee Proper <dee@x>\nEve Proper <eve@new> <eve@old>\n<fay@new> <fay@old>\nGus Proper <gus@x> guss <team@x>\n"
    )
    base = made.commit("base", files={".mailmap": lines}, author="F <fay@new>")
    named = made.commit("more", base, author="Fay Full <fay@new>")
    signed = ["d <DEE@x>", "e <eve@old>", "f <fay@old>", "Guss <team@x>", "Hal <team@x>", "Ida <ida@x>"]
    body = "\n".join(f"Co-authored-by: {who}" for who in signed)
    tip = made.commit(f"Together\n\n{body}", named)
    made.branch("main", tip)
    entry = next(one for one in read(made)["unreleased"]["entries"] if one["title"] == "Together")
    assert entry["authors"] == ["Ann Author", "Dee Proper", "Eve Proper", "Fay Full", "Gus Proper", "Hal", "Ida"]
    said = git(
        made.path, "-c", "mailmap.blob=main:.mailmap", "check-mailmap", "--stdin", feed="\n".join(signed).encode()
    )
    proper = [line.partition(" <")[0] for line in said.splitlines()]
    assert [name for name in proper if name != "f"] == ["Dee Proper", "Eve Proper", "Gus Proper", "Hal", "Ida"]


@pytest.mark.acceptance("CHG-D10")
def test_one_address_is_one_co_author_and_no_address_is_nobody_in_particular(made: Builder, read: Read) -> None:
    """Whose name is written in two cases is named once; without an address everybody is who they say."""
    signed = ("Dora <dora@x>", "dora <DORA@x>", "Eve <>", "Fay <>")
    one = made.commit("one", author="Nobody <>")
    made.commit("two\n\n" + "\n".join(f"Co-authored-by: {who}" for who in signed), one, branch="main")
    assert read(made)["unreleased"]["entries"][0]["authors"] == ["Ann Author", "Dora", "Eve", "Fay"]


@pytest.mark.acceptance("CHG-B6")
def test_one_title_by_one_person_on_two_branches_of_one_release_is_one_entry(made: Builder, read: Read) -> None:
    """Both commits are in it: an id never stands twice in a section, and nothing of it is lost."""
    base = made.commit("base")
    one = made.commit("Fix it", base)
    two = made.commit("Fix it", base)
    other = made.commit("Fix it", base, author="Bob <b@x>")
    merge = made.commit("Merge branch 'two'", one, two)
    merge = made.commit("Merge branch 'other'", merge, other)
    last = made.commit("Fix it", merge, branch="main")
    made.build()
    section = read(made)["unreleased"]
    found = {entry["id"]: [made.shas[mark] for mark in (last, other, two, one) if made.shas[mark] in entry["commits"]]
             for entry in section["entries"] if entry["title"] == "Fix it"}  # fmt: skip
    assert [*found.values()] == [[made.shas[last]], [made.shas[other]], [made.shas[two], made.shas[one]]]
    assert section["accounting"] == {
        "commits": 7, "shown": 4, "folded": 3, "cancelled": 0, "already_shipped": 0, "excluded": 0,
    }  # fmt: skip
