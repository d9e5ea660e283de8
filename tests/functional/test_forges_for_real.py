"""The adapters against programs that others wrote: an emulator of GitHub that sends signed deliveries, and servers
that check every request against the forge's published description."""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.errors import InvalidInput, Unavailable
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import forges, pull_requests, webhooks
from release_mgmt.settings import Settings
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.forge import auth_headers, forge
from release_mgmt.sources.forge.model import MARKER, Answer
from release_mgmt.sources.forge.transport import Transport
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests import nodetools
from tests.loopback import Reply, Server
from tests.support.ports import answers, free_port
from tests.support.waiting import LIMIT, until

pytestmark = pytest.mark.node
OPERATOR = trusted("operator", Via.CLI)
CONTRACTS = Path(__file__).parents[2].parent / "shared" / "contracts"
TOKEN = "test-token-1"
SECRET = "a shared secret"
SEED = """\
tokens:
  test-token-1:
    login: ada
    scopes: [repo, user, "admin:repo_hook"]
github:
  users:
    - {login: ada, name: Ada, email: ada@example.org}
  repos:
    - {owner: ada, name: models, language: Python, auto_init: true}
"""


@pytest.fixture
def start() -> Iterator[Callable[..., None]]:
    """A function that starts a program and waits until its port answers."""
    running: list[subprocess.Popen[bytes]] = []

    def launch(command: list[str], port: int, folder: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1"}
        with (folder / "program.log").open("wb") as log:
            running.append(
                subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
            )
        until(lambda: running[-1].poll() is not None or answers(port), (folder / "program.log").read_text)
        assert running[-1].poll() is None, (folder / "program.log").read_text()

    yield launch
    for one in running:
        os.killpg(one.pid, signal.SIGTERM)
        one.wait(LIMIT)


class Emulator:
    """The emulator's API as a person's client uses it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = requests.request(
            method,
            f"{self.url}/repos/ada/models{path}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=LIMIT,
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def merge_one(self, number: int) -> None:
        head = self.call("GET", "/git/ref/heads/main")["object"]["sha"]
        self.call("POST", "/git/refs", {"ref": f"refs/heads/b{number}", "sha": head})
        content = {"message": f"Add {number}", "content": "aGVsbG8=", "branch": f"b{number}"}
        self.call("PUT", f"/contents/f{number}.txt", content)
        made = self.call(
            "POST", "/pulls", {"title": f"Change {number}", "head": f"b{number}", "base": "main", "body": ""}
        )
        if number % 4 == 0:
            self.call("PATCH", f"/pulls/{made['number']}", {"title": f"Better {number}"})
        if number % 5 == 0:
            self.call("PATCH", f"/pulls/{made['number']}", {"state": "closed"})
        elif number % 7:
            self.call("PUT", f"/pulls/{made['number']}/merge", {"merge_method": ["merge", "squash"][number % 2]})


@pytest.fixture
def emulator(tmp_path: Path, start: Callable[..., None]) -> Emulator:
    port = free_port()
    (tmp_path / "seed.yaml").write_text(SEED)
    command = nodetools.program("emulate")
    command += ["start", "-s", "github", "-p", str(port), "--host", "127.0.0.1", "--seed", str(tmp_path / "seed.yaml")]
    start(command, port, tmp_path)
    return Emulator(f"http://localhost:{port}")


class LossyLine:
    """Stands between the forge and us: loses, doubles, delays and shuffles deliveries."""

    def __init__(self, target: str) -> None:
        self.target, self.chance, self.lost, self.passed = target, random.Random(7), 0, 0
        self.waiting: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.server = Server(self.take, raw=True)

    def take(self, _method: str, _path: str, headers: dict[str, str], body: object) -> Reply:
        if self.chance.random() < 0.3:
            self.lost += 1
            return 503, {}, {}
        assert isinstance(body, bytes)
        for _ in range(self.chance.choice([1, 1, 2])):
            self.waiting.put((headers, body))
        return 200, {}, {}

    def deliver(self) -> None:
        held = [self.waiting.get() for _ in range(self.waiting.qsize())]
        self.chance.shuffle(held)
        for headers, body in held:
            kept = {name: headers[name] for name in headers if name.startswith("x-")}
            answer = requests.post(
                self.target, data=body, headers=kept | {"Content-Type": "application/json"}, timeout=LIMIT
            )
            assert answer.status_code == 202, answer.text
            self.passed += 1


@pytest.fixture
def installation(settings: Settings, one_store: Store) -> Iterator[str]:
    """Our own service on loopback, sharing a secret with the forge."""
    app = create_app(replace(settings, github_webhook_secret=SECRET), one_store)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.acceptance("ING-13")
@pytest.mark.acceptance("ING-15")
def test_after_a_third_of_the_deliveries_is_lost_a_poll_makes_the_database_equal_the_forge(
    emulator: Emulator, installation: str, one_store: Store
) -> None:
    now = clock.now()
    with one_store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/ada/models", created_at=now, updated_at=now,
                adopted_at=now - timedelta(days=1),
            )
        )  # fmt: skip
    forges.connect(one_store, OPERATOR, now, "models", provider="github", forge_slug="ada/models", api_url=emulator.url)
    line = LossyLine(f"{installation}/webhooks/github")
    config = {"url": f"{line.server.url}/hook", "secret": SECRET, "content_type": "json"}
    emulator.call(
        "POST", "/hooks", {"name": "web", "active": True, "events": ["pull_request", "push"], "config": config}
    )
    for number in range(1, 16):
        emulator.merge_one(number)
    until(lambda: line.lost and line.waiting.qsize(), lambda: line.lost)
    line.deliver()
    line.server.stop()
    assert line.lost
    assert line.passed
    for waiting in webhooks.due(one_store, clock.now()):
        assert webhooks.process(one_store, clock.now(), waiting)
    policy = AddressPolicy(allow_http=True, allowed_hosts=frozenset({"localhost"}))
    polled = forges.poll(one_store, forges.Line({"github": TOKEN}, clock.now, time.sleep, policy=policy), "r_1")
    assert polled.error is None
    theirs = {
        one["number"]: (
            one["title"],
            "merged" if one["merged_at"] else "closed",
            one["merge_commit_sha"] if one["merged_at"] else None,
        )
        for one in emulator.call("GET", "/pulls?state=closed&per_page=100")
    }
    with one_store.read() as session:
        known = [one for one in pull_requests.known(session, "r_1") if one.state != "open"]
    assert {one.number: (one.title, one.state, one.merge_sha) for one in known} == theirs
    assert len(known) == len(theirs) >= 10


def test_the_answer_on_a_pull_request_is_one_comment_that_is_edited(emulator: Emulator) -> None:
    """The emulator knows no commit statuses; those are tried on a server of our own."""
    head = emulator.call("GET", "/git/ref/heads/main")["object"]["sha"]
    emulator.call("POST", "/git/refs", {"ref": "refs/heads/x", "sha": head})
    emulator.call("PUT", "/contents/x.txt", {"message": "x", "content": "eA==", "branch": "x"})
    number = emulator.call("POST", "/pulls", {"title": "x", "head": "x", "base": "main"})["number"]
    client = Transport(emulator.url, auth_headers("github", TOKEN), clock.now, time.sleep)
    github = forge("github")
    record = replace(github.one(client, "ada/models", number), head_sha=None)
    for words in ("Minor. Next window: Tue 24 Nov.", "Major: adds lightgbm."):
        github.answer(client, "ada/models", record, Answer("pending", words, words, "https://releases.example/c/1"))
    comments = emulator.call("GET", f"/issues/{number}/comments")
    assert [one["body"] for one in comments] == [f"{MARKER}\nMajor: adds lightgbm."]


def contract(name: str) -> Path:
    found = CONTRACTS / name
    if not found.is_file():
        pytest.skip(f"NOT RUN: the forge's published description {name} does not lie beside the checkout")
    return found


@pytest.fixture
def prism(tmp_path: Path, start: Callable[..., None]) -> Callable[[str], str]:
    """A function that serves a forge's description: what breaks it is answered 4xx."""

    def serve(name: str) -> str:
        port = free_port()
        copy = shutil.copy(contract(name), tmp_path)
        start(
            [*nodetools.program("prism"), "mock", "--host", "127.0.0.1", "--port", str(port), str(copy)], port, tmp_path
        )
        return f"http://127.0.0.1:{port}"

    return serve


@pytest.mark.acceptance("ING-14")
def test_every_reading_request_keeps_githubs_description(prism: Callable[[str], str]) -> None:
    url = prism("github-rest-subset-23.0.2.json")
    refused = requests.get(f"{url}/repos/a/b/pulls", params={"sort": "merged"}, timeout=LIMIT)
    assert refused.status_code == 422, "the description is checked"
    client = Transport(url, auth_headers("github", None), clock.now, lambda _: None)
    github = forge("github")
    # Every list of the description's examples goes on at another host, which we rightly refuse: by then the request
    # itself was answered. A request that breaks the description is answered 4xx and raises something else.
    for read in (
        lambda: list(github.changed(client, "octocat/Hello-World", None)),
        lambda: github.one(client, "octocat/Hello-World", 1347),
        lambda: github.with_commits(client, "octocat/Hello-World", PullRequest("github", 1347, "x", "merged")),
    ):
        with pytest.raises(Unavailable, match="another host"):
            read()
    assert client.requests_made == 4


@pytest.mark.acceptance("ING-14")
def test_the_answers_of_our_own_fake_keep_githubs_description(tmp_path: Path, start: Callable[..., None]) -> None:
    """What tests answer in GitHub's place, seen through a proxy that checks answers: no fault of the level Error."""
    description = json.loads(contract("github-rest-subset-23.0.2.json").read_text())
    answers = description["paths"]["/repos/{owner}/{repo}/pulls/{pull_number}"]["get"]["responses"]["200"]
    shown = next(iter(answers["content"]["application/json"]["examples"].values()))
    body = shown.get("value") or description["components"]["examples"][shown["$ref"].rsplit("/", 1)[1]]["value"]
    body["requested_teams"] = []  # the published example breaks its own schema here
    fake = Server(lambda *_: (200, {}, body))
    port = free_port()
    copy = shutil.copy(contract("github-rest-subset-23.0.2.json"), tmp_path)
    command = [*nodetools.program("prism"), "proxy", "--host", "127.0.0.1", "--port", str(port), str(copy), fake.url]
    start(command, port, tmp_path)
    seen = requests.get(
        f"http://127.0.0.1:{port}/repos/a/b/pulls/1", headers=auth_headers("github", None), timeout=LIMIT
    )
    fake.stop()
    assert seen.status_code == 200
    faults = json.loads(seen.headers.get("sl-violations", "[]"))
    assert [one for one in faults if one.get("severity") == "Error" and "response" in one.get("location", [])] == []
    assert forge("github").parse(seen.json()).number


@pytest.mark.acceptance("ING-14")
def test_every_reading_request_keeps_azures_description(prism: Callable[[str], str]) -> None:
    url = prism("azure-git-7.2-subset.json")
    refused = requests.get(f"{url}/org/project/_apis/git/repositories/r/pullrequests", timeout=LIMIT)
    assert refused.status_code in {401, 422}, "the description is checked"
    client = Transport(url, auth_headers("azure", "t"), clock.now, lambda _: None)
    azure = forge("azure")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    list(azure.changed(client, "org/project/repo", since))
    made = client.requests_made
    with suppress(InvalidInput):  # the numbers that the mock invents are below zero
        azure.one(client, "org/project/repo", 22)
    assert client.requests_made == made + 2
    azure.with_commits(client, "org/project/repo", PullRequest("azure", 22, "x", "merged"))
    assert client.requests_made == made + 3
