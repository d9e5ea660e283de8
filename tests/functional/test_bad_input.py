"""What people give by mistake: told what to do, exit code 2 or a problem document, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from release_mgmt.bootstrap import create_app
from release_mgmt.core import pipeline
from release_mgmt.core.errors import Unavailable
from release_mgmt.core.permissions import Action, Role, Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import jobs, repositories
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store
from release_mgmt.web.auth import needs
from tests.conftest import NOW, GitRepo
from tests.functional.conftest import client_as
from tests.support.waiting import LIMIT

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[2]
Make = Callable[[str], GitRepo]


def shallow(make: Make) -> Path:
    full = make("full")
    full.commit("One.")
    full.commit("Two.")
    target = full.path.with_name("shallow")
    full.git("clone", "-q", "--depth", "1", full.path.as_uri(), str(target))
    return target


def empty(make: Make) -> Path:
    return make("empty").path


def plain_folder(make: Make) -> Path:
    path = make("x").path.with_name("plain")
    path.mkdir()
    return path


def missing(make: Make) -> Path:
    return make("x").path.with_name("missing")


def a_file(make: Make) -> Path:
    path = make("x").path.with_name("file.txt")
    path.write_text("text")
    return path


REFUSED = {"shallow": shallow, "plain folder": plain_folder, "missing": missing, "file": a_file}


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_is_no_whole_repository_is_refused_at_once(
    one_store: Store, make_git_repo: Make, settings: Settings, kind: str
) -> None:
    """Over REST a 4xx problem that says why; nothing is registered."""
    path = REFUSED[kind](make_git_repo)
    client = client_as(create_app(settings, one_store), one_store, *Role)
    response = client.post("/api/v1/repositories", json={"location": str(path)})
    assert 400 <= response.status_code < 500, response.text
    assert response.content_type == "application/problem+json"
    assert response.json is not None
    assert response.json["detail"]
    assert client.get("/api/v1/repositories").json == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        *((command, kind) for command in ("changelog", "plan", "publish") for kind in sorted(REFUSED)),
        ("plan", "wrong calendar"),
        ("publish", "wrong calendar"),
    ],
)
def test_commands_on_a_checkout_say_what_to_do(make_git_repo: Make, tmp_path: Path, command: str, kind: str) -> None:
    """Exit code 2 and a sentence, no traceback, and no output folder is left behind half-made."""
    if kind == "wrong calendar":
        repo = make_git_repo("good")
        repo.commit("One.")
        path = repo.path
        (tmp_path / "bad.yaml").write_text(
            "calendar: X\ntime_zone: Mars/Phobos\nseries:\n  - {id: a, rrule: FREQ=NEVER}\n"
        )
        extra = ["--calendar", str(tmp_path / "bad.yaml")]
    else:
        path, extra = REFUSED[kind](make_git_repo), []
    out = tmp_path / "out"
    arguments = [command, "--repo", str(path), *(["--out", str(out)] if command == "publish" else []), *extra]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "release_mgmt", *arguments],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("kind", ["no tags", "detached", "empty"])
def test_unusual_but_whole_repositories_are_read(
    one_store: Store, make_git_repo: Make, settings: Settings, kind: str
) -> None:
    """Without tags, with a detached head or without any commit: registered, and the job ends well."""
    repo = make_git_repo("odd")
    if kind != "empty":
        repo.commit("One.")
        repo.commit("Two.")
    if kind == "detached":
        repo.tag("v1.0.0", "HEAD~1")
        repo.git("checkout", "-q", "--detach", "HEAD")
    allowed = repositories.policy(settings.repository_roots, ())
    added = repositories.register(one_store, OPERATOR, NOW, location=str(repo.path), allowed=allowed)
    job = jobs.enqueue(one_store, OPERATOR, NOW, pipeline.REFRESH, added.id)
    run_here(one_store, settings, job, lambda _: None)
    ended = jobs.get(one_store, OPERATOR, job)
    assert ended.state == "done", ended.message
    view = repositories.get(one_store, OPERATOR, "odd")
    assert (view.changes, view.releases) == {"no tags": (2, 0), "detached": (2, 1), "empty": (0, 0)}[kind]


def test_a_client_that_asks_too_much_is_told_when_to_come_back(settings: Settings, one_store: Store) -> None:
    """Over the limit: 429 as a problem with Retry-After; health is never limited."""
    client: FlaskClient = create_app(replace(settings, rate_limit="3/minute"), one_store).test_client()
    answers = [client.get("/api/v1/openapi.json") for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].content_type == "application/problem+json"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert "Retry-After" not in answers[0].headers
    assert {client.get("/healthz").status_code for _ in range(9)} == {200}


@pytest.mark.parametrize(("told", "wanted"), [({}, "5"), ({"retry_after": 1}, "1")])
def test_a_database_that_is_busy_says_itself_when_to_come_back(
    settings: Settings, one_store: Store, told: dict[str, object], wanted: str
) -> None:
    """Who counts requests put the minute until its count begins anew in the place of what was asked for."""
    made = create_app(replace(settings, rate_limit="30/minute"), one_store)

    def view() -> str:
        raise Unavailable("The database is busy.", details=told)

    made.add_url_rule("/busy", "busy", needs(Action.READ_HEALTH)(view))
    answer = made.test_client().get("/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, wanted)
    assert answer.headers["X-RateLimit-Remaining"] == "29"
