"""What a run found, put together: windows with their content, moves, suggestions and conflicts, in a fixed order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from release_mgmt.core.classification import Level
from release_mgmt.core.planning.bounds import Bounds
from release_mgmt.core.planning.fit import Fit
from release_mgmt.core.planning.model import (
    Candidate,
    Conflict,
    Deferral,
    Move,
    Placement,
    Plan,
    PlannedWindow,
    Reason,
    Suggestion,
    Why,
)
from release_mgmt.core.planning.profiles import Profiles
from release_mgmt.core.planning.standing import Standing
from release_mgmt.core.windows import (
    FreezePeriod,
    Occurrences,
    ReleaseCalendar,
    Target,
    Window,
    in_scope,
    to_local,
    usable,
)


@dataclass(slots=True)
class Outcome:
    """What one pass collects."""

    placements: dict[str, Placement] = field(default_factory=dict)
    deferrals: list[Deferral] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def defer(self, candidate: Candidate, reasons: tuple[Reason, ...]) -> None:
        """Keep a change that has no window."""
        self.deferrals.append(Deferral(candidate.id, candidate.title, candidate.level, reasons))


def report(
    *,
    calendar: ReleaseCalendar,
    occurrences: Occurrences,
    windows: Sequence[Window],
    freezes: Sequence[FreezePeriod],
    live: Sequence[Candidate],
    shipped: Sequence[tuple[int, Candidate]],
    fit: Fit,
    placed: Mapping[str, int | None],
    standings: Mapping[str, Standing],
    outcome: Outcome,
    bounds: Bounds,
    version: int,
    profiles: Profiles,
) -> Plan:
    """The plan."""
    placements: list[Placement] = []
    content: list[list[Candidate]] = [[] for _ in windows]
    for place, each in shipped:
        content[place].append(each)
    conflicts = list(outcome.conflicts)
    for each in live:
        stands = standings.get(each.id)
        found = outcome.placements.get(each.id)
        if found is None and stands is not None and not stands.moves:
            why: Why = "requested" if each.request is not None else "announced"
            found = Placement(each.id, each.title, each.level, stands.window, (), why)
            if stands.conflict is not None:
                conflicts.append(Conflict(each.id, stands.window, stands.conflict))
        if found is not None:
            placements.append(found)
            index = placed.get(each.id)
            if index is not None:
                content[index].append(each)
                if each.deadline is not None and windows[index].start > each.deadline:
                    reason = Reason("deadline", each.id, found.window, found.window)
                    conflicts.append(Conflict(each.id, found.window, reason))
    conflicts += _unscheduled(outcome, live)
    planned = tuple(_planned(window, content[i], freezes, bounds) for i, window in enumerate(windows))
    cancelled = tuple(PlannedWindow(each, "cancelled") for each in occurrences.cancelled if each.end > bounds.now)
    conflicts += _over_booked(planned)
    return Plan(
        calendar=calendar.name,
        version=version,
        now=bounds.now,
        windows=tuple(sorted((*planned, *cancelled), key=lambda p: (p.window.start, p.window.end, p.window.key))),
        skipped=tuple(each for each in occurrences.skipped if _ahead(each.original_start, bounds)),
        placements=tuple(placements),
        deferrals=tuple(outcome.deferrals),
        moves=_moves(live, outcome, placed, standings),
        suggestions=_suggestions(live, windows, fit, placed, standings, bounds, profiles),
        conflicts=tuple(sorted(conflicts, key=lambda c: (c.change, c.window or "", c.reason.code, c.reason.ref))),
    )


def _unscheduled(outcome: Outcome, live: Sequence[Candidate]) -> list[Conflict]:
    """Ready changes that no window within the horizon takes: never dropped silently."""
    ready = {each.id for each in live if each.ready_at is not None}
    return [
        Conflict(each.change, None, Reason("unscheduled", each.change))
        for each in outcome.deferrals
        if each.change in ready and any(reason.code != "not_ready" for reason in each.reasons)
    ]


def _planned(
    window: Window, content: Sequence[Candidate], freezes: Sequence[FreezePeriod], bounds: Bounds
) -> PlannedWindow:
    capacity = window.policy.capacity
    near = [each for each in freezes if each.start < window.end and each.end > window.start and _for_all(each)]
    everyone = in_scope(near, Target(environment=next(iter(window.environments), None)), hard=True)
    frozen = tuple(each.freeze.id for each in everyone) if everyone and not usable(window, everyone) else ()
    return PlannedWindow(
        window=window,
        state="open" if window.start <= bounds.now else "frozen" if frozen else "planned",
        used=sum(each.points if each.points is not None else capacity.cost(each.level) for each in content),
        majors=sum(each.level is Level.MAJOR for each in content),
        changes=tuple(each.id for each in content),
        frozen=frozen,
    )


def _for_all(period: FreezePeriod) -> bool:
    """Whether the freeze holds every repository, team and level, so that it closes the window itself."""
    scope = period.freeze.scope
    exceptions = scope.exceptions
    return (
        "*" in scope.repositories
        and not scope.teams
        and not scope.levels
        and not (exceptions.repositories or exceptions.teams or exceptions.levels)
    )


def _over_booked(planned: Sequence[PlannedWindow]) -> list[Conflict]:
    found: list[Conflict] = []
    for each in planned:
        limits = each.window.policy.capacity
        key = each.window.key
        if limits.points is not None and each.used > limits.points:
            found.append(Conflict("", key, Reason("capacity", f"{each.used}/{limits.points}", key, key)))
        if limits.most_major is not None and each.majors > limits.most_major:
            found.append(Conflict("", key, Reason("most_major", f"{each.majors}/{limits.most_major}", key, key)))
    return found


def _moves(
    live: Sequence[Candidate], outcome: Outcome, placed: Mapping[str, int | None], standings: Mapping[str, Standing]
) -> tuple[Move, ...]:
    found: list[Move] = []
    for each in live:
        stands = standings.get(each.id)
        if stands is None or each.announced is None:
            continue
        placement = outcome.placements.get(each.id)
        if stands.shifted is not None and not stands.moves:
            found.append(Move(each.id, stands.window, stands.window, (stands.shifted,)))
        if stands.moves:
            reasons = [*stands.reasons]
            for other in each.depends_on:
                behind = standings.get(other)
                index = placed.get(other)
                late = index is None or stands.index is None or index > stands.index
                if behind is not None and behind.moves and late and all(r.ref != other for r in reasons):
                    reasons.append(Reason("dependency", other, stands.window, stands.window))
            found.append(Move(each.id, stands.window, placement.window if placement else None, tuple(reasons)))
    return tuple(found)


def _suggestions(
    live: Sequence[Candidate],
    windows: Sequence[Window],
    fit: Fit,
    placed: Mapping[str, int | None],
    standings: Mapping[str, Standing],
    bounds: Bounds,
    profiles: Profiles,
) -> tuple[Suggestion, ...]:
    """Moved changes whose first window would take them again, worked out together and in order."""
    index = {each.key: i for i, each in enumerate(windows)}
    where = dict(placed)
    found: list[Suggestion] = []
    for each in live:
        stands = standings.get(each.id)
        origin = index.get(each.announced.origin) if each.announced is not None and each.announced.origin else None
        present = where.get(each.id)
        if origin is None or present is None or stands is None or stands.moves or origin >= present:
            continue
        window = windows[origin]
        profile = profiles.of(each)
        at = bisect_left(profile.windows, origin)
        if at == len(profile.windows) or profile.windows[at] != origin or window.start <= bounds.now:
            continue
        rule = window.policy.notice(each.level)
        needs = [where.get(other) for other in each.depends_on if other in where]
        if window.start < bounds.notice(rule, each.teams) or any(need is None or need > origin for need in needs):
            continue
        if fit.mark(profile, at) is None:
            fit.take(origin, profile.costs[at], each.level)
            fit.give_back(present, profile.costs[at], each.level)
            where[each.id] = origin
            found.append(Suggestion(each.id, windows[present].key, window.key))
    return tuple(found)


def _ahead(local: datetime, bounds: Bounds) -> bool:
    zone = bounds.zones(bounds.calendar.time_zone)
    return local >= to_local(bounds.now, zone) - timedelta(days=1)
