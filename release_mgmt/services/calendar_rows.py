"""Stored calendars as values: what every service that plans, asks or shows begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.services import audit
from release_mgmt.sources.calendars import Known, read_document
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import CalendarRow, CalendarVersion, PlacementRow


def known_names(session: Session, row: CalendarRow | None, now: datetime) -> Known:
    """The names that scopes may hold: those that are registered, and those that the stored calendar ``row`` holds
    already: what was removed since must not stand in the way of the next freeze."""
    repositories = set(session.scalars(select(Repository.name)))
    teams = set(session.scalars(select(Team.slug)))
    if row is not None:
        held = value(row, now)
        scopes = [part for each in held.freezes for part in (each.scope, each.scope.exceptions)]
        repositories.update(name for each in (*held.series, *scopes) for name in each.repositories)
        teams.update(name for each in scopes for name in each.teams)
        teams.update(name for name, _ in held.team_business_days)
        repositories.discard("*")
    return Known(frozenset(repositories), frozenset(teams))


def find(session: Session, slug: str) -> CalendarRow:
    """The row of a calendar. Raises NotFound."""
    row = session.scalar(select(CalendarRow).where(CalendarRow.slug == slug))
    if row is None:
        raise NotFound("There is no such calendar.")
    return row


def deciding(session: Session, repository: Repository, placement: PlacementRow | None) -> CalendarRow | None:
    """The calendar that decides about a change: its placement's, its repository's, or the only one there is."""
    if placement is not None:
        return session.get(CalendarRow, placement.calendar_id)
    if repository.calendar is not None:
        return session.scalar(select(CalendarRow).where(CalendarRow.slug == repository.calendar))
    every = session.scalars(select(CalendarRow).limit(2)).all()
    return every[0] if len(every) == 1 else None


def named(session: Session, document: Mapping[str, Any]) -> CalendarRow | None:
    """The row of the calendar that a document is about, by its name; None when there is none yet."""
    slug = ReleaseCalendar(str(document.get("calendar"))).slug
    return session.scalar(select(CalendarRow).where(CalendarRow.slug == slug))


def value(row: CalendarRow | CalendarVersion, now: datetime, language: str = "en") -> ReleaseCalendar:
    """The calendar of a row, or as it was at a version; holidays are those around ``now``, named in ``language``."""
    return _parsed(json.dumps(row.document, sort_keys=True), now.year, language)


@lru_cache(maxsize=64)
def _parsed(document: str, year: int, language: str) -> ReleaseCalendar:
    # Scopes were checked when it was saved; a team deleted since then must not make the calendar unreadable.
    return read_document(json.loads(document), year, language=language, stored=True)


def keep(
    session: Session, actor: Actor, now: datetime, row: CalendarRow, document: dict[str, Any], reason: str | None
) -> None:
    """Write a calendar's document as its next version."""
    row.document, row.updated_at, row.version = document, now, row.version + 1
    session.flush()
    session.add(
        CalendarVersion(
            calendar_id=row.id, version=row.version, document=document, made_by=actor.person or actor.name,
            made_at=now, reason=reason,
        )
    )  # fmt: skip


def rename_repository(session: Session, actor: Actor, now: datetime, old: str, new: str) -> None:
    """Write the new name of a repository wherever a calendar has the old one, as a version of its own: a freeze that
    names it holds it as before, and the plan stays as it is."""
    for row in session.scalars(select(CalendarRow).order_by(CalendarRow.slug).with_for_update()):
        document = _renamed(row.document, old, new)
        if document == row.document:
            continue
        reason = f"The repository {old} is called {new} now."
        keep(session, actor, now, row, document, reason)
        audit.record(
            session, actor, now, action=Action.EDIT_CALENDAR, subject=f"calendar:{row.slug}", reason=reason,
            after={"version": row.version},
        )  # fmt: skip


def _renamed(part: Any, old: str, new: str, key: str = "") -> Any:
    """A part of a document with the other name in every ``repositories``; patterns stay."""
    if isinstance(part, dict):
        return {name: _renamed(value, old, new, name) for name, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value, old, new, key) for value in part]
    return new if key == "repositories" and part == old else part
