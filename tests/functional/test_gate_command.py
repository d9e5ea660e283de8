"""`release-mgmt gate` and the snippets of docs/gate-in-ci.md against a served installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from flask import Flask
from sqlalchemy import text
from werkzeug.serving import WSGIRequestHandler, make_server

from release_mgmt import clock
from release_mgmt.core.permissions import Role, Scope
from release_mgmt.services import people, tokens
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import OPERATOR, document, freeze, seed
from tests.support.steady import steady
from tests.support.waiting import LIMIT

ROOT = Path(__file__).parents[2]
SNIPPETS = dict(re.findall(r"```sh (\w+)\n(.*?)```", (ROOT / "docs" / "gate-in-ci.md").read_text(), re.DOTALL))
Run = Callable[..., subprocess.CompletedProcess[str]]


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing."""


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows of the calendar are closed."""
    monkeypatch.setattr(clock, "now", steady(time.monotonic()))


@pytest.fixture(name="server")
def _server(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(name="calendar")
def _calendar(one_store: Store) -> Callable[..., None]:
    """Changes, and a calendar in which minor ones may go at any time outside freezes."""
    from release_mgmt.services import calendars

    seed(one_store, "m1 M1")

    def apply(**more: object) -> None:
        policy = document()["policy"] | {"minor_lane": {"approved_in_advance": True}}
        calendars.apply(one_store, OPERATOR, clock.now(), document(policy=policy) | more)

    apply()
    return apply


@pytest.fixture(name="run")
def _run(server: str, one_store: Store, tmp_path: Path) -> Run:
    """Runs a shell text as a pipeline would, with `release-mgmt` on its path."""
    grant = people.Grant(Role.ENGINEER)
    person = people.add(one_store, OPERATOR, clock.now(), name="ci", login="ci", grants=(grant,), kind="service")
    scopes = (Scope.GATE.value, Scope.INGEST.value)
    token = tokens.create(one_store, OPERATOR, clock.now(), name="ci", scopes=scopes, person=person.id).secret
    assert token is not None
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "release-mgmt"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m release_mgmt "$@"\n')
    command.chmod(0o755)
    (tmp_path / "token").write_text(token + "\n")

    def run(script: str, **more: str | None) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "GATE_SERVER": server,
            "RELEASE_MGMT_TOKEN": token, "GATE_REPOSITORY": "pricing", "GATE_ENVIRONMENT": "prod",
            "GITHUB_SHA": f"{0:040x}", "CI_COMMIT_SHA": f"{0:040x}", "CI_PROJECT_NAME": "pricing",
            "BUILD_SOURCEVERSION": f"{0:040x}", "BUILD_REPOSITORY_NAME": "pricing", "GIT_COMMIT": f"{0:040x}",
            "GATE_TOKEN_FILE": str(tmp_path / "token"), "GATE_CHANGE": "m1",
        } | more  # fmt: skip
        known = {name: value for name, value in environment.items() if value is not None}
        return subprocess.run(
            ["sh", "-c", script], env=known, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=LIMIT
        )

    return run


def gate(options: str) -> str:
    return f'release-mgmt gate --server "$GATE_SERVER" --repository pricing --environment prod {options}'


@pytest.mark.acceptance("SCH-G1")
def test_the_exit_code_is_the_answer(run: Run, calendar: Callable[..., None]) -> None:
    allowed = run(gate("--change m1"))
    assert (allowed.returncode, allowed.stdout) == (0, "allow\n"), allowed.stderr
    denied = run(gate("--change M1"))
    assert denied.returncode == 1
    assert "outside_window" in denied.stdout
    today = clock.now().date().isoformat()
    tomorrow = (clock.now().date() + timedelta(days=300)).isoformat()
    calendar(freezes=[freeze("S", today, tomorrow, hard=False)])
    assert run(gate("--change m1")).returncode == 0
    assert run(gate("--change m1 --strict")).returncode == 2
    calendar(freezes=[freeze("S", today, tomorrow)])
    frozen = run(gate("--change m1 --format json"))
    assert frozen.returncode == 1
    assert '"blocked_by": [\n    "S"\n  ]' in frozen.stdout


@pytest.mark.acceptance("SCH-G1")
@pytest.mark.acceptance("SCH-G6")
@pytest.mark.parametrize(
    ("options", "more"),
    [
        ("--change m1 --no-such-option", {}),
        ("", {}),
        ("--change m1", {"RELEASE_MGMT_TOKEN": None}),
        ("--change m1", {"RELEASE_MGMT_TOKEN": "rm_wrong"}),
        ("--change m1", {"GATE_SERVER": "http://127.0.0.1:9"}),
        ("--change m1", {"GATE_SERVER": "not an address"}),
        ("--change nothing", {}),
        ("--sha deadbeefdeadbeef", {}),
        ("--change m1 --at 2026-11-24T18:00:00", {}),
        ("--change m1 --token-file /no/such/file", {}),
    ],
)
@pytest.mark.usefixtures("calendar")
def test_whatever_cannot_be_told_is_three(run: Run, options: str, more: dict[str, str | None]) -> None:
    found = run(gate(options), **more)
    assert found.returncode == 3, found.stdout + found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.sqlite("moves the file away; test_database_away.py stops a PostgreSQL")
@pytest.mark.acceptance("SCH-G6")
def test_with_the_database_away_the_answer_is_503_and_three(
    run: Run, app: Flask, one_store: Store, calendar: Callable[..., None]
) -> None:
    assert calendar is not None
    with one_store.write() as session:
        session.execute(text("PRAGMA query_only=ON"))
    path = Path(one_store.engine.url.database or "")
    one_store.close()
    hidden = path.with_suffix(".gone")
    path.rename(hidden)
    path.mkdir()
    try:
        answer = app.test_client().get(
            "/api/v1/gate?repository=pricing&environment=prod&change=m1", headers={"Authorization": "Bearer rm_x"}
        )
        assert answer.status_code == 503
        assert answer.content_type == "application/problem+json"
        found = run(gate("--change m1"))
        assert found.returncode == 3
        assert "cannot tell" in found.stderr
    finally:
        path.rmdir()
        hidden.rename(path)


@pytest.mark.parametrize("name", ["github", "gitlab", "azure", "jenkins"])
@pytest.mark.usefixtures("calendar")
def test_each_snippet_runs_as_it_is_written(run: Run, name: str) -> None:
    found = run(SNIPPETS[name], RELEASE_MGMT_TOKEN=None) if name == "jenkins" else run(SNIPPETS[name])
    assert (found.returncode, found.stdout) == (0, "allow\n"), found.stderr
    gone = dict.fromkeys(("GITHUB_SHA", "CI_COMMIT_SHA", "BUILD_SOURCEVERSION", "GIT_COMMIT"), f"{1:040x}")
    assert run(SNIPPETS[name], **gone).returncode == 1


@pytest.mark.usefixtures("calendar")
def test_the_composite_action_runs(run: Run) -> None:
    action = yaml.safe_load((ROOT / "docs" / "gate-action" / "action.yml").read_text())
    [step] = action["runs"]["steps"]
    assert set(step["env"]) == {
        "RELEASE_MGMT_TOKEN", "GATE_SERVER", "GATE_REPOSITORY", "GATE_ENVIRONMENT", "GATE_SHA", "GATE_STRICT"
    }  # fmt: skip
    assert run(step["run"], GATE_SHA=f"{0:040x}", GATE_STRICT="true").returncode == 0
    assert run(step["run"], GATE_SHA=f"{1:040x}", GATE_STRICT="false").returncode == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="NOT RUN: curl is not installed")
@pytest.mark.usefixtures("calendar")
def test_a_stage_is_reported_as_written(run: Run, one_store: Store) -> None:
    from release_mgmt.services import stages

    found = run(SNIPPETS["report"])
    assert found.returncode == 0, found.stderr
    assert [each.stage for each in stages.of_change(one_store, OPERATOR, "m1")] == ["deploy"]
