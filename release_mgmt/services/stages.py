"""Stages: what a change has passed (develop, verify, stage, accept, deploy), reported by pipelines or people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError, InvalidInput, NotFound
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import clean
from release_mgmt.services import Store, audit, calendar_rows, lane, outbox, plans, secret
from release_mgmt.services.candidates import environment_of
from release_mgmt.services.feed_events import heads
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, StageRow

STAGES = ("develop", "verify", "stage", "accept", "deploy")
STATES = ("running", "done", "failed", "rolled_back")
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class StageView:
    """One report; ``done`` of ``total`` for a roll-out over many servers or sites."""

    id: str
    change: str
    stage: str
    environment: str
    state: str
    done: int | None
    total: int | None
    note: str | None
    reported_by: str
    at: datetime


def _view(row: StageRow) -> StageView:
    return StageView(
        row.id, row.change_id, row.stage, row.environment, row.state, row.done, row.total, row.note, row.reported_by,
        row.at,
    )  # fmt: skip


def report(
    store: Store,
    actor: Actor,
    now: datetime,
    change: str,
    *,
    stage: str,
    state: str,
    environment: str = "prod",
    done: int | None = None,
    total: int | None = None,
    note: str | None = None,
) -> StageView:
    """Keep a report. A finished deploy to the calendar's environment releases the change; a rollback takes it back.

    What a calendar approves in advance and ships outside its window is shown where it shipped from then on
    (:mod:`release_mgmt.services.lane`). A roll-out is finished when ``done`` reaches ``total``: until then ``done``
    as state is refused.
    """
    require(actor, Action.REPORT_STAGE)
    _check(stage, state, done, total)
    with store.write(lock=plans.LOCK) as session:
        found = session.get(Change, change)
        if found is None:
            raise NotFound("There is no such change.")
        last = session.scalar(select(func.max(StageRow.position)).where(StageRow.change_id == change))
        row = StageRow(
            id=secret.identifier("st"), change_id=change, position=(last or 0) + 1, stage=stage,
            environment=environment, state=state, done=done,
            total=total, note=clean(note, 2000) if note else None, reported_by=actor.person or actor.name, at=now,
        )  # fmt: skip
        session.add(row)
        before, shipped = found.state, False
        if stage == "deploy" and environment == _production(session, change, now):
            if state == "done":
                shipped, found.state = found.state != "released", "released"
            elif state == "rolled_back" and found.state == "released":
                found.state = "rolled_back"
                heads.changelogs_moved(session, now)
        found.updated_at = now
        session.flush()
        if shipped:
            lane.ship(session, actor, now, found, environment)
        elif found.state != before:
            _mark(session, actor, now, found, environment)
        if found.state != before:
            _tell(session, actor, now, found, environment, row.note)
        audit.record(
            session, actor, now, action=Action.REPORT_STAGE, subject=f"change:{change}", reason=note,
            before={"state": before},
            after={"stage": stage, "environment": environment, "state": state, "done": done, "total": total,
                   "change_state": found.state},
        )  # fmt: skip
        return _view(row)


def _mark(session: Session, actor: Actor, now: datetime, change: Change, environment: str) -> None:
    """Let the feeds of its calendar say at once that a change was rolled back."""
    placement = session.get(PlacementRow, (change.id, environment))
    row = session.get(CalendarRow, placement.calendar_id) if placement is not None else None
    if row is not None:
        plans.make(session, actor, now, row, calendar_rows.value(row, now), reason=f"{change.id} was rolled back")


def _tell(session: Session, actor: Actor, now: datetime, change: Change, environment: str, note: str | None) -> None:
    """Tell that a change was released, or rolled back."""
    placed = session.execute(
        select(CalendarRow.slug, PlacementRow.window)
        .join(PlacementRow, PlacementRow.calendar_id == CalendarRow.id)
        .where(PlacementRow.change_id == change.id)
        .limit(1)
    ).first()
    outbox.tell(
        session, now, Kind.RELEASED if change.state == "released" else Kind.ROLLED_BACK, fold=f"shipped:{change.id}",
        facts={"environment": environment, "note": note, "window": placed.window if placed else None}, actor=actor,
        calendar=placed.slug if placed else None, change=change.id,
    )  # fmt: skip


def _check(stage: str, state: str, done: int | None, total: int | None) -> None:
    faults = []
    if stage not in STAGES:
        faults.append(FieldError("stage", "is not a stage", ", ".join(STAGES)))
    if state not in STATES:
        faults.append(FieldError("state", "is not a state", ", ".join(STATES)))
    if (done is None) != (total is None):
        faults.append(FieldError("total", "goes with done", "both or neither"))
    if done is not None and total is not None:
        if not (0 <= done <= total <= _MOST and total):
            faults.append(FieldError("done", "is not between 0 and total", f"0 to {total}"))
        elif state == "done" and done < total:
            faults.append(FieldError("state", "is not done before done reaches total", "running"))
    if faults:
        raise InvalidInput("This cannot be reported.", faults)


def _production(session: Session, change: str, now: datetime) -> str:
    """The environment that releases the change: that of its placement, else its calendar's."""
    placed = session.scalar(select(PlacementRow.environment).where(PlacementRow.change_id == change).limit(1))
    if placed is not None:
        return placed
    named = select(Repository.calendar).join(Change, Change.repository_id == Repository.id).where(Change.id == change)
    slug, rows = session.scalar(named), session.scalars(select(CalendarRow)).all()
    own = [row for row in rows if row.slug == slug or (slug is None and len(rows) == 1)]
    return environment_of(calendar_rows.value(own[0], now)) if own else "prod"


def of_change(store: Store, actor: Actor, change: str) -> list[StageView]:
    """Every report on a change, newest first."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        rows = session.scalars(select(StageRow).where(StageRow.change_id == change).order_by(StageRow.position.desc()))
        return [_view(row) for row in rows.all()]


def latest(reports: list[StageView]) -> dict[str, StageView]:
    """Stage -> its latest report, in the order of the stages."""
    newest: dict[str, StageView] = {}
    for each in reports:
        newest.setdefault(each.stage, each)
    return {stage: newest[stage] for stage in STAGES if stage in newest}
