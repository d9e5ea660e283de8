"""Which changes are kept from the business: by a person's mark, else by a label of their pull request."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import is_internal
from release_mgmt.store.models.publishing import PublicityRow
from release_mgmt.store.models.repositories import Change, PullRequestRow
from release_mgmt.store.models.scheduling import StageRow

_CHUNK = 500  # SQLite takes a limited number of values in one statement
_FEW = 2_000


def marks(session: Session, changes: Collection[str]) -> dict[str, bool]:
    """Change -> internal or not, for those of which somebody said so; a person's word wins over a label."""
    found: dict[str, bool] = {}
    ids = sorted(changes)
    for at in range(0, len(ids), _CHUNK):
        some = ids[at : at + _CHUNK]
        same = and_(PullRequestRow.repository_id == Change.repository_id, PullRequestRow.number == Change.number)
        labelled = select(Change.id, PullRequestRow.record).join(PullRequestRow, same).where(Change.id.in_(some))
        for change, record in session.execute(labelled):
            labels = record.get("labels") or ()
            if is_internal(str(label) for label in labels):
                found[change] = True
        for row in session.scalars(select(PublicityRow).where(PublicityRow.change_id.in_(some))):
            found[row.change_id] = row.internal
    return found


def labelled(session: Session, changes: Collection[str]) -> frozenset[str]:
    """Those of the changes that a label of their pull request keeps from the business (the database reads labels)."""
    labels = PullRequestRow.record["labels"].as_string()
    same = and_(PullRequestRow.repository_id == Change.repository_id, PullRequestRow.number == Change.number)
    statement = select(Change.id, PullRequestRow.record["labels"]).join(PullRequestRow, same)
    if len(changes) <= _FEW:  # of many, all are read in one go and the others left out
        statement = statement.where(Change.id.in_(sorted(changes)))
    found = session.execute(statement.where(labels.ilike("%internal%")))
    return frozenset(
        change for change, names in found if change in changes and is_internal(str(name) for name in names or ())
    )


def rolled_back(session: Session, changes: Collection[str]) -> dict[str, datetime]:
    """Those of the changes that were rolled back after their text was published, and when that was reported."""
    found: dict[str, datetime] = {}
    ids = sorted(changes)
    for at in range(0, len(ids), _CHUNK):
        reported = (
            select(Change.id, func.coalesce(func.max(StageRow.at), Change.updated_at))
            .outerjoin(StageRow, and_(StageRow.change_id == Change.id, StageRow.state == "rolled_back"))
            .where(Change.id.in_(ids[at : at + _CHUNK]), Change.state == "rolled_back")
            .group_by(Change.id, Change.updated_at)
        )
        found |= {change: moment for change, moment in session.execute(reported)}  # noqa: C416 - rows are not plain pairs
    return found
