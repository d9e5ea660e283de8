"""What holds for every plan, tried on many made-up calendars."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Candidate, Plan
from release_mgmt.core.windows import (
    BusinessDays,
    Capacity,
    Freeze,
    Notice,
    Policy,
    ReleaseCalendar,
    Scope,
    in_scope,
    periods,
    usable,
)
from tests.unit.planning.builders import NOW, announce, make
from tests.unit.windows.builders import series

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")


@st.composite
def calendars(draw) -> ReleaseCalendar:
    zone_name = draw(st.sampled_from(ZONES))
    points = draw(st.integers(3, 8))
    policy = Policy(
        minor_notice=draw(st.one_of(st.integers(0, 4).map(Notice), st.just(Notice(0, timedelta(hours=30))))),
        major_notice=Notice(draw(st.integers(0, 7))),
        capacity=Capacity(points, 1, 3, draw(st.sampled_from([None, 1, 2]))),
        content_cut_off=draw(st.sampled_from([None, Notice(1), Notice(0, timedelta(hours=24))])),
    )
    own = replace(policy, minor_notice=Notice(2)) if draw(st.booleans()) else None
    all_series = [series("2026-11-24T18:00", "2026-11-24T22:00", "FREQ=WEEKLY;BYDAY=TU", zone_name)]
    if draw(st.booleans()):
        all_series.append(
            series(
                "2026-11-26T02:00", "2026-11-26T05:00", "FREQ=WEEKLY;BYDAY=TH", zone_name, id="x", policy=own,
                levels=draw(st.sampled_from([(Level.MINOR,), (Level.MINOR, Level.MAJOR)])),
            )
        )  # fmt: skip
    return ReleaseCalendar(
        name="Any", time_zone=zone_name, business_days=BusinessDays(zone_name), policy=policy,
        series=tuple(all_series), freezes=tuple(draw(st.lists(freezes(zone_name), max_size=3))), horizon_days=60,
    )  # fmt: skip


@st.composite
def freezes(draw, zone_name: str) -> Freeze:
    first = date(2026, 11, 20) + timedelta(days=draw(st.integers(0, 50)))
    return Freeze(
        id=f"F{draw(st.integers(0, 10**6))}", time_zone=zone_name, hard=draw(st.booleans()),
        days=(first, first + timedelta(days=draw(st.integers(0, 8)))),
        scope=Scope(
            repositories=draw(st.sampled_from([("*",), ("r1",)])), teams=draw(st.sampled_from([(), ("t1",)])),
            levels=draw(st.sampled_from([(), (Level.MAJOR,)])),
        ),
    )  # fmt: skip


@st.composite
def changes(draw) -> list[Candidate]:
    count = draw(st.integers(1, 18))
    found = []
    for number in range(count):
        needs = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        found.append(
            Candidate(
                id=f"c{number}", title="", repository=draw(st.sampled_from(["r1", "r2"])),
                level=draw(st.sampled_from(list(Level))),
                ready_at=draw(st.sampled_from([None, *(NOW - timedelta(hours=h) for h in (0, 1, 5))])),
                teams=draw(st.sampled_from([frozenset(), frozenset({"t1"}), frozenset({"t1", "t2"})])),
                priority=draw(st.integers(0, 2)), depends_on=tuple(f"c{n}" for n in needs),
                duration=draw(st.sampled_from([None, timedelta(hours=2), timedelta(hours=4)])),
            )
        )  # fmt: skip
    return found


def check(made: Plan, calendar: ReleaseCalendar, candidates: list[Candidate], *, notice: bool = True) -> None:
    by_id = {each.id: each for each in candidates}
    windows = {each.window.key: each for each in made.windows}
    order = {each.window.key: i for i, each in enumerate(made.windows)}
    placed = {each.change: each.window for each in made.placements}
    assert len(placed) == len(made.placements)
    assert {*placed, *(each.change for each in made.deferrals)} == {*by_id}  # nothing is dropped, nothing twice
    for planned in made.windows:
        limits = planned.window.policy.capacity
        assert limits.points is None or planned.used <= limits.points
        assert limits.most_major is None or planned.majors <= limits.most_major
    found = periods(calendar.freezes, NOW, NOW + timedelta(days=70))
    for change, key in placed.items():
        candidate, window = by_id[change], windows[key].window
        assert candidate.level in window.levels
        assert window.start > NOW
        held = in_scope(found, candidate.target, hard=True)
        longest = max((end - start for start, end in usable(window, held)), default=timedelta(0))
        assert longest > timedelta(0)
        assert longest >= (candidate.duration or timedelta(0))
        if notice:
            rule = window.policy.notice(candidate.level)
            assert rule.met(NOW, window.start, calendar.business_days_of(candidate.teams))
        for other in candidate.depends_on:
            assert order[placed[other]] <= order[key]
            same = windows[key].changes
            assert placed[other] != key or same.index(other) < same.index(change)
    for deferral in made.deferrals:
        assert deferral.reasons


@pytest.mark.acceptance("SCH-C2")
@settings(deadline=None, max_examples=120)
@given(calendars(), changes(), st.randoms(use_true_random=False))
def test_a_plan_holds_its_promises_in_any_order_of_its_input(calendar, candidates, shuffler: random.Random):
    made = make(candidates, calendar)
    check(made, calendar, candidates)
    other = list(candidates)
    shuffler.shuffle(other)
    assert make(other, calendar) == made


@pytest.mark.acceptance("SCH-S1")
@settings(deadline=None, max_examples=80)
@given(calendars(), changes(), st.data())
def test_announced_places_stay_and_move_only_with_a_reason(calendar, candidates, data):
    first = make(candidates, calendar)
    announced = announce(first, candidates)
    again = make(announced, calendar, version=2)
    assert again.moves == ()
    assert again.digest == first.digest
    frozen = replace(calendar, freezes=(*calendar.freezes, data.draw(freezes(calendar.time_zone))))
    after = make(announced, frozen, version=3)
    assert all(each.reasons and each.origin != each.to for each in after.moves)
    before = {each.change: each.window for each in first.placements}
    moved = {each.change: each.to for each in after.moves}
    order = {each.window.key: each.window.start for each in after.windows}
    for placement in after.placements:
        if placement.change in before:
            assert placement.window == moved.get(placement.change, before[placement.change])
    for each in after.moves:
        assert each.to is None or order[each.to] > order[each.origin]  # never to an earlier window by itself
    settled = announce(
        after, [each for each in announced if each.id not in {m.change for m in after.moves if not m.to}]
    )
    assert make(settled, frozen, version=4).moves == ()
