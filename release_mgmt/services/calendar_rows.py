"""Stored calendars as values: what every service that plans, asks or shows begins with."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.sources.calendars import Known, read_document
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import CalendarRow, CalendarVersion


def known_names(session: Session) -> Known:
    """The names that a freeze's scope may hold."""
    return Known(
        repositories=frozenset(session.scalars(select(Repository.name))),
        teams=frozenset(session.scalars(select(Team.slug))),
    )


def find(session: Session, slug: str) -> CalendarRow:
    """The row of a calendar. Raises NotFound."""
    row = session.scalar(select(CalendarRow).where(CalendarRow.slug == slug))
    if row is None:
        raise NotFound("There is no such calendar.")
    return row


def value(row: CalendarRow | CalendarVersion, now: datetime, language: str = "en") -> ReleaseCalendar:
    """The calendar of a row, or as it was at a version; holidays are those around ``now``, named in ``language``."""
    return _parsed(json.dumps(row.document, sort_keys=True), now.year, language)


@lru_cache(maxsize=64)
def _parsed(document: str, year: int, language: str) -> ReleaseCalendar:
    # Scopes were checked when it was saved; a team deleted since then must not make the calendar unreadable.
    return read_document(json.loads(document), year, language=language, stored=True)
