"""What waits for somebody: changes in coming windows that they may still approve or sign off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from release_mgmt.core.approvals import MANAGER, Slot, State, Status, team_capacity
from release_mgmt.core.errors import Forbidden
from release_mgmt.core.permissions import Action, Actor, may_somewhere
from release_mgmt.services import Store, approvals, calendar_rows, proposals, visibility
from release_mgmt.services.proposals import Case
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow

MOST = 25
"""How many coming changes of a calendar are looked at; the nearest first."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One window with changes that wait for somebody's approval; instants are UTC."""

    calendar: str
    window: str
    start: datetime
    changes: tuple[str, ...]


def for_actor(store: Store, actor: Actor, now: datetime) -> list[Waiting]:
    """The windows that wait for ``actor``'s vote, the next one first; nothing for who may vote on nothing."""
    if actor.person is None or not may_somewhere(actor, Action.SIGN_OFF):
        return []
    found: dict[tuple[str, str], tuple[datetime, list[str]]] = {}
    with store.read() as session:
        for row in session.scalars(select(CalendarRow).order_by(CalendarRow.slug)).all():
            if not (actor.teams or actor.manages(row.slug) or actor.stands_in(row.slug)):
                continue
            coming = session.execute(
                select(PlacementRow, Change)
                .join(Change, Change.id == PlacementRow.change_id)
                .join(Repository, Repository.id == Change.repository_id)
                .where(
                    PlacementRow.calendar_id == row.id, PlacementRow.window.is_not(None), PlacementRow.starts_at > now,
                    Change.state.not_in(("withdrawn", "released", "rolled_back")), visibility.changes(actor),
                )
                .order_by(PlacementRow.starts_at, PlacementRow.position, PlacementRow.change_id)
                .limit(MOST)
            ).all()  # fmt: skip
            try:
                person = approvals.elector(session, actor, row.slug)
            except Forbidden:
                continue
            placed = [
                (change, Slot(row.slug, place.window or "", place.starts_at or now, place.environment))
                for place, change in coming
            ]
            cases = proposals.cases(session, placed, calendar_rows.value(row, now), now)
            for case, tally in zip(cases, proposals.tallies(session, cases, now), strict=True):
                if _needed(case, tally.status, person) and approvals.may_still_approve(case, person, tally.votes, now):
                    slot = case.proposal.slot
                    found.setdefault((row.slug, slot.window), (slot.start, []))[1].append(case.proposal.change)
    made = [Waiting(slug, window, start, tuple(ids)) for (slug, window), (start, ids) in found.items()]
    return sorted(made, key=lambda one: (one.start, one.calendar))


def _needed(case: Case, status: Status, person: str) -> bool:
    """Whether a vote of ``person`` would fill a place that is empty."""
    if status.state is not State.WAITING:
        return False
    missing = {team_capacity(one.team) for one in status.teams if one.person is None}
    if status.managers.have < status.managers.need:
        missing.add(MANAGER)
    return bool(missing & case.electorate.capacities_of(person))
