"""The values of a plan: what is to be placed, where it went, and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from release_mgmt.core.classification import Level
from release_mgmt.core.windows import Skipped, Target, Window

Why = Literal["first_fit", "announced", "requested", "emergency"]

MESSAGES = {
    "notice": "the notice would be too short",
    "cut_off": "it was ready after the cut-off of the window",
    "not_ready": "it is not ready by then",
    "dependency": "it needs {ref} first",
    "freeze": "the freeze {ref} holds",
    "soft_freeze": "the soft freeze {ref} holds; a release manager may still place it, with a reason",
    "exceeds_window": "it takes longer than the window leaves",
    "capacity": "the window is full",
    "most_major": "the window has its most major changes",
    "level_not_taken": "no window takes its level",
    "environment_not_taken": "no window serves its environment",
    "window_cancelled": "the window {ref} was cancelled",
    "outside_window": "the window {ref} has passed",
    "withdrawn": "{ref}, which it needs, was withdrawn",
    "deadline": "the window is after its deadline",
    "unscheduled": "no window within the horizon takes it",
    "flag_switched": "a feature flag was switched outside a window of its own",
    "minor_lane": "minor changes are approved in advance, and it shipped outside that window",
    "window_moved": "the window itself goes at another time",
    "tzdata": "the rules of the time zone changed",
    "other_calendar": "its repository goes by another calendar now, or by none",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a run of windows (keys ``first`` to ``last``) did not do. ``ref`` names a freeze, a change or the window."""

    code: str
    ref: str
    first: str = ""
    last: str = ""

    @property
    def message(self) -> str:
        """One sentence in plain words."""
        text = MESSAGES.get(self.code, self.code).format(ref=self.ref)
        if not self.first:
            return text[0].upper() + text[1:] + "."
        where = self.first if self.first == self.last else f"{self.first} to {self.last}"
        return f"{where}: {text}."


@dataclass(frozen=True, slots=True)
class Announced:
    """Where a change stands in the published plan. ``level`` is the level it was announced with.

    ``origin`` is the window that it was moved away from by a rule, if it was: where it could return.
    """

    window: str
    start: datetime
    at: datetime
    version: int = 0
    level: Level | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A release manager's own choice of window, with a reason. It may over-book and enter a soft freeze."""

    window: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One change as the planner sees it. ``ready_at`` None: not merged, a preview only.

    ``points`` None: what its level costs. ``accepted_at``: when its users accepted it (None: not yet); ``passed``: each
    environment that reported it done, and when. ``done``: released already, also when it was ``rolled_back`` since
    (then what needs it waits); ``withdrawn``: it will not be.
    """

    id: str
    title: str
    repository: str
    level: Level
    ready_at: datetime | None
    teams: frozenset[str] = frozenset()
    environment: str = "prod"
    priority: int = 0
    depends_on: tuple[str, ...] = ()
    points: int | None = None
    duration: timedelta | None = None
    earliest: datetime | None = None
    deadline: datetime | None = None
    accepted_at: datetime | None = None
    passed: tuple[tuple[str, datetime], ...] = ()
    emergency: bool = False
    done: bool = False
    rolled_back: bool = False
    withdrawn: bool = False
    announced: Announced | None = None
    request: Request | None = None

    def ready(self, accepted: bool) -> datetime | None:
        """Since when it is ready: merged, and ``accepted`` where that is asked for. None: not yet."""
        if not accepted or self.ready_at is None:
            return self.ready_at
        return None if self.accepted_at is None else max(self.ready_at, self.accepted_at)

    @property
    def target(self) -> Target:
        """What freezes are asked about it."""
        return Target(self.repository, self.environment, self.teams, self.level)


@dataclass(frozen=True, slots=True)
class Placement:
    """A change in a window. ``reasons`` say why none of the earlier windows took it; ``why`` why this one holds it."""

    change: str
    title: str
    level: Level
    window: str
    reasons: tuple[Reason, ...] = ()
    why: Why = "first_fit"


@dataclass(frozen=True, slots=True)
class Deferral:
    """A change without a window, with a reason for every window tried."""

    change: str
    title: str
    level: Level
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """An announced change whose window changes (``to`` None: no window takes it), with the reasons that force it."""

    change: str
    origin: str
    to: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A window that a moved change could return to. A suggestion is not a move: a release manager takes it or not."""

    change: str
    present: str
    to: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something a release manager must look at: an announced change that cannot stay and may not move by itself,
    an over-booked window, a missed deadline, a ready change without a window."""

    change: str
    window: str | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window with what it holds, in the order of release. ``frozen`` names the hard freezes that leave none of it."""

    window: Window
    state: Literal["planned", "open", "frozen", "cancelled"]
    used: int = 0
    majors: int = 0
    changes: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All placements of a calendar at one version."""

    calendar: str
    version: int
    now: datetime
    windows: tuple[PlannedWindow, ...]
    skipped: tuple[Skipped, ...]
    placements: tuple[Placement, ...]
    deferrals: tuple[Deferral, ...]
    moves: tuple[Move, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def digest(self) -> str:
        """The same for every plan that says the same, whenever it was made and in whatever order its input came.

        It holds all that is shown of a plan: what it does not hold would stay as it was when only that changed. The
        reasons of placements are those of the day they were made, and are not told again.
        """
        text = hashlib.sha256()
        for each in self.windows:
            window = each.window
            limits = window.policy.capacity
            text.update(f"w {window.key} {window.start} {window.end} {each.state} {','.join(each.changes)}\n".encode())
            room = (each.used, limits.points, each.majors, limits.most_major)
            told = (window.title, window.flags, [*map(str, window.levels)], window.environments, each.frozen)
            text.update(f"{room} {told}\n".encode())
        for skipped in self.skipped:
            text.update(f"x {skipped.series} {skipped.original_start} {skipped.reason}\n".encode())
        for placement in self.placements:
            text.update(f"p {placement.change} {placement.level} {placement.window} {placement.title}\n".encode())
        for deferral in self.deferrals:
            text.update(
                f"d {deferral.change} {deferral.title} {[(r.code, r.ref) for r in deferral.reasons]}\n".encode()
            )
        for suggestion in self.suggestions:
            text.update(f"s {suggestion.change} {suggestion.to}\n".encode())
        for conflict in self.conflicts:
            text.update(
                f"c {conflict.change} {conflict.window} {conflict.reason.code} {conflict.reason.ref}\n".encode()
            )
        return text.hexdigest()

    def placement_of(self, change: str) -> Placement | None:
        """Where a change went."""
        return next((each for each in self.placements if each.change == change), None)
