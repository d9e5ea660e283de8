"""What votes are about, loaded: a change in its slot, the calendar's policy, and who may vote today."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Electorate, Policy, Proposal, Slot, Status, Verdict, Vote
from release_mgmt.core.approvals.counting import count
from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.permissions import EVERYWHERE, Actor, Role
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.services import calendar_rows, parties, visibility
from release_mgmt.store.models.approvals import RollbackPlanRow, VoteRow
from release_mgmt.store.models.people import Person, RoleRow, TeamMember
from release_mgmt.store.models.repositories import Change, ChangeCommit, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow


@dataclass(frozen=True, slots=True)
class Case:
    """A proposal with everything that decides about it."""

    proposal: Proposal
    policy: Policy
    electorate: Electorate


def _digests(session: Session, changes: Sequence[Change]) -> dict[str, str]:
    """Change -> what a vote on it is bound to: its commits and its final content."""
    shas: dict[str, list[str]] = {change.id: [] for change in changes}
    rows = session.execute(
        select(ChangeCommit.change_id, ChangeCommit.sha).where(ChangeCommit.change_id.in_(list(shas)))
    )
    for change_id, sha in rows:
        shas[change_id].append(sha)
    texts = {one.id: "\n".join([one.head_sha or "", *sorted(shas[one.id])]) for one in changes}
    return {change: hashlib.sha256(text.encode()).hexdigest() for change, text in texts.items()}


def level_of(change: Change) -> Level:
    """The level in force; a change that nobody judged yet is treated as major."""
    return Level(change.level) if change.level in set(Level) else Level.MAJOR


def approval_policy(calendar: ReleaseCalendar, window: str, level: Level) -> Policy:
    """What the calendar (or the window's own series) asks for at ``level``."""
    found = calendar.policy_of(window)
    rule, days = found.approvals.rule(level), found.approvals.expire_days
    expires = timedelta(days=days) if days is not None else None
    if level is Level.MINOR and found.minor_lane:
        return Policy(release_managers=0, each_affected_team=False, expires=expires)
    return Policy(rule.release_managers, rule.each_affected_team, expires)


def may_ask_nobody(policy: Policy) -> bool:
    """Whether there may be changes that nobody has to agree to (the minor lane, or no release manager asked)."""
    return policy.release_managers == 0


def electorate(session: Session, calendar: str, teams: Iterable[str], now: datetime) -> Electorate:
    """Who may vote on things of ``calendar`` that affect ``teams``: active people only, never service accounts."""
    active = and_(Person.disabled_at.is_(None), Person.erased_at.is_(None), Person.kind == "person")
    managers = session.scalars(
        select(RoleRow.person_id)
        .join(Person, Person.id == RoleRow.person_id)
        .where(RoleRow.role == Role.RELEASE_MANAGER.value, RoleRow.calendar.in_((calendar, EVERYWHERE)), active)
    )
    members: dict[str, set[str]] = {team: set() for team in teams}
    for team, person in session.execute(
        select(TeamMember.team, TeamMember.person_id)
        .join(Person, Person.id == TeamMember.person_id)
        .where(TeamMember.team.in_(members), active)
    ):
        members[team].add(person)
    deputies: dict[str, set[str]] = {}
    for principal, deputy in session.execute(
        select(Person.id, Person.delegate).where(Person.delegate_from <= now, Person.delegate_until > now, active)
    ):
        if deputy is not None:
            deputies.setdefault(deputy, set()).add(principal)
    return Electorate(
        frozenset(managers),
        {team: frozenset(found) for team, found in members.items()},
        {deputy: frozenset(found) for deputy, found in deputies.items()},
    )


def _proposals(session: Session, placed: Sequence[tuple[Change, Slot]]) -> list[Proposal]:
    """Changes as they are put to the vote in their slots; the number of queries does not grow with theirs."""
    changes = list({change.id: change for change, _ in placed}.values())
    digests, made_by = _digests(session, changes), parties.of_all(session, changes)
    planned = set(
        session.scalars(select(RollbackPlanRow.change_id).where(RollbackPlanRow.change_id.in_(list(digests))))
    )
    return [
        Proposal(
            change=change.id, digest=digests[change.id], level=level_of(change), slot=slot,
            affected_teams=frozenset(change.affected_teams or ()), parties=made_by[change.id],
            has_rollback_plan=change.id in planned,
        )
        for change, slot in placed
    ]  # fmt: skip


def find_change(session: Session, change: str, actor: Actor | None = None) -> Change:
    """The change with this id, else NotFound; with ``actor`` also when this one may not know of it."""
    query = select(Change).join(Repository, Repository.id == Change.repository_id).where(Change.id == change)
    found = session.scalar(query.where(visibility.changes(actor)) if actor is not None else query)
    if found is None:
        raise NotFound("There is no such change.")
    return found


def load(session: Session, change_id: str, environment: str, now: datetime, actor: Actor | None = None) -> Case:
    """The case of a change in the slot that the newest plan gives it.

    Raises Conflict (``not_placed``) when the plan has no window for it there: then there is nothing to vote on.
    """
    change = find_change(session, change_id, actor)
    placement = session.get(PlacementRow, (change_id, environment))
    if placement is None or placement.window is None or placement.starts_at is None or change.state == "withdrawn":
        raise Conflict(
            "This change has no window in this environment, so there is nothing to vote on.", code="not_placed"
        )
    row = session.get(CalendarRow, placement.calendar_id)
    assert row is not None  # a foreign key holds it
    slot = Slot(row.slug, placement.window, placement.starts_at, environment)
    return case(session, change, slot, calendar_rows.value(row, now), now)


def case(session: Session, change: Change, slot: Slot, calendar: ReleaseCalendar, now: datetime) -> Case:
    """The case of a change in ``slot`` of a calendar that is loaded already."""
    return cases(session, [(change, slot)], calendar, now)[0]


def cases(
    session: Session, placed: Sequence[tuple[Change, Slot]], calendar: ReleaseCalendar, now: datetime
) -> list[Case]:
    """The cases of changes in slots of one calendar, in their order, in a number of queries that does not grow."""
    if not placed:
        return []
    put = _proposals(session, placed)
    everybody = electorate(session, placed[0][1].calendar, {team for one in put for team in one.affected_teams}, now)
    return [
        Case(
            one,
            approval_policy(calendar, one.slot.window, one.level),
            replace(everybody, teams={team: everybody.teams[team] for team in one.affected_teams}),
        )
        for one in put
    ]


def _votes(session: Session, changes: Iterable[str]) -> dict[str, list[Vote]]:
    """Change -> the standing votes on it, in every environment, oldest first."""
    rows = session.scalars(
        select(VoteRow)
        .where(VoteRow.change_id.in_(set(changes)), VoteRow.ended_at.is_(None))
        .order_by(VoteRow.at, VoteRow.id)
    )
    found: dict[str, list[Vote]] = {}
    for row in rows:
        found.setdefault(row.change_id, []).append(vote_of(row))
    return found


def _gone(session: Session, deputies: set[str]) -> frozenset[str]:
    """Those of the deputies whose account was closed; who votes for himself then is in no group any more."""
    if not deputies:
        return frozenset()
    closed = or_(Person.disabled_at.is_not(None), Person.erased_at.is_not(None))
    return frozenset(session.scalars(select(Person.id).where(Person.id.in_(deputies), closed)))


def vote_of(row: VoteRow) -> Vote:
    """A row as the core's value."""
    return Vote(
        id=row.id,
        person=row.person_id,
        verdict=Verdict(row.verdict),
        capacities=frozenset(row.capacities),
        digest=row.digest,
        level=Level(row.level),
        slot=Slot(row.calendar, row.window, row.slot_start, row.environment),
        at=row.at,
        on_behalf_of=row.on_behalf_of,
        reason=row.reason,
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """What the standing votes on a change, oldest first, come to."""

    votes: tuple[Vote, ...]
    status: Status


def tally(session: Session, case: Case, now: datetime) -> Status:
    """What the standing votes come to for a case that is loaded already."""
    return tallies(session, [case], now)[0].status


def tallies(session: Session, cases: Sequence[Case], now: datetime) -> list[Tally]:
    """What the standing votes come to for each case, in their order, in two queries at most.

    Votes for another environment in which the change still stands are about that one; a veto is about the change.
    """
    standing = _votes(session, [case.proposal.change for case in cases])
    gone = _gone(session, {vote.person for votes in standing.values() for vote in votes if vote.on_behalf_of})
    elsewhere = {
        case.proposal.change
        for case in cases
        for vote in standing.get(case.proposal.change, ())
        if vote.slot.environment != case.proposal.slot.environment
    }
    places: set[tuple[str, str]] = set()
    if elsewhere:
        rows = session.execute(
            select(PlacementRow.change_id, PlacementRow.environment).where(
                PlacementRow.change_id.in_(elsewhere), PlacementRow.window.is_not(None)
            )
        )
        places = {(change, environment) for change, environment in rows}
    found = []
    for case in cases:
        put, cast = case.proposal, standing.get(case.proposal.change, [])
        here = [
            vote
            for vote in cast
            if vote.verdict is Verdict.REJECT
            or vote.slot.environment == put.slot.environment
            or (put.change, vote.slot.environment) not in places
        ]
        found.append(Tally(tuple(cast), count(put, here, case.policy, replace(case.electorate, gone=gone), now)))
    return found
