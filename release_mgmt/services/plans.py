"""Plans: made from what is stored, kept with their windows, placements and moves, and told to the feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version as installed
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from release_mgmt.core.calendar import ChangeFact, FreezeFact, WindowFact
from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.planning import Candidate, Plan, Settings, plan
from release_mgmt.core.windows import ReleaseCalendar, periods
from release_mgmt.formats import plan_json
from release_mgmt.services import Store, audit, calendar_rows, candidates, feed_events, secret, settling, visibility
from release_mgmt.services.candidates import Loaded
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, MoveRow, PlacementRow, PlanRow, WindowRow

_FREEZE_SPAN = timedelta(days=370)


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
    loaded = candidates.load(session, row, calendar)
    settings = Settings(
        version=row.plan_version + 1,
        external=loaded.external,
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
        made = plan(calendar, listed, now, Settings(version=row.plan_version + 1, external=loaded.external))
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
    for change in [each.id for each in loaded.candidates]:
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
    with store.write(lock=f"plan:{slug}") as session:
        row = calendar_rows.find(session, slug)
        return make(session, actor, now, row, calendar_rows.value(row, now), reason=reason, announce=announce)


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
    """As :func:`replan`, inside the caller's transaction."""
    made, loaded = compute(session, now, row, calendar)
    told = _difference(session, row, made, loaded)
    pending = announce and _unannounced(session, row, made)
    if made.digest == row.plan_digest and not made.moves and not pending and row.tzdata == zone_data():
        row.planned_at = now
        settling.settle_calendar(session, now, row, calendar)
        _feeds(session, now, row, calendar, made, loaded)
        return Difference(row.plan_version)
    row.plan_version, row.plan_digest = made.version, made.digest
    row.planned_at, row.tzdata = now, zone_data()
    session.add(
        PlanRow(
            calendar_id=row.id, version=made.version, digest=made.digest, document=plan_json.document(made),
            made_by=actor.person or actor.name, made_at=now, reason=reason,
        )
    )  # fmt: skip
    _save_windows(session, now, row, made)
    _save_moves(session, actor, now, row, made)
    _save_placements(session, now, row, made, loaded, announce=announce)
    session.flush()
    settling.settle_calendar(session, now, row, calendar)
    _feeds(session, now, row, calendar, made, loaded)
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


def _save_windows(session: Session, now: datetime, row: CalendarRow, made: Plan) -> None:
    rows = {each.key: each for each in session.scalars(select(WindowRow).where(WindowRow.calendar_id == row.id))}
    for planned in made.windows:
        window = planned.window
        found = rows.pop(window.key, None)
        values: dict[str, Any] = {
            "series": window.series,
            "original_start": f"{window.original_start:%Y-%m-%dT%H:%M}",
            "title": window.title,
            "starts_at": window.start,
            "ends_at": window.end,
            "state": planned.state,
            "flags": list(window.flags),
            "levels": [level.value for level in window.levels],
            "environments": list(window.environments),
            "points": window.policy.capacity.points,
            "most_major": window.policy.capacity.most_major,
            "used": planned.used,
            "majors": planned.majors,
            "frozen": list(planned.frozen),
        }
        if found is None:
            session.add(WindowRow(calendar_id=row.id, key=window.key, **values))
        elif any(getattr(found, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(found, name, value)
            found.version += 1
    for left in rows.values():
        if left.starts_at > now:
            session.delete(left)


def _save_moves(session: Session, actor: Actor, now: datetime, row: CalendarRow, made: Plan) -> None:
    starts = {each.window.key: each.window.start for each in made.windows}
    before = {
        each.change_id: each for each in session.scalars(select(PlacementRow).where(PlacementRow.calendar_id == row.id))
    }
    for move in made.moves:
        old = before.get(move.change)
        session.add(
            MoveRow(
                id=secret.identifier("mv"), calendar_id=row.id, plan_version=made.version, change_id=move.change,
                from_window=move.origin, from_start=old.announced_start if old else None, to_window=move.to,
                to_start=starts.get(move.to) if move.to else None,
                reasons=[plan_json.reason(one) for one in move.reasons], actor=actor.person or "planner", at=now,
            )
        )  # fmt: skip


def _save_placements(
    session: Session, now: datetime, row: CalendarRow, made: Plan, loaded: Loaded, *, announce: bool
) -> None:
    rows = {
        each.change_id: each for each in session.scalars(select(PlacementRow).where(PlacementRow.calendar_id == row.id))
    }
    windows = {each.window.key: each for each in made.windows}
    moved = {each.change: each for each in made.moves}
    suggested = {each.change: each.to for each in made.suggestions}
    conflicts: dict[str, list[dict[str, Any]]] = {}
    for conflict in made.conflicts:
        conflicts.setdefault(conflict.change, []).append(
            {"change": conflict.change, "window": conflict.window, **plan_json.reason(conflict.reason)}
        )
    environments = {each.id: each.environment for each in loaded.candidates}
    levels = {each.id: each.level for each in loaded.candidates}
    listed = [(each.change, each.window, each.why, each.reasons) for each in made.placements]
    listed += [(each.change, None, "deferred", each.reasons) for each in made.deferrals]  # type: ignore[misc]
    for change, window, why, reasons in listed:
        found = rows.pop(change, None)
        if found is None:
            found = PlacementRow(change_id=change, environment=environments[change], calendar_id=row.id)
            session.add(found)
        planned = windows.get(window) if window else None
        found.window, found.why = window, why
        found.starts_at = planned.window.start if planned else found.starts_at if window else None
        found.ends_at = planned.window.end if planned else found.ends_at if window else None
        found.position = planned.changes.index(change) if planned and change in planned.changes else 0
        if why not in {"announced", "requested"} or not found.reasons:
            found.reasons = [plan_json.reason(one) for one in reasons]
        found.suggestion = suggested.get(change)
        found.conflicts = conflicts.get(change, [])
        found.updated_at = now
        if change in moved:
            origin = moved[change].origin
            found.origin = found.origin or (origin if origin != window else None)
            found.requested_window = None
        if window is None:
            found.announced_at = found.announced_window = found.announced_start = None
        elif found.announced_at is not None or announce:
            _announce(session, found, made.version, levels[change].value, now, loaded, again=change in moved)
    for left in rows.values():
        if left.change_id in loaded.changes and loaded.changes[left.change_id].state == "released":
            continue  # what shipped keeps the window it shipped in
        session.delete(left)


def _announce(
    session: Session, row: PlacementRow, version: int, level: str, now: datetime, loaded: Loaded, *, again: bool
) -> None:
    if row.announced_at is None or again or row.announced_window != row.window:
        row.announced_at = row.announced_at if row.announced_at is not None and not again else now
        row.announced_version, row.announced_level = version, level
    row.announced_window, row.announced_start = row.window, row.starts_at
    if row.origin == row.window:
        row.origin = None
    change = loaded.changes.get(row.change_id)
    if change is not None and change.state == "draft":
        change.state = "announced"
    session.flush()


def _feeds(
    session: Session, now: datetime, row: CalendarRow, calendar: ReleaseCalendar, made: Plan, loaded: Loaded
) -> None:
    announced = set(
        session.scalars(
            select(PlacementRow.change_id).where(
                PlacementRow.calendar_id == row.id, PlacementRow.announced_at.is_not(None)
            )
        )
    )
    emergencies = {each.id for each in loaded.candidates if each.emergency}
    hidden = visibility.kept(session)
    facts = [
        WindowFact(
            identity=planned.window.key,
            calendar=row.slug,
            start=planned.window.start,
            end=planned.window.end,
            changes=tuple(
                _fact(loaded.changes[change], loaded, emergency=change in emergencies)
                for change in planned.changes
                if change in announced and loaded.changes[change].repository_id not in hidden
            ),
            cancelled=planned.state == "cancelled",
            environments=planned.window.environments,
            title=planned.window.title,
        )
        for planned in made.windows
    ]
    feed_events.refresh(
        session, now, calendar=row.slug, name=calendar.name, time_zone=calendar.time_zone, windows=facts,
        freezes=_freeze_facts(calendar, row.slug, now), identity=row.id,
    )  # fmt: skip


def _fact(change: Change, loaded: Loaded, *, emergency: bool) -> ChangeFact:
    return ChangeFact(
        id=change.id,
        title=change.title,
        level=change.level or "minor",
        state=change.state,
        repository=loaded.repositories[change.repository_id],
        kind=change.kind,
        teams=tuple(change.affected_teams or ()),
        owner=change.owner,
        emergency=emergency,
    )


def _freeze_facts(calendar: ReleaseCalendar, slug: str, now: datetime) -> list[FreezeFact]:
    found = []
    for period in periods(calendar.freezes, now - timedelta(days=90), now + _FREEZE_SPAN):
        freeze = period.freeze
        local = period.whole_days
        start: Any = local[0] if local else period.start
        end: Any = local[1] + timedelta(days=1) if local else period.end
        recurring = f"@{local[0] if local else period.start:%Y-%m-%d}" if freeze.rule is not None else ""
        found.append(
            FreezeFact(
                identity=freeze.id + recurring, calendar=slug, start=start, end=end, hard=freeze.hard,
                reason=freeze.reason, title=freeze.id, repositories=freeze.scope.repositories,
                teams=freeze.scope.teams, environments=freeze.scope.environments,
                levels=tuple(level.value for level in freeze.scope.levels),
            )
        )  # fmt: skip
    return found


def document(store: Store, actor: Actor, slug: str, version: int | None = None) -> dict[str, Any]:
    """A plan as it was made (the newest by default)."""
    require(actor, Action.READ_PLAN)
    with store.read() as session:
        row = calendar_rows.find(session, slug)
        found = session.get(PlanRow, (row.id, version or row.plan_version))
        if found is None:
            raise NotFound("There is no such plan.")
        return found.document


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
