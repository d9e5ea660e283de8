"""Single sign-on against a real OpenID provider on the loopback: PKCE, groups to roles, what is refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import federation, people, teams
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store
from tests.support.waiting import LIMIT

OPERATOR = trusted("operator", Via.CLI)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The httpx module:UserWarning")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of an OpenID provider; claims are set over its own API."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oidc_provider_mock

        with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
            yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def site(settings: Settings, one_store: Store, provider: str) -> Flask:
    """An installation that knows the provider."""
    teams.add(one_store, OPERATOR, clock.now(), slug="fraud", name="Fraud")
    app = create_app(
        replace(
            settings, oidc_issuer=provider, oidc_client_id="release-mgmt", oidc_client_secret="s3cret",
            oidc_groups=("releases=release_manager:pricing", "devs=engineer", "fraud=team:fraud"),
        ),
        one_store,
    )  # fmt: skip
    app.testing = True
    return app


def claims(provider: str, subject: str, **more: object) -> None:
    requests.put(f"{provider}/users/{subject}", json=more, timeout=LIMIT).raise_for_status()


def visit(client: FlaskClient, subject: str, target: str = "/me") -> TestResponse:
    """Do what a browser does: to the provider, sign in there, come back."""
    away = client.get(f"/sign-in/single?next={target}")
    assert away.status_code == 302
    assert away.location is not None
    asked = parse_qs(urlsplit(away.location).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    there = requests.post(away.location, data={"sub": subject}, allow_redirects=False, timeout=LIMIT)
    assert there.status_code == 302, there.text
    return client.get(re.sub(r"^https?://[^/]+", "", there.headers["Location"]))


def test_groups_give_roles_and_teams_and_take_them_again(site: Flask, one_store: Store, provider: str) -> None:
    everything = {"email": "ada@example.org", "email_verified": True, "name": "Ada"}
    claims(provider, "ada", **everything, groups=["releases", "fraud", "unknown"])
    client = site.test_client()
    done = visit(client, "ada")
    assert (done.status_code, done.location) == (303, "/me")
    assert "Ada" in client.get("/me").text
    found, _ = people.search(one_store, OPERATOR, text="ada")
    assert [grant.role for grant in found[0].grants] == [Role.READER, Role.RELEASE_MANAGER]
    assert found[0].teams == ("fraud",)
    people.change(one_store, OPERATOR, clock.now(), found[0].id, grants=(people.Grant(Role.ENGINEER),))
    claims(provider, "ada", **everything, groups=[])
    visit(site.test_client(), "ada")
    again = people.get(one_store, OPERATOR, found[0].id)
    assert [grant.role for grant in again.grants] == [Role.ENGINEER, Role.READER], "what a person gave stays"
    assert again.teams == ()


def test_a_verified_address_joins_the_account_an_unverified_one_does_not(
    site: Flask, one_store: Store, provider: str
) -> None:
    victim = people.add(one_store, OPERATOR, clock.now(), name="Grace", login="grace@example.org")
    people.link(one_store, OPERATOR, clock.now(), victim.id, kind="email", value="grace@example.org")
    claims(provider, "mallory", email="grace@example.org", email_verified=False, name="Mallory")
    visit(site.test_client(), "mallory")
    claims(provider, "grace", email="grace@example.org", email_verified=True, name="Grace")
    visit(site.test_client(), "grace")
    kinds = {one.kind for one in people.get(one_store, OPERATOR, victim.id).identities}
    assert kinds == {"email", "oidc"}
    found, _ = people.search(one_store, OPERATOR, text="mallory")
    assert found[0].id != victim.id


def test_an_address_that_was_given_to_somebody_else_opens_nobodys_account(
    site: Flask, one_store: Store, provider: str
) -> None:
    claims(provider, "first", email="info@example.org", email_verified=True, name="First")
    visit(site.test_client(), "first")
    claims(provider, "second", email="info@example.org", email_verified=True, name="Second", groups=["releases"])
    client = site.test_client()
    assert visit(client, "second").status_code == 403
    assert client.get("/me").status_code == 401
    found, _ = people.search(one_store, OPERATOR, text="first")
    assert len(found[0].identities) == 2
    assert [grant.role for grant in found[0].grants] == [Role.READER]
    people.unlink(one_store, OPERATOR, clock.now(), found[0].id, kind="email", value="info@example.org")
    assert visit(client, "second").status_code == 303
    named, _ = people.search(one_store, OPERATOR, text="second")
    assert {one.kind for one in named[0].identities} == {"oidc", "email"}


def test_nobody_signs_in_as_a_program_by_its_address(site: Flask, one_store: Store, provider: str) -> None:
    robot = people.add(one_store, OPERATOR, clock.now(), name="Robot", login="robot", kind="service")
    people.link(one_store, OPERATOR, clock.now(), robot.id, kind="email", value="robot@example.org")
    claims(provider, "mallory", email="robot@example.org", email_verified=True, name="Mallory")
    assert visit(site.test_client(), "mallory").status_code == 403


@pytest.mark.parametrize("told", [False, None, "true", 1])
def test_only_a_plain_yes_makes_an_address_verified(site: Flask, one_store: Store, provider: str, told: object) -> None:
    owner = people.add(one_store, OPERATOR, clock.now(), name="Owner", login="owner@example.org")
    people.link(one_store, OPERATOR, clock.now(), owner.id, kind="email", value="owner@example.org")
    claims(provider, "mallory", email="Owner@example.org", email_verified=told, name="Mallory")
    visit(site.test_client(), "mallory")
    assert {one.kind for one in people.get(one_store, OPERATOR, owner.id).identities} == {"email"}


def test_an_answer_that_was_not_asked_for_is_refused(site: Flask) -> None:
    """Login CSRF: a code or state that this browser did not start with signs nobody in."""
    client = site.test_client()
    client.get("/sign-in/single")
    answer = client.get("/sign-in/single/callback?code=stolen&state=forged")
    assert answer.status_code == 401
    assert client.get("/me").status_code == 401


def test_somebody_disabled_here_stays_out(site: Flask, one_store: Store, provider: str) -> None:
    claims(provider, "eve", email="eve@example.org", email_verified=True, name="Eve")
    client = site.test_client()
    visit(client, "eve")
    found, _ = people.search(one_store, OPERATOR, text="eve")
    people.change(one_store, OPERATOR, clock.now(), found[0].id, active=False)
    assert visit(site.test_client(), "eve").status_code == 403


def test_without_a_provider_there_is_no_single_sign_on(client: FlaskClient) -> None:
    assert client.get("/sign-in/single").status_code == 404


def test_a_provider_that_does_not_answer_is_told(settings: Settings, one_store: Store) -> None:
    app = create_app(replace(settings, oidc_issuer="http://127.0.0.1:9", oidc_client_id="x"), one_store)
    assert app.test_client().get("/sign-in/single").status_code == 503


@pytest.mark.parametrize("word", ["devs", "devs=king", "=reader", "devs=release_manager", "devs=engineer:pricing"])
def test_wrong_group_settings_are_told_by_their_place(word: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        federation.group_map(("a=reader", word))
    assert refused.value.errors[0].path == "oidc_groups[1]"
