"""What a calendar approves in advance ships at any time outside freezes, and is shown when it shipped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import icalendar
import pytest
from flask import Flask
from sqlalchemy import func, select

from release_mgmt.core.permissions import Role
from release_mgmt.services import feeds, plans, stages, windows
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import MoveRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, document, freeze, seed

W1, W2 = "w@2026-11-24T18:00", "w@2026-12-01T18:00"
SHIPPED = at("2026-11-23T10:15")
LANE = "minor_lane@2026-11-23T10:15Z"
OPEN = document()["policy"] | {"minor_lane": {"approved_in_advance": True}}


def deploy(store: Store, change: str, now: Any = SHIPPED, state: str = "done") -> None:
    stages.report(store, OPERATOR, now, change, stage="deploy", state=state)


def told(store: Store) -> dict[str, list[str]]:
    found = windows.between(store, OPERATOR, NOW, NOW + timedelta(days=400))
    return {each.key: [change.id for change in each.changes] for each in found if each.changes}


def state_of(store: Store, change: str) -> str:
    with store.read() as session:
        return session.get_one(Change, change).state


def test_it_is_shown_at_the_moment_it_shipped_and_its_room_is_free(store: Store) -> None:
    seed(store)
    apply(store, policy=OPEN)
    before = told(store)
    assert "m1" in before[W1]
    deploy(store, "m1")
    after = told(store)
    assert after.pop(LANE) == ["m1"]
    assert after == before | {W1: [each for each in before[W1] if each != "m1"]}, "nobody else moves"
    lane, own = windows.detail(store, OPERATOR, "releases", LANE), windows.detail(store, OPERATOR, "releases", W1)
    assert (lane.start, lane.end, lane.flags) == (SHIPPED, SHIPPED + timedelta(minutes=1), ("minor_lane",))
    assert own.used == len(own.changes) == 3
    assert state_of(store, "m1") == "released"
    [move] = windows.moves(store, OPERATOR)
    assert (move.change, move.from_window, move.to_window, move.to_start) == ("m1", W1, LANE, SHIPPED)
    assert [each["code"] for each in move.reasons] == ["minor_lane"]
    document = plans.document(store, OPERATOR, "releases")
    assert move.plan_version == document["version"] == 2
    assert all("m1" not in each["changes"] for each in document["windows"])
    assert document["shipped"] == [
        {"change": "m1", "title": "Change m1", "level": "minor", "window": LANE, "at": "2026-11-23T10:15:00Z"}
    ]
    # A later plan keeps it there, and the room goes to the next change.
    seed(store, "n1", "billing")
    plans.replan(store, OPERATOR, SHIPPED + timedelta(minutes=5), "releases")
    assert told(store)[LANE] == ["m1"]
    assert "n1" in told(store)[W1]
    assert len(windows.moves(store, OPERATOR)) == 1


def test_the_feed_shows_it_once_where_it_shipped(app: Flask, one_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store = one_store
    seed(store)
    apply(store, policy=OPEN)
    made = feeds.create(store, OPERATOR, NOW, name="All", audience="engineering")
    deploy(store, "m1")
    deploy(store, "m2", SHIPPED + timedelta(seconds=20))
    plans.replan(store, OPERATOR, SHIPPED + timedelta(days=1), "releases")
    monkeypatch.setattr("release_mgmt.clock.now", lambda: SHIPPED + timedelta(days=1))
    body = app.test_client().get(f"/feeds/{made.token}/calendar.ics").data
    for change in ("m1", "m2"):
        [event] = [
            event
            for event in icalendar.Calendar.from_ical(body).walk("VEVENT")
            if f"Change {change}" in str(event["SUMMARY"]) + str(event.get("DESCRIPTION"))
        ]
        assert (event.decoded("DTSTART"), str(event.get("STATUS"))) == (SHIPPED, "CONFIRMED")


def test_a_shipment_is_read_over_rest_however_long_ago(
    app: Flask, one_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = one_store
    seed(store)
    apply(store, policy=OPEN)
    deploy(store, "m1")
    later = SHIPPED + timedelta(days=60)
    seed(store, "n1", "billing")
    plans.replan(store, OPERATOR, later, "releases")
    monkeypatch.setattr("release_mgmt.clock.now", lambda: later)
    reader = client_as(app, store, Role.READER)
    span = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    alone = reader.get(f"/api/v1/calendars/releases/windows/{LANE}").json
    listed = [one for one in reader.get("/api/v1/windows", query_string=span).json["items"] if one["key"] == LANE]
    for window in (alone, *listed):
        assert (window["start"], window["end"]) == ("2026-11-23T10:15:00Z", "2026-11-23T10:16:00Z")
        [change] = window["changes"]
        assert (change["id"], change["state"], change["why"]) == ("m1", "released", "minor_lane")
    assert len(listed) == 1


@pytest.mark.parametrize(
    ("change", "moment", "more"),
    [
        ("m1", at("2026-11-24T18:00"), {"policy": OPEN}),  # its own window
        ("M1", SHIPPED, {"policy": OPEN}),  # major
        ("m1", SHIPPED, {}),  # no lane
        ("m1", SHIPPED, {"policy": OPEN, "freezes": [freeze("f", "2026-11-23")]}),  # a freeze closes the lane
    ],
    ids=["in its window", "major", "no lane", "frozen"],
)
def test_everything_else_keeps_its_place(one_store: Store, change: str, moment: Any, more: dict[str, Any]) -> None:
    seed(one_store)
    apply(one_store, **more)
    before = told(one_store)
    deploy(one_store, change, moment)
    assert (told(one_store), state_of(one_store, change)) == (before, "released")
    assert windows.moves(one_store, OPERATOR) == []


def test_a_report_sent_again_and_a_rollback_leave_one_shipment(one_store: Store) -> None:
    seed(one_store)
    apply(one_store, policy=OPEN)
    deploy(one_store, "m1")
    deploy(one_store, "m1", SHIPPED + timedelta(minutes=9))
    deploy(one_store, "m1", SHIPPED + timedelta(minutes=20), "rolled_back")
    plans.replan(one_store, OPERATOR, SHIPPED + timedelta(hours=1), "releases")
    assert told(one_store)[LANE] == ["m1"]
    assert state_of(one_store, "m1") == "rolled_back"
    with one_store.read() as session:
        assert session.scalar(select(func.count()).select_from(MoveRow)) == 1
