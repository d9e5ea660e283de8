"""Feature flags: switching one is a release of its own, told by the flag service or a script.

An event is a change like any other (kind ``feature_flag``, of a repository, without commits): one that is planned is
placed in a window, approved and asked about at the gate by its change; one that was switched stands in the calendar
where it was, with what the gate says of that instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, FieldError, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, audit, gate, lane, people, plans, secret, visibility
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import FLAG, Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, ChangeTerms, GateDecisionRow, PlacementRow, StageRow

STATES = ("planned", "switched", "cancelled")
_AHEAD, _BACK = timedelta(minutes=5), timedelta(days=31)
_RANK = 2**31 - 1  # above every commit's
LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of an event. ``at`` (now): when it was switched, or before which it must not be; ``owner`` by id or
    login.

    ``level`` and ``teams`` are what classification tells of other changes.
    """

    flag: str
    on: bool
    state: str
    environment: str = "prod"
    at: datetime | None = None
    owner: str | None = None
    level: str = "minor"
    teams: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FlagView:
    """An event as it is kept: its change, where it stands, and what the gate said (None: no calendar decides)."""

    id: str
    repository: str
    flag: str
    on: bool
    environment: str
    state: str
    change: str
    owner: str | None
    at: datetime
    window: tuple[datetime, datetime] | None
    decision: str | None
    reasons: tuple[dict[str, Any], ...]


def keep(store: Store, actor: Actor, now: datetime, repository: str, event: str, told: Told) -> tuple[FlagView, bool]:
    """Keep the event with the reporter's id, and whether it is a new one; the same told again changes nothing.

    What was switched is kept whatever the gate says of it. Raises Conflict when it is told differently afterwards.
    """
    require(actor, Action.POST_EVENTS)
    with store.write(lock=plans.LOCK) as session:
        visibility.require_seen_in(session, actor, named=[repository])
        home = session.scalar(select(Repository).where(Repository.name == repository))
        if home is None:
            raise NotFound("There is no such repository.")
        change = session.scalar(select(Change).where(Change.repository_id == home.id, Change.key == f"flag:{event}"))
        before = _record(change) if change is not None else None
        at = told.at or _told_at(before, told) or now
        _check(session, now, event, told, at)
        wanted = _plain(told, at)
        new = change is None
        if change is None:
            change = _add(session, actor, now, home, event)
        if before != wanted:
            _apply(session, actor, now, home, change, told, at, before)
        view = _view(session, change, repository, event)
        every = [row.slug for row in session.scalars(select(CalendarRow))]
    if before != wanted and told.state != "switched":
        plans.follow(store, now, [slug for slug in every if home.calendar in {slug, None}], "flags")
        with store.read() as session:
            view = _view(session, session.get_one(Change, view.change), repository, event)
    return view, new


def _told_at(before: dict[str, Any] | None, told: Told) -> datetime | None:
    """The instant of the same telling before, so that a repetition without one is the same."""
    same = before is not None and {**before, "at": None} == {**_plain(told, None), "at": None}
    return datetime.fromisoformat(str(before["at"])) if same and before is not None else None


def _check(session: Session, now: datetime, event: str, told: Told, at: datetime) -> None:
    known = set(session.scalars(select(Team.slug)))
    faults = [FieldError("teams", f"there is no team {team}") for team in told.teams if team not in known]
    if one_line(event, LONGEST) != event:
        faults.append(FieldError("event", "cannot be an id", f"one line of {LONGEST} characters at most"))
    if told.state not in STATES:
        faults.append(FieldError("state", "is not a state", ", ".join(STATES)))
    if told.level not in {level.value for level in Level}:
        faults.append(FieldError("level", "is not a level", ", ".join(Level)))
    if told.state == "switched" and not now - _BACK <= at <= now + _AHEAD:
        faults.append(FieldError("at", "lies in the future or too far back", f"the last {_BACK.days} days"))
    if faults:
        raise InvalidInput("This cannot be an event of a flag.", faults)


def _plain(told: Told, at: datetime | None) -> dict[str, Any]:
    return asdict(told) | {"at": at.astimezone(UTC).isoformat() if at else None, "teams": sorted(told.teams)}


def _record(change: Change) -> dict[str, Any] | None:
    found = (change.record or {}).get("flag")
    return found if isinstance(found, dict) else None


def _add(session: Session, actor: Actor, now: datetime, home: Repository, event: str) -> Change:
    change = Change(
        id=secret.identifier("flag"), repository_id=home.id, key=f"flag:{event}", title="",
        author=None if actor.person else actor.name,  # people are named by their ids: a name must be erasable
        kind=FLAG, state="draft", ready=True, merged_at=now, happened_at=now, rank=_RANK, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(change)
    return change


def _apply(
    session: Session, actor: Actor, now: datetime, home: Repository, change: Change, told: Told,
    at: datetime, before: dict[str, Any] | None,
) -> None:  # fmt: skip
    if change.state in {"released", "rolled_back", "withdrawn"}:
        raise Conflict(
            "This event is over and was told differently.", code="flag_event_over",
            hint="Switching a flag again is another event: give it an id of its own.",
        )  # fmt: skip
    change.title = f"Flag {one_line(told.flag, LONGEST)} switched {'on' if told.on else 'off'}"
    change.level, change.affected_teams = told.level, sorted(told.teams)
    owner = people.find(session, told.owner, active=True).id if told.owner else None
    change.owner = owner or change.owner or actor.person
    by = {"requested_by": actor.person} if actor.person else {}
    change.record = {"flag": _plain(told, at), **by}
    change.updated_at = now
    session.flush()
    terms = session.get(ChangeTerms, change.id)
    if terms is None:
        terms = ChangeTerms(change_id=change.id, updated_at=now)
        session.add(terms)
    terms.earliest, terms.updated_at = at, now
    if told.state == "cancelled":
        change.state, change.ready = "withdrawn", False
    elif told.state == "switched":
        _switch(session, actor, now, home, change, told, at)
    audit.record(
        session, actor, now, action=Action.POST_EVENTS, subject=f"change:{change.id}", reason=told.note,
        before=before, after=_plain(told, at),
    )  # fmt: skip


def _switch(
    session: Session, actor: Actor, now: datetime, home: Repository, change: Change, told: Told, at: datetime
) -> None:
    try:
        asked = gate.Asked(home.name, told.environment, change.id)
        gate.keep(session, actor, now, [asked], at=at)
    except Conflict:
        pass  # no calendar decides about this repository
    position = len(session.scalars(select(StageRow.id).where(StageRow.change_id == change.id)).all()) + 1
    session.add(
        StageRow(
            id=secret.identifier("st"), change_id=change.id, position=position, stage="deploy", state="done",
            environment=told.environment, note=one_line(told.note, 2000) if told.note else None,
            reported_by=actor.person or actor.name, at=at,
        )
    )  # fmt: skip
    change.state, change.happened_at = "released", at
    session.flush()
    lane.switch(session, actor, now, change, told.environment, at)


def search(store: Store, actor: Actor, *, cursor: str | None = None, limit: int | None = None) -> Page[FlagView]:
    """The events that the actor may know of, the newest first."""
    require(actor, Action.READ_CHANGE)
    size = bounded(limit)
    query = (
        select(Change, Repository.name)
        .join(Repository, Repository.id == Change.repository_id)
        .where(Change.kind == FLAG, visibility.changes(actor))
        .order_by(Change.happened_at.desc(), Change.id.desc())
    )
    if cursor is not None:
        at, key = values(cursor, datetime, str)
        query = query.where(or_(Change.happened_at < at, (Change.happened_at == at) & (Change.id < key)))
    with store.read() as session:
        rows = session.execute(query.limit(size + 1)).all()
        found = page(rows, size, lambda row: (row[0].happened_at, row[0].id))
        shown = _views(session, [(change, name) for change, name in found.items])
    return Page(tuple(shown), found.next)


def _view(session: Session, change: Change, repository: str, event: str) -> FlagView:
    return replace(_views(session, [(change, repository)])[0], id=event)


def _views(session: Session, rows: Sequence[tuple[Change, str]]) -> list[FlagView]:
    """The events of these changes, in two queries whatever their number."""
    ids = [change.id for change, _ in rows]
    placements = select(PlacementRow).where(PlacementRow.change_id.in_(ids))
    placed = {(one.change_id, one.environment): one for one in session.scalars(placements)}
    asked = select(GateDecisionRow).where(GateDecisionRow.change_id.in_(ids)).order_by(GateDecisionRow.evaluated_at)
    answers = {one.change_id: one for one in session.scalars(asked)}
    found = []
    for change, repository in rows:
        told = _record(change) or {}
        environment = str(told.get("environment"))
        slot, said = placed.get((change.id, environment)), answers.get(change.id)
        window = (slot.starts_at, slot.ends_at) if slot and slot.window and slot.starts_at and slot.ends_at else None
        found.append(
            FlagView(
                change.key.removeprefix("flag:"), repository, str(told.get("flag")), bool(told.get("on")), environment,
                change.state, change.id, change.owner, datetime.fromisoformat(str(told.get("at"))), window,
                said.decision if said else None, tuple(said.reasons) if said else (),
            )
        )  # fmt: skip
    return found
