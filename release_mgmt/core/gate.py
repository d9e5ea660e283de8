"""The gate: may this be released to this environment at this instant, and if not, why and when?

Deny beats allow: a hard freeze beats a window, which beats approvals, which beat priority; the answer lists every
blocker. A placed change may go in its own window only, save by the minor lane of its calendar or a break-glass that
names each blocker. The same windows and freezes as in the plan, the calendar and the feeds decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from release_mgmt.core.classification import Level
from release_mgmt.core.windows import FreezePeriod, Policy, Target, Window, in_scope, subtract, taken, union

Answer = Literal["allow", "warn", "deny"]

_SECOND = timedelta(seconds=1)  # instants are whole seconds everywhere
_KEEPS = timedelta(hours=24)  # an answer that nothing on the calendar changes is asked again after a day
_SOFT = {"soft_freeze"}
_THINGS = {"freeze", "soft_freeze", "dependency_not_done"}  # blockers that are things with a name
# The order in which blockers are told: strongest first.
_ORDER = (
    "withdrawn", "freeze", "window_cancelled", "level_not_taken", "environment_not_taken", "outside_window",
    "not_its_window", "exceeds_window", "not_enough_time_left", "not_ready", "dependency_not_done", "stale_approval",
    "missing_approval", "override_expired", "soft_freeze",
)  # fmt: skip
_RANK = {code: index for index, code in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True)
class GateReason:
    """One blocker: ``ref`` names it, ``until`` is when time alone takes it away (None: time does not).

    One that is known to come, such as what a vote leaves that expires, has ``since``.
    """

    code: str
    ref: str
    message: str
    until: datetime | None = None
    since: datetime | None = None

    def stands(self, at: datetime) -> bool:
        """Whether it is in the way then."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A permission that names what it breaks: codes (``outside_window``) or code and ref (``freeze:year-end``).

    It holds from ``since`` (None: it was given before anything is asked of) until ``until``.
    """

    blockers: tuple[str, ...]
    until: datetime
    since: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it is in force then."""
        return (self.since is None or self.since <= at) and at < self.until

    def breaks(self, reason: GateReason) -> bool:
        """Whether it names that blocker. A freeze must be named by its id: a new one is not broken by an old name."""
        named = f"{reason.code}:{reason.ref}" in self.blockers
        return named or (reason.code in self.blockers and reason.code not in {"freeze", "override_expired"})


@dataclass(frozen=True, slots=True)
class Subject:
    """The change that is asked about. ``window``: where the plan has it; ``cancelled``: that window was called off.

    ``standing`` holds blockers that do not come from the calendar: approvals, dependencies, readiness, a moved tag.
    ``break_glass`` are its permissions; several at a time break what each of them names.
    """

    id: str
    level: Level
    window: str | None = None
    cancelled: bool = False
    duration: timedelta | None = None
    withdrawn: bool = False
    standing: tuple[GateReason, ...] = ()
    break_glass: tuple[BreakGlass, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One target with everything that decides about it. ``windows`` and ``freezes`` reach well past the instant.

    ``policy`` is what holds outside of windows for the target (:meth:`ReleaseCalendar.outside`). ``scheduled``: some
    series of the calendar serves the target's scope at all.
    """

    target: Target
    policy: Policy
    windows: Sequence[Window]
    freezes: Sequence[FreezePeriod]
    scheduled: bool = True
    subject: Subject | None = None

    def narrowed(self) -> Question:
        """The same with only the windows and freezes that concern the target; windows by start."""
        held = in_scope(self.freezes, self.target)
        if self.subject is None:
            serving = [each for each in self.windows if taken(each, self.target) is None]
        else:
            serving = [
                each for each in self.windows if taken(each, self.target) is None or each.key == self.subject.window
            ]
        return replace(self, windows=serving, freezes=held)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. ``next_transition``: while a hard freeze holds, the end of the contiguous hard freezes, else the
    next instant at which the answer changes. ``next_allow``: the first instant at which it is not deny (None: time
    alone does not bring it). ``next_slot``: the same if only the calendar stood in the way. The answer holds until
    ``valid_until``, unless somebody changes the plan. ``answers`` are those of each target, when several were asked.
    """

    decision: Answer
    reasons: tuple[GateReason, ...]
    blocked_by: tuple[str, ...]
    at: datetime
    evaluated_at: datetime
    next_transition: datetime | None = None
    next_allow: datetime | None = None
    next_slot: datetime | None = None
    valid_until: datetime | None = None
    answers: tuple[Decision, ...] = ()


def decide(questions: Sequence[Question], at: datetime, now: datetime) -> Decision:
    """The decision at ``at`` for one target or several (every one must be allowed). ``now`` is when it was asked."""
    asked = [each.narrowed() for each in questions]
    answers = tuple(_decide([each], at, now) for each in asked)
    if len(answers) == 1:
        return answers[0]
    return replace(_decide(asked, at, now), answers=answers)


def _decide(asked: Sequence[Question], at: datetime, now: datetime) -> Decision:
    found = [reason for each in asked for reason in reasons_at(each, at)]
    reasons = tuple(sorted(dict.fromkeys(found), key=lambda r: (_RANK.get(r.code, len(_ORDER)), r.ref)))
    answer = _answer(reasons)
    edges = sorted({edge for each in asked for edge in _edges(each) if edge > at})
    change = next((edge for edge in edges if _verdict(asked, edge) != answer), None)
    allow = at if answer != "deny" else next((edge for edge in edges if _verdict(asked, edge) != "deny"), None)
    bare = [_without_standing(each) for each in asked]
    slot = at if _verdict(bare, at) != "deny" else next((e for e in edges if _verdict(bare, e) != "deny"), None)
    frozen_until = _frozen_until(asked, at)
    return Decision(
        decision=answer,
        reasons=reasons,
        blocked_by=tuple(dict.fromkeys(each.ref for each in reasons if each.code in _THINGS)),
        at=at,
        evaluated_at=now,
        next_transition=frozen_until if frozen_until is not None else change,
        next_allow=allow,
        next_slot=slot,
        valid_until=min(change, at + _KEEPS) if change is not None else at + _KEEPS,
    )


def _answer(reasons: Sequence[GateReason]) -> Answer:
    if any(each.code not in _SOFT for each in reasons):
        return "deny"
    return "warn" if reasons else "allow"


def _verdict(asked: Sequence[Question], at: datetime) -> Answer:
    return _answer([reason for each in asked for reason in reasons_at(each, at)])


def _without_standing(question: Question) -> Question:
    if question.subject is None:
        return question
    return replace(question, subject=replace(question.subject, standing=()))


def reasons_at(question: Question, at: datetime) -> list[GateReason]:
    """Every blocker at that instant (of a question already narrowed), those that a break-glass names left out."""
    subject = question.subject
    found = _freezes(question, at)
    if subject is None:
        found += _scope(question, at)
    else:
        if subject.withdrawn:
            found.append(GateReason("withdrawn", subject.id, "The change was withdrawn."))
        found += _slot(question, subject, at)
        found += [each for each in subject.standing if each.stands(at)]
        holding = [glass for glass in subject.break_glass if glass.holds(at)]
        over = any(glass.until <= at for glass in subject.break_glass)
        found = [each for each in found if not any(glass.breaks(each) for glass in holding)]
        if over and not holding and any(each.code not in _SOFT for each in found):
            found.append(GateReason("override_expired", subject.id, "The break-glass permission has expired."))
    return found


def _freezes(question: Question, at: datetime) -> list[GateReason]:
    found = []
    for each in question.freezes:
        if each.contains(at):
            freeze = each.freeze
            kind, code = ("freeze", "freeze") if freeze.hard else ("soft freeze", "soft_freeze")
            message = f"The {kind} {freeze.id} holds" + (f": {freeze.reason}" if freeze.reason else "") + "."
            found.append(GateReason(code, freeze.id, message, each.end))
    return found


def _scope(question: Question, at: datetime) -> list[GateReason]:
    """A scope without a change: an open window, or what the policy says outside of windows."""
    default = question.policy.default if question.scheduled else question.policy.unscheduled or question.policy.default
    if default == "open":
        return []
    around = [each for each in question.windows if each.contains(at)]
    lost = [_too_little(question, each, at) for each in around]
    if None in lost:
        return []
    return list(dict.fromkeys(each for each in lost if each is not None)) or [_outside(question, at)]


def _outside(question: Question, at: datetime) -> GateReason:
    following = next((each for each in question.windows if each.start > at), None)
    if following is None:
        return GateReason("outside_window", "", "No window is open, and none is coming.")
    message = f"No window is open. The next is {following.key}."
    return GateReason("outside_window", following.key, message, following.start)


def _slot(question: Question, subject: Subject, at: datetime) -> list[GateReason]:
    """The change's own window, or the lane or default that needs none."""
    if subject.level is Level.MINOR and question.policy.minor_lane:
        return []
    own = next((each for each in question.windows if each.key == subject.window), None)
    if subject.cancelled:
        return [GateReason("window_cancelled", subject.window or "", "Its window was cancelled.")]
    default = question.policy.default if question.scheduled else question.policy.unscheduled or question.policy.default
    if subject.window is None and default == "open":
        return []
    if own is not None and own.contains(at):
        return _fits(question, subject, own, at)
    other = next((each for each in question.windows if each.contains(at)), None)
    if other is None and subject.window is None:
        return [_outside(question, at)]
    if subject.window is None:
        return [GateReason("not_its_window", "", "A window is open, but the plan has no window for this change.")]
    code = "not_its_window" if other is not None else "outside_window"
    if own is None:
        return [GateReason(code, subject.window, f"Its window was {subject.window}.")]
    until = own.start if own.start > at else None
    tense = "is" if until else "was"
    return [GateReason(code, own.key, f"Its window {tense} {own.key}.", until)]


def _too_little(question: Question, window: Window, at: datetime) -> GateReason | None:
    """A hard freeze that leaves less of the window about ``at`` than its least duration: the plan uses none of that."""
    if not window.min_duration:
        return None
    near = [
        each for each in question.freezes if each.freeze.hard and each.start < window.end and each.end > window.start
    ]
    for start, end in subtract((window.start, window.end), ((each.start, each.end) for each in near)):
        if start <= at < end and end - start < window.min_duration:
            freeze = next(each.freeze for each in near if each.start <= end and each.end >= start)
            message = f"The freeze {freeze.id} leaves too little of the window {window.key}."
            return GateReason("freeze", freeze.id, message)
    return None


def _fits(question: Question, subject: Subject, own: Window, at: datetime) -> list[GateReason]:
    lost = _too_little(question, own, at)
    if lost is not None:
        return [lost]
    if subject.duration is None:
        return []
    if own.duration < subject.duration:
        return [GateReason("exceeds_window", own.key, "The change takes longer than its window.")]
    if _end_of_room(question, own, at) - at < subject.duration:
        return [GateReason("not_enough_time_left", own.key, "What is left of its window is too short for the change.")]
    return []


def _end_of_room(question: Question, own: Window, at: datetime) -> datetime:
    """When the window closes, or the next hard freeze begins in it."""
    stops = [each.start for each in question.freezes if each.freeze.hard and at < each.start < own.end]
    return min([own.end, *stops])


def _edges(question: Question) -> set[datetime]:
    """Every instant at which the answer may change by time alone."""
    found = {edge for each in question.freezes for edge in (each.start, each.end)}
    subject = question.subject
    # Other windows than its own change what is said of a change, not whether it may go (save under a break-glass).
    deciding = [
        each for each in question.windows if subject is None or subject.break_glass or each.key == subject.window
    ]
    found |= {edge for each in deciding for edge in (each.start, each.end)}
    if subject is None:
        return found
    found |= {edge for each in subject.standing for edge in (each.since, each.until) if edge is not None}
    for glass in subject.break_glass:
        found |= {glass.until} if glass.since is None else {glass.since, glass.until}
    if subject.duration is not None:
        own = next((each for each in question.windows if each.key == subject.window), None)
        if own is not None:
            ends = [own.end, *(each.start for each in question.freezes if each.freeze.hard)]
            found |= {end - subject.duration + _SECOND for end in ends}
    return found


def _frozen_until(asked: Sequence[Question], at: datetime) -> datetime | None:
    """The end of the contiguous union of hard freezes in scope that holds at ``at``."""
    spans = union((each.start, each.end) for one in asked for each in one.freezes if each.freeze.hard)
    return next((end for start, end in spans if start <= at < end), None)
