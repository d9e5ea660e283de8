"""What people say about when and how a change goes: its points, minutes, dates, urgency, and what it needs first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.planning import refuse_circles
from release_mgmt.services import Store, audit, calendar_rows, candidates, plans, visibility
from release_mgmt.services.placing import planned_by
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import ChangeTerms, DependencyRow


@dataclass(frozen=True, slots=True)
class Terms:
    """What was said about when and how a change goes. Instants are UTC; ``minutes`` is how long it takes."""

    change: str
    points: int | None
    minutes: int | None
    earliest: datetime | None
    deadline: datetime | None
    priority: int
    depends_on: tuple[str, ...]
    version: int


def terms(store: Store, actor: Actor, change: str) -> Terms:
    """The terms of a change."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        found = session.get(Change, change)
        if found is None:
            raise NotFound("There is no such change.")
        told = _terms(session, found)
        return replace(told, depends_on=_seen(session, actor, told.depends_on))


def needs_of(store: Store, actor: Actor, change: str) -> tuple[str, ...]:
    """The ids of the changes that a change needs first, those that the actor may know of."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        return _seen(session, actor, _needs(session, change))


def _seen(session: Session, actor: Actor, needs: tuple[str, ...]) -> tuple[str, ...]:
    seen = visibility.seen_of(session, actor, needs) if needs else set()
    return tuple(one for one in needs if one in seen)


def _needs(session: Session, change: str) -> tuple[str, ...]:
    query = select(DependencyRow.needs_id).where(DependencyRow.change_id == change).order_by(DependencyRow.needs_id)
    return tuple(session.scalars(query))


def _terms(session: Session, change: Change) -> Terms:
    row = session.get(ChangeTerms, change.id)
    return Terms(
        change.id, row.points if row else None, row.minutes if row else None, row.earliest if row else None,
        row.deadline if row else None, change.priority, _needs(session, change.id), row.version if row else 0,
    )  # fmt: skip


def put_terms(
    store: Store,
    actor: Actor,
    now: datetime,
    change: str,
    *,
    version: int | None = None,
    depends_on: Sequence[str] | None = None,
    priority: int | None = None,
    **values: Any,
) -> Terms:
    """Say when and how a change goes (``points``, ``minutes``, ``earliest``, ``deadline``), what it needs first, and
    how urgent it is (release managers), then plan again. Raises InvalidInput for dependencies in a circle."""
    require(actor, Action.EDIT_CHANGE)
    with store.write(lock=plans.LOCK) as session:
        found, calendar_row = planned_by(session, change)
        before = _terms(session, found)
        if version is not None and version != before.version:
            raise StaleVersion("Somebody else changed these terms in the meantime.")
        row = session.get(ChangeTerms, change)
        if row is None:
            row = ChangeTerms(change_id=change, updated_at=now, version=0)
            session.add(row)
        for name in ("points", "minutes", "earliest", "deadline"):
            if name in values:
                setattr(row, name, values[name])
        if row.earliest and row.deadline and row.deadline < row.earliest:
            raise InvalidInput.at("deadline", "is before the earliest date")
        if priority is not None and priority != found.priority:
            require(actor, Action.MOVE_CHANGE, calendar=calendar_row.slug)
            found.priority = priority
        if depends_on is not None:
            _link(session, actor, now, change, depends_on)
        row.updated_at, row.version = now, row.version + 1
        session.flush()
        if depends_on is not None:
            _refuse_circles(session, change)
        calendar = calendar_rows.value(calendar_row, now)
        plans.make(session, actor, now, calendar_row, calendar, reason=f"terms of {change}")
        after = _terms(session, found)
        audit.record(
            session, actor, now, action=Action.EDIT_CHANGE, subject=f"change:{change}", before=_json(before),
            after=_json(after),
        )  # fmt: skip
        return replace(after, depends_on=_seen(session, actor, after.depends_on))


def _json(value: Terms) -> dict[str, object]:
    return {name: getattr(value, name) for name in Terms.__dataclass_fields__} | {"depends_on": list(value.depends_on)}


def _refuse_circles(session: Session, change: str) -> None:
    """What is still to go must not need itself, whatever calendars the circle runs through."""
    over = select(Change.id).where(Change.state.in_(candidates.DONE + candidates.GONE))
    left = select(DependencyRow).where(DependencyRow.change_id.not_in(over), DependencyRow.needs_id.not_in(over))
    needs: dict[str, list[str]] = {}
    for row in session.scalars(left.order_by(DependencyRow.change_id, DependencyRow.needs_id)):
        needs.setdefault(row.change_id, []).append(row.needs_id)
    reached, todo = {change}, [change]
    while todo:
        more = [each for each in needs.get(todo.pop(), ()) if each not in reached]
        reached.update(more)
        todo.extend(more)
    refuse_circles({each: needs[each] for each in reached if each in needs})


def _link(session: Session, actor: Actor, now: datetime, change: str, needs: Sequence[str]) -> None:
    """Make what a change needs first these. What it needs beside, of which the actor may not know, stays."""
    wanted = list(dict.fromkeys(needs))
    old = {row.needs_id: row for row in session.scalars(select(DependencyRow).where(DependencyRow.change_id == change))}
    seen = visibility.seen_of(session, actor, {*wanted, *old})
    for index, each in enumerate(wanted):
        if each == change or each not in seen:
            raise InvalidInput.at(f"depends_on[{index}]", "is no other change")
    for gone in set(old) & seen - set(wanted):
        session.delete(old[gone])
    for new in wanted:
        if new not in old:
            row = DependencyRow(change_id=change, needs_id=new, made_by=actor.person or actor.name, made_at=now)
            session.add(row)
