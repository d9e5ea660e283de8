"""What becomes of a change that has a window already: it stays, it must move, or a release manager must decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from release_mgmt.core.classification import Level
from release_mgmt.core.planning.bounds import Bounds
from release_mgmt.core.planning.model import Candidate, Reason
from release_mgmt.core.planning.profiles import hindrance
from release_mgmt.core.windows import FreezePeriod, Window, in_scope, taken


@dataclass(frozen=True, slots=True)
class Standing:
    """``index`` is the window's place among those still to come (None: it is gone); ``reasons`` force it out.

    ``movable``: the window is outside the notice period, so that a rule may move the change by itself.
    ``conflict`` holds the reason that would force it out when it is not. ``shifted``: the window itself moved, which
    is a move of the date of what stays in it.
    """

    window: str
    index: int | None
    start: datetime
    movable: bool
    reasons: tuple[Reason, ...] = ()
    conflict: Reason | None = None
    shifted: Reason | None = None

    @property
    def moves(self) -> bool:
        """Whether it leaves its window."""
        return bool(self.reasons)

    def kept(self) -> Standing:
        """The same, left where it is for a release manager to decide (a window that has passed cannot be kept)."""
        if not self.reasons or self.reasons[0].code == "outside_window":
            return self
        return replace(self, reasons=(), conflict=self.reasons[0], movable=False)

    def pushed(self, reason: Reason) -> Standing:
        """The same, forced out by one more reason."""
        return replace(self, reasons=(*self.reasons, replace(reason, first=self.window, last=self.window)))


def standing(
    candidate: Candidate,
    index: Mapping[str, int],
    known: Mapping[str, Window],
    called_off: Mapping[str, Window],
    freezes: Sequence[FreezePeriod],
    bounds: Bounds,
    moved: str,
) -> Standing:
    """How a change with a window stands. ``known`` are all windows, past ones too, save those that were ``called_off``;
    ``moved`` is the code to give for a window whose instant is another one now."""
    announced, request = candidate.announced, candidate.request
    key = request.window if request is not None else announced.window if announced is not None else ""
    at = index.get(key)
    window = known.get(key)
    start = window.start if window is not None else announced.start if announced is not None else bounds.now
    # A level that was raised or lowered since: the shorter notice decides, or the next plan would see it otherwise.
    level = Level.MINOR if announced is not None and announced.level is Level.MINOR else candidate.level
    movable = announced is None or _outside(start, window, level, candidate, bounds)
    reason = _what_forces(candidate, window, called_off.get(key), freezes, bounds)
    there = announced is not None and (request is None or request.window == announced.window)
    shifted = None
    if announced is not None and there and window is not None and window.start != announced.start:
        shifted = Reason(moved, key, key, key)
    if reason is None:
        return Standing(key, at, start, movable, shifted=shifted)
    reason = replace(reason, first=key, last=key)
    if movable or reason.code in {"outside_window", "notice", "level_not_taken"}:
        return Standing(key, at, start, movable, (reason,), shifted=shifted)
    return Standing(key, at, start, movable, conflict=reason, shifted=shifted)


def _outside(start: datetime, window: Window | None, level: Level, candidate: Candidate, bounds: Bounds) -> bool:
    policy = window.policy if window is not None else bounds.calendar.policy
    return start >= bounds.notice(policy.notice(level), candidate.teams)


def _what_forces(
    candidate: Candidate,
    window: Window | None,
    called_off: Window | None,
    freezes: Sequence[FreezePeriod],
    bounds: Bounds,
) -> Reason | None:
    """The named reason that forces a change out of its window, or None. An acknowledged soft freeze is none."""
    announced = candidate.announced
    if window is None:
        key = announced.window if announced is not None else ""
        key = candidate.request.window if candidate.request is not None else key
        over = called_off.end if called_off is not None else announced.start if announced is not None else None
        gone = announced is not None and over is not None and over <= bounds.now
        return Reason("outside_window" if gone else "window_cancelled", key)
    if window.end <= bounds.now:
        return Reason("outside_window", window.key)
    if window.start <= bounds.now:
        return None
    code = taken(window, candidate.target)
    if code is not None and candidate.request is None:
        return Reason(code, candidate.level.value if code == "level_not_taken" else candidate.environment)
    raised = announced is not None and announced.level is Level.MINOR and candidate.level is Level.MAJOR
    if raised and candidate.request is None and not candidate.emergency:
        rule = window.policy.notice(candidate.level)
        if window.start < bounds.notice(rule, candidate.teams):
            return Reason("notice", window.key)
    if _too_early(candidate, window):
        return Reason("not_ready", candidate.id)
    held = in_scope(freezes, candidate.target, hard=True)
    found = hindrance(window, held, candidate.duration, soft=False)
    return Reason(*found) if found is not None else None


def _too_early(candidate: Candidate, window: Window) -> bool:
    """Whether somebody said since that it must not go before a day after the window. A manager's choice stands."""
    if candidate.earliest is None or candidate.request is not None or candidate.emergency:
        return False
    return window.start < candidate.earliest
