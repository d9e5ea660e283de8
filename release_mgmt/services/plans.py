"""Plans: made from what is stored, kept with their windows, placements and moves, and told to the feeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from importlib.metadata import version as installed
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.permissions import Action, Actor, Via, require, trusted
from release_mgmt.core.planning import Candidate, Plan, Settings, plan
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.formats import plan_json
from release_mgmt.services import (
    Store,
    audit,
    calendar_rows,
    candidates,
    plan_feeds,
    plan_messages,
    plan_rows,
    room,
    settling,
)
from release_mgmt.services.candidates import Loaded
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, PlanRow
from release_mgmt.store.session import TryAgain

LOCK = "planning"
"""What every transaction that plans, or writes what plans are made of, holds from its start to its end: one word for
all calendars, because changes need each other across them. So there is no second lock and no order of locks."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A change that an edit would touch. Instants are UTC; ``to`` None: it loses its window."""

    change: str
    title: str
    repository: str
    level: str
    teams: tuple[str, ...]
    window: str | None
    start: datetime | None
    to: str | None
    to_start: datetime | None
    reasons: tuple[dict[str, Any], ...]
    announced: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What an edit does to a plan: changes that move, lose or find a window, conflicts it makes, teams to be told."""

    version: int = 0
    hits: tuple[Hit, ...] = ()
    conflicts: tuple[dict[str, Any], ...] = ()
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan in the history of a calendar; ``made_by`` is a person's id or the name of what acted."""

    version: int
    made_by: str
    made_at: datetime
    reason: str | None


def history(store: Store, actor: Actor, slug: str, limit: int = 60) -> list[PlanView]:
    """The plans of a calendar, newest first."""
    require(actor, Action.READ_PLAN)
    with store.read() as session:
        row = calendar_rows.find(session, slug)
        query = (
            select(PlanRow.version, PlanRow.made_by, PlanRow.made_at, PlanRow.reason)
            .where(PlanRow.calendar_id == row.id)
            .order_by(PlanRow.version.desc())
        )
        return [PlanView(*found) for found in session.execute(query.limit(limit))]


@lru_cache(maxsize=1)
def zone_data() -> str:
    """The version of the packaged time zone data."""
    return installed("tzdata")


def compute(session: Session, now: datetime, row: CalendarRow, calendar: ReleaseCalendar) -> tuple[Plan, Loaded]:
    """The plan that ``calendar`` gives for what is stored now; nothing is written."""
    loaded = candidates.load(session, now, row, calendar)
    settings = Settings(
        version=row.plan_version + 1,
        external=loaded.external,
        gone=loaded.gone,
        zone_data_changed=row.tzdata is not None and row.tzdata != zone_data(),
    )
    return plan(calendar, loaded.candidates, now, settings), loaded


def effects(
    session: Session,
    now: datetime,
    row: CalendarRow,
    calendar: ReleaseCalendar,
    *,
    changed: Sequence[Candidate] | None = None,
) -> Difference:
    """What-if: the difference that ``calendar`` (and other candidates) would make; nothing is written."""
    made, loaded = compute(session, now, row, calendar)
    if changed is not None:
        swapped = {each.id: each for each in changed}
        listed = [swapped.get(each.id, each) for each in loaded.candidates]
        settings = Settings(version=row.plan_version + 1, external=loaded.external, gone=loaded.gone)
        made = plan(calendar, listed, now, settings)
    return _difference(session, row, made, loaded)


def _difference(session: Session, row: CalendarRow, made: Plan, loaded: Loaded) -> Difference:
    before = {
        each.change_id: each for each in session.scalars(select(PlacementRow).where(PlacementRow.calendar_id == row.id))
    }
    starts = {each.window.key: each.window.start for each in made.windows}
    places = {each.change: each for each in made.placements}
    why = {each.change: each.reasons for each in made.deferrals}
    why.update({each.change: each.reasons for each in made.moves})
    hits: list[Hit] = []
    for change in [each.id for each in loaded.candidates if not each.done]:
        old = before.get(change)
        new = places.get(change)
        was = old.window if old is not None else None
        start = starts.get(new.window) if new is not None else None
        if (new.window if new else None) == was and (old is None or old.starts_at == start or start is None):
            continue
        stored = loaded.changes[change]
        hits.append(
            Hit(
                change, stored.title, loaded.repositories[stored.repository_id], stored.level or "",
                tuple(stored.affected_teams or ()), was, old.starts_at if old else None, new.window if new else None,
                start, tuple(plan_json.reason(one) for one in why.get(change, ())),
                old is not None and old.announced_at is not None,
            )
        )  # fmt: skip
    known = {(c.get("change"), c["code"], c["ref"]) for each in before.values() for c in each.conflicts}
    conflicts = [
        {"change": each.change or None, "window": each.window, **plan_json.reason(each.reason)}
        for each in made.conflicts
        if (each.change, each.reason.code, each.reason.ref) not in known
    ]
    teams = sorted({team for hit in hits if hit.announced for team in hit.teams})
    return Difference(made.version, tuple(sorted(hits, key=lambda h: h.change)), tuple(conflicts), tuple(teams))


def replan(
    store: Store, actor: Actor, now: datetime, slug: str, *, reason: str | None = None, announce: bool = True
) -> Difference:
    """Plan a calendar again and publish the plan; without any difference nothing is written."""
    require(actor, Action.REPLAN, calendar=slug)
    with store.write(lock=LOCK) as session:
        row = calendar_rows.find(session, slug)
        return make(session, actor, now, row, calendar_rows.value(row, now), reason=reason, announce=announce)


def follow(store: Store, now: datetime, calendars: Iterable[str], by: str) -> None:
    """Let plans and feeds follow a decision that is kept already, whatever comes of them: where a plan cannot be made
    now, the next one at short intervals says it. ``by`` names what was decided in."""
    for calendar in sorted(calendars):
        try:
            replan(store, trusted(by, Via.JOB), now, calendar)
        except (TryAgain, Conflict):
            continue


def make(
    session: Session,
    actor: Actor,
    now: datetime,
    row: CalendarRow,
    calendar: ReleaseCalendar,
    *,
    reason: str | None = None,
    announce: bool = True,
) -> Difference:
    """As :func:`replan`, inside the caller's transaction, which holds :data:`LOCK`."""
    made, loaded = compute(session, now, row, calendar)
    told = _difference(session, row, made, loaded)
    pending = announce and _unannounced(session, row, made)
    if made.digest == row.plan_digest and not made.moves and not pending and row.tzdata == zone_data():
        row.planned_at = now
        settling.settle_calendar(session, now, row, calendar)
        plan_feeds.tell_feeds(session, now, row, calendar, made, loaded)
        return Difference(row.plan_version)
    row.plan_version, row.plan_digest = made.version, made.digest
    row.planned_at, row.tzdata = now, zone_data()
    session.add(
        PlanRow(
            calendar_id=row.id, version=made.version, digest=made.digest,
            document=plan_json.document(made) | {"shipped": plan_rows.shipped(session, row, now)},
            made_by=actor.person or actor.name, made_at=now, reason=reason,
        )
    )  # fmt: skip
    before = plan_messages.places(session, row)
    plan_rows.save_windows(session, now, row, made)
    plan_rows.save_moves(session, actor, now, row, made)
    plan_rows.hand_over(session, actor, now, row, loaded)
    plan_rows.save_placements(session, now, row, made, loaded, announce=announce)
    session.flush()
    settling.settle_calendar(session, now, row, calendar)
    plan_messages.tell_plan(session, actor, now, row, calendar, before)
    plan_feeds.tell_feeds(session, now, row, calendar, made, loaded)
    audit.record(
        session, actor, now, action=Action.REPLAN, subject=f"calendar:{row.slug}", reason=reason,
        after={"version": made.version, "digest": made.digest, "moves": len(made.moves)},
    )  # fmt: skip
    return replace(told, version=made.version)


def _unannounced(session: Session, row: CalendarRow, made: Plan) -> bool:
    known = set(
        session.scalars(
            select(PlacementRow.change_id).where(
                PlacementRow.calendar_id == row.id, PlacementRow.announced_at.is_not(None)
            )
        )
    )
    return any(each.change not in known for each in made.placements)


def document(store: Store, actor: Actor, slug: str, version: int | None = None) -> dict[str, Any]:
    """A plan as it was made (the newest by default)."""
    require(actor, Action.READ_PLAN)
    with store.read() as session:
        row = calendar_rows.find(session, slug)
        found = session.get(PlanRow, (row.id, version or row.plan_version))
        if found is None:
            raise NotFound("There is no such plan.")
        return room.seen_document(session, actor, row, found.document)


def forget_before(session: Session, instant: datetime) -> int:
    """Retention: drop the documents of plans made before ``instant``, the newest of each calendar excepted."""
    newest = select(CalendarRow.id, CalendarRow.plan_version)
    kept = {(calendar, version) for calendar, version in session.execute(newest)}
    old = session.execute(select(PlanRow.calendar_id, PlanRow.version).where(PlanRow.made_at < instant)).all()
    dropped = 0
    for calendar, version in old:
        if (calendar, version) not in kept:
            session.execute(delete(PlanRow).where(PlanRow.calendar_id == calendar, PlanRow.version == version))
            dropped += 1
    return dropped
