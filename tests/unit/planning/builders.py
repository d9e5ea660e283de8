"""The example of the scheduling rules: Tuesdays 18:00-22:00 in Berlin, four points, notice one and five days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Announced, Candidate, Plan, plan
from release_mgmt.core.windows import BusinessDays, Capacity, Freeze, Notice, Policy, ReleaseCalendar
from tests.unit.windows.builders import at, series

NOW = at("2026-11-20T09:00")  # Friday 10:00 in Berlin
POLICY = Policy(
    minor_notice=Notice(1), major_notice=Notice(5), capacity=Capacity(points=4, minor=1, major=3, most_major=1)
)
TUESDAYS = ReleaseCalendar(
    name="Releases",
    time_zone="Europe/Berlin",
    business_days=BusinessDays("Europe/Berlin"),
    policy=POLICY,
    series=(series("2026-11-24T18:00", "2026-11-24T22:00", "FREQ=WEEKLY;BYDAY=TU"),),
)
W1, W2, W3, W4, W5 = (f"w@2026-{day}T18:00" for day in ("11-24", "12-01", "12-08", "12-15", "12-22"))


def change(name: str, number: int = 0, **more) -> Candidate:
    """A change; names that begin with M are major."""
    level = Level.MAJOR if name[0] == "M" else Level.MINOR
    values = {"ready_at": NOW - timedelta(days=2) + timedelta(minutes=number), "level": level, "repository": "pricing"}
    return Candidate(id=name, title=f"Change {name}", **{**values, **more})


def example() -> list[Candidate]:
    """Eight changes in the order of their readiness."""
    needs = {"m3": ("M1",)}
    names = ["m1", "m2", "M1", "M2", "m3", "m4", "m5", "m6"]
    return [change(name, number, depends_on=needs.get(name, ())) for number, name in enumerate(names)]


def where(made: Plan) -> dict[str, str]:
    """Change -> window."""
    return {each.change: each.window for each in made.placements}


def content(made: Plan) -> dict[str, list[str]]:
    """Window -> its changes, empty ones left out."""
    return {each.window.key: list(each.changes) for each in made.windows if each.changes}


def codes(reasons) -> list[tuple[str, str, str]]:
    """(code, first, last)."""
    return [(each.code, each.first, each.last) for each in reasons]


def announce(made: Plan, candidates, at_=NOW, origins=None) -> list[Candidate]:
    """The candidates as the published plan leaves them."""
    starts = {each.window.key: each.window.start for each in made.windows}
    places = where(made)
    return [
        replace(
            each,
            announced=Announced(
                places[each.id],
                starts[places[each.id]],
                at_,
                made.version,
                each.level,
                (origins or {}).get(each.id, each.announced.origin if each.announced else None),
            ),
        )
        if each.id in places
        else each
        for each in candidates
    ]


def frozen(freeze: Freeze, calendar: ReleaseCalendar = TUESDAYS) -> ReleaseCalendar:
    """The calendar with one more freeze."""
    return replace(calendar, freezes=(*calendar.freezes, freeze))


def make(candidates, calendar: ReleaseCalendar = TUESDAYS, now=NOW, **settings) -> Plan:
    """A plan."""
    from release_mgmt.core.planning import Settings

    return plan(calendar, candidates, now, Settings(**settings))
