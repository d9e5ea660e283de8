"""What figures are over: conditions of scope and visibility, and the environment that releases each change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from sqlalchemy import ColumnElement, Select, String, and_, cast, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.metrics import Span
from release_mgmt.core.permissions import Actor
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.services import calendar_rows, visibility
from release_mgmt.services.candidates import environment_of
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, CalendarVersion, PlacementRow

DAYS = 91  # thirteen weeks


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """By what figures are narrowed, and the local days ``since`` and ``until``, both included.

    Without ``since`` they are the last ``days``, without ``until`` up to today.
    """

    repository: str | None = None
    team: str | None = None
    calendar: str | None = None
    environment: str | None = None
    since: date | None = None
    until: date | None = None
    days: int = DAYS


class Scope:
    """The conditions of one question, in one session."""

    def __init__(self, session: Session, actor: Actor, asked: Asked, now: datetime) -> None:
        self.session, self.asked, self.now = session, asked, now
        self.calendars = {row.slug: row for row in session.scalars(select(CalendarRow))}
        self._versions: dict[str, list[CalendarVersion]] = {}
        self._values: dict[tuple[str, int | None, int], ReleaseCalendar] = {}
        self._check(actor)
        self._seen_changes = visibility.changes(actor)
        self._seen_repositories = visibility.repositories(actor)

    def _check(self, actor: Actor) -> None:
        asked, session = self.asked, self.session
        if asked.calendar is not None and asked.calendar not in self.calendars:
            raise NotFound("There is no such calendar.")
        if asked.team is not None and session.get(Team, asked.team) is None:
            raise NotFound("There is no such team.")
        if asked.repository is not None:
            named = and_(Repository.name == asked.repository, visibility.repositories(actor))
            if session.scalar(select(Repository.id).where(named)) is None:
                raise NotFound("There is no such repository.")

    @property
    def zone(self) -> str:
        """The time zone in which days are counted: that of the calendar asked for, of the only one, else UTC."""
        chosen = self.calendars.get(self.asked.calendar or "")
        if chosen is None and len(self.calendars) == 1:
            chosen = next(iter(self.calendars.values()))
        return chosen.time_zone if chosen is not None else "UTC"

    def repositories(self) -> ColumnElement[bool]:
        """The repositories asked about, for queries over ``Repository`` alone; a team's are those it owns."""
        found = [self._seen_repositories, *self._places()]
        if self.asked.team is not None:
            found.append(Repository.owner_team == self.asked.team)
        return and_(*found)

    def _places(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.asked.repository is not None:
            found.append(Repository.name == self.asked.repository)
        if self.asked.calendar is not None:
            own = Repository.calendar == self.asked.calendar
            only = len(self.calendars) == 1
            found.append(or_(own, Repository.calendar.is_(None)) if only else own)
        return found

    def changes(self) -> Select[str]:
        """The ids of the changes asked about: a subquery, however many they are."""
        found = [self._seen_changes, *self._places()]
        if self.asked.team is not None:
            affects = cast(Change.affected_teams, String).contains(f'"{self.asked.team}"', autoescape=True)
            found.append(or_(Repository.owner_team == self.asked.team, affects))
        return select(Change.id).join(Repository, Repository.id == Change.repository_id).where(*found)

    def calendar_row(self, slug: str | None) -> CalendarRow | None:
        """The calendar of a repository that names ``slug``; the only one also decides for those that name none."""
        if slug is None and len(self.calendars) == 1:
            return next(iter(self.calendars.values()))
        return self.calendars.get(slug or "")

    def calendar_at(self, row: CalendarRow, at: datetime) -> ReleaseCalendar:
        """The calendar as it was at an instant; before its first kept version as that one."""
        if row.id not in self._versions:
            kept = select(CalendarVersion).where(CalendarVersion.calendar_id == row.id)
            self._versions[row.id] = list(self.session.scalars(kept.order_by(CalendarVersion.version.desc())))
        versions = self._versions[row.id]
        then = next((one for one in versions if one.made_at <= at), versions[-1] if versions else None)
        kept_at = (row.id, then.version if then is not None else None, at.year)
        if kept_at not in self._values:
            self._values[kept_at] = calendar_rows.value(then if then is not None else row, at)
        return self._values[kept_at]

    @cached_property
    def production(self) -> Production:
        """Which environment releases each change."""
        return Production(self)


class Production:
    """The environment that releases a change: the one asked for, its placement's, its calendar's, else prod."""

    def __init__(self, scope: Scope) -> None:
        self._asked = scope.asked.environment
        rows = scope.session.execute(
            select(PlacementRow.change_id, PlacementRow.environment).where(PlacementRow.change_id.in_(scope.changes()))
        )
        self._placed = dict(rows.all())
        own = {slug: environment_of(calendar_rows.value(row, scope.now)) for slug, row in scope.calendars.items()}
        self._only = next(iter(own.values())) if len(own) == 1 else "prod"
        self._own = own

    def holds(self, change: str, environment: str, calendar: str | None) -> bool:
        """Whether ``environment`` is where the change is released; ``calendar`` is its repository's."""
        if self._asked is not None:
            return environment == self._asked
        usual = self._own.get(calendar, "prod") if calendar is not None else self._only
        return environment == self._placed.get(change, usual)


LOOKBACK = timedelta(days=60)
"""How long before the span reports are read, so that a rollback or an incident finds its deployment."""


def read_from(span: Span) -> datetime:
    """From when on reports are read."""
    return span.since - LOOKBACK
