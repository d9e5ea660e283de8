"""Announced dates from the store: what was announced when, whether it moved, was agreed, and kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, or_, select

from release_mgmt.core.approvals import Slot
from release_mgmt.core.classification import Level
from release_mgmt.core.metrics import DateFact, Span
from release_mgmt.core.windows import Notice, ReleaseCalendar
from release_mgmt.services import proposals
from release_mgmt.services.metrics.scope import Scope
from release_mgmt.services.plan_rows import LANE
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, MoveRow, PlacementRow, StageRow


def load(scope: Scope, span: Span) -> Iterable[DateFact]:
    """The dates of changes of which the first or the last lies in the span or later."""
    session = scope.session
    first = _first_dates(scope)
    late = {change for change, (start, _) in first.items() if start >= span.since}
    moved_late = select(MoveRow.change_id).where(MoveRow.from_start >= span.since)
    rows = session.execute(
        select(PlacementRow, Change)
        .join(Change, Change.id == PlacementRow.change_id)
        .where(
            PlacementRow.change_id.in_(scope.changes()),
            PlacementRow.announced_at.is_not(None),
            PlacementRow.announced_start.is_not(None),
            or_(PlacementRow.announced_start >= span.since, PlacementRow.change_id.in_(moved_late)),
        )
    ).all()
    shipped = _shipped(scope)
    agreed = _agreed(scope, span, [(placement, change) for placement, change in rows])
    by_id = {row.id: row for row in scope.calendars.values()}
    for placement, change in rows:
        start, announced_at = placement.announced_start, placement.announced_at
        assert start is not None  # the query asks for both
        assert announced_at is not None
        calendar = scope.calendar_at(by_id[placement.calendar_id], announced_at)
        level = Level(placement.announced_level or change.level or Level.MAJOR.value)
        notice = _policy_notice(calendar, placement.announced_window or "", level)
        teams = calendar.business_days_of(frozenset(change.affected_teams or ()))
        yield DateFact(
            change=change.id, level=(change.level or level.value),
            first_start=first[change.id][0] if change.id in first else start, start=start,
            end=placement.ends_at or start, announced_at=announced_at,
            notice_from=notice.earliest(announced_at, teams), agreed=agreed.get(change.id),
            moved=change.id in first, lane=placement.why == LANE,
            shipped_at=shipped.get((change.id, placement.environment)),
        )  # fmt: skip
    kept = {change.id for _, change in rows}
    for change_id in sorted(late - kept):
        start, level_name = first[change_id]
        yield DateFact(change_id, level_name, start, start, start, None, None, None, moved=True)


def _first_dates(scope: Scope) -> dict[str, tuple[datetime, str]]:
    """Change that moved -> the date announced first, and its level."""
    rows = scope.session.execute(
        select(MoveRow.change_id, MoveRow.from_start, Change.level)
        .join(Change, Change.id == MoveRow.change_id)
        .where(MoveRow.change_id.in_(scope.changes()), MoveRow.from_start.is_not(None))
        .order_by(MoveRow.at, MoveRow.plan_version)
    )
    found: dict[str, tuple[datetime, str]] = {}
    for change, start, level in rows:
        if start is not None:
            found.setdefault(change, (start, level or Level.MAJOR.value))
    return found


def _shipped(scope: Scope) -> dict[tuple[str, str], datetime]:
    rows = scope.session.execute(
        select(StageRow.change_id, StageRow.environment, func.min(StageRow.at))
        .where(StageRow.stage == "deploy", StageRow.state == "done", StageRow.change_id.in_(scope.changes()))
        .group_by(StageRow.change_id, StageRow.environment)
    )
    return {(change, environment): at for change, environment, at in rows}


def _policy_notice(calendar: ReleaseCalendar, window: str, level: Level) -> Notice:
    return calendar.policy_of(window).notice(level)


def _agreed(scope: Scope, span: Span, rows: list[tuple[PlacementRow, Change]]) -> dict[str, bool | None]:
    """Major change -> whether all that was asked for was given when its window began (None: nothing was asked for).

    Votes close when a window begins, so those that stand were given before.
    """
    windows: dict[tuple[str, str, datetime], list[tuple[Change, Slot]]] = {}
    by_id: dict[str, CalendarRow] = {row.id: row for row in scope.calendars.values()}
    for placement, change in rows:
        start = placement.announced_start
        if change.level == Level.MAJOR.value and start is not None and placement.window and span.holds(start):
            slot = Slot(by_id[placement.calendar_id].slug, placement.window, start, placement.environment)
            windows.setdefault((placement.calendar_id, placement.window, start), []).append((change, slot))
    found: dict[str, bool | None] = {}
    for (calendar_id, _, start), placed in windows.items():
        calendar = scope.calendar_at(by_id[calendar_id], scope.now)
        cases = proposals.cases(scope.session, placed, calendar, start)
        for case, told in zip(cases, proposals.tallies(scope.session, cases, start), strict=True):
            asked = case.policy.release_managers or case.policy.each_affected_team
            found[case.proposal.change] = told.status.given if asked else None
    return found
