"""What came of business requests: their changes on the way to production, and what was observed afterwards.

Who may see a request is decided before (``services.requests``); of its changes only those are told that the actor sees.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Promise
from release_mgmt.core.permissions import Actor
from release_mgmt.services import visibility
from release_mgmt.store.models.insight import ObservationRow, RequestChangeRow, RequestRow
from release_mgmt.store.models.repositories import Change, ClassificationRow, Release, Repository
from release_mgmt.store.models.scheduling import PlacementRow, StageRow


@dataclass(frozen=True, slots=True)
class Step:
    """A change on its way: its window, the stages it passed, and the release that holds it."""

    change: str
    title: str
    repository: str
    state: str
    window: tuple[datetime, datetime] | None
    stage: str | None
    deployed_at: datetime | None
    release: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """An observed value; ``source`` is ``reported`` or the metrics file of ``change``."""

    value: str
    source: str
    at: datetime | None
    change: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The changes of a request, and what was observed, newest first. ``measured`` is the newest value of after the
    first release; one of before it is where it began."""

    steps: tuple[Step, ...]
    effects: tuple[Effect, ...]
    measured: str | None


def of_request(session: Session, actor: Actor, row: RequestRow) -> Outcome:
    """What came of a request that the actor may see."""
    linked = session.execute(
        select(Change, Repository.name, Release.version)
        .join(RequestChangeRow, RequestChangeRow.change_id == Change.id)
        .join(Repository, Repository.id == Change.repository_id)
        .outerjoin(Release, Release.id == Change.release_id)
        .where(RequestChangeRow.request_id == row.id, visibility.changes(actor))
        .order_by(Change.happened_at, Change.id)
    ).all()
    ids = [change.id for change, _, _ in linked]
    placed = {
        one.change_id: one for one in session.scalars(select(PlacementRow).where(PlacementRow.change_id.in_(ids)))
    }
    stages: dict[str, StageRow] = {}
    deployed: dict[str, datetime] = {}
    reports = select(StageRow).where(StageRow.change_id.in_(ids)).order_by(StageRow.position)
    for report in session.scalars(reports):
        stages[report.change_id] = report
        if report.stage == "deploy" and report.state == "done":
            deployed[report.change_id] = report.at
    steps = []
    for change, repository, release in linked:
        slot, last = placed.get(change.id), stages.get(change.id)
        window = (slot.starts_at, slot.ends_at) if slot and slot.window and slot.starts_at and slot.ends_at else None
        stage = f"{last.stage} {last.state}" if last is not None else None
        steps.append(
            Step(change.id, change.title, repository, change.state, window, stage, deployed.get(change.id), release)
        )
    changes = [change for change, _, _ in linked]
    effects = _effects(session, row, changes, deployed)
    return Outcome(tuple(steps), effects, _measured(session, changes, effects))


def _effects(
    session: Session, row: RequestRow, changes: Collection[Change], deployed: dict[str, datetime]
) -> tuple[Effect, ...]:
    """What was reported, newest first, then what the metrics files of released changes say."""
    reported = session.scalars(
        select(ObservationRow)
        .where(ObservationRow.request_id == row.id)
        .order_by(ObservationRow.observed_at.desc(), ObservationRow.key)
    )
    found = [Effect(one.value, "reported", one.observed_at, None, one.note) for one in reported]
    released = [one.id for one in changes if one.state == "released"]
    if row.metric and released:
        verdicts = session.scalars(select(ClassificationRow).where(ClassificationRow.change_id.in_(released))).all()
        files = [(verdict.change_id, fact) for verdict in verdicts for fact in verdict.evidence]
        moved = [
            Effect(str(fact["new"]), str(fact["path"]), deployed.get(change), change, None)
            for change, fact in files
            if str(fact["kind"]).startswith("metric") and fact["new"] is not None and _same(row.metric, fact["subject"])
        ]
        order = {change: place for place, change in enumerate(released)}
        found += sorted(moved, key=lambda one: order[one.change or ""], reverse=True)
    return tuple(found)


def _measured(session: Session, changes: Collection[Change], effects: Collection[Effect]) -> str | None:
    """The newest effect of after the first release: its deployment, else its tag. A released change of which neither
    is known counts as released before all."""
    released = [one.id for one in changes if one.state == "released"]
    if not released:
        return None
    deploys = (StageRow.change_id.in_(released), StageRow.stage == "deploy", StageRow.state == "done")
    deployed: dict[str, datetime] = {}
    for change, at in session.execute(select(StageRow.change_id, StageRow.at).where(*deploys)):
        deployed[change] = min(at, deployed.get(change, at))
    tags = select(Change.id, Release.released_at).join(Release, Release.id == Change.release_id)
    tagged = {change: at for change, at in session.execute(tags.where(Change.id.in_(released)))}  # noqa: C416 - rows
    moments = [deployed.get(one) or tagged.get(one) for one in released]
    since = None if None in moments else min(at for at in moments if at is not None)
    for one in effects:
        if since is None or one.change is not None or (one.at is not None and one.at >= since):
            return one.value
    return None


def _same(asked: str, subject: str) -> bool:
    """Whether a metrics file's entry (``test.rmse``) is the metric asked for (``RMSE``)."""
    wanted, told = asked.casefold(), subject.casefold()
    return told == wanted or told.endswith((f".{wanted}", f"/{wanted}"))


def promises(session: Session, changes: Collection[str]) -> dict[str, tuple[Promise, ...]]:
    """Change -> what requests expect of it and what was measured; requests kept for a team are in no changelog."""
    if not changes:
        return {}
    rows = session.execute(
        select(RequestChangeRow.change_id, RequestRow)
        .join(RequestRow, RequestRow.id == RequestChangeRow.request_id)
        .where(RequestRow.team.is_(None), RequestRow.metric.is_not(None))
        .order_by(RequestRow.made_at, RequestRow.id)
    ).all()
    found: dict[str, tuple[Promise, ...]] = {}
    for change_id, row in rows:
        change = session.get(Change, change_id) if change_id in changes else None
        if change is None or row.metric is None:
            continue
        effects = _effects(session, row, [change], {}) if change.state == "released" else ()
        measured = _measured(session, [change], effects)
        promise = Promise(row.title, row.metric, row.expected_from, row.expected_to, measured)
        found[change_id] = (*found.get(change_id, ()), promise)
    return found


def told_at(session: Session, changes: Collection[str]) -> dict[str, datetime]:
    """Change -> when what :func:`promises` tells of it last changed."""
    linked = (
        select(RequestChangeRow.change_id, RequestRow.updated_at, func.max(ObservationRow.reported_at))
        .join(RequestRow, RequestRow.id == RequestChangeRow.request_id)
        .outerjoin(ObservationRow, ObservationRow.request_id == RequestRow.id)
        .where(RequestRow.team.is_(None), RequestRow.metric.is_not(None))
        .group_by(RequestChangeRow.change_id, RequestRow.id, RequestRow.updated_at)
    )
    found: dict[str, datetime] = {}
    for change, *moments in session.execute(linked):
        if change in changes:
            found[change] = max(at for at in (*moments, found.get(change)) if at is not None)
    return found
