"""From stored changes to what the planner places."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Announced, Candidate, Request
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.repositories import Change, Release, Repository
from release_mgmt.store.models.scheduling import CalendarRow, ChangeTerms, DependencyRow, PlacementRow, StageRow

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
DONE = ("released", "rolled_back")
GONE = ("withdrawn",)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The candidates of a calendar, and where what they need stands elsewhere: ``external`` and ``gone`` are those of
    :class:`release_mgmt.core.planning.Settings`."""

    candidates: list[Candidate]
    external: dict[str, datetime | None]
    gone: dict[str, str]
    changes: dict[str, Change]
    repositories: dict[str, str]


def environment_of(calendar: ReleaseCalendar) -> str:
    """The environment that a calendar's windows release to: that of its first series."""
    return next((each.environments[0] for each in calendar.series if each.environments), "prod")


def repositories_of(session: Session, row: CalendarRow) -> dict[str, str]:
    """Id -> name of the repositories whose changes go to the calendar; the only calendar takes those that name none."""
    only = session.scalar(select(func.count()).select_from(CalendarRow)) == 1
    belongs = (
        or_(Repository.calendar == row.slug, Repository.calendar.is_(None))
        if only
        else (Repository.calendar == row.slug)
    )
    statement = select(Repository.id, Repository.name).where(belongs, Repository.archived_at.is_(None))
    return {row[0]: row[1] for row in session.execute(statement)}


def load(session: Session, now: datetime, row: CalendarRow, calendar: ReleaseCalendar) -> Loaded:
    """Every change that is to be planned: not shipped before its repository was adopted, not done before."""
    repositories = repositories_of(session, row)
    environment = environment_of(calendar)
    statement = (
        select(Change)
        .join(Repository, Repository.id == Change.repository_id)
        .outerjoin(Release, Release.id == Change.release_id)
        .where(
            Change.repository_id.in_(repositories),
            or_(Change.release_id.is_(None), Release.released_at > Repository.adopted_at),
            or_(
                Change.state.not_in(DONE + GONE),
                Change.id.in_(select(PlacementRow.change_id).where(PlacementRow.announced_at.is_not(None))),
            ),
        )
    )
    changes = {change.id: change for change in session.scalars(statement)}
    needs = _dependencies(session, changes)
    terms = {each.change_id: each for each in session.scalars(select(ChangeTerms)) if each.change_id in changes}
    placements = {
        each.change_id: each for each in session.scalars(select(PlacementRow).where(PlacementRow.calendar_id == row.id))
    }
    passed, emergencies = _passed(session), _emergencies(session, now, changes)
    before = {name: calendar.passed_before(name) for series in calendar.series for name in series.environments}
    candidates = []
    for change in changes.values():
        placement = placements.get(change.id)
        # What was announced to an environment stays with it while any window serves that one.
        kept = placement is not None and placement.announced_at is not None and placement.environment in before
        where = placement.environment if placement is not None and kept else environment
        candidates.append(
            _candidate(
                change, repositories, where, needs.get(change.id, ()), terms.get(change.id), placement, passed,
                before.get(where, ()), emergency=change.id in emergencies,
            )
        )  # fmt: skip
    outside = {need for required in needs.values() for need in required} - set(changes)
    external, gone = _external(session, outside)
    return Loaded(candidates, external, gone, changes, repositories)


def _dependencies(session: Session, changes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    wanted = set(changes)
    found: dict[str, list[str]] = {}
    for change, needs in session.execute(
        select(DependencyRow.change_id, DependencyRow.needs_id).order_by(DependencyRow.needs_id)
    ):
        if change in wanted:
            found.setdefault(change, []).append(needs)
    return {change: tuple(required) for change, required in found.items()}


def _passed(session: Session) -> dict[tuple[str, str], datetime]:
    """(change, stage or environment) -> when its latest report said that it passed; a failure takes it back."""
    found: dict[tuple[str, str], datetime] = {}
    for stage in session.scalars(select(StageRow).order_by(StageRow.change_id, StageRow.position)):
        keys = [(stage.change_id, f"stage:{stage.stage}")]
        if stage.stage in {"deploy", "stage"}:
            keys.append((stage.change_id, stage.environment))
        for key in keys:
            if stage.state == "done":
                found[key] = stage.at
            elif stage.state in {"failed", "rolled_back"}:
                found.pop(key, None)
    return found


def _emergencies(session: Session, now: datetime, changes: Mapping[str, Change]) -> set[str]:
    """The changes that a break-glass is in force for, and those that were deployed while one was."""
    granted = select(BreakGlassRow).where(BreakGlassRow.granted.is_(True))
    found = {row.change_id for row in session.scalars(granted) if row.holds(now)}
    deployed = granted.add_columns(StageRow.at).join(
        StageRow, and_(StageRow.change_id == BreakGlassRow.change_id, StageRow.stage == "deploy")
    )
    done = {change.id for change in changes.values() if change.state in DONE}
    return found | {row.change_id for row, at in session.execute(deployed) if row.change_id in done and row.holds(at)}


def _external(session: Session, outside: set[str]) -> tuple[dict[str, datetime | None], dict[str, str]]:
    """Changes of other calendars: when their window starts, released ones long ago; and which of them are gone."""
    found: dict[str, datetime | None] = dict.fromkeys(outside)
    gone: dict[str, str] = {}
    if not outside:
        return found, gone
    rows = session.execute(
        select(Change.id, Change.state, func.max(PlacementRow.starts_at))
        .outerjoin(PlacementRow, and_(PlacementRow.change_id == Change.id))
        .where(Change.id.in_(outside))
        .group_by(Change.id, Change.state)
    )
    for change, state, start in rows:
        found[change] = LONG_AGO if state in DONE else start
        if state in GONE or state == "rolled_back":
            found[change] = None
            gone[change] = "withdrawn" if state in GONE else "dependency"
    return found, gone


def _candidate(
    change: Change,
    repositories: Mapping[str, str],
    environment: str,
    needs: tuple[str, ...],
    terms: ChangeTerms | None,
    placement: PlacementRow | None,
    passed: Mapping[tuple[str, str], datetime],
    before: Collection[str],
    *,
    emergency: bool,
) -> Candidate:
    level = Level(change.level) if change.level else Level.MINOR
    return Candidate(
        id=change.id,
        title=change.title,
        repository=repositories[change.repository_id],
        level=level,
        ready_at=change.merged_at if change.level else None,
        teams=frozenset(change.affected_teams or ()),
        environment=environment,
        priority=change.priority,
        depends_on=needs,
        points=terms.points if terms else None,
        duration=timedelta(minutes=terms.minutes) if terms and terms.minutes else None,
        earliest=terms.earliest if terms else None,
        deadline=terms.deadline if terms else None,
        accepted_at=passed.get((change.id, "stage:accept")),
        passed=tuple((each, passed[change.id, each]) for each in sorted(before) if (change.id, each) in passed),
        emergency=emergency,
        done=change.state in DONE,
        rolled_back=change.state == "rolled_back",
        withdrawn=change.state in GONE,
        announced=_announced(placement),
        request=_request(placement),
    )


def _announced(row: PlacementRow | None) -> Announced | None:
    if row is None or row.announced_at is None or row.announced_window is None or row.announced_start is None:
        return None
    return Announced(
        window=row.announced_window,
        start=row.announced_start,
        at=row.announced_at,
        version=row.announced_version or 0,
        level=Level(row.announced_level) if row.announced_level else None,
        origin=row.origin,
    )


def _request(row: PlacementRow | None) -> Request | None:
    if row is None or row.requested_window is None:
        return None
    return Request(row.requested_window, row.requested_reason or "", row.requested_by or "")
