"""One change: its level with the evidence, where it lands and why, what it waits for, whether it may go now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from flask import url_for

from release_mgmt.core.approvals import Verdict
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, allows, may_somewhere
from release_mgmt.services import (
    approvals,
    calendars,
    directory,
    gate,
    outcomes,
    placing,
    publications,
    repositories,
    stages,
    windows,
)
from release_mgmt.services import changes as service
from release_mgmt.services.approvals import ApprovalView, RollbackPlan
from release_mgmt.services.changes import ChangeDetail, ChangeView
from release_mgmt.services.directory import Directory
from release_mgmt.services.publications import NoteView
from release_mgmt.services.windows import PlacedChange
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import lines, schedule
from release_mgmt.web.pages import windows as window_pages
from release_mgmt.web.pages.forge_links import commit_url, safe
from release_mgmt.web.pages.language import mark, say
from release_mgmt.web.pages.parts import (
    STAGES,
    ChangeLine,
    EvidenceRow,
    PlanMove,
    Problem,
    Quorum,
    Reason,
    StageState,
    StageStep,
)
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw

GATE_WORDS = {"allow": mark("Yes."), "warn": mark("With an acknowledgement."), "deny": mark("Not now.")}
OVER = {"released", "withdrawn", "rolled_back"}


@dataclass(frozen=True, slots=True)
class CommitLine:
    """A commit of a change."""

    sha: str
    subject: str
    author: str
    at: datetime | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction of the level, in words."""

    level: str
    previous: str | None
    reason: str
    by: str
    at: datetime
    withdrawn: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the change lands."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    href: str
    environment: str


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


@dataclass(frozen=True, slots=True)
class May:
    """What the reader may do with it; the services ask again."""

    edit: bool
    raise_level: bool
    lower_level: bool
    stage: bool
    withdraw: bool
    move: bool
    break_glass: bool


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One change."""

    line: ChangeLine
    change: ChangeView
    why: str
    decided_by: str
    summary: str | None
    answers: tuple[tuple[str, str], ...]
    evidence: tuple[EvidenceRow, ...]
    corrections: tuple[Correction, ...]
    commits: tuple[CommitLine, ...]
    url: str | None
    other_level: str
    placed: Place | None
    placed_reasons: tuple[Reason, ...]
    conflicts: tuple[Reason, ...]
    deferred: str | None
    missing: tuple[str, ...]
    stages: tuple[StageStep, ...]
    gate: GateLine | None
    approval: Approval | None
    note: NoteView | None
    may: May
    depends_on: tuple[str, ...]
    moved: tuple[PlanMove, ...] = ()
    problem: Problem | None = None


@blueprint.get("/changes/<change_id>")
@needs(Action.READ_CHANGE)
def change(change_id: str) -> str:
    """Everything about one change."""
    with context.store.together():
        return draw("change", change_page(service.get(context.store, context.actor, change_id)))


def change_page(detail: ChangeDetail, problem: Problem | None = None) -> ChangePage:
    """The values of the page of one change."""
    store, actor = context.store, context.actor
    found = detail.change
    places = windows.of_change(store, actor, found.id)
    place = next((one for one in places if one.window), places[0] if places else None)
    seen = _approval_view(found, place)
    people = [found.owner, *(one.made_by for one in detail.overrides)]
    if seen is not None:
        people += [*(vote.person for vote in seen.votes), seen.plan.contact if seen.plan else None]
    names = directory.look_up(store, actor, people)
    repository = repositories.get(store, actor, found.repository)
    approval = _approval(seen, names) if seen is not None else None
    texts = publications.of_change(store, actor, found.id)
    note = lines.note(texts)
    calendar = place.calendar if place else repository.calendar
    return ChangePage(
        line=lines.change_line(found, names),
        change=found,
        why=lines.kind_words(found.kind),
        decided_by=detail.rule or "",
        summary=note.text if note else detail.summary,
        answers=_answers(found.id),
        evidence=lines.evidence_rows(detail.evidence, repository, found.head_sha),
        corrections=_corrections(detail, names),
        commits=tuple(
            CommitLine(
                one.sha,
                one.subject,
                one.author,
                one.committed_at,
                commit_url(repository.provider, repository.web_url, one.sha),
            )
            for one in detail.commits
        ),
        url=safe(found.url),
        other_level="minor" if found.level == "major" else "major",
        placed=_place(place) if found.state != "withdrawn" else None,
        placed_reasons=schedule.reasons(place.reasons, blocks=place.window is None) if place else (),
        conflicts=schedule.reasons(place.conflicts) if place and found.state not in OVER else (),
        deferred=_deferred(place),
        missing=approval.lacks if approval and found.state not in OVER else (),
        stages=steps(found),
        gate=gate_line(found, place.environment if place else "prod", seen, names) if found.state not in OVER else None,
        approval=approval,
        note=note,
        may=_may(found, calendar),
        depends_on=placing.needs_of(store, actor, found.id),
        moved=_moves(found, names),
        problem=problem,
    )


def _answers(change_id: str) -> tuple[tuple[str, str], ...]:
    """The business requests that the change answers: address and title."""
    found = outcomes.search(context.store, context.actor, change=change_id)
    return tuple((url_for("pages.request", key=one.id), one.title) for one in found.items)


def _moves(found: ChangeView, names: Directory) -> tuple[PlanMove, ...]:
    """Where its announced date was, the newest move first; only that one can be taken back."""
    kept = windows.moves(context.store, context.actor, change=found.id, limit=5)
    shown = [schedule.plan_move(one, names) for one in kept]
    return tuple(one if index == 0 else replace(one, undo=None) for index, one in enumerate(shown))


def _may(found: ChangeView, calendar: str | None) -> May:
    actor = context.actor
    open_still = found.state not in OVER
    manages = calendar is not None and actor.signed_in
    return May(
        edit=may_somewhere(actor, Action.EDIT_CHANGE),
        raise_level=found.level != "major" and may_somewhere(actor, Action.RAISE_LEVEL),
        lower_level=found.level == "major" and may_somewhere(actor, Action.LOWER_LEVEL),
        stage=may_somewhere(actor, Action.REPORT_STAGE),
        withdraw=open_still and may_somewhere(actor, Action.WITHDRAW_CHANGE),
        move=open_still and manages and allows(actor, Action.MOVE_CHANGE, calendar=calendar),
        break_glass=open_still and manages and may_somewhere(actor, Action.REQUEST_BREAK_GLASS),
    )


def _place(place: PlacedChange | None) -> Place | None:
    if place is None or place.window is None or place.start is None or place.end is None:
        return None
    zone = next(
        (one.time_zone for one in calendars.every(context.store, context.actor) if one.slug == place.calendar), "UTC"
    )
    href = schedule.window_href(place.calendar, place.window)
    return Place(place.start, place.end, ZoneInfo(zone), href, place.environment)


def _deferred(place: PlacedChange | None) -> str | None:
    if place is None or place.window is not None:
        return None
    return (
        schedule.told(place.reasons[0]).rstrip(".") if place.reasons else say("no window takes it within the horizon")
    )


def _corrections(detail: ChangeDetail, names: Directory) -> tuple[Correction, ...]:
    return tuple(
        Correction(
            one.level,
            one.previous_level,
            one.reason,
            names.person(one.made_by) or one.made_by,
            one.made_at,
            one.withdrawn_at,
        )
        for one in detail.overrides
    )


def _approval_view(found: ChangeView, place: PlacedChange | None) -> ApprovalView | None:
    if place is None or place.window is None or not may_somewhere(context.actor, Action.READ_APPROVALS):
        return None
    try:
        return approvals.view(context.store, context.actor, context.now, found.id, place.environment)
    except (Conflict, NotFound):  # it lost its window in between
        return None


def _approval(seen: ApprovalView, names: Directory) -> Approval:
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


def reshown(change_id: str, problem: Problem) -> str:
    """The page again, with what was wrong above it."""
    detail = service.get(context.store, context.actor, change_id)
    return draw("change", replace(change_page(detail), problem=problem))
