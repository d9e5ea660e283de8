"""Calendars, windows, plans, the gate, leases and stages over REST, as programs use them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import swapping
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.integration.scheduling.builders import NOW, apply, at, document, freeze, seed

W1 = "w@2026-11-24T18:00"
IN_W1 = "2026-11-24T18:00:00Z"


@pytest.fixture(name="planned")
def _planned(one_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("release_mgmt.clock.now", lambda: NOW)
    seed(one_store)
    apply(one_store)
    return one_store


@pytest.fixture(name="manager")
def _manager(app: Flask, planned: Store) -> FlaskClient:
    return client_as(app, planned, Role.RELEASE_MANAGER, Role.ENGINEER, name="Max")


@pytest.fixture(name="engineer")
def _engineer(app: Flask, planned: Store) -> FlaskClient:
    return client_as(app, planned, Role.ENGINEER, name="Eve")


def ask(client: FlaskClient, **query: object):
    return client.get("/api/v1/gate", query_string={"repository": "pricing", "environment": "prod"} | query)


@pytest.mark.acceptance("SCH-G1")
def test_the_gate_answers_with_everything_a_pipeline_needs(engineer: FlaskClient):
    found = ask(engineer, change="m1", at=IN_W1)
    assert found.status_code == 200
    assert found.json["decision"] == "allow"
    assert set(found.json) >= {
        "decision", "reasons", "blocked_by", "next_transition", "next_allow", "valid_until", "evaluated_at",
        "plan_version", "decision_id",
    }  # fmt: skip
    closed = ask(engineer, change="m1").json
    assert closed["decision"] == "deny"
    assert [(each["code"], each["ref"]) for each in closed["reasons"]] == [("outside_window", W1)]
    assert closed["next_allow"] == "2026-11-24T17:00:00Z"
    assert closed["plan_version"] == 1


@pytest.mark.acceptance("SCH-G2")
def test_an_instant_without_an_offset_is_refused_and_several_changes_are_all_asked(engineer: FlaskClient):
    wrong = ask(engineer, change="m1", at="2026-11-24T18:00:00")
    assert wrong.status_code == 422
    assert wrong.content_type == "application/problem+json"
    assert "at" in wrong.get_data(as_text=True)
    both = engineer.get(
        "/api/v1/gate?repository=pricing&environment=prod&change=m1&change=M2", query_string=None
    )  # fmt: skip
    assert both.json["decision"] == "deny"
    assert [each["change"] for each in both.json["targets"]] == ["m1", "M2"]


@pytest.mark.acceptance("SCH-G1")
@pytest.mark.acceptance("SCH-G2")
def test_the_gate_answers_in_utc_and_refuses_what_it_does_not_know(engineer: FlaskClient):
    """A mistyped ``change`` would be a question about the scope, which an open window allows for everything."""
    found = ask(engineer, change="m1", at="2026-11-24T18:30:00+01:00").json
    assert (found["decision"], found["at"], found["next_allow"]) == (
        "allow", "2026-11-24T17:30:00Z", "2026-11-24T17:30:00Z"
    )  # fmt: skip
    mistyped = ask(engineer, chnage="m1", at="2026-11-24T17:30:00Z")
    assert (mistyped.status_code, [each["path"] for each in mistyped.json["errors"]]) == (422, ["chnage"])
    [floating] = ask(engineer, change="m1", at="2026-11-24T18:00:00").json["errors"]
    assert floating["path"] == "at"
    assert "offset" in floating["message"]


@pytest.mark.acceptance("SCH-G7")
def test_the_answer_may_be_kept_no_longer_than_it_holds(
    engineer: FlaskClient, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    monkeypatch.setattr("release_mgmt.clock.now", lambda: at("2026-11-24T20:59:40"))
    found = ask(engineer, change="m1")
    assert found.json["decision"] == "allow"
    assert int(found.headers["Cache-Control"].rpartition("=")[2]) <= 20


@pytest.mark.acceptance("SCH-F10")
def test_a_freeze_first_gives_its_hit_list(manager: FlaskClient):
    seen = manager.get("/api/v1/calendars/releases")
    body = {"days": ["2026-12-01"], "reason": "audit"}
    shown = manager.put("/api/v1/calendars/releases/freezes/F1?dry_run=true", json=body)
    assert shown.status_code == 200, shown.text
    assert {hit["change"] for hit in shown.json["effects"]["hits"]} == {"M1", "m5"}
    assert manager.get("/api/v1/calendars/releases").json == seen.json
    kept = manager.put("/api/v1/calendars/releases/freezes/F1", json=body, headers={"If-Match": seen.headers["ETag"]})
    assert kept.status_code == 200
    assert [each["id"] for each in manager.get("/api/v1/calendars/releases/freezes").json["items"]] == ["F1"]
    stale = manager.put("/api/v1/calendars/releases/freezes/F2", json=body, headers={"If-Match": seen.headers["ETag"]})
    assert stale.status_code == 412
    moves = manager.get("/api/v1/calendars/releases/moves").json["items"]
    assert {each["change"] for each in moves} == {"M1", "m5"}
    assert manager.delete("/api/v1/calendars/releases/freezes/F1").status_code == 200


@pytest.mark.acceptance("SCH-W14")
@pytest.mark.acceptance("SCH-F5")
def test_a_wrong_calendar_is_refused_when_it_is_saved(manager: FlaskClient):
    wrong = document(time_zone="Europe/Berln")
    answer = manager.put("/api/v1/calendars/releases", json=wrong)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["path"] == "time_zone"
    scoped = manager.put(
        "/api/v1/calendars/releases/freezes/F1", json={"days": ["2026-12-01"], "scope": {"teams": ["fruad"]}}
    )
    assert scoped.status_code == 422
    assert scoped.json["errors"][0]["path"] == "scope.teams[0]"
    assert scoped.json["detail"].startswith("scope.teams[0]: ")
    served = [{**document()["series"][0], "repositories": ["prcing"]}]
    unknown = manager.put("/api/v1/calendars/releases", json=document(series=served, teams={"frud": {}}))
    assert unknown.status_code == 422
    assert [(each["path"], each["allowed"]) for each in unknown.json["errors"]] == [
        ("series[0].repositories[0]", "did you mean pricing?"),
        ("teams.frud", "did you mean fraud?"),
    ]


@pytest.mark.acceptance("SCH-C4")
def test_over_booking_needs_an_override_with_a_reason_and_is_shown(manager: FlaskClient):
    refused = manager.put("/api/v1/changes/m6/placement", json={"window": W1, "reason": "promised"})
    assert refused.status_code == 409
    assert refused.json["code"] == "capacity"
    shown = manager.put("/api/v1/changes/m6/placement", json={"window": W1, "reason": "promised", "dry_run": True})
    assert [each["code"] for each in shown.json["checks"]] == ["capacity"]
    done = manager.put("/api/v1/changes/m6/placement", json={"window": W1, "reason": "promised", "override": True})
    assert done.status_code == 200, done.text
    window = manager.get(f"/api/v1/calendars/releases/windows/{W1}").json
    assert (window["used"], window["points"]) == (5, 4)
    [move] = [each for each in manager.get("/api/v1/calendars/releases/moves").json["items"] if each["change"] == "m6"]
    assert move["to_window"] == W1
    assert move["reasons"][0]["code"] == "manager"


def test_a_window_too_far_ahead_is_refused_with_the_day_until_which_there_are_any(
    manager: FlaskClient, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    """Counted from today in days of the horizon."""
    monkeypatch.setattr("release_mgmt.clock.now", lambda: at("2026-11-24T18:00"))
    wanted = {"window": W1.replace("2026", "2031"), "reason": "promised"}
    for days, last in ((182, "2027-05-25"), (30, "2026-12-24")):
        assert manager.put("/api/v1/calendars/releases", json=document(horizon_days=days)).status_code == 200
        refused = manager.put("/api/v1/changes/m6/placement", json=wanted)
        assert (refused.status_code, refused.json["hint"]) == (404, f"Windows are planned until {last}.")


def test_two_changes_swap_windows_with_one_reason_and_without_any_overbooking(manager: FlaskClient, planned: Store):
    """Both windows are full, yet there is room: each leaves what the other needs. A preview writes nothing."""

    def held() -> dict[str, str]:
        with planned.read() as session:
            return {row.change_id: row.window or "" for row in session.scalars(select(PlacementRow))}

    actor = trusted("manager", Via.CLI)
    before = held()
    first, other = "m1", "m5"
    assert before[first] != before[other]
    shown = swapping.swap(planned, actor, NOW, first, other, reason="preview", dry_run=True)
    assert shown.checks == ()
    assert held() == before
    swapping.swap(planned, actor, NOW, first, other, reason="Pricing asked first")
    assert held() == before | {first: before[other], other: before[first]}
    told = manager.get("/api/v1/calendars/releases/moves").json["items"]
    assert {each["change"] for each in told} == {first, other}
    assert {each["reasons"][0]["message"] for each in told} == {"Pricing asked first"}
    beside = next(change for change, window in held().items() if window == held()[first] and change != first)
    with pytest.raises(Conflict, match="same window"):
        swapping.swap(planned, actor, NOW, first, beside, reason="again")


def test_a_swap_records_with_each_change_what_it_alone_overrides(manager: FlaskClient, planned: Store):
    """M2 comes into a window that is too soon and too full for it; nothing stands in the way of m2."""
    held = {one["id"]: one["window"] for one in _placed(manager)}
    assert (held["m2"], held["M2"]) == (W1, "w@2026-12-08T18:00")
    body = {"other": "M2", "reason": "Pricing asked first", "override": True}
    answer = manager.post("/api/v1/changes/m2/swap", json=body)
    assert [one["code"] for one in answer.json["checks"]] == ["notice", "capacity"], answer.text
    told = manager.get("/api/v1/calendars/releases/moves").json["items"]
    codes = {each["change"]: [one["code"] for one in each["reasons"]] for each in told}
    assert (codes["m2"], codes["M2"]) == (["manager"], ["manager", "notice", "capacity"])
    rows = {row.subject: json.loads(row.after)["overridden"] for row in _audit(planned, "change.move")[-2:]}
    assert rows == {"change:m2": [], "change:M2": ["notice", "capacity"]}


def test_a_swap_and_its_preview_over_rest(manager: FlaskClient, engineer: FlaskClient, planned: Store):
    held = {one["id"]: one["window"] for one in _placed(manager)}
    body = {"other": "m5", "reason": "Pricing asked first"}
    assert engineer.post("/api/v1/changes/m1/swap", json=body).status_code == 403
    shown = manager.post("/api/v1/changes/m1/swap", json=body | {"dry_run": True})
    assert shown.json["windows"] == [held["m5"], held["m1"]], shown.text
    assert {one["id"]: one["window"] for one in _placed(manager)} == held
    assert manager.post("/api/v1/changes/m1/swap", json=body).json["dry_run"] is False
    after = {one["id"]: one["window"] for one in _placed(manager)}
    assert after == held | {"m1": held["m5"], "m5": held["m1"]}
    assert manager.post("/api/v1/changes/m1/swap", json={"other": "m1", "reason": "x"}).status_code == 422
    rows = _audit(planned, "change.move")
    assert [json.loads(row.after)["swapped_with"] for row in rows[-2:]] == ["m5", "m1"]


def test_a_move_is_taken_back_by_a_new_move_with_its_own_reason(manager: FlaskClient, planned: Store):
    [before] = manager.get("/api/v1/changes/m5/placement").json["items"]
    elsewhere = next(
        one["key"] for one in manager.get("/api/v1/windows").json["items"] if one["key"] > before["window"]
    )
    moved = {"window": elsewhere, "reason": "They asked", "override": True}
    assert manager.put("/api/v1/changes/m5/placement", json=moved).status_code == 200
    [move] = [one for one in manager.get("/api/v1/calendars/releases/moves").json["items"] if one["change"] == "m5"]
    path = f"/api/v1/moves/{move['id']}/reversal"
    assert manager.post(path, json={}).status_code == 422
    shown = manager.post(path, json={"reason": "They asked again", "dry_run": True, "override": True})
    assert [hit["to"] for hit in shown.json["effects"]["hits"] if hit["change"] == "m5"] == [before["window"]]
    assert manager.get("/api/v1/changes/m5/placement").json["items"][0]["window"] == elsewhere
    done = manager.post(path, json={"reason": "They asked again", "override": True})
    assert done.status_code == 200, done.text
    assert manager.get("/api/v1/changes/m5/placement").json["items"][0]["window"] == before["window"]
    told = manager.get("/api/v1/calendars/releases/moves").json["items"]
    assert "They asked again" in [one["reasons"][0]["message"] for one in told]
    assert move["id"] in {one["id"] for one in told}, "the move that was taken back stays in the history"
    assert json.loads(_audit(planned, "change.move")[-1].after)["reverts"] == move["id"]
    again = manager.post(path, json={"reason": "once more", "override": True})
    assert (again.status_code, again.json["code"]) == (409, "moved_since")


def test_a_freeze_a_lift_and_a_policy_are_taken_back_and_later_edits_stay(manager: FlaskClient, planned: Store):
    """Each version can be taken back on its own, in any order, as long as nobody edited the same part since."""
    calendar = "/api/v1/calendars/releases"
    freeze = {"days": ["2026-12-01"], "reason": "audit"}
    assert manager.put(f"{calendar}/freezes/F1", json=freeze).status_code == 200
    frozen = manager.get(calendar).json["version"]
    other = {"days": ["2027-02-01"], "reason": "stock"}
    assert manager.put(f"{calendar}/freezes/F2", json=other).status_code == 200
    path = f"{calendar}/versions/{frozen}/reversal"
    shown = manager.post(path, json={"reason": "wrong week", "dry_run": True}).json
    assert [(one["path"], one["after"]) for one in shown["edits"]] == [("freezes[F1]", None)]
    assert len(manager.get(calendar).json["document"]["freezes"]) == 2
    stale = manager.post(path, json={"reason": "wrong week"}, headers={"If-Match": f'"{frozen}"'})
    assert stale.status_code == 412
    assert manager.post(path, json={"reason": "wrong week"}).status_code == 200
    assert [one["id"] for one in manager.get(calendar).json["document"]["freezes"]] == ["F2"]
    row = _audit(planned, "freeze.edit")[-1]
    assert (row.reason, json.loads(row.after)["reverts"]) == ("wrong week", frozen)
    lifted = manager.get(calendar).json["version"]
    assert manager.post(path, json={"reason": "again"}).json["code"] == "nothing_to_revert"
    assert manager.post(f"{calendar}/versions/{lifted}/reversal", json={"reason": "right after all"}).status_code == 200
    assert {one["id"] for one in manager.get(calendar).json["document"]["freezes"]} == {"F1", "F2"}
    changed = manager.get(calendar).json["document"] | {"horizon_days": 200}
    assert manager.put(calendar, json=changed).status_code == 200
    policy = manager.get(calendar).json["version"]
    assert manager.put(calendar, json=changed | {"horizon_days": 300}).status_code == 200
    refused = manager.post(f"{calendar}/versions/{policy}/reversal", json={"reason": "x"})
    assert (refused.status_code, refused.json["code"]) == (409, "edited_since")
    assert "horizon_days" in refused.json["detail"]
    assert manager.post(f"{calendar}/versions/{policy + 1}/reversal", json={"reason": "x"}).status_code == 200
    assert manager.get(calendar).json["document"]["horizon_days"] == 200
    assert manager.post(f"{calendar}/versions/1/reversal", json={"reason": "x"}).json["code"] == "first_version"
    assert manager.post(f"{calendar}/versions/99/reversal", json={"reason": "x"}).status_code == 404


def _placed(client: FlaskClient) -> list[dict[str, str]]:
    return [one for window in client.get("/api/v1/windows").json["items"] for one in window["changes"]]


def _audit(store: Store, action: str) -> list[AuditRow]:
    with store.read() as session:
        query = select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.number)
        return list(session.scalars(query))


@pytest.mark.acceptance("SCH-C5")
def test_a_circle_of_dependencies_is_refused_by_name(engineer: FlaskClient):
    assert engineer.patch("/api/v1/changes/m1/terms", json={"depends_on": ["m2"]}).status_code == 200
    assert engineer.patch("/api/v1/changes/m2/terms", json={"depends_on": ["m4"]}).status_code == 200
    circle = engineer.patch("/api/v1/changes/m4/terms", json={"depends_on": ["m1"]})
    assert circle.status_code == 422
    assert "m1, m2, m4" in circle.get_data(as_text=True)
    assert engineer.get("/api/v1/changes/m4/terms").json["depends_on"] == []
    refused = engineer.patch("/api/v1/changes/m1/terms", json={"priority": 5})
    assert refused.status_code == 403


@pytest.mark.acceptance("SCH-C5")
def test_a_withdrawn_change_flags_what_needs_it(engineer: FlaskClient):
    engineer.patch("/api/v1/changes/m6/terms", json={"depends_on": ["m5"]})
    shown = engineer.post("/api/v1/changes/m5/withdrawal", json={"reason": "wrong idea", "dry_run": True}).json
    assert [(each["change"], each["code"]) for each in shown["conflicts"]] == [("m6", "withdrawn")]
    assert engineer.get("/api/v1/changes/m6/placement").json["items"][0]["conflicts"] == []
    assert engineer.post("/api/v1/changes/m5/withdrawal", json={"reason": "wrong idea"}).status_code == 200
    [placed] = engineer.get("/api/v1/changes/m6/placement").json["items"]
    assert [each["code"] for each in placed["conflicts"]] == ["withdrawn"]
    assert ask(engineer, change="m5", at=IN_W1).json["reasons"][0]["code"] == "withdrawn"


@pytest.mark.acceptance("SCH-F8")
def test_leases_are_taken_renewed_and_given_back_by_id(
    engineer: FlaskClient, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    assert engineer.post("/api/v1/gate/leases", json={"change": "m1", "environment": "prod"}).status_code == 409
    monkeypatch.setattr("release_mgmt.clock.now", lambda: at("2026-11-24T18:00"))
    taken = engineer.post("/api/v1/gate/leases", json={"change": "m1", "environment": "prod"})
    assert taken.status_code == 201, taken.text
    path = f"/api/v1/gate/leases/{taken.json['id']}"
    assert engineer.put(path).status_code == 200
    assert engineer.delete(path).json["released_at"] == "2026-11-24T18:00:00Z"
    assert engineer.put(path).status_code == 409


def test_stages_are_reported_by_pipelines(engineer: FlaskClient):
    body = {"stage": "deploy", "state": "running", "done": 2, "total": 5}
    assert engineer.post("/api/v1/changes/m1/stages", json=body).status_code == 201
    assert engineer.post("/api/v1/changes/m1/stages", json=body | {"state": "done"}).status_code == 422
    assert engineer.get("/api/v1/changes/m1/stages").json["items"][0]["done"] == 2


def test_a_stage_and_a_lease_posted_twice_are_kept_once(engineer: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    """A pipeline that lost the answer sends the same request with the same key again."""
    monkeypatch.setattr("release_mgmt.clock.now", lambda: at("2026-11-24T18:00"))
    posts = {
        "/api/v1/changes/m1/stages": {"stage": "deploy", "state": "running"},
        "/api/v1/gate/leases": {"change": "m1", "environment": "prod"},
    }
    for path, body in posts.items():
        key = {"Idempotency-Key": f"run-7 {path}".replace(" ", ":")}
        first = engineer.post(path, json=body, headers=key)
        again = engineer.post(path, json=body, headers=key)
        assert (first.status_code, again.status_code) == (201, 201), first.text
        assert again.json == first.json
        assert (again.headers.get("Idempotency-Replayed"), "Idempotency-Replayed" in first.headers) == ("true", False)
        assert engineer.post(path, json=body | {"environment": "staging"}, headers=key).status_code == 422
        other = engineer.post(path, json=body, headers={"Idempotency-Key": "another" + path})
        assert other.status_code == 201, other.text
        assert other.json["id"] != first.json["id"]
    assert len(engineer.get("/api/v1/changes/m1/stages").json["items"]) == 2


def test_windows_and_plan_tell_the_same(engineer: FlaskClient):
    listed = engineer.get("/api/v1/windows").json["items"]
    plan = engineer.get("/api/v1/calendars/releases/plan").json
    assert plan["schema"] == "release-mgmt/plan/1"
    by_key = {each["key"]: each for each in plan["windows"]}
    for each in listed:
        assert by_key[each["key"]]["changes"] == [change["id"] for change in each["changes"]]
        assert by_key[each["key"]]["start"] == each["start"]
    assert (
        engineer.get("/api/v1/windows?from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z").json["items"][0]["key"] == W1
    )


def test_a_year_of_the_calendar_can_be_asked(engineer: FlaskClient):
    last = (NOW + timedelta(days=30)).isoformat().replace("+00:00", "Z")
    assert len(engineer.get("/api/v1/windows", query_string={"to": last}).json["items"]) == 4


def test_freezes_of_builders_are_valid(manager: FlaskClient):
    item = freeze("F", "2027-01-05")
    assert manager.put("/api/v1/calendars/releases/freezes/F", json=item).status_code == 200


@pytest.mark.acceptance("SCH-F11")
def test_an_ics_file_comes_in_once_and_an_unknown_zone_is_refused_by_its_event(manager: FlaskClient):
    event = "UID:a\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Audit\r\nDTSTART;TZID=Europe/Berlin:20270201T080000\r\n"
    content = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\n"
        f"{event}DTEND;TZID=Europe/Berlin:20270201T100000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    path = "/api/v1/calendars/releases/imports"
    shown = manager.post(path, json={"source": "bank.ics", "content": content, "dry_run": True})
    assert (shown.status_code, len(shown.json["added"])) == (200, 1)
    assert len(manager.post(path, json={"source": "bank.ics", "content": content}).json["added"]) == 1
    assert manager.post(path, json={"source": "bank.ics", "content": content}).json["unchanged"] == 1
    wrong = manager.post(path, json={"source": "x", "content": content.replace("Europe/Berlin", "Nowhere/Land")})
    assert wrong.status_code == 422
    assert "Audit" in wrong.get_data(as_text=True)


def test_the_page_of_a_change_tells_that_what_it_needs_was_withdrawn(manager: FlaskClient, planned: Store):
    manager.patch("/api/v1/changes/m3/terms", json={"depends_on": ["m2"]})
    assert manager.post("/api/v1/changes/m2/withdrawal", json={"reason": "Not wanted."}).status_code == 200
    page = manager.get("/changes/m3", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "A release manager must decide" in page
    assert "was withdrawn" in page
    other = manager.get("/changes/m1", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "A release manager must decide" not in other


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30])
def test_a_number_that_no_column_holds_is_no_fault_of_ours(manager: FlaskClient, number: int):
    """The drivers fail for it, each in its way: PostgreSQL's from 32 bits on, SQLite's from 64."""
    page = {"Accept": "text/html"}
    found = [
        manager.post(f"/api/v1/calendars/releases/versions/{number}/reversal", json={"reason": "x"}),
        manager.get(f"/calendars/releases/versions/{number}/revert", headers=page),
        manager.get(f"/admin/audit?before={number}", headers=page),
        manager.get(f"/api/v1/audit?before={number}"),
        manager.get(f"/plans?with={number}", headers=page),
    ]
    assert {answer.status_code for answer in found} <= {200, 404, 422}
    assert number == 2**31 or "A number is larger than any that is kept here." in found[0].text
