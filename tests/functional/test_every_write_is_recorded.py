"""Every writing route of the API leaves a row in the audit log when it succeeds: found from the map of routes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from release_mgmt import clock
from release_mgmt.store.models.base import Base
from release_mgmt.store.models.insight import RequestRow
from release_mgmt.store.models.messages import MessageDelivery, MessageTarget
from release_mgmt.store.models.people import AuditRow, Person
from release_mgmt.store.session import Store
from tests.functional.test_approvals_api import Api
from tests.functional.test_every_write_at_work_is_recorded import WALKED
from tests.integration.test_approvals import DOCUMENT, KEY
from tests.support.steady import NOON

SOON = {"since": NOON.isoformat(), "until": (NOON + timedelta(days=3)).isoformat()}
WHY = {"reason": "because it is needed"}
HOOK = {"channel": "webhook", "name": "CI", "address": "https://example.org/hook"}
FREEZE = {"days": ["2027-12-24", "2027-12-26"], "reason": "year's end"}
SERIES = {"start": "2027-01-05T18:00", "end": "2027-01-05T20:00", "rrule": "FREQ=WEEKLY"}
GLASS = {"change": "c1", "environment": "prod", "ticket": "OPS-1", "blockers": [{"code": "outside_window"}], **WHY}
INCIDENT = {"title": "Prices are zero", "opened_at": "2026-01-05T18:00:00Z", "change": "c1"}
ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20261120T000000Z\r\n"
    "DTSTART;VALUE=DATE:20271224\r\nDTEND;VALUE=DATE:20271225\r\nSUMMARY:Closed\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)

REVERSAL = "/calendars/pricing/versions/3/reversal"
VOTES = f"/calendars/pricing/windows/{KEY}/approvals"

FLAG = {"flag": "fraud-v2", "on": True, "state": "planned"}
PRACTICE = "/repositories/pricing/practices/monitor/1"
REQUEST = "/requests/rq_1"
ANSWERED = f"{REQUEST}/changes/c1"

CALLS: list[tuple[str, str, str, str, object]] = [
    # who, method, the route, the path ("{}" is the id that the call before answered), the body; in this order
    ("root", "POST", "/teams", "/teams", {"slug": "new", "name": "New"}),
    ("root", "PATCH", "/teams/<team>", "/teams/new", {"name": "Newer"}),
    ("root", "POST", "/people", "/people", {"name": "Ada", "login": "ada"}),
    ("root", "PATCH", "/people/<person>", "/people/ada", {"name": "Ada L."}),
    ("root", "POST", "/people/<person>/identities", "/people/ada/identities", {"kind": "github", "value": "ada"}),
    ("root", "DELETE", "/people/<person>/identities", "/people/ada/identities?kind=github&value=ada", None),
    ("root", "POST", "/people/<person>/link", "/people/ada/link", None),
    ("root", "POST", "/people/<person>/sign-out", "/people/ada/sign-out", None),
    ("root", "POST", "/people/<person>/erase", "/people/ada/erase", WHY),
    ("root", "POST", "/tokens", "/tokens", {"name": "ci", "scopes": ["read"]}),
    ("root", "DELETE", "/tokens/<token>", "/tokens/{}", None),
    ("root", "POST", "/subscriptions", "/subscriptions", {"name": "mine"}),
    ("root", "POST", "/subscriptions/<key>/rotate", "/subscriptions/{}/rotate", None),
    ("root", "PUT", "/subscriptions/<key>", "/subscriptions/{}", {"name": "ours"}),
    ("root", "DELETE", "/subscriptions/<key>", "/subscriptions/{}", None),
    ("root", "POST", "/messages/targets", "/messages/targets", HOOK),
    ("root", "PATCH", "/messages/targets/<target>", "/messages/targets/{}", {"mode": "immediate"}),
    ("root", "POST", "/messages/targets/<target>/rotate", "/messages/targets/{}/rotate", None),
    ("root", "POST", "/messages/targets/<target>/test", "/messages/targets/{}/test", None),
    ("root", "DELETE", "/messages/targets/<target>", "/messages/targets/{}", None),
    ("root", "POST", "/messages/deliveries/<message>/replay", "/messages/deliveries/msg_1/replay", None),
    ("m1", "PUT", "/delegation", "/delegation", {"deputy": "m2", **SOON}),
    ("m1", "DELETE", "/delegation", "/delegation", None),
    ("m1", "PUT", "/changes/<change>/rollback-plan", "/changes/c1/rollback-plan", {"how": "Put the old model back."}),
    ("m1", "POST", "/changes/<change>/approvals", "/changes/c1/approvals", {"verdict": "approve"}),
    ("m1", "DELETE", "/changes/<change>/approvals/<vote>", "/changes/c1/approvals/{}", None),
    ("m1", "POST", "/changes/<change>/approvals", "/changes/c1/approvals", {"verdict": "reject", **WHY}),
    ("author", "POST", "/changes/<change>/resubmission", "/changes/c1/resubmission", WHY),
    ("m1", "POST", "/calendars/<calendar>/windows/<window>/approvals", VOTES, {}),
    ("author", "PUT", "/changes/<change>/override", "/changes/c1/override", {"level": "major", **WHY}),
    ("m1", "DELETE", "/changes/<change>/override", "/changes/c1/override?reason=because+it+is+needed", None),
    ("m1", "PUT", "/changes/<change>/owner", "/changes/c1/owner", {"person": "m2", **WHY}),
    ("m1", "PUT", "/changes/<change>/teams", "/changes/c1/teams", {"added": ["fraud"]}),
    ("m1", "PATCH", "/changes/<change>/terms", "/changes/c1/terms", {"points": 2}),
    ("m1", "PUT", "/changes/<path:change>/note", "/changes/c1/note", {"text": "Alerts come earlier."}),
    ("m1", "PUT", "/changes/<path:change>/publicity", "/changes/c1/publicity", {"internal": True, **WHY}),
    ("m1", "POST", "/changes/<change>/stages", "/changes/c1/stages", {"stage": "verify", "state": "done"}),
    ("m1", "PUT", "/repositories/<repository>/incidents/<incident>", "/repositories/pricing/incidents/1", INCIDENT),
    ("m1", "PUT", "/repositories/<repository>/flags/<event>", "/repositories/pricing/flags/1", FLAG),
    ("m1", "PUT", "/repositories/<repository>/practices/<kind>/<practice>", PRACTICE, {"name": "Drift"}),
    ("m1", "POST", "/requests", "/requests", {"title": "Fewer false alarms", "metric": "recall"}),
    ("m1", "PATCH", "/requests/<request_id>", "/requests/{}", {"expected_to": "0.9"}),
    ("m1", "PUT", "/requests/<request_id>/changes/<change>", ANSWERED, None),
    ("m1", "PUT", "/requests/<request_id>/observations/<observation>", f"{REQUEST}/observations/1", {"value": "0.91"}),
    ("m1", "DELETE", "/requests/<request_id>/changes/<change>", ANSWERED, None),
    ("m1", "POST", "/break-glass", "/break-glass", GLASS),
    ("m2", "POST", "/break-glass/<key>/decision", "/break-glass/{}/decision", {"grant": True}),
    ("m3", "POST", "/break-glass/<key>/review", "/break-glass/{}/review", {"note": "It was the cache."}),
    ("m1", "POST", "/changes/<change>/withdrawal", "/changes/c1/withdrawal", WHY),
    ("m1", "PUT", "/calendars/<calendar>/freezes/<identity>", "/calendars/pricing/freezes/f1", FREEZE),
    ("m1", "DELETE", "/calendars/<calendar>/freezes/<identity>", "/calendars/pricing/freezes/f1", None),
    ("m1", "POST", "/calendars/<calendar>/versions/<int:version>/reversal", REVERSAL, WHY),
    ("m1", "PUT", "/calendars/<calendar>/series/<identity>", "/calendars/pricing/series/s1", SERIES),
    ("m1", "DELETE", "/calendars/<calendar>/series/<identity>", "/calendars/pricing/series/s1", None),
    ("m1", "POST", "/calendars/<calendar>/imports", "/calendars/pricing/imports", {"source": "x", "content": ICS}),
    ("m1", "PUT", "/calendars/<calendar>", "/calendars/pricing", DOCUMENT | {"horizon_days": 200}),
    ("root", "POST", "/calendars", "/calendars", DOCUMENT | {"calendar": "Risk"}),
    ("root", "PATCH", "/repositories/<repository>", "/repositories/pricing", {"calendar": None}),
    ("root", "DELETE", "/repositories/<repository>", "/repositories/pricing", None),
    ("root", "POST", "/repositories/<repository>/restore", "/repositories/pricing/restore", None),
    ("root", "DELETE", "/repositories/<repository>", "/repositories/pricing", None),
    ("root", "POST", "/repositories/<repository>/delete", "/repositories/pricing/delete", None),
]  # fmt: skip

UNRECORDED = {
    "POST /subscriptions/preview": "reads: what a feed would hold",
    "POST /repositories/<repository>/changelog/template": "reads: a preview of a template",
}
"""Routes that write nothing people answer for."""


def asked(store: Store) -> None:
    """A request and a message under known ids."""
    now = clock.now()
    with store.write() as session:
        session.add(RequestRow(id="rq_1", title="x", made_by="m1", made_at=now, updated_at=now))
        session.add(MessageTarget(id="mt_1", channel="webhook", name="x", created_at=now, updated_at=now))
        session.flush()
        session.add(
            MessageDelivery(
                id="msg_1", target_id="mt_1", channel="webhook", subject="x", content={}, state="failed", due_at=now,
                created_at=now,
            )
        )  # fmt: skip


def last(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.max(AuditRow.number))) or 0


@pytest.mark.acceptance("SCH-A10")
@pytest.mark.usefixtures("noon")
def test_every_success_of_a_writing_route_leaves_an_audit_row(app: Flask, one_store: Store) -> None:
    api = Api(app, one_store)
    api.place("c1", author="author@example.org")
    asked(one_store)
    wrong, answered = [], ""
    for login, method, route, path, body in CALLS:
        before = last(one_store)
        answer = api.call(login, method, path.format(answered), body)
        if not 200 <= answer.status_code < 300:
            wrong.append(f"{method} {route}: {answer.status_code} {answer.text[:300]}")
        elif last(one_store) == before:
            wrong.append(f"{method} {route}: no row")
        if answer.data and answer.is_json and isinstance(answer.json, dict) and "id" in answer.json:
            answered = answer.json["id"]
    assert wrong == []


def test_names_of_people_live_in_one_table(app: Flask, one_store: Store) -> None:
    """So blanking that table's row is all that erasing needs: nothing that people did keeps what they are called."""
    api = Api(app, one_store)
    api.place("c1", author="author@example.org")
    asked(one_store)
    with one_store.write() as session:
        for person in session.scalars(select(Person)):
            person.name = f"Unmistakable {person.id}"
    answered = ""
    for login, method, _, path, body in CALLS:
        if "/delete" in path:
            break
        answer = api.call(login, method, path.format(answered), body)
        if answer.data and answer.is_json and isinstance(answer.json, dict) and "id" in answer.json:
            answered = answer.json["id"]
    found = {}
    for name, table in Base.metadata.tables.items():
        with one_store.read() as session:
            held = [row for row in session.execute(select(table)) if "Unmistakable" in repr(tuple(row))]
        if held:
            found[name] = held[0]
    assert set(found) == {Person.__tablename__}, found


@pytest.mark.acceptance("SCH-A10")
def test_no_writing_route_is_forgotten(app: Flask) -> None:
    """A new route stands in one of the two walks or, with the reason, among the exceptions; none of those is stale."""
    writing = {
        f"{method} {rule.rule.removeprefix('/api/v1')}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    known = {f"{method} {route}" for _, method, route, _, _ in CALLS}
    assert writing - known - WALKED == set(UNRECORDED)
    assert known | WALKED <= writing
