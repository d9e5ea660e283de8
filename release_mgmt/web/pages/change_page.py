"""One change: its level with the evidence, where it lands and why, what it waits for, whether it may go now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import url_for

from release_mgmt.core.permissions import Action, allows, may_somewhere
from release_mgmt.services import (
    calendars,
    directory,
    publications,
    repositories,
    requests,
    terms,
    windows,
)
from release_mgmt.services import changes as service
from release_mgmt.services.changes import ChangeDetail, ChangeView
from release_mgmt.services.directory import Directory
from release_mgmt.services.publications import NoteView
from release_mgmt.services.refusals import Refusal
from release_mgmt.services.windows import PlacedChange
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import lines, schedule
from release_mgmt.web.pages.change_standing import (
    OVER,
    Approval,
    GateLine,
    approval_of,
    approval_view,
    gate_line,
    steps,
)
from release_mgmt.web.pages.forge_links import commit_url, safe
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.parts import (
    ChangeLine,
    EvidenceRow,
    PlanMove,
    Problem,
    Reason,
    StageStep,
)
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw


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
    refusals: tuple[Refusal, ...]
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
        return draw("change", change_page(service.get(context.store, context.actor, change_id, context.now)))


def change_page(detail: ChangeDetail, problem: Problem | None = None) -> ChangePage:
    """The values of the page of one change."""
    store, actor = context.store, context.actor
    found = detail.change
    places = windows.of_change(store, actor, found.id)
    place = next((one for one in places if one.window), places[0] if places else None)
    seen = approval_view(found, place)
    people = [found.owner, *(one.made_by for one in detail.overrides)]
    if seen is not None:
        people += [*(vote.person for vote in seen.votes), seen.plan.contact if seen.plan else None]
    names = directory.look_up(store, actor, people)
    repository = repositories.get(store, actor, found.repository)
    approval = approval_of(seen, names) if seen is not None else None
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
        refusals=tuple(replace(one, why=again(one.why)) for one in detail.refusals),
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
        depends_on=terms.needs_of(store, actor, found.id),
        moved=_moves(found, names),
        problem=problem,
    )


def _answers(change_id: str) -> tuple[tuple[str, str], ...]:
    """The business requests that the change answers: address and title."""
    found = requests.answered_by(context.store, context.actor, change_id)
    return tuple((url_for("pages.request", key=one.id), one.title) for one in found)


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


def reshown(change_id: str, problem: Problem) -> str:
    """The page again, with what was wrong above it."""
    detail = service.get(context.store, context.actor, change_id, context.now)
    return draw("change", replace(change_page(detail), problem=problem))
