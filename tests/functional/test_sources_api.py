"""Forges and deliveries over REST."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

import pytest
from flask.testing import FlaskClient

from release_mgmt.services import webhooks
from release_mgmt.sources.forge.signatures import WebhookSecret
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store

SECRET = "a shared secret"


@pytest.fixture
def repository(store: Store, now: datetime) -> str:
    """A registered repository that is connected to no forge."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/a/b", adopted_at=now, created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
    return "models"


def test_a_repository_is_connected_to_its_forge_and_shows_how_it_is_read(
    administrator: FlaskClient, reader: FlaskClient, repository: str
) -> None:
    assert reader.get(f"/api/v1/sources/{repository}").status_code == 404
    wanted = {"provider": "github", "forge_slug": "acme/models", "answers": True}
    assert reader.put(f"/api/v1/sources/{repository}", json=wanted).status_code == 403
    made = administrator.put(f"/api/v1/sources/{repository}", json=wanted)
    assert made.status_code == 200, made.json
    shown = reader.get(f"/api/v1/sources/{repository}").json
    assert shown is not None
    assert (shown["api_url"], shown["answers"], shown["lag"]) == ("https://api.github.com", True, None)
    page = " ".join(reader.get(f"/repositories/{repository}").get_data(as_text=True).split())
    assert "GitHub, not read yet" in page
    listed = reader.get("/api/v1/sources").json
    assert listed is not None
    assert [one["repository"] for one in listed["items"]] == [repository]


def test_a_repository_that_is_kept_for_its_teams_is_not_told_by_its_source(
    administrator: FlaskClient, reader: FlaskClient, store: Store, repository: str
) -> None:
    administrator.put(f"/api/v1/sources/{repository}", json={"provider": "github", "forge_slug": "acme/models"})
    with store.write() as session:
        session.get_one(Repository, "r_1").settings = {"teams_only": True}
    assert reader.get(f"/api/v1/sources/{repository}").status_code == 404
    listed = reader.get("/api/v1/sources").json
    assert listed is not None
    assert listed["items"] == []
    assert administrator.get(f"/api/v1/sources/{repository}").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"provider": "svn", "forge_slug": "a/b"}, "provider"),
        ({"provider": "gitea", "forge_slug": "a/b"}, "api_url"),
        ({"provider": "github", "forge_slug": "../x"}, "forge_slug"),
        ({"provider": "github"}, "forge_slug"),
    ],
)
def test_a_wrong_connection_names_its_field(
    administrator: FlaskClient, repository: str, wanted: dict[str, str], field: str
) -> None:
    answer = administrator.put(f"/api/v1/sources/{repository}", json=wanted)
    assert answer.status_code == 422
    assert answer.json is not None
    assert field in str(answer.json["errors"])


@pytest.mark.acceptance("ING-9")
def test_deliveries_are_listed_shown_and_replayed_by_administrators_only(
    administrator: FlaskClient, reader: FlaskClient, store: Store, now: datetime
) -> None:
    body = b'{"ref": "v1", "ref_type": "tag", "repository": {"full_name": "acme/models"}}'
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = [("X-GitHub-Event", "create"), ("X-GitHub-Delivery", "g-1"), ("X-Hub-Signature-256", f"sha256={mac}")]
    accepted = webhooks.accept(store, now, "github", headers, body, WebhookSecret(SECRET))
    assert reader.get("/api/v1/deliveries").status_code == 403
    listed = administrator.get("/api/v1/deliveries?status=waiting&forge_slug=ACME/models").json
    assert listed is not None
    assert [one["id"] for one in listed["items"]] == [accepted.id]
    assert webhooks.process(store, now, accepted.id)
    one = administrator.get(f"/api/v1/deliveries/{accepted.id}").json
    assert one is not None
    assert (one["status"], one["error"]) == ("ignored", "no repository here has this address on its forge")
    again = administrator.post(f"/api/v1/deliveries/{accepted.id}/replay")
    assert again.status_code == 202
    assert again.json is not None
    assert again.json["status"] == "waiting"
    assert administrator.get("/api/v1/deliveries/w_none").status_code == 404


@pytest.mark.parametrize("forge", ["github", "gitlab", "gitea", "bitbucket", "bitbucket_server", "azure"])
def test_the_set_up_of_each_forges_webhook_is_told(administrator: FlaskClient, forge: str) -> None:
    told = administrator.get(f"/api/v1/webhook-setup/{forge}").json
    assert told is not None
    assert told["address"].endswith(f"/webhooks/{forge}")
    assert told["secret_setting"] == f"RELEASE_MGMT_{forge.upper()}_WEBHOOK_SECRET"
    assert told["steps"]
    assert told["events"]
