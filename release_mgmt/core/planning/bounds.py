"""From which window on a change may go: notice, cut-off, readiness and what it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from release_mgmt.core.planning.model import Candidate
from release_mgmt.core.windows import Notice, Policy, ReleaseCalendar, Window, ZoneOf, to_local, zone


class Readiness(NamedTuple):
    """Since when the ``content`` of a change is ready (for the cut-off), and ``since`` when a window may start for what
    else it waits for: ``ref`` names that."""

    content: datetime
    since: datetime
    ref: str


class Bounds:
    """Earliest instants by rule, worked out once for all changes that are alike."""

    def __init__(self, calendar: ReleaseCalendar, now: datetime, zones: ZoneOf = zone) -> None:
        self.calendar = calendar
        self.now = now
        self.zones = zones
        self._notice: dict[tuple[Notice, frozenset[str]], datetime] = {}
        self._cut_offs: dict[tuple[str, Notice], datetime] = {}

    def notice(self, rule: Notice, teams: frozenset[str]) -> datetime:
        """The first instant at which a window leaves that notice to those teams, announced now."""
        found = self._notice.get((rule, teams))
        if found is None:
            found = rule.earliest(self.now, self.calendar.business_days_of(teams), self.zones)
            self._notice[rule, teams] = found
        return found

    def cut_off(self, window: Window) -> datetime:
        """Until when a change must be ready for the window."""
        rule = window.policy.content_cut_off
        if rule is None:
            return window.start
        if rule.elapsed is not None:
            return window.start - rule.elapsed
        found = self._cut_offs.get((window.key, rule))
        if found is None:
            days = self.calendar.business_days
            local = to_local(window.start, self.zones(days.time_zone)).date()
            if rule.days == 0:
                found = min(days.cut_off_on(local, self.zones), window.start)
            else:
                found = days.cut_off_on(days.back(local - timedelta(days=1), rule.days - 1), self.zones)
            self._cut_offs[window.key, rule] = found
        return found

    def ready(self, candidate: Candidate, policy: Policy) -> Readiness | None:
        """When it is ready for the windows of a policy, besides notice; None: it is not ready at all."""
        content = candidate.ready(policy.needs_accepted)
        if content is None:
            return None
        since = candidate.earliest or self.now, candidate.id
        if policy.promotions:
            passed = dict(candidate.passed)
            for rule in policy.promotions_to(candidate.environment):
                if rule.after not in passed:
                    return None
                since = max(since, (passed[rule.after] + rule.soak, rule.after))
        return Readiness(content, *since)

    def waits_for(self, candidate: Candidate, policy: Policy) -> str:
        """What a change that is not ready waits for: an environment before its own, or itself."""
        if candidate.ready(policy.needs_accepted) is None:
            return candidate.id
        passed = dict(candidate.passed)
        missing = (each.after for each in policy.promotions_to(candidate.environment) if each.after not in passed)
        return next(missing, candidate.id)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a change waits for by its dependencies: until when a window may not start, which of them says so, or that
    one of them (``never``) has no window at all."""

    instant: datetime | None = None
    ref: str = ""
    never: str | None = None


_NOTHING = Wait()


def latest_dependency(
    candidate: Candidate,
    placed: Mapping[str, int | None],
    done: frozenset[str],
    external: Mapping[str, datetime | None],
    windows: Sequence[Window],
) -> Wait:
    """What the change must wait for, given where (in ``windows``) the others went. ``external`` are changes of other
    calendars. A window that starts with that of a dependency is not too early: the order in it is the gate's."""
    if not candidate.depends_on:
        return _NOTHING
    found = _NOTHING
    for each in candidate.depends_on:
        if each in done:
            continue
        index = placed.get(each)
        start = external.get(each) if each not in placed else None if index is None else windows[index].start
        if start is None:
            return Wait(never=each)
        if found.instant is None or start > found.instant:
            found = Wait(start, each)
    return found
