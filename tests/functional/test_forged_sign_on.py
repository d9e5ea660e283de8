"""What a provider's answer must prove before anybody is signed in: each forgery against a provider on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store
from tests.loopback import Reply, Server

CLIENT, OTHER = "release-mgmt", "another-application"
KEY, STRANGE = RSAKey.generate_key(2048, {"kid": "k1"}), RSAKey.generate_key(2048, {"kid": "k1"})
Claims = dict[str, Any]


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, KEY)


def by_a_stranger(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, STRANGE)


def unsigned(claims: Claims) -> str:
    head = {"alg": "none", "kid": "k1"}
    return f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(claims).encode())}."


def by_the_public_key(secret: bytes) -> Callable[[Claims], str]:
    """Signed with what everybody can read, as if it were a shared secret."""

    def made(claims: Claims) -> str:
        head = {"alg": "HS256", "kid": "k1"}
        text = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(claims).encode())}"
        return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    return made


def by_our_secret(claims: Claims) -> str:
    return by_the_public_key(b"s3cret")(claims)


class Provider:
    """An OpenID provider that says what a test wants: ``claims`` change the token, ``sign`` writes it."""

    def __init__(self) -> None:
        self.codes: dict[str, tuple[str, str]] = {}  # code -> (client, nonce)
        self.claims: Callable[[Claims], Claims] = lambda honest: honest
        self.sign: Callable[[Claims], str] | None = signed
        self.metadata: Claims = {}
        self.exchanged = 0
        self.server = Server(self.reply, raw=True)
        self.url = self.server.url

    def authorize(self, address: str, client: str = CLIENT) -> str:
        """The code that whoever signs in at the provider comes back with; ``client``: for whom it is given out."""
        asked = parse_qs(urlsplit(address).query)
        code = f"code-{len(self.codes)}"
        self.codes[code] = (client, asked["nonce"][0])
        return code

    def reply(self, method: str, path: str, headers: dict[str, str], body: object) -> Reply:
        if path == "/.well-known/openid-configuration":
            return 200, {}, {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/jwks",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            } | self.metadata  # fmt: skip
        if path == "/jwks":
            return 200, {}, {"keys": [KEY.as_dict(private=False)]}
        if path == "/userinfo":
            return 200, {}, {"sub": "ada", "groups": ["devs"]}
        assert (method, path) == ("POST", "/token")
        assert isinstance(body, bytes)
        form = dict(parse_qsl(body.decode()))
        client, nonce = self.codes.pop(form["code"], ("", ""))
        if client != CLIENT or not form.get("code_verifier"):
            return 400, {}, {"error": "invalid_grant"}
        self.exchanged += 1
        now = int(clock.now().timestamp())
        honest = {"iss": self.url, "sub": "ada", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce,
                  "groups": ["devs"]}  # fmt: skip
        answer: Claims = {"access_token": "a", "token_type": "Bearer", "expires_in": 300}
        if self.sign is not None:
            answer["id_token"] = self.sign(self.claims(honest))
        return 200, {}, answer


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.stop()


@pytest.fixture
def site(settings: Settings, one_store: Store, provider: Provider) -> Flask:
    app = create_app(
        replace(
            settings, oidc_issuer=provider.url, oidc_client_id=CLIENT, oidc_client_secret="s3cret",
            oidc_groups=("devs=engineer",),
        ),
        one_store,
    )  # fmt: skip
    app.testing = True
    return app


def away(client: FlaskClient) -> str:
    location = client.get("/sign-in/single?next=/me").location
    assert location is not None
    return location


def back(client: FlaskClient, address: str, code: str) -> TestResponse:
    state = parse_qs(urlsplit(address).query)["state"][0]
    return client.get("/sign-in/single/callback", query_string={"code": code, "state": state})


def visit(client: FlaskClient, provider: Provider) -> TestResponse:
    address = away(client)
    return back(client, address, provider.authorize(address))


def refused(client: FlaskClient, answer: TestResponse) -> None:
    assert answer.status_code == 401, answer.get_data(as_text=True)
    assert answer.location is None
    assert client.get("/me").status_code != 200, "nobody is signed in"


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda honest: {key: value for key, value in honest.items() if key != name}


def having(**more: Any) -> Callable[[Claims], Claims]:
    return lambda honest: honest | more


@pytest.mark.parametrize(
    "claims",
    [
        having(),
        having(aud=[CLIENT]),
        having(aud=[CLIENT, OTHER], azp=CLIENT),
        having(azp=CLIENT),
        having(exp=int(clock.now().timestamp()) + 86_400),
    ],
)
def test_an_honest_answer_signs_in(site: Flask, provider: Provider, claims: Callable[[Claims], Claims]) -> None:
    """So that what is refused below is refused for what was forged, and for nothing else."""
    provider.claims, client = claims, site.test_client()
    answer = visit(client, provider)
    assert (answer.status_code, answer.location) == (303, "/me")
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(having(iss="https://elsewhere.example"), id="iss-of-another"),
        pytest.param(without("iss"), id="no-iss"),
        pytest.param(having(aud=OTHER), id="aud-of-another"),
        pytest.param(having(aud=[OTHER]), id="aud-list-of-another"),
        pytest.param(having(aud=[OTHER], azp=CLIENT), id="aud-of-another-with-our-azp"),
        pytest.param(having(aud=OTHER, azp=CLIENT), id="aud-text-of-another-with-our-azp"),
        pytest.param(having(aud=[]), id="aud-empty"),
        pytest.param(without("aud"), id="no-aud"),
        pytest.param(having(aud=[CLIENT, OTHER]), id="aud-of-two-without-azp"),
        pytest.param(having(aud=[CLIENT, OTHER], azp=OTHER), id="azp-of-another"),
        pytest.param(having(azp=OTHER), id="azp-of-another-with-our-aud"),
        pytest.param(having(nonce="of-another-sign-in"), id="nonce-of-another"),
        pytest.param(having(nonce=""), id="nonce-empty"),
        pytest.param(without("nonce"), id="no-nonce"),
        pytest.param(lambda honest: honest | {"exp": honest["iat"] - 3600, "iat": honest["iat"] - 7200}, id="expired"),
        pytest.param(without("exp"), id="no-exp"),
        pytest.param(lambda honest: honest | {"iat": honest["iat"] + 3600}, id="of-tomorrow"),
        pytest.param(having(sub=""), id="sub-empty"),
        pytest.param(without("sub"), id="no-sub"),
        pytest.param(having(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), id="at-hash-of-another"),
    ],
)
def test_a_token_for_somebody_else_or_another_time_is_refused(
    site: Flask, provider: Provider, claims: Callable[[Claims], Claims]
) -> None:
    provider.claims, client = claims, site.test_client()
    refused(client, visit(client, provider))
    assert provider.exchanged == 1, "the token was read and not believed"


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(unsigned, id="alg-none"),
        pytest.param(by_a_stranger, id="another-key-by-the-same-name"),
        pytest.param(by_the_public_key(KEY.as_pem(private=False)), id="hs256-by-the-public-pem"),
        pytest.param(by_the_public_key(json.dumps(KEY.as_dict(private=False)).encode()), id="hs256-by-the-public-jwk"),
        pytest.param(by_our_secret, id="hs256-by-the-client-secret"),
        pytest.param(lambda claims: signed(claims)[:-6] + "AAAAAA", id="a-broken-signature"),
        pytest.param(lambda claims: signed(claims).rpartition(".")[0] + ".", id="no-signature"),
        pytest.param(lambda claims: "no token at all", id="no-token"),
        pytest.param(None, id="no-id-token"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_token_that_the_provider_did_not_sign_is_refused(
    site: Flask, provider: Provider, sign: Callable[[Claims], str] | None, named: bool
) -> None:
    """Whether or not the provider names the algorithms that it uses, and also where it names bad ones."""
    if not named:
        provider.metadata = {"id_token_signing_alg_values_supported": None}
    provider.sign, client = sign, site.test_client()
    refused(client, visit(client, provider))


def test_a_provider_that_calls_itself_otherwise_is_refused(site: Flask, provider: Provider) -> None:
    """The issuer of the settings counts, not what the document found there says (OpenID Connect Discovery, 4.3)."""
    provider.metadata = {"issuer": "https://elsewhere.example"}
    provider.claims, client = having(iss="https://elsewhere.example"), site.test_client()
    refused(client, visit(client, provider))


def test_a_state_counts_once(site: Flask, provider: Provider) -> None:
    """Neither with the code of before nor with a fresh one."""
    client = site.test_client()
    address = away(client)
    code = provider.authorize(address)
    assert back(client, address, code).status_code == 303
    client.delete_cookie("session")
    thief = site.test_client()
    for used in (code, provider.authorize(address)):
        refused(thief, back(thief, address, used))
    again = back(client, address, provider.authorize(address))
    assert (again.status_code, again.location) == (401, None)
    assert provider.exchanged == 1


def test_a_state_counts_once_in_its_own_browser_too(site: Flask, provider: Provider) -> None:
    client = site.test_client()
    address = away(client)
    assert back(client, address, provider.authorize(address)).status_code == 303
    again = back(client, address, provider.authorize(address))
    assert (again.status_code, provider.exchanged) == (401, 1)


def test_the_code_of_another_client_is_refused(site: Flask, provider: Provider) -> None:
    client = site.test_client()
    address = away(client)
    refused(client, back(client, address, provider.authorize(address, client=OTHER)))
    assert provider.exchanged == 0


def test_the_code_of_another_sign_in_is_refused(site: Flask, provider: Provider) -> None:
    """Somebody else's code with one's own state: the nonce is that of the other sign-in."""
    mine, theirs = site.test_client(), site.test_client()
    stolen = provider.authorize(away(theirs))
    refused(mine, back(mine, away(mine), stolen))
