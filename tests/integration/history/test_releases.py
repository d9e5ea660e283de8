"""Which release holds which commit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from release_mgmt.core.history import Graph, TagAt, assign
from release_mgmt.core.versions import name_tags
from release_mgmt.services import history
from tests.integration.history.conftest import Read, by_version, titles
from tests.support.gitrepo import Builder, git


def _random_graph(seed: int) -> tuple[dict[str, tuple[str, ...]], dict[str, str], str]:
    """Commits with up to three parents, tags anywhere, and a head: sha -> parents, tag -> sha."""
    chance = random.Random(seed)
    shas = [f"{n:040x}" for n in range(chance.randint(1, 60))]
    chance.shuffle(shas)
    parents: dict[str, tuple[str, ...]] = {}
    for at, sha in enumerate(shas):
        count = 0 if at == 0 or chance.random() < 0.03 else chance.choices([1, 2, 3], [8, 4, 1])[0]
        recent = shas[max(0, at - chance.choice([2, 5, 50])) : at]
        parents[sha] = tuple(chance.sample(recent, min(count, len(recent))))
    tags = {}
    for number in range(chance.randint(0, 12)):
        tags[f"v{chance.randint(0, 2)}.{number}"] = chance.choice(shas)
    return parents, tags, chance.choice(shas)


def _contained(parents: dict[str, tuple[str, ...]], sha: str) -> set[str]:
    seen: set[str] = set()
    ahead = [sha]
    while ahead:
        one = ahead.pop()
        if one not in seen:
            seen.add(one)
            ahead.extend(parents[one])
    return seen


def _expected(
    parents: dict[str, tuple[str, ...]], tags: dict[str, str], head: str
) -> tuple[dict[str, set[str]], dict[str, str | None], dict[str, int], set[str]]:
    """By the definition, with sets: lowest version first among those whose tagged ancestors all went before."""
    sets = {tag: _contained(parents, sha) for tag, sha in tags.items()}
    key = {tag: tuple(int(part) for part in tag[1:].split(".")) for tag in tags}

    def before(one: str, other: str) -> bool:
        if tags[one] == tags[other]:
            return key[one] < key[other]
        return tags[one] in sets[other]

    left, order = set(tags), []
    while left:
        free = [tag for tag in left if not any(before(other, tag) for other in left if other != tag)]
        order.append(min(free, key=lambda tag: key[tag]))
        left.discard(order[-1])
    owned: dict[str, set[str]] = {}
    taken: set[str] = set()
    previous: dict[str, str | None] = {}
    sizes: dict[str, int] = {}
    for at, tag in enumerate(order):
        owned[tag] = sets[tag] - taken
        taken |= sets[tag]
        ancestors = [other for other in order[:at] if before(other, tag)]
        previous[tag] = ancestors[-1] if ancestors else None
        sizes[tag] = len(sets[tag] - (sets[ancestors[-1]] if ancestors else set()))
    return owned, previous, sizes, _contained(parents, head) - taken


@pytest.mark.acceptance("CHG-A1")
@pytest.mark.acceptance("CHG-A4")
@pytest.mark.acceptance("CHG-B6")
def test_500_random_histories_agree_with_sets_over_the_parents() -> None:
    """Owner of every commit, previous release, size of the range and what is unreleased: no difference in 500."""
    for seed in range(500):
        parents, tags, head = _random_graph(seed)
        owned, previous, sizes, unreleased = _expected(parents, tags, head)
        named, _ = name_tags(sorted(tags), "project")
        named.sort(key=lambda one: one.version.key)
        graph = Graph(parents, [tags[one.tag] for one in named], head)
        found = assign(graph, [TagAt(one, graph.number[tags[one.tag]]) for one in named])
        for release in found.order:
            before = None if release.previous is None else found.order[release.previous].tag
            assert {graph.shas[commit] for commit in release.commits} == owned[release.tag], seed
            assert (before, release.range_size) == (previous[release.tag], sizes[release.tag]), seed
        assert {graph.shas[commit] for commit in found.unreleased} == unreleased, seed
        assert len(found.order) == len(tags)


@pytest.mark.acceptance("CHG-A1")
def test_the_numbering_puts_parents_first_and_agrees_on_ancestry() -> None:
    """For 100 random graphs: order, ``contains`` and ``difference`` equal plain sets."""
    for seed in range(100):
        parents, _, head = _random_graph(seed)
        graph = Graph(parents, sorted(parents), head)
        sets = {sha: _contained(parents, sha) for sha in parents}
        chance = random.Random(seed)
        for _ in range(40):
            one, other = chance.choice(graph.shas), chance.choice(graph.shas)
            later, earlier = graph.number[one], graph.number[other]
            assert graph.contains(later, earlier) == (other in sets[one])
            assert {graph.shas[n] for n in graph.difference(later, earlier)} == sets[one] - sets[other]
        assert all(parent < commit for commit, above in enumerate(graph.parents) for parent in above)
        assert graph.sizes(range(len(graph))) == {n: len(sets[sha]) for n, sha in enumerate(graph.shas)}


@pytest.mark.acceptance("CHG-A1")
def test_a_tag_on_a_side_branch_takes_only_what_it_contains(made: Builder, read: Read) -> None:
    """A main commit made while the release branch was open belongs to the next release, not to the branch's."""
    first = made.commit("first")
    made.tag("v1.0", first)
    branch = made.commit("on the branch", first)
    main = made.commit("on main meanwhile", first)
    fix = made.commit("hotfix", branch)
    made.tag("v1.0.1", fix)
    back = made.commit("Merge branch 'release'", main, fix)
    last = made.commit("last", back, branch="main")
    made.tag("v1.1", last)
    sections = by_version(read(made))
    assert titles(sections["1.0.1"]) == ["hotfix", "on the branch"]
    assert titles(sections["1.1"]) == ["last", "on main meanwhile"]
    assert sections["1.1"]["previous"]["version"] == "1.0.1"
    assert sections["1.1"]["accounting"]["folded"] == 1


@pytest.mark.acceptance("CHG-A3")
def test_a_maintenance_line_and_main_do_not_mix(made: Builder, read: Read) -> None:
    """v1.1.2 holds v1.1.1..v1.1.2 only; what is unreleased on main is compared with main's own last release."""
    base = made.commit("base")
    made.tag("v1.1.1", base)
    two = made.commit("two", base)
    made.tag("v2.0", two)
    made.commit("next", two, branch="main")
    fix = made.commit("fix", base, branch="1.1.x")
    made.tag("v1.1.2", fix)
    made.tag("v9.0", made.commit("far ahead elsewhere", base))
    document = read(made)
    sections = by_version(document)
    assert titles(sections["1.1.2"]) == ["fix"]
    assert sections["1.1.2"]["range"] == f"{made.shas[base]}..{made.shas[fix]}"
    assert document["unreleased"]["previous"] == {"version": "2.0", "sha": made.shas[two]}
    assert titles(document["unreleased"]) == ["next"]
    ancestors = read(made, end="main")
    assert [section["version"] for section in ancestors["releases"]] == ["2.0", "1.1.1"]


@pytest.mark.acceptance("CHG-A4")
def test_the_previous_release_can_be_chosen(made: Builder, read: Read) -> None:
    """``--from`` compares with any release, also one of another line, and the range is a set difference."""
    base = made.commit("base")
    made.tag("v1.0", base)
    one = made.commit("one", base)
    made.tag("v1.1", one)
    side = made.commit("side", base)
    made.tag("v1.0.1", side)
    two = made.commit("two", one, branch="main")
    made.tag("v1.2", two)
    document = read(made, start="v1.0", end="v1.2", every=False)
    (section,) = document["releases"]
    assert (section["version"], section["previous"]["version"]) == ("1.2", "1.0")
    assert titles(section) == ["two", "one"]
    assert section["accounting"]["already_shipped"] == 0
    (section,) = read(made, start="v1.0.1", end="v1.2", every=False)["releases"]
    assert (section["previous"]["sha"], titles(section)) == (made.shas[side], ["two", "one"])
    assert read(made, start=made.shas[one], every=False)["unreleased"]["range"].startswith(made.shas[one])
    (newest,) = read(made, every=False)["releases"]
    assert newest["version"] == "1.2"


@pytest.mark.acceptance("CHG-A4")
def test_two_tags_on_one_commit_are_both_named(made: Builder, read: Read) -> None:
    """Equal versions are one release; packages each have their own, and the prefix picks it."""
    first = made.commit("first")
    second = made.commit("second", first, branch="main")
    for package in ("alpha", "beta"):
        made.tag(f"{package}-1.0", first)
        made.tag(f"{package}-1.1", second)
    made.tag("v3.0", second)
    made.tag("3.0.0", second)
    document = read(made)
    assert [(s["package"], s["version"]) for s in document["releases"]] == [
        (None, "3.0.0"), ("alpha", "1.1"), ("alpha", "1.0"), ("beta", "1.1"), ("beta", "1.0"),
    ]  # fmt: skip
    assert all(set(s["tags"]) == {"alpha-1.1", "beta-1.1", "v3.0", "3.0.0"} for s in document["releases"][:2])
    alpha = read(made, package="alpha")
    assert [(s["version"], s["previous"] and s["previous"]["version"]) for s in alpha["releases"]] == [
        ("1.1", "1.0"), ("1.0", None),
    ]  # fmt: skip
    assert titles(alpha["releases"][0]) == ["second"]


@pytest.mark.acceptance("CHG-A4")
def test_of_very_many_tags_on_one_commit_each_release_names_its_own(
    made: Builder, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is told would grow with their square; those of other commits are named as ever."""
    monkeypatch.setattr(history, "TAGS_LIMIT", 2)
    one = made.commit("One")
    two = made.commit("Two", one, branch="main")
    for name, at in (("v1.0", one), ("x", one), ("v1.1", two), ("v1.2", two), ("y", two)):
        made.tag(name, at)
    document = read(made)
    tags = {version: section["tags"] for version, section in by_version(document).items()}
    assert tags == {"1.0": ["v1.0", "x"], "1.1": ["v1.1"], "1.2": ["v1.2"], None: []}
    assert (
        f"3 tags are on the commit {made.shas[two]}: each of its releases names its own alone"
        in (document["diagnostics"])
    )


@pytest.mark.acceptance("CHG-A4")
def test_one_version_on_two_commits_is_two_releases_each_called_by_its_tag(made: Builder, read: Read) -> None:
    """No two releases of a package share a name, or readers and addresses could not tell them apart."""
    first = made.commit("first")
    second = made.commit("second", first)
    third = made.commit("third", second, branch="main")
    made.tag("v0.6.0", first)
    made.tag("0.6.0", second)
    made.tag("v0.7.0", third)
    document = read(made)
    named = [(one["version"], one["tag"], (one["previous"] or {}).get("version")) for one in document["releases"]]
    assert named == [("0.7.0", "v0.7.0", "0.6.0"), ("0.6.0", "0.6.0", "v0.6.0"), ("v0.6.0", "v0.6.0", None)]
    (told,) = document["diagnostics"]
    assert told == "tags '0.6.0' and 'v0.6.0' name the same version on different commits: each counts as a release"


def _shuffled(path: Path, seed: int) -> Builder:
    """The same history with other dates: with seed 0 in order, else at random."""
    chance = random.Random(seed)
    made = Builder(path)
    times = list(range(1_500_000_000, 1_500_000_000 + 60 * 20, 60))
    if seed:
        chance.shuffle(times)
    commits: dict[str, str] = {}

    def commit(title: str, *parents: str, **more: Any) -> str:
        commits[title] = made.commit(title, *[commits[p] for p in parents], when=times[len(commits)], **more)
        return commits[title]

    commit("one")
    commit("two", "one")
    commit("feature a", "two", author="Bea <b@x>")
    commit("feature b", "feature a", author="Bea <b@x>")
    commit("meanwhile", "two")
    commit("Merge pull request #4 from x/y\n\nA feature", "meanwhile", "feature b")
    commit("fix it", "two", author="Cid <c@x>")
    commit("fix it (#9)", "Merge pull request #4 from x/y\n\nA feature", author="Cid <c@x>")
    commit('Revert "one"', "fix it (#9)", branch="main")
    made.tag("v1.0", commits["two"])
    made.tag("v1.0.1", commits["fix it"])
    made.tag("v1.1", commits["fix it (#9)"])
    made.build()
    return made


@pytest.mark.acceptance("CHG-A2")
def test_dates_do_not_matter(tmp_path: Path, read: Read) -> None:
    """Shuffled times give the same document, ids included, but for dates and shas."""

    def plain(made: Builder) -> Any:
        marks = {sha: mark for mark, sha in made.shas.items()}

        def renamed(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: renamed(item) for key, item in value.items() if key != "date"}
            if isinstance(value, list):
                return [renamed(item) for item in value]
            if isinstance(value, str):
                for sha, mark in marks.items():
                    value = value.replace(sha, mark)
            return value

        return renamed(read(made))

    first = plain(_shuffled(tmp_path / "0.git", 0))
    assert len(first["releases"]) == 3
    for seed in range(1, 8):
        assert plain(_shuffled(tmp_path / f"{seed}.git", seed)) == first


@pytest.mark.acceptance("CHG-A1")
def test_skewed_clocks_do_not_change_the_range(made: Builder, read: Read) -> None:
    """A parent younger than its child by days: the range is still the true difference."""
    base = made.commit("base", when=2_000_000_000)
    old = made.commit("old", base, when=1_000_000_000)
    made.tag("v1.0", made.commit("one", old, when=1_100_000_000))
    side = made.commit("side", old, when=1_900_000_000)
    made.tag("v1.1", made.commit("two", side, when=1_000_000_500, branch="main"))
    sections = by_version(read(made))
    assert titles(sections["1.1"]) == ["two", "side"]
    assert titles(sections["1.0"]) == ["one", "old", "base"]
    assert sections["1.1"]["accounting"]["already_shipped"] == 2


@pytest.mark.acceptance("CHG-A1")
def test_a_lower_version_above_a_higher_one_keeps_the_order_of_the_graph(made: Builder, read: Read) -> None:
    """And a diagnostic says so."""
    one = made.commit("one")
    two = made.commit("two", one)
    three = made.commit("three", two, branch="main")
    made.tag("v1.0", one)
    made.tag("v2.0", two)
    made.tag("v1.5", three)
    document = read(made)
    sections = by_version(document)
    assert titles(sections["1.5"]) == ["three"]
    assert titles(sections["2.0"]) == ["two"]
    assert any("'v1.5' stands above" in line for line in document["diagnostics"])


@pytest.mark.acceptance("CHG-A5")
def test_prereleases_fold_into_their_final_or_stand_apart(made: Builder, read: Read) -> None:
    """Folded: once, with the first pre-release that had it; a pre-release without a final is a section."""
    last = made.commit("start")
    made.tag("v1.0", last)
    for tag, title in (("v2.0a1", "in alpha"), ("v2.0rc1", "in rc"), ("v2.0", "in final"), ("v2.1.dev1", "ahead")):
        last = made.commit(title, last)
        made.tag(tag, last)
    made.commit("open", last, branch="main")
    made.build()
    folded = read(made)
    assert [section["version"] for section in folded["releases"]] == ["2.1.dev1", "2.0", "1.0"]
    final = folded["releases"][1]
    assert {entry["title"]: entry["first_in"] for entry in final["entries"]} == {
        "in final": None, "in rc": "2.0rc1", "in alpha": "2.0a1",
    }  # fmt: skip
    assert final["previous"]["version"] == "1.0"
    assert folded["releases"][0]["prerelease"] is True
    separate = by_version(read(made, prereleases="separate"))
    assert [titles(separate[version]) for version in ("2.0a1", "2.0rc1", "2.0")] == [
        ["in alpha"],
        ["in rc"],
        ["in final"],
    ]
    assert separate["2.0"]["previous"]["version"] == "2.0rc1"


@pytest.mark.acceptance("CHG-A5")
def test_a_change_taken_back_between_candidate_and_final(made: Builder, read: Read) -> None:
    """Cancelled when folded, shown as taken back when separate."""
    base = made.commit("base")
    made.tag("v1.0", base)
    bad = made.commit("Bad idea", base)
    made.tag("v1.1rc1", bad)
    made.build()
    sha = made.shas[bad]
    again = Builder(made.path.parent / "second.git")
    base = again.commit("base")
    again.tag("v1.0", base)
    bad = again.commit("Bad idea", base)
    again.tag("v1.1rc1", bad)
    back = again.commit(f'Revert "Bad idea"\n\nThis reverts commit {sha}.', bad)
    again.tag("v1.1", again.commit("good", back, branch="main"))
    again.build()
    assert again.shas[bad] == sha
    folded = by_version(read(again))["1.1"]
    assert titles(folded) == ["good"]
    assert (folded["accounting"]["cancelled"], len(folded["cancelled"])) == (2, 1)
    separate = by_version(read(again, prereleases="separate"))
    assert titles(separate["1.1"]) == ["good", "Reverted: Bad idea"]
    assert separate["1.1"]["entries"][1]["reverts"] == separate["1.1rc1"]["entries"][0]["id"]


@pytest.mark.acceptance("CHG-A6")
def test_tags_that_name_no_version_or_no_commit_are_told(made: Builder, read: Read) -> None:
    """Left out with a diagnostic, never a crash."""
    one = made.commit("one", files={"a": "b"}, branch="main")
    made.tag("v1.0", one)
    made.tag("latest", one)
    made.build()
    git(made.path, "tag", "v2.0", "HEAD^{tree}")
    git(made.path, "tag", "-a", "-m", "x", "v3.0", "HEAD:a")
    document = read(made)
    assert [section["version"] for section in document["releases"]] == ["1.0"]
    assert [line.split()[1] for line in document["diagnostics"]] == ["'latest'", "'v2.0'", "'v3.0'"]


@pytest.mark.acceptance("CHG-A7")
def test_empty_detached_untagged_and_renamed_repositories_have_a_defined_document(tmp_path: Path, read: Read) -> None:
    """No commit, no tag, no branch: each gives a document."""
    empty = read(Builder(tmp_path / "empty.git", head="trunk").build())
    assert (empty["releases"], empty["unreleased"]["sha"], empty["unreleased"]["range"]) == ([], None, None)
    assert empty["unreleased"]["accounting"]["commits"] == 0
    made = Builder(tmp_path / "other.git", head="trunk")
    one = made.commit("one")
    two = made.commit("two", one, branch="trunk")
    made.build()
    untagged = read(made)
    assert titles(untagged["unreleased"]) == ["two", "one"]
    assert (untagged["unreleased"]["previous"], untagged["unreleased"]["version"]) == (None, None)
    (made.path / "HEAD").write_text(made.shas[one] + "\n")
    assert titles(read(made)["unreleased"]) == ["one"]
    assert made.shas[two]
    git(made.path, "branch", "-m", "trunk", "main")
    git(made.path, "symbolic-ref", "HEAD", "refs/heads/trunk")
    gone = read(made)
    assert gone["unreleased"]["sha"] is None
    assert gone["diagnostics"] == ["HEAD names the branch 'trunk', which does not exist: nothing is unreleased"]
    assert read(made, end="main")["diagnostics"] == []


@pytest.mark.acceptance("CHG-A7")
def test_a_partial_clone_calls_people_as_the_mailmap_says(made: Builder, read: Read, tmp_path: Path) -> None:
    """Names are part of what changes are known by; where the mailmap itself is missing that is told."""
    made.commit("one", files={".mailmap": "Ann <ann@x>\n"}, author="annie <ann@x>", branch="main")
    made.build()
    git(made.path, "config", "uploadpack.allowFilter", "true")
    for name, options in (("checkout", ()), ("bare", ("--bare",))):
        git(tmp_path, "clone", "-q", *options, "--filter=blob:none", f"file://{made.path}", name)
    (whole,), (part,), (without,) = [
        read(path)["unreleased"]["entries"] for path in (made.path, tmp_path / "checkout", tmp_path / "bare")
    ]
    assert (part["authors"], part["id"]) == (["Ann"], whole["id"])
    assert without["authors"] == ["annie"]
    told = "the contents of .mailmap are missing: people are called as they signed"
    assert told in read(tmp_path / "bare")["diagnostics"]
    assert told not in read(tmp_path / "checkout")["diagnostics"]


@pytest.mark.acceptance("CHG-A7")
def test_missing_trees_are_refused(made: Builder, read: Read, tmp_path: Path) -> None:
    """A clone without trees would give a changelog that nothing can be checked against."""
    from release_mgmt.core.errors import RepositoryRefused

    one = made.commit("one")
    made.commit("two", one, branch="main")
    made.build()
    git(made.path, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=tree:0", f"file://{made.path}", "treeless.git")
    with pytest.raises(RepositoryRefused) as caught:
        read(tmp_path / "treeless.git")
    assert (caught.value.code, "git fetch" in str(caught.value.hint)) == ("repository_incomplete", True)


@pytest.mark.acceptance("CHG-E4")
def test_packages_with_paths_hold_what_touches_them_renames_followed(made: Builder, read: Read) -> None:
    """A commit that touches two is in both with one id; the others are counted as excluded."""
    one = made.commit("both start", files={"a/x.py": "1\n" * 20, "old/y.py": "2\n" * 20})
    made.tag("a-1.0", one)
    made.tag("b-1.0", one)
    two = made.commit("only the old place", one, files={"old/y.py": "3\n" * 20})
    three = made.commit("move it", two, files={"old/y.py": None, "b/y.py": "3\n" * 20})
    four = made.commit("both again", three, files={"a/x.py": "4\n" * 20, "b/y.py": "4\n" * 20})
    five = made.commit("docs", four, files={"README": "x\n"}, branch="main")
    made.tag("a-1.1", five)
    made.tag("b-1.1", five)
    document = read(made, paths={"a": ("a",), "b": ("b/",)})
    sections = {(section["package"], section["version"]): section for section in document["releases"]}
    assert titles(sections["a", "1.1"]) == ["both again"]
    assert titles(sections["b", "1.1"]) == ["both again", "move it", "only the old place"]
    assert sections["a", "1.1"]["entries"][0]["id"] == sections["b", "1.1"]["entries"][0]["id"]
    assert (sections["a", "1.1"]["accounting"]["excluded"], sections["b", "1.1"]["accounting"]["excluded"]) == (3, 1)
