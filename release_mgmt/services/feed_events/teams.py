"""What is kept for teams, in feeds of their members: events of a calendar of its own for each team.

The events that everybody shares leave such changes out. For each team that one concerns, the same window is told once
more in a calendar that only feeds of the team's members hold, so that nobody else's feed differs by a byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import ChangeFact, WindowFact
from release_mgmt.services import visibility
from release_mgmt.store.models.publishing import FeedHeadRow, SubscriptionRow

MARK = "#team:"  # no calendar's name holds a "#"


def own(calendar: str, team: str) -> str:
    """The calendar of a team's own events."""
    return f"{calendar}{MARK}{team}"


def readable(calendar: InstrumentedAttribute[str], teams: Collection[str]) -> ColumnElement[bool]:
    """Rows that everybody's feeds hold, and those of these teams."""
    theirs = (calendar.endswith(MARK + team, autoescape=True) for team in sorted(teams))
    return or_(~calendar.contains(MARK, autoescape=True), *theirs)


def is_readable(calendar: str, teams: Collection[str]) -> bool:
    """As :func:`readable`, for one name."""
    _, mark, team = calendar.partition(MARK)
    return not mark or team in teams


def split(
    facts: Iterable[WindowFact], kept: Mapping[str, str | None]
) -> tuple[list[WindowFact], dict[str, list[WindowFact]]]:
    """The windows without what is kept, and for each team those that hold something it concerns, with that alone.

    ``kept`` maps the names of repositories that are kept for their teams to the team that owns each.
    """
    shared: list[WindowFact] = []
    for_teams: dict[str, list[WindowFact]] = {}
    for fact in facts:
        hidden = [change for change in fact.changes if change.repository in kept]
        if not hidden:
            shared.append(fact)
            continue
        shared.append(replace(fact, changes=tuple(one for one in fact.changes if one.repository not in kept)))
        for team in sorted({team for change in hidden for team in _concerned(change, kept)}):
            mine = tuple(
                replace(change, teams=tuple(sorted({*change.teams, team})))  # a filter by the owning team takes it too
                for change in hidden
                if team in _concerned(change, kept)
            )
            for_teams.setdefault(team, []).append(replace(fact, changes=mine))
    return shared, for_teams


def _concerned(change: ChangeFact, kept: Mapping[str, str | None]) -> set[str]:
    owner = kept[change.repository]
    return {*change.teams, owner} if owner else set(change.teams)


def told(session: Session, calendar: str) -> set[str]:
    """The teams that a calendar told something of their own before."""
    before = f"{calendar}{MARK}"
    names = session.scalars(
        select(FeedHeadRow.calendar).where(
            FeedHeadRow.audience == Audience.RELEASE_MANAGER.value,
            FeedHeadRow.calendar.startswith(before, autoescape=True),
        )
    )
    return {name.removeprefix(before) for name in names}


def members_moved(session: Session, now: datetime, people: Collection[str], teams: Collection[str]) -> None:
    """These people joined or left one of these teams: where something is kept for it, their feeds hold other events
    and texts from now on, and say so to who asks by date."""
    if not (people and teams):
        return
    of_calendars = session.scalar(
        select(FeedHeadRow.calendar)
        .where(or_(*(FeedHeadRow.calendar.endswith(MARK + team, autoescape=True) for team in sorted(teams))))
        .limit(1)
    )
    if of_calendars or set(teams) & set(visibility.kept(session).values()):
        mine = update(SubscriptionRow).where(SubscriptionRow.person_id.in_(sorted(people)))
        session.execute(mine.values(edited_at=now))
