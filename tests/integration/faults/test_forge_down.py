"""The forge is down for an hour: nothing is given up, the forge is not hammered, and all is caught up afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson
import pytest
import time_machine
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain
from sqlalchemy import select

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.jobs import handlers
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import forges, jobs, repositories, tending
from release_mgmt.settings import Settings
from release_mgmt.store.models.jobs import Job
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.integration.faults.town import OPERATOR

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Forge:
    """A forge on loopback, git and API, that goes down (connections are refused) and comes up on the same port."""

    def __init__(self, repo: GitRepo) -> None:
        self.repo, self.port, self.server = repo, 0, None
        self.up()

    def up(self) -> None:
        git = make_wsgi_chain(DictBackend({"/repo.git": Repo(str(self.repo.path))}))

        def answer(environ, start_response):  # type: ignore[no-untyped-def]
            if environ["PATH_INFO"].startswith("/repo.git"):
                return git(environ, start_response)
            pull = {
                "number": 7, "title": "Tune", "state": "closed", "merged_at": NOON.isoformat(), "body": None,
                "updated_at": NOON.isoformat(), "merge_commit_sha": "a" * 40, "labels": [], "user": {"login": "ann"},
                "head": {"sha": "b" * 40, "ref": "x"}, "base": {"ref": "main"},
            }  # fmt: skip
            path = environ["PATH_INFO"]
            found: object = [pull] if path.endswith("/pulls") else pull if path.endswith("/7") else []
            start_response("200 OK", [("Content-Type", "application/json")])
            return [orjson.dumps(found)]

        server = make_server("127.0.0.1", self.port, answer, WSGIServer, Quiet)
        self.port, self.server = server.server_port, server
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def forge(git_repo: GitRepo) -> Iterator[Forge]:
    git_repo.commit("Begin. (#1)", {"train.py": "rate = 0.1\n"})
    git_repo.tag("v1.0.0")
    made = Forge(git_repo)
    yield made
    if made.server:
        made.down()


def turn(store: Store, settings: Settings) -> list[str]:
    """One look of a worker: make jobs of what is due and carry them out; their kinds."""
    tending.enqueue_due(store, OPERATOR, clock.now(), EVERY)
    ran = jobs.active(store)
    for job in ran:
        run_here(store, settings, job, lambda _: None)
    return [kind for kind, _ in ran.values()]


@pytest.mark.slow
def test_a_forge_that_is_down_for_an_hour_costs_nothing_but_the_hour(
    one_store: Store, settings: Settings, forge: Forge, git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git and API refuse every connection for an hour (the clock is moved, the server is really gone)."""
    monkeypatch.setattr(handlers, "time", SimpleNamespace(sleep=lambda _seconds: None))
    store = one_store
    chosen = replace(settings, repository_hosts=("127.0.0.1",), allow_plain_http=True, sync_every=300)
    policy = repositories.policy((), ("127.0.0.1",), allow_http=True)
    with time_machine.travel(NOON, tick=False) as traveller:
        made = repositories.register(
            store, OPERATOR, clock.now(), location=f"{forge.url}/repo.git", allowed=policy, name="repo"
        )
        forges.connect(
            store, OPERATOR, clock.now(), "repo", provider="github", forge_slug="acme/repo", api_url=forge.url
        )
        turn(store, chosen)
        assert repositories.get(store, OPERATOR, "repo").releases == 1
        assert forges.states(store, OPERATOR, clock.now())[0].error is None

        forge.down()
        git_repo.commit("Meanwhile. (#2)", {"train.py": "rate = 0.2\n"})
        git_repo.tag("v1.1.0")
        tried: list[str] = []
        for _ in range(60):
            traveller.shift(timedelta(minutes=1))
            tried += turn(store, chosen)
        with store.read() as session:
            states = set(session.scalars(select(Job.state).where(Job.kind == pipeline.REFRESH)))
        assert states == {"done", "failed"}, "a forge that is down is no reason to give up"
        assert 4 <= tried.count(pipeline.REFRESH) <= 8, "half a minute, doubled each time"
        assert 4 <= tried.count(pipeline.POLL) <= 8
        assert repositories.get(store, OPERATOR, "repo").sync_error
        (source,) = forges.states(store, OPERATOR, clock.now())
        assert source.degraded_at

        forge.up()
        for _ in range(60):
            traveller.shift(timedelta(minutes=1))
            turn(store, chosen)
            found = repositories.get(store, OPERATOR, "repo")
            (source,) = forges.states(store, OPERATOR, clock.now())
            if found.sync_error is None and source.error is None:
                break
        assert found.head_sha == git_repo.git("rev-parse", "HEAD")
        assert found.releases == 2
        assert (source.failures, source.degraded_at) == (0, None)
        assert jobs.search(store, OPERATOR, states=("dead",)).items == ()
        assert made.name == "repo"
