"""Preferences, the log and the end of mails over HTTP: REST and pages, each as who may and who may not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.cli import doctor
from release_mgmt.cli.messages import messages
from release_mgmt.core.permissions import Action, Role, Via, trusted
from release_mgmt.services import audit, people, personal_data
from release_mgmt.services.messages import posting
from release_mgmt.services.messages.readers import mail_target
from release_mgmt.settings import Settings
from release_mgmt.store.models.messages import MessageDelivery, MessageTarget
from release_mgmt.store.models.publishing import NoteRow
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.integration.messages.town import MailRoom

OPERATOR = trusted("operator", Via.CLI)
HTML = {"Accept": "text/html"}


@pytest.fixture
def mailing(settings: Settings, one_store: Store) -> Flask:
    """The application with a mail server set."""
    made = create_app(replace(settings, smtp_host="mail.example.org"), one_store)
    made.testing = True
    return made


@pytest.fixture
def ada(mailing: Flask, one_store: Store) -> FlaskClient:
    return client_as(mailing, one_store, Role.READER, name="Ada")


@pytest.fixture
def root(mailing: Flask, one_store: Store) -> Iterator[FlaskClient]:
    return client_as(mailing, one_store, *Role, name="Root")


def person_of(store: Store, login: str) -> str:
    return people.get(store, OPERATOR, login).id


def test_everybody_chooses_for_themselves_and_for_nobody_else(
    ada: FlaskClient, root: FlaskClient, mailing: Flask, one_store: Store
) -> None:
    mine = ada.get("/api/v1/messages/preferences").json
    assert mine is not None
    (mail,) = mine["items"]
    assert (mail["channel"], mail["mode"], mail["events"]) == ("email", "immediate", None)
    wanted = {
        "mode": "weekly", "digest_at": "07:30", "digest_day": 4, "quiet_from": "20:00", "quiet_until": "07:00",
        "zone": "Europe/Berlin", "language": "de", "events": ["change.moved"],
    }  # fmt: skip
    kept = ada.patch(f"/api/v1/messages/targets/{mail['id']}", json=wanted)
    assert kept.status_code == 200
    assert {name: kept.json[name] for name in wanted} == wanted  # type: ignore[index]
    other = client_as(mailing, one_store, Role.ENGINEER, name="Eve")
    path = f"/api/v1/messages/targets/{mail['id']}"
    assert other.patch(path, json={"mode": "off"}).status_code == 403
    assert other.get(path).status_code == 403
    assert other.post(f"{path}/test").status_code == 403
    assert other.get("/api/v1/messages/targets").status_code == 403
    assert other.post("/api/v1/messages/targets", json={}).status_code == 403
    assert root.get(path).status_code == 200
    stale = ada.patch(path, json={"mode": "off"}, headers={"If-Match": '"99"'})
    assert stale.status_code == 412


def test_what_cannot_be_meant_is_refused_by_its_field(ada: FlaskClient) -> None:
    path = f"/api/v1/messages/targets/{ada.get('/api/v1/messages/preferences').json['items'][0]['id']}"  # type: ignore[index]
    for body, field in (
        ({"mode": "hourly"}, "mode"), ({"zone": "Mars/Base"}, "zone"), ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until"), ({"digest_at": "25:00"}, "digest_at"),
        ({"events": ["change.dreamt"]}, "events"), ({"calendars": ["nowhere"]}, "calendars"),
        ({"language": "xx"}, "language"),
    ):  # fmt: skip
        answer = ada.patch(path, json=body)
        assert answer.status_code == 422, body
        assert field in answer.text


def test_a_secret_is_told_once_and_a_chats_address_never(root: FlaskClient, one_store: Store) -> None:
    made = root.post(
        "/api/v1/messages/targets", json={"channel": "webhook", "name": "CI", "address": "https://example.org/h?k=1"}
    )
    assert made.status_code == 201
    secret = made.json["secret"]  # type: ignore[index]
    assert secret.startswith("whsec_")
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#releases"
    chat = root.post("/api/v1/messages/targets", json={"channel": "chat", "name": "Talk", "address": address})
    assert chat.json["address"] == "slack://…"  # type: ignore[index]
    for address in ("json://127.0.0.1/", "file:///etc/passwd", "syslog://", "nonsense", "mailto://a:b@example.org"):
        body = {"channel": "chat", "name": "x", "address": address}
        assert root.post("/api/v1/messages/targets", json=body).status_code == 422, address
    everything = root.get("/api/v1/messages/targets").text
    assert secret not in everything
    assert "TIiajkdn" not in everything
    with one_store.read() as session:
        for row in session.query(MessageTarget):
            assert secret not in str(row.sealed)
            assert "TIiajkdn" not in str(row.sealed)
    for body in (
        {"channel": "webhook", "name": "x", "address": "http://example.org/"},
        {"channel": "webhook", "name": "x", "address": "https://u:p@example.org/"},
        {"channel": "email", "name": "x", "address": "team@example.org"},
        {"channel": "email", "name": "x", "address": "team@example.org\r\nBcc: x@y.org", "team": "fraud"},
    ):
        assert root.post("/api/v1/messages/targets", json=body).status_code == 422, body


def test_a_link_in_a_mail_ends_them_with_one_click_and_a_look_does_not(
    mailing: Flask, ada: FlaskClient, one_store: Store
) -> None:
    """RFC 8058: a POST without cookie or token from anywhere ends them; a GET asks; a forged link does nothing."""
    me = person_of(one_store, "ada")
    target = mail_target(me)
    ada.patch(f"/api/v1/messages/targets/{target}", json={"mode": "immediate"})
    office = posting.post_of(replace_settings(mailing)).office
    nobody, path = mailing.test_client(), f"/messages/unsubscribe/{office.unsubscribe_token(target)}"
    assert nobody.get(path, headers=HTML).status_code == 200
    assert mode(one_store, target) == "immediate"
    assert nobody.post(f"{path}x", data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert mode(one_store, target) == "immediate"
    assert nobody.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert mode(one_store, target) == "off"
    assert nobody.post(path).status_code == 200
    found, _ = audit.search(one_store, OPERATOR, audit.Query(action=Action.UNSUBSCRIBE))
    rows = [(one.entry.actor_name, one.entry.origin, one.entry.before, one.entry.after) for one in found]
    assert rows == [("anonymous", "127.0.0.1", {"mode": "immediate"}, {"mode": "off"})]


def replace_settings(app: Flask) -> Settings:
    found = app.extensions["release_mgmt"].settings
    assert isinstance(found, Settings)
    return found


def mode(store: Store, target: str) -> str:
    with store.read() as session:
        return session.get_one(MessageTarget, target).mode


def test_who_chooses_a_language_gets_pages_and_mail_in_it(root: FlaskClient, one_store: Store) -> None:
    """The pages by a cookie, the mail by what is kept; without a choice both are as the browser asks."""
    target = mail_target(person_of(one_store, "root"))
    english = {**HTML, "Accept-Language": "en"}

    def spoken() -> str:
        with one_store.read() as session:
            return session.get_one(MessageTarget, target).language

    assert root.post("/language", data={"language": "de"}, headers=english).status_code == 303
    assert spoken() == "de"
    assert '<html lang="de"' in root.get("/me", headers=english).text
    assert root.post("/language", data={"language": ""}, headers=english).status_code == 303
    assert spoken() == "en"
    german = {**HTML, "Accept-Language": "de-AT,en;q=0.5"}
    assert root.post("/language", data={"language": ""}, headers=german).status_code == 303
    assert spoken() == "de"
    assert root.post("/language", data={"language": "xx"}, headers=german).status_code == 422
    assert spoken() == "de"


def test_the_pages_save_what_was_chosen(root: FlaskClient, one_store: Store) -> None:
    me = person_of(one_store, "root")
    page = root.get("/me/messages", headers=HTML)
    assert page.status_code == 200
    assert "You are told what concerns you at once." in page.text
    answer = root.post(
        f"/me/messages/{mail_target(me)}",
        data={
            "mode": "daily",
            "digest_at": "08:00",
            "events": ["change.moved"],
            "language": "de",
            "zone": "Asia/Tokyo",
        },
    )
    assert answer.status_code == 303
    assert "once a day, together" in root.get("/me/messages", headers=HTML).text
    wrong = root.post(f"/me/messages/{mail_target(me)}", data={"mode": "daily", "zone": "Mars"}, headers=HTML)
    assert wrong.status_code == 422
    assert "there is no time zone" in wrong.text
    made = root.post(
        "/admin/messages", data={"channel": "webhook", "name": "CI", "address": "https://example.org/h"}, headers=HTML
    )
    assert made.status_code == 201
    found = re.search(r'value="(whsec_[^"]+)"', made.text)
    assert found is not None
    with one_store.read() as session:
        key = session.query(MessageTarget).filter_by(name="CI").one().id
    page = root.get(f"/admin/messages/{key}", headers=HTML)
    assert page.status_code == 200
    assert found[1] not in page.text
    assert "whsec_" in root.post(f"/admin/messages/{key}", data={"do": "rotate"}, headers=HTML).text
    assert root.post(f"/admin/messages/{key}", data={"do": "test"}).status_code == 303
    listed = root.get("/api/v1/messages/deliveries?state=waiting").json
    assert listed is not None
    assert [one["target"] for one in listed["items"]] == [key]
    detail = root.get(f"/api/v1/messages/deliveries/{listed['items'][0]['id']}").json
    assert detail is not None
    assert "This is a test" in detail["content"]["body"]
    assert "Test of release-mgmt" in root.get("/admin/messages", headers=HTML).text
    assert root.post(f"/admin/messages/{key}", data={"do": "remove"}).status_code == 303
    assert root.get(f"/api/v1/messages/targets/{key}").status_code == 404


def test_an_erased_person_leaves_nothing(root: FlaskClient, one_store: Store, ada: FlaskClient) -> None:
    me = person_of(one_store, "ada")
    ada.patch(f"/api/v1/messages/targets/{mail_target(me)}", json={"mode": "daily"})
    assert "daily" in ada.get(f"/api/v1/people/{me}/data").text
    personal_data.erase(one_store, OPERATOR, clock.now(), "ada", reason="asked for it")
    with one_store.read() as session:
        assert session.get(MessageTarget, mail_target(me)) is None


def test_the_command_line_adds_tests_lists_and_sends_again(
    settings: Settings, one_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASE_MGMT_DATABASE_URL", one_store.url)
    monkeypatch.setenv("RELEASE_MGMT_DATA_DIR", settings.data_dir)
    run = CliRunner().invoke
    assert "No message yet." in run(messages, ["list"]).output
    made = run(messages, ["add", "--channel", "webhook", "--name", "CI"], input="https://example.org/h?k=1\n")
    assert made.exit_code == 0, made.output
    key, secret = made.output.split()
    assert secret.startswith("whsec_")
    assert f"{key}  webhook  CI  https://example.org/h?k=1" in run(messages, ["targets"]).output
    message = run(messages, ["test", key]).output.strip()
    assert f"{message}  " in run(messages, ["list", "--state", "waiting"]).output
    with one_store.write() as session:
        session.get_one(MessageDelivery, message).state = "failed"
    assert "on its way again" in run(messages, ["replay", message]).output
    assert secret not in run(messages, ["targets"]).output


def test_doctor_tries_the_mail_server(settings: Settings) -> None:
    assert doctor.mail(settings).seen == "off (smtp_host is not set)"
    room = MailRoom()
    try:
        here = replace(settings, smtp_host="127.0.0.1", smtp_port=room.port, smtp_security="none")
        assert doctor.mail(here).well
        # A server that cannot keep the line safe is refused: nothing leaves in the clear by accident.
        assert not doctor.mail(replace(here, smtp_security="starttls")).well
        assert not doctor.mail(replace(here, mail_from="nobody")).well
    finally:
        room.stop()
    assert not doctor.mail(here).well


def test_a_webhook_that_failed_for_good_says_why_in_the_readers_language(root: FlaskClient, one_store: Store) -> None:
    """Its own page and the list of messages: our sentence in German, what is not ours as it was said."""
    made = root.post(
        "/api/v1/messages/targets", json={"channel": "webhook", "name": "CI", "address": "https://example.org/h"}
    )
    assert made.json is not None
    key = made.json["id"]
    assert root.post(f"/admin/messages/{key}", data={"do": "test"}).status_code == 303
    german = {**HTML, "Accept-Language": "de"}
    for error, said in {
        "switched off: the receiver answered 410": "ausgeschaltet: Der Empfänger antwortete mit 410",
        "example.org answered 500": "example.org antwortete mit 500",
        "example.org answered 301: it leads elsewhere, and redirects are not followed; enter the address that it leads"
        " to": "example.org antwortete mit 301: Das führt anderswohin",
        "something of its own": "something of its own",
    }.items():
        with one_store.write() as session:
            target = session.get_one(MessageTarget, key)
            target.failing_since, target.last_error = clock.now(), error
            for row in session.query(MessageDelivery):
                row.state, row.error = "failed", error
        for path in (f"/admin/messages/{key}", "/admin/messages"):
            assert said in root.get(path, headers=german).text, (path, error)
            assert error.partition(";")[0] in root.get(path, headers=HTML).text, (path, error)


def test_a_note_on_no_change_is_refused_and_an_empty_one_is_not_called_kept(
    root: FlaskClient, one_store: Store
) -> None:
    now = clock.now()
    with one_store.write() as session:
        session.add(Repository(id="r", name="r", location="/r", adopted_at=now, created_at=now, updated_at=now))
        session.flush()
        session.add(Change(id="c", repository_id="r", key="pr:1", title="One", state="merged", happened_at=now,
                           created_at=now, updated_at=now))  # fmt: skip
    for text in ("", "Prices follow."):
        answer = root.post("/changes/none/note", data={"language": "en", "text": text}, headers=HTML)
        assert answer.status_code == 404, text
    with one_store.read() as session:
        assert session.query(NoteRow).count() == 0
    told = root.post("/changes/c/note", data={"language": "en", "text": ""}, headers=HTML, follow_redirects=True)
    assert "There is no note now" in told.text
    told = root.post("/changes/c/note", data={"language": "en", "text": "Yes."}, headers=HTML, follow_redirects=True)
    assert "The note is kept" in told.text
