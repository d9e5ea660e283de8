"""What a forge sees when it posts a delivery."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import json
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import webhooks
from release_mgmt.settings import Settings
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.session import Store

SECRET = "a shared secret"
OPERATOR = trusted("operator", Via.CLI)


@pytest.fixture
def forge(settings: Settings, one_store: Store) -> FlaskClient:
    """A client of an installation that shares a secret with GitHub, and none with GitLab."""
    return create_app(replace(settings, github_webhook_secret=SECRET), one_store).test_client()


def post(client: FlaskClient, body: bytes, event: str = "pull_request", **headers: str) -> TestResponse:
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    sent = {"X-GitHub-Event": event, "X-GitHub-Delivery": "g-1", "X-Hub-Signature-256": f"sha256={mac}"} | headers
    return client.post("/webhooks/github", data=body, headers=sent, content_type="application/json")


@pytest.mark.acceptance("ING-8")
@pytest.mark.parametrize("event", ["ping", "a_new_kind_of_event", "pull_request"])
def test_unknown_events_are_answered_like_known_ones_and_counted(
    forge: FlaskClient, one_store: Store, event: str
) -> None:
    answer = post(forge, b'{"zen": "Keep it simple."}', event)
    assert answer.status_code == 202
    (shown,) = webhooks.deliveries(one_store, OPERATOR).items
    assert (shown.status, shown.event) == ("ignored", event)


@pytest.mark.acceptance("ING-8")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"pull_request": {"number": 1, "title": "Cut \\ud83d"}}', 202),
        (b'\xef\xbb\xbf{"pull_request": {"number": 1, "title": "a"}}', 202),
        (b'{"pull_request": {"number": 9223372036854775808, "title": "a"}}', 202),
        (b'{"a": "\\ud83d", "pull_request": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422),
        ('{"pull_request": {"number": 1}}'.encode("utf-16"), 422),
    ],
)
def test_odd_bodies_are_taken_or_told_and_never_a_server_error(forge: FlaskClient, body: bytes, status: int) -> None:
    assert post(forge, body).status_code == status


@pytest.mark.acceptance("ING-8")
def test_a_body_over_the_limit_is_refused_before_it_is_read(
    forge: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "LIMIT", 1000)
    answer = post(forge, b"x" * 1001)  # no JSON: were it parsed, the answer would be 422
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"


@pytest.mark.acceptance("ING-8")
def test_a_body_of_no_told_length_is_refused_at_the_limit(forge: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunked: the server says where the body ends, and nobody said before how long it is."""
    monkeypatch.setattr(webhooks, "LIMIT", 1000)
    read = []

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, into: Any) -> int:
            read.append(len(into))
            into[:] = b"x" * len(into)
            return len(into)

    environ = create_environ("/webhooks/github", method="POST")
    environ.pop("CONTENT_LENGTH", None)
    environ |= {
        "wsgi.input": io.BufferedReader(Endless(), 1024), "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }  # fmt: skip
    _, status, _ = run_wsgi_app(forge.application, environ, buffered=True)
    assert status.startswith("413")
    assert sum(read) < 100_000


def as_form(payload: dict[str, Any], **more: str) -> bytes:
    return urlencode({"payload": json.dumps(payload), **more}).encode()


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"]
)
def test_a_form_is_read_as_its_payload_and_signed_as_it_came(
    forge: FlaskClient, one_store: Store, content_type: str
) -> None:
    payload = {
        "action": "opened", "repository": {"full_name": "a/b"},
        "pull_request": {"number": 7, "title": "50 % more & \u00e4+b", "state": "open"},
    }  # fmt: skip
    body = as_form(payload)
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "pull_request", "X-GitHub-Delivery": "f-1", "X-Hub-Signature-256": f"sha256={mac}"}
    answer = forge.post("/webhooks/github", data=body, headers=headers, content_type=content_type)
    assert (answer.status_code, (answer.json or {})["status"]) == (202, "waiting")
    with one_store.read() as session:
        kept = session.scalars(select(WebhookDelivery)).one()
        assert json.loads(kept.body or b"") == payload
        assert (kept.event, kept.forge_slug) == ("pull_request", "a/b")
    forged = forge.post("/webhooks/github", data=body + b"&x=1", headers=headers, content_type=content_type)
    assert forged.status_code == 401


@pytest.mark.parametrize("body", [b"", b"other=1", b"payload=1&payload=2", b"payload=%7B", b"&".join([b"a=1"] * 100)])
def test_a_form_without_one_payload_of_json_is_told(forge: FlaskClient, body: bytes) -> None:
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "f-2", "X-Hub-Signature-256": f"sha256={mac}"}
    answer = forge.post(
        "/webhooks/github", data=body, headers=headers, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 422


def test_a_compressed_body_is_not_unpacked(forge: FlaskClient) -> None:
    answer = post(forge, gzip.compress(b'{"zen": "x"}'), "ping", **{"Content-Encoding": "gzip"})
    assert answer.status_code == 422
    assert "compressed" in answer.get_data(as_text=True)


@pytest.mark.acceptance("ING-8")
def test_five_megabytes_are_taken_and_looked_at_later(forge: FlaskClient) -> None:
    pull = {"number": 1, "title": "x", "state": "open", "body": "y" * 5_000_000}
    body = json.dumps({"action": "opened", "pull_request": pull, "repository": {"full_name": "a/b"}}).encode()
    began = time.process_time()
    answer = post(forge, body)
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["status"] == "waiting"
    assert time.process_time() - began < 10  # a hang, not a speed: it takes about a tenth of a second


@pytest.mark.acceptance("ING-3")
@pytest.mark.acceptance("ING-2")
def test_a_forged_or_unsigned_delivery_is_401(forge: FlaskClient, one_store: Store) -> None:
    for given in ("", "sha256=é", "sha256=" + "0" * 64):
        answer = post(forge, b"{}", **{"X-Hub-Signature-256": given})
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
    assert webhooks.deliveries(one_store, OPERATOR).items == ()


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
