"""What stands between a change and its release: its stages, the votes on it, and the gate's answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from release_mgmt.core.approvals import Verdict
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, may_somewhere
from release_mgmt.services import approvals, gate, stages
from release_mgmt.services.approvals import ApprovalView
from release_mgmt.services.changes import ChangeView
from release_mgmt.services.directory import Directory
from release_mgmt.services.rollback_plans import RollbackPlan
from release_mgmt.services.windows import PlacedChange
from release_mgmt.web.context import context
from release_mgmt.web.pages import windows as window_pages
from release_mgmt.web.pages.language import mark, say
from release_mgmt.web.pages.parts import STAGES, Quorum, Reason, StageState, StageStep
from release_mgmt.web.pages.sentences import again

GATE_WORDS = {"allow": mark("Yes."), "warn": mark("With an acknowledgement."), "deny": mark("Not now.")}


OVER = {"released", "withdrawn", "rolled_back"}


@dataclass(frozen=True, slots=True)
class GateLine:
    """The gate's answer in words."""

    word: str
    sentence: str
    reasons: tuple[Reason, ...]
    next_allow: datetime | None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class VoteLine:
    """A vote that stands."""

    id: str
    who: str
    verdict: Literal["approve", "reject"]
    reason: str | None
    at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class Approval:
    """Votes on the change in its window."""

    quorum: Quorum | None
    lacks: tuple[str, ...]
    votes: tuple[VoteLine, ...]
    plan: RollbackPlan | None
    may_vote: bool
    why_not: str | None
    environment: str
    digest: str
    rejected: bool


def approval_view(found: ChangeView, place: PlacedChange | None) -> ApprovalView | None:
    """The votes on a change where it is placed; None without a window, or for who may not read them."""
    if place is None or place.window is None or not may_somewhere(context.actor, Action.READ_APPROVALS):
        return None
    try:
        return approvals.view(context.store, context.actor, context.now, found.id, place.environment)
    except (Conflict, NotFound):  # it lost its window in between
        return None


def approval_of(seen: ApprovalView, names: Directory) -> Approval:
    """The votes in words, and what the reader may do."""
    mine = context.actor.person
    votes = tuple(
        VoteLine(
            one.id,
            names.person(one.person) or one.person,
            "reject" if one.verdict is Verdict.REJECT else "approve",
            one.reason,
            one.at,
            one.person == mine,
        )
        for one in seen.votes
    )
    voted = any(one.mine and one.verdict == "approve" for one in votes)
    return Approval(
        quorum=window_pages.quorum(seen.status, names),
        lacks=tuple(again(one.message, names) for one in seen.status.lacks),
        votes=votes,
        plan=seen.plan,
        may_vote=seen.may_vote and not voted,
        why_not=None if voted or not seen.why_not else again(seen.why_not),
        environment=seen.environment,
        digest=seen.digest,
        rejected=any(one.verdict == "reject" for one in votes),
    )


def steps(found: ChangeView) -> tuple[StageStep, ...]:
    """The stage track: what was reported, and what follows from the change itself."""
    latest = stages.latest(stages.of_change(context.store, context.actor, found.id))
    shown: list[StageStep] = []
    reached = found.state not in OVER
    for name in STAGES:
        report = latest.get(name)
        state: StageState = "todo"
        if report is not None:
            state = {"done": "done", "running": "now"}.get(report.state, "failed")  # type: ignore[assignment]
        elif (name == "develop" and found.merged_at is not None) or (name == "deploy" and found.state == "released"):
            state = "done"
        if state == "todo" and reached:
            state, reached = "now", False
        elif state in {"now", "failed"}:
            reached = False
        by = report.reported_by if report else None
        shown.append(StageStep(name, state, report.at if report else None, by))
    return tuple(shown)


def gate_line(found: ChangeView, environment: str, seen: ApprovalView | None, names: Directory) -> GateLine | None:
    """May it go now? None where no calendar decides. ``seen``: its votes in that environment."""
    asked = gate.Asked(found.repository, environment, found.id)
    try:
        votes = seen.status if seen is not None else None
        answer = gate.peek(context.store, context.actor, context.now, asked, votes=votes).decision
    except (Conflict, InvalidInput, NotFound, Forbidden):  # no calendar, or one that does not know the environment
        return None
    told = {
        "allow": say("This change may be released to {environment} now.", environment=environment),
        "warn": say("A soft freeze asks for a reason for a release to {environment}.", environment=environment),
        "deny": say("This change must not be released to {environment} now.", environment=environment),
    }
    reasons = tuple(
        Reason(one.code, again(one.message, names), one.ref or None, one.until, blocks=answer.decision == "deny")
        for one in answer.reasons
    )
    denied = answer.decision == "deny"
    return GateLine(say(GATE_WORDS[answer.decision]), told[answer.decision], reasons, answer.next_allow, denied)
