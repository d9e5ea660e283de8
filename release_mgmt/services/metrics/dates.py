"""Announced dates from the store: what was announced when, whether it moved, was agreed, and kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select

from release_mgmt.core.approvals import Slot
from release_mgmt.core.classification import Level
from release_mgmt.core.metrics import DateFact, Span
from release_mgmt.core.windows import Notice
from release_mgmt.services import proposals
from release_mgmt.services.metrics.scope import Scope
from release_mgmt.services.plan_rows import LANE
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, MoveRow, PlacementRow, StageRow, WindowRow


def load(scope: Scope, span: Span) -> Iterable[DateFact]:
    """The dates of changes of which the first or the last lies in the span or later."""
    session = scope.session
    first = _first_dates(scope)
    late = {change for change, one in first.items() if one.start >= span.since}
    moved_late = select(MoveRow.change_id).where(MoveRow.from_start >= span.since)
    rows = session.execute(
        select(
            PlacementRow.change_id, PlacementRow.environment, PlacementRow.calendar_id, PlacementRow.window,
            PlacementRow.why, PlacementRow.ends_at, PlacementRow.announced_at, PlacementRow.announced_start,
            PlacementRow.announced_window, PlacementRow.announced_level, Change.level, Change.affected_teams,
        )
        .join(Change, Change.id == PlacementRow.change_id)
        .where(
            PlacementRow.change_id.in_(scope.changes()),
            PlacementRow.announced_at.is_not(None),
            PlacementRow.announced_start.is_not(None),
            or_(PlacementRow.announced_start >= span.since, PlacementRow.change_id.in_(moved_late)),
        )
    ).all()  # fmt: skip
    shipped = _shipped(scope)
    agreed = _agreed(scope, span, rows)
    by_id = {row.id: row for row in scope.calendars.values()}
    earliest = lru_cache(maxsize=None)(Notice.earliest)  # a plan announces many at one instant
    for row in rows:
        start, announced_at = row.announced_start, row.announced_at
        assert start is not None  # the query asks for both
        assert announced_at is not None
        calendar = scope.calendar_at(by_id[row.calendar_id], announced_at)
        level = Level(row.announced_level or row.level or Level.MAJOR.value)
        notice = calendar.policy_of(row.announced_window or "").notice(level)
        teams = calendar.business_days_of(frozenset(row.affected_teams or ()))
        before = first.get(row.change_id)
        yield DateFact(
            change=row.change_id, level=(row.level or level.value), first_start=before.start if before else start,
            start=start, end=row.ends_at or start, announced_at=announced_at,
            notice_from=earliest(notice, announced_at, teams), agreed=agreed.get(row.change_id),
            moved=before is not None, first_end=before.end if before else row.ends_at, lane=row.why == LANE,
            shipped_at=shipped.get((row.change_id, row.environment)),
        )  # fmt: skip
    kept = {row.change_id for row in rows}
    for change_id in sorted(late - kept):
        start = first[change_id].start
        yield DateFact(change_id, first[change_id].level, start, start, start, None, None, None, moved=True)


class _First(NamedTuple):
    """The date announced first of a change that moved; ``end`` is None when its window is not at that time any more."""

    start: datetime
    end: datetime | None
    level: str


def _first_dates(scope: Scope) -> dict[str, _First]:
    """Change that moved -> the date announced first."""
    window = and_(
        WindowRow.calendar_id == MoveRow.calendar_id,
        WindowRow.key == MoveRow.from_window,
        WindowRow.starts_at == MoveRow.from_start,
    )
    rows = scope.session.execute(
        select(MoveRow.change_id, MoveRow.from_start, WindowRow.ends_at, Change.level)
        .join(Change, Change.id == MoveRow.change_id)
        .outerjoin(WindowRow, window)
        .where(MoveRow.change_id.in_(scope.changes()), MoveRow.from_start.is_not(None))
        .order_by(MoveRow.at, MoveRow.plan_version)
    )
    found: dict[str, _First] = {}
    for change, start, end, level in rows:
        if start is not None:
            found.setdefault(change, _First(start, end, level or Level.MAJOR.value))
    return found


def _shipped(scope: Scope) -> dict[tuple[str, str], datetime]:
    rows = scope.session.execute(
        select(StageRow.change_id, StageRow.environment, func.min(StageRow.at))
        .where(StageRow.stage == "deploy", StageRow.state == "done", StageRow.change_id.in_(scope.changes()))
        .group_by(StageRow.change_id, StageRow.environment)
    )
    return {(change, environment): at for change, environment, at in rows}


def _agreed(scope: Scope, span: Span, rows: Sequence[Any]) -> dict[str, bool | None]:
    """Major change -> whether all that was asked for was given when its window began (None: nothing was asked for).

    Votes close when a window begins, so those that stand were given before.
    """
    windows: dict[tuple[str, str, datetime], list[tuple[Change, Slot]]] = {}
    by_id: dict[str, CalendarRow] = {row.id: row for row in scope.calendars.values()}
    major = [
        row for row in rows if row.level == Level.MAJOR.value and row.window and span.holds(row.announced_start)
    ]  # fmt: skip
    found_changes = scope.session.scalars(select(Change).where(Change.id.in_({row.change_id for row in major})))
    changes = {change.id: change for change in found_changes}
    for row in major:
        start = row.announced_start
        slot = Slot(by_id[row.calendar_id].slug, row.window, start, row.environment)
        windows.setdefault((row.calendar_id, row.window, start), []).append((changes[row.change_id], slot))
    found: dict[str, bool | None] = {}
    for (calendar_id, _, start), placed in windows.items():
        calendar = scope.calendar_at(by_id[calendar_id], scope.now)
        cases = proposals.cases(scope.session, placed, calendar, start)
        for case, told in zip(cases, proposals.tallies(scope.session, cases, start), strict=True):
            asked = case.policy.release_managers or case.policy.each_affected_team
            found[case.proposal.change] = told.status.given if asked else None
    return found
