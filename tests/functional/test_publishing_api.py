"""Feeds and changelogs over REST, as a program uses them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.core.permissions import Actor, Role, Scope, Via
from release_mgmt.formats.words import Words
from release_mgmt.services import publications, tokens
from release_mgmt.store.models.people import Person, RoleRow
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import OPERATOR, know, put
from tests.unit.publishing.samples import annotations, record
from tests.unit.publishing.test_calendar import change, freeze, window

pytestmark = pytest.mark.usefixtures("noon")  # shortly before the windows of the samples


class Api:
    """A client with a token."""

    def __init__(self, client: FlaskClient, store: Store, login: str, *roles: Role) -> None:
        now = clock.now()
        with store.write() as session:
            session.add(Person(id=f"p_{login}", login=login, name=login, created_at=now, updated_at=now))
            session.flush()
            session.add_all(RoleRow(person_id=f"p_{login}", role=role.value) for role in roles)
        actor = Actor(f"p_{login}", login, roles=frozenset(roles), via=Via.SESSION)
        made = tokens.create(store, actor, now, name="test", scopes=tuple(scope.value for scope in Scope))
        self._client, self.headers = client, {"Authorization": f"Bearer {made.secret}"}

    def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.open(f"/api/v1{path}", method=method, json=json, headers={**self.headers, **named})


@pytest.fixture
def reader(client: FlaskClient, one_store: Store) -> Api:
    return Api(client, one_store, "rea", Role.READER)


@pytest.fixture
def manager(client: FlaskClient, one_store: Store) -> Api:
    return Api(client, one_store, "max", Role.RELEASE_MANAGER, Role.ENGINEER)


@pytest.mark.acceptance("FEED-13")
def test_a_subscription_from_making_to_revoking(client: FlaskClient, one_store: Store, reader: Api) -> None:
    put(one_store, [window(change("a"))], [freeze()])
    made = reader("POST", "/subscriptions", {"name": "Pricing", "language": "de", "filters": {"freezes": False}})
    assert made.status_code == 201
    card = made.json["card"]
    assert card["webcal"].startswith("webcal://")
    assert card["https"].endswith("/calendar.ics")
    assert card["qr"].startswith("<svg")
    assert {guide["program"] for guide in card["guides"]} == {
        "Outlook",
        "Google Calendar",
        "Apple Calendar",
        "Thunderbird",
    }
    path = card["https"].partition("//")[2].partition("/")[2]
    assert client.get("/" + path).status_code == 200
    key = made.json["id"]
    assert "card" not in reader("GET", "/subscriptions").json["items"][0]
    found = reader("GET", f"/subscriptions/{key}")
    stale = reader("PUT", f"/subscriptions/{key}", {"name": "New"}, If_Match='"99"')
    assert stale.status_code == 412
    assert reader("PUT", f"/subscriptions/{key}", {"name": "New"}, If_Match=found.headers["ETag"]).json["name"] == "New"
    rotated = reader("POST", f"/subscriptions/{key}/rotate")
    assert client.get("/" + path).status_code == 404
    path = rotated.json["card"]["https"].partition("//")[2].partition("/")[2]
    assert client.get("/" + path).status_code == 200
    assert reader("DELETE", f"/subscriptions/{key}").status_code == 204
    assert client.get("/" + path).status_code == 404
    assert reader("GET", f"/subscriptions/{key}").status_code == 404


@pytest.mark.acceptance("FEED-13")
def test_an_administrator_sees_and_ends_the_feeds_of_everybody_without_their_addresses(
    client: FlaskClient, one_store: Store, reader: Api, manager: Api
) -> None:
    made = reader("POST", "/subscriptions", {"name": "Pricing"}).json
    token, path = made["card"]["https"].split("/")[-2], f"/subscriptions/{made['id']}"
    admin = Api(client, one_store, "ada", Role.ADMINISTRATOR)
    seen = admin("GET", "/subscriptions/everybody")
    assert [(one["id"], one["name"], one["person"]) for one in seen.json["items"]] == [
        (made["id"], "Pricing", made["person"])
    ]
    assert token not in seen.text + admin("GET", path).text
    assert admin("POST", f"{path}/rotate").status_code == 404, "its new address would be shown"
    assert admin("PUT", path, {"name": "Mine"}, If_Match="*").status_code == 404
    assert manager("GET", "/subscriptions/everybody").status_code == 403
    assert manager("DELETE", path).status_code == 404
    assert client.get(f"/feeds/{token}/calendar.ics").status_code == 200
    assert admin("DELETE", path).status_code == 204
    assert client.get(f"/feeds/{token}/calendar.ics").status_code == 404
    assert admin("GET", "/subscriptions/everybody").json["items"] == []


@pytest.mark.acceptance("FEED-13")
def test_wrong_wishes_are_refused(reader: Api) -> None:
    assert reader("POST", "/subscriptions", {"name": "x", "audience": "engineering"}).status_code == 403
    assert reader("POST", "/subscriptions", {"name": "x", "language": "tlh"}).status_code == 422
    assert reader("POST", "/subscriptions", {"name": "x", "filters": {"team": []}}).status_code == 422
    preview = reader("POST", "/subscriptions/preview", {"filters": {"levels": ["major"]}})
    assert preview.json["count"] == 0
    assert {"de", "en"} <= set(preview.json["languages"])


@pytest.mark.acceptance("FEED-14")
def test_the_aws_export(one_store: Store, reader: Api) -> None:
    put(one_store, [window(change("a"))], [freeze()])
    done = reader("GET", "/exports/aws-change-calendar?kind=freezes&calendar=pricing")
    assert b"X-CALENDAR-TYPE:DEFAULT_OPEN" in done.data
    assert reader("GET", "/exports/aws-change-calendar?kind=freezes&calendar=none").status_code == 404
    facts = [window(change(f"c{n}"), start=f"2026-12-{1 + n // 24:02d}T{n % 24:02d}:00", hours=0.5) for n in range(600)]
    put(one_store, facts)
    refused = reader("GET", "/exports/aws-change-calendar?kind=windows&calendar=pricing")
    assert refused.status_code == 413
    assert refused.json["limit"] == 65_536


@pytest.mark.acceptance("CHG-D4")
@pytest.mark.acceptance("CHG-D11")
def test_changelogs_for_readers_and_managers(one_store: Store, reader: Api, manager: Api) -> None:
    with one_store.write() as session:
        publications.ingest(session, OPERATOR, clock.now(), record(), annotations())
    path = "/repositories/risk-models/changelog"
    business = reader("GET", path)
    assert business.json["schema"] == "release-mgmt/changelog/1"
    assert [entry["id"] for entry in business.json["releases"][0]["entries"]] == ["c1", "c2", "c4"]
    assert reader("GET", f"{path}?audience=engineering").status_code == 403
    engineering = manager("GET", f"{path}?audience=engineering")
    assert [entry["id"] for entry in engineering.json["releases"][0]["entries"]] == ["c1", "c2", "c3", "c4"]
    german = reader("GET", f"{path}?format=html", Accept_Language="de-AT, en;q=0.5")
    assert german.headers["Content-Language"] == "de"
    assert "Was sich für Sie ändert" in german.text
    assert (
        reader(
            "GET", f"{path}?format=html", If_None_Match=reader("GET", f"{path}?format=html").headers["ETag"]
        ).status_code
        == 304
    )
    assert reader("GET", f"{path}?format=github").status_code == 422
    assert reader("GET", f"{path}?format=github&version=1.1").status_code == 200
    assert reader("GET", f"{path}?version=9").status_code == 404


@pytest.mark.acceptance("CHG-D3")
def test_atom_tells_when_its_texts_last_changed_to_who_asks_by_date(
    one_store: Store, reader: Api, manager: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock.now()
    with one_store.write() as session:
        publications.ingest(session, OPERATOR, began, record(), annotations())
    path = "/repositories/risk-models/changelog?format=atom"
    first = reader("GET", path)
    assert first.last_modified == began.replace(microsecond=0)
    told = first.headers["Last-Modified"]
    asked = reader("GET", path, If_Modified_Since=told)
    assert (asked.status_code, asked.data) == (304, b"")
    assert reader("GET", path, If_Modified_Since=told, If_None_Match='"nope"').status_code == 200
    assert reader("HEAD", path).headers["Last-Modified"] == told
    later = began + timedelta(minutes=5)
    monkeypatch.setattr(clock, "now", lambda: later)
    manager("PUT", "/changes/c2/note", {"text": "Fewer alarms."})
    one = manager("GET", "/repositories/risk-models/publications").json["items"][0]["id"]
    assert reader("GET", path, If_Modified_Since=told).status_code == 304, "a note alone is no text yet"
    assert manager("POST", f"/publications/{one}/revisions", {"reason": "Asked for"}).status_code == 201
    assert reader("GET", path, If_Modified_Since=told).last_modified == later.replace(microsecond=0)
    older = reader("GET", f"{path}&version=1.0")
    assert older.last_modified == began.replace(microsecond=0), "the other release's text is what it was"


@pytest.mark.acceptance("CHG-D6")
def test_notes_revisions_and_yanking(one_store: Store, reader: Api, manager: Api) -> None:
    with one_store.write() as session:
        publications.ingest(session, OPERATOR, clock.now(), record(), annotations())
    assert reader("PUT", "/changes/c2/note", {"text": "x"}).status_code == 403
    noted = manager("PUT", "/changes/c2/note", {"text": "Fewer alarms.", "action": "Nothing"})
    assert noted.status_code == 200
    assert manager("PUT", "/changes/c2/note", {"text": "y"}, If_Match='"7"').status_code == 412
    one = manager("GET", "/repositories/risk-models/publications").json["items"][0]["id"]
    assert manager("POST", f"/publications/{one}/revisions", {"reason": "Asked for"}).json["revision"] == 2
    assert [item["number"] for item in manager("GET", f"/publications/{one}/revisions").json["items"]] == [2, 1]
    lines = manager("GET", f"/publications/{one}/diff?old=1&new=2").json["lines"]
    assert any("Fewer alarms" in line for line in lines)
    assert reader("POST", f"/publications/{one}/yank", {"reason": "x"}).status_code == 403
    assert manager("POST", f"/publications/{one}/yank", {"reason": "Wrong"}).json["yanked"] == "Wrong"
    assert manager("PUT", "/changes/c4/publicity", {"internal": True, "reason": "Security"}).status_code == 204
    assert manager("PUT", "/changes/c2/note", {"text": ""}).status_code == 204


def test_a_template_of_ones_own_is_tried_in_its_sandbox(one_store: Store, reader: Api) -> None:
    with one_store.write() as session:
        publications.ingest(session, OPERATOR, clock.now(), record("<b>"), annotations())
    path = "/repositories/risk-models/changelog/template"
    good = reader("POST", path, {"template": "{% for s in changelog.sections %}{{ s.title }};{% endfor %}"})
    assert good.json["text"] == "1.1;1.0;"
    bad = reader("POST", path, {"template": "{{ ''.__class__ }}"})
    assert bad.status_code == 422
    assert bad.json["errors"][0]["path"] == "template"


@pytest.mark.acceptance("FEED-13")
def test_the_subscribe_page_shows_addresses_code_steps_and_a_preview_once(
    client: FlaskClient, one_store: Store, reader: Api
) -> None:
    put(one_store, [window(change("a"), start="2099-01-05T17:00")], [])
    start = f"{clock.now() + timedelta(days=7):%Y-%m-%dT17:00}"
    put(one_store, [window(change("a", title="Move to LightGBM"), start=start)])
    know(one_store, clock.now(), repositories=["risk", "other"])
    headers = {"Authorization": reader.headers["Authorization"]}
    asked = {"name": "Mine", "audience": "business", "language": "de", "repositories": "risk, other", "freezes": "1"}
    made = client.post("/subscribe", data=asked, headers=headers)
    assert made.status_code == 201, made.text
    for part in (
        "webcal://",
        "/calendar.ics",
        "/changelog.atom",
        "<svg",
        "Outlook",
        "Google Calendar",
        "Apple Calendar",
        "Thunderbird",
    ):
        assert part in made.text, part
    assert "It holds 1 event in the coming year." in made.text
    day = Words("en").short_day(clock.now().date() + timedelta(days=7))
    assert f"The next is on {day}, 17:00: Move to LightGBM" in made.text
    wrong = client.post("/subscribe", data=asked | {"repositories": "risc", "freezes": ""}, headers=headers)
    assert wrong.status_code == 422
    assert "&#39;risc&#39; is not known (did you mean risk?)" in wrong.text
    assert 'value="risc"' in wrong.text
    assert 'name="freezes" value="1">' in wrong.text
    assert "Move to LightGBM" in made.text
    again = client.get("/subscribe", headers=headers)
    assert "risk" in again.text
    assert "/calendar.ics" not in again.text
