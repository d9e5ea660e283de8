"""The dependency table between two tags equals an independent parse of the manifests at both."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from release_mgmt.core.evidence.dependencies import DependencyChanges, Manifest, diff, read
from tests.support.dependencies import bumped, newly_needed

Table = dict[tuple[str, str], dict[str, str]]


def git(repository: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True).stdout


FILES = {
    "v1": {
        "requirements.txt": "requests==2.28.0\nrich==12.0\n",
        "pyproject.toml": '[project]\nname = "model"\ndependencies = ["pandas>=1.5", "click>=8"]\n',
        "environment.yml": "dependencies:\n- python=3.9\n- gdal=3.4\n- pip:\n  - mlflow==1.30.0\n",
        "r/DESCRIPTION": "Package: model\nImports:\n    dplyr (>= 1.0.0),\n    glue\n",
        "r/renv.lock": {"dplyr": "1.0.10", "glue": "1.6.2", "rlang": "1.0.6"},
        "app/pyproject.toml": '[tool.poetry]\nname = "app"\n[tool.poetry.dependencies]\nfastapi = "^0.88"\n',
        "app/poetry.lock": {"fastapi": "0.88.0", "starlette": "0.22.0"},
        "job/uv.lock": {"polars": "0.19.0", "certifi": "2023.7.22"},
    },
    "v2": {
        "requirements.txt": "requests==2.29.0\nrich==13.0\nhttpx==0.24\n",
        "r/renv.lock": {"dplyr": "1.1.0", "glue": "1.6.2", "rlang": "1.1.0", "vctrs": "0.5.2"},
    },
    "v3": {
        "requirements.txt": "requests==2.31.0\nhttpx==0.27\n",
        "pyproject.toml": '[project]\nname = "model"\ndependencies = ["pandas>=2.0", "click>=8"]\n',
        "environment.yml": "dependencies:\n- python=3.11\n- gdal=3.8\n- pip:\n  - mlflow==2.9.0\n",
        "r/DESCRIPTION": "Package: model\nImports:\n    dplyr (>= 1.1.0),\n    tidyr (>= 1.3.0)\n",
        "r/renv.lock": {"dplyr": "1.1.4", "tidyr": "1.3.0", "rlang": "1.1.2", "vctrs": "0.6.5"},
        "app/pyproject.toml": '[tool.poetry]\nname = "app"\n[tool.poetry.dependencies]\nfastapi = "^0.109"\n',
        "app/poetry.lock": {"fastapi": "0.109.0", "starlette": "0.35.1"},
        "job/uv.lock": {"polars": "1.2.0", "certifi": "2024.2.2"},
    },
}


def written(path: str, content: str | dict[str, str]) -> str:
    """A file of the test repository; locks are given as name and version."""
    if isinstance(content, str):
        return content
    if path.endswith("renv.lock"):
        return json.dumps({"Packages": {name: {"Package": name, "Version": one} for name, one in content.items()}})
    rows = "".join(f'[[package]]\nname = "{name}"\nversion = "{one}"\n' for name, one in content.items())
    own = '[[package]]\nname = "job"\nsource = { virtual = "." }\ndependencies = [{ name = "polars" }]\n'
    return rows + own if path.endswith("uv.lock") else rows


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of three tags whose manifests move at each."""
    root = tmp_path_factory.mktemp("manifests")
    git(root, "init", "-q", "-b", "main")
    for tag, files in FILES.items():
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(written(path, content), encoding="utf-8")
        git(root, "add", "-A")
        git(root, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", f"Release {tag}")
        git(root, "tag", tag)
    return root


def files_at(repository: Path, tag: str) -> dict[str, str]:
    names = git(repository, "ls-tree", "-r", "--name-only", tag).split()
    return {name: git(repository, "show", f"{tag}:{name}") for name in names}


def manifests(repository: Path, tag: str) -> list[Manifest]:
    read_ones = (read(path, text.encode()) for path, text in files_at(repository, tag).items())
    return [one for one in read_ones if one is not None]


def independent(repository: Path, tag: str) -> Table:
    """(family, name) -> path -> version, manifests before locks, by parsers that the product does not use for it."""
    files, found = files_at(repository, tag), Table()

    def note(path: str, family: str, name: str, version: str) -> None:
        found.setdefault((family, name), {})[path] = version

    for line in files["requirements.txt"].splitlines():
        one = Requirement(line)
        note("requirements.txt", "python", one.name, next(iter(one.specifier)).version)
    for text in tomllib.loads(files["pyproject.toml"])["project"]["dependencies"]:
        one = Requirement(text)
        note("pyproject.toml", "python", one.name, next(iter(one.specifier)).version)
    for entry in yaml.safe_load(files["environment.yml"])["dependencies"]:
        for text in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = text.replace("==", "=").partition("=")
            if name != "python":
                note("environment.yml", "python", name, version)
    for piece in files["r/DESCRIPTION"].partition("Imports:")[2].split(","):
        name, _, bound = piece.strip().partition(" (>= ")
        note("r/DESCRIPTION", "r", name, bound.rstrip(")"))
    fastapi = tomllib.loads(files["app/pyproject.toml"])["tool"]["poetry"]["dependencies"]["fastapi"]
    note("app/pyproject.toml", "python", "fastapi", fastapi.lstrip("^"))
    for name, entry in json.loads(files["r/renv.lock"])["Packages"].items():
        note("r/renv.lock", "r", name, entry["Version"])
    for folder, lock in (("app", "app/poetry.lock"), ("job", "job/uv.lock")):
        for package in tomllib.loads(files[lock])["package"]:
            if package["name"] != folder:
                note(lock, "python", package["name"], package["version"])
    return found


Row = tuple[tuple[str, str], str | None, str | None]


def expected_rows(before: Table, after: Table) -> set[Row]:
    """A row where a library comes, goes or moves; what a manifest asks for goes before what a lock found."""
    found: set[Row] = set()
    for who in before.keys() | after.keys():
        old, new = before.get(who, {}), after.get(who, {})
        moved = [(old[path], new[path]) for path in new if path in old and old[path] != new[path]]
        if not old or not new:
            found.add((who, next(iter(old.values()), None), next(iter(new.values()), None)))
        elif moved:
            found.add((who, *moved[0]))
    return found


def rows(found: DependencyChanges) -> set[Row]:
    return {(one.identity, one.old, one.new) for one in found.changes}


@pytest.mark.acceptance("CHG-C2")
@pytest.mark.parametrize(("old", "new"), [("v1", "v2"), ("v2", "v3"), ("v1", "v3"), ("v3", "v1")])
def test_table_equals_an_independent_parse(repository: Path, old: str, new: str) -> None:
    """Requirements, pyproject, environment, DESCRIPTION, renv, Poetry and uv: every row, and no other."""
    expected = expected_rows(independent(repository, old), independent(repository, new))
    assert len(expected) >= 6
    assert rows(diff(manifests(repository, old), manifests(repository, new))) == expected


@pytest.mark.acceptance("CHG-C2")
def test_hops_collapse_and_transitive_is_told_apart(repository: Path) -> None:
    """Three releases give one row a library; what came and went in between leaves none; locks say what is direct."""
    found = diff(manifests(repository, "v1"), manifests(repository, "v3"))
    by_name = {one.name: one for one in found.changes}
    assert (by_name["requests"].old, by_name["requests"].new) == ("2.28.0", "2.31.0")
    assert len(by_name) == len(found.changes)
    assert not by_name["starlette"].direct
    assert not by_name["certifi"].direct
    assert by_name["polars"].direct
    assert set(bumped(found)) == {"pandas", "mlflow", "polars"}
    assert set(newly_needed(found)) == {"httpx", "tidyr"}
