"""A repository that is called otherwise, or that others may know of than before: feeds and their filters follow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from release_mgmt.services import visibility
from release_mgmt.store.models.people import TeamMember
from release_mgmt.store.models.publishing import FeedEventRow, PublicationRow, SubscriptionRow


@dataclass(frozen=True, slots=True)
class Standing:
    """What a repository is called, and whom it is kept for: ``owner`` counts only where it is ``kept``."""

    name: str
    kept: bool
    owner: str | None

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any], owner: str | None) -> Standing:
        """From what is stored of a repository."""
        kept = settings.get(visibility.KEPT) is True
        return cls(name, kept, owner if kept else None)

    def is_seen(self, teams: Collection[str]) -> bool:
        """May a feed whose person is in these teams hold its releases?"""
        return not self.kept or self.owner in teams


def moved(session: Session, now: datetime, before: Standing, after: Standing) -> None:
    """What was published goes by the new name, filters choose by it, and each feed whose releases are others from now
    on says so to who asks by date. Nobody else's feed moves."""
    if before == after:
        return
    if before.name != after.name:
        rows = update(PublicationRow).where(PublicationRow.repository == before.name)
        session.execute(rows.values(repository=after.name))
        _rename(session, now, before.name, after.name)
    holds = is_told(session, after.name)
    for feed, teams in _feeds(session):
        chosen = feed.filters.get("repositories") or []
        if chosen and before.name not in chosen:
            continue
        if chosen and before.name != after.name:
            names = {after.name if name == before.name else name for name in chosen}
            feed.filters = {**feed.filters, "repositories": sorted(names)}
        seen = before.is_seen(teams), after.is_seen(teams)
        if holds and any(seen) and (seen[0] != seen[1] or before.name != after.name):
            feed.edited_at = _after(feed, now)


def _rename(session: Session, now: datetime, before: str, after: str) -> None:
    """Let filters find events by the new name; what was called off or is over keeps the text it told last."""
    for row in session.scalars(select(FeedEventRow).where(FeedEventRow.ends_at >= now - timedelta(days=90))):
        if before in (names := row.shown["repositories"]):
            row.shown = {**row.shown, "repositories": sorted({after if name == before else name for name in names})}


def _after(feed: SubscriptionRow, now: datetime) -> datetime:
    """Two edits within one second still need two times, or a client would keep the first."""
    return max(now, feed.edited_at + timedelta(seconds=1)) if feed.edited_at else now


def is_told(session: Session, name: str) -> bool:
    """Is anything published of the repository?"""
    told = select(PublicationRow.id).where(PublicationRow.repository == name, PublicationRow.state != "draft")
    return session.scalar(told.limit(1)) is not None


def _feeds(session: Session) -> Iterator[tuple[SubscriptionRow, set[str]]]:
    """The feeds that are not revoked, each with the teams of its person."""
    members: dict[str, set[str]] = {}
    for team, person in session.execute(select(TeamMember.team, TeamMember.person_id)):
        members.setdefault(person, set()).add(team)
    for feed in session.scalars(select(SubscriptionRow).where(SubscriptionRow.revoked_at.is_(None))):
        yield feed, members.get(feed.person_id or "", set())
