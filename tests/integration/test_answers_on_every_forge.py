"""The answer on a pull request, on each forge in its own form: said late when the forge is down, said once, edited."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import answers, forges
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.forge.limits import Patience
from release_mgmt.sources.forge.model import MARKER
from release_mgmt.store.models.ingest import ForgeAnswer
from release_mgmt.store.models.repositories import PullRequestRow, Repository
from release_mgmt.store.session import Store
from tests.integration.test_forge_transport import Board, as_threads, text_of
from tests.loopback import Reply, Server

OPERATOR = trusted("operator", Via.CLI)
FORGES: dict[str, tuple[str, Any, object]] = {
    # name of the repository there, how comments are listed, an empty list of pull requests
    "github": ("a/b", list, []),
    "gitlab": ("group/sub/project", list, []),
    "gitea": ("a/b", list, []),
    "bitbucket": ("a/b", lambda comments: {"values": comments}, {"values": []}),
    "azure": ("org/project/repo", as_threads, {"value": []}),
}


class Forge:
    """One forge; while ``down`` it refuses to be written to, and answers what is read."""

    def __init__(self, provider: str) -> None:
        self.slug, listing, self.nothing = FORGES[provider]
        self.board, self.down = Board(listing), False
        self.server = Server(self.reply)

    def reply(self, method: str, path: str, headers: dict[str, str], body: object) -> Reply:
        if method != "GET":
            return (502, {}, {}) if self.down else self.board.reply(method, path, headers, body)
        if any(word in path for word in ("/comments", "/notes", "/threads")):
            return self.board.reply(method, path, headers, body)
        return 200, {}, self.nothing


@pytest.fixture(params=FORGES)
def provider(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


@pytest.fixture
def forge(store: Store, provider: str, now: datetime) -> Iterator[Forge]:
    """A repository on that forge with one open pull request, answers switched on."""
    made = Forge(provider)
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/x", adopted_at=now, created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
    forges.connect(
        store, OPERATOR, now, "models", provider=provider, forge_slug=made.slug, api_url=made.server.url, answers=True
    )
    record = {"provider": provider, "number": 7, "title": "Tune", "state": "open", "head_sha": "a" * 40}
    with store.write() as session:
        session.add(
            PullRequestRow(
                repository_id="r_1", provider=provider, number=7, state="open", title="Tune", head_sha="a" * 40,
                updated_at=now, record=record,
            )
        )  # fmt: skip
    yield made
    made.server.stop()


def want(store: Store, now: datetime, words: str) -> None:
    with store.write() as session:
        answer = session.get(ForgeAnswer, ("r_1", 7)) or ForgeAnswer(repository_id="r_1", number=7, attempts=0)
        answer.wanted = {"state": "pending", "summary": words, "comment": words, "url": "https://releases.example/c"}
        answer.wanted_digest, answer.due_at, answer.head_sha = words, now, "a" * 40
        session.add(answer)


def say(store: Store, at: datetime) -> list[bool]:
    return [answers.deliver(store, line(at), *one) for one in answers.due(store, at)]


def line(at: datetime) -> forges.Line:
    policy = AddressPolicy(allow_http=True, allowed_hosts=frozenset({"127.0.0.1"}))
    patience = Patience(attempts=2, longest_wait=1.0, first_wait=0.0)
    return forges.Line({}, lambda: at, lambda _seconds: None, policy=policy, patience=patience)


def test_an_answer_waits_while_the_forge_is_down_and_reading_does_not(
    store: Store, forge: Forge, now: datetime
) -> None:
    want(store, now, "Minor.")
    forge.down, at = True, now
    for wait in (1, 2, 4):  # minutes, twice as long each time
        assert say(store, at) == [False]
        assert forges.poll(store, line(at), "r_1").error is None
        assert say(store, at) == []
        at += timedelta(minutes=wait)
    forge.down = False
    assert say(store, at) == [True]
    assert [text_of(one) for one in forge.board.comments] == [f"{MARKER}\nMinor."]
    assert len(forge.board.statuses) == 1


def test_an_answer_is_edited_in_place_and_nothing_new_is_not_said_again(
    store: Store, forge: Forge, now: datetime
) -> None:
    for words in ("Minor.", "Major: adds lightgbm."):
        want(store, now, words)
        assert say(store, now) == [True]
        assert say(store, now) == []
    assert [text_of(one) for one in forge.board.comments] == [f"{MARKER}\nMajor: adds lightgbm."]
    assert len(forge.board.statuses) == 2


def test_a_head_that_was_pushed_since_gets_no_status_of_the_one_before(
    store: Store, forge: Forge, provider: str, now: datetime
) -> None:
    want(store, now, "Minor.")
    with store.write() as session:
        row = session.get_one(PullRequestRow, ("r_1", provider, 7))
        row.head_sha, row.record = "b" * 40, row.record | {"head_sha": "b" * 40}
    assert say(store, now) == [True]
    told = [path for method, path, _, _ in forge.server.seen if method == "POST" and "status" in path]
    assert not any("b" * 40 in path for path in told)
