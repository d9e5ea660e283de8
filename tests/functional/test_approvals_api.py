"""Each rule of approvals tried by a direct call of the API: what a page hides, the API refuses too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.core.permissions import Scope, Via, trusted
from release_mgmt.services import tokens
from release_mgmt.store.models.scheduling import PlacementRow, WindowRow
from release_mgmt.store.session import Store
from tests.integration.test_approvals import settled

OPERATOR = trusted("operator", Via.CLI)


class Api:
    """The organisation of the approval tests, each person with a token of their own."""

    def __init__(self, app: Flask, store: Store) -> None:
        self.app, self.town = app, settled(store)
        self.tokens = {
            login: tokens.create(store, OPERATOR, clock.now(), name="t", scopes=tuple(Scope), person=key).secret
            for login, key in self.town.ids.items()
        }

    def place(self, change: str, **more: object) -> None:
        """A change whose window starts tomorrow by the real clock."""
        self.town.change(change, **more)  # type: ignore[arg-type]
        soon = clock.now() + timedelta(days=1)
        with self.town.store.write() as session:
            session.execute(update(PlacementRow).values(starts_at=soon))
            session.execute(update(WindowRow).values(starts_at=soon))

    def call(self, login: str, method: str, path: str, body: object = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.tokens[login]}"}
        return self.app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)


@pytest.fixture
def api(app: Flask, one_store: Store) -> Api:
    return Api(app, one_store)


@pytest.mark.acceptance("SCH-A9")
@pytest.mark.acceptance("SCH-A2")
@pytest.mark.acceptance("SCH-A3")
@pytest.mark.acceptance("SCH-A7")
def test_votes_are_refused_by_the_api_itself(api: Api) -> None:
    api.place("c1")
    api.place("c2")
    votes, yes = "/changes/c1/approvals", {"verdict": "approve"}
    assert api.call("author", "POST", votes, yes).json["code"] == "self_approval"  # type: ignore[index]
    assert api.call("root", "POST", votes, yes).status_code == 403
    assert api.call("other", "POST", votes, yes).status_code == 403
    assert api.call("m1", "POST", votes, {"verdict": "reject"}).status_code == 422
    assert api.call("m1", "POST", votes, {**yes, "digest": "of something else"}).status_code == 412
    cast = api.call("m1", "POST", votes, yes)
    assert cast.status_code == 201
    assert cast.json is not None
    assert api.call("m1", "POST", votes, yes).status_code == 409
    assert api.call("m1", "DELETE", f"/changes/c2/approvals/{cast.json['id']}").status_code == 404
    assert api.call("m2", "DELETE", f"/changes/c1/approvals/{cast.json['id']}").status_code == 403
    seen = api.call("f1", "GET", votes).json
    assert seen is not None
    assert (seen["status"]["state"], seen["may_vote"]) == ("approved", False)
    assert api.call("m1", "DELETE", f"/changes/c1/approvals/{cast.json['id']}").status_code == 204


@pytest.mark.acceptance("SCH-A9")
@pytest.mark.acceptance("SCH-A8")
def test_break_glass_is_refused_by_the_api_itself(api: Api) -> None:
    api.place("c1")
    wanted = {"change": "c1", "environment": "prod", "reason": "Prices are wrong", "ticket": "OPS-1"}
    named = {**wanted, "blockers": [{"code": "outside_window"}]}
    assert api.call("f1", "POST", "/break-glass", named).status_code == 403
    assert api.call("m1", "POST", "/break-glass", {**named, "minutes": 241}).status_code == 422
    assert api.call("m1", "POST", "/break-glass", {**wanted, "blockers": [{"code": "freeze"}]}).status_code == 422
    asked = api.call("m1", "POST", "/break-glass", named)
    assert asked.status_code == 201
    assert asked.json is not None
    path = f"/break-glass/{asked.json['id']}"
    for login in ("m1", "other", "root", "author"):
        assert api.call(login, "POST", f"{path}/decision", {"grant": True}).status_code == 403
    assert api.call("m2", "POST", f"{path}/decision", {"grant": True}).json["state"] == "active"  # type: ignore[index]
    assert api.call("m2", "POST", f"{path}/review", {"note": "fine"}).status_code == 403
    assert api.call("m3", "POST", f"{path}/review", {"note": "It was the cache."}).status_code == 200
