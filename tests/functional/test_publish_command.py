"""``release-mgmt publish`` on real repositories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from release_mgmt.formats import markdown
from tests.conftest import GitRepo
from tests.unit.publishing.parsers import agree

CALENDAR = """\
calendar: Pricing
time_zone: Europe/Berlin
policy: {notice: {minor: 0, major: 0}, capacity: {points: 8, minor: 1, major: 3}}
series:
  - {id: weekly, start: 2026-11-24T18:00, end: 2026-11-24T22:00, rrule: FREQ=WEEKLY}
freezes:
  - {id: year-end, days: [2026-12-24, 2027-01-01], hard: true, reason: Closing of the books}
"""
NOW = "2026-11-20T10:00:00+00:00"


def publish(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "release_mgmt", "publish", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture
def history(git_repo: GitRepo) -> GitRepo:
    git_repo.commit(
        "Start", {"requirements.txt": "numpy==1.26\n", "params.yaml": "rate: 0.01\n", "model.py": "import numpy\n"}
    )
    git_repo.tag("v1.0")
    git_repo.commit("Use lightgbm (#4)", {"requirements.txt": "numpy==1.26\nlightgbm==4.5\n"})
    git_repo.tag("v1.1")
    git_repo.commit("feat: tune rate <script>alert(1)</script> (#5)", {"params.yaml": "rate: 0.02\n"})
    git_repo.commit("Rotate the signing keys (#6)", {"model.py": "import numpy\nkeys = 2\n"})
    return git_repo


def test_a_repository_becomes_a_site_and_the_second_run_changes_nothing(history: GitRepo, tmp_path: Path) -> None:
    (tmp_path / "calendar.yaml").write_text(CALENDAR)
    pulls = tmp_path / "pulls.jsonl"
    pulls.write_text(
        json.dumps(
            {
                "provider": "github",
                "number": 6,
                "title": "Rotate the signing keys",
                "state": "merged",
                "labels": ["internal"],
            }
        )
        + "\n"
    )
    out = tmp_path / "site"
    arguments = ["--repo", history.path, "--out", out, "--calendar", tmp_path / "calendar.yaml", "--now", NOW]
    arguments += ["--pull-requests", pulls, "--name", "risk"]
    done = publish(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    first = contents(out)
    assert publish(*arguments).returncode == 0
    assert contents(out) == first
    business = json.loads(first["business/changelog.json"])
    assert [release["version"] for release in business["releases"]] == ["1.1", "1.0"]
    (coming,) = business["unreleased"]["entries"]
    assert coming["text"]["settings"] == [{"name": "rate", "old": "0.01", "new": "0.02"}]
    assert business["releases"][0]["entries"][0]["level"] == "major"
    assert "lightgbm" in first["business/changelog.md"].decode()
    for name, content in first.items():
        assert b"<script>" not in content or name.endswith((".json", ".md")), name
        if name.startswith("business/") or name in ("index.html", "calendar.ics", "windows.html"):
            assert b"signing keys" not in content, name
    assert "signing keys" in first["engineering/changelog.md"].decode()
    read = agree(first["calendar.ics"])
    assert [(start, end) for _, start, end, _, _ in sorted(read, key=lambda event: event[1])] == [
        ("2026-11-24T17:00:00Z", "2026-11-24T21:00:00Z"),
        ("2026-12-24", "2027-01-02"),
    ]


def test_what_is_wrong_is_said_in_a_sentence_with_exit_code_2(history: GitRepo, tmp_path: Path) -> None:
    out = tmp_path / "site"
    (tmp_path / "full").mkdir()
    (tmp_path / "full/own.txt").write_text("mine")
    for arguments in (
        ["--repo", tmp_path / "none", "--out", out],
        ["--repo", history.path, "--out", tmp_path / "full"],
        ["--repo", history.path, "--out", out, "--now", "yesterday"],
        ["--repo", history.path, "--out", out, "--now", "2026-11-20T10:00:00"],
        ["--repo", history.path, "--out", out, "--language", "tlh"],
        ["--repo", history.path, "--out", out, "--base-url", "ftp://x"],
    ):
        done = publish(*arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
        assert done.stderr
        assert not out.exists()


def test_an_empty_repository_has_a_site_too(git_repo: GitRepo, tmp_path: Path) -> None:
    done = publish("--repo", git_repo.path, "--out", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert b"No changes to tell of." in contents(tmp_path / "site")["index.html"]


@pytest.mark.acceptance("CHG-D4")
@pytest.mark.acceptance("CHG-D1")
def test_the_changelog_command_keeps_internal_changes_from_the_business_in_every_form(
    history: GitRepo, tmp_path: Path
) -> None:
    pulls = tmp_path / "pulls.jsonl"
    labelled = {
        "provider": "github",
        "number": 6,
        "title": "Rotate the signing keys",
        "state": "merged",
        "labels": ["internal"],
    }
    pulls.write_text(json.dumps(labelled) + "\n")
    command = [sys.executable, "-m", "release_mgmt", "changelog", "--repo", str(history.path), "--all", "--no-levels"]
    command += ["--pull-requests", str(pulls)]
    for form in ("json", "markdown", "html", "atom"):
        said = {
            audience: subprocess.run(
                [*command, "--format", form, "--audience", audience], capture_output=True, check=True
            ).stdout
            for audience in ("business", "engineering")
        }
        assert b"signing keys" not in said["business"], form
        assert b"signing keys" in said["engineering"], form
    business = [*command, "--format", "json", "--audience", "business"]
    data = json.loads(subprocess.run(business, capture_output=True, check=True).stdout)
    assert data["unreleased"]["accounting"]["commits"] == 1
    german = subprocess.run([*command, "--language", "de"], capture_output=True, check=True).stdout.decode()
    assert "## [Unveröffentlicht]" in german


def test_write_keeps_a_file_of_a_person_up_to_date_between_the_markers(history: GitRepo, tmp_path: Path) -> None:
    target = tmp_path / "CHANGELOG.md"
    target.write_text(f"# Ours\n\n{markdown.BEGIN}\n{markdown.END}\n\nThe end.\n")
    command = [sys.executable, "-m", "release_mgmt", "changelog", "--repo", str(history.path), "--all", "--no-levels"]
    command += ["--write", str(target)]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)
        text = target.read_text()
        assert text.startswith("# Ours\n")
        assert text.endswith("The end.\n")
        assert text.count("## [1.1] - 2026-01-01") == 1
    target.write_text("# Without markers\n")
    refused = subprocess.run(command, check=False, capture_output=True)
    assert refused.returncode == 2
    assert target.read_text() == "# Without markers\n"


def test_a_table_is_shown_as_a_calendar_file(tmp_path: Path) -> None:
    table = tmp_path / "old.csv"
    table.write_text("title,start,end\nWeekly,2026-11-24 18:00,2026-11-24 22:00\n")
    command = [sys.executable, "-m", "release_mgmt", "adopt", "calendar", "--name", "Pricing", "--time-zone"]
    done = subprocess.run([*command, "Europe/Berlin", str(table)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("calendar: Pricing\ntime_zone: Europe/Berlin\n")
    assert "1 window and 0 freezes" in done.stderr
    assert subprocess.run([*command, "Europe/Atlantis", str(table)], capture_output=True, check=False).returncode == 2


@pytest.mark.acceptance("CHG-D3")
def test_the_json_is_as_its_published_schema_says(history: GitRepo) -> None:
    schema = json.loads((Path(__file__).resolve().parents[2] / "docs/changelog.schema.json").read_text())
    command = [
        sys.executable,
        "-m",
        "release_mgmt",
        "changelog",
        "--repo",
        str(history.path),
        "--all",
        "--format",
        "json",
    ]
    for audience in ("engineering", "business"):
        said = subprocess.run([*command, "--audience", audience], capture_output=True, check=True).stdout
        jsonschema.validate(json.loads(said), schema)
