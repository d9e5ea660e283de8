"""``release-mgmt changelog`` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.support.gitrepo import Builder

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "release_mgmt", "changelog", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Builder:
    """Two releases and something open."""
    made = Builder(tmp_path / "project.git")
    one = made.commit("First", files={"a.py": "import os\n"})
    made.tag("v1.0", one, "Version 1.0")
    two = made.commit("Second (#2)", one, files={"a.py": "import os\nimport requests\n"})
    made.tag("v1.1", two)
    made.commit("<b>Third</b>", two, files={"conf.yaml": "a: 1\n"}, branch="main")
    made.build()
    return made


@pytest.mark.acceptance("CHG-D9")
def test_the_json_document_has_the_agreed_shape_and_the_same_bytes_each_time(project: Builder) -> None:
    """Every key of the schema, newest first, quiet on standard error."""
    first = _run("--repo", project.path, "--all", "--format", "json", "--no-levels")
    assert (first.returncode, first.stderr) == (0, b"")
    assert _run("--repo", project.path, "--all", "--format", "json", "--no-levels").stdout == first.stdout
    document = orjson.loads(first.stdout)
    assert list(document) == ["schema", "repository", "releases", "unreleased", "diagnostics"]
    assert (document["schema"], document["repository"]) == ("release-mgmt/changelog/1", "project")
    newest = document["releases"][0]
    assert set(newest) == {
        "version", "package", "tag", "tags", "sha", "previous", "range", "date", "prerelease", "accounting", "entries",
        "cancelled", "first_time_contributors",
    }  # fmt: skip
    assert set(newest["entries"][0]) == {
        "id", "title", "details", "level", "kind", "state", "first_in", "pull_request", "commits", "authors", "also_in",
        "reverts",
    }  # fmt: skip
    assert [section["tag"] for section in document["releases"]] == ["v1.1", "v1.0"]
    assert (newest["entries"][0]["level"], newest["entries"][0]["state"]) == (None, "released")
    assert document["unreleased"]["entries"][0]["state"] == "draft"


def test_levels_are_told_unless_they_are_not_wanted(project: Builder) -> None:
    """The new library is major, the configuration minor."""
    done = _run("--repo", project.path, "--all", "--format", "json")
    assert done.returncode == 0, done.stderr
    document = orjson.loads(done.stdout)
    (entry,) = document["releases"][0]["entries"]
    assert (entry["level"], entry["kind"]) == ("major", "new_library")
    assert document["unreleased"]["entries"][0]["level"] == "minor"


@pytest.mark.acceptance("CHG-D1")
def test_every_format_lists_the_same_changes(project: Builder) -> None:
    """Markdown, HTML and Atom come from the same record and carry its ids."""
    ids = ["pr-2"]
    for form, start in (("markdown", b"# "), ("html", b"<!doctype html"), ("atom", b"<?xml")):
        done = _run("--repo", project.path, "--all", "--format", form, "--no-levels")
        assert done.returncode == 0, done.stderr
        assert done.stdout.lower().startswith(start.lower())
        assert all(one.encode() in done.stdout for one in ids)
        assert b"<b>Third</b>" not in done.stdout


@pytest.mark.parametrize(("form", "told"), [("markdown", 11), ("html", 11), ("atom", 11), ("json", 0)])
def test_what_was_noticed_is_told_beside_documents_without_a_place_for_it(tmp_path: Path, form: str, told: int) -> None:
    """On standard error, the first ten and how many more there are; JSON has them itself."""
    made = Builder(tmp_path / "project.git")
    one = made.commit("First", branch="main")
    for name in "abcdefghijkl":
        made.tag(f"no-version-{name}", one)
    made.build()
    done = _run("--repo", made.path, "--all", "--format", form, "--no-levels")
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (0, told)
    assert not told or lines[0] == "release-mgmt: note: tag 'no-version-a' names no version and was left out"
    assert not told or "and 2 more" in lines[10]


def test_a_file_is_written_between_the_marks_only(project: Builder, tmp_path: Path) -> None:
    """What people wrote around them stays; without marks the file is left alone and the exit code is 2."""
    target = tmp_path / "CHANGELOG.md"
    arguments = ("--repo", project.path, "--all", "--no-levels", "--write", target)
    assert _run(*arguments).returncode == 0
    once = target.read_text()
    target.write_text(f"Ours\n\n{once}\nbelow\n")
    assert _run(*arguments).returncode == 0
    assert target.read_text() == f"Ours\n\n{once}\nbelow\n"
    target.write_text("mine")
    refused = _run(*arguments)
    assert (refused.returncode, target.read_text()) == (2, "mine")
    windows = f"Ours\n\n{once}\nbelow\n".replace("\n", "\r\n").encode()
    target.write_bytes(windows)
    assert _run(*arguments).returncode == 0
    assert target.read_bytes() == windows
    target.write_bytes(b"\xff" + windows)
    refused = _run(*arguments)
    assert refused.returncode == 2
    assert b"is not UTF-8" in refused.stderr
    refused = _run(*arguments[:-1], tmp_path / "nowhere" / "CHANGELOG.md")
    assert (refused.returncode, b"cannot be written: No such file" in refused.stderr) == (2, True)


def test_a_full_disk_is_a_sentence(project: Builder) -> None:
    command = [sys.executable, "-m", "release_mgmt", "changelog", "--repo", str(project.path), "--all", "--no-levels"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        b"release-mgmt: nothing more can be written: No space left on device\n",
    )


@pytest.mark.acceptance("CHG-A7")
def test_refusals_exit_with_2_and_say_what_to_do(project: Builder, tmp_path: Path) -> None:
    """No repository, a shallow one, an unknown revision, an unknown package."""
    from tests.support.gitrepo import git

    git(tmp_path, "clone", "-q", "--depth=1", f"file://{project.path}", "shallow")
    git(tmp_path, "clone", "-q", str(project.path), "work")
    for arguments, words in (
        (("--repo", tmp_path / "nowhere"), b"does not exist"),
        (("--repo", tmp_path / "work" / "folder-that-is-not"), b"does not exist"),
        (("--repo", ""), b"no path"),
        (("--repo", tmp_path / "shallow"), b"fetch --unshallow"),
        (("--repo", project.path, "--to", "nope"), b"no such revision"),
        (("--repo", project.path, "--to", "--output=x"), b"no such revision"),
        (("--repo", project.path, "--from", ""), b"no such revision"),
        (("--repo", project.path, "--to", ""), b"no such revision"),
        (("--repo", project.path, "--package", "x"), b"no tags of a package"),
    ):
        done = _run(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert words in done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.acceptance("CHG-A4")
@pytest.mark.parametrize(
    ("start", "end", "told"), [("v1.1", "v1.0", True), ("v1.0", "v1.1", False), ("v1.0", "v1.0", False)]
)
def test_a_range_that_is_given_backwards_is_told(project: Builder, start: str, end: str, told: bool) -> None:
    """It is empty, as any range of what is contained already."""
    done = _run("--repo", project.path, "--from", start, "--to", end, "--format", "json", "--no-levels")
    document = orjson.loads(done.stdout)
    words = [f"nothing lies between {start!r} and {end!r}: the first contains the second"]
    assert document["diagnostics"] == (words if told else [])


def test_pull_requests_come_from_a_file(project: Builder, tmp_path: Path) -> None:
    """JSON Lines of neutral records; a wrong line is told with its number."""
    lines = tmp_path / "pulls.jsonl"
    lines.write_text('{"provider": "gitea", "number": 2, "title": "Told by the forge", "state": "merged"}\n')
    done = _run("--repo", project.path, "--format", "json", "--no-levels", "--pull-requests", lines)
    (entry,) = orjson.loads(done.stdout)["releases"][0]["entries"]
    assert (entry["title"], entry["pull_request"]) == ("Told by the forge", {"provider": "gitea", "number": 2})
    lines.write_text('{"provider": "gitea"}\n')
    assert _run("--repo", project.path, "--pull-requests", lines).returncode == 2


@pytest.mark.acceptance("CHG-E1")
def test_history_costs_two_processes(project: Builder, tmp_path: Path) -> None:
    """One ``for-each-ref`` and one ``git log``; ``cat-file`` is not counted."""
    wrapper = tmp_path / "bin"
    wrapper.mkdir()
    (wrapper / "git").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexec /usr/bin/git "$@"\n')
    (wrapper / "git").chmod(0o755)
    command = [sys.executable, "-m", "release_mgmt", "changelog", "--repo", str(project.path), "--all", "--no-levels"]
    import os

    env = {**os.environ, "PATH": f"{wrapper}:{os.environ['PATH']}"}
    subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len([line for line in calls if " cat-file " not in line]) == 2
    assert len(calls) <= 3
