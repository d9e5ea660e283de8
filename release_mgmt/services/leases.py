"""Leases: a run that began while the gate was open, and whether it may go on when something closes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, InvalidInput, NotFound
from release_mgmt.core.gate import Decision
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store, audit, calendar_rows, gate, plans, secret
from release_mgmt.services.gate import Asked
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import LeaseRow, PlacementRow

LONGEST = timedelta(hours=4)
_RENEWED = timedelta(minutes=15)
_CLOSING = {"freeze", "outside_window", "not_its_window", "not_enough_time_left"}


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A lease; it ends by itself at ``expires_at`` unless renewed."""

    id: str
    change: str
    environment: str
    holder: str
    taken_at: datetime
    expires_at: datetime
    released_at: datetime | None


def _view(row: LeaseRow) -> LeaseView:
    return LeaseView(
        row.id, row.change_id, row.environment, row.holder, row.taken_at, row.expires_at, row.released_at
    )  # fmt: skip


def _asked(session: Session, change: str, environment: str) -> Asked:
    found = session.get(Change, change)
    if found is None:
        raise NotFound("There is no such change.")
    repository = session.get(Repository, found.repository_id)
    assert repository is not None
    return Asked(repository.name, environment, change)


def _refused(found: Decision) -> Conflict:
    return Conflict(
        "The gate does not allow this now.",
        code="gate_denies",
        hint=found.reasons[0].message if found.reasons else None,
        details={"reasons": [{"code": each.code, "ref": each.ref} for each in found.reasons]},
    )


def take(store: Store, actor: Actor, now: datetime, *, change: str, environment: str, minutes: int = 15) -> LeaseView:
    """Take a lease when the gate does not deny. Raises Conflict with the gate's reasons otherwise."""
    require(actor, Action.TAKE_LEASE)
    if not 1 <= minutes <= LONGEST.total_seconds() // 60:
        raise InvalidInput.at("minutes", "is out of range", "1 to 240")
    with store.write(lock=plans.LOCK) as session:
        found = gate.decide_in(session, _asked(session, change, environment), now, now)
        if found.decision == "deny":
            raise _refused(found)
        row = LeaseRow(
            id=secret.identifier("ls"), change_id=change, environment=environment,
            holder=actor.person or actor.name, taken_at=now, expires_at=now + timedelta(minutes=minutes),
        )  # fmt: skip
        session.add(row)
        audit.record(
            session, actor, now, action=Action.TAKE_LEASE, subject=f"change:{change}",
            after={"lease": row.id, "environment": environment, "until": row.expires_at},
        )  # fmt: skip
        return _view(row)


def _find(session: Session, actor: Actor, key: str) -> LeaseRow:
    row = session.get(LeaseRow, key)
    if row is None or row.holder != (actor.person or actor.name):
        raise NotFound("There is no such lease.")
    return row


def renew(store: Store, actor: Actor, now: datetime, key: str) -> LeaseView:
    """Renew a lease. When a freeze has closed the gate since, its ``overrun`` says whether the run may go on;
    four hours after it was taken a lease ends in any case."""
    require(actor, Action.TAKE_LEASE)
    with store.write(lock=plans.LOCK) as session:
        row = _find(session, actor, key)
        if row.released_at is not None or now >= row.expires_at:
            raise Conflict("The lease is over; take another one.", code="lease_over")
        if now >= row.taken_at + LONGEST:
            raise Conflict("A lease lasts four hours at most.", code="lease_over")
        found = gate.decide_in(session, _asked(session, row.change_id, row.environment), now, now)
        if found.decision == "deny" and not _may_overrun(session, row, found, now):
            raise _refused(found)
        before = row.expires_at
        row.expires_at = min(max(row.expires_at, now + _RENEWED), row.taken_at + LONGEST)
        audit.record(
            session, actor, now, action="lease.renew", subject=f"change:{row.change_id}",
            before={"lease": row.id, "until": before}, after={"lease": row.id, "until": row.expires_at},
        )  # fmt: skip
        return _view(row)


def _may_overrun(session: Session, row: LeaseRow, found: Decision, now: datetime) -> bool:
    """Whether only the passing of time closed the gate, and every freeze that holds lets running work finish."""
    frozen = [each.ref for each in found.reasons if each.code == "freeze"]
    if not frozen or any(each.code not in _CLOSING | {"soft_freeze"} for each in found.reasons):
        return False
    repository = session.get_one(Repository, session.get_one(Change, row.change_id).repository_id)
    placement = session.get(PlacementRow, (row.change_id, row.environment))
    stored = calendar_rows.deciding(session, repository, placement)
    if stored is None:
        return False
    lenient = {each.id for each in calendar_rows.value(stored, now).freezes if each.overrun == "allow"}
    return set(frozen) <= lenient


def release(store: Store, actor: Actor, now: datetime, key: str) -> LeaseView:
    """Give a lease back; a second time changes nothing."""
    require(actor, Action.TAKE_LEASE)
    with store.write() as session:
        row = _find(session, actor, key)
        if row.released_at is None:
            row.released_at = now
            after = {"lease": row.id, "environment": row.environment}
            audit.record(session, actor, now, action="lease.release", subject=f"change:{row.change_id}", after=after)
        return _view(row)
