"""Which changes are kept from the business: by a person's mark, else by a label of their pull request."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import is_internal
from release_mgmt.store.models.publishing import PublicityRow
from release_mgmt.store.models.repositories import Change, PullRequestRow

_CHUNK = 500  # SQLite takes a limited number of values in one statement


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


def labelled(session: Session) -> frozenset[str]:
    """The changes that a label of their pull request keeps from the business; the database reads the labels."""
    labels = PullRequestRow.record["labels"].as_string()
    same = and_(PullRequestRow.repository_id == Change.repository_id, PullRequestRow.number == Change.number)
    found = session.execute(
        select(Change.id, PullRequestRow.record["labels"]).join(PullRequestRow, same).where(labels.ilike("%internal%"))
    )
    return frozenset(change for change, names in found if is_internal(str(name) for name in names or ()))


def states(session: Session, changes: Collection[str]) -> dict[str, str]:
    """The present state of those changes that were rolled back after their text was published."""
    found: dict[str, str] = {}
    ids = sorted(changes)
    for at in range(0, len(ids), _CHUNK):
        statement = select(Change.id, Change.state).where(Change.id.in_(ids[at : at + _CHUNK]))
        found |= {change: state for change, state in session.execute(statement) if state == "rolled_back"}
    return found
