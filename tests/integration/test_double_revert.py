"""A change that is taken back twice in one release is accounted for once, with both reverts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from release_mgmt.cli import cli
from tests.conftest import GitRepo


@pytest.mark.acceptance("CHG-B6")
@pytest.mark.acceptance("CHG-B1")
def test_a_second_revert_of_what_is_gone_is_cancelled_with_it(git_repo: GitRepo) -> None:
    """Seen in a public repository: #3 reverted by #4, brought back without a word, reverted by #5."""
    git_repo.commit("Start")
    git_repo.tag("v1.0")
    git_repo.commit("Warm up longer (#3)")
    git_repo.commit('Revert "Warm up longer (#3)" (#4)')
    git_repo.commit("Something else (#9)")
    git_repo.commit('Revert "Warm up longer (#3)" (#5)')
    git_repo.tag("v1.1")
    done = CliRunner().invoke(
        cli, ["changelog", "--repo", str(git_repo.path), "--all", "--format", "json", "--no-levels"]
    )
    assert done.exit_code == 0, done.output
    newest = json.loads(done.stdout)["releases"][0]
    assert [entry["title"] for entry in newest["entries"]] == ["Something else"]
    assert {frozenset(pair) for pair in newest["cancelled"]} == {
        frozenset({"pr-3", "pr-4"}),
        frozenset({"pr-3", "pr-5"}),
    }
    assert newest["accounting"]["cancelled"] == 3
