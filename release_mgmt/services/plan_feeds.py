"""A plan told to the feeds, in the transaction that keeps it.

The plan holds what is still to go. What went out stays in the event of the window it went out in, so the events of open
and past windows are put together from the plan and from the placements that were kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.calendar import ChangeFact, FreezeFact, WindowFact
from release_mgmt.core.planning import Plan
from release_mgmt.core.windows import Exceptions, ReleaseCalendar, periods
from release_mgmt.services import feed_events, visibility
from release_mgmt.services.candidates import DONE, Loaded
from release_mgmt.services.feed_events import teams
from release_mgmt.services.plan_rows import LANE
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow

_FREEZE_SPAN = timedelta(days=370)
_PAST = timedelta(days=90)  # as far back as feeds reach


def tell_feeds(
    session: Session, now: datetime, row: CalendarRow, calendar: ReleaseCalendar, made: Plan, loaded: Loaded
) -> None:
    """Bring the calendar\'s feeds to the plan: announced changes only, and every freeze of the year."""
    announced = set(
        session.scalars(
            select(PlacementRow.change_id).where(
                PlacementRow.calendar_id == row.id, PlacementRow.announced_at.is_not(None)
            )
        )
    )
    emergencies = {each.id for each in loaded.candidates if each.emergency}
    went = _went(session, now, row, emergencies)
    facts = [
        WindowFact(
            identity=planned.window.key,
            calendar=row.slug,
            start=planned.window.start,
            end=planned.window.end,
            changes=_in_order(
                [
                    *(
                        _fact(loaded.changes[change], loaded.repositories, emergency=change in emergencies)
                        for change in planned.changes
                        if change in announced and loaded.changes[change].state not in DONE
                    ),
                    # Nothing is called released before its window is over.
                    *(_early(change) for change in went.get(planned.window.key, ())),
                ]
            ),
            cancelled=planned.state == "cancelled",
            environments=planned.window.environments,
            title=planned.window.title,
        )
        for planned in made.windows
    ]
    facts += _past(session, now, row, went, {fact.identity for fact in facts})
    shared, for_teams = teams.split(facts, visibility.kept(session))
    feed_events.refresh(
        session, now, calendar=row.slug, name=calendar.name, time_zone=calendar.time_zone,
        windows=[fact for fact in shared if fact.changes or not fact.identity.startswith(f"{LANE}@")],
        freezes=_freeze_facts(calendar, row.slug, now), identity=row.id,
    )  # fmt: skip
    for team in sorted(teams.told(session, row.slug) | set(for_teams)):
        feed_events.refresh(
            session, now, calendar=teams.own(row.slug, team), name=calendar.name, time_zone=calendar.time_zone,
            windows=for_teams.get(team, ()), freezes=(), identity=teams.own(row.id, team),
        )  # fmt: skip


def _went(
    session: Session, now: datetime, row: CalendarRow, emergencies: Collection[str]
) -> dict[str, list[ChangeFact]]:
    """Window -> the changes that went out in it, also those that were rolled back since."""
    statement = (
        select(PlacementRow.window, Change, Repository.name)
        .join(Change, Change.id == PlacementRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .where(
            PlacementRow.calendar_id == row.id,
            PlacementRow.window.is_not(None),
            PlacementRow.announced_at.is_not(None),
            PlacementRow.ends_at > now - _PAST,
            Change.state.in_(DONE),
        )
    )
    found: dict[str, list[ChangeFact]] = {}
    for window, change, name in session.execute(statement):
        fact = _fact(change, {change.repository_id: name}, emergency=change.id in emergencies)
        found.setdefault(str(window), []).append(fact)
    return found


def _past(
    session: Session, now: datetime, row: CalendarRow, went: Mapping[str, list[ChangeFact]], told: Collection[str]
) -> list[WindowFact]:
    """The windows that the plan no longer holds: ended ones, and the minutes in which the lane of minor changes shipped
    something. What was to go in them and did not is elsewhere by now."""
    statement = select(WindowRow).where(WindowRow.calendar_id == row.id, WindowRow.ends_at > now - _PAST)
    return [
        WindowFact(
            identity=window.key,
            calendar=row.slug,
            start=window.starts_at,
            end=window.ends_at,
            changes=_in_order(went.get(window.key, ())),
            cancelled=window.state == "cancelled",
            environments=tuple(window.environments),
            title=window.title,
        )
        for window in session.scalars(statement)
        if window.key not in told and (window.key in went if window.series == LANE else window.ends_at <= now)
    ]


def _in_order(changes: Collection[ChangeFact]) -> tuple[ChangeFact, ...]:
    """By id: the same whether the plan or the placements tell of them."""
    return tuple(sorted(changes, key=lambda change: change.id))


def _early(change: ChangeFact) -> ChangeFact:
    return replace(change, state="approved") if change.state == "released" else change


def _fact(change: Change, repositories: Mapping[str, str], *, emergency: bool) -> ChangeFact:
    return ChangeFact(
        id=change.id,
        title=change.title,
        level=change.level or "minor",
        state=change.state,
        repository=repositories[change.repository_id],
        kind=change.kind,
        teams=tuple(change.affected_teams or ()),
        owner=change.owner,
        emergency=emergency,
    )


def _freeze_facts(calendar: ReleaseCalendar, slug: str, now: datetime) -> list[FreezeFact]:
    found: dict[str, FreezeFact] = {}
    for period in periods(calendar.freezes, now - timedelta(days=90), now + _FREEZE_SPAN):
        freeze = period.freeze
        local = period.whole_days
        start: Any = local[0] if local else period.start
        end: Any = local[1] + timedelta(days=1) if local else period.end
        identity = freeze.id
        if freeze.rule is not None:
            identity += f"@{local[0] if local else period.start:%Y-%m-%d}"
            if identity in found:  # a second one on this day
                identity = f"{freeze.id}@{period.start:%Y-%m-%dT%H:%M}"
        found[identity] = FreezeFact(
            identity=identity, calendar=slug, start=start, end=end, hard=freeze.hard,
            reason=freeze.reason, repositories=freeze.scope.repositories,
            teams=freeze.scope.teams, environments=freeze.scope.environments,
            levels=tuple(level.value for level in freeze.scope.levels),
            exempt=freeze.scope.exceptions != Exceptions(),
        )  # fmt: skip
    return list(found.values())
