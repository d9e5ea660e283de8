"""Deliveries as an administrator sees them: the last of each forge, and each of them made something of again."""

from __future__ import annotations

import hashlib
import hmac
import json
import re

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from release_mgmt import clock
from release_mgmt.cli import cli
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import forges, people, signin, webhooks
from release_mgmt.settings import Settings
from release_mgmt.sources.forge.signatures import WebhookSecret
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.functional.test_signing_in import PASSWORD, sign_in

OPERATOR = trusted("operator", Via.CLI)


@pytest.fixture
def delivered(one_store: Store) -> str:
    """A repository on GitHub and one delivery for it that failed."""
    now = clock.now()
    with one_store.write() as session:
        session.add(Repository(id="r_1", name="models", location="/x", adopted_at=now, created_at=now, updated_at=now))
    forges.connect(one_store, OPERATOR, now, "models", provider="github", forge_slug="acme/models")
    body = json.dumps({"ref": "refs/heads/main", "repository": {"full_name": "acme/models"}}).encode()
    mac = hmac.new(b"a shared secret", body, hashlib.sha256).hexdigest()
    headers = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "g"), ("X-Hub-Signature-256", f"sha256={mac}")]
    made = webhooks.accept(one_store, now, "github", headers, body, WebhookSecret("a shared secret"))
    with one_store.write() as session:
        row = session.get_one(WebhookDelivery, made.id)
        row.status, row.error, row.due_at = "failed", "the database was away", None
    return made.id


@pytest.fixture
def browser(app: Flask, one_store: Store) -> FlaskClient:
    grants = (people.Grant(Role.ADMINISTRATOR),)
    now = clock.now()
    ada = people.add(one_store, OPERATOR, now, name="Ada", login="ada@example.org", grants=grants)
    link = signin.make_link(one_store, OPERATOR, now, ada.id)
    signin.follow_link(one_store, now, link, password=PASSWORD, limits=signin.SessionLimits(), origin=None)
    client = app.test_client()
    sign_in(client)
    return client


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.acceptance("ING-9")
def test_the_pages_show_the_last_delivery_and_replay_it(browser: FlaskClient, one_store: Store, delivered: str) -> None:
    for path in ("/admin/sources", "/admin/repositories/models/forge"):
        page = plain(browser.get(path, headers={"Accept": "text/html"}).text)
        assert re.search(r"Last delivery: .{5,60} push, failed *: the database was away", page), path
    page = browser.get("/admin/sources", headers={"Accept": "text/html"}).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    answer = browser.post(f"/admin/sources/{delivered}", data={"csrf_token": token[1]}, headers={"Accept": "text/html"})
    assert answer.status_code in {302, 303}
    assert webhooks.due(one_store, clock.now()) == (delivered,)


@pytest.mark.acceptance("ING-9")
def test_the_command_line_lists_and_replays_deliveries(
    settings: Settings, one_store: Store, delivered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASE_MGMT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("RELEASE_MGMT_DATA_DIR", settings.data_dir)
    listed = CliRunner().invoke(cli, ["webhooks", "list", "--status", "failed"])
    assert listed.exit_code == 0, listed.output
    assert f"{delivered}  " in listed.output
    assert "failed   github push  acme/models  the database was away" in listed.output
    assert CliRunner().invoke(cli, ["webhooks", "replay", delivered]).output == "Done.\n"
    assert webhooks.delivery(one_store, OPERATOR, delivered).status == "done"
