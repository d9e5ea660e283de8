"""How far each repository has come, kept over time: snapshots of the verdicts with what only the service knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError, InvalidInput, NotFound
from release_mgmt.core.maturity import AreaVerdict
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, audit, maturity, visibility
from release_mgmt.services.maturity import YEAR, Standing
from release_mgmt.services.plan_rows import LANE
from release_mgmt.sources.git import Repository as Source
from release_mgmt.store.models.approvals import VoteRow
from release_mgmt.store.models.insight import MaturityRow, PracticeRow
from release_mgmt.store.models.repositories import Change, Release, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, StageRow, WindowRow

EVERY = timedelta(days=7)
KINDS = ("monitor", "load_test")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Point:
    """One snapshot: area -> level, of the commit of ``judged_at``."""

    judged_at: datetime
    sha: str
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Course:
    """Where a repository stands (``areas`` as in ``release-mgmt maturity --format json``), and its way there."""

    repository: str
    judged_at: datetime | None
    sha: str | None
    areas: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, float]
    notes: tuple[str, ...]
    points: tuple[Point, ...]


def facts(session: Session, repository: Repository, now: datetime) -> dict[str, float]:
    """What the service knows of the last year: shares (0 to 1) and counts; a share of nothing is left out."""
    since = now - YEAR
    shipped = session.execute(
        select(StageRow.change_id, StageRow.environment, func.min(StageRow.at))
        .join(Change, Change.id == StageRow.change_id)
        .where(
            Change.repository_id == repository.id, StageRow.stage == "deploy", StageRow.state == "done",
            StageRow.at >= since,
        )
        .group_by(StageRow.change_id, StageRow.environment)
    ).all()  # fmt: skip
    placed = {
        (row.change_id, row.environment): row
        for row in session.scalars(
            select(PlacementRow)
            .join(Change, Change.id == PlacementRow.change_id)
            .where(Change.repository_id == repository.id, PlacementRow.window.is_not(None))
        )
    }
    inside = [_inside(placed.get((change, environment)), at) for change, environment, at in shipped]
    found = {"deployments_reported": float(len(shipped))}
    if inside:
        found["changes_in_windows"] = sum(inside) / len(inside)
        agreed = select(VoteRow.change_id).where(VoteRow.verdict == "approve")
        voted = set(session.scalars(agreed))
        found["approvals_given"] = sum(change in voted for change, _, _ in shipped) / len(shipped)
    tags = _tags_in_windows(session, repository, max(since, repository.adopted_at))
    if tags is not None:
        found["tags_in_windows"] = tags
    seen = select(PracticeRow.kind, func.count()).where(
        PracticeRow.repository_id == repository.id, PracticeRow.seen_at >= since
    )
    counted = dict(session.execute(seen.group_by(PracticeRow.kind)).all())
    for kind in KINDS:
        found[f"{kind}s_reported"] = float(counted.get(kind, 0))
    return found


def _inside(placement: PlacementRow | None, at: datetime) -> bool:
    if placement is None or placement.why == LANE or placement.starts_at is None or placement.ends_at is None:
        return False
    return placement.starts_at <= at < placement.ends_at


def _tags_in_windows(session: Session, repository: Repository, since: datetime) -> float | None:
    """The share of version tags since then that were made within a window of the repository's calendar."""
    made = select(Release.released_at).where(Release.repository_id == repository.id, Release.released_at >= since)
    tags = [at for at in session.scalars(made) if at is not None]
    calendar = session.scalar(select(CalendarRow.id).where(CalendarRow.slug == repository.calendar))
    if not tags or calendar is None:
        return None
    windows = session.execute(
        select(WindowRow.starts_at, WindowRow.ends_at).where(
            WindowRow.calendar_id == calendar, WindowRow.ends_at >= since, WindowRow.state != "cancelled",
            WindowRow.series != LANE,
        )
    ).all()  # fmt: skip
    return sum(any(start <= at < end for start, end in windows) for at in tags) / len(tags)


def take(store: Store, now: datetime, repository_id: str, source: Source) -> bool:
    """Keep a snapshot when the last one is a week old, the first time also of the year before; whether one was kept.

    A repository without a commit on HEAD has nothing to judge yet.
    """
    with store.read() as session:
        row = session.get_one(Repository, repository_id)
        last = session.scalar(select(func.max(MaturityRow.day)).where(MaturityRow.repository_id == repository_id))
        known = facts(session, row, now)
    if last is not None and f"{now - EVERY:%Y-%m-%d}" < last:
        return False
    head = source.refs().head.sha
    if head is None:
        return False
    judged = maturity.judge_repository(source, maturity.rules(), revision=head, facts=known)
    with store.write() as session:
        if last is None and judged.before is not None:
            _keep(session, repository_id, f"{now - YEAR:%Y-%m-%d}", judged.before, {})
        _keep(session, repository_id, f"{now:%Y-%m-%d}", judged.now, known)
    return True


def _keep(session: Session, repository_id: str, day: str, standing: Standing, known: Mapping[str, float]) -> None:
    session.merge(
        MaturityRow(
            repository_id=repository_id, day=day, sha=standing.sha, judged_at=standing.at, facts=dict(known),
            notes=list(standing.notes), verdicts=[_area(one) for one in standing.verdicts],
        )
    )  # fmt: skip


def _area(verdict: AreaVerdict) -> dict[str, Any]:
    return {
        "id": verdict.area.id, "title": verdict.area.title, "level": verdict.level, "of": len(verdict.steps),
        "next": verdict.next.next if verdict.next else None,
        "steps": [
            {"id": step.step.id, "title": step.step.title, "holds": step.holds, "evidence": list(step.evidence)}
            for step in verdict.steps
        ],
    }  # fmt: skip


def of_repository(store: Store, actor: Actor, name: str) -> Course:
    """Where a repository stands and how it came there; without a snapshot yet, nothing."""
    require(actor, Action.READ_REPOSITORY)
    with store.read() as session:
        row = session.scalar(select(Repository).where(Repository.name == name, visibility.repositories(actor)))
        if row is None:
            raise NotFound("There is no such repository.")
        kept = select(MaturityRow).where(MaturityRow.repository_id == row.id).order_by(MaturityRow.day)
        return _course(name, list(session.scalars(kept)))


def every(store: Store, actor: Actor) -> list[Course]:
    """Where each repository stands that the actor may know of, by name."""
    require(actor, Action.READ_REPOSITORY)
    with store.read() as session:
        seen = select(Repository.id, Repository.name).where(
            visibility.repositories(actor), Repository.archived_at.is_(None)
        )
        names = dict(session.execute(seen).all())
        rows: dict[str, list[MaturityRow]] = {}
        kept = select(MaturityRow).where(MaturityRow.repository_id.in_(seen.with_only_columns(Repository.id)))
        for row in session.scalars(kept.order_by(MaturityRow.day)):
            rows.setdefault(row.repository_id, []).append(row)
    return [_course(name, rows.get(key, [])) for key, name in sorted(names.items(), key=lambda one: one[1])]


def _course(name: str, rows: list[MaturityRow]) -> Course:
    points = tuple(Point(one.judged_at, one.sha, {area["id"]: area["level"] for area in one.verdicts}) for one in rows)
    if not rows:
        return Course(name, None, None, (), {}, (), ())
    last = rows[-1]
    return Course(name, last.judged_at, last.sha, tuple(last.verdicts), last.facts, tuple(last.notes), points)


def report(
    store: Store, actor: Actor, now: datetime, repository: str, kind: str, key: str, *, name: str,
    url: str | None = None,
) -> bool:  # fmt: skip
    """Keep that a monitor or a load test is there (again); whether it is new. It counts for a year."""
    require(actor, Action.POST_EVENTS)
    faults = []
    if kind not in KINDS:
        faults.append(FieldError("kind", "is not known", ", ".join(KINDS)))
    if one_line(key, LONGEST) != key:
        faults.append(FieldError("practice", "cannot be an id", f"one line of {LONGEST} characters at most"))
    if url is not None and not url.startswith(("https://", "http://")):
        faults.append(FieldError("url", "is no address of a page", "https://..."))
    if faults:
        raise InvalidInput("This cannot be reported.", faults)
    with store.write() as session:
        visibility.require_seen_in(session, actor, named=[repository])
        home = session.scalar(select(Repository).where(Repository.name == repository))
        if home is None:
            raise NotFound("There is no such repository.")
        found = session.get(PracticeRow, (home.id, kind, key))
        new = found is None
        if found is None:
            by = actor.person or actor.name
            found = PracticeRow(repository_id=home.id, kind=kind, key=key, reported_by=by, name="", seen_at=now)
            session.add(found)
        found.name, found.url, found.seen_at = one_line(name, LONGEST), url, now
        if new:
            audit.record(
                session, actor, now, action=Action.POST_EVENTS, subject=f"practice:{repository}/{kind}/{key}",
                after={"name": found.name, "url": url},
            )  # fmt: skip
        return new
