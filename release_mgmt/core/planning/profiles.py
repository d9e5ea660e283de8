"""Which windows could ever take a change, worked out once for all changes that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from release_mgmt.core.classification import Level
from release_mgmt.core.planning.model import Candidate
from release_mgmt.core.windows import FreezePeriod, Window, in_scope, subtract, taken

_NONE = timedelta(0)


@dataclass(slots=True)
class Profile:
    """What a group of like changes finds: the windows open to its level, environment and repository, in order.

    ``windows`` are indexes into the plan's windows; beside each stands what is wrong with it for good (a code and
    a ref, or None) and what the change costs there. ``lost`` says why, when there is no such window at all.
    """

    level: Level
    windows: list[int]
    blocked: list[tuple[str, str] | None]
    costs: list[int]
    lost: str


def hindrance(
    window: Window,
    freezes: Sequence[FreezePeriod],
    duration: timedelta | None,
    *,
    soft: bool,
    since: datetime | None = None,
) -> tuple[str, str] | None:
    """The code and ref of what keeps a change of that duration out of a window it could go to, or None.

    ``freezes`` hold the change already; with ``soft`` soft ones count too; only time after ``since`` counts.
    """
    need = max(duration or _NONE, window.min_duration)
    start = window.start if since is None else max(window.start, since)
    if window.end - start < (duration or _NONE):
        return ("exceeds_window" if start == window.start else "not_enough_time_left"), window.key
    for hard in (True, False) if soft else (True,):
        chosen = [each for each in freezes if (each.freeze.hard or not hard) and _meet(each, window)]
        if not chosen or (not hard and all(each.freeze.hard for each in chosen)):
            continue
        left = subtract((start, window.end), [(each.start, each.end) for each in chosen])
        longest = max((end - begin for begin, end in left), default=_NONE)
        if longest <= _NONE or longest < window.min_duration:
            return ("freeze" if hard else "soft_freeze"), _first_of(chosen, hard=hard)
        if longest < need:  # a soft freeze that leaves too little can be acknowledged as one that leaves nothing
            return ("exceeds_window", window.key) if hard else ("soft_freeze", _first_of(chosen, hard=False))
    return None


def _first_of(chosen: Sequence[FreezePeriod], *, hard: bool) -> str:
    return next(each.freeze.id for each in chosen if hard or not each.freeze.hard)


def _meet(period: FreezePeriod, window: Window) -> bool:
    return period.start < window.end and period.end > window.start


class Profiles:
    """Profiles of candidates over one set of windows and freezes."""

    def __init__(self, windows: Sequence[Window], freezes: Sequence[FreezePeriod]) -> None:
        self.windows = windows
        self.freezes = freezes
        self._by_look: dict[tuple[object, ...], Profile] = {}
        self._by_content: dict[tuple[object, ...], Profile] = {}

    def of(self, candidate: Candidate) -> Profile:
        """The profile of a candidate."""
        look = (
            candidate.level, candidate.repository, candidate.environment, candidate.teams, candidate.points,
            candidate.duration,
        )  # fmt: skip
        found = self._by_look.get(look)
        if found is None:
            target = candidate.target
            held = in_scope(self.freezes, target)
            open_to = tuple(i for i, window in enumerate(self.windows) if taken(window, target) is None)
            content = (candidate.level, candidate.points, candidate.duration, open_to, tuple(map(id, held)))
            found = self._by_content.get(content)
            if found is None:
                found = self._by_content[content] = self._make(candidate, list(open_to), held)
            self._by_look[look] = found
        return found

    def _make(self, candidate: Candidate, open_to: list[int], held: Sequence[FreezePeriod]) -> Profile:
        windows = [self.windows[i] for i in open_to]
        lost = "environment_not_taken"
        if not open_to and any(taken(window, candidate.target) == "level_not_taken" for window in self.windows):
            lost = "level_not_taken"
        costs = [
            candidate.points if candidate.points is not None else window.policy.capacity.cost(candidate.level)
            for window in windows
        ]
        return Profile(
            level=candidate.level,
            windows=open_to,
            blocked=_hindrances(windows, held, candidate.duration),
            costs=costs,
            lost=lost,
        )


def _hindrances(
    windows: Sequence[Window], held: Sequence[FreezePeriod], duration: timedelta | None
) -> list[tuple[str, str] | None]:
    """One sweep over windows and freezes, both by start: only freezes that can still meet a window are looked at."""
    found: list[tuple[str, str] | None] = []
    upcoming = 0
    active: list[FreezePeriod] = []
    for window in windows:
        active = [each for each in active if each.end > window.start]
        while upcoming < len(held) and held[upcoming].start < window.end:
            if held[upcoming].end > window.start:
                active.append(held[upcoming])
            upcoming += 1
        found.append(hindrance(window, active, duration, soft=True) if active or duration else None)
    return found
