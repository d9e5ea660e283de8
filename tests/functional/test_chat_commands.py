"""Slash commands: genuine ones only, answered with what the person behind them may see."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import people
from release_mgmt.settings import Settings
from release_mgmt.sources.channels.commands import slack_signed
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow
from release_mgmt.store.session import Store
from tests.functional.test_approvals_api import Api
from tests.support.steady import steady

OPERATOR = trusted("operator", Via.CLI)
SECRET, TOKEN = "8f742231b10e8888abcd99yyyzzz85a5", "a token of mattermost"


@pytest.fixture
def talking(settings: Settings, one_store: Store, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """One change tomorrow in the calendar Pricing, whose windows are closed; Ada is known to Slack and Mattermost."""
    monkeypatch.setattr(clock, "now", steady(time.monotonic()))
    chosen = replace(settings, slack_signing_secret=SECRET, mattermost_command_token=TOKEN)
    made = create_app(chosen, one_store)
    made.testing = True
    Api(made, one_store).place("c1")
    person = people.add(
        one_store, OPERATOR, clock.now(), name="Ada", login="ada", grants=(people.Grant(Role.ENGINEER),)
    ).id
    people.link(one_store, OPERATOR, clock.now(), person, kind="slack", value="T1.U1")
    people.link(one_store, OPERATOR, clock.now(), person, kind="mattermost", value="mm1")
    return made


def slack(
    app: Flask, text: str, *, secret: str = SECRET, age: float = 0, user: str = "U1", tamper: bytes = b""
) -> TestResponse:
    body = urlencode({"team_id": "T1", "user_id": user, "command": "/release", "text": text}).encode()
    stamp = str(int(clock.now().timestamp() - age))
    signature = "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
    form = "application/x-www-form-urlencoded"
    return app.test_client().post("/chats/slack/command", data=body + tamper, headers=headers, content_type=form)


def said(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert answer.json["response_type"] == "ephemeral"
    return str(answer.json["text"])


def test_slacks_own_example_of_a_signature_is_accepted() -> None:
    """From "Verifying requests from Slack": its secret, timestamp, body and signature."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    now = datetime.fromtimestamp(1531420618, UTC)
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert slack_signed(headers, body, secret, now)
    assert slack_signed(headers, body, secret, now + timedelta(minutes=5))
    assert not slack_signed(headers, body, secret, now + timedelta(minutes=5, seconds=1))
    assert not slack_signed(headers, body + b"x", secret, now)


def test_what_is_not_genuine_is_refused(talking: Flask, app: Flask) -> None:
    assert slack(talking, "next").status_code == 200
    assert slack(talking, "next", secret="another").status_code == 401
    assert slack(talking, "next", age=301).status_code == 401
    assert slack(talking, "next", age=-301).status_code == 401
    assert slack(talking, "next", tamper=b"&x=1").status_code == 401
    assert slack(app, "next").status_code == 401, "without a secret every command is refused"
    assert slack(talking, "x" * 20_000).status_code == 413
    client = talking.test_client()
    assert client.post("/chats/slack/command", data={"text": "next"}).status_code == 401
    assert client.post("/chats/irc/command", data={"text": "next"}).status_code == 404
    for token in ("", "wrong"):
        assert client.post("/chats/mattermost/command", data={"text": "next", "token": token}).status_code == 401
    many = "&".join(f"a{n}=1" for n in range(100))
    form = "application/x-www-form-urlencoded"
    assert client.post("/chats/mattermost/command", data=many, content_type=form).status_code == 401


def test_next_why_and_gate_answer_who_is_linked(talking: Flask) -> None:
    told = said(slack(talking, "next"))
    assert told.startswith("Pricing: ")
    assert "/windows/pricing/" in told
    assert "Minor: " in told
    told = said(slack(talking, "why c1"))
    assert "Minor" in told
    assert "Planned for " in told
    assert told.endswith("/changes/c1")
    assert said(slack(talking, "gate pricing prod")).startswith("Not now.")
    assert said(slack(talking, "why nothing")) == "There is no such change."
    assert said(slack(talking, "gate nothing")) == "There is no such repository."
    assert said(slack(talking, "")) == said(slack(talking, "dance")) == "Ask: next, why CHANGE, or gate REPOSITORY."
    form = {"text": "next", "token": TOKEN, "user_id": "mm1"}
    assert "Pricing: " in said(talking.test_client().post("/chats/mattermost/command", data=form))
    headers = {"Authorization": f"Token {TOKEN}"}
    answer = talking.test_client().post("/chats/mattermost/command", data=form | {"token": ""}, headers=headers)
    assert "Pricing: " in said(answer)


def test_who_is_not_linked_hears_of_public_calendars_only(talking: Flask, one_store: Store) -> None:
    assert said(slack(talking, "next", user="U9")) == "Nothing is planned in the next 60 days."
    assert "slack:t1.u9" in said(slack(talking, "why c1", user="U9"))
    assert "slack:t1.u9" in said(slack(talking, "gate pricing", user="U9"))
    with one_store.write() as session:
        session.execute(update(CalendarRow).values(public=True))
    assert said(slack(talking, "next", user="U9")).startswith("Pricing: ")


def test_what_is_kept_from_the_person_is_not_told(talking: Flask, one_store: Store) -> None:
    with one_store.write() as session:
        session.execute(update(Repository).values(settings={"teams_only": True}, owner_team=None))
        session.execute(update(Change).values(affected_teams=[]))
    assert said(slack(talking, "why c1")) == "There is no such change."
    assert said(slack(talking, "gate pricing")) == "There is no such repository."
    assert "c1" not in said(slack(talking, "next"))


def test_a_title_from_git_mentions_nobody(talking: Flask, one_store: Store) -> None:
    with one_store.write() as session:
        session.execute(update(Change).values(title="<!channel> ![x](http://evil.example/i.png) & more"))
        soon = clock.now() + timedelta(days=1)
        session.execute(update(WindowRow).values(starts_at=soon, ends_at=soon + timedelta(hours=1)))
        session.execute(update(PlacementRow).values(starts_at=soon, ends_at=soon + timedelta(hours=1)))
    told = said(slack(talking, "next"))
    assert "<!channel>" not in told
    assert "&lt;!channel&gt;" in told
    form = {"text": "next", "token": TOKEN, "user_id": "mm1"}
    assert "![x](" not in said(talking.test_client().post("/chats/mattermost/command", data=form))
