"""The lane of minor changes that a calendar approves in advance: what shipped outside its window stands where it did.

A feature flag that is switched outside a window of its own stands there alike, whatever the calendar approves.

A shipment is kept as a window of one minute that no series made, so that pages, REST and feeds show it as they show
every other. The plan made in the same transaction no longer holds the change: its room in the window is free again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.permissions import Actor
from release_mgmt.core.planning import Reason
from release_mgmt.core.windows import ReleaseCalendar, Target, in_scope, periods, to_local, zone
from release_mgmt.formats import plan_json
from release_mgmt.services import calendar_rows, plans, secret
from release_mgmt.services.plan_rows import LANE
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, ChangeTerms, MoveRow, PlacementRow, WindowRow

_SHOWN = timedelta(minutes=1)


def ship(session: Session, actor: Actor, now: datetime, change: Change, environment: str) -> None:
    """Keep that a change shipped by the lane, if it did: minor, no hard freeze, and outside its own window."""
    placement = session.get(PlacementRow, (change.id, environment))
    row = calendar_rows.deciding(session, session.get_one(Repository, change.repository_id), placement)
    if row is None or change.level != Level.MINOR.value:
        return
    calendar = calendar_rows.value(row, now)
    target = _target(session, change, environment)
    free = calendar.outside(target).minor_lane and not _inside(placement, now)
    if free and not _frozen(calendar, target, now):
        _stand(session, actor, now, change, environment, row, placement, at=now, code=LANE)


def switch(session: Session, actor: Actor, now: datetime, change: Change, environment: str, at: datetime) -> None:
    """Keep that a feature flag was switched at ``at``; without a calendar it stands nowhere."""
    placement = session.get(PlacementRow, (change.id, environment))
    row = calendar_rows.deciding(session, session.get_one(Repository, change.repository_id), placement)
    if row is not None and not _inside(placement, at):
        _stand(session, actor, now, change, environment, row, placement, at=at, code="flag_switched")


def _stand(
    session: Session,
    actor: Actor,
    now: datetime,
    change: Change,
    environment: str,
    row: CalendarRow,
    placement: PlacementRow | None,
    *,
    at: datetime,
    code: str,
) -> None:
    """Place the change in the minute of ``at``, and tell the plan."""
    calendar = calendar_rows.value(row, now)
    window = _window(session, calendar, row, change, environment, at)
    was = (placement.announced_window, placement.announced_start) if placement is not None else (None, None)
    if placement is None:
        placement = PlacementRow(change_id=change.id, environment=environment, calendar_id=row.id)
        session.add(placement)
    placement.window, placement.why, placement.position = window.key, LANE, 0
    placement.starts_at, placement.ends_at = window.starts_at, window.ends_at
    placement.announced_at = placement.announced_at or now
    placement.announced_window, placement.announced_start = window.key, window.starts_at
    placement.requested_window = placement.suggestion = placement.origin = None
    reason = plan_json.reason(Reason(code, change.id, was[0] or "", was[0] or ""))
    placement.reasons, placement.conflicts, placement.updated_at = [reason], [], now
    session.flush()
    told = plans.make(session, actor, now, row, calendar, reason=f"{change.id} shipped outside its window: {code}")
    if was[0] is not None:
        session.add(
            MoveRow(
                id=secret.identifier("mv"), calendar_id=row.id, plan_version=told.version, change_id=change.id,
                from_window=was[0], from_start=was[1], to_window=window.key, to_start=window.starts_at,
                reasons=[reason], actor=actor.person or actor.name, at=now,
            )
        )  # fmt: skip


def _inside(placement: PlacementRow | None, now: datetime) -> bool:
    """Whether this is its own window, or it shipped before already."""
    if placement is None or placement.window is None or placement.starts_at is None or placement.ends_at is None:
        return False
    return placement.why == LANE or placement.starts_at <= now < placement.ends_at


def _target(session: Session, change: Change, environment: str) -> Target:
    repository = session.get_one(Repository, change.repository_id)
    return Target(repository.name, environment, frozenset(change.affected_teams or ()), Level.MINOR)


def _frozen(calendar: ReleaseCalendar, target: Target, now: datetime) -> bool:
    """Whether a hard freeze closes the lane: what ships then broke it, and keeps its place."""
    held = periods(calendar.freezes, now, now + _SHOWN)
    return any(each.contains(now) for each in in_scope(held, target, hard=True))


def _window(
    session: Session, calendar: ReleaseCalendar, row: CalendarRow, change: Change, environment: str, at: datetime
) -> WindowRow:
    """The minute it shipped in; those of one minute share it. The key is UTC: local minutes come twice in autumn."""
    start = at.replace(second=0, microsecond=0)
    key = f"{LANE}@{start:%Y-%m-%dT%H:%MZ}"
    found = session.get(WindowRow, (row.id, key))
    if found is None:
        found = WindowRow(
            calendar_id=row.id, key=key, series=LANE, title="", starts_at=start, ends_at=start + _SHOWN,
            original_start=f"{to_local(start, zone(calendar.time_zone)):%Y-%m-%dT%H:%M}", state="open", flags=[LANE],
            levels=[change.level or Level.MAJOR.value], environments=[environment], used=0, majors=0, frozen=[],
        )  # fmt: skip
        session.add(found)
    own: Any = session.scalar(select(ChangeTerms.points).where(ChangeTerms.change_id == change.id))
    found.used += own if own is not None else calendar.policy.capacity.cost(Level(change.level or Level.MAJOR.value))
    session.flush()
    return found
