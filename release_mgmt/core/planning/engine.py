"""The planner: places every change in the first window that takes it, and keeps what was announced.

The rules: announced placements stay unless a named reason forces the move (their window is cancelled or frozen or
too short for them or before their earliest date, or what they need moved behind them), never to an earlier window, and
never by itself inside the notice period: that is a conflict for a release manager. What must move leaves its capacity
first, then all are placed in order. Deterministic under any order of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from release_mgmt.core.planning.bounds import Bounds, latest_dependency
from release_mgmt.core.planning.fit import Fit
from release_mgmt.core.planning.model import Candidate, Conflict, Placement, Plan, Reason, Why
from release_mgmt.core.planning.order import in_order
from release_mgmt.core.planning.profiles import Profiles
from release_mgmt.core.planning.report import Outcome, report
from release_mgmt.core.planning.row import Row
from release_mgmt.core.planning.standing import Standing, standing
from release_mgmt.core.windows import FreezePeriod, Occurrences, ReleaseCalendar, ZoneOf, expand, periods, zone

_PAST = timedelta(days=120)
_FURTHER = timedelta(days=400)  # behind the horizon; a window may come once a year
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a plan is made with besides the changes. ``external`` maps changes placed in other calendars to the start
    of their window (None: placed nowhere), ``gone`` those that were withdrawn or rolled back to the reason's code;
    ``until`` is the horizon (None: the calendar's)."""

    version: int = 1
    until: datetime | None = None
    external: Mapping[str, datetime | None] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    zone_data_changed: bool = False
    zones: ZoneOf = zone


def plan(
    calendar: ReleaseCalendar, candidates: Sequence[Candidate], now: datetime, settings: Settings | None = None
) -> Plan:
    """The plan of a calendar at ``now``. Raises InvalidInput for dependencies in a circle.

    What was announced is held beyond a horizon that became shorter: its windows are still there. What must leave the
    last windows before the horizon goes to the next ones behind it.
    """
    settings = settings or Settings()
    until = settings.until or now + timedelta(days=calendar.horizon_days)
    until = max([until, *(each.announced.start + _SECOND for each in candidates if each.announced is not None)])
    found = _plan_until(calendar, candidates, now, settings, until)
    lost = {each.change for each in found.moves if each.to is None}
    if lost:
        further = _plan_until(calendar, candidates, now, settings, until + _FURTHER)
        starts = {each.window.key: each.window.start for each in further.windows}
        behind = [starts[each.window] + _SECOND for each in further.placements if each.change in lost]
        if behind:
            return _plan_until(calendar, candidates, now, settings, max(behind))
    return found


def _plan_until(
    calendar: ReleaseCalendar, candidates: Sequence[Candidate], now: datetime, settings: Settings, until: datetime
) -> Plan:
    found = expand(calendar, now - _PAST, until, settings.zones)
    until = max([until, *(each.end for each in found.windows)])  # what begins behind the horizon may meet the last one
    freezes = periods(calendar.freezes, now - _PAST, until, settings.zones)
    return plan_over(calendar, found, freezes, candidates, now, settings)


def plan_over(
    calendar: ReleaseCalendar,
    occurrences: Occurrences,
    freezes: Sequence[FreezePeriod],
    candidates: Sequence[Candidate],
    now: datetime,
    settings: Settings | None = None,
) -> Plan:
    """As :func:`plan`, over windows and freezes already expanded."""
    return _Planner(calendar, occurrences, freezes, candidates, now, settings or Settings()).run()


class _Planner:
    """One run. State lives here and ends with the run; what comes in and goes out are values."""

    def __init__(
        self,
        calendar: ReleaseCalendar,
        occurrences: Occurrences,
        freezes: Sequence[FreezePeriod],
        candidates: Sequence[Candidate],
        now: datetime,
        settings: Settings,
    ) -> None:
        self.calendar = calendar
        self.occurrences = occurrences
        self.freezes = freezes
        self.now = now
        self.settings = settings
        self.windows = [each for each in occurrences.windows if each.end > now]
        self.index = {each.key: i for i, each in enumerate(self.windows)}
        self.profiles = Profiles(self.windows, freezes)
        self.bounds = Bounds(calendar, now, settings.zones)
        self.done = frozenset(each.id for each in candidates if each.done and not each.rolled_back)
        self.shipped = self._shipped(candidates)
        self.gone = dict(settings.gone)
        self.gone.update({each.id: "dependency" for each in candidates if each.rolled_back})
        self.gone.update({each.id: "withdrawn" for each in candidates if each.withdrawn})
        live = [each for each in candidates if not each.done and not each.withdrawn]
        self.live = in_order(live, accepted=calendar.policy.needs_accepted)
        self.outcome = Outcome()
        self._rows: dict[int, Row] = {}

    def run(self) -> Plan:
        standings = self._standings()
        while True:
            fit, placed, late = self._place(standings)
            if not late:
                break
            for change, reason in late:
                standings[change] = standings[change].pushed(reason)
        return report(
            calendar=self.calendar,
            occurrences=self.occurrences,
            windows=self.windows,
            freezes=self.freezes,
            live=self.live,
            shipped=self.shipped,
            fit=fit,
            placed=placed,
            standings=standings,
            outcome=self.outcome,
            bounds=self.bounds,
            version=self.settings.version,
            profiles=self.profiles,
        )

    def _shipped(self, candidates: Sequence[Candidate]) -> list[tuple[int, Candidate]]:
        """What is done and stands in a window that is not over: it keeps its room there, rolled back or not."""
        found = [
            (self.index[each.announced.window], each)
            for each in candidates
            if each.done and each.announced is not None and each.announced.window in self.index
        ]
        return sorted(found, key=lambda pair: (pair[0], pair[1].id))

    def _hold(self, fit: Fit, index: int, candidate: Candidate) -> None:
        capacity = self.windows[index].policy.capacity
        cost = candidate.points if candidate.points is not None else capacity.cost(candidate.level)
        fit.take(index, cost, candidate.level)

    def _standings(self) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        moved = "tzdata" if self.settings.zone_data_changed else "window_moved"
        past = {each.key: each for each in self.occurrences.windows}
        called_off = {each.key: each for each in self.occurrences.cancelled}
        for each in self.live:
            if each.announced is not None or each.request is not None:
                found[each.id] = standing(each, self.index, past, called_off, self.freezes, self.bounds, moved)
                # Dependents of a change in conflict stay with it: in order, so that one pass reaches all of them.
                if any(other in found and found[other].conflict is not None for other in each.depends_on):
                    found[each.id] = found[each.id].kept()
        return found

    def _place(self, standings: Mapping[str, Standing]) -> tuple[Fit, dict[str, int | None], list[tuple[str, Reason]]]:
        """One pass: hold what stays, then place the rest. The third value names what must move and did not yet."""
        self.outcome = Outcome()
        fit = Fit(self.windows, self.freezes)
        placed: dict[str, int | None] = dict.fromkeys(self.gone)
        held: set[str] = set()
        for index, each in self.shipped:
            self._hold(fit, index, each)
        for each in self.live:
            stands = standings.get(each.id)
            if stands is not None and not stands.moves:
                held.add(each.id)
                placed[each.id] = stands.index
                if stands.index is not None:
                    self._hold(fit, stands.index, each)
        late: list[tuple[str, Reason]] = []
        for each in self.live:
            if each.id in held:
                late.extend(self._check_held(each, standings[each.id], placed, standings))
            else:
                at = placed[each.id] = self._place_one(each, fit, placed, standings.get(each.id))
                if at is not None:
                    self._check_placed(each, self.windows[at].key, standings)
        return fit, placed, late

    def _check_placed(self, candidate: Candidate, window: str, standings: Mapping[str, Standing]) -> None:
        """What needs a change that cannot stay where it is told so at once, not when it is announced itself."""
        for each in candidate.depends_on:
            other = standings.get(each)
            if other is not None and other.conflict is not None:
                self.outcome.conflicts.append(Conflict(candidate.id, window, Reason("dependency", each)))

    def _check_held(
        self,
        candidate: Candidate,
        stands: Standing,
        placed: Mapping[str, int | None],
        standings: Mapping[str, Standing],
    ) -> list[tuple[str, Reason]]:
        """What a change that stays needs must not come after it."""
        for each in candidate.depends_on:
            if each in self.done or stands.index is None:
                continue
            if each in self.gone:
                self.outcome.conflicts.append(Conflict(candidate.id, stands.window, Reason(self.gone[each], each)))
                continue
            other = standings.get(each)
            if other is not None and other.conflict is not None:
                self.outcome.conflicts.append(Conflict(candidate.id, stands.window, Reason("dependency", each)))
                continue
            if self._is_late(each, placed, stands.index):
                reason = Reason("dependency", each)
                if stands.movable:
                    return [(candidate.id, reason)]
                self.outcome.conflicts.append(Conflict(candidate.id, stands.window, reason))
        return []

    def _is_late(self, needed: str, placed: Mapping[str, int | None], window: int) -> bool:
        """Whether what is needed is placed behind the window, or nowhere, in this calendar or in another one."""
        if needed in placed:
            index = placed[needed]
            return index is None or self.windows[index].start > self.windows[window].start
        start = self.settings.external.get(needed)
        return needed in self.settings.external and (start is None or start > self.windows[window].start)

    def _place_one(
        self,
        candidate: Candidate,
        fit: Fit,
        placed: Mapping[str, int | None],
        stands: Standing | None,
    ) -> int | None:
        """Place one change that nothing holds; its window's index, or None when no window takes it."""
        profile = self.profiles.of(candidate)
        row = self._rows.get(id(profile))
        if row is None:
            row = self._rows[id(profile)] = Row(profile, self.windows, self.bounds)
        wait = latest_dependency(candidate, placed, self.done, self.settings.external, self.windows)
        refusal = row.unready(candidate)
        if refusal is not None:
            pass
        elif not profile.windows:
            refusal = Reason(profile.lost, candidate.level.value if "level" in profile.lost else candidate.environment)
        elif wait.never is not None:
            code = self.gone.get(wait.never, "dependency")
            refusal = Reason(code, wait.never, fit.keys[profile.windows[0]], fit.keys[profile.windows[-1]])
        if refusal is not None:
            self.outcome.defer(candidate, (*(stands.reasons if stands else ()), refusal))
            return None
        before = stands.reasons if stands else ()
        base = row.after(stands) if not candidate.emergency else 0
        at, reasons = row.search(candidate, fit, base, wait)
        if before:
            reasons = (*before, *reasons)
        if at >= len(profile.windows):  # without a reason where the only window left is open already
            self.outcome.defer(candidate, reasons or (Reason("unscheduled", candidate.id),))
            return None
        window = profile.windows[at]
        fit.take(window, profile.costs[at], candidate.level)
        why: Why = "emergency" if candidate.emergency else "first_fit"
        self.outcome.placements[candidate.id] = Placement(
            candidate.id, candidate.title, candidate.level, fit.keys[window], reasons, why
        )
        return window
