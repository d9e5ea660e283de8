"""First fit over windows with capacity: near linear in changes, with the reasons of every window passed over.

Capacity only shrinks while a plan is made, so a window that is full for a lane of like changes stays full: the lane
skips it by union-find and keeps the run of reasons it has passed once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from release_mgmt.core.classification import Level
from release_mgmt.core.planning.model import Reason
from release_mgmt.core.planning.profiles import Profile
from release_mgmt.core.windows import FreezePeriod, Window

_NO_LIMIT = 1 << 60


class Lane:
    """The way of one profile through the windows; positions count the profile's own windows."""

    __slots__ = ("covered", "memory", "next", "profile", "run_marks", "run_starts")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.next = list(range(len(profile.windows) + 1))
        self.run_starts: list[int] = []
        self.run_marks: list[tuple[str, str]] = []
        self.covered = 0
        self.memory: dict[tuple[int, int], tuple[Reason, ...]] = {}

    def forget_from(self, position: int) -> None:
        """The reason at a position changed: runs from there on are worked out again."""
        if position < self.covered:
            keep = bisect_left(self.run_starts, position)
            del self.run_starts[keep:]
            del self.run_marks[keep:]
            self.covered = position
            self.memory.clear()


class Fit:
    """What each window has left, and where the next change of a profile goes."""

    def __init__(self, windows: Sequence[Window], freezes: Sequence[FreezePeriod]) -> None:
        self.freezes = freezes
        self.keys = [each.key for each in windows]
        limits = [each.policy.capacity for each in windows]
        self.left = [_NO_LIMIT if each.points is None else each.points for each in limits]
        self.majors_left = [_NO_LIMIT if each.most_major is None else each.most_major for each in limits]
        self.lanes: dict[int, Lane] = {}
        self._watchers: dict[int, list[tuple[Lane, int, int]]] = {}

    def lane(self, profile: Profile) -> Lane:
        """The lane of a profile."""
        found = self.lanes.get(id(profile))
        if found is None:
            found = self.lanes[id(profile)] = Lane(profile)
        return found

    def take(self, window: int, cost: int, level: Level) -> None:
        """Hold capacity of a window (below nothing when a manager over-books it)."""
        self.left[window] -= cost
        if level is Level.MAJOR:
            self.majors_left[window] -= 1
        watchers = self._watchers.get(window)
        if watchers:
            left = self.left[window]
            for lane, position, needed in watchers:
                if left < needed:
                    lane.forget_from(position)
            self._watchers[window] = [each for each in watchers if left >= each[2]]

    def give_back(self, window: int, cost: int, level: Level) -> None:
        """Return capacity. Only after all are placed: lanes do not look back."""
        self.left[window] += cost
        if level is Level.MAJOR:
            self.majors_left[window] += 1

    def mark(self, profile: Profile, position: int) -> tuple[str, str] | None:
        """The code and ref of what keeps such a change out of the window at a position, or None."""
        blocked = profile.blocked[position]
        if blocked is not None:
            return blocked
        window = profile.windows[position]
        if self.left[window] < profile.costs[position]:
            return "capacity", ""
        if profile.level is Level.MAJOR and self.majors_left[window] <= 0:
            return "most_major", ""
        return None

    def first(self, lane: Lane, position: int) -> int:
        """The first position at or after ``position`` that takes such a change; the number of positions for none."""
        following = lane.next
        profile = lane.profile
        end = len(following) - 1
        at = position
        while at < end:
            if following[at] != at:
                at = following[at]
            elif self.mark(profile, at) is None:
                break
            else:
                following[at] = at + 1
                at += 1
        while position < at:
            following[position], position = at, following[position]
        return at

    def reasons(self, lane: Lane, start: int, end: int) -> tuple[Reason, ...]:
        """Why no window at the positions [start, end) took the change, as runs; all of them are full or blocked."""
        if start >= end:
            return ()
        if start > lane.covered and self.first(lane, lane.covered) >= start:
            self._cover(lane, start)
        if start > lane.covered:
            return self.runs([self._mark_now(lane, at) for at in range(start, end)], lane.profile, start)
        found = lane.memory.get((start, end))
        if found is None:
            self._cover(lane, end)
            found = lane.memory[start, end] = self._cut(lane, start, end)
        return found

    def _mark_now(self, lane: Lane, position: int) -> tuple[str, str]:
        found = self.mark(lane.profile, position)
        assert found is not None
        return found

    def _cover(self, lane: Lane, end: int) -> None:
        for position in range(lane.covered, end):
            mark = self._mark_now(lane, position)
            if mark[0] == "most_major":
                window = lane.profile.windows[position]
                watch = (lane, position, lane.profile.costs[position])
                self._watchers.setdefault(window, []).append(watch)
            if not lane.run_marks or lane.run_marks[-1] != mark:
                lane.run_starts.append(position)
                lane.run_marks.append(mark)
        lane.covered = max(lane.covered, end)

    def _cut(self, lane: Lane, start: int, end: int) -> tuple[Reason, ...]:
        first = bisect_right(lane.run_starts, start) - 1
        last = bisect_left(lane.run_starts, end)
        edges = [start, *lane.run_starts[first + 1 : last], end]
        return tuple(
            self.reason(lane.profile, *lane.run_marks[first + index], edges[index], edges[index + 1])
            for index in range(len(edges) - 1)
        )

    def runs(self, marks: list[tuple[str, str]], profile: Profile, start: int) -> tuple[Reason, ...]:
        """Marks of neighbouring positions from ``start`` on as reasons over runs."""
        edges = [i for i, mark in enumerate(marks) if i == 0 or mark != marks[i - 1]] + [len(marks)]
        return tuple(self.reason(profile, *marks[begin], start + begin, start + end) for begin, end in pairwise(edges))

    def reason(self, profile: Profile, code: str, ref: str, start: int, end: int) -> Reason:
        """A reason over the positions [start, end); its ref is its first window when nothing else is to blame."""
        first = self.keys[profile.windows[start]]
        return Reason(code, ref or first, first, self.keys[profile.windows[end - 1]])
