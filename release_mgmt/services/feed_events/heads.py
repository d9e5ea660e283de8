"""The counters that tell every process that a feed has moved on."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience
from release_mgmt.store.models.publishing import FeedHeadRow

START = datetime(2026, 1, 1, tzinfo=UTC)
CHANGELOG = "#changelog"


def lock(session: Session, audience: str) -> FeedHeadRow:
    """The row that counts for the whole audience, locked to the end of the transaction."""
    found = session.scalar(
        select(FeedHeadRow).where(FeedHeadRow.audience == audience, FeedHeadRow.calendar == "").with_for_update()
    )
    if found is None:
        found = FeedHeadRow(
            audience=audience, calendar="", name="", time_zone="UTC", version=0, epoch=0, changed_at=START
        )
        session.add(found)
        session.flush()
    return found


def moved(session: Session, head: FeedHeadRow, calendar: str, name: str, time_zone: str, now: datetime) -> int:
    """Count a change of ``calendar`` for the audience of ``head``; returns the version it has from now on."""
    head.version += 1
    head.changed_at = max(now, head.changed_at)
    own = session.get(FeedHeadRow, (head.audience, calendar))
    if own is None:
        own = FeedHeadRow(
            audience=head.audience,
            calendar=calendar,
            name=name,
            time_zone=time_zone,
            version=0,
            epoch=0,
            changed_at=now,
        )
        session.add(own)
    own.name, own.time_zone, own.version = name, time_zone, head.version
    own.changed_at = max(now, own.changed_at)
    return head.version


def changelogs_moved(session: Session, now: datetime) -> None:
    """Count a change of what is told of published changelogs, for every audience."""
    for audience in Audience:
        moved(session, lock(session, audience.value), CHANGELOG, "", "UTC", now)
