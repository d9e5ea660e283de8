"""Azure DevOps tells no instant of updates: what it told last counts, by its own clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import permutations
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete

from release_mgmt.services import forges, pull_requests, webhooks
from release_mgmt.store.models.ingest import PullRequestAges, WebhookDelivery
from release_mgmt.store.models.repositories import PullRequestRow, Repository
from release_mgmt.store.session import Store
from tests.integration.test_ingest import OPERATOR, SECRET, line
from tests.loopback import Reply, Server

HEADS = [f"{number:040x}" for number in range(1, 9)]


class Azure:
    """One pull request of a repository; the clock of the forge is an hour behind ours."""

    def __init__(self, now: datetime) -> None:
        self.now, self.skew = now, timedelta(hours=-1)
        self.pull = pull(now)
        self.server = Server(self.reply)

    def reply(self, _method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        date = {"Date": format_datetime(self.now + self.skew, usegmt=True)}
        asked = parse_qs(urlsplit(path).query).get("searchCriteria.status", [""])[0]
        return 200, date, {"value": [self.pull] if asked == self.pull["status"] else [], "count": 1}


def pull(now: datetime, **more: object) -> dict[str, object]:
    return {
        "pullRequestId": 5, "status": "active", "title": "Tune", "creationDate": (now - timedelta(days=2)).isoformat(),
        "sourceRefName": "refs/heads/x", "targetRefName": "refs/heads/main", "isDraft": True,
        "lastMergeSourceCommit": {"commitId": HEADS[0]}, "reviewers": [],
        "repository": {"id": "16", "name": "models", "project": {"name": "Risk"},
                       "remoteUrl": "https://dev.azure.com/acme/Risk/_git/models"},
    } | more  # fmt: skip


@pytest.fixture
def azure(store: Store, now: datetime) -> Iterator[Azure]:
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/x", adopted_at=now, created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
    made = Azure(now)
    forges.connect(
        store, OPERATOR, now, "models", provider="azure", forge_slug="acme/Risk/models", api_url=made.server.url
    )
    yield made
    made.server.stop()


def known(store: Store) -> tuple[str, str, str | None]:
    with store.read() as session:
        (one,) = pull_requests.known(session, "r_1")
    return one.state, one.title, one.head_sha


def test_each_poll_brings_what_was_edited_pushed_and_reactivated(store: Store, azure: Azure) -> None:
    for turn, head in enumerate(HEADS):
        status = "abandoned" if turn % 3 == 1 else "active"
        closed = {"closedDate": (azure.now + azure.skew).isoformat()} if status == "abandoned" else {}
        azure.pull = pull(
            azure.now, status=status, title=f"Turn {turn}", lastMergeSourceCommit={"commitId": head}, **closed
        )
        assert forges.poll(store, line(azure.now), "r_1").error is None
        assert known(store) == ("closed" if closed else "open", f"Turn {turn}", head)
        assert forges.poll(store, line(azure.now), "r_1").changed == 0, "the same once more is no news"
        azure.now += timedelta(minutes=5)


def test_deliveries_count_by_when_azure_says_they_happened_in_any_order(store: Store, azure: Azure) -> None:
    told = [
        delivery(azure.now, minute, title=f"Turn {minute}", lastMergeSourceCommit={"commitId": head}, **more)
        for minute, (head, more) in enumerate(zip(HEADS[:3], [{}, {"status": "abandoned"}, {}], strict=True))
    ]
    for order in permutations(told):
        with store.write() as session:
            for table in (PullRequestRow, PullRequestAges, WebhookDelivery):
                session.execute(delete(table))
        for headers, body in order:
            webhooks.accept(store, azure.now, "azure", headers, body, SECRET)
            for waiting in webhooks.due(store, azure.now):
                assert webhooks.process(store, azure.now, waiting)
        assert known(store) == ("open", "Turn 2", HEADS[2])


def delivery(now: datetime, minute: int, **more: object) -> tuple[list[tuple[str, str]], bytes]:
    at = (now + timedelta(minutes=minute)).isoformat()
    hook = {
        "id": f"z-{minute}",
        "eventType": "git.pullrequest.updated",
        "createdDate": at,
        "resource": pull(now, **more),
    }
    return [("Authorization", "Basic " + base64.b64encode(f"x:{SECRET.value}".encode()).decode())], json.dumps(
        hook
    ).encode()


@pytest.mark.parametrize("provider", ["gitlab", "azure"])
def test_a_list_takes_nothing_back_of_what_was_told_of_one_alone(store: Store, now: datetime, provider: str) -> None:
    """The issues that a request closes are told with it, and in lists only as far as its words name them."""
    clock = [now]
    merged = {"state": "merged", "status": "completed", "closedDate": now.isoformat(), "merged_at": now.isoformat()}
    one = pull(now, iid=5, updated_at=now.isoformat(), description="Fixes #1", **merged)

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        parts = urlsplit(path)
        date = {"Date": format_datetime(clock[0], usegmt=True)}
        if parts.path.endswith("/5"):
            return 200, date, one | {"workItemRefs": [{"id": "9"}]}
        if parts.path.endswith("/closes_issues"):
            return 200, date, [{"iid": 9}]
        listed = [one] if parts.path.endswith(("/merge_requests", "/pullrequests")) else []
        if provider == "azure":
            asked = parse_qs(parts.query).get("searchCriteria.status", ["completed"])[0]
            return 200, date, {"value": listed if asked == "completed" else []}
        return 200, date, {} if parts.path.endswith("/approvals") else listed

    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/x", adopted_at=now - timedelta(days=1),
                created_at=now, updated_at=now,
            )
        )  # fmt: skip
    server = Server(reply)
    try:
        forges.connect(
            store, OPERATOR, now, "models", provider=provider, forge_slug="acme/Risk/models", api_url=server.url
        )
        for turn in range(4):
            clock[0] = now + timedelta(minutes=turn)
            polled = forges.poll(store, line(clock[0]), "r_1")
            assert (polled.error, polled.changed > 0) == (None, turn == 0)
            with store.read() as session:
                items = pull_requests.known(session, "r_1")[0].work_items
            assert any("9" in item.key for item in items or ())
    finally:
        server.stop()
