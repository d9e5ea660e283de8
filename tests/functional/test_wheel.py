"""The wheel holds what runs and nothing else, and works away from the checkout."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.waiting import LIMIT

ROOT = Path(__file__).resolve().parents[2]


def build_wheel(source: Path, out: Path) -> Path:
    """Lay out what git tracks, and secrets, in `source`; build it, with the locked backend if it is there."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if tracked.returncode:
        pytest.skip("NOT RUN: the wheel is built from a git checkout")
    for name in tracked.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    (source / "var").mkdir()
    (source / "var" / "secret.key").write_text("never to be packed")
    (source / ".env").write_text("never to be packed")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)]
    try:
        import hatchling  # noqa: F401 - only to know whether it is there

        command.insert(4, "--no-isolation")
    except ImportError:
        pass
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    return build_wheel(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist"))


@pytest.mark.slow
def test_the_wheel_is_the_same_to_the_byte_wherever_and_whenever_it_is_built(wheel: Path, tmp_path: Path) -> None:
    """Another folder, other times on the files, another umask: the same bytes."""
    source = tmp_path / "another"
    source.mkdir()
    before = os.umask(0o077)
    try:
        again = build_wheel(source, tmp_path / "dist")
    finally:
        os.umask(before)
    assert again.name == wheel.name
    assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.slow
def test_the_wheel_holds_what_runs_and_no_secrets(wheel: Path) -> None:
    """Code, templates, migrations and configuration; no tests, no app.py, nothing that git ignores."""
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "release_mgmt/_bundled/migrations/env.py",
        "release_mgmt/_bundled/config/classification.toml",
        "release_mgmt/_bundled/templates/pages/base.html",
        "release_mgmt/py.typed",
    ):
        assert needed in names
    assert not [one for one in names if one.startswith("tests/")]
    assert not [one for one in names if Path(one).name in {"app.py", ".env", "secret.key"}]


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_environment_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Installed without the checkout, from another folder: the command line, the migrations, the pages and a worker."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    with zipfile.ZipFile(wheel) as archive:  # what pip does with a pure wheel; the dependencies are this environment's
        archive.extractall(own)
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = home / "bin" / "python"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {"PATH": os.environ["PATH"], "RELEASE_MGMT_DATA_DIR": str(tmp_path / "data")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(python), "-I", *arguments],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert str(own) in run("-c", "import release_mgmt; print(release_mgmt.__file__)")
    assert "/welcome/" in run("-m", "release_mgmt", "init")
    assert "current" in run("-m", "release_mgmt", "db", "current")
    program = (
        "from release_mgmt.bootstrap import create_app\n"
        "from release_mgmt.services.opening import load_settings\n"
        "client = create_app(load_settings()).test_client()\n"
        "print([client.get(path).status_code for path in ('/readyz', '/api/v1/openapi.json', '/sign-in')])"
    )
    assert "[200, 200, 200]" in run("-c", program)
