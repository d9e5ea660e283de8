"""Two changes that go in each other's place: one decision, one reason, one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.planning import Candidate, Request
from release_mgmt.core.windows import ReleaseCalendar, Window
from release_mgmt.services import Store, audit, calendar_rows, candidates, placing, plans
from release_mgmt.services.placing import Check
from release_mgmt.services.plans import Difference
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow

_ROOM = {"capacity", "most_major"}


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a swap did, or (``dry_run``) would do; ``windows`` are those the changes come into, in their order."""

    changes: tuple[str, str]
    windows: tuple[str, str]
    dry_run: bool
    checks: tuple[Check, ...]
    effects: Difference


def swap(
    store: Store,
    actor: Actor,
    now: datetime,
    change: str,
    other: str,
    *,
    reason: str,
    override: bool = False,
    dry_run: bool = False,
) -> Swapped:
    """Put each of two changes into the other's window by a release manager's decision; then plan the rest around it.

    The same holds as for a move, for each of them; only what the swap itself frees in a window counts as room there.
    Raises Conflict with every check (``not_placed``, ``same_window``, ``other_calendar`` where there is no swap).
    """
    with store.write(lock=plans.LOCK) as session:
        row, pair = _pair(session, change, other)
        require(actor, Action.MOVE_CHANGE, calendar=row.slug)
        if not reason.strip():
            raise InvalidInput.at("reason", "must not be empty", "why the two change places")
        calendar = calendar_rows.value(row, now)
        loaded = candidates.load(session, now, row, calendar)
        there = [placing.window_of(calendar, each.window or "", now) for each in reversed(pair)]
        found = [_candidate(loaded.candidates, key) for key in (change, other)]
        against = _checks(session, row, calendar, found, there, now)
        checks = tuple(dict.fromkeys(check for one in against for check in one))
        refused = [each for each in checks if not each.overridable or not override]
        if refused and not dry_run:
            raise placing.refusal(refused[0], checks)
        by = actor.person or actor.name
        wanted = [
            replace(each, request=Request(window.key, reason, by)) for each, window in zip(found, there, strict=True)
        ]
        told = plans.effects(session, now, row, calendar, changed=wanted)
        keys = (there[0].key, there[1].key)
        if dry_run:
            session.rollback()
            return Swapped((change, other), keys, True, checks, told)
        overridden = [[check.code for check in one] for one in against]
        for each, window, broken in zip(found, there, overridden, strict=True):
            placing.request(session, actor, now, row, each, window, reason, broken)
        session.flush()
        told = plans.make(session, actor, now, row, calendar, reason=reason)
        for each, window, old, broken in zip(found, there, reversed(there), overridden, strict=True):
            audit.record(
                session, actor, now, action=Action.MOVE_CHANGE, subject=f"change:{each.id}", reason=reason,
                before={"window": old.key},
                after={"window": window.key, "swapped_with": other if each.id == change else change,
                       "overridden": broken},
            )  # fmt: skip
        return Swapped((change, other), keys, False, checks, told)


def _pair(session: Session, change: str, other: str) -> tuple[CalendarRow, tuple[PlacementRow, PlacementRow]]:
    """The calendar and the two places."""
    if change == other:
        raise InvalidInput.at("other", "is the same change")
    placed = []
    for key in (change, other):
        _, row = placing.planned_by(session, key)
        mine = session.scalar(
            select(PlacementRow).where(PlacementRow.change_id == key, PlacementRow.window.is_not(None)).limit(1)
        )
        if mine is None:
            raise Conflict("Both changes must have a window to be swapped.", code="not_placed")
        placed.append((row, mine))
    (row, first), (elsewhere, second) = placed
    if row.id != elsewhere.id:
        raise Conflict("The two changes are in different calendars.", code="other_calendar")
    if first.window == second.window:
        raise Conflict("Both changes are in the same window already.", code="same_window")
    return row, (first, second)


def _candidate(known: Sequence[Candidate], key: str) -> Candidate:
    found = next((each for each in known if each.id == key), None)
    if found is None or found.done:
        raise Conflict("This change is not planned any more.", code="not_planned")
    return found


def _checks(
    session: Session, row: CalendarRow, calendar: ReleaseCalendar, pair: Sequence[Candidate], there: Sequence[Window],
    now: datetime,
) -> list[list[Check]]:  # fmt: skip
    """What speaks against each of the two places; they are weighed against each other where they will be."""
    found: list[list[Check]] = []
    for index, (mine, window) in enumerate(zip(pair, there, strict=True)):
        other = pair[1 - index]
        against = placing.objections(session, row, calendar, mine, window, now)
        here = [each for each in against if each.code not in _ROOM and not _about(each, other)]
        here += _room(session, row, mine, other, window)
        if other.id in mine.depends_on and there[1 - index].start > window.start:
            here.append(Check("dependency", other.id, f"{other.id} must go before.", False))
        found.append(list(dict.fromkeys(here)))
    return found


def _about(check: Check, other: Candidate) -> bool:
    return check.code == "dependency" and check.ref == other.id


def _room(session: Session, row: CalendarRow, mine: Candidate, leaving: Candidate, window: Window) -> list[Check]:
    """Whether there is room once the other one has left."""
    stored = session.get(WindowRow, (row.id, window.key))
    if stored is None:
        return []
    limits, found = window.policy.capacity, []
    used = stored.used - _cost(leaving, window) + _cost(mine, window)
    if limits.points is not None and used > max(limits.points, stored.used):
        message = f"The window would hold {used} of {limits.points} points."
        found.append(Check("capacity", window.key, message, True))
    majors = stored.majors - (leaving.level is Level.MAJOR) + (mine.level is Level.MAJOR)
    if limits.most_major is not None and majors > max(limits.most_major, stored.majors):
        found.append(Check("most_major", window.key, "The window would have too many major changes.", True))
    return found


def _cost(candidate: Candidate, window: Window) -> int:
    return candidate.points if candidate.points is not None else window.policy.capacity.cost(candidate.level)
