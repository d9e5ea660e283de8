"""``reclassify`` on an installation: what another rule would change, then the change, from our own mirror."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import GitRepo

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.acceptance("CHG-C1")
def test_rules_are_tried_first_and_the_mirror_serves(tmp_path: Path, git_repo: GitRepo) -> None:
    git_repo.commit("Begin", {"train.py": "import numpy\n"})
    git_repo.tag("v1.0.0")
    git_repo.commit("Use torch", {"train.py": "import numpy, torch\n"})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RELEASE_MGMT_DATA_DIR": str(tmp_path / "data")}
    environment["RELEASE_MGMT_REPOSITORY_ROOTS"] = str(git_repo.path.parent)
    rules = tmp_path / "rules.toml"
    rules.write_text("[policy]\nlibrary_new = 'minor'\n", "utf-8")

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "release_mgmt", *arguments],
            capture_output=True, text=True, cwd=tmp_path, env=environment, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("init")
    run("repo", "add", str(git_repo.path), "--name", "shop")
    assert "not mirrored yet" in run("reclassify", "shop", code=2)
    run("repo", "sync", "shop")
    would = run("reclassify", "shop", "--rules", str(rules), "--dry-run")
    assert "major -> minor" in would
    assert "2 of 2 judged changes would move" in would
    assert "2 of 2 judged changes moved" in run("reclassify", "shop", "--rules", str(rules))
    assert "0 of 0" in run("reclassify", "shop", "--rules", str(rules))
