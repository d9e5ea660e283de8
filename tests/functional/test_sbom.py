"""The list of what a release is made of, as `make sbom` writes it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_bill_of_materials_names_the_locked_dependencies_and_nothing_else(tmp_path: Path) -> None:
    """Each component is one of the lock's, in its version, with a licence; the product stands at the root."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / ".ci", project / ".ci")
    venv = Path(sys.prefix)
    done = subprocess.run(
        ["make", f"VENV={venv}", "--assume-old", f"{venv}/.dev", "sbom"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((project / "dist" / "sbom.cdx.json").read_text())
    assert told["bomFormat"] == "CycloneDX"
    assert told["metadata"]["component"]["name"] == "release-mgmt"

    def canonical(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    locked = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    found = {(canonical(one["name"]), one["version"]) for one in told["components"]}
    assert found <= {(canonical(name), version) for name, version in locked}
    names = {name for name, _ in found}
    assert {"flask", "sqlalchemy", "dbos"} <= names
    assert "pytest" not in names
    assert [one["name"] for one in told["components"] if not one.get("licenses")] == []
