"""What a forge sees when it posts a delivery."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import webhooks
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store

SECRET = "a shared secret"
OPERATOR = trusted("operator", Via.CLI)


@pytest.fixture
def forge(settings: Settings, sqlite_store: Store) -> FlaskClient:
    """A client of an installation that shares a secret with GitHub, and none with GitLab."""
    return create_app(replace(settings, github_webhook_secret=SECRET), sqlite_store).test_client()


def post(client: FlaskClient, body: bytes, event: str = "pull_request", **headers: str) -> TestResponse:
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    sent = {"X-GitHub-Event": event, "X-GitHub-Delivery": "g-1", "X-Hub-Signature-256": f"sha256={mac}"} | headers
    return client.post("/webhooks/github", data=body, headers=sent, content_type="application/json")


@pytest.mark.acceptance("ING-8")
@pytest.mark.parametrize("event", ["ping", "a_new_kind_of_event", "pull_request"])
def test_unknown_events_are_answered_like_known_ones_and_counted(
    forge: FlaskClient, sqlite_store: Store, event: str
) -> None:
    answer = post(forge, b'{"zen": "Keep it simple."}', event)
    assert answer.status_code == 202
    (shown,) = webhooks.deliveries(sqlite_store, OPERATOR).items
    assert (shown.status, shown.event) == ("ignored", event)


@pytest.mark.acceptance("ING-8")
def test_a_body_over_the_limit_is_refused_before_it_is_read(
    forge: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "LIMIT", 1000)
    answer = post(forge, b"x" * 1001)  # no JSON: were it parsed, the answer would be 422
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"


@pytest.mark.acceptance("ING-8")
def test_five_megabytes_are_answered_within_a_second(forge: FlaskClient) -> None:
    pull = {"number": 1, "title": "x", "state": "open", "body": "y" * 5_000_000}
    body = json.dumps({"action": "opened", "pull_request": pull, "repository": {"full_name": "a/b"}}).encode()
    began = time.perf_counter()
    answer = post(forge, body)
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["status"] == "waiting"
    assert time.perf_counter() - began < 1


@pytest.mark.acceptance("ING-3")
@pytest.mark.acceptance("ING-2")
def test_a_forged_or_unsigned_delivery_is_401(forge: FlaskClient, sqlite_store: Store) -> None:
    for given in ("", "sha256=é", "sha256=" + "0" * 64):
        answer = post(forge, b"{}", **{"X-Hub-Signature-256": given})
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
    assert webhooks.deliveries(sqlite_store, OPERATOR).items == ()


def test_without_a_secret_nothing_comes_in(forge: FlaskClient) -> None:
    answer = forge.post("/webhooks/gitlab", json={"object_kind": "push"}, headers={"X-Gitlab-Token": ""})
    assert answer.status_code == 401


def test_an_unknown_forge_and_a_body_that_is_no_json_are_told(forge: FlaskClient) -> None:
    assert forge.post("/webhooks/svn", data=b"{}").status_code == 422
    assert post(forge, b"not json").status_code == 422
    assert post(forge, b"[" * 100_000).status_code == 422


def test_deliveries_are_counted_for_prometheus(forge: FlaskClient) -> None:
    post(forge, b'{"zen": "x"}', "ping")
    post(forge, b'{"zen": "x"}', "ping")
    told = forge.get("/metrics").get_data(as_text=True)
    assert 'release_mgmt_webhook_deliveries{forge="github",state="ignored"} 1' in told
    assert 'release_mgmt_webhook_accepted_total{again="true",event="other",forge="github"}' in told
