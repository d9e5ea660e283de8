"""Gate, JSON calendar and .ics tell the same; a change of zone data is a move with its reason."""

from __future__ import annotations

import functools
import random
from datetime import timedelta, timezone, tzinfo

import icalendar
import pytest
from flask import Flask
from sqlalchemy import select, update

from release_mgmt.core.planning import Settings
from release_mgmt.core.windows import zone
from release_mgmt.formats import plan_json
from release_mgmt.services import calendars, feeds, gate, plans, windows
from release_mgmt.services.gate import Asked
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, at, document, seed

SUNDAYS = [
    {"id": "n", "start": "2027-03-21T01:30", "end": "2027-03-21T03:30", "rrule": "FREQ=WEEKLY;BYDAY=SU"},
    {"id": "t", "start": "2027-03-23T18:00", "end": "2027-03-23T22:00", "rrule": "FREQ=WEEKLY;BYDAY=TU"},
]


@pytest.mark.acceptance("SCH-G9")
def test_gate_json_and_ics_agree_over_the_clock_change(
    app: Flask, one_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = one_store, at("2027-03-19T09:00")
    monkeypatch.setattr("release_mgmt.clock.now", lambda: now)
    seed(store, "m1 m2 m3 m4 m5 m6")
    policy = document()["policy"] | {"capacity": {"points": 1, "minor": 1, "major": 1}, "notice": 0}
    apply(store, now, series=SUNDAYS, policy=policy)
    made = feeds.create(store, OPERATOR, now, name="All", audience="engineering")
    body = app.test_client().get(f"/feeds/{made.token}/calendar.ics").data
    events = [
        (event.decoded("DTSTART"), event.decoded("DTEND"), str(event["SUMMARY"]) + str(event.get("DESCRIPTION")))
        for event in icalendar.Calendar.from_ical(body).walk("VEVENT")
    ]
    plan = plans.document(store, OPERATOR, "releases")
    spans = {change: (each["start"], each["end"]) for each in plan["windows"] for change in each["changes"]}
    assert any(each["flags"] for each in plan["windows"])
    chosen = random.Random(7)
    start = at("2027-03-20")
    with store.read() as session:
        for _ in range(400):
            instant = start + timedelta(seconds=chosen.randrange(21 * 86400))
            if chosen.random() < 0.5:  # around the clock change and at edges
                instant = at("2027-03-28T00:00") + timedelta(seconds=chosen.randrange(3 * 3600))
            change = chosen.choice(list(spans))
            allowed = gate.decide_in(session, Asked("pricing", "prod", change), instant, now).decision == "allow"
            text = plan_json.instant(instant)
            assert allowed is (spans[change][0] <= text < spans[change][1])
            held = [summary for begin, end, summary in events if begin <= instant < end]
            assert allowed is any(f"Change {change}" in summary for summary in held)


@pytest.mark.acceptance("SCH-W16")
def test_other_zone_data_moves_instants_with_the_reason_and_raises_sequence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(store, "m1")
    apply(store)
    with store.read() as session:
        before = {row.uid: row.sequence for row in session.scalars(select(FeedEventRow)) if row.kind == "window"}

    def shifted(name: str) -> tzinfo:
        return timezone(timedelta(hours=2)) if name == "Europe/Berlin" else zone(name)

    monkeypatch.setattr(plans, "Settings", functools.partial(Settings, zones=shifted))
    monkeypatch.setattr(plans, "zone_data", lambda: "2099z")
    plans.replan(store, OPERATOR, NOW + timedelta(hours=1), "releases")
    [move] = windows.moves(store, OPERATOR)
    assert (move.from_window, move.to_window) == ("w@2026-11-24T18:00", "w@2026-11-24T18:00")
    assert move.to_start == at("2026-11-24T16:00")
    assert [each["code"] for each in move.reasons] == ["tzdata"]
    with store.read() as session:
        after = {row.uid: row.sequence for row in session.scalars(select(FeedEventRow)) if row.kind == "window"}
    raised = [uid for uid in before if after[uid] == before[uid] + 1]
    assert raised


@pytest.mark.acceptance("SCH-S2")
@pytest.mark.acceptance("SCH-S8")
def test_an_urgent_newcomer_moves_nobody_that_was_announced(store: Store) -> None:
    seed(store)
    apply(store)
    before = {each.key: [change.id for change in each.changes] for each in windows.upcoming(store, OPERATOR, NOW)}
    seed_more(store)
    plans.replan(store, OPERATOR, NOW + timedelta(hours=1), "releases")
    after = {each.key: [change.id for change in each.changes] for each in windows.upcoming(store, OPERATOR, NOW)}
    assert windows.moves(store, OPERATOR) == []
    for key, changes in before.items():
        assert [change for change in after[key] if change != "u1"] == changes
    assert windows.of_change(store, OPERATOR, "u1")[0].window is not None


def seed_more(store: Store) -> None:
    """One more change, more urgent than the rest."""
    with store.write() as session:
        session.add(
            Change(
                id="u1", repository_id="r_pricing", key="pr:99", title="Change u1", state="draft", level="minor",
                kind="code_logic", merged_at=NOW, happened_at=NOW, created_at=NOW, updated_at=NOW, priority=10,
                affected_teams=[],
            )
        )  # fmt: skip


@pytest.mark.acceptance("SCH-S5")
def test_a_level_raised_later_restarts_notice_and_the_move_says_so(one_store: Store) -> None:
    seed(one_store, "m1")
    apply(one_store)
    with one_store.write() as session:
        session.execute(update(Change).values(level="major"))
    plans.replan(one_store, OPERATOR, NOW + timedelta(hours=1), "releases")
    [move] = windows.moves(one_store, OPERATOR)
    assert (move.to_window, move.reasons[0]["code"]) == ("w@2026-12-01T18:00", "notice")
    assert calendars.get(one_store, OPERATOR, "releases").plan_version == 2
