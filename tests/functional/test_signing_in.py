"""Signing in and out over HTTP, as a browser does it: real forms, real cookies, a real database."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import argon2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from release_mgmt import bootstrap, clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.errors import Unauthenticated
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import feeds, people, secret, signin, tokens
from release_mgmt.services.feeds import lookup
from release_mgmt.settings import Settings
from release_mgmt.store.models.publishing import SubscriptionRow
from release_mgmt.store.session import Store

OPERATOR = trusted("operator", Via.CLI)
PASSWORD = "correct horse battery"
COOKIE = "release_mgmt"


def csrf_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def submit(client: FlaskClient, form_at: str, to: str, **fields: str) -> TestResponse:
    """Load the page with the form, then post it with its CSRF token."""
    page = client.get(form_at, headers={"Accept": "text/html"})
    return client.post(to, data={"csrf_token": csrf_of(page), **fields}, headers={"Accept": "text/html"})


@pytest.fixture
def ada(one_store: Store) -> str:
    """A person with a password; the id."""
    now = clock.now()
    person = people.add(one_store, OPERATOR, now, name="Ada", login="ada@example.org")
    link = signin.make_link(one_store, OPERATOR, now, person.id)
    limits = signin.SessionLimits()
    signin.follow_link(one_store, now, link, password=PASSWORD, limits=limits, origin=None)
    return person.id


def sign_in(client: FlaskClient, password: str = PASSWORD, **more: str) -> TestResponse:
    return submit(client, "/sign-in", "/sign-in", login="Ada@example.org", password=password, **more)


def test_the_first_administrator_comes_by_a_link_that_works_once(on_both: Flask, store: Store) -> None:
    now = clock.now()
    old = signin.first_administrator_link(store, OPERATOR, now)
    link = signin.first_administrator_link(store, OPERATOR, now)
    client = on_both.test_client()
    assert client.get(f"/welcome/{old}").status_code == 404, "a newer link voids the older"
    fields = {"login": "grace", "name": "Grace", "password": PASSWORD, "repeated_password": PASSWORD}
    assert submit(client, f"/welcome/{link}", f"/welcome/{link}", **{**fields, "password": "short"}).status_code == 422
    assert submit(client, f"/welcome/{link}", f"/welcome/{link}", **fields).status_code == 303
    assert "administrator" in client.get("/me").text
    assert client.get(f"/welcome/{link}").status_code == 404
    assert signin.first_administrator_link(store, OPERATOR, now) is None


def test_a_browser_signs_in_goes_where_it_wanted_and_signs_out(app: Flask, ada: str) -> None:
    client = app.test_client()
    asked = client.get("/me", headers={"Accept": "text/html"})
    assert (asked.status_code, asked.location) == (302, "/sign-in?next=%2Fme")
    done = sign_in(client, next="/me")
    assert (done.status_code, done.location) == (303, "/me")
    cookie = next(line for line in done.headers.getlist("Set-Cookie") if line.startswith(COOKIE + "="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert submit(client, "/me", "/sign-out").status_code == 303
    assert client.get("/me").status_code == 401


def test_a_cookie_kept_from_before_signing_out_is_worth_nothing(app: Flask, ada: str) -> None:
    client, thief = app.test_client(), app.test_client()
    sign_in(client)
    kept = client.get_cookie(COOKIE)
    assert kept is not None
    submit(client, "/me", "/sign-out")
    thief.set_cookie(COOKIE, kept.value)
    assert thief.get("/me").status_code == 401


def test_a_session_fixed_before_signing_in_is_not_used(app: Flask, ada: str) -> None:
    """Session fixation: the secret that a browser brings along never becomes a session."""
    client = app.test_client()
    client.set_cookie(COOKIE, "chosen-by-somebody-else")
    sign_in(client)
    made = client.get_cookie(COOKIE)
    assert made is not None
    assert made.value != "chosen-by-somebody-else"
    other = app.test_client()
    other.set_cookie(COOKIE, "chosen-by-somebody-else")
    assert other.get("/me").status_code == 401


def test_a_form_without_its_token_is_refused(app: Flask, ada: str) -> None:
    client = app.test_client()
    refused = client.post("/sign-in", data={"login": "ada@example.org", "password": PASSWORD})
    assert refused.status_code == 400
    sign_in(client)
    assert client.post("/sign-out").status_code == 400
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_led_away_by_next(app: Flask, ada: str, target: str) -> None:
    assert sign_in(app.test_client(), next=target).location == "/"


def test_an_unknown_login_answers_as_a_known_one_does(app: Flask, ada: str) -> None:
    """No enumeration: same status, same page but for the login typed, and both are slowed down alike."""
    client = app.test_client()
    pages = []
    for login in ("ada@example.org", "nobody@example.org"):
        answers = [submit(client, "/sign-in", "/sign-in", login=login, password="wrong wrong wrong") for _ in range(7)]
        assert [one.status_code for one in answers] == [401] * 5 + [429] * 2
        pages.append(
            re.sub(r'name="csrf_token" value="[^"]+"|<time.*?</time>', "", answers[0].text.replace(login, "LOGIN"))
        )
    assert pages[0] == pages[1]


@pytest.mark.parametrize("login", ["ada@example.org", "nobody@example.org", "gone@example.org", "robot@example.org"])
def test_every_failed_sign_in_costs_one_argon2_verification(
    one_store: Store, ada: str, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known, unknown, disabled and without a password: each costs the same one verification with the same parameters,
    so that time tells none from another."""
    now = clock.now()
    people.add(one_store, OPERATOR, now, name="Gone", login="gone@example.org")
    people.change(one_store, OPERATOR, now, "gone@example.org", active=False)
    people.add(one_store, OPERATOR, now, name="Robot", login="robot@example.org", kind="service")
    verify, asked = argon2.PasswordHasher.verify, []

    def counted(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
        asked.append(argon2.extract_parameters(stored))
        return bool(verify(hasher, stored, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    with pytest.raises(Unauthenticated):
        signin.with_password(
            one_store, now, login=login, password="wrong " + PASSWORD, limits=signin.SessionLimits(), origin=None
        )
    assert asked == [argon2.extract_parameters(secret.hash_password(PASSWORD))]


def test_a_secret_is_looked_up_by_its_hash_and_never_compared(app: Flask, one_store: Store, ada: str) -> None:
    """Session, token and feed are found by the SHA-256 of what was sent: no text of a secret reaches the database, so
    no comparison, however it is done, can tell by its time how much of a guess was right."""
    now, asked = clock.now(), []
    limits = signin.SessionLimits()
    signed = signin.with_password(
        one_store, now, login="ada@example.org", password=PASSWORD, limits=limits, origin=None
    )
    token = str(tokens.create(one_store, signed.actor, now, name="ci", scopes=("read",)).secret)
    feed = str(feeds.create(one_store, signed.actor, now, name="mine").token)
    link = signin.make_link(one_store, OPERATOR, now, ada)

    def note(_connection: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        asked.append(f"{statement} {values!r}")

    event.listen(one_store.engine, "before_cursor_execute", note)
    client = app.test_client()
    client.set_cookie(COOKIE, signed.cookie)
    assert client.get("/me").status_code == 200
    bearer = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/v1/changes", headers=bearer).status_code == 200
    assert client.get(f"/welcome/{link}").status_code == 200
    said = " ".join(asked)
    for plain in (signed.cookie, token, link):
        assert secret.digest(plain) in said
        assert plain not in said
    assert lookup.look_up(one_store, feed) is not None
    with one_store.read() as session:
        kept = {row.token_hash for row in session.query(SubscriptionRow)}
    assert kept == {secret.digest(feed)}


@pytest.mark.parametrize("path", ["/sign-in", "/welcome/guess"])
def test_the_door_has_a_limit_of_its_own_besides_the_throttle(
    settings: Settings, one_store: Store, ada: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many logins or links somebody tries from one address, a minute holds few of them, long before the limit
    of all requests and before the throttle of failures."""
    monkeypatch.setattr(bootstrap, "DOOR_LIMIT", 3)
    client = create_app(replace(settings, rate_limit="5000/minute"), one_store).test_client()
    token = csrf_of(client.get("/sign-in", headers={"Accept": "text/html"}))
    seen = [
        client.post(path, data={"csrf_token": token, "login": f"p{n}", "password": "x"}).status_code for n in range(4)
    ]
    assert 429 not in seen[:3]
    assert seen[3] == 429
    assert client.get("/sign-in").status_code == 200, "the form itself is not held back"


def test_many_failures_slow_down_and_a_success_forgets_them(one_store: Store, ada: str) -> None:
    now, limits = clock.now(), signin.SessionLimits()

    def attempt(at: object, password: str) -> str:
        try:
            signin.with_password(
                one_store,
                at,
                login="ada@example.org",
                password=password,
                limits=limits,
                origin=None,  # type: ignore[arg-type]
            )
        except signin.TooMany:
            return "wait"
        except signin.Unauthenticated:
            return "wrong"
        return "in"

    assert [attempt(now, "x") for _ in range(5)] == ["wrong"] * 5
    assert attempt(now, PASSWORD) == "wait", "not even the right password, or guessing would go on"
    assert attempt(now + timedelta(seconds=6), PASSWORD) == "in"
    assert attempt(now + timedelta(seconds=6), "x") == "wrong"


def test_a_session_ends_when_idle_and_in_any_case(app: Flask, one_store: Store, ada: str) -> None:
    now = clock.now()
    limits = signin.SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=3))
    done = signin.with_password(one_store, now, login="ada@example.org", password=PASSWORD, limits=limits, origin=None)

    def known(minutes: int) -> bool:
        return (
            signin.actors.by_session(one_store, done.cookie, now + timedelta(minutes=minutes), limits, None) is not None
        )

    assert known(59)
    assert known(59 + 59)
    assert known(59 + 59 + 59)
    assert not known(180), "absolute"
    assert not known(59 * 3 + 60), "idle"


def test_signing_out_everywhere_ends_every_browser(app: Flask, ada: str) -> None:
    one, other = app.test_client(), app.test_client()
    sign_in(one)
    sign_in(other)
    submit(one, "/me", "/sign-out", everywhere="1")
    assert other.get("/me").status_code == 401


def test_a_new_password_rotates_this_browser_and_ends_the_others(app: Flask, ada: str) -> None:
    one, other = app.test_client(), app.test_client()
    sign_in(one)
    sign_in(other)
    before = one.get_cookie(COOKIE)
    done = submit(one, "/me", "/me/password", old_password=PASSWORD, password="another fine long one")
    assert done.status_code == 303
    after = one.get_cookie(COOKIE)
    assert before is not None
    assert after is not None
    assert after.value != before.value
    assert one.get("/me").status_code == 200
    assert other.get("/me").status_code == 401


def test_a_token_is_shown_once_kept_as_a_hash_and_revocable(app: Flask, one_store: Store, ada: str) -> None:
    client = app.test_client()
    sign_in(client)
    page = submit(client, "/me", "/me/tokens", name="ci", scopes="gate")
    secret = re.search(r"rmt_[\w-]+", page.text)
    assert secret is not None
    assert secret[0] not in client.get("/me").text
    with one_store.read() as session:
        stored = session.execute(text("SELECT * FROM api_tokens")).mappings().one()
        everything = str(session.execute(text("SELECT * FROM audit_log")).all())
    assert secret[0] not in str(dict(stored))
    assert secret[0] not in everything
    bearer = {"Authorization": f"Bearer {secret[0]}"}
    assert app.test_client().get("/sign-in", headers=bearer).status_code == 200
    submit(client, "/me", f"/me/tokens/{stored['id']}/revoke")
    assert app.test_client().get("/sign-in", headers=bearer).status_code == 401


def test_texts_of_people_are_escaped(app: Flask, one_store: Store, ada: str) -> None:
    people.change(one_store, OPERATOR, clock.now(), ada, name="<script>alert(1)</script>")
    client = app.test_client()
    sign_in(client)
    page = client.get("/me").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_no_password_reaches_the_log(app: Flask, ada: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = app.test_client()
    sign_in(client, password="my secret wrong password")
    sign_in(client)
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    said = capsys.readouterr()
    for plain in ("my secret wrong password", PASSWORD, cookie.value):
        assert plain not in said.out + said.err


def test_somebody_disabled_is_out_at_once(app: Flask, one_store: Store, ada: str) -> None:
    client = app.test_client()
    sign_in(client)
    people.change(one_store, OPERATOR, clock.now(), ada, active=False)
    assert client.get("/me").status_code == 401
    assert sign_in(app.test_client()).status_code == 401


def test_the_last_administrator_cannot_be_taken_away(one_store: Store) -> None:
    now = clock.now()
    root = people.add(one_store, OPERATOR, now, name="Root", login="root", grants=(people.Grant(Role.ADMINISTRATOR),))
    for attempt in ({"active": False}, {"grants": (people.Grant(Role.READER),)}):
        with pytest.raises(people.Conflict):
            people.change(one_store, OPERATOR, now, root.id, **attempt)  # type: ignore[arg-type]
