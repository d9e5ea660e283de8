"""Voting: one vote, all votes of a window, taking one back, asking again after a veto, the plan for when it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Slot, Status, Verdict, Vote
from release_mgmt.core.approvals.counting import capacities, check_votable, discount
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound, ReleaseMgmtError, StaleVersion
from release_mgmt.core.permissions import Action, Actor, Via, allows, require, trusted
from release_mgmt.core.text import clean
from release_mgmt.services import audit, calendar_rows, plans, proposals, secret, settling, visibility
from release_mgmt.services.proposals import Case
from release_mgmt.store.models.approvals import RollbackPlanRow, VoteRow
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow
from release_mgmt.store.session import Store

LONGEST_REASON = 2_000
LONGEST_PLAN = 10_000


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What to do when a change goes wrong; ``contact`` is a person's id or a way to reach somebody on call."""

    how: str
    contact: str | None
    updated_by: str | None
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A change in its slot with its votes and what they come to; ``digest`` is what a vote binds to."""

    change: str
    environment: str
    digest: str
    level: str
    slot: Slot
    status: Status
    votes: tuple[Vote, ...]
    plan: RollbackPlan | None
    may_vote: bool
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one click on a window did for one change: the vote's id, or the code and text of why there is none."""

    change: str
    vote: str | None
    code: str | None = None
    message: str | None = None


def status(session: Session, change: str, environment: str, now: datetime) -> Status:
    """What the votes on a change come to in its present slot; the gate's and the plan's question.

    Raises Conflict (``not_placed``) when it has no window.
    """
    return proposals.tally(session, proposals.load(session, change, environment, now), now)


def view(store: Store, actor: Actor, now: datetime, change: str, environment: str) -> ApprovalView:
    """Votes and status of a change, and whether the one who asks may vote."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        case = proposals.load(session, change, environment, now, actor)
        told = proposals.tallies(session, [case], now)[0]
        refusal: ReleaseMgmtError | None = None
        try:
            _voter(session, actor, case, None)
            check_votable(case.proposal, Verdict.APPROVE, now)
        except (Forbidden, Conflict) as error:
            refusal = error
        return ApprovalView(
            change=change, environment=environment, digest=case.proposal.digest, level=case.proposal.level.value,
            slot=case.proposal.slot, status=told.status, votes=told.votes,
            plan=_plan(session, change), may_vote=refusal is None, why_not=refusal.message if refusal else None,
        )  # fmt: skip


def elector(session: Session, actor: Actor, calendar: str) -> str:
    """The person who acts, if it is one that votes in this calendar at all; Forbidden for everybody else."""
    if not allows(actor, Action.APPROVE, calendar=calendar):
        require(actor, Action.SIGN_OFF)
    person = session.get(Person, actor.person) if actor.person else None
    if person is None or person.kind != "person":
        raise Forbidden("Only people vote, not programs.", code="not_a_person")
    return person.id


def _voter(session: Session, actor: Actor, case: Case, on_behalf_of: str | None) -> tuple[str, frozenset[str]]:
    """The person who votes and as what; Forbidden for everybody else."""
    person = elector(session, actor, case.proposal.slot.calendar)
    return person, capacities(case.proposal, case.electorate, person, on_behalf_of)


def vote(
    store: Store,
    actor: Actor,
    now: datetime,
    change: str,
    environment: str,
    verdict: Verdict,
    *,
    reason: str | None = None,
    digest: str | None = None,
    on_behalf_of: str | None = None,
) -> Vote:
    """Vote on a change in its present slot.

    ``digest`` is what the voter saw: other content by now raises StaleVersion. Raises Forbidden (``self_approval``,
    ``not_a_voter``, ...) and Conflict (``already_voted``, ``voting_closed``, ``no_rollback_plan``, ``not_placed``).
    A rejection needs a reason.
    """
    if verdict is Verdict.REJECT and not (reason or "").strip():
        raise InvalidInput.at("reason", "must not be empty", "why the change cannot go like this")
    with store.write(lock=plans.LOCK) as session:
        case = proposals.load(session, change, environment, now, actor)
        if digest is not None and digest != case.proposal.digest:
            raise StaleVersion("The change has other content by now.", hint="Look at it again before you vote.")
        done = _cast(session, actor, now, case, verdict, reason, on_behalf_of)
        settled = _settle(session, now, [change])
    plans.follow(store, now, settled, "approvals")
    return done


_TELLER = trusted("approvals", Via.JOB)


def _settle(session: Session, now: datetime, changes: list[str]) -> set[str]:
    """Bring the states of changes in line; the calendars whose feeds are to say it."""
    session.flush()
    return settling.settle_changes(session, now, changes)


def _cast(
    session: Session, actor: Actor, now: datetime, case: Case, verdict: Verdict, reason: str | None,
    on_behalf_of: str | None,
) -> Vote:  # fmt: skip
    put = case.proposal
    person, held = _voter(session, actor, case, on_behalf_of)
    check_votable(put, verdict, now)
    _supersede(session, case, person, verdict, now)
    row = VoteRow(
        id=secret.identifier("v"), change_id=put.change, environment=put.slot.environment, person_id=person,
        on_behalf_of=on_behalf_of, verdict=verdict.value, capacities=sorted(held),
        reason=clean(reason, LONGEST_REASON) if reason else None, digest=put.digest, level=put.level.value,
        calendar=put.slot.calendar, window=put.slot.window, slot_start=put.slot.start, at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()  # the unique index decides between two clicks of one person; the loser gets a Conflict
    after: dict[str, object] = {
        "vote": row.id, "verdict": verdict.value, "window": put.slot.window, "environment": put.slot.environment,
        "digest": put.digest, "as": sorted(held), "on_behalf_of": on_behalf_of,
    }  # fmt: skip
    audit.record(session, actor, now, action=Action.APPROVE, subject=f"change:{put.change}", reason=reason, after=after)
    return proposals.vote_of(row)


def _supersede(session: Session, case: Case, person: str, verdict: Verdict, now: datetime) -> None:
    """End the person's earlier vote here when it no longer says the same; Conflict when it still does."""
    put = case.proposal
    row = session.scalar(
        select(VoteRow).where(
            VoteRow.change_id == put.change,
            VoteRow.environment == put.slot.environment,
            VoteRow.person_id == person,
            VoteRow.ended_at.is_(None),
        )
    )
    if row is None:
        return
    standing = proposals.vote_of(row)
    if standing.verdict is verdict and discount(standing, put, case.policy, case.electorate, now) is None:
        raise Conflict("You have voted on this already.", code="already_voted")
    row.ended_at, row.ended_why, row.ended_by = now, "superseded", person
    session.flush()


def vote_on_window(
    store: Store, actor: Actor, now: datetime, calendar: str, window: str, *, reason: str | None = None
) -> list[Outcome]:
    """One click: approve each change in a window that the voter may approve, in the order of release.

    The answer tells for each of the others why not. Raises Forbidden when there is none that the voter may vote on.
    """
    with store.write(lock=plans.LOCK) as session:
        row = session.scalar(select(CalendarRow).where(CalendarRow.slug == calendar))
        if row is None or session.get(WindowRow, (row.id, window)) is None:
            raise NotFound("There is no such window.")
        outcomes, refusals = [], []
        for case in _cases(session, calendar, window, now, actor):
            change = case.proposal.change
            try:
                done = _cast(session, actor, now, case, Verdict.APPROVE, reason, None)
            except (Forbidden, Conflict) as error:
                outcomes.append(Outcome(change, None, error.code, error.message))
                refusals.append(error)
            else:
                outcomes.append(Outcome(change, done.id))
        if refusals and len(refusals) == len(outcomes) and all(isinstance(one, Forbidden) for one in refusals):
            raise refusals[0]
        settled = _settle(session, now, [one.change for one in outcomes if one.vote])
    plans.follow(store, now, settled, "approvals")
    return outcomes


def window_view(
    store: Store, actor: Actor, now: datetime, calendar: str, window: str
) -> tuple[Mapping[str, Status], frozenset[str]]:
    """The status of every change in a window (``<change>/<environment>``), and the changes that the actor may approve
    now and has not approved yet; each case is loaded once for both."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        cases = _cases(session, calendar, window, now, actor)
        told = proposals.tallies(session, cases, now)
        try:
            person = elector(session, actor, calendar)
        except Forbidden:
            votable: frozenset[str] = frozenset()
        else:
            seen = zip(cases, told, strict=True)
            votable = frozenset(
                one.proposal.change for one, tally in seen if may_still_approve(one, person, tally.votes, now)
            )
    return {_key(case): one.status for case, one in zip(cases, told, strict=True)}, votable


def _key(case: Case) -> str:
    return f"{case.proposal.change}/{case.proposal.slot.environment}"


def may_still_approve(case: Case, person: str, cast: Sequence[Vote], now: datetime) -> bool:
    """Whether ``person`` may approve a case now and has no vote that counts on it."""
    try:
        capacities(case.proposal, case.electorate, person, None)
        check_votable(case.proposal, Verdict.APPROVE, now)
    except (Forbidden, Conflict):
        return False
    return not any(
        one.person == person
        and one.verdict is Verdict.APPROVE
        and discount(one, case.proposal, case.policy, case.electorate, now) is None
        for one in cast
    )


def _cases(session: Session, calendar: str, window: str, now: datetime, actor: Actor) -> list[Case]:
    """The case of each change in a window, in the order of release."""
    row = session.scalar(select(CalendarRow).where(CalendarRow.slug == calendar))
    if row is None:
        raise NotFound("There is no such calendar.")
    placed = [
        (change, Slot(calendar, window, placement.starts_at or now, placement.environment))
        for placement, change in _placed(session, row.id, window, actor)
    ]
    return proposals.cases(session, placed, calendar_rows.value(row, now), now)


def _placed(session: Session, calendar: str, window: str, actor: Actor) -> list[tuple[PlacementRow, Change]]:
    """What a window holds of what the actor may know of."""
    rows = session.execute(
        select(PlacementRow, Change)
        .join(Change, Change.id == PlacementRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .where(
            PlacementRow.calendar_id == calendar,
            PlacementRow.window == window,
            Change.state != "withdrawn",
            visibility.changes(actor),
        )
        .order_by(PlacementRow.position, PlacementRow.change_id, PlacementRow.environment)
    )
    return [(placement, change) for placement, change in rows]


def window_status(
    session: Session, calendar: str, window: str, now: datetime, actor: Actor = _TELLER
) -> dict[str, Status]:
    """The status of every change in a window (``<change>/<environment>``): it is approved when all of them are.

    With ``actor`` those that this one may know of.
    """
    cases = _cases(session, calendar, window, now, actor)
    told = proposals.tallies(session, cases, now)
    return {_key(case): one.status for case, one in zip(cases, told, strict=True)}


def statuses(store: Store, actor: Actor, now: datetime, calendar: str, window: str) -> Mapping[str, Status]:
    """:func:`window_status` for whoever may read approvals."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        return window_status(session, calendar, window, now, actor)


def withdraw(
    store: Store, actor: Actor, now: datetime, change: str, vote_id: str, *, reason: str | None = None
) -> None:
    """Take one's own vote back, until the window starts. A vote on another change is not found here (404)."""
    require(actor, Action.SIGN_OFF)
    with store.write(lock=plans.LOCK) as session:
        row = session.get(VoteRow, vote_id)
        if row is None or row.change_id != change or row.ended_at is not None:
            raise NotFound("There is no such vote on this change.")
        if row.person_id != actor.person:
            raise Forbidden("Only who voted takes a vote back.", code="not_your_vote")
        placement = session.get(PlacementRow, (change, row.environment))
        start = placement.starts_at if placement is not None and placement.starts_at is not None else row.slot_start
        if now >= start:
            raise Conflict("The window has started; votes are closed.", code="voting_closed")
        row.ended_at, row.ended_why, row.ended_by = now, "withdrawn", actor.person
        audit.record(
            session, actor, now, action="approval.withdraw", subject=f"change:{change}", reason=reason,
            before={"vote": row.id, "verdict": row.verdict},
        )  # fmt: skip
        settled = _settle(session, now, [change])
    plans.follow(store, now, settled, "approvals")


def resubmit(store: Store, actor: Actor, now: datetime, change: str, *, reason: str) -> int:
    """Ask again after a veto: every standing rejection ends. Who asks cannot vote on it any more (requester).

    Returns how many rejections ended; Conflict when there is none.
    """
    require(actor, Action.EDIT_CHANGE)
    if not reason.strip():
        raise InvalidInput.at("reason", "must not be empty", "what was changed or cleared up")
    with store.write(lock=plans.LOCK) as session:
        proposals.find_change(session, change, actor)
        rows = session.scalars(
            select(VoteRow).where(
                VoteRow.change_id == change, VoteRow.ended_at.is_(None), VoteRow.verdict == Verdict.REJECT.value
            )
        ).all()
        if not rows:
            raise Conflict("Nobody rejected this change.", code="not_rejected")
        for row in rows:
            row.ended_at, row.ended_why, row.ended_by = now, "resubmitted", actor.person
        audit.record(
            session, actor, now, action="change.resubmit", subject=f"change:{change}", reason=reason,
            after={"votes": [row.id for row in rows]},
        )  # fmt: skip
        settled = _settle(session, now, [change])
    plans.follow(store, now, settled, "approvals")
    return len(rows)


def _plan(session: Session, change: str) -> RollbackPlan | None:
    row = session.get(RollbackPlanRow, change)
    return RollbackPlan(row.how, row.contact, row.updated_by, row.updated_at, row.version) if row else None


def put_plan(
    store: Store, actor: Actor, now: datetime, change: str, *, how: str, contact: str | None = None,
    version: int | None = None,
) -> RollbackPlan:  # fmt: skip
    """Write the plan for when a change goes wrong: how it is taken back and who is called."""
    require(actor, Action.EDIT_CHANGE)
    told = clean(how, LONGEST_PLAN).strip()
    if not told:
        raise InvalidInput.at("how", "must not be empty")
    with store.write() as session:
        proposals.find_change(session, change, actor)
        row = session.get(RollbackPlanRow, change)
        if version is not None and version != (row.version if row else 0):
            raise StaleVersion("Somebody else changed this plan in the meantime.")
        before = {"how": row.how, "contact": row.contact} if row else None
        if row is None:
            row = RollbackPlanRow(change_id=change, how=told, contact=contact, updated_by=actor.person, updated_at=now)
            session.add(row)
        else:
            row.how, row.contact, row.updated_by, row.updated_at = told, contact, actor.person, now
        session.flush()
        audit.record(
            session, actor, now, action=Action.EDIT_CHANGE, subject=f"change:{change}", before=before,
            after={"how": told, "contact": contact},
        )  # fmt: skip
        return RollbackPlan(row.how, row.contact, row.updated_by, row.updated_at, row.version)
