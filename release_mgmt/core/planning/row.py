"""The search of one change along the windows of its profile."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from release_mgmt.core.planning.bounds import Bounds, Wait
from release_mgmt.core.planning.fit import Fit
from release_mgmt.core.planning.model import Candidate, Reason
from release_mgmt.core.planning.profiles import Profile, hindrance
from release_mgmt.core.planning.standing import Standing
from release_mgmt.core.windows import Notice, Window, in_scope

Found = tuple[int, tuple[Reason, ...]]


class Row:
    """The windows of a profile with their starts; positions count them."""

    def __init__(self, profile: Profile, windows: Sequence[Window], bounds: Bounds) -> None:
        self.profile = profile
        self.bounds = bounds
        self.windows = [windows[i] for i in profile.windows]
        self.starts = [each.start for each in self.windows]
        self.cut_offs = [bounds.cut_off(each) for each in self.windows]
        rules = {each.policy.notice(profile.level) for each in self.windows}
        cut_offs = {each.policy.content_cut_off for each in self.windows}
        entry = {(each.policy.needs_accepted, each.policy.promotions): each.policy for each in self.windows}
        self.policies = tuple(entry.values()) or (bounds.calendar.policy,)  # one of each that asks for something else
        # With one notice, cut-off and readiness for all windows each is a position; else every window is asked.
        alike = len(rules) == len(cut_offs) == len(entry) == 1
        self.notice: Notice | None = next(iter(rules)) if alike else None
        self._notice_at: dict[frozenset[str], int] = {}
        self.base = bisect_right(self.starts, bounds.now)

    def after(self, stands: Standing | None) -> int:
        """The first position to try: no window that is open already, none before the one a change must leave."""
        if stands is None:
            return self.base
        if stands.index is not None:
            return max(self.base, bisect_right(self.profile.windows, stands.index))
        return max(self.base, bisect_left(self.starts, stands.start))

    def unready(self, candidate: Candidate) -> Reason | None:
        """Why the change is ready for none of the windows; None: for some it is."""
        if any(self.bounds.ready(candidate, each) is not None for each in self.policies):
            return None
        return Reason("not_ready", self.bounds.waits_for(candidate, self.policies[0]))

    def search(self, candidate: Candidate, fit: Fit, base: int, wait: Wait) -> Found:
        """The first position that takes the change (the number of positions for none), and why not those before."""
        if candidate.emergency or self.notice is None:
            return self._one_by_one(candidate, fit, base, wait)
        notice = self._notice_at.get(candidate.teams)
        if notice is None:
            notice = bisect_left(self.starts, self.bounds.notice(self.notice, candidate.teams))
            self._notice_at[candidate.teams] = notice
        at = base
        steps: list[tuple[str, str, int, int]] = []
        end = len(self.starts)
        if notice > at:
            steps.append(("notice", "", at, notice))
            at = notice
        ready = self.bounds.ready(candidate, self.policies[0])
        assert ready is not None
        if at < end and ready.content > self.cut_offs[at]:
            closed = bisect_left(self.cut_offs, ready.content)
            steps.append(("cut_off", "", at, closed))
            at = closed
        if at < end and ready.since > self.starts[at]:
            later = bisect_left(self.starts, ready.since)
            steps.append(("not_ready", ready.ref, at, later))
            at = later
        if wait.ref and at < end:
            later = self._position(wait)
            if later > at:
                steps.append(("dependency", wait.ref, at, later))
                at = later
        lane = fit.lane(self.profile)
        found = fit.first(lane, at) if at < end else end
        rest = fit.reasons(lane, at, found) if found > at else ()
        if not steps:
            return found, rest
        return found, (*(fit.reason(self.profile, *step) for step in steps), *rest)

    def _position(self, wait: Wait) -> int:
        return bisect_left(self.starts, wait.instant) if wait.instant is not None else 0

    def _one_by_one(self, candidate: Candidate, fit: Fit, base: int, wait: Wait) -> Found:
        marks: list[tuple[str, str]] = []
        at = base
        while at < len(self.starts):
            mark = self._mark(candidate, fit, at, wait)
            if mark is None:
                break
            marks.append(mark)
            at += 1
        return at, fit.runs(marks, self.profile, base)

    def _mark(self, candidate: Candidate, fit: Fit, at: int, wait: Wait) -> tuple[str, str] | None:
        """The first failing check: notice, cut_off, not_ready, dependency, freeze, capacity, most_major."""
        window = self.windows[at]
        ready = self.bounds.ready(candidate, window.policy)
        if not candidate.emergency:
            rule = window.policy.notice(candidate.level)
            if window.start < self.bounds.notice(rule, candidate.teams):
                return "notice", ""
            if ready is not None and ready.content > self.cut_offs[at]:
                return "cut_off", ""
        if ready is None:
            return "not_ready", self.bounds.waits_for(candidate, window.policy)
        if ready.since > max(window.start, self.bounds.now):
            return "not_ready", ready.ref
        if wait.ref and at < self._position(wait):
            return "dependency", wait.ref
        if window.start <= self.bounds.now:
            held = in_scope(fit.freezes, candidate.target)
            late = hindrance(window, held, candidate.duration, soft=True, since=self.bounds.now)
            if late is not None:
                return late
        return fit.mark(self.profile, at)
