"""A business request from the question to production: written, answered by changes, promised, measured, published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from release_mgmt import clock
from release_mgmt.core.audience import Annotation, Promise
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import outcomes
from release_mgmt.services.publications import stored
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.repositories import Change, ClassificationRow, Repository
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.functional.test_approvals_api import Api

pytestmark = [pytest.mark.acceptance("11.3"), pytest.mark.usefixtures("noon")]
OPERATOR = trusted("operator", Via.CLI)
ASKED = {
    "title": "Fewer false alarms", "metric": "recall", "expected_from": "0.80", "expected_to": "0.90",
    "link": "https://tracker.example/PRICE-7",
}  # fmt: skip


@pytest.fixture
def api(app: Flask, one_store: Store) -> Api:
    made = Api(app, one_store)
    made.place("c1", author="author@example.org")
    return made


def asked(api: Api, login: str = "f1", **more: Any) -> str:
    answer = api.call(login, "POST", "/requests", ASKED | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])  # type: ignore[index]


def journey(api: Api, key: str, login: str = "f1") -> Any:
    return api.call(login, "GET", f"/requests/{key}").json


def measured_by_a_file(store: Store) -> None:
    """The evidence as the classifier keeps it of a metrics file that moved."""
    fact = {
        "kind": "metric", "path": "metrics.json", "line": None, "subject": "test.recall", "old": "0.81", "new": "0.88",
        "level": "minor", "rule": "metrics",
    }  # fmt: skip
    with store.write() as session:
        session.add(
            ClassificationRow(
                change_id="c1", content="x", policy="x", level="minor", kind="code_logic", needs_review=False,
                rule="x", evidence=[fact], classified_at=clock.now(),
            )
        )  # fmt: skip


def test_a_reader_asks_and_owns_until_somebody_else_is_named(api: Api) -> None:
    key = asked(api)
    assert journey(api, key)["request"]["owner"] == api.town.ids["f1"]
    answer = api.call("f1", "PATCH", f"/requests/{key}", {"owner": "author"})
    assert answer.json["owner"] == api.town.ids["author"]  # type: ignore[index]
    assert api.call("m1", "PATCH", f"/requests/{key}", {"closed": True}).json["closed_at"]  # type: ignore[index]


def test_who_has_no_part_in_it_does_not_edit_it(api: Api, app: Flask, one_store: Store) -> None:
    key = asked(api)
    stranger = client_as(app, one_store, Role.READER, name="Stranger")
    assert stranger.patch(f"/api/v1/requests/{key}", json={"title": "Mine"}).status_code == 403
    assert stranger.put(f"/api/v1/requests/{key}/changes/c1").status_code == 403
    assert stranger.put(f"/api/v1/requests/{key}/observations/1", json={"value": "1"}).status_code == 403


def test_an_edit_that_saw_an_older_version_is_refused(api: Api) -> None:
    key = asked(api)
    headers = {"Authorization": f"Bearer {api.tokens['f1']}", "If-Match": '"1"'}
    client = api.app.test_client()
    assert client.patch(f"/api/v1/requests/{key}", json={"title": "A"}, headers=headers).status_code == 200
    assert client.patch(f"/api/v1/requests/{key}", json={"title": "B"}, headers=headers).status_code == 412


def test_the_way_to_production_and_what_was_measured(api: Api, one_store: Store) -> None:
    key = asked(api)
    assert api.call("author", "PUT", f"/requests/{key}/changes/c1").status_code == 200
    measured_by_a_file(one_store)
    before = journey(api, key)
    assert before["steps"][0]["window"]
    assert before["effects"] == []  # not released yet: the file is a hope
    api.call("author", "POST", "/changes/c1/stages", {"stage": "deploy", "state": "done"})
    after = journey(api, key)
    assert (after["steps"][0]["state"], after["steps"][0]["stage"]) == ("released", "deploy done")
    assert [(one["value"], one["source"], one["change"]) for one in after["effects"]] == [
        ("0.88", "metrics.json", "c1")
    ]
    told = {"value": "0.87", "note": "four weeks of traffic"}
    for _ in range(2):
        assert api.call("author", "PUT", f"/requests/{key}/observations/w4", told).status_code == 200
    assert [one["value"] for one in journey(api, key)["effects"]] == ["0.87", "0.88"]


def test_an_observed_effect_says_something(api: Api) -> None:
    """Blanks are no effect: the changelog would show nothing as measured."""
    answer = api.call("author", "PUT", f"/requests/{asked(api)}/observations/w4", {"value": " \t "})
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json["errors"]] == ["value"]  # type: ignore[index]


def test_the_business_changelog_shows_promised_and_measured(api: Api, one_store: Store) -> None:
    key = asked(api)
    api.call("author", "PUT", f"/requests/{key}/changes/c1")
    with one_store.read() as session:
        assert outcomes.promises(session, {"c1"}) == {
            "c1": (Promise("Fewer false alarms", "recall", "0.80", "0.90", None),)
        }
    measured_by_a_file(one_store)
    api.call("author", "POST", "/changes/c1/stages", {"stage": "deploy", "state": "done"})
    with one_store.read() as session:
        assert outcomes.promises(session, {"c1"})["c1"][0].measured == "0.88"
    with one_store.write() as session:
        session.query(PlacementRow).one().announced_at = clock.now()
    text = api.call("f1", "GET", "/calendars/pricing/changelog?format=markdown").text
    assert "recall from 0.80 to 0.90" in text
    assert "Measured: recall 0.88" in text


def test_what_was_observed_before_the_release_is_not_called_measured(api: Api, one_store: Store) -> None:
    """It was shown as the effect of a change that was not out yet."""
    key = asked(api)
    api.call("author", "PUT", f"/requests/{key}/changes/c1")
    early = {"value": "0.80", "at": (clock.now() - timedelta(days=7)).isoformat()}
    assert api.call("author", "PUT", f"/requests/{key}/observations/baseline", early).status_code == 200
    assert journey(api, key)["measured"] is None
    api.call("author", "POST", "/changes/c1/stages", {"stage": "deploy", "state": "done"})

    def promised() -> str | None:
        with one_store.read() as session:
            return outcomes.promises(session, {"c1"})["c1"][0].measured

    assert [one["value"] for one in journey(api, key)["effects"]] == ["0.80"]
    assert (journey(api, key)["measured"], promised()) == (None, None)
    assert api.call("author", "PUT", f"/requests/{key}/observations/w4", {"value": "0.91"}).status_code == 200
    assert (journey(api, key)["measured"], promised()) == ("0.91", "0.91")


def test_a_promise_is_never_part_of_a_stored_text() -> None:
    promise = Promise("r", "recall", None, None)
    assert stored.annotations_data({"c": Annotation(promises=(promise,))}) == stored.annotations_data(
        {"c": Annotation()}
    )


def test_a_request_kept_for_a_team_is_not_there_for_others(api: Api, app: Flask, one_store: Store) -> None:
    key = asked(api, team="fraud")
    assert api.call("m1", "PUT", f"/requests/{key}/changes/c1").status_code == 200  # of the team
    for other in ("other", "m2"):
        assert api.call(other, "GET", f"/requests/{key}").status_code == 404
        assert api.call(other, "PATCH", f"/requests/{key}", {"title": "x"}).status_code == 404
        assert api.call(other, "GET", "/requests").json["items"] == []  # type: ignore[index]
    assert api.call("root", "GET", f"/requests/{key}").status_code == 200
    with one_store.read() as session:
        assert outcomes.promises(session, {"c1"}) == {}


def test_of_its_changes_one_sees_those_one_may_know_of(api: Api, app: Flask, one_store: Store) -> None:
    key = asked(api)
    api.call("author", "PUT", f"/requests/{key}/changes/c1")
    with one_store.write() as session:
        session.query(Repository).one().settings = {"teams_only": True}
        session.get_one(Change, "c1").affected_teams = []
    reader = client_as(app, one_store, Role.READER)
    assert reader.get(f"/api/v1/requests/{key}").json["steps"] == []  # type: ignore[index]
    assert api.call("author", "PUT", f"/requests/{key}/changes/c1").status_code == 404


@pytest.mark.parametrize("wrong", [{"title": ""}, {"link": "javascript:x"}, {"team": "nobody"}, {"owner": "nobody"}])
def test_a_wrong_request_is_refused(api: Api, wrong: dict[str, str]) -> None:
    """And the field is named."""
    answer = api.call("f1", "POST", "/requests", ASKED | wrong)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json["errors"]] == [*wrong]  # type: ignore[index]


def test_an_edit_that_is_refused_keeps_what_was_typed_in_the_open_form(api: Api, app: Flask, one_store: Store) -> None:
    key = asked(api)
    manager = client_as(app, one_store, Role.RELEASE_MANAGER)
    typed = {"title": "Far fewer false alarms", "owner": "nobody", "version": "1"}
    answer = manager.post(f"/requests/{key}", data=typed, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    edited = answer.text.partition("<details open>")[2]
    assert 'value="Far fewer false alarms"' in edited
    assert 'value="nobody"' in edited
    linked = manager.post(f"/requests/{key}", data={"do": "link", "answer": "none"}, headers={"Accept": "text/html"})
    assert (linked.status_code, "<details open>" in linked.text) == (404, False)


def test_who_answers_may_leave_and_the_request_is_edited_all_the_same(api: Api, app: Flask, one_store: Store) -> None:
    """Nobody new who is gone is named; the form says whose id its field holds."""
    key, author = asked(api, owner="author"), api.town.ids["author"]
    page = client_as(app, one_store, Role.RELEASE_MANAGER).get(f"/requests/{key}", headers={"Accept": "text/html"}).text
    with one_store.write() as session:
        person = session.get_one(Person, author)
        person.disabled_at, name = clock.now(), person.name
    assert f"So far {name}. A login; empty: nobody." in page
    kept = {"title": "Said better", "owner": author}
    answer = api.call("f1", "PATCH", f"/requests/{key}", kept)
    assert (answer.status_code, answer.json["owner"]) == (200, author)  # type: ignore[index]
    api.call("f1", "PATCH", f"/requests/{key}", {"owner": "f1"})
    assert api.call("f1", "PATCH", f"/requests/{key}", kept).status_code == 422


def test_the_pages_of_a_request_and_its_change_lead_to_each_other(api: Api, app: Flask, one_store: Store) -> None:
    key = asked(api, text="Too many <b>false</b> alarms")
    api.call("author", "PUT", f"/requests/{key}/changes/c1")
    reader = client_as(app, one_store, Role.READER)
    page = {
        path: reader.get(path, headers={"Accept": "text/html"}).text for path in (f"/requests/{key}", "/changes/c1")
    }
    assert "/changes/c1" in page[f"/requests/{key}"]
    assert "&lt;b&gt;false" in page[f"/requests/{key}"]
    assert f"/requests/{key}" in page["/changes/c1"]
    form = {"title": "Faster prices", "metric": "latency", "expected_from": "3 s", "expected_to": "1 s"}
    made = reader.post("/requests", data=form, headers={"Accept": "text/html"})
    assert made.status_code == 303, made.text
    path = made.headers["Location"]
    linked = reader.post(path, data={"do": "close"}, headers={"Accept": "text/html"})
    assert linked.status_code == 303
    assert reader.post("/requests", data={"title": ""}, headers={"Accept": "text/html"}).status_code == 422
