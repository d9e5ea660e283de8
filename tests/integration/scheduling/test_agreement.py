"""Gate, plan, windows and freezes over REST, and the .ics say the same at every instant, in several zones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import icalendar
import pytest
from flask import Flask

from release_mgmt.core.permissions import Role
from release_mgmt.core.windows import resolve, zone
from release_mgmt.formats import plan_json
from release_mgmt.services import feeds, gate
from release_mgmt.services.gate import Asked
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.integration.scheduling.builders import OPERATOR, apply, at, document, seed

NOW = at("2027-03-01T09:00")
# Zone -> the local days of 2027 on which its clock changes, in spring and in autumn of the northern half.
CHANGES = {
    "Europe/Berlin": ("2027-03-28", "2027-10-31"),
    "America/New_York": ("2027-03-14", "2027-11-07"),
    "Australia/Lord_Howe": ("2027-04-04", "2027-10-03"),
}
SPAN = timedelta(days=260)
INSTANTS = 1_000


def changes_of_the_clock(name: str) -> Iterator[datetime]:
    """The instants at which the clock of the zone changes, found by asking it, to check the table above."""
    rules, moment = zone(name), NOW
    while moment < NOW + SPAN:
        later = moment + timedelta(minutes=15)
        if moment.astimezone(rules).utcoffset() != later.astimezone(rules).utcoffset():
            yield later
        moment = later


@pytest.mark.acceptance("SCH-G9")
@pytest.mark.acceptance("FEED-15")
@pytest.mark.parametrize("name", CHANGES)
def test_all_agree_at_a_thousand_random_instants(
    app: Flask, one_store: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store = one_store
    monkeypatch.setattr("release_mgmt.clock.now", lambda: NOW)
    clock_changes = list(changes_of_the_clock(name))
    days = [date.fromisoformat(day) for day in CHANGES[name]]
    assert {each.astimezone(zone(name)).date() for each in clock_changes} >= set(days)
    calendar = {
        "time_zone": name,
        "horizon_days": SPAN.days,
        "policy": document()["policy"] | {"capacity": {"points": 2, "minor": 1, "major": 1}, "notice": 0},
        "series": [
            {"id": "n", "start": "2027-03-07T01:30", "end": "2027-03-07T03:30", "rrule": "FREQ=WEEKLY;BYDAY=SU"},
            {"id": "x", "start": "2027-03-07T22:00", "duration": "PT4H", "rrule": "FREQ=WEEKLY;BYDAY=SA,SU",
             "environments": ["prod"]} | {"start": "2027-03-06T22:00"},
        ],
        "freezes": [
            {"id": f"f{at}", "start": f"{day}T02:10", "end": f"{day}T02:40", "reason": "clocks"}
            for at, day in enumerate(days)
        ]
        + [{"id": "day", "days": [f"{days[1] - timedelta(days=7)}"] * 2, "reason": "audit"}],
    }  # fmt: skip
    seed(store, " ".join(f"m{n}" for n in range(160)))
    apply(store, NOW, **calendar)
    token = feeds.create(store, OPERATOR, NOW, name="All", audience="engineering").token
    events = list(spans(app.test_client().get(f"/feeds/{token}/calendar.ics").data, name))
    reader = client_as(app, store, Role.READER)
    until = {"from": "2027-03-01T00:00:00Z", "to": plan_json.instant(NOW + SPAN)}
    plan = reader.get("/api/v1/calendars/releases/plan").json
    windows = reader.get("/api/v1/windows", query_string=until).json["items"]
    frozen = [(each["start"], each["end"]) for each in reader.get("/api/v1/calendars/releases/freezes").json["items"]]
    by_plan = {change: (each["start"], each["end"]) for each in plan["windows"] for change in each["changes"]}
    by_rest = {change["id"]: (each["start"], each["end"]) for each in windows for change in each["changes"]}
    assert by_plan == by_rest
    assert any(each["flags"] for each in windows), "the clock changes in or at a window"
    chosen = random.Random(f"G9 {name}")
    allowed = 0
    with store.read() as session:
        for instant in instants(chosen, clock_changes, events):
            open_now = [change for change, span in by_plan.items() if within(instant, span)]
            change = chosen.choice(open_now or list(by_plan))
            answer = gate.decide_in(session, Asked("pricing", "prod", change), instant, NOW).decision == "allow"
            stopped = any(within(instant, span) for span in frozen)
            assert answer is (within(instant, by_plan[change]) and not stopped), (name, change, instant)
            held = [(kind, text) for begin, end, kind, text in events if begin <= instant < end]
            assert answer is (
                any(kind == "Release window" and f"Change {change} " in text for kind, text in held)
                and all(kind != "Freeze" for kind, _ in held)
            ), (name, change, instant)
            allowed += answer
    assert allowed > INSTANTS / 5, "many of the instants are open ones"


def within(instant: datetime, span: tuple[str, str]) -> bool:
    return span[0] <= plan_json.instant(instant) < span[1]


def instants(chosen: random.Random, clock_changes: list[datetime], events: list[tuple[datetime, datetime, str, str]]):  # type: ignore[no-untyped-def]
    """A third anywhere, a third around the clock changes, a third in windows and at their very edges."""
    for number in range(INSTANTS):
        if number % 3 == 0:
            yield NOW + timedelta(seconds=chosen.randrange(int(SPAN.total_seconds()) - 9 * 86_400))
        elif number % 3 == 1:
            yield chosen.choice(clock_changes) + timedelta(seconds=chosen.randrange(-4 * 3600, 4 * 3600))
        else:
            begin, end, *_ = chosen.choice(events)
            inside = timedelta(seconds=chosen.randrange(int((end - begin).total_seconds())))
            yield chosen.choice([begin, end, begin + inside, end - timedelta(seconds=1), begin - timedelta(seconds=1)])


def spans(content: bytes, name: str) -> Iterator[tuple[datetime, datetime, str, str]]:
    """The events of a feed: begin, end, kind, and what they tell."""

    def instant(value: date | datetime) -> datetime:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return resolve(datetime.combine(value, time()), zone(name)).instant

    for event in icalendar.Calendar.from_ical(content).walk("VEVENT"):
        kind = str(event["CATEGORIES"].cats[0])
        yield instant(event.start), instant(event.end), kind, f"{event['SUMMARY']} {event.get('DESCRIPTION')}"
