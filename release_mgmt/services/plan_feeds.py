"""A plan told to the feeds, in the transaction that keeps it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.calendar import ChangeFact, FreezeFact, WindowFact
from release_mgmt.core.planning import Plan
from release_mgmt.core.windows import ReleaseCalendar, periods
from release_mgmt.services import feed_events, visibility
from release_mgmt.services.candidates import Loaded
from release_mgmt.services.plan_rows import LANE
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow

_FREEZE_SPAN = timedelta(days=370)
_LANE_SPAN = timedelta(days=7)


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
    hidden = visibility.kept(session)
    facts = [
        WindowFact(
            identity=planned.window.key,
            calendar=row.slug,
            start=planned.window.start,
            end=planned.window.end,
            changes=tuple(
                _fact(loaded.changes[change], loaded, emergency=change in emergencies)
                for change in planned.changes
                if change in announced and loaded.changes[change].repository_id not in hidden
            ),
            cancelled=planned.state == "cancelled",
            environments=planned.window.environments,
            title=planned.window.title,
        )
        for planned in made.windows
    ]
    facts += _shipped(session, now, row, loaded, hidden)
    feed_events.refresh(
        session, now, calendar=row.slug, name=calendar.name, time_zone=calendar.time_zone, windows=facts,
        freezes=_freeze_facts(calendar, row.slug, now), identity=row.id,
    )  # fmt: skip


def _shipped(
    session: Session, now: datetime, row: CalendarRow, loaded: Loaded, hidden: Collection[str]
) -> list[WindowFact]:
    """What went by the lane of minor changes, where it shipped. Older ones have ended and stay told as they are."""
    statement = (
        select(WindowRow, Change)
        .join(
            PlacementRow, (PlacementRow.calendar_id == WindowRow.calendar_id) & (PlacementRow.window == WindowRow.key)
        )
        .join(Change, Change.id == PlacementRow.change_id)
        .where(WindowRow.calendar_id == row.id, WindowRow.series == LANE, WindowRow.ends_at > now - _LANE_SPAN)
        .order_by(WindowRow.key, Change.id)
    )
    held: dict[str, tuple[WindowRow, list[ChangeFact]]] = {}
    for window, change in session.execute(statement):
        if change.repository_id in loaded.repositories and change.repository_id not in hidden:
            held.setdefault(window.key, (window, []))[1].append(_fact(change, loaded, emergency=False))
    return [
        WindowFact(key, row.slug, window.starts_at, window.ends_at, tuple(facts), False, tuple(window.environments))
        for key, (window, facts) in held.items()
    ]


def _fact(change: Change, loaded: Loaded, *, emergency: bool) -> ChangeFact:
    return ChangeFact(
        id=change.id,
        title=change.title,
        level=change.level or "minor",
        state=change.state,
        repository=loaded.repositories[change.repository_id],
        kind=change.kind,
        teams=tuple(change.affected_teams or ()),
        owner=change.owner,
        emergency=emergency,
    )


def _freeze_facts(calendar: ReleaseCalendar, slug: str, now: datetime) -> list[FreezeFact]:
    found = []
    for period in periods(calendar.freezes, now - timedelta(days=90), now + _FREEZE_SPAN):
        freeze = period.freeze
        local = period.whole_days
        start: Any = local[0] if local else period.start
        end: Any = local[1] + timedelta(days=1) if local else period.end
        recurring = f"@{local[0] if local else period.start:%Y-%m-%d}" if freeze.rule is not None else ""
        found.append(
            FreezeFact(
                identity=freeze.id + recurring, calendar=slug, start=start, end=end, hard=freeze.hard,
                reason=freeze.reason, repositories=freeze.scope.repositories,
                teams=freeze.scope.teams, environments=freeze.scope.environments,
                levels=tuple(level.value for level in freeze.scope.levels),
            )
        )  # fmt: skip
    return found
