"""Deliveries and polls end in the same rows, whatever comes twice, late, broken or not at all."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select

from release_mgmt.core.errors import Conflict, InvalidInput, Unauthenticated
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import forge_details, forges, health, pull_requests, webhooks
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.forge.limits import Patience
from release_mgmt.sources.forge.signatures import WebhookSecret
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.loopback import Reply, Server

OPERATOR = trusted("operator", Via.CLI)
SECRET = WebhookSecret("a shared secret")


@pytest.fixture
def repository(store: Store, now: datetime) -> str:
    """A registered repository whose forge is github, acme/models."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/acme/models", provider="github",
                forge_slug="Acme/Models", adopted_at=now - timedelta(days=90), created_at=now, updated_at=now,
            )
        )  # fmt: skip
    return "r_1"


def pull(number: int, at: datetime, **more: object) -> dict[str, object]:
    return {
        "number": number, "title": f"Change {number}", "state": "closed", "merged_at": at.isoformat(), "body": "",
        "updated_at": at.isoformat(), "merge_commit_sha": f"{number:040x}", "labels": [], "user": {"login": "ada"},
        "head": {"ref": "x", "sha": f"{number:039x}f"}, "base": {"ref": "main"},
    } | more  # fmt: skip


def delivery(number: int, at: datetime, guid: str, **more: object) -> tuple[list[tuple[str, str]], bytes]:

    body = json.dumps(
        {"action": "closed", "pull_request": pull(number, at, **more), "repository": {"full_name": "acme/models"}}
    ).encode()
    mac = hmac.new(SECRET.value.encode(), body, hashlib.sha256).hexdigest()
    headers = [
        ("X-GitHub-Event", "pull_request"),
        ("X-GitHub-Delivery", guid),
        ("X-Hub-Signature-256", f"sha256={mac}"),
    ]
    return headers, body


def stored(store: Store) -> list[dict[str, Any]]:
    with store.read() as session:
        return [pull_requests.to_json(record) for record in pull_requests.known(session, "r_1")]


@pytest.mark.acceptance("ING-5")
def test_the_same_delivery_twenty_times_at_once_is_stored_and_done_once(
    store: Store, repository: str, now: datetime
) -> None:
    headers, body = delivery(7, now, "guid-1")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: webhooks.accept(store, now, "github", headers, body, SECRET), range(20)))
    assert len({answer.id for answer in answers}) == 1
    (waiting,) = webhooks.due(store, now)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: webhooks.process(store, now, waiting), range(8)))
    assert done.count(True) == 1
    assert [record["number"] for record in stored(store)] == [7]
    (shown,) = webhooks.deliveries(store, OPERATOR).items
    assert (shown.status, shown.seen) == ("done", 20)
    with store.read() as session:
        assert session.get_one(Repository, repository).sync_due_at == now


@pytest.mark.acceptance("ING-2")
def test_a_forged_delivery_leaves_nothing_behind(store: Store, now: datetime) -> None:
    headers, body = delivery(7, now, "guid-1")
    for secret, content in [(SECRET, body + b" "), (WebhookSecret("another secret"), body), (None, body)]:
        with pytest.raises(Unauthenticated):
            webhooks.accept(store, now, "github", headers, content, secret)
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 0


@pytest.mark.acceptance("ING-9")
def test_a_delivery_that_fails_is_tried_again_then_shown_and_can_be_replayed(
    store: Store, repository: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, body = delivery(7, now, "guid-1")
    accepted = webhooks.accept(store, now, "github", headers, body, SECRET)
    with monkeypatch.context() as broken:
        broken.setattr(pull_requests, "keep", lambda *_: 1 / 0)
        at = now
        for _ in range(webhooks.MAX_ATTEMPTS):
            assert not webhooks.process(store, at, accepted.id)
            assert webhooks.due(store, at) == ()  # it waits its turn
            at += timedelta(days=1)
    (shown,) = webhooks.deliveries(store, OPERATOR, status="failed").items
    assert shown.error == "ZeroDivisionError in processing"
    assert stored(store) == []
    assert webhooks.replay(store, OPERATOR, at, accepted.id).status == "waiting"
    assert webhooks.process(store, at, accepted.id)
    assert len(stored(store)) == 1


@pytest.mark.acceptance("ING-9")
def test_a_failed_delivery_that_the_forge_sends_again_is_tried_again(
    store: Store, repository: str, now: datetime
) -> None:
    headers, body = delivery(7, now, "guid-1")
    accepted = webhooks.accept(store, now, "github", headers, body, SECRET)
    with store.write() as session:
        session.get_one(WebhookDelivery, accepted.id).status = "failed"
    assert webhooks.accept(store, now, "github", headers, body, SECRET).status == "waiting"
    assert webhooks.due(store, now) == (accepted.id,)


def test_a_body_that_is_forgotten_cannot_be_replayed_and_old_deliveries_go(store: Store, now: datetime) -> None:
    headers, body = delivery(7, now - timedelta(days=40), "guid-1")
    accepted = webhooks.accept(store, now - timedelta(days=40), "github", headers, body, SECRET)
    with store.write() as session:
        session.get_one(WebhookDelivery, accepted.id).body = None
    with pytest.raises(Conflict, match="not kept"):
        webhooks.replay(store, OPERATOR, now, accepted.id)
    assert webhooks.forget(store, now, 30) == 1


def test_another_forges_delivery_is_told_where_to_go(store: Store, now: datetime) -> None:
    headers, body = delivery(7, now, "guid-1")
    with pytest.raises(InvalidInput, match="gitea"):
        webhooks.accept(store, now, "github", [*headers, ("X-Gitea-Event", "pull_request")], body, SECRET)


class Forge:
    """GitHub's list of pull requests on loopback, with faults that a test switches on."""

    def __init__(self, pulls: list[dict[str, object]]) -> None:
        self.pulls = pulls
        self.etag: str | None = None
        self.clock: datetime | None = None  # of the forge; None: the one of this machine
        self.fail: Callable[[str], Reply | None] = lambda _path: None
        self.server = Server(self.reply)

    def reply(self, _method: str, path: str, headers: dict[str, str], _body: object) -> Reply:
        fault = self.fail(path)
        if fault is not None:
            return fault
        date = {"Date": format_datetime(self.clock, usegmt=True)} if self.clock else {}
        parts = urlsplit(path)
        if parts.path.endswith("/reviews"):
            return 200, date, [{"user": {"login": "ann"}, "state": "APPROVED"}]
        if not parts.path.endswith("/pulls"):
            number = int(parts.path.rsplit("/", 1)[1])
            found = next(one for one in self.pulls if one["number"] == number)
            return 200, date, found | {"merged_by": {"login": "noor"}}  # no list tells it
        if self.etag and headers.get("if-none-match") == self.etag:
            return 304, {}, b""
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        rows = sorted(self.pulls, key=lambda one: str(one["updated_at"]), reverse=True)
        more = {"Link": f'<{self.server.url}{parts.path}?page={page + 1}>; rel="next"'} if rows[page * 100 :] else {}
        more |= {"ETag": self.etag} if self.etag else {}
        return 200, more | date, rows[(page - 1) * 100 : page * 100]


@pytest.fixture
def github(store: Store, repository: str, now: datetime) -> Any:
    made = Forge([pull(number, now - timedelta(hours=number)) for number in range(1, 31)])
    forges.connect(store, OPERATOR, now, "models", provider="github", forge_slug="acme/models", api_url=made.server.url)
    yield made
    made.server.stop()


def line(now: datetime) -> forges.Line:
    policy = AddressPolicy(allow_http=True, allowed_hosts=frozenset({"127.0.0.1"}))
    patience = Patience(attempts=2, longest_wait=1.0, first_wait=0.0)
    return forges.Line({}, lambda: now, lambda _seconds: None, policy=policy, patience=patience)


def public(_host: str, port: int, **_more: object) -> list[Any]:
    """A look-up that finds every name at one public address; nothing is called there."""
    return [(None, None, None, "", ("93.184.215.14", port))]


@pytest.mark.acceptance("ING-13")
def test_after_lost_and_shuffled_webhooks_a_poll_makes_the_database_equal_the_forge(
    store: Store, github: Forge, now: datetime
) -> None:
    """30 % of the deliveries are lost, the rest comes twice, late and in any order."""
    chance = random.Random(20261121)
    sent = [delivery(int(one["number"]), now, f"g-{one['number']}") for one in github.pulls]  # type: ignore[call-overload]
    kept = [one for one in sent if chance.random() > 0.3] * 2
    chance.shuffle(kept)
    for headers, body in kept:
        webhooks.accept(store, now, "github", headers, body, SECRET)
    for waiting in webhooks.due(store, now):
        webhooks.process(store, now, waiting)
    assert 0 < len(stored(store)) < 30
    for one in github.pulls:
        one["updated_at"] = (now + timedelta(minutes=1)).isoformat()
        one["title"] = f"Edited {one['number']}"
    polled = forges.poll(store, line(now), "r_1")
    assert (polled.seen, polled.error) == (30, None)
    assert [(record["number"], record["title"]) for record in stored(store)] == [
        (number, f"Edited {number}") for number in range(1, 31)
    ]
    assert all(record["reviews"] == [{"reviewer": "ann", "state": "approved"}] for record in stored(store))
    again = forges.poll(store, line(now), "r_1")
    assert again.changed == 0


@pytest.mark.acceptance("ING-11")
@pytest.mark.acceptance("ING-13")
def test_what_only_some_answers_tell_is_kept_while_lists_without_it_follow(
    store: Store, github: Forge, now: datetime
) -> None:
    for turn in range(4):
        github.clock = now + timedelta(minutes=turn)
        changed = forges.poll(store, line(github.clock), "r_1").changed
        assert (changed > 0) == (turn == 0), "the same list once more is no news"
        assert {record["merged_by"] for record in stored(store)} == {"noor"}


@pytest.mark.acceptance("ING-13")
@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)])
def test_nothing_is_missed_between_two_clocks_that_differ(
    store: Store, github: Forge, now: datetime, ahead: timedelta
) -> None:
    """The forge stamps updates by its own clock."""
    github.clock = now
    forges.poll(store, line(now + ahead), "r_1")
    github.clock = now + timedelta(minutes=5)
    github.pulls[0] |= {"title": "Edited", "updated_at": (now + timedelta(minutes=1)).isoformat()}
    forges.poll(store, line(github.clock + ahead), "r_1")
    assert [record["number"] for record in stored(store) if record["title"] == "Edited"] == [1]


def test_a_failing_source_backs_off_is_shown_degraded_and_recovers(store: Store, github: Forge, now: datetime) -> None:
    github.fail = lambda _path: (503, {}, {})
    at = now
    waits = []
    for _ in range(3):
        polled = forges.poll(store, line(at), "r_1")
        assert polled.error
        (state,) = forges.states(store, OPERATOR, at)
        assert state.due_at
        waits.append(state.due_at - at)
        assert forges.due(store, at) == ()
        at = state.due_at
    assert waits == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    (state,) = forges.states(store, OPERATOR, at)
    assert state.degraded_at
    github.fail = lambda _path: None
    assert forges.due(store, at) == ("r_1",)
    assert forges.poll(store, line(at), "r_1").error is None
    (state,) = forges.states(store, OPERATOR, at)
    assert (state.degraded_at, state.failures, state.error, state.lag) == (None, 0, None, timedelta(0))


@pytest.mark.acceptance("ING-11")
def test_a_source_that_must_wait_long_is_not_a_failed_one(store: Store, github: Forge, now: datetime) -> None:
    github.fail = lambda _path: (429, {"Retry-After": "900"}, {})
    forges.poll(store, line(now), "r_1")
    (state,) = forges.states(store, OPERATOR, now)
    assert (state.failures, state.due_at) == (0, now + timedelta(seconds=900))


@pytest.mark.acceptance("CHG-E2")
def test_a_poll_that_breaks_off_is_done_again_in_full(store: Store, github: Forge, now: datetime) -> None:
    github.fail = lambda path: (500, {}, {}) if "/reviews" in path else None
    assert forges.poll(store, line(now), "r_1").error
    assert len(stored(store)) == 30  # what was read is kept
    github.fail = lambda _path: None
    forges.poll(store, line(now), "r_1")
    assert all("reviews" in record for record in stored(store))


@pytest.mark.acceptance("CHG-E2")
def test_a_forge_that_says_nothing_is_new_hides_nothing_of_a_poll_that_broke_off(
    store: Store, github: Forge, now: datetime
) -> None:
    github.etag = '"one"'
    github.fail = lambda path: (500, {}, {}) if "/reviews" in path else None
    assert forges.poll(store, line(now), "r_1").error
    github.fail = lambda _path: None
    assert forges.poll(store, line(now), "r_1").seen == 30
    assert all("reviews" in record for record in stored(store))
    assert forges.poll(store, line(now), "r_1").seen == 0, "now the forge's 304 is believed"


def test_more_pull_requests_than_one_poll_asks_of_are_asked_of_by_the_next(
    store: Store, github: Forge, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forge_details, "MOST_DETAILS", 20)
    forges.poll(store, line(now), "r_1")
    assert sum("reviews" in record for record in stored(store)) == 20
    forges.poll(store, line(now), "r_1")
    assert all("reviews" in record for record in stored(store))


def test_how_each_source_is_read_is_measured(store: Store, github: Forge, now: datetime) -> None:
    forges.poll(store, line(now), "r_1")
    told = health.gauges(store, now + timedelta(seconds=90))
    of_ours = {(("repository", "models"),): 90.0}
    assert told["release_mgmt_source_lag_seconds"][1] == of_ours
    assert told["release_mgmt_source_failures"][1] == {(("repository", "models"),): 0.0}
    with store.write() as session:
        session.get_one(Repository, "r_1").settings = {"teams_only": True}
    told = health.gauges(store, now + timedelta(seconds=90))
    assert told["release_mgmt_source_lag_seconds"][1] == {(("repository", "r_1"),): 90.0}, "its name is kept for teams"


def test_a_token_is_sent_to_no_host_that_the_operator_did_not_name(store: Store, github: Forge, now: datetime) -> None:
    """Whoever connects repositories could else read the operator's token at a server of his own."""
    elsewhere = forges.Line({"github": "s3cret"}, lambda: now, lambda _: None, resolver=public)
    with pytest.raises(InvalidInput, match="the token of github is not sent to"):
        elsewhere.to(store, "github", "https://forge.example.net/api")
    without = replace(elsewhere, tokens={"gitlab": "another forge's"})
    assert "Authorization" not in without.to(store, "github", "https://forge.example.net/api").headers
    assert forges.poll(store, replace(line(now), tokens={"github": "s3cret"}), "r_1").error is None
    assert any(seen[2].get("authorization") == "Bearer s3cret" for seen in github.server.seen)


def test_a_source_on_a_private_machine_is_refused_unless_it_is_allowed(
    store: Store, github: Forge, now: datetime
) -> None:
    closed = forges.Line({}, lambda: now, lambda _seconds: None, policy=AddressPolicy(allow_http=True))
    polled = forges.poll(store, closed, "r_1")
    assert polled.error is not None
    assert "private network" in polled.error
    assert github.server.seen == []
