"""Commands of an installation: what they make, and what they say when they cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from release_mgmt.store import migrate
from release_mgmt.store.session import make_engine
from tests.conftest import GitRepo
from tests.support.ports import answers, free_port
from tests.support.waiting import LIMIT, until

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RELEASE_MGMT_DATA_DIR": str(tmp_path / "data"),
        **more,
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``release-mgmt`` in a folder of its own."""

    def go(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "release_mgmt", *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(tmp_path, **more),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    return go


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_init_makes_an_installation_and_says_it_twice(run: Run, tmp_path: Path) -> None:
    """The folder, a private key, the schema and a one-time link; a second call harms nothing."""
    done = run("init")
    assert done.returncode == 0, done.stderr
    assert "/welcome/" in done.stdout
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o077 == 0
    assert "current" in run("db", "current").stdout
    key = (tmp_path / "data" / "secret.key").read_text()
    assert run("init").returncode == 0
    assert (tmp_path / "data" / "secret.key").read_text() == key


def test_database_newer_than_the_code(run: Run, tmp_path: Path) -> None:
    """Commands that need the database say which version to install and exit with 2."""
    assert run("init").returncode == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'data' / 'release-mgmt.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    engine.dispose()
    for command in (["serve", "--port", "0"], ["worker"], ["repo", "list"], ["db", "upgrade"], ["init"]):
        refused(run(*command), "9999_future", "Install")


def test_database_that_is_behind_or_missing(run: Run, tmp_path: Path) -> None:
    """A database that the settings name is never migrated in passing; the message names the command that does."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    refused(run("repo", "list", RELEASE_MGMT_DATABASE_URL=url), "db upgrade")
    refused(run("serve", "--port", "0", RELEASE_MGMT_DATABASE_URL=url), "db upgrade")
    refused(run("repo", "list"), "release-mgmt init", "release-mgmt settings")
    refused(
        run("calendar", "apply", "none.yaml", RELEASE_MGMT_DATABASE_URL=url), "no calendar file", "the path of a file"
    )
    assert run("db", "upgrade", RELEASE_MGMT_DATABASE_URL=url).returncode == 0
    assert run("db", "current", RELEASE_MGMT_DATABASE_URL=url).returncode == 0
    assert run("db", "downgrade", "base", "--yes", RELEASE_MGMT_DATABASE_URL=url).stdout == "empty\n"
    assert run("db", "current", RELEASE_MGMT_DATABASE_URL=url).returncode == 1


def test_unreachable_and_unwritable_databases(run: Run, tmp_path: Path) -> None:
    """No server, no such kind, a data folder that is a file: a sentence each."""
    refused(run("repo", "list", RELEASE_MGMT_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"), "cannot be reached")
    refused(run("repo", "list", RELEASE_MGMT_DATABASE_URL="mysql://x/y"), "not supported")
    (tmp_path / "file").write_text("")
    refused(run("init", RELEASE_MGMT_DATA_DIR=str(tmp_path / "file" / "below")), "cannot be made")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self/status").exists(), reason="needs a read-only file")
def test_read_only_database(tmp_path: Path) -> None:
    """A database that cannot be written is told by its words and not by a traceback."""
    from release_mgmt.core.errors import Unavailable
    from release_mgmt.store.session import Store

    path = tmp_path / "ro.db"
    migrate.upgrade(f"sqlite:///{path}")
    store = Store(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(Unavailable, match="cannot be written"), store.write() as session:
        session.execute(text("DELETE FROM workers"))
    store.close()


def test_port_in_use(run: Run) -> None:
    """The address, the reason and what to do; nothing is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused(run("serve", "--port", str(other.getsockname()[1])), "127.0.0.1:", "--port")


def test_port_of_a_workers_metrics_in_use(run: Run) -> None:
    """The worker says which setting names it, and ends."""
    assert run("init").returncode == 0
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        refused(run("worker", RELEASE_MGMT_WORKER_METRICS_PORT=port), port, "RELEASE_MGMT_WORKER_METRICS_PORT")


def test_address_of_another_machine(run: Run, tmp_path: Path) -> None:
    """Another port would not help: the sentence names the option of the address; nothing is made."""
    done = run("serve", "--host", "192.0.2.1", "--port", "18999")
    refused(done, "192.0.2.1:18999", "--host")
    assert "--port" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_start_refuses_a_wrong_repository_before_it_makes_anything(run: Run, tmp_path: Path) -> None:
    """No such folder, a folder without a repository, an address that is not read: nothing is left behind."""
    (tmp_path / "plain").mkdir()
    for location, word in (("/nothing", "no folder"), ("plain", "plain"), ("ftp://example.org/x.git", "ftp"), ("", "")):
        refused(run("start", "--repo", location, "--port", "0"), word)
        assert not (tmp_path / "data").exists(), location


# Root may write everywhere; without this capability it is held to modes like everybody else.
HELD_TO_MODES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture
def held(tmp_path: Path) -> Run:
    """Run ``release-mgmt`` as somebody whom the modes of files bind."""
    if HELD_TO_MODES and shutil.which("setpriv") is None:
        pytest.skip("NOT RUN: no setpriv here (Debian: apt-get install util-linux)")

    def go(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [*HELD_TO_MODES, sys.executable, "-m", "release_mgmt", *arguments]
        surroundings = environment(tmp_path, **more)
        return subprocess.run(
            command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=LIMIT, check=False
        )

    return go


def test_data_folder_that_cannot_be_made(held: Run, tmp_path: Path) -> None:
    """Every command says so, also those that only read; `doctor` goes on to its other findings."""
    (tmp_path / "closed").mkdir(mode=0o555)
    folder = {"RELEASE_MGMT_DATA_DIR": str(tmp_path / "closed" / "data")}
    for command in (["init"], ["repo", "list"], ["worker"], ["serve", "--port", "0"]):
        refused(held(*command, **folder), "cannot be made", "Permission denied", "RELEASE_MGMT_DATA_DIR")
    done = held("doctor", **folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "FAIL data folder" in done.stdout
    assert "FAIL database" in done.stdout


def test_data_folder_that_is_read_only(held: Run, tmp_path: Path) -> None:
    """An empty one and one with a database: what cannot be done to the file, and whose permissions to look at."""
    data = tmp_path / "data"
    data.mkdir(mode=0o555)
    for command in (["init"], ["repo", "list"], ["serve", "--port", "0"]):
        refused(held(*command), "database file cannot be opened", "permissions")
    data.chmod(0o755)
    assert held("init").returncode == 0
    for path in (*data.iterdir(), data):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for command in (["init"], ["repo", "list"], ["worker"], ["serve", "--port", "0"]):
        refused(held(*command), "cannot be written", "permissions")
    data.chmod(0o755)


def test_files_that_may_not_be_read_or_written(held: Run, tmp_path: Path) -> None:
    """The secret key, the folder of the logs, an export: a sentence each, before any process is started."""
    assert held("init").returncode == 0
    (tmp_path / "closed").mkdir(mode=0o555)
    logs = {"RELEASE_MGMT_LOG_DIR": str(tmp_path / "closed" / "logs")}
    refused(held("worker", **logs), "Logs cannot be written", "RELEASE_MGMT_LOG_DIR")
    refused(held("worker", RELEASE_MGMT_LOG_DIR=str(tmp_path / "closed")), "Logs cannot be written")
    refused(held("serve", "--port", "0", **logs), "Logs cannot be written", "RELEASE_MGMT_LOG_DIR")
    refused(held("export", "--out", "closed/all.jsonl"), "closed/all.jsonl cannot be written")
    (tmp_path / "data" / "secret.key").chmod(0)
    refused(held("serve", "--port", "0"), "secret.key", "Permission denied")


def test_wrong_settings_are_named_with_what_was_meant(run: Run, tmp_path: Path) -> None:
    """Unknown keys get a suggestion, wrong values their reason; secrets stay hidden; each value tells its origin."""
    refused(run("settings", RELEASE_MGMT_DATBASE_URL="x"), "RELEASE_MGMT_DATABASE_URL")
    refused(run("settings", RELEASE_MGMT_METRICS_PUBLIC="yes please"), "metrics_public")
    (tmp_path / "release-mgmt.toml").write_text('prot = 1\nlog_level = "loud"\n')
    refused(run("settings"), "port", "log_level")
    (tmp_path / "release-mgmt.toml").write_text("port = 1234\n")
    (tmp_path / "key").write_text("very secret " * 4 + "\n")
    done = run("settings", "--format", "json", RELEASE_MGMT_SECRET_KEY_FILE=str(tmp_path / "key"))
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert found["port"]["value"] == 1234
    assert "release-mgmt.toml" in found["port"]["origin"]
    assert "very secret" not in done.stdout
    assert "RELEASE_MGMT_SECRET_KEY_FILE" in found["secret_key"]["origin"]
    assert found["host"]["origin"] == "default"


def test_repositories_that_cannot_be_registered(
    run: Run, tmp_path: Path, make_git_repo: Callable[[str], GitRepo]
) -> None:
    """Wrong addresses and taken names are refused; nothing is half-written."""
    assert run("init").returncode == 0
    for wrong in (
        "ext::sh -c id",
        "file:///etc",
        "https://user:pw@example.org/x.git",
        "--upload-pack=x",
        "http://10.0.0.1/x",
    ):
        refused(run("repo", "add", "--", wrong))
    assert run("repo", "list").stdout == ""
    (tmp_path / "one").mkdir()
    refused(run("repo", "add", str(tmp_path / "one")), "repository")
    assert run("repo", "list").stdout == ""
    make_git_repo("one").commit("A first commit.")
    assert run("repo", "add", str(tmp_path / "one")).returncode == 0
    refused(run("repo", "add", str(tmp_path / "one")), "one")
    assert run("repo", "add", str(tmp_path / "one"), "--if-missing").returncode == 0
    refused(run("repo", "sync", "nothing"), "no such repository")
    refused(run("repo", "add", str(tmp_path), "--adopted-at", "yesterday"), "2026-")


def test_doctor_tells_what_to_do(run: Run) -> None:
    """Before `init` the database is at fault, with the command that mends it."""
    done = run("doctor")
    assert done.returncode == 1
    assert "FAIL database" in done.stdout
    assert "db upgrade" in done.stdout
    assert "ok   git" in done.stdout


def test_serve_answers_runs_a_worker_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """From nothing: `serve` migrates the database, answers, keeps a worker alive, and stops both on SIGTERM."""
    port = free_port()
    command = [sys.executable, "-m", "release_mgmt", "serve", "--port", str(port)]
    log = tmp_path / "log"

    def exposed() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT) as answer:
            return str(answer.read().decode())

    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stdout=out, stderr=out)
    try:
        until(lambda: answers(port) or process.poll() is not None, log.read_text)
        assert process.poll() is None, log.read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=LIMIT) as answer:
            assert json.load(answer) == {"status": "ready"}
        until(lambda: 'release_mgmt_worker_silence_seconds{worker="worker-1"}' in exposed(), exposed)
        assert "release_mgmt_requests_total" in exposed()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
    assert process.returncode == 0, log.read_text()
    assert "worker stopped" in log.read_text()


def test_a_closed_standard_output_is_no_fault_of_the_command(tmp_path: Path, git_repo: GitRepo) -> None:
    git_repo.commit("Begin.", {"a.txt": "a\n"})
    for command in ("changelog --no-levels", "maturity"):
        line = f"{sys.executable} -m release_mgmt {command} --repo {git_repo.path} >&-"
        done = subprocess.run(
            ["sh", "-c", line], env=environment(tmp_path), stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_repository_without_commits_is_told_so(run: Run, git_repo: GitRepo) -> None:
    for command in ("maturity", "classify"):
        refused(run(command, "--repo", str(git_repo.path)), "HEAD names no commit yet")
