"""Facts of delivery from the store: a number of queries that does not grow with what is counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select

from release_mgmt.core.classification import Level
from release_mgmt.core.metrics import (
    Facts,
    GateFact,
    GlassFact,
    IncidentFact,
    LevelFact,
    MoveFact,
    Report,
    ShippedFact,
    Span,
    TagFact,
)
from release_mgmt.core.windows import Target, in_scope, periods
from release_mgmt.services.metrics import dates
from release_mgmt.services.metrics.scope import Scope, read_from
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.insight import IncidentRow
from release_mgmt.store.models.repositories import (
    FLAG,
    Change,
    ChangeCommit,
    ClassificationRow,
    Commit,
    Release,
    Repository,
)
from release_mgmt.store.models.scheduling import GateDecisionRow, MoveRow, StageRow

ASKED_BEFORE = timedelta(days=1)
_MOMENT = timedelta(minutes=1)
_RANK = {"minor": 0, "major": 1}


def load(scope: Scope, span: Span) -> Facts:
    """Everything that the figures of ``span`` are made of."""
    reports = _reports(scope, span)
    shipped = _shipped(scope, span)
    first = {one.change: one.at for one in shipped}
    return Facts(
        reporting=_ever_reported(scope),
        tagging=_ever_tagged(scope),
        reports=tuple(reports),
        shipped=tuple(shipped),
        tags=tuple(_tags(scope, span)),
        incidents=tuple(_incidents(scope, span)),
        dates=tuple(dates.load(scope, span)),
        moves=tuple(_moves(scope, span)),
        gates=tuple(_gates(scope, span, first)),
        glasses=tuple(_glasses(scope, span)),
        levels=tuple(_levels(scope, span)),
    )


def _deploys(scope: Scope) -> Select[str, str, str | None, str, str, datetime]:
    return (
        select(
            StageRow.change_id, Repository.name, Repository.calendar, StageRow.environment, StageRow.state, StageRow.at
        )
        .join(Change, Change.id == StageRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .where(StageRow.stage == "deploy", StageRow.change_id.in_(scope.changes()), _installed())
    )


def _installed() -> ColumnElement[bool]:
    """A flag that is switched deploys nothing."""
    return or_(Change.kind.is_(None), Change.kind != FLAG)


def _ever_reported(scope: Scope) -> bool:
    done = _deploys(scope).where(StageRow.state == "done")
    return scope.session.execute(done.limit(1)).first() is not None


def _reports(scope: Scope, span: Span) -> Iterable[Report]:
    production = scope.production
    rows = _deploys(scope).where(StageRow.at >= read_from(span), StageRow.state.in_(("done", "failed", "rolled_back")))
    for change, repository, calendar, environment, state, at in scope.session.execute(rows):
        if production.holds(change, environment, calendar):
            yield Report(change, repository, environment, state, at)


def _shipped(scope: Scope, span: Span) -> list[ShippedFact]:
    production = scope.production
    first = func.min(StageRow.at)
    rows = scope.session.execute(
        select(
            StageRow.change_id, Repository.name, Repository.calendar, StageRow.environment, first, Change.level,
            Change.affected_teams, Change.kind,
        )
        .join(Change, Change.id == StageRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .where(StageRow.stage == "deploy", StageRow.state == "done", StageRow.change_id.in_(scope.changes()))
        .group_by(
            StageRow.change_id, Repository.name, Repository.calendar, StageRow.environment, Change.level,
            Change.affected_teams, Change.kind,
        )
        .having(first >= span.since, first < span.until)
    ).all()  # fmt: skip
    began = _committed(scope, select(StageRow.change_id).where(StageRow.stage == "deploy", StageRow.at >= span.since))
    found = []
    for change, repository, slug, environment, at, level, teams, kind in rows:
        if production.holds(change, environment, slug):
            target = Target(repository, environment, frozenset(teams or ()), Level(level) if level else Level.MAJOR)
            found.append(ShippedFact(change, at, began.get(change), _frozen(scope, slug, target, at), kind == FLAG))
    return found


def _committed(scope: Scope, changes: Select[str]) -> dict[str, datetime]:
    """Change -> the committer date of its oldest commit."""
    rows = scope.session.execute(
        select(ChangeCommit.change_id, func.min(Commit.committed_at))
        .join(Commit, (Commit.sha == ChangeCommit.sha) & (Commit.repository_id == ChangeCommit.repository_id))
        .where(ChangeCommit.change_id.in_(changes), ChangeCommit.change_id.in_(scope.changes()))
        .group_by(ChangeCommit.change_id)
    )
    return {change: at for change, at in rows if at is not None}


def _frozen(scope: Scope, slug: str | None, target: Target, at: datetime) -> bool:
    row = scope.calendar_row(slug)
    if row is None:
        return False
    freezes = scope.calendar_at(row, at).freezes
    return any(one.contains(at) for one in in_scope(periods(freezes, at, at + _MOMENT), target, hard=True))


def _mine(scope: Scope) -> ColumnElement[bool]:
    """Releases of repositories asked about, and those that hold changes asked about."""
    return or_(
        Release.repository_id.in_(select(Repository.id).where(scope.repositories())),
        Release.id.in_(select(Change.release_id).where(Change.id.in_(scope.changes()))),
    )


def _ever_tagged(scope: Scope) -> bool:
    versions = select(Release.id).where(Release.prerelease.is_(False), Release.released_at.is_not(None), _mine(scope))
    return scope.session.execute(versions.limit(1)).first() is not None


def _tags(scope: Scope, span: Span) -> Iterable[TagFact]:
    inside = (Release.released_at >= span.since, Release.released_at < span.until, Release.prerelease.is_(False))
    releases = scope.session.execute(
        select(Release.id, Repository.name, Release.version, Release.released_at)
        .join(Repository, Repository.id == Release.repository_id)
        .where(*inside, _mine(scope))
    ).all()
    held = select(Change.id, Change.release_id).where(
        Change.release_id.in_(select(Release.id).where(*inside)), Change.id.in_(scope.changes())
    )
    began = _committed(scope, select(Change.id).where(Change.release_id.in_(select(Release.id).where(*inside))))
    changes: dict[str, list[tuple[str, datetime | None]]] = {}
    for change, release in scope.session.execute(held):
        changes.setdefault(release or "", []).append((change, began.get(change)))
    for key, repository, version, at in releases:
        yield TagFact(repository, version, at or span.since, tuple(changes.get(key, ())))


def _incidents(scope: Scope, span: Span) -> Iterable[IncidentFact]:
    named = or_(Release.version == IncidentRow.release, Release.tag == IncidentRow.release)
    held = select(Release.id).where(
        Release.repository_id == IncidentRow.repository_id, named,
        Release.id.in_(select(Change.release_id).where(Change.id.in_(scope.changes()))),
    )  # fmt: skip
    mine = or_(scope.repositories(), IncidentRow.change_id.in_(scope.changes()), held.exists())
    rows = scope.session.execute(
        select(IncidentRow)
        .join(Repository, Repository.id == IncidentRow.repository_id)
        .where(mine, IncidentRow.opened_at >= read_from(span))
    ).scalars()
    for row in rows.all():
        caused = {row.change_id} if row.change_id is not None else set()
        if row.change_id is None and row.release is not None:
            called = or_(Release.version == row.release, Release.tag == row.release)
            releases = select(Release.id).where(Release.repository_id == row.repository_id, called)
            caused = set(scope.session.scalars(select(Change.id).where(Change.release_id.in_(releases))))
        yield IncidentFact(f"{row.repository_id}/{row.key}", row.opened_at, row.closed_at, frozenset(caused))


def _moves(scope: Scope, span: Span) -> Iterable[MoveFact]:
    rows = scope.session.execute(
        select(MoveRow.change_id, MoveRow.at, MoveRow.reasons).where(
            MoveRow.at >= span.since, MoveRow.at < span.until, MoveRow.change_id.in_(scope.changes())
        )
    )
    for change, at, reasons in rows:
        yield MoveFact(change, at, tuple(str(one.get("code", "")) for one in reasons))


def _gates(scope: Scope, span: Span, first: dict[str, datetime]) -> Iterable[GateFact]:
    asked = (
        select(
            GateDecisionRow.change_id, GateDecisionRow.evaluated_at, GateDecisionRow.at, GateDecisionRow.decision,
            GateDecisionRow.environment, Repository.calendar,
        )
        .join(Change, Change.id == GateDecisionRow.change_id)
        .join(Repository, Repository.id == Change.repository_id)
        .where(
            GateDecisionRow.change_id.in_(scope.changes()),
            GateDecisionRow.evaluated_at >= span.since - ASKED_BEFORE,
            GateDecisionRow.at < span.until,
        )
        .order_by(GateDecisionRow.evaluated_at)
    )  # fmt: skip
    rows = [
        # a flag is asked about when it is reported, as of the instant at which it was switched
        (change or "", min(evaluated, about), decision)
        for change, evaluated, about, decision, environment, calendar in scope.session.execute(asked)
        if scope.production.holds(change or "", environment, calendar)
    ]
    last = {
        change: decision
        for change, at, decision in rows
        if change in first and first[change] - ASKED_BEFORE <= at <= first[change]
    }
    return [GateFact(change, first[change], decision) for change, decision in last.items()]


def _glasses(scope: Scope, span: Span) -> Iterable[GlassFact]:
    rows = scope.session.execute(
        select(BreakGlassRow.change_id, BreakGlassRow.decided_at).where(
            BreakGlassRow.granted.is_(True),
            BreakGlassRow.decided_at >= span.since,
            BreakGlassRow.decided_at < span.until,
            BreakGlassRow.change_id.in_(scope.changes()),
        )
    )
    return [GlassFact(change, at) for change, at in rows if at is not None]


def _levels(scope: Scope, span: Span) -> Iterable[LevelFact]:
    rows = scope.session.execute(
        select(Change.id, Change.merged_at, Change.level, Change.overridden, ClassificationRow.level)
        .join(ClassificationRow, ClassificationRow.change_id == Change.id)
        .where(
            Change.merged_at >= span.since,
            Change.merged_at < span.until,
            Change.id.in_(scope.changes()),
        )
    )
    for change, at, level, overridden, ruled in rows:
        step = _RANK.get(level or ruled, 0) - _RANK.get(ruled, 0)
        word = "raised" if step > 0 else "lowered" if step < 0 else "kept"
        if at is not None:
            yield LevelFact(change, at, word if overridden else None)
