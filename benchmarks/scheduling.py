"""How fast plans are made and windows expanded, and how far first fit is from the best plan there is.

Usage, from the project's folder: ``PYTHONPATH=. python benchmarks/scheduling.py [--rounds 5] [--quick]``.

Everything is measured in turn in one run (A B A B ...); printed are medians of the ratios within a round.

1. A plan (dependencies, freezes, notice, reasons) beside a bare first-fit scan of the same instance in plain integers.
2. Growth from 10,000 changes x 500 windows to 100,000 x 2,000.
3. Total delay on 200-change instances beside the optimum of OR-tools CP-SAT under the same rules: summed over points
   or over changes, with and without the order of placing as a rule for the optimum.
4. A year of windows of 100 recurring series that began six years ago, zones resolved, beside dateutil.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.rrule import rrulestr

from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Candidate, Plan, Settings, plan_over
from release_mgmt.core.windows import (
    BusinessDays,
    Capacity,
    Freeze,
    Notice,
    Occurrences,
    Policy,
    ReleaseCalendar,
    Scope,
    Window,
    WindowSeries,
    expand,
    parse,
    periods,
    zone,
)

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MINOR_COST, MAJOR_COST = 1, 3


@dataclass(frozen=True)
class Instance:
    """Changes over windows, as values for the planner and as integers for the scan."""

    calendar: ReleaseCalendar
    windows: tuple[Window, ...]
    candidates: list[Candidate]
    points: int


def instance(
    changes: int, windows: int, seed: int, *, points: int | None = None, teams: bool = False, steady: bool = False
) -> Instance:
    """Windows every second day; a fifth of the changes major, a tenth leaning on an earlier one, six freezes.

    With ``steady`` changes become ready all along, else all of them wait at the start.
    """
    chosen = random.Random(seed)
    load = changes * (0.8 * MINOR_COST + 0.2 * MAJOR_COST)
    room = points or max(4, int(load / windows * 1.25) + 1)
    policy = Policy(Notice(1), Notice(5), Capacity(room, MINOR_COST, MAJOR_COST, max(1, room // 3)))
    slots = tuple(
        Window(
            series="w",
            original_start=(NOW + timedelta(days=2 * i + 4)).replace(tzinfo=None),
            start=NOW + timedelta(days=2 * i + 4),
            end=NOW + timedelta(days=2 * i + 4, hours=4),
            time_zone="UTC",
            policy=policy,
        )
        for i in range(windows)
    )
    freezes = tuple(
        Freeze(
            id=f"F{i}",
            time_zone="UTC",
            days=(day, day + timedelta(days=3)),
            scope=Scope(repositories=("r1",)) if i % 2 else Scope(),
        )
        for i in range(6)
        for day in [(NOW + timedelta(days=20 + 60 * i)).date()]
    )
    calendar = ReleaseCalendar(name="Bench", business_days=BusinessDays(), policy=policy, freezes=freezes)
    candidates = [
        Candidate(
            id=f"c{i:06d}",
            title="",
            repository=f"r{chosen.randrange(4)}",
            level=Level.MAJOR if chosen.random() < 0.2 else Level.MINOR,
            ready_at=NOW - timedelta(minutes=changes - i),
            teams=frozenset({f"t{chosen.randrange(5)}"}) if teams else frozenset(),
            earliest=NOW + timedelta(days=2 * windows * 0.85 * i / changes) if steady else None,
            depends_on=(f"c{chosen.randrange(max(0, i - 50), i):06d}",) if i and chosen.random() < 0.1 else (),
        )
        for i in range(changes)
    ]
    return Instance(calendar, slots, candidates, room)


@dataclass(frozen=True)
class Bare:
    """The same instance as plain integers: everything that can be worked out before, is."""

    costs: list[int]
    majors: list[bool]
    needs: list[list[int]]
    earliest: list[int]
    closed: list[list[bool]]
    points: int
    most_major: int


def bare(given: Instance) -> Bare:
    """Notice as a first index and freezes as a list of closed windows, by change."""
    freezes = periods(given.calendar.freezes, NOW, given.windows[-1].end)
    rank = {each.id: i for i, each in enumerate(given.candidates)}
    masks: dict[str, list[bool]] = {}
    notices: dict[Level, int] = {}
    policy = given.calendar.policy
    for each in given.candidates:
        if each.repository not in masks:
            held = [one for one in freezes if one.freeze.scope.holds(each.target)]
            masks[each.repository] = [
                any(one.start < window.end and one.end > window.start for one in held) for window in given.windows
            ]
        if each.level not in notices:
            first = policy.notice(each.level).earliest(NOW, (given.calendar.business_days,))
            notices[each.level] = next(i for i, window in enumerate(given.windows) if window.start >= first)
    return Bare(
        [policy.capacity.cost(each.level) for each in given.candidates],
        [each.level is Level.MAJOR for each in given.candidates],
        [[rank[need] for need in each.depends_on] for each in given.candidates],
        [notices[each.level] for each in given.candidates],
        [masks[each.repository] for each in given.candidates],
        given.points,
        policy.capacity.most_major or 0,
    )


def scan(given: Bare, windows: int, *, skip: bool = False) -> list[int]:
    """A bare first fit over integers, without a reason: each change looks from its first possible window on.

    With ``skip`` it begins where the last change of its kind found room, as far as nothing else forbids it.
    """
    left, majors = [given.points] * windows, [given.most_major] * windows
    hints: dict[tuple[int, int], int] = {}
    placed: list[int] = []
    for i, cost in enumerate(given.costs):
        at, closed, major = given.earliest[i], given.closed[i], given.majors[i]
        kind = (cost, id(closed))
        free = True
        if skip:
            at = max(at, hints.get(kind, 0))
        for need in given.needs[i]:
            if placed[need] > at:
                at, free = placed[need], False
        while at < windows and (closed[at] or left[at] < cost or (major and not majors[at])):
            at += 1
        if at < windows:
            left[at] -= cost
            majors[at] -= major
        if free:
            hints[kind] = at
        placed.append(at)
    return placed


def timed(work: Callable[[], object]) -> float:
    """Seconds of processor time that one call takes: the machine may be busy with other things."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def make(given: Instance) -> Plan:
    """The plan."""
    freezes = periods(given.calendar.freezes, NOW, given.windows[-1].end)
    return plan_over(
        given.calendar, Occurrences(given.windows), freezes, given.candidates, NOW, Settings()
    )  # fmt: skip


def compare_scan(changes: int, windows: int, rounds: int) -> float:
    """Plan and scans in turn; prints them and returns the plan's median seconds."""
    given = instance(changes, windows, 1)
    integers = bare(given)
    index = {each.key: i for i, each in enumerate(given.windows)}
    placed = {each.change: index[each.window] for each in make(given).placements}
    expected = scan(integers, windows)
    assert [placed.get(each.id, windows) for each in given.candidates] == expected, "both must place alike"
    assert scan(integers, windows, skip=True) == expected
    plans, scans, skips = [], [], []
    for _ in range(rounds):
        scans.append(timed(lambda: scan(integers, windows)))
        plans.append(timed(lambda: make(given)))
        skips.append(timed(lambda: scan(integers, windows, skip=True)))
    ratio = statistics.median(a / b for a, b in zip(plans, scans, strict=True))
    lean = statistics.median(a / b for a, b in zip(plans, skips, strict=True))
    ours, plain = statistics.median(plans), statistics.median(scans)
    print(
        f"{changes:,} x {windows:,}: plan {ours * 1e3:.1f} ms; bare first-fit scan {plain * 1e3:.1f} ms, ratio "
        f"{ratio:.1f}; with a skip pointer {statistics.median(skips) * 1e3:.1f} ms, ratio {lean:.1f}"
    )
    return ours


def optimum(given: Instance, *, size: bool, conflicts: bool = False, fair: bool = False) -> tuple[int, int, int] | None:
    """(total delay by first fit, the least that CP-SAT proves possible under the same rules, what no plan can avoid).

    The delay of a change is the number of windows that pass before its own; the third number counts those before the
    first window that the change could have by itself, by its date, notice and freezes. With ``size`` it counts as many
    times as the change has points, so that the delay of work is summed. With ``fair`` the order is a rule for the
    optimum too: no change may wait longer than first fit lets it, for the sake of one behind it.
    None when a change found no window. Where the optimum is not reached in time its proven bound stands for it.
    """
    from ortools.sat.python import cp_model

    made = make(given)
    index = {each.key: i for i, each in enumerate(given.windows)}
    placed = {each.change: index[each.window] for each in made.placements}
    if len(placed) < len(given.candidates):
        return None
    freezes = periods(given.calendar.freezes, NOW, given.windows[-1].end)
    policy = given.calendar.policy
    model = cp_model.CpModel()
    takes: dict[str, list[tuple[int, Any]]] = {}
    position = {}
    for each in given.candidates:
        rule = policy.notice(each.level)
        earliest = rule.earliest(NOW, given.calendar.business_days_of(each.teams))
        allowed = [
            i
            for i, window in enumerate(given.windows)
            if window.start >= max(earliest, each.earliest or NOW)
            and not any(
                f.freeze.scope.holds(each.target) and f.start < window.end and f.end > window.start for f in freezes
            )
        ]
        takes[each.id] = [(i, model.new_bool_var("")) for i in allowed if not fair or i <= placed[each.id]]
        for i, variable in takes[each.id]:
            model.add_hint(variable, i == placed[each.id])
        model.add_exactly_one(variable for _, variable in takes[each.id])
        position[each.id] = sum(i * variable for i, variable in takes[each.id])
    for each in given.candidates:
        for need in each.depends_on:
            model.add(position[need] <= position[each.id])
    by_window: list[list[tuple[Candidate, Any]]] = [[] for _ in given.windows]
    for each in given.candidates:
        for i, variable in takes[each.id]:
            by_window[i].append((each, variable))
    for content in by_window:
        model.add(sum(policy.capacity.cost(each.level) * v for each, v in content) <= given.points)
        majors = [v for each, v in content if each.level is Level.MAJOR]
        if majors and policy.capacity.most_major is not None:
            model.add(sum(majors) <= policy.capacity.most_major)
        if conflicts:
            for team in {team for each, _ in content for team in each.teams}:
                model.add(sum(v for each, v in content if team in each.teams) <= 2)
    weight = {each.id: policy.capacity.cost(each.level) if size else 1 for each in given.candidates}
    model.minimize(sum(weight[change] * where for change, where in position.items()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = 25
    solver.parameters.num_workers = 2
    if solver.solve(model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return None
    ours = sum(weight[change] * where for change, where in placed.items())
    waits = sum(weight[change] * options[0][0] for change, options in takes.items())
    return ours, math.ceil(solver.best_objective_bound), waits


def gaps(count: int, *, steady: bool, size: bool, conflicts: bool = False, fair: bool = False) -> None:
    """The gap of the total delay to the optimum over instances of 200 changes in 40 windows."""
    found, own = [], []
    for seed in range(count):
        given = instance(200, 40, 100 + seed, points=10, teams=conflicts, steady=steady)
        result = optimum(given, size=size, conflicts=conflicts, fair=fair)
        if result is not None:
            ours, best, waits = result
            found.append(100 * (ours - best) / best)
            own.append(((ours - waits) / 200, (best - waits) / 200))
    what = "a steady flow" if steady else "a backlog, all ready at once"
    what += ", delay by points" if size else ", delay by changes"
    what += ", the order a rule for the optimum too" if fair else ", the optimum free of our order"
    also = "; the optimum keeps to two changes of a team a window, which is no rule of ours" if conflicts else ""
    told = f"gap mean {statistics.mean(found):.2f} %, worst {max(found):.2f} %" if found else "no gap known"
    print(f"200 changes x 40 windows, {what}: {len(found)} of {count}; {told}{also}")
    mine, theirs = (statistics.mean(each[i] for each in own) for i in (0, 1))
    print(f"   from each change's own first window: {mine:.2f} windows a change by first fit, {theirs:.2f} at the best")


# As release calendars have them: (how many of a hundred, rule); a fifth of them daily.
RULES = (
    (40, "FREQ=WEEKLY;BYDAY={day}"),
    (15, "FREQ=WEEKLY;INTERVAL=2;BYDAY={day}"),
    (15, "FREQ=MONTHLY;BYDAY=3{day}"),
    (5, "FREQ=MONTHLY;BYMONTHDAY=15"),
    (5, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH"),
    (20, "FREQ=DAILY"),
)
ALONE = (
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY={day}",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=MONTHLY;BYDAY=3{day}",
    "FREQ=MONTHLY;BYMONTHDAY=1,15,-1",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=YEARLY;BYWEEKNO=10,20,30;BYDAY={day}",
)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def recurring(
    rules: tuple[tuple[int, str], ...],
) -> tuple[list[tuple[ReleaseCalendar, WindowSeries]], list[tuple[str, datetime, str]]]:
    """100 series whose rules began six years ago, and the same for dateutil."""
    ours, theirs = [], []
    rules_of = [rule for count, rule in rules for _ in range(count)]
    for i in range(100):
        text = rules_of[i].format(day=DAYS[i % 7])
        zone_name = ZONES[i % 4]
        place = zone(zone_name)
        begin = datetime(2020, 11, 2, 18)  # noqa: DTZ001 - a wall time
        start = next(
            parse(text, "r", place, begin).local_starts(begin, begin.date(), begin.date() + timedelta(500), place)
        )
        series = WindowSeries(
            id=f"s{i}", start=start, end=start + timedelta(hours=4), rule=parse(text, "r", place, start)
        )  # fmt: skip
        ours.append((ReleaseCalendar(name=f"c{i}", time_zone=zone_name, series=(series,)), series))
        theirs.append((text, start, zone_name))
    return ours, theirs


def by_dateutil(theirs: list[tuple[str, datetime, str]], since: datetime, until: datetime) -> int:
    """The usual way: from the rule's start, each occurrence resolved by its zone."""
    count = 0
    for text, start, zone_name in theirs:
        rules = zone(zone_name)
        first, last = since.replace(tzinfo=None) - timedelta(days=1), until.replace(tzinfo=None) + timedelta(days=1)
        for local in rrulestr(text, dtstart=start).between(first, last, inc=True):
            begin = local.replace(tzinfo=rules).astimezone(UTC)
            end = (local + timedelta(hours=4)).replace(tzinfo=rules).astimezone(UTC)
            count += begin < until and end > since
    return count


def compare_expansion(rounds: int, rules: tuple[tuple[int, str], ...] = RULES) -> None:
    """A year of occurrences, ours and dateutil's in turn."""
    ours, theirs = recurring(rules)
    since, until = NOW, NOW + timedelta(days=365)
    mine = sum(len(expand(calendar, since, until).windows) for calendar, _ in ours)
    assert mine == by_dateutil(theirs, since, until), "both must find the same windows"
    ratios, quick, slow = [], [], []
    for _ in range(rounds):
        slow.append(timed(lambda: by_dateutil(theirs, since, until)))
        quick.append(timed(lambda: [expand(calendar, since, until) for calendar, _ in ours]))
        ratios.append(slow[-1] / quick[-1])
    which = "a fifth of them daily" if rules is RULES else f"all {rules[0][1]}"
    print(
        f"a year of 100 series, {which} ({mine:,} windows): {statistics.median(quick) * 1e3:.1f} ms, dateutil "
        f"{statistics.median(slow) * 1e3:.1f} ms, {statistics.median(ratios):.1f} times faster"
    )


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="without the largest instance and the optimum")
    options = parser.parse_args()
    small = compare_scan(10_000, 500, options.rounds)
    if not options.quick:
        large = compare_scan(100_000, 2_000, max(1, options.rounds // 2))
        print(f"10 times the changes and 4 times the windows: {large / small:.1f} times the time")
        for steady in (True, False):
            gaps(6, steady=steady, size=True)
            gaps(6, steady=steady, size=False)
            gaps(6, steady=steady, size=False, fair=True)
        gaps(6, steady=True, size=True, conflicts=True)
        gaps(6, steady=True, size=False, conflicts=True)
    compare_expansion(options.rounds)
    for rule in ALONE:
        compare_expansion(options.rounds, ((100, rule),))


if __name__ == "__main__":
    main()
