"""What holds for the files of the project as a whole."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    "app.py", "pyproject.toml", "release_mgmt", "migrations", "tests", "templates", "config", "docs", "benchmarks",
    "deploy", ".ci", ".github", ".gitignore", ".editorconfig", "README.md", "CHANGELOG.md", "LICENSE",
    "CONTRIBUTING.md",
    "SECURITY.md", "Makefile", "requirements.lock", "requirements-dev.lock",
}  # fmt: skip
# Written in pieces so that this file does not name what it forbids.
REGISTRIES = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.(org|com)", "deb" + r"\.debian"])
)
LONGEST_MODULE = 400
TABLES = {"release_mgmt/core/evidence/distribution_tables.py"}  # nothing but names: long, and read by looking up


def tracked() -> list[Path]:
    """The files git tracks; outside a checkout (a source archive), there is nothing to say."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_the_top_level_holds_only_what_the_layout_names() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP_LEVEL


def test_no_file_names_a_package_registry_host() -> None:
    assert [str(path.relative_to(ROOT)) for path in tracked() if REGISTRIES.search(text_of(path))] == []


def test_no_module_is_over_the_length_at_which_it_must_be_split() -> None:
    modules = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "release_mgmt")]
    long = {str(path.relative_to(ROOT)): len(text_of(path).splitlines()) for path in modules}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_MODULE and name not in TABLES} == {}


def test_the_locks_pin_every_package_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = text_of(ROOT / name)
        assert "://" not in text
        pins = re.findall(r"^[a-z0-9][^\s]*==[^\s]+.*$", text, re.MULTILINE)
        assert pins
        assert all(pin.endswith("\\") for pin in pins), "a pin without hashes"


@pytest.mark.acceptance("ING-H9")
@pytest.mark.acceptance("ING-17")
def test_gitpython_and_git_are_not_older_than_the_versions_that_were_hardened() -> None:
    import git

    done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    found = tuple(int(part) for part in re.findall(r"\d+", done.stdout)[:2])
    assert tuple(int(part) for part in git.__version__.split(".")[:3]) >= (3, 2, 1)
    assert found >= (2, 39)
