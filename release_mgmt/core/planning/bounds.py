"""From which window on a change may go: notice, cut-off, readiness and what it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from release_mgmt.core.classification import Level
from release_mgmt.core.planning.model import Candidate
from release_mgmt.core.windows import Notice, ReleaseCalendar, Window, ZoneOf, to_local, zone


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

    def outside_notice(self, window: Window, level: Level, teams: frozenset[str]) -> bool:
        """Whether the window still leaves its notice, counted from now: with exactly as much left it does."""
        return window.start >= self.notice(window.policy.notice(level), teams)

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
            found = days.cut_off_on(days.back(local - timedelta(days=1), max(rule.days - 1, 0)), self.zones)
            if rule.days == 0:
                found = min(days.cut_off_on(local, self.zones), window.start)
            self._cut_offs[window.key, rule] = found
        return found

    def ready(self, candidate: Candidate) -> tuple[datetime, str] | None:
        """(from when, what it waits for) besides notice and cut-off; None: it is not ready at all."""
        earliest = (candidate.earliest, candidate.id) if candidate.earliest else (self.now, candidate.id)
        rule = next((r for r in self.calendar.policy.promotions if r.environment == candidate.environment), None)
        if candidate.ready_at is None or (rule is not None and candidate.promoted_at is None):
            return None
        if rule is not None and candidate.promoted_at is not None:
            return max(earliest, (candidate.promoted_at + rule.soak, rule.after))
        return earliest

    def waits_for(self, candidate: Candidate) -> str:
        """What a change that is not ready waits for: the environment before its own, or itself."""
        rule = next((r for r in self.calendar.policy.promotions if r.environment == candidate.environment), None)
        return rule.after if rule is not None and candidate.ready_at is not None else candidate.id


@dataclass(frozen=True, slots=True)
class Wait:
    """What a change waits for: a window's index or an instant by its dependencies, which of them, or that one of
    them (``never``) has no window at all."""

    index: int = -1
    instant: datetime | None = None
    ref: str = ""
    never: str | None = None


_NOTHING = Wait()


def latest_dependency(
    candidate: Candidate,
    placed: Mapping[str, int | None],
    done: frozenset[str],
    external: Mapping[str, datetime | None],
) -> Wait:
    """What the change must wait for, given where the others went. ``external`` are changes of other calendars."""
    if not candidate.depends_on:
        return _NOTHING
    index, instant, ref = -1, None, ""
    for each in candidate.depends_on:
        if each in done:
            continue
        window = placed.get(each)
        start = external.get(each)
        if window is not None:
            if window > index:
                index, ref = window, each
        elif start is not None and each not in placed:
            if instant is None or start > instant:
                instant, ref = start, ref or each
        else:
            return Wait(never=each)
    return Wait(index, instant, ref)
