"""``classify --advisories``: the operator's files, offline."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from click.testing import CliRunner

from release_mgmt.cli.classify import classify
from release_mgmt.cli.doctor import advisories
from release_mgmt.settings import Settings


def git(repository: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(repository), *who, *arguments], check=True, capture_output=True)


def test_advisories_are_told(tmp_path: Path) -> None:
    """An update to a version with a known advisory is told with it; a broken file stops the command."""
    repository, files = tmp_path / "repo", tmp_path / "osv"
    repository.mkdir()
    files.mkdir()
    git(repository, "init", "-q")
    for version in ("2.0.0", "2.9.0"):
        (repository / "requirements.txt").write_text(f"mlflow=={version}\n", encoding="utf-8")
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", f"mlflow {version}")
    entry = {
        "id": "PYSEC-2026-1",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "mlflow"}, "versions": ["2.9.0"]}],
    }
    (files / "a.json").write_text(json.dumps(entry), encoding="utf-8")
    given = ["--repo", str(repository), "--no-cache", "--format", "jsonl"]
    plain = json.loads(CliRunner().invoke(classify, given).stdout)
    assert not [one for one in plain["evidence"] if one["kind"] == "advisory"]
    told = json.loads(CliRunner().invoke(classify, [*given, "--advisories", str(files)]).stdout)
    assert [one["new"].partition(":")[0] for one in told["evidence"] if one["kind"] == "advisory"] == ["PYSEC-2026-1"]
    assert told["needs_review"]
    (files / "b.json").write_text("{", encoding="utf-8")
    broken = CliRunner().invoke(classify, [*given, "--advisories", str(files)])
    assert broken.exit_code != 0
    assert "b.json" in str(broken.exception)


def test_doctor_looks_at_the_advisories_of_the_service(tmp_path: Path) -> None:
    """Off unless a place is set; then how much is known, or the file that is broken."""
    assert advisories(Settings()).well
    (tmp_path / "a.json").write_text('{"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "mlflow"}}]}')
    found = advisories(Settings(advisories=str(tmp_path)))
    assert (found.well, found.seen) == (True, "1 file, 1 library")
    (tmp_path / "b.json").write_text("{")
    found = advisories(Settings(advisories=str(tmp_path)))
    assert not found.well
    assert "b.json" in found.seen
    assert not advisories(Settings(advisories=str(tmp_path / "gone"))).well
