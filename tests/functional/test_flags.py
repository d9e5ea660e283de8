"""A feature flag that is switched is a release of its own: owner, window, gate, calendar, and told once."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import paging, plans
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.repositories import FLAG, Change
from release_mgmt.store.models.scheduling import CalendarRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.functional.test_approvals_api import Api
from tests.support.waiting import LIMIT

pytestmark = pytest.mark.acceptance("11.5")
PATH = "/repositories/pricing/flags/ld-77"
ON = {"flag": "fraud-v2", "on": True}


@pytest.fixture
def api(app: Flask, one_store: Store) -> Api:
    return Api(app, one_store)


def told(api: Api, body: dict[str, Any], status: int, path: str = PATH) -> Any:
    answer = api.call("author", "PUT", path, body)
    assert answer.status_code == status, answer.text
    return answer.json


def rows(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.max(AuditRow.number))) or 0


def test_switched_outside_every_window_it_stands_where_it_was_with_what_the_gate_says(
    api: Api, one_store: Store
) -> None:
    at = clock.now() - timedelta(hours=2)
    found = told(api, ON | {"at": at.isoformat(), "owner": "m1"}, 201)
    assert (found["state"], found["decision"], found["owner"]) == ("released", "deny", api.town.ids["m1"])
    assert "outside_window" in {one["code"] for one in found["reasons"]}
    start = at.replace(second=0, microsecond=0)
    assert found["window"][0] == start.isoformat().replace("+00:00", "Z")
    listed = api.call("m1", "GET", "/changes?kind=feature_flag").json
    assert [one["title"] for one in listed["items"]] == ["Flag fraud-v2 switched on"]  # type: ignore[index]
    text = api.call("m1", "GET", "/calendars/pricing/changelog?format=markdown").text
    assert "Flag fraud-v2 switched on" in text
    assert "switched on or off; nothing new is installed" in text


def test_the_same_told_again_changes_nothing_and_another_telling_is_refused(api: Api, one_store: Store) -> None:
    first = told(api, ON, 201)
    before = rows(one_store)
    assert told(api, ON, 200) == first
    assert rows(one_store) == before
    assert told(api, ON | {"on": False}, 409)["code"] == "flag_event_over"
    assert told(api, ON | {"on": False}, 201, "/repositories/pricing/flags/ld-78")["change"] != first["change"]


def test_a_team_that_is_not_there_is_refused(api: Api) -> None:
    """Nobody would have been told of the switch."""
    found = told(api, ON | {"teams": ["fraud", "frued"]}, 422)
    assert [(one["path"], one["message"]) for one in found["errors"]] == [("teams", "there is no team frued")]


def test_one_flag_switched_by_two_people_at_once_is_kept_once_and_the_other_is_told(api: Api, one_store: Store) -> None:
    """One event told as on and as off in the same moment: one of them stands, whole, and nobody hears of an error."""
    start = threading.Barrier(2)

    def tell(on: bool) -> TestResponse:
        start.wait(LIMIT)
        return api.call("author", "PUT", PATH, ON | {"on": on})

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(tell, (True, False)))
    assert sorted(one.status_code for one in answers) == [201, 409], [one.text for one in answers]
    (lost,) = [one for one in answers if one.status_code == 409]
    assert lost.json is not None
    assert lost.json["code"] == "flag_event_over"
    assert "id of its own" in lost.json["hint"]
    word = "on" if answers[0].status_code == 201 else "off"
    with one_store.read() as session:
        assert session.scalars(select(Change.title).where(Change.kind == FLAG)).all() == [
            f"Flag fraud-v2 switched {word}"
        ]


def test_a_planned_one_is_placed_approved_and_asked_about_like_any_change(api: Api) -> None:
    found = told(api, ON | {"state": "planned"}, 201)
    assert found["state"] == "announced"
    assert found["window"]
    assert found["decision"] is None
    change = found["change"]
    asked = api.call("m1", "GET", f"/gate?repository=pricing&environment=prod&change={change}").json
    assert asked["decision"] == "deny"  # type: ignore[index]
    assert api.call("m1", "POST", f"/changes/{change}/approvals", {"verdict": "approve"}).status_code == 201
    done = told(api, ON, 200)
    assert (done["state"], done["change"]) == ("released", change)


def test_who_asked_for_it_does_not_approve_it(api: Api) -> None:
    answer = api.call("m1", "PUT", PATH, ON | {"state": "planned"})
    change = answer.json["change"]  # type: ignore[index]
    votes = f"/changes/{change}/approvals"
    assert api.call("m1", "POST", votes, {"verdict": "approve"}).json["code"] == "self_approval"  # type: ignore[index]
    assert api.call("m2", "POST", votes, {"verdict": "approve"}).status_code == 201


def test_a_cancelled_one_leaves_the_plan(api: Api) -> None:
    told(api, ON | {"state": "planned"}, 201)
    found = told(api, ON | {"state": "cancelled"}, 200)
    assert (found["state"], found["window"]) == ("withdrawn", None)


def test_it_is_in_the_feeds_of_the_calendar(api: Api) -> None:
    told(api, ON, 201)
    made = api.call("m1", "POST", "/subscriptions", {"name": "mine", "audience": "release-manager"}).json
    address = urlsplit(made["card"]["https"]).path  # type: ignore[index]
    body = api.app.test_client().get(address).text.replace("\r\n ", "")
    assert "fraud-v2" in body


def test_the_page_lists_every_switch_with_window_and_answer_and_turns(api: Api) -> None:
    """Newest first, planned ones by their window, done ones with what the gate said; page by page nothing is lost."""
    html = {"Accept": "text/html"}
    reader = client_as(api.app, api.town.store, Role.READER)
    assert "No switch of a feature flag was told yet." in reader.get("/flags", headers=html).text
    for number in range(paging.LIMIT + 1):
        at = clock.now() - timedelta(hours=3, minutes=number)
        told(api, {"flag": f"f{number}", "on": False, "at": at.isoformat()}, 201, f"{PATH}-{number}")
    planned = told(api, ON | {"state": "planned"}, 201)
    first = reader.get("/flags", headers=html).text
    assert "The last switch: f0 off, in prod" in first
    listed = re.findall(r'<th scope="row"><a href="/changes/([^"]+)">([^<]+)</a>', first)
    assert listed[0] == (planned["change"], "fraud-v2")
    assert first.count("denied") == paging.LIMIT - 1
    following = re.search(r'href="(/flags\?cursor=[^"]+)"', first)
    assert following is not None
    rest = re.findall(
        r'<th scope="row"><a href="/changes/[^"]+">([^<]+)</a>', reader.get(following[1], headers=html).text
    )
    assert [name for _, name in listed][1:] + rest == [f"f{number}" for number in range(paging.LIMIT + 1)]
    assert reader.get("/flags?cursor=nonsense", headers=html).status_code == 422


def test_a_flag_is_no_deployment(api: Api) -> None:
    told(api, ON, 201)
    figures = {one["id"]: one for one in api.call("m1", "GET", "/metrics").json["figures"]}  # type: ignore[index]
    assert figures["deployment_frequency"]["value"] is None
    assert figures["lead_time"]["left_out"] == 0
    assert (figures["gate_respected"]["value"], figures["gate_respected"]["population"]) == (0, 1)


def test_what_is_wrong_is_refused(api: Api, app: Flask, one_store: Store) -> None:
    for wrong in (
        {"at": "2020-01-01T00:00:00Z"},
        {"at": "2040-01-01T00:00:00Z"},
        {"environment": "moon"},
        {"level": "huge"},
        {"flag": ""},
    ):
        assert api.call("author", "PUT", PATH, ON | wrong).status_code == 422, wrong
    assert api.call("author", "PUT", "/repositories/none/flags/1", ON).status_code == 404
    assert client_as(app, one_store, Role.READER).put(f"/api/v1{PATH}", json=ON).status_code == 403
    with one_store.read() as session:
        assert session.scalar(select(func.count()).where(Change.kind == FLAG)) == 0


def test_planning_again_keeps_it(api: Api, one_store: Store) -> None:
    found = told(api, ON, 201)
    with one_store.read() as session:
        slug = session.scalars(select(CalendarRow.slug)).one()
    plans.replan(one_store, trusted("operator", Via.CLI), clock.now(), slug)
    assert told(api, ON, 200)["window"] == found["window"]
