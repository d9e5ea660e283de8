"""Large histories give the same answers, and cost no pairs."""

from __future__ import annotations

from typing import Any

import pytest

from release_mgmt.core.changelog import History, Options, assemble
from release_mgmt.core.changes import PullRequest, read_message
from release_mgmt.core.history import Graph, TagAt
from release_mgmt.core.versions import name_tags
from tests.integration.history.conftest import Read, by_version, titles
from tests.support.gitrepo import Builder, git


class Counted(dict[str, tuple[str, ...]]):
    """A map of parents that counts how often it is asked."""

    asked = 0

    def __getitem__(self, sha: str) -> tuple[str, ...]:
        self.asked += 1
        return super().__getitem__(sha)


@pytest.mark.acceptance("CHG-E3")
def test_5000_tags_and_10000_pull_requests_over_40000_commits() -> None:
    """Every commit is found once, in its release, with its pull request; parents are asked for thrice a commit."""
    commits, every = 40_000, 8
    shas = [f"{number:040x}" for number in range(commits)]
    parents = Counted({sha: (shas[at - 1],) if at else () for at, sha in enumerate(shas)})
    tags = {f"v1.{number}": shas[number * every + every - 1] for number in range(commits // every)}
    named, _ = name_tags(tags, "project")
    graph = Graph(parents, [tags[one.tag] for one in named], shas[-1])
    assert parents.asked <= 3 * commits
    facts = [
        read_message(f"Change {at} (#{at})" if at % 4 == 0 else f"Change {at}", merge=False) for at in range(commits)
    ]
    at = [TagAt(one, graph.number[tags[one.tag]]) for one in named]
    history = History("project", graph, facts, ["Ann"] * commits, {}, at, {})
    pulls = tuple(PullRequest("github", at, f"Told {at}", "merged") for at in range(0, commits, 4))
    record = assemble(history, Options(pulls=pulls))
    assert len(record.releases) == 5_000
    assert all(section.accounting.shown == every for section in record.releases)
    told = [entry for section in record.releases for entry in section.entries if entry.title.startswith("Told")]
    assert (len(told), len({entry.id for section in record.releases for entry in section.entries})) == (10_000, commits)


@pytest.mark.acceptance("CHG-B6")
@pytest.mark.acceptance("CHG-A1")
def test_a_long_line_with_merges_reverts_and_releases_adds_up(made: Builder, read: Read) -> None:
    """300 commits on several lines: each range equals what git itself lists, and each commit is in one release."""
    import random

    chance = random.Random(7)
    tips: dict[str, str] = {"main": made.commit("start")}
    for number in range(300):
        line = chance.choice(list(tips))
        kind = chance.random()
        if kind < 0.12 and len(tips) < 5:
            tips[f"b{number}"] = made.commit(f"branch {number}", tips[line], when=chance.randrange(10**9))
        elif kind < 0.25 and len(tips) > 1:
            other = chance.choice([name for name in tips if name != line])
            title = (
                f"Merge pull request #{number} from x/y\n\nPull {number}"
                if chance.random() < 0.6
                else f"Merge branch '{other}'"
            )
            tips[line] = made.commit(title, tips[line], tips[other])
            if other != "main" and chance.random() < 0.5:
                del tips[other]
        elif kind < 0.35:
            tips[line] = made.commit(f'Revert "Change {chance.randrange(number + 1)}"', tips[line])
        else:
            tips[line] = made.commit(
                f"Change {number}" + (f" (#{number})" if chance.random() < 0.5 else ""), tips[line]
            )
        if chance.random() < 0.08:
            suffix = chance.choice(["", "", "rc1"])
            made.tag(f"v{chance.randrange(4)}.{number}{suffix}", tips[line])
    made.branch("main", tips["main"])
    made.build()
    for form in ("fold", "separate"):
        document = read(made, prereleases=form)
        seen: dict[str, int] = {}
        for section in document["releases"]:
            listed = git(made.path, "rev-list", *section["range"].split("..")[::-1][:1],
                         *([f"^{section['previous']['sha']}"] if section["previous"] else [])).split()  # fmt: skip
            assert section["accounting"]["commits"] == len(listed)
            for entry in section["entries"]:
                for sha in entry["commits"]:
                    assert sha in listed
                    seen[sha] = seen.get(sha, 0) + 1
        assert set(seen.values()) <= {1}


@pytest.mark.acceptance("CHG-A6")
def test_every_scheme_of_tags_reads_from_a_real_repository(made: Builder, read: Read) -> None:
    """PEP 440, calendar versions and prefixed packages side by side, each in its order."""
    at = made.commit("start")
    order = ["2025.12.31", "2026.01.05", "2026.01.05.1", "2026.10.01"]
    for tag in order:
        at = made.commit(f"for {tag}", at)
        made.tag(tag, at)
        made.tag(f"tool-v{order.index(tag) + 8}.0", at)
    made.branch("main", at)
    document: dict[str, Any] = read(made)
    plain = [section["version"] for section in document["releases"] if section["package"] is None]
    tool = [section["version"] for section in document["releases"] if section["package"] == "tool"]
    assert (plain, tool) == (order[::-1], ["11.0", "10.0", "9.0", "8.0"])
    sections = by_version(document)
    assert titles(sections["2026.10.01"]) == titles(sections["11.0"]) == ["for 2026.10.01"]
