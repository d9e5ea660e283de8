"""The feed says what the plan says: windows, freezes and the engine that the gate asks agree at every instant."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
import yaml

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import ChangeFact, FeedHead, advance, show_freeze, show_window, uid_of, write
from release_mgmt.core.calendar.plans import freezes_of, windows_of
from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Candidate, plan
from release_mgmt.core.windows import periods
from release_mgmt.formats import ical
from release_mgmt.formats.words import Words
from release_mgmt.sources.calendars import read_document

CALENDAR = """
calendar: Pricing
time_zone: {zone}
policy: {{notice: {{minor: 0, major: 0}}, capacity: {{points: 3, minor: 1, major: 3}}}}
series:
  - {{id: weekly, start: 2026-11-22T01:30, end: 2026-11-22T04:30, rrule: FREQ=WEEKLY}}
freezes:
  - {{id: spring, days: [2027-03-28, 2027-03-28], hard: true, reason: Change of the clock}}
  - {{id: fall, start: 2027-10-30T23:00, end: 2027-10-31T02:30, hard: true, reason: Change of the clock}}
"""
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CHANGES = [f"c{n}" for n in range(150)]


@pytest.mark.acceptance("FEED-15")
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("local", [False, True])
def test_feed_and_plan_agree_at_a_thousand_instants(zone: str, local: bool) -> None:
    calendar = read_document(yaml.safe_load(CALENDAR.format(zone=zone)), 2026)
    calendar = type(calendar)(**{name: getattr(calendar, name) for name in calendar.__slots__} | {"horizon_days": 400})
    made = plan(calendar, [Candidate(key, key, "risk", Level.MINOR, NOW) for key in CHANGES], NOW)
    frozen = periods(calendar.freezes, NOW, NOW + timedelta(days=400))
    facts = {key: ChangeFact(key, key, "minor", "announced", "risk") for key in CHANGES}
    say = Words("en")
    shown = [show_window(fact, Audience.ENGINEERING) for fact in windows_of(made, facts) if fact.changes]
    shown += [show_freeze(fact) for fact in freezes_of(frozen, "pricing")]
    kept = [advance(None, one, uid_of(one.kind, one.identity), "engineering", NOW) for one in shown]
    entries = [write(one, say) for one in kept if one is not None]
    content = ical.render(FeedHead("Pricing", "x", NOW, zone), entries, say, local_times=local).content
    read = [
        (_instant(event.start, zone), _instant(event.end, zone), str(event["CATEGORIES"].cats[0]))
        for event in icalendar.Calendar.from_ical(content).walk("VEVENT")
    ]
    holding = [planned.window for planned in made.windows if planned.changes and planned.state != "cancelled"]
    assert len(holding) > 45
    chooser = random.Random(15)
    edges = [at + timedelta(seconds=s) for start, end, _ in read for at in (start, end) for s in (-1, 0, 1)]
    days = [datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC), datetime(2027, 3, 14, tzinfo=UTC)]
    instants = edges + [day + timedelta(minutes=10 * n) for day in days for n in range(-72, 144)]
    instants += [NOW + timedelta(seconds=chooser.randrange(390 * 86_400)) for _ in range(1_000)]
    for at in instants:
        open_in_plan = any(window.contains(at) for window in holding)
        frozen_in_plan = any(period.contains(at) for period in frozen)
        assert any(start <= at < end for start, end, kind in read if kind == "Release window") == open_in_plan, at
        assert any(start <= at < end for start, end, kind in read if kind == "Freeze") == frozen_in_plan, at


def _instant(value: date | datetime, zone: str) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.combine(value, time(), ZoneInfo(zone)).astimezone(UTC)
