"""People, teams, tokens and the audit log over REST, with every rule tried by a direct call."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from release_mgmt import clock
from release_mgmt.core.permissions import EVERYWHERE, Role, Scope, Via, trusted
from release_mgmt.services import people, tokens
from release_mgmt.store.session import Store

OPERATOR = trusted("operator", Via.CLI)
Call = Callable[..., TestResponse]


@pytest.fixture
def caller(app: Flask, one_store: Store) -> Callable[[Role], tuple[str, Call]]:
    """A function that makes somebody with a role and gives the id and a way to call the API as that person."""

    def make(role: Role) -> tuple[str, Call]:
        now = clock.now()
        grant = people.Grant(role, "pricing" if role is Role.RELEASE_MANAGER else EVERYWHERE)
        person = people.add(
            one_store, OPERATOR, now, name=role.value, login=f"{role.value}@example.org", grants=(grant,)
        )
        made = tokens.create(one_store, OPERATOR, now, name="t", scopes=tuple(Scope), person=person.id)
        headers = {"Authorization": f"Bearer {made.secret}"}

        def call(method: str, path: str, body: object = None, **more: str) -> TestResponse:
            return app.test_client().open(
                f"/api/v1{path}",
                method=method,
                json=body,
                headers={**headers, **{name.replace("_", "-"): value for name, value in more.items()}},
            )

        return person.id, call

    return make


def test_an_administrator_adds_edits_links_and_erases_people(caller: Callable[[Role], tuple[str, Call]]) -> None:
    _, call = caller(Role.ADMINISTRATOR)
    made = call("POST", "/people", {"name": "Grace", "login": "Grace@example.org"})
    assert made.status_code == 201
    assert made.json is not None
    path = f"/people/{made.json['id']}"
    assert call("POST", "/people", {"name": "G", "login": "grace@example.org"}).status_code == 409
    manager = [{"role": "release_manager", "calendar": "pricing"}]
    stale = call("PATCH", path, {"grants": manager}, If_Match='"99"')
    assert stale.status_code == 412
    edited = call("PATCH", path, {"grants": manager}, If_Match=made.headers["ETag"])
    assert edited.status_code == 200
    assert edited.json is not None
    assert edited.json["grants"] == manager
    assert call("PATCH", path, {"grants": [{"role": "release_manager"}]}).status_code == 422
    assert call("POST", f"{path}/identities", {"kind": "github", "value": "GraceH"}).status_code == 200
    other = call("POST", "/people", {"name": "Eve", "login": "eve"})
    assert other.json is not None
    taken = call("POST", f"/people/{other.json['id']}/identities", {"kind": "github", "value": "graceh"})
    assert taken.status_code == 409
    held = call("GET", f"{path}/data").json
    assert held is not None
    assert held["identities"] == [{"kind": "github", "value": "graceh"}]
    assert call("POST", f"{path}/erase", {"reason": "asked for it"}).status_code == 204
    assert call("GET", path).status_code == 404
    verification = call("GET", "/audit/verification").json
    assert verification is not None
    assert verification["sound"] is True


def test_nobody_gives_a_role_by_sending_more_fields(caller: Callable[[Role], tuple[str, Call]]) -> None:
    """Mass assignment: unknown fields are refused, and people cannot edit themselves into a role."""
    me, call = caller(Role.READER)
    assert call("PATCH", f"/people/{me}", {"grants": [{"role": "administrator"}]}).status_code == 403
    _, root = caller(Role.ADMINISTRATOR)
    sent = {"name": "X", "login": "x", "password_hash": "h", "id": "p_1"}
    refused = root("POST", "/people", sent)
    assert refused.status_code == 422
    assert refused.json is not None
    assert {fault["path"] for fault in refused.json["errors"]} == {"password_hash", "id"}


def test_addresses_and_logins_are_for_administrators_and_oneself(caller: Callable[[Role], tuple[str, Call]]) -> None:
    reader, call = caller(Role.READER)
    root_id, root = caller(Role.ADMINISTRATOR)
    seen = call("GET", f"/people/{root_id}").json
    assert seen is not None
    assert seen["login"] is None
    assert seen["identities"] == []
    mine = call("GET", f"/people/{reader}").json
    assert mine is not None
    assert mine["login"] == "reader@example.org"
    assert call("GET", "/people/administrator@example.org").status_code == 404
    assert call("GET", "/people?q=administrator@example").json == {"items": [], "next": None}
    found = root("GET", "/people?q=reader@example").json
    assert found is not None
    assert [one["id"] for one in found["items"]] == [reader]


def test_nobody_touches_what_is_somebody_elses(caller: Callable[[Role], tuple[str, Call]], one_store: Store) -> None:
    """IDOR: ids of others' tokens, sessions and data answer as if they did not exist."""
    victim, mine = caller(Role.ENGINEER)
    _, attacker = caller(Role.READER)
    made = mine("POST", "/tokens", {"name": "ci", "scopes": ["gate"]}).json
    assert made is not None
    assert attacker("DELETE", f"/tokens/{made['id']}").status_code == 404
    assert attacker("GET", f"/people/{victim}/data").status_code == 404
    assert attacker("GET", f"/tokens?person={victim}").status_code == 403
    assert attacker("POST", "/tokens", {"name": "x", "scopes": ["read"], "person": victim}).status_code == 403
    assert mine("DELETE", f"/tokens/{made['id']}").status_code == 204


def test_not_even_an_administrator_makes_a_token_that_acts_as_a_person(
    caller: Callable[[Role], tuple[str, Call]],
) -> None:
    victim, _ = caller(Role.RELEASE_MANAGER)
    _, root = caller(Role.ADMINISTRATOR)
    assert root("POST", "/tokens", {"name": "x", "scopes": ["approve"], "person": victim}).status_code == 403


def test_a_token_makes_no_token_that_may_do_more(app: Flask, one_store: Store) -> None:
    now = clock.now()
    person = people.add(one_store, OPERATOR, now, name="ci", login="ci", kind="service")
    small = tokens.create(one_store, OPERATOR, now, name="t", scopes=("admin",), person=person.id)
    answer = app.test_client().post(
        "/api/v1/tokens",
        json={"name": "more", "scopes": ["admin", "write"]},
        headers={"Authorization": f"Bearer {small.secret}"},
    )
    assert answer.status_code == 403


def test_teams_with_members_lead_and_rules(caller: Callable[[Role], tuple[str, Call]]) -> None:
    reader, call = caller(Role.READER)
    _, root = caller(Role.ADMINISTRATOR)
    assert root("POST", "/teams", {"slug": "Fraud!", "name": "Fraud"}).status_code == 422
    made = root("POST", "/teams", {"slug": "fraud", "name": "Fraud", "kind": "business"})
    assert made.status_code == 201
    rules = [{"repository": "pricing*", "path": "models/**", "label": None}]
    edited = root("PATCH", "/teams/fraud", {"lead": reader, "rules": rules}, If_Match=made.headers["ETag"])
    assert edited.status_code == 200
    assert edited.json is not None
    assert (edited.json["members"], edited.json["rules"]) == ([reader], rules)
    assert root("PATCH", "/teams/fraud", {"name": "F"}, If_Match=made.headers["ETag"]).status_code == 412
    assert root("PATCH", "/teams/fraud", {"time_zone": "Mars/One"}).status_code == 422
    assert call("GET", "/teams/fraud").status_code == 200
    assert call("PATCH", "/teams/fraud", {"members": []}).status_code == 403


@pytest.mark.acceptance("SCH-A10")
def test_the_audit_log_is_searched_verified_and_exported(
    caller: Callable[[Role], tuple[str, Call]], one_store: Store
) -> None:
    person, root = caller(Role.ADMINISTRATOR)
    root("POST", "/teams", {"slug": "fraud", "name": "=cmd|' /C calc'!A0"})
    found = root("GET", "/audit?subject=team").json
    assert found is not None
    assert [(row["action"], row["actor"], row["subject"]) for row in found["items"]] == [
        ("team.manage", person, "team:fraud")
    ]
    first = root("GET", "/audit?limit=1").json
    assert first is not None
    second = root("GET", f"/audit?limit=1&cursor={first['next']}").json
    assert second is not None
    assert second["items"][0]["number"] == first["items"][0]["number"] - 1
    lines = root("GET", "/audit/export?format=jsonl").text.splitlines()
    rows = list(csv.DictReader(io.StringIO(root("GET", "/audit/export?format=csv").text)))
    assert len(rows) == len(lines)
    assert [json.loads(line)["number"] for line in lines] == [int(row["number"]) for row in rows]
    with one_store.write() as session:
        session.execute(text("DROP TRIGGER audit_log_no_update" + ("" if one_store.sqlite else " ON audit_log")))
        session.execute(text("UPDATE audit_log SET subject = 'team:forged' WHERE subject = 'team:fraud'"))
    verdict = root("GET", "/audit/verification").json
    assert verdict is not None
    assert (verdict["sound"], verdict["fault"]["kind"]) == (False, "changed")


def test_injection_in_searches_finds_nothing_and_breaks_nothing(caller: Callable[[Role], tuple[str, Call]]) -> None:
    _, root = caller(Role.ADMINISTRATOR)
    for hostile in ["' OR '1'='1", "%", "_", "\\", "'; DROP TABLE persons; --", "\x00", "🙂" * 20]:
        for path in ("/audit", "/people"):
            assert root("GET", f"{path}?q={quote(hostile)}").status_code in {200, 422}
    assert root("GET", "/people?q=%25").json == {"items": [], "next": None}
    assert root("GET", "/people").status_code == 200
