"""Approving a whole window: one vote for each change in it, and what the votes on them come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Slot, Status, Verdict
from release_mgmt.core.errors import Conflict, Forbidden, NotFound
from release_mgmt.core.permissions import Action, Actor, Via, require, trusted
from release_mgmt.services import approvals, calendar_rows, plans, proposals, visibility
from release_mgmt.services.proposals import Case
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow
from release_mgmt.store.session import Store

_TELLER = trusted("approvals", Via.JOB)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one click on a window did for one change: the vote's id, or the code and text of why there is none."""

    change: str
    vote: str | None
    code: str | None = None
    message: str | None = None


def vote(
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
                done = approvals.cast(session, actor, now, case, Verdict.APPROVE, reason, None)
            except (Forbidden, Conflict) as error:
                outcomes.append(Outcome(change, None, error.code, error.message))
                refusals.append(error)
            else:
                outcomes.append(Outcome(change, done.id))
        if refusals and len(refusals) == len(outcomes) and all(isinstance(one, Forbidden) for one in refusals):
            raise refusals[0]
        settled = approvals.settle(session, now, [one.change for one in outcomes if one.vote])
    plans.follow(store, now, settled, "approvals")
    return outcomes


def view(
    store: Store, actor: Actor, now: datetime, calendar: str, window: str
) -> tuple[Mapping[str, Status], frozenset[str]]:
    """The status of every change in a window (``<change>/<environment>``), and the changes that the actor may approve
    now and has not approved yet; each case is loaded once for both."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        cases = _cases(session, calendar, window, now, actor)
        told = proposals.tallies(session, cases, now)
        try:
            person = approvals.elector(session, actor, calendar)
        except Forbidden:
            votable: frozenset[str] = frozenset()
        else:
            seen = zip(cases, told, strict=True)
            votable = frozenset(
                one.proposal.change for one, tally in seen if approvals.may_still_approve(one, person, tally.votes, now)
            )
    return {_key(case): one.status for case, one in zip(cases, told, strict=True)}, votable


def _key(case: Case) -> str:
    return f"{case.proposal.change}/{case.proposal.slot.environment}"


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


def status(session: Session, calendar: str, window: str, now: datetime, actor: Actor = _TELLER) -> dict[str, Status]:
    """The status of every change in a window (``<change>/<environment>``): it is approved when all of them are.

    With ``actor`` those that this one may know of.
    """
    cases = _cases(session, calendar, window, now, actor)
    told = proposals.tallies(session, cases, now)
    return {_key(case): one.status for case, one in zip(cases, told, strict=True)}


def statuses(store: Store, actor: Actor, now: datetime, calendar: str, window: str) -> Mapping[str, Status]:
    """:func:`status` for whoever may read approvals."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        return status(session, calendar, window, now, actor)
