"""How the API reads what is sent: nothing is passed over in silence, what cannot be meant is refused by its place."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient

from release_mgmt.core.permissions import Role
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as

API = "/api/v1"
CALENDAR = {
    "calendar": "Releases",
    "time_zone": "UTC",
    "series": [{"id": "w", "start": "2026-11-24T18:00", "end": "2026-11-24T20:00", "rrule": "FREQ=WEEKLY"}],
}
BEFORE_TIME, AFTER_TIME = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


@pytest.fixture
def root(app: Flask, one_store: Store) -> FlaskClient:
    return client_as(app, one_store, *Role, name="Root")


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = answer.json
    return found


def got(root: FlaskClient, path: str) -> Any:
    return root.get(API + path).json


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 100_000, '{"name": "\\ud800"}', '{"name": NaN}', '{"name"', "\ufeff{}"]
)
def test_what_is_no_json_is_refused_with_its_place(root: FlaskClient, body: str) -> None:
    """Nested without end, half a surrogate pair, NaN, cut off: none is an error of ours."""
    found = problem(root.post(f"{API}/teams", data=body.encode(), content_type="application/json"), 400)
    assert found["detail"].startswith("The body is no JSON: ")
    assert "line 1, column" in found["detail"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_a_body_of_another_type_is_not_taken_for_an_empty_one(root: FlaskClient, kind: str) -> None:
    """``curl -X PATCH -d '{...}'`` tells a form: it answered 200 and changed nothing."""
    assert root.post(f"{API}/teams", json={"slug": "fraud", "name": "Fraud"}).status_code == 201
    found = problem(root.patch(f"{API}/teams/fraud", data='{"name": "Other"}', content_type=kind), 415)
    assert "application/json" in found["detail"]
    assert root.patch(f"{API}/teams/fraud", data='{"name": "A"}', content_type="application/merge-patch+json").json


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/changes?repo=pricing", "repo"),
        ("/windows?form=2026-01-01T00:00:00Z", "form"),
        ("/metrics?teams=fraud", "teams"),
        ("/audit/export?untill=2026-01-01T00:00:00Z", "untill"),
        ("/incidents?query=x", "query"),
    ],
)
def test_a_filter_that_is_not_known_is_refused(root: FlaskClient, path: str, name: str) -> None:
    """A mistyped filter would have answered with everything. A name such as ``form`` is told like any other."""
    assert problem(root.get(API + path), 422)["errors"] == [{"path": name, "message": "Unknown field."}]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/windows?calendar=relaeses", "There is no such calendar."),
        ("/windows?team=frued", "There is no such team."),
        ("/incidents?repository=prcing", "There is no such repository."),
        ("/changes?repository=prcing", "There is no such repository."),
        ("/jobs?repository=prcing", "There is no such repository."),
        ("/repositories?calendar=relaeses", "There is no such calendar."),
        ("/break-glass?calendar=relaeses", "There is no such calendar."),
        ("/requests?change=c_none", "There is no such change."),
        ("/break-glass?change=c_none", "There is no such change."),
        ("/messages/deliveries?target=t_none", "There is no such place for messages."),
        ("/calendars/releases/changelog?team=frued", "There is no such team."),
        ("/calendars/releases/changelog?repository=prcing", "There is no such repository."),
    ],
)
def test_a_filter_by_what_is_not_there_is_told(root: FlaskClient, path: str, detail: str) -> None:
    """No window would read as nothing planned."""
    assert root.post(f"{API}/calendars", json=CALENDAR).status_code == 201
    assert problem(root.get(API + path), 404)["detail"] == detail


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ("1", 200),
        ("2", 412),
        ('"0", "1"', 200),
        ('W/"9","none of ours" , "1"', 200),
        ('W/"1"', 412),
        ('"0", W/"1"', 412),
        ('"2"', 412),
        ('"none of ours"', 412),
        ("", 412),
        ('""', 412),
        ('"", "1"', 200),
    ],
)
def test_an_edit_goes_when_one_of_its_strong_tags_is_the_stored_one(root: FlaskClient, tags: str, status: int) -> None:
    """RFC 9110, 13.1.1: If-Match is a list, compared strongly."""
    seen = root.post(f"{API}/teams", json={"slug": "fraud", "name": "Fraud"})
    assert seen.headers["ETag"] == '"1"'
    answer = root.patch(f"{API}/teams/fraud", json={"name": "Other"}, headers={"If-Match": tags})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", ["/repositories", "/jobs", "/calendars", "/calendars/releases"])
@pytest.mark.parametrize("tag", ['"7"', 'W/"1"'])
def test_reading_is_no_edit_that_could_be_too_late(root: FlaskClient, path: str, tag: str) -> None:
    """It was answered by 412 with the whole list; ``If-None-Match`` still saves the transfer."""
    assert root.post(f"{API}/calendars", json=CALENDAR).status_code == 201
    answer = root.get(API + path, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    if path == "/jobs":
        again = root.get(API + path, headers={"If-Match": tag, "If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_a_changelog_is_read_whatever_tag_is_to_match(root: FlaskClient) -> None:
    assert root.post(f"{API}/calendars", json=CALENDAR).status_code == 201
    answer = root.get(f"{API}/calendars/releases/changelog", headers={"If-Match": '"7"'})
    assert answer.status_code == 200, answer.text


def test_a_mistyped_dry_run_applies_nothing(root: FlaskClient) -> None:
    assert problem(root.post(f"{API}/calendars?dryrun=true", json=CALENDAR), 422)["errors"][0]["path"] == "dryrun"
    assert got(root, "/calendars")["items"] == []


def test_a_field_named_like_a_place_of_the_request_is_told_by_its_name(root: FlaskClient) -> None:
    found = problem(root.post(f"{API}/repositories/x/adoption", json={"form": 1, "text": "x"}), 422)
    assert [one["path"] for one in found["errors"]] == ["form"]


@pytest.mark.parametrize("instant", [BEFORE_TIME, AFTER_TIME])
@pytest.mark.parametrize(
    ("method", "path", "field", "more"),
    [
        ("GET", "/windows", "from", None),
        ("GET", "/audit", "since", None),
        ("GET", "/audit/export", "until", None),
        ("GET", "/calendars/x/moves", "since", None),
        ("GET", "/gate", "at", None),
        ("PUT", "/delegation", "until", {"deputy": "x", "since": "2026-01-01T00:00:00Z"}),
        ("PATCH", "/repositories/x", "adopted_at", {}),
        ("PUT", "/requests/x/observations/1", "at", {"value": 1}),
    ],
)
def test_an_instant_that_utc_cannot_tell_is_a_wrong_field(
    root: FlaskClient, method: str, path: str, field: str, more: dict[str, Any] | None, instant: str
) -> None:
    if more is None:
        answer = root.open(API + path, method=method, query_string={field: instant})
    else:
        answer = root.open(API + path, method=method, json={**more, field: instant})
    assert {"path": field, "message": "is before the year 1 or after 9999 in UTC"} in problem(answer, 422)["errors"]


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_first_and_the_last_instant_can_be_asked_about(root: FlaskClient, edge: str) -> None:
    """As programs do that mean without end."""
    assert root.get(f"{API}/windows", query_string={"from": edge}).json == {"items": [], "next": None}
    assert root.get(f"{API}/audit", query_string={"since": edge}).status_code == 200
    told = problem(root.get(f"{API}/metrics", query_string={"until": edge[:10]}), 422)["errors"]
    assert [one["path"] for one in told] == ["until"]


def test_instants_are_told_in_utc_with_z(root: FlaskClient) -> None:
    people = got(root, "/people")["items"]
    tokens = got(root, "/tokens")["items"]
    assert {one["created_at"][-1] for one in (*people, *tokens)} == {"Z"}


def test_a_plan_is_as_it_is_described(root: FlaskClient) -> None:
    assert root.post(f"{API}/calendars", json=CALENDAR).status_code == 201
    plan = got(root, "/calendars/releases/plan")
    described = got(root, "/openapi.json")
    schema = {"$ref": "#/components/schemas/Plan", "components": described["components"]}
    assert plan["windows"]
    jsonschema.Draft202012Validator(schema).validate(plan)
    assert set(described["components"]["schemas"]["Plan"]["required"]) >= {"windows", "placements", "deferrals"}


def test_answers_are_described_as_open_and_bodies_as_closed(root: FlaskClient) -> None:
    """A program that validates must not break on a member that comes later (docs/api.md, "Versions")."""
    document = got(root, "/openapi.json")
    paths = document["paths"]

    def accepts(place: Any, value: dict[str, Any]) -> bool:
        schema = {**place["content"]["application/json"]["schema"], "components": document["components"]}
        return jsonschema.Draft202012Validator(schema).is_valid(value)

    made = root.post(f"{API}/teams", json={"slug": "fraud", "name": "Fraud"}).json
    rule = {"repository": "*", "path": "x/**"}
    body = {"name": "Risk", "rules": [rule]}
    one = paths[f"{API}/teams/{{team}}"]["patch"]
    answer = one["responses"]["200"]
    assert accepts(answer, made)
    assert accepts(answer, {**made, "later": 1})
    assert accepts(answer, {**made, "rules": [{**rule, "later": 1}]})
    assert accepts(one["requestBody"], body)
    assert not accepts(one["requestBody"], {**body, "later": 1})
    assert not accepts(one["requestBody"], {**body, "rules": [{**rule, "later": 1}]}), "a part of both"
