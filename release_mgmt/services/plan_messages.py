"""What a plan, its votes and a withdrawal tell: whom a change's place concerns, and whom it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import State, Status
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Actor
from release_mgmt.core.windows import ReleaseCalendar, zone
from release_mgmt.core.windows.localtime import to_local
from release_mgmt.services import Store, proposals
from release_mgmt.services.outbox import iso, tell
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, DependencyRow, MoveRow, PlacementRow, WindowRow

TOLD_FROM = time(9)
"""Wall time in the calendar's zone from which it is told what starts the day after."""

Places = Mapping[str, tuple[str, str | None, str | None]]
"""Change -> (window, start, end) as announced; instants as ISO text."""


def places(session: Session, row: CalendarRow) -> Places:
    """Where the announced changes of a calendar stand."""
    placement = PlacementRow
    query = select(placement.change_id, placement.announced_window, placement.announced_start, placement.ends_at)
    rows = session.execute(query.where(placement.calendar_id == row.id, placement.announced_at.is_not(None)))
    return {change: (window or "", iso(start), iso(end)) for change, window, start, end in rows}


def tell_plan(
    session: Session,
    actor: Actor,
    now: datetime,
    row: CalendarRow,
    calendar: ReleaseCalendar,
    standing: Places,
) -> None:
    """Tell what a plan announced and moved, and whom it waits for; a plan like the one before tells nothing.

    ``standing`` is what was announced before the plan was saved; where a person's move came before it, the move says.
    """
    moves = session.scalars(
        select(MoveRow)
        .where(MoveRow.calendar_id == row.id, MoveRow.plan_version == row.plan_version)
        .order_by(MoveRow.id)
    ).all()
    reasons: dict[str, list[Any]] = {}
    before = dict(standing)
    for move in moves:
        before[move.change_id] = (move.from_window, iso(move.from_start), None)
        reasons.setdefault(move.change_id, []).extend(move.reasons)
    after = places(session, row)
    touched = [change for change in {**before, **after} if before.get(change) != after.get(change)]
    if not touched:
        return
    changes = {one.id: one for one in session.scalars(select(Change).where(Change.id.in_(touched)))}
    for change in sorted(touched):
        found = changes.get(change)
        if found is None or found.state in {"released", "rolled_back"}:
            continue  # what shipped is told as shipped
        old, new = before.get(change), after.get(change)
        facts = {
            "window": new[0] if new else None, "start": new[1] if new else None, "end": new[2] if new else None,
            "from_window": old[0] if old else None, "from_start": old[1] if old else None,
            "reasons": reasons.get(change, []),
        }  # fmt: skip
        if old is not None and new is not None and old[:2] == new[:2]:
            continue  # only its end moved
        if found.state == "withdrawn":
            facts["reasons"] = [{"code": "withdrawn", "ref": change, "message": "The change was withdrawn."}]
        kind = Kind.ANNOUNCED if old is None else Kind.MOVED
        tell(session, now, kind, fold=f"place:{change}", facts=facts, actor=actor, calendar=row.slug, change=change)
        if new is not None:
            _ask(session, actor, now, row.slug, calendar, found, new[0])


def _ask(
    session: Session, actor: Actor, now: datetime, slug: str, calendar: ReleaseCalendar, change: Change, window: str
) -> None:
    """Say whom a change in its new place waits for: approval is told of once it is asked for, and nobody else."""
    policy = proposals.approval_policy(calendar, window, proposals.level_of(change))
    if change.state != "announced":
        return
    if policy.release_managers:
        fold = f"approval:{change.id}"
        tell(session, now, Kind.APPROVAL_NEEDED, fold=fold, facts={"window": window}, actor=actor, calendar=slug,
             change=change.id)  # fmt: skip
    if policy.each_affected_team and change.affected_teams:
        facts = {"window": window, "teams": sorted(change.affected_teams)}
        tell(session, now, Kind.SIGN_OFF_ASKED, fold=f"signoff:{change.id}", facts=facts, actor=actor, calendar=slug,
             change=change.id)  # fmt: skip


def tell_settled(session: Session, now: datetime, change: Change, slug: str, statuses: Sequence[Status]) -> None:
    """Tell that a change is approved now, or waits again; nothing of what nobody is asked about."""
    fold, window = (
        f"approval:{change.id}",
        session.scalar(select(PlacementRow.announced_window).where(PlacementRow.change_id == change.id).limit(1)),
    )
    if change.state == "approved":
        if any(one.state is State.APPROVED for one in statuses):
            facts = {"window": window}
            tell(session, now, Kind.APPROVED, fold=fold, facts=facts, calendar=slug, change=change.id)
    elif any(one.state is State.WAITING for one in statuses):
        again: dict[str, Any] = {"window": window, "again": True}
        tell(session, now, Kind.APPROVAL_NEEDED, fold=fold, facts=again, calendar=slug, change=change.id)


def tell_withdrawn(session: Session, actor: Actor, now: datetime, change: Change, slug: str) -> None:
    """Tell the Owners of announced changes that need a withdrawn one."""
    dependents = session.scalars(
        select(Change)
        .join(DependencyRow, and_(DependencyRow.change_id == Change.id, DependencyRow.needs_id == change.id))
        .where(Change.state.in_(("announced", "approved")))
        .order_by(Change.id)
    )
    for one in dependents.all():
        facts = {"needs": change.id, "needs_title": change.title}
        fold = f"needs:{one.id}:{change.id}"
        tell(session, now, Kind.DEPENDENCY_WITHDRAWN, fold=fold, facts=facts, actor=actor, calendar=slug,
             change=one.id)  # fmt: skip


def tell_tomorrow(store: Store, now: datetime, slugs: Iterable[str]) -> None:
    """Tell, from nine o'clock of the calendar's day before on, that a window with announced changes starts."""
    for slug in slugs:
        with store.write() as session:
            row = session.scalar(select(CalendarRow).where(CalendarRow.slug == slug))
            if row is not None:
                _tell_tomorrow(session, now, row)


def _tell_tomorrow(session: Session, now: datetime, row: CalendarRow) -> None:
    rules = zone(row.time_zone)
    local = to_local(now, rules)
    if local.time() < TOLD_FROM:
        return
    tomorrow = local.date() + timedelta(days=1)
    windows = session.scalars(
        select(WindowRow)
        .where(
            WindowRow.calendar_id == row.id,
            WindowRow.starts_at > now,
            WindowRow.starts_at < now + timedelta(days=2),
            WindowRow.state != "cancelled",
        )
        .order_by(WindowRow.starts_at, WindowRow.key)
    )
    for window in [one for one in windows if to_local(one.starts_at, rules).date() == tomorrow]:
        changes = session.scalars(
            select(PlacementRow.change_id)
            .join(Change, Change.id == PlacementRow.change_id)
            .where(
                PlacementRow.calendar_id == row.id,
                PlacementRow.announced_window == window.key,
                Change.state.in_(("announced", "approved")),
            )
            .order_by(PlacementRow.position, PlacementRow.change_id)
        ).all()
        if changes:
            facts = {"window": window.key, "changes": list(dict.fromkeys(changes))}
            start = iso(window.starts_at)
            tell(session, now, Kind.TOMORROW, fold=f"tomorrow:{row.slug}:{window.key}", facts=facts, calendar=row.slug,
                 once=f"tomorrow {row.id} {window.key} {start}")  # fmt: skip
