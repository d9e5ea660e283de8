"""The plan for when a change goes wrong: how it is taken back and who is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from release_mgmt.core.errors import InvalidInput, StaleVersion
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import clean
from release_mgmt.services import audit, proposals
from release_mgmt.store.models.approvals import RollbackPlanRow
from release_mgmt.store.session import Store

LONGEST_PLAN = 10_000


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What to do when a change goes wrong; ``contact`` is a person's id or a way to reach somebody on call."""

    how: str
    contact: str | None
    updated_by: str | None
    updated_at: datetime
    version: int


def found(session: Session, change: str) -> RollbackPlan | None:
    """The plan of a change, None while it has none."""
    row = session.get(RollbackPlanRow, change)
    return RollbackPlan(row.how, row.contact, row.updated_by, row.updated_at, row.version) if row else None


def put(
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
