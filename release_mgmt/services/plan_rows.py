"""A plan kept as rows: windows, placements and moves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, not_, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.permissions import Actor
from release_mgmt.core.planning import Plan, Reason
from release_mgmt.formats import plan_json
from release_mgmt.services import secret
from release_mgmt.services.candidates import DONE, Loaded
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, MoveRow, PlacementRow, WindowRow

LANE = "minor_lane"
"""Series, reason and why of what shipped outside its window, approved in advance (see ``lane``)."""

_SHOWN = timedelta(days=7)
_CHUNK = 500  # SQLite takes a limited number of values in one statement


def save_windows(session: Session, now: datetime, row: CalendarRow, made: Plan) -> None:
    """Bring the rows of windows to the plan; past ones stay."""
    rows = {each.key: each for each in session.scalars(select(WindowRow).where(WindowRow.calendar_id == row.id))}
    for planned in made.windows:
        window = planned.window
        found = rows.pop(window.key, None)
        values: dict[str, Any] = {
            "series": window.series,
            "original_start": f"{window.original_start:%Y-%m-%dT%H:%M}",
            "title": window.title,
            "starts_at": window.start,
            "ends_at": window.end,
            "state": planned.state,
            "flags": list(window.flags),
            "levels": [level.value for level in window.levels],
            "environments": list(window.environments),
            "points": window.policy.capacity.points,
            "most_major": window.policy.capacity.most_major,
            "used": planned.used,
            "majors": planned.majors,
            "frozen": list(planned.frozen),
        }
        if found is None:
            session.add(WindowRow(calendar_id=row.id, key=window.key, **values))
        elif any(getattr(found, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(found, name, value)
            found.version += 1
    for left in rows.values():
        if left.starts_at > now:
            session.delete(left)


def shipped(session: Session, row: CalendarRow, now: datetime) -> list[dict[str, Any]]:
    """What shipped outside its window in the last week, approved in advance, for the plan's document."""
    statement = (
        select(PlacementRow, Change)
        .join(Change, Change.id == PlacementRow.change_id)
        .where(PlacementRow.calendar_id == row.id, PlacementRow.why == LANE, PlacementRow.ends_at > now - _SHOWN)
        .order_by(PlacementRow.window, Change.id)
    )
    return [
        {
            "change": change.id,
            "title": change.title,
            "level": change.level,
            "window": placement.window,
            "at": plan_json.instant(placement.starts_at or now),
        }
        for placement, change in session.execute(statement)
    ]


def save_moves(session: Session, actor: Actor, now: datetime, row: CalendarRow, made: Plan) -> None:
    """Keep what moved, from where to where, by whom and why."""
    starts = {each.window.key: each.window.start for each in made.windows}
    before = {
        each.change_id: each for each in session.scalars(select(PlacementRow).where(PlacementRow.calendar_id == row.id))
    }
    for move in made.moves:
        old = before.get(move.change)
        session.add(
            MoveRow(
                id=secret.identifier("mv"), calendar_id=row.id, plan_version=made.version, change_id=move.change,
                from_window=move.origin, from_start=old.announced_start if old else None, to_window=move.to,
                to_start=starts.get(move.to) if move.to else None,
                reasons=[plan_json.reason(one) for one in move.reasons], actor=actor.person or "planner", at=now,
            )
        )  # fmt: skip


def hand_over(session: Session, actor: Actor, now: datetime, row: CalendarRow, loaded: Loaded) -> None:
    """End the placements of changes whose repository went over to another calendar: those here, and those elsewhere of
    changes that are planned here. Whichever calendar is planned first keeps the announced date as a move away."""
    ours = Change.repository_id.in_(loaded.repositories)
    mine = PlacementRow.calendar_id == row.id
    found = session.execute(
        select(PlacementRow, CalendarRow.plan_version)
        .join(CalendarRow, CalendarRow.id == PlacementRow.calendar_id)
        .join(Change, Change.id == PlacementRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .where(
            or_(and_(mine, not_(ours)), and_(not_(mine), ours)),
            Repository.archived_at.is_(None),
            Change.state.not_in(DONE),
        )
        .order_by(PlacementRow.change_id, PlacementRow.environment)
    ).all()
    for left, version in found:
        if left.announced_window is not None:
            window = left.announced_window
            session.add(
                MoveRow(
                    id=secret.identifier("mv"), calendar_id=left.calendar_id, plan_version=version,
                    change_id=left.change_id, from_window=window, from_start=left.announced_start, to_window=None,
                    to_start=None, reasons=[plan_json.reason(Reason("other_calendar", row.slug, window, window))],
                    actor=actor.person or "planner", at=now,
                )
            )  # fmt: skip
        session.delete(left)
    session.flush()


def save_placements(
    session: Session, now: datetime, row: CalendarRow, made: Plan, loaded: Loaded, *, announce: bool
) -> None:
    """Bring the rows of placements to the plan and announce what it publishes."""
    rows = {
        each.change_id: each for each in session.scalars(select(PlacementRow).where(PlacementRow.calendar_id == row.id))
    }
    windows = {each.window.key: each for each in made.windows}
    moved = {each.change: each for each in made.moves}
    suggested = {each.change: each.to for each in made.suggestions}
    conflicts: dict[str, list[dict[str, Any]]] = {}
    for conflict in made.conflicts:
        conflicts.setdefault(conflict.change, []).append(
            {"change": conflict.change, "window": conflict.window, **plan_json.reason(conflict.reason)}
        )
    environments = {each.id: each.environment for each in loaded.candidates}
    levels = {each.id: each.level for each in loaded.candidates}
    listed = [(each.change, each.window, each.why, each.reasons) for each in made.placements]
    listed += [(each.change, None, "deferred", each.reasons) for each in made.deferrals]  # type: ignore[misc]
    for change, window, why, reasons in listed:
        found = rows.pop(change, None)
        if found is None:
            found = PlacementRow(change_id=change, calendar_id=row.id)
            session.add(found)
        found.environment = environments[change]
        planned = windows.get(window) if window else None
        if planned is not None and planned.state == "cancelled":
            planned = None  # what stays flagged in a window that was called off keeps the date it was told
        found.window, found.why = window, why
        found.starts_at = planned.window.start if planned else found.starts_at if window else None
        found.ends_at = planned.window.end if planned else found.ends_at if window else None
        found.position = planned.changes.index(change) if planned and change in planned.changes else 0
        if why not in {"announced", "requested"} or not found.reasons:
            found.reasons = [plan_json.reason(one) for one in reasons]
        found.suggestion = suggested.get(change)
        found.conflicts = conflicts.get(change, [])
        found.updated_at = now
        if change in moved:
            origin = moved[change].origin
            found.origin = found.origin or (origin if origin != window else None)
            if origin != window:
                found.requested_window = None
        if window is None:
            found.announced_at = found.announced_window = found.announced_start = None
        elif found.announced_at is not None or announce:
            _announce(session, found, made.version, levels[change].value, now, loaded, again=change in moved)
    went = _went_out(session, rows)
    for left in rows.values():
        if left.why != LANE and not (left.announced_at is not None and left.change_id in went):
            session.delete(left)


def _went_out(session: Session, changes: Iterable[str]) -> set[str]:
    """Those of the changes that shipped: they keep the window they shipped in, also when they were rolled back."""
    ids = sorted(changes)
    return {
        change
        for at in range(0, len(ids), _CHUNK)
        for change in session.scalars(
            select(Change.id).where(Change.id.in_(ids[at : at + _CHUNK]), Change.state.in_(DONE))
        )
    }


def _announce(
    session: Session, row: PlacementRow, version: int, level: str, now: datetime, loaded: Loaded, *, again: bool
) -> None:
    # Another level is announced anew. The notice of a raised one was looked at now and counts from now.
    raised = row.announced_level == Level.MINOR.value and level == Level.MAJOR.value
    if row.announced_at is None or again or row.announced_window != row.window or row.announced_level != level:
        row.announced_at = row.announced_at if row.announced_at is not None and not (again or raised) else now
        row.announced_version, row.announced_level = version, level
    row.announced_window, row.announced_start = row.window, row.starts_at
    if row.origin == row.window:
        row.origin = None
    change = loaded.changes.get(row.change_id)
    if change is not None and change.state == "draft":
        change.state = "announced"
    session.flush()
