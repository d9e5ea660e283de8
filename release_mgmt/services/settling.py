"""The state of a change as approvals have it: announced becomes approved when nothing is missing, and back again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Slot
from release_mgmt.core.classification import Level
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.services import calendar_rows, plan_messages, proposals
from release_mgmt.store.models.approvals import VoteRow
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow

_OPEN = ("announced", "approved")


def settle_changes(session: Session, now: datetime, changes: Sequence[str]) -> set[str]:
    """Settle these changes; returns the slugs of the calendars in which one of them has another state now."""
    touched: set[str] = set()
    rows = session.execute(
        select(Change, CalendarRow)
        .join(PlacementRow, PlacementRow.change_id == Change.id)
        .join(CalendarRow, CalendarRow.id == PlacementRow.calendar_id)
        .where(Change.id.in_(changes), Change.state.in_(_OPEN), PlacementRow.window.is_not(None))
        .distinct()
        .order_by(Change.id)
    ).all()
    for change, row in rows:
        if _settle(session, now, change, row, calendar_rows.value(row, now)):
            touched.add(row.slug)
    return touched


def settle_calendar(session: Session, now: datetime, row: CalendarRow, calendar: ReleaseCalendar) -> None:
    """Settle every change of a calendar that somebody voted on, that is approved, or that nothing is asked for."""
    free = [level.value for level in Level if proposals.may_ask_nobody(proposals.approval_policy(calendar, "", level))]
    voted = select(VoteRow.change_id).where(VoteRow.ended_at.is_(None))
    changes = session.scalars(
        select(Change)
        .join(PlacementRow, PlacementRow.change_id == Change.id)
        .where(
            PlacementRow.calendar_id == row.id,
            PlacementRow.window.is_not(None),
            Change.state.in_(_OPEN),
            or_(Change.state == "approved", Change.id.in_(voted), Change.level.in_(free)),
        )
        .distinct()
        .order_by(Change.id)
    ).all()
    for change in changes:
        _settle(session, now, change, row, calendar)
    session.flush()


def _settle(session: Session, now: datetime, change: Change, row: CalendarRow, calendar: ReleaseCalendar) -> bool:
    placements = session.scalars(
        select(PlacementRow)
        .where(
            PlacementRow.change_id == change.id, PlacementRow.calendar_id == row.id, PlacementRow.window.is_not(None)
        )
        .order_by(PlacementRow.environment)
    ).all()
    if not placements or any(one.announced_at is None for one in placements):
        return False  # a draft may still be shuffled: it is announced first
    told = []
    for one in placements:
        slot = Slot(row.slug, one.window or "", one.starts_at or now, one.environment)
        told.append(proposals.tally(session, proposals.case(session, change, slot, calendar, now), now))
    state = "approved" if all(each.given for each in told) else "announced"
    if state == change.state:
        return False
    change.state = state
    plan_messages.tell_settled(session, now, change, row.slug, told)
    return True
