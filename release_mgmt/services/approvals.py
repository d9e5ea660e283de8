"""Voting on a change: what the votes come to, casting one, taking it back, asking again after a veto."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Slot, Status, Verdict, Vote
from release_mgmt.core.approvals.counting import capacities, check_votable, discount
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound, ReleaseMgmtError, StaleVersion
from release_mgmt.core.permissions import Action, Actor, allows, require
from release_mgmt.core.text import clean
from release_mgmt.services import audit, plans, proposals, rollback_plans, secret, settling
from release_mgmt.services.proposals import Case
from release_mgmt.services.rollback_plans import RollbackPlan
from release_mgmt.store.models.approvals import VoteRow
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store

LONGEST_REASON = 2_000


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
            plan=rollback_plans.found(session, change), may_vote=refusal is None,
            why_not=refusal.message if refusal else None,
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
        done = cast(session, actor, now, case, verdict, reason, on_behalf_of)
        settled = settle(session, now, [change])
    plans.follow(store, now, settled, "approvals")
    return done


def settle(session: Session, now: datetime, changes: list[str]) -> set[str]:
    """Bring the states of changes in line; the calendars whose feeds are to say it."""
    session.flush()
    return settling.settle_changes(session, now, changes)


def cast(
    session: Session, actor: Actor, now: datetime, case: Case, verdict: Verdict, reason: str | None,
    on_behalf_of: str | None,
) -> Vote:  # fmt: skip
    """Store one vote; see :func:`vote` for what is refused."""
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
        settled = settle(session, now, [change])
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
        settled = settle(session, now, [change])
    plans.follow(store, now, settled, "approvals")
    return len(rows)
