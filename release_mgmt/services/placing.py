"""What people say about where a change goes: another window, what it needs first, its terms, that it is withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.planning import Bounds, Candidate, Request, hindrance
from release_mgmt.core.text import clean
from release_mgmt.core.windows import ReleaseCalendar, Window, expand, in_scope, periods, taken, zone
from release_mgmt.services import Store, audit, calendar_rows, candidates, plan_messages, plans, secret
from release_mgmt.services.plans import Difference
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import (
    CalendarRow,
    DependencyRow,
    MoveRow,
    PlacementRow,
    WindowRow,
)

LONGEST_REASON = 2_000
_NEVER_OVERRIDDEN = {"freeze", "exceeds_window", "environment_not_taken", "dependency", "withdrawn", "outside_window"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that speaks against a window for a change; ``overridable`` by a release manager with a reason."""

    code: str
    ref: str
    message: str
    overridable: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did, or (``dry_run``) would do."""

    change: str
    window: str
    dry_run: bool
    checks: tuple[Check, ...]
    effects: Difference


def planned_by(session: Session, key: str) -> tuple[Change, CalendarRow]:
    """A change and the calendar that plans it. Raises NotFound and Conflict (``no_calendar``)."""
    change = session.get(Change, key)
    if change is None:
        raise NotFound("There is no such change.")
    placement = session.scalar(select(PlacementRow).where(PlacementRow.change_id == key).limit(1))
    row = calendar_rows.deciding(session, session.get_one(Repository, change.repository_id), placement)
    if row is None:
        raise Conflict("No calendar plans this change.", code="no_calendar", hint="Set the repository's calendar.")
    return change, row


def move(
    store: Store,
    actor: Actor,
    now: datetime,
    change: str,
    window: str,
    *,
    reason: str,
    override: bool = False,
    dry_run: bool = False,
    reverts: str | None = None,
) -> Moved:
    """Put a change into another window by a release manager's decision; then the rest is planned around it.

    What a hard freeze, the window's environment or a dependency forbids stays forbidden. Notice, capacity, cut-off
    and soft freezes can be overridden (``override``), with the reason kept. ``reverts``: the move that this
    one takes back. Raises Conflict with every check.
    """
    with store.write(lock=plans.LOCK) as session:
        found, row = planned_by(session, change)
        require(actor, Action.MOVE_CHANGE, calendar=row.slug)
        if not reason.strip():
            raise InvalidInput.at("reason", "must not be empty", "why the change goes there")
        calendar = calendar_rows.value(row, now)
        loaded = candidates.load(session, now, row, calendar)
        candidate = next((each for each in loaded.candidates if each.id == change), None)
        if candidate is None or candidate.done:
            raise Conflict("This change is not planned any more.", code="not_planned")
        target = window_of(calendar, window, now)
        checks = tuple(objections(session, row, calendar, candidate, target, now))
        refused = [each for each in checks if not each.overridable or not override]
        if refused and not dry_run:
            raise refusal(refused[0], checks)
        wanted = replace(candidate, request=Request(window, reason, actor.person or actor.name))
        told = plans.effects(session, now, row, calendar, changed=[wanted])
        if dry_run:
            session.rollback()
            return Moved(change, window, True, checks, told)
        request(session, actor, now, row, candidate, target, reason, [each.code for each in checks])
        session.flush()
        told = plans.make(session, actor, now, row, calendar, reason=reason)
        after: dict[str, object] = {"window": window, "overridden": [each.code for each in checks]}
        if reverts is not None:
            after["reverts"] = reverts
        audit.record(
            session, actor, now, action=Action.MOVE_CHANGE, subject=f"change:{change}", reason=reason,
            before={"window": candidate.announced.window if candidate.announced else None},
            after=after,
        )  # fmt: skip
        return Moved(found.id, window, False, checks, told)


def refusal(first: Check, checks: Sequence[Check]) -> Conflict:
    """The error of a move that ``first`` forbids, with everything that speaks against it."""
    return Conflict(
        first.message, code=first.code,
        hint="A release manager may override this with a reason." if first.overridable else None,
        details={"checks": [_plain(each) for each in checks]},
    )  # fmt: skip


def _plain(check: Check) -> dict[str, object]:
    return {"code": check.code, "ref": check.ref, "message": check.message, "overridable": check.overridable}


def window_of(calendar: ReleaseCalendar, key: str, now: datetime) -> Window:
    """A window that is not over. Raises NotFound and Conflict (``outside_window``)."""
    until = now + timedelta(days=calendar.horizon_days)
    found = next((each for each in expand(calendar, now, until).windows if each.key == key), None)
    if found is None:
        day = until.astimezone(zone(calendar.time_zone)).date()
        raise NotFound("There is no such window within the horizon.", hint=f"Windows are planned until {day}.")
    if found.end <= now:
        raise Conflict("The window has passed.", code="outside_window")
    return found


def objections(
    session: Session,
    row: CalendarRow,
    calendar: ReleaseCalendar,
    candidate: Candidate,
    window: Window,
    now: datetime,
) -> list[Check]:
    """Everything that speaks against the window, the hard rules first."""
    found: list[tuple[str, str, str]] = []
    code = taken(window, candidate.target)
    if code is not None:
        found.append((code, window.key, "The window does not take such a change."))
    held = in_scope(periods(calendar.freezes, window.start, window.end), candidate.target)
    for soft in (False, True):
        hindered = hindrance(window, held, candidate.duration, soft=soft)
        if hindered is not None and hindered not in [each[:2] for each in found]:
            found.append((*hindered, f"{hindered[0].replace('_', ' ').capitalize()}: {hindered[1]}."))
            break
    found += _order(session, candidate, window)
    found += _ready(candidate, window, Bounds(calendar, now))
    notice = window.policy.notice(candidate.level)
    if not candidate.emergency and not notice.met(now, window.start, calendar.business_days_of(candidate.teams)):
        found.append(("notice", window.key, "The notice would be too short."))
    stored = session.get(WindowRow, (row.id, window.key))
    mine = session.get(PlacementRow, (candidate.id, candidate.environment))
    if stored is not None and (mine is None or mine.window != window.key):
        found += _room(candidate, window, stored)
    return [Check(code, ref, message, code not in _NEVER_OVERRIDDEN) for code, ref, message in found]


def _order(session: Session, candidate: Candidate, window: Window) -> list[tuple[str, str, str]]:
    """What it needs must go before, what needs it after, also where another calendar plans them."""
    found: list[tuple[str, str, str]] = []
    for need, state, start in _standing(session, DependencyRow.needs_id, DependencyRow.change_id == candidate.id):
        if state != "released" and (start is None or start > window.start):
            found.append(("dependency", need, f"{need}, which it needs, is not placed before."))
    for other, state, start in _standing(session, DependencyRow.change_id, DependencyRow.needs_id == candidate.id):
        if state not in candidates.DONE + candidates.GONE and start is not None and start < window.start:
            found.append(("dependency", other, f"{other} needs it and goes before."))
    return found


def _standing(
    session: Session, column: InstrumentedAttribute[str], where: ColumnElement[bool]
) -> list[tuple[str, str, datetime | None]]:
    """(change, its state, when its window starts) of one side of the dependencies."""
    rows = session.execute(
        select(Change.id, Change.state, func.max(PlacementRow.starts_at))
        .join(DependencyRow, column == Change.id)
        .outerjoin(PlacementRow, PlacementRow.change_id == Change.id)
        .where(where)
        .group_by(Change.id, Change.state)
        .order_by(Change.id)
    )
    return [(change, state, start) for change, state, start in rows]


def _ready(candidate: Candidate, window: Window, bounds: Bounds) -> list[tuple[str, str, str]]:
    """Whether it is ready in time: merged (and accepted) before the content closes, promoted, its date come."""
    if candidate.emergency:
        return []
    ready = bounds.ready(candidate, window.policy)
    if ready is None or ready.since > max(window.start, bounds.now):
        ref = ready.ref if ready is not None else bounds.waits_for(candidate, window.policy)
        return [("not_ready", ref, "The change is not ready by then.")]
    if ready.content > bounds.cut_off(window):
        return [("cut_off", window.key, "It was ready after the cut-off of the window.")]
    return []


def _room(candidate: Candidate, window: Window, stored: WindowRow) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    limits = window.policy.capacity
    cost = candidate.points if candidate.points is not None else limits.cost(candidate.level)
    if limits.points is not None and stored.used + cost > limits.points:
        message = f"The window would hold {stored.used + cost} of {limits.points} points."
        found.append(("capacity", window.key, message))
    if candidate.level is Level.MAJOR and limits.most_major is not None and stored.majors >= limits.most_major:
        found.append(("most_major", window.key, "The window has its most major changes."))
    return found


def request(
    session: Session, actor: Actor, now: datetime, row: CalendarRow, candidate: Candidate, window: Window,
    reason: str, overridden: list[str],
) -> None:  # fmt: skip
    """Keep that somebody wants a change in a window; what was announced elsewhere moves with the reason."""
    placement = session.get(PlacementRow, (candidate.id, candidate.environment))
    if placement is None:
        placement = PlacementRow(
            change_id=candidate.id, environment=candidate.environment, calendar_id=row.id, why="requested",
            updated_at=now,
        )  # fmt: skip
        session.add(placement)
    if placement.announced_window is not None and placement.announced_window != window.key:
        reasons: list[dict[str, Any]] = [{"code": "manager", "ref": actor.person or actor.name, "message": reason}]
        reasons += [{"code": code, "ref": window.key, "message": "Overridden."} for code in overridden]
        session.add(
            MoveRow(
                id=secret.identifier("mv"), calendar_id=row.id, plan_version=row.plan_version + 1,
                change_id=candidate.id, from_window=placement.announced_window, from_start=placement.announced_start,
                to_window=window.key, to_start=window.start, reasons=reasons, actor=actor.person or actor.name, at=now,
            )
        )  # fmt: skip
        placement.announced_window, placement.announced_start = window.key, window.start
    placement.requested_window = window.key
    placement.requested_by, placement.requested_reason = actor.person or actor.name, clean(reason, LONGEST_REASON)
    placement.origin = None


def withdraw(
    store: Store, actor: Actor, now: datetime, change: str, *, reason: str, dry_run: bool = False
) -> Difference:
    """Take a change out of the plan for good; what needs it is flagged, and its feed events say so.

    With ``dry_run`` tell what that would do, and write nothing.
    """
    require(actor, Action.WITHDRAW_CHANGE)
    if not reason.strip():
        raise InvalidInput.at("reason", "must not be empty", "why it will not be released")
    with store.write(lock=plans.LOCK) as session:
        found, row = planned_by(session, change)
        if found.state == "released":
            raise Conflict("It was released; report a rollback instead.", code="released")
        before, found.state = found.state, "withdrawn"
        session.flush()
        if dry_run:
            told = plans.effects(session, now, row, calendar_rows.value(row, now))
            session.rollback()
            return told
        told = plans.make(session, actor, now, row, calendar_rows.value(row, now), reason=reason)
        plan_messages.tell_withdrawn(session, actor, now, found, row.slug)
        audit.record(
            session, actor, now, action=Action.WITHDRAW_CHANGE, subject=f"change:{change}", reason=reason,
            before={"state": before}, after={"state": "withdrawn"},
        )  # fmt: skip
        return told
