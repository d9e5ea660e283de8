"""``release-mgmt maturity`` on a repository made for it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from release_mgmt.cli import cli
from tests.conftest import GitRepo


def test_the_verdict_shows_its_evidence_the_next_step_and_the_trend(git_repo: GitRepo) -> None:
    from datetime import timedelta

    git_repo.commit("Start", {"requirements.txt": "pandas==2.2\n"})
    git_repo.clock += timedelta(days=400)
    git_repo.commit("Tests", {"tests/test_a.py": "def test_a(): pass\n", ".github/workflows/ci.yml": "on: push\n"})
    git_repo.tag("v1.0")
    done = CliRunner().invoke(cli, ["maturity", "--repo", str(git_repo.path), "--format", "json"])
    assert done.exit_code == 0, done.output
    areas = {area["id"]: area for area in json.loads(done.output)["areas"]}
    code, integration = areas["infrastructure_as_code"], areas["continuous_integration"]
    assert (code["level"], code["a_year_before"]) == (1, 1)
    assert code["steps"][0]["evidence"] == ["requirements.txt"]
    assert (integration["level"], integration["a_year_before"]) == (2, 0)
    assert integration["next"] == "Let the pipeline run the tests and fail when they do."
    assert areas["release_management"]["steps"][0]["evidence"] == ["version_tags = 1"]
    table = CliRunner().invoke(cli, ["maturity", "--repo", str(git_repo.path)])
    assert "Continuous integration and automated testing  ●●○○  2 of 4  +2" in table.output
