"""`release-mgmt plan` on real repositories, and calendars and freezes from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import icalendar
import pytest
import yaml
from click.testing import CliRunner

from release_mgmt.cli import cli
from tests.conftest import GitRepo
from tests.integration.scheduling.builders import document, freeze

LOCK = "lightgbm==4.5.0\nnumpy==2.1.0\n"


@pytest.fixture(name="repository")
def _repository(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("First", {"requirements.txt": "numpy==2.1.0\n", "params.yaml": "learning_rate: 0.01\n"})
    git_repo.tag("v1.0.0")
    git_repo.commit("Learn faster", {"params.yaml": "learning_rate: 0.02\n"})
    git_repo.commit("Move to LightGBM", {"requirements.txt": LOCK, "model.py": "import lightgbm\n"})
    return git_repo


def run(*arguments: str):
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "calendar.yaml"
    path.write_text(yaml.safe_dump(document(freezes=[freeze("stop", "2026-12-01")])))
    return path


def planned(repository: GitRepo, file: Path, *more: str):
    arguments = ["plan", "--repo", str(repository.path), "--calendar", str(file), "--now", "2026-11-20T09:00:00Z"]
    return run(*arguments, *more)


def test_only_what_is_not_released_is_placed_and_the_reasons_are_told(repository: GitRepo, file: Path) -> None:
    found = json.loads(planned(repository, file, "--format", "json").output)
    assert found["schema"] == "release-mgmt/plan/1"
    placed = {each["title"]: (each["level"], each["window"]) for each in found["placements"]}
    assert placed == {
        "Learn faster": ("minor", "w@2026-11-24T18:00"),
        "Move to LightGBM": ("major", "w@2026-12-08T18:00"),
    }
    [major] = [each for each in found["placements"] if each["level"] == "major"]
    assert [(each["code"], each["ref"]) for each in major["reasons"]] == [
        ("notice", "w@2026-11-24T18:00"),
        ("freeze", "stop"),
    ]
    assert found["now"] == "2026-11-20T09:00:00Z"


def test_the_same_input_gives_the_same_bytes(repository: GitRepo, file: Path) -> None:
    for form in ("table", "json", "ical"):
        assert planned(repository, file, "--format", form).output == planned(repository, file, "--format", form).output


def test_the_table_and_the_calendar_file_tell_the_same(repository: GitRepo, file: Path) -> None:
    table = planned(repository, file).output
    assert "Tue 2026-11-24 18:00 to 22:00" in table
    assert "not before: w@2026-11-24T18:00: the notice would be too short." in table
    parsed = icalendar.Calendar.from_ical(planned(repository, file, "--format", "ical").output)
    events = {str(event["SUMMARY"]): event for event in parsed.walk("VEVENT")}
    assert len(events) == 3
    starts = {f"{event.decoded('DTSTART'):%Y-%m-%d %H:%M}" for event in events.values()}
    assert {"2026-11-24 17:00", "2026-12-08 17:00"} <= starts


def test_a_release_before_now_is_shipped_and_one_after_is_placed(repository: GitRepo, file: Path) -> None:
    repository.tag("v1.1.0")
    assert json.loads(planned(repository, file, "--format", "json").output)["placements"] == []
    early = run(
        "plan", "--repo", str(repository.path), "--calendar", str(file), "--now", "2026-01-01T00:00:00Z", "--format",
        "json",
    )  # fmt: skip
    assert {each["change"] for each in json.loads(early.output)["deferrals"] + json.loads(early.output)["placements"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [("calendar: X\ntime_zone: Nowhere\n", "time_zone"), ("- 1\n", "mapping"), (None, "no calendar file")],
)
def test_a_wrong_calendar_is_a_sentence_and_exit_code_two(
    repository: GitRepo, tmp_path: Path, content: str | None, says: str
) -> None:
    import subprocess
    import sys

    path = tmp_path / "wrong.yaml"
    if content is not None:
        path.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "release_mgmt", "plan", "--repo", str(repository.path), "--calendar", str(path)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_calendar_is_applied_with_a_preview_and_frozen_from_the_command_line(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASE_MGMT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert run("init").exit_code == 0
    preview = run("calendar", "apply", str(file), "--dry-run")
    assert "would be made" in preview.output
    assert run("calendar", "list").output == ""
    assert "releases: made" in run("calendar", "apply", str(file)).output
    assert run("calendar", "apply", str(file)).output == "releases: nothing to change\n"
    assert yaml.safe_load(run("calendar", "show", "releases").output)["calendar"] == "Releases"
    shown = run("freeze", "releases", "audit", "--days", "2027-02-01", "2027-02-03", "--reason", "Audit", "--dry-run")
    assert "+ freezes[audit]" in shown.output
    assert "nothing was written" in shown.output
    run("freeze", "releases", "audit", "--days", "2027-02-01", "2027-02-03", "--reason", "Audit")
    assert "audit" in run("calendar", "show", "releases").output
    run("freeze", "releases", "audit", "--remove")
    assert "audit" not in run("calendar", "show", "releases").output
    assert "plan" in run("calendar", "replan", "releases").output


@pytest.mark.acceptance("SCH-W16")
def test_the_version_of_the_zone_data_is_told(client) -> None:
    from importlib.metadata import version

    assert client.get("/healthz").json["tzdata"] == version("tzdata")
    assert f"tzdata {version('tzdata')}" in run("doctor").output


def test_the_static_site_places_what_the_command_places(repository: GitRepo, tmp_path: Path) -> None:
    """Another environment than the usual one, a calendar that takes any repository, and more changes than room."""
    for number in range(6):
        repository.commit(f"Tune {number}", {"params.yaml": f"learning_rate: 0.{number + 3}\n"})
    series = document()["series"][0] | {"environments": ["staging"]}
    file = tmp_path / "calendar.yaml"
    file.write_text(yaml.safe_dump(document(series=[series], freezes=[freeze("stop", "2026-12-01")])))
    found = json.loads(planned(repository, file, "--format", "json").output)
    starts = {each["key"]: each["start"] for each in found["windows"]}
    commanded = {each["title"]: starts[each["window"]] for each in found["placements"]}
    assert len(commanded) == 8
    assert len(set(commanded.values())) > 1
    out = tmp_path / "site"
    arguments = ["publish", "--repo", str(repository.path), "--calendar", str(file), "--out", str(out)]
    done = run(*arguments, "--now", "2026-11-20T09:00:00Z")
    assert done.exit_code == 0, done.output
    shown = {}
    for event in icalendar.Calendar.from_ical((out / "engineering" / "calendar.ics").read_bytes()).walk("VEVENT"):
        text = str(event["SUMMARY"]) + str(event.get("DESCRIPTION"))
        for title in commanded:
            if title in text:
                shown[title] = event.decoded("DTSTART").strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shown == commanded
