"""The rooms of docs/architecture.md hold, and each contract turns red when a fault is planted."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "release_mgmt"
CORE = PACKAGE / "core"


def lint_imports(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter in ``folder`` for the named contracts (all when none is named)."""
    chosen = [part for contract in contracts for part in ("--contract", contract)]
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", *chosen],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its configuration, to plant faults in."""
    shutil.copytree(PACKAGE, tmp_path / "release_mgmt", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_code_keeps_every_contract() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


FAULTS = [
    ("layers", "release_mgmt/resources.py", "import release_mgmt.services"),
    ("layers", "release_mgmt/helpers.py", ""),  # exhaustive: a stray module has no room
    ("journey", "release_mgmt/core/changes.py", "import release_mgmt.core.classification"),
    ("journey", "release_mgmt/core/utils.py", ""),
    ("pure", "release_mgmt/core/text.py", "import os"),
    ("pure", "release_mgmt/core/changes.py", "import sqlalchemy"),
    ("pure", "release_mgmt/core/classification.py", "import release_mgmt.clock"),
    ("web", "release_mgmt/web/__init__.py", "import sqlalchemy"),
    ("web", "release_mgmt/web/__init__.py", "import release_mgmt.sources"),
    ("web", "release_mgmt/web/__init__.py", "import release_mgmt.store"),
]


@pytest.mark.parametrize(("contract", "path", "line"), FAULTS)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str, path: str, line: str) -> None:
    victim = copy / path
    text = victim.read_text() if victim.exists() else '"""A stray module."""\n'
    before = lint_imports(copy, contract)
    assert before.returncode == 0, before.stdout
    victim.write_text(f"{text}\n{line}\n")
    done = lint_imports(copy, contract)
    assert done.returncode != 0
    assert " BROKEN" in done.stdout, done.stdout


def test_a_planted_cycle_breaks_its_contract(copy: Path) -> None:
    jobs = copy / "release_mgmt" / "jobs"
    (jobs / "one").mkdir()
    (jobs / "two").mkdir()
    (jobs / "one" / "__init__.py").write_text("import release_mgmt.jobs.two\n")
    (jobs / "two" / "__init__.py").write_text("import release_mgmt.jobs.one\n")
    done = lint_imports(copy, "cycles")
    assert done.returncode != 0
    assert " BROKEN" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "call",
    ["datetime.datetime.now()", "datetime.datetime.utcnow()", "datetime.date.today()"],
)
def test_reading_the_clock_in_the_core_is_a_fault_of_style(call: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", str(CORE / "planted.py"), "-"],
        input=f"import datetime\n\nWHEN = {call}\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TID251" in done.stdout


DOORS = frozenset({"open", "print", "input", "exec", "eval", "__import__", "breakpoint"})


def doors(source: str) -> list[str]:
    """The built-in calls in ``source`` that reach outside."""
    return [
        f"{node.func.id}:{node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DOORS
    ]


def test_a_planted_open_is_seen() -> None:
    assert doors("x = 1\ny = open('f')\n") == ["open:2"]


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_opens_nothing(path: Path) -> None:
    assert doors(path.read_text()) == []
