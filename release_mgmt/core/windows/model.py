"""The values of a release calendar: policy, window series, windows and freezes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from release_mgmt.core.classification import Level
from release_mgmt.core.windows.businessdays import BusinessDays, Notice
from release_mgmt.core.windows.recurrence import Rule

BOTH_LEVELS = (Level.MINOR, Level.MAJOR)
Default = Literal["open", "closed"]
NO_NOTICE = Notice()


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much one window takes: ``points`` in all (None: no limit), what each level costs, the most majors."""

    points: int | None = None
    minor: int = 1
    major: int = 3
    most_major: int | None = None

    def cost(self, level: Level) -> int:
        """The points that a change of that level takes when it names none itself."""
        return self.major if level is Level.MAJOR else self.minor


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who must agree to a change of one level: how many release managers, and each affected team or not."""

    release_managers: int = 1
    each_affected_team: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """The approvals asked by level, and after how many days one that was not used expires (None: never)."""

    minor: ApprovalRule = ApprovalRule()
    major: ApprovalRule = ApprovalRule(2, each_affected_team=True)
    expire_days: int | None = 30

    def rule(self, level: Level) -> ApprovalRule:
        """The rule of that level."""
        return self.major if level is Level.MAJOR else self.minor


@dataclass(frozen=True, slots=True)
class Promotion:
    """A change may go to ``environment`` when ``after`` reported it done, ``soak`` ago or longer."""

    environment: str
    after: str
    soak: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a calendar; a series may hold others, see :meth:`ReleaseCalendar.policy_of` and ``outside``.

    ``content_cut_off``: how long before its start a window's content closes (a change ready later waits), in business
    days or as elapsed time; None: at the start. ``default`` is what the gate says outside every window of a scope,
    ``unscheduled`` what it says for a scope that no window is defined for (None: the same; a calendar's alone).
    ``needs_accepted``: a window takes only what was accepted by its users.
    """

    minor_notice: Notice = NO_NOTICE
    major_notice: Notice = NO_NOTICE
    capacity: Capacity = Capacity()
    approvals: ApprovalPolicy = ApprovalPolicy()
    default: Default = "closed"
    unscheduled: Default | None = None
    minor_lane: bool = False
    content_cut_off: Notice | None = None
    promotions: tuple[Promotion, ...] = ()
    needs_accepted: bool = False

    def notice(self, level: Level) -> Notice:
        """The notice that a change of that level must leave."""
        return self.major_notice if level is Level.MAJOR else self.minor_notice

    def promotions_to(self, environment: str) -> tuple[Promotion, ...]:
        """What a change must have passed before it may go to that environment: all of them."""
        return tuple(each for each in self.promotions if each.environment == environment)


@dataclass(frozen=True, slots=True)
class Retiming:
    """From the local day ``since`` on, occurrences start at another time of day; their identity stays.

    ``start`` and ``end`` are shifts of the original local start and end.
    """

    since: date
    start: timedelta
    end: timedelta


@dataclass(frozen=True, slots=True)
class WindowSeries:
    """A recurring or one-off rule. Times are naive local; either ``end`` (wall clock) or ``duration`` (exact) is set.

    ``cancelled`` holds original local starts that are called off, ``moved`` pairs (original start, new start).
    """

    id: str
    start: datetime
    end: datetime | None = None
    duration: timedelta | None = None
    rule: Rule | None = None
    title: str = ""
    levels: tuple[Level, ...] = BOTH_LEVELS
    environments: tuple[str, ...] = ("prod",)
    repositories: tuple[str, ...] = ("*",)
    cancelled: tuple[datetime, ...] = ()
    moved: tuple[tuple[datetime, datetime], ...] = ()
    retimings: tuple[Retiming, ...] = ()
    min_duration: timedelta = timedelta(0)
    policy: Policy | None = None

    @property
    def length(self) -> timedelta:
        """The wall-clock length (of the end form) or the exact one (of the duration form)."""
        if self.duration is not None:
            return self.duration
        assert self.end is not None
        return self.end - self.start


class Window(NamedTuple):
    """One occurrence: instants in UTC, half-open. Its identity is (series, original local start), see ``key``.

    ``flags`` hold dst_gap or dst_overlap when either end was mapped and dst_inside when the clock changes within.
    """

    series: str
    original_start: datetime
    start: datetime
    end: datetime
    time_zone: str
    flags: tuple[str, ...] = ()
    levels: tuple[Level, ...] = BOTH_LEVELS
    environments: tuple[str, ...] = ("prod",)
    repositories: tuple[str, ...] = ("*",)
    min_duration: timedelta = timedelta(0)
    policy: Policy = Policy()
    title: str = ""
    cancelled: bool = False

    @property
    def key(self) -> str:
        """``<series>@<original local start>``, the same for ever."""
        return window_key(self.series, self.original_start)

    @property
    def duration(self) -> timedelta:
        """Real time from start to end."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether it is open at that instant: at its start yes, at its end no."""
        return not self.cancelled and self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Skipped:
    """An occurrence that a rule dropped: ``reason`` is dst_gap or too_short."""

    series: str
    original_start: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked about: a change (or a scope without one) in one environment; None: not said.

    ``perhaps`` are teams that a scope without a change may affect, because some change of it does.
    """

    repository: str | None = None
    environment: str | None = None
    teams: frozenset[str] = frozenset()
    level: Level | None = None
    perhaps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What a freeze lets through. A change is exempt by team only when every team it affects is."""

    repositories: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()

    def cover(self, target: Target) -> bool:
        """Whether the target is let through."""
        return (
            (target.repository is not None and matches(self.repositories, target.repository))
            or (bool(target.teams) and bool(self.teams) and target.teams | target.perhaps <= frozenset(self.teams))
            or (target.environment is not None and target.environment in self.environments)
            or (target.level is not None and target.level in self.levels)
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a freeze holds; an empty part means all. Repositories may be patterns such as ``pricing-*``."""

    repositories: tuple[str, ...] = ("*",)
    teams: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    exceptions: Exceptions = Exceptions()

    def holds(self, target: Target) -> bool:
        """Whether the target is in the scope. What the target does not say counts as inside: a gate fails closed."""
        if self.repositories and target.repository is not None and not matches(self.repositories, target.repository):
            return False
        if self.teams and not (target.teams | target.perhaps) & frozenset(self.teams):
            return False
        if self.environments and target.environment is not None and target.environment not in self.environments:
            return False
        if self.levels and target.level is not None and target.level not in self.levels:
            return False
        return not self.exceptions.cover(target)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which nothing (hard), or nothing without acknowledgement (soft), is released.

    Either ``days`` (whole local days, both included) or ``start`` with ``end`` or ``duration``, naive local in
    ``time_zone``; ``rule`` repeats it. ``overrun`` says whether a lease taken before may run into it.
    """

    id: str
    time_zone: str
    hard: bool = True
    reason: str = ""
    scope: Scope = Scope()
    days: tuple[date, date] | None = None
    start: datetime | None = None
    end: datetime | None = None
    duration: timedelta | None = None
    rule: Rule | None = None
    overrun: Literal["allow", "deny"] = "deny"
    cancelled: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class FreezePeriod:
    """One occurrence of a freeze, in UTC, half-open. ``whole_days`` are its local days, when it is given so."""

    freeze: Freeze
    start: datetime
    end: datetime
    whole_days: tuple[date, date] | None = None

    def contains(self, instant: datetime) -> bool:
        """Whether it holds at that instant."""
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class ReleaseCalendar:
    """Window series, freezes and policy in one time zone. ``environments`` are those it knows by name."""

    name: str
    time_zone: str = "UTC"
    public: bool = False
    business_days: BusinessDays = field(default_factory=BusinessDays)
    policy: Policy = Policy()
    series: tuple[WindowSeries, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    environments: tuple[str, ...] = ()
    horizon_days: int = 182
    team_business_days: tuple[tuple[str, BusinessDays], ...] = ()

    @property
    def slug(self) -> str:
        """The name as it stands in addresses: lower case, letters, digits and dashes."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.casefold()).strip("-") or "calendar"

    def known_environments(self) -> frozenset[str]:
        """Every environment that it names in a list, a series or a promotion."""
        named = {each for series in self.series for each in series.environments}
        promoted = {each for rule in self._promotions() for each in (rule.environment, rule.after)}
        return frozenset(named | promoted | set(self.environments))

    def passed_before(self, environment: str) -> frozenset[str]:
        """The environments that some window to ``environment`` wants passed before."""
        return frozenset(rule.after for rule in self._promotions() if rule.environment == environment)

    def _promotions(self) -> list[Promotion]:
        policies = (self.policy, *(each.policy for each in self.series if each.policy is not None))
        return [rule for policy in policies for rule in policy.promotions]

    def policy_of(self, window: str) -> Policy:
        """The policy that holds in a window (its key, or its series' id): its series' own, else the calendar's."""
        series = window.partition("@")[0]
        own = next((each.policy for each in self.series if each.id == series), None)
        return own or self.policy

    def policies_for(self, target: Target) -> tuple[Policy, ...]:
        """The policies of every series that serves the target; the calendar's when none does."""
        serving = [each.policy or self.policy for each in self.series if taken(each, target) is None]
        return tuple(dict.fromkeys(serving)) or (self.policy,)

    def outside(self, target: Target) -> Policy:
        """The calendar's policy with what holds for the target outside of windows, where no single series decides:
        open, or approved in advance, is only what every series that serves it says so of."""
        told = self.policies_for(target)
        default: Default = "open" if all(each.default == "open" for each in told) else "closed"
        return replace(self.policy, default=default, minor_lane=all(each.minor_lane for each in told))

    def business_days_of(self, teams: frozenset[str]) -> tuple[BusinessDays, ...]:
        """Whose business days a notice to those teams counts by: each team's own where it has them."""
        own = dict(self.team_business_days)
        theirs = tuple(own.get(team, self.business_days) for team in sorted(teams))
        return tuple(dict.fromkeys(theirs)) or (self.business_days,)


def taken(window: Window | WindowSeries, target: Target) -> str | None:
    """The code of why a window, or every window of a series, is not for such a change at all, or None."""
    if target.environment is not None and target.environment not in window.environments:
        return "environment_not_taken"
    if target.repository is not None and not matches(window.repositories, target.repository):
        return "environment_not_taken"
    if target.level is not None and target.level not in window.levels:
        return "level_not_taken"
    return None


def window_key(series: str, original_start: datetime) -> str:
    """The identity of a window as text."""
    return f"{series}@{original_start:%Y-%m-%dT%H:%M}"


def matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the patterns (``*``, ``pricing``, ``pricing-*``) is that name."""
    return any(pattern in {"*", name} or fnmatchcase(name, pattern) for pattern in patterns)
