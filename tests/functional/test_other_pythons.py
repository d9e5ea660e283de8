"""The supported Pythons other than the one that runs the tests: the locked dependencies and the tests of the core."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUPPORTED = ("3.11", "3.12", "3.13")
OTHERS = [version for version in SUPPORTED if version != f"{sys.version_info.major}.{sys.version_info.minor}"]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "release-mgmt-tests"
TESTS = ["tests/unit", "tests/architecture", "tests/functional/test_start.py"]


def interpreter(version: str) -> str | None:
    """A Python of this version that starts: one of pyenv's, or the first on the path."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in [*map(str, installed), f"python{version}"]:
        program = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
        try:
            told = subprocess.run([candidate, "-c", program], capture_output=True, text=True, check=False, timeout=30)
        except OSError:
            continue
        if told.stdout.strip() == version:
            return candidate
    return None


def environment_of(version: str) -> Path:
    """An environment with the locked dependencies, made once for each state of the lock."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"NOT RUN: there is no Python {version} here")
    lock = ROOT / "requirements-dev.lock"
    home = CACHE / f"python-{version}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    ready = home / ".ready"
    if not ready.exists():
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", python, str(home)], check=True, timeout=120)
        done = subprocess.run(
            [*uv, "pip", "install", "--python", str(home / "bin" / "python"), "--require-hashes", "-r", str(lock)],
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        ready.touch()
    return home


@pytest.mark.slow
@pytest.mark.parametrize("version", OTHERS)
def test_the_service_runs_on_every_supported_python(version: str) -> None:
    """The lock installs with its hashes, the core's tests pass, and the command that starts the service serves."""
    home = environment_of(version)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [str(home / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", "-x", *TESTS],
        cwd=ROOT,
        env=kept | {"VIRTUAL_ENV": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
