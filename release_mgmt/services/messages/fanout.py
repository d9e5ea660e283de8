"""From what happened to whom it is told: each event that came to rest becomes one item for each target it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, insert, or_, select
from sqlalchemy.orm import Session, aliased

from release_mgmt.core.messages import KINDS, Concern, Event, Kind, due, folded, settled, wants
from release_mgmt.core.messages.events import LONGEST_UNREST
from release_mgmt.services import Store, turns
from release_mgmt.services.messages.readers import Sight, concerned_people, listeners
from release_mgmt.store.models.messages import MessageEvent, MessageItem
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow

MOST = 500
"""Events of one look: their transaction stays short."""
_URGENT = tuple(kind.value for kind, rule in KINDS.items() if rule.urgent)


def _resting(now: datetime, settle: timedelta) -> object:
    later = aliased(MessageEvent)
    restless = exists().where(later.fold == MessageEvent.fold, later.state == "waiting", later.at > now - settle)
    return and_(
        MessageEvent.state == "waiting",
        or_(
            MessageEvent.kind.in_(_URGENT),
            and_(MessageEvent.at <= now - settle, ~restless),
            turns.due(MessageEvent.at, now - settle * LONGEST_UNREST, settle * LONGEST_UNREST * 2),
        ),
    )


def events_due(store: Store, now: datetime, settle: timedelta) -> bool:
    """Whether something waits to be told and has come to rest."""
    with store.read() as session:
        return session.scalar(select(MessageEvent.id).where(_resting(now, settle)).limit(1)) is not None  # type: ignore[arg-type]


def event_of(row: MessageEvent) -> Event:
    """The value of a row."""
    return Event(row.id, Kind(row.kind), row.fold, row.at, row.calendar, row.change_id, row.actor, row.facts)


def fan_out(store: Store, now: datetime, settle: timedelta, *, mail: bool) -> int:
    """Make the items of everything that came to rest; how many were made. ``mail``: whether mail can be sent at all.

    Without a target that wants it an event is told to nobody, and never later: who comes new is not flooded.
    """
    with store.write(lock="messages") as session:
        folds = session.scalars(
            select(MessageEvent.fold).where(_resting(now, settle)).order_by(MessageEvent.id).limit(MOST)  # type: ignore[arg-type]
        ).all()
        if not folds:
            return 0
        rows = session.scalars(
            select(MessageEvent)
            .where(MessageEvent.state == "waiting", MessageEvent.fold.in_(set(folds)))
            .order_by(MessageEvent.id)
        ).all()
        told = _fold(rows, now, settle)
        return _items(session, now, told, mail=mail)


def _fold(rows: Sequence[MessageEvent], now: datetime, settle: timedelta) -> list[Event]:
    """What the rows come to; each row says what became of it."""
    groups: dict[str, list[MessageEvent]] = {}
    for row in rows:
        groups.setdefault(row.fold, []).append(row)
    told = []
    for group in groups.values():
        events = [event_of(row) for row in group]
        if not settled(events, now, settle):
            continue
        found = folded(events)
        for row in group:
            row.state, row.told_at = "folded", now
        last = group[-1]
        last.state = "told" if found is not None else "nothing"
        if found is not None:
            last.kind, last.facts = found.kind.value, dict(found.facts)
            told.append(found)
    return told


def concerns(session: Session, events: Sequence[Event]) -> dict[str, Concern]:
    """Event -> whom it is about."""
    ids = {one.change for one in events if one.change} | {
        change for one in events for change in one.facts.get("changes", ())
    }
    rows = session.execute(select(Change.id, Change.owner, Change.affected_teams).where(Change.id.in_(ids)))
    known = {change: (owner, frozenset(teams or ())) for change, owner, teams in rows}
    frozen = {one.calendar for one in events if one.kind is Kind.FREEZE_ADDED and one.calendar}
    hit = {calendar: _open_changes(session, calendar) for calendar in frozen}
    found = {}
    for one in events:
        of = [known[each] for each in (one.change, *one.facts.get("changes", ())) if each in known]
        if one.kind is Kind.FREEZE_ADDED:
            of += hit.get(one.calendar or "", [])
        owners = frozenset(owner for owner, _ in of if owner)
        teams = frozenset(team for _, each in of for team in each)
        asked = frozenset(one.facts.get("teams", ()))
        if one.kind is Kind.SIGN_OFF_ASKED:
            teams = asked
        elif one.kind is Kind.FREEZE_ADDED:
            teams |= asked
        found[one.id] = Concern(owners, teams, frozenset(one.facts.get("people", ())), one.calendar)
    return found


def _open_changes(session: Session, calendar: str) -> list[tuple[str | None, frozenset[str]]]:
    query = (
        select(Change.owner, Change.affected_teams)
        .join(PlacementRow, PlacementRow.change_id == Change.id)
        .join(CalendarRow, CalendarRow.id == PlacementRow.calendar_id)
        .where(CalendarRow.slug == calendar, Change.state.in_(("draft", "announced", "approved")))
    )
    return [(owner, frozenset(teams or ())) for owner, teams in session.execute(query)]


def _items(session: Session, now: datetime, events: Sequence[Event], *, mail: bool) -> int:
    about = concerns(session, events)
    people = concerned_people(
        session,
        {person for one in about.values() for person in one.owners | one.named},
        {team for one in about.values() for team in one.teams},
        {one.calendar for one in about.values() if one.calendar},
    )
    sight = Sight(session, frozenset(one.change for one in events if one.change))
    made: list[dict[str, object]] = []
    for listener in listeners(session, now, people, mail=mail):
        wanted = [one for one in events if wants(listener.reader, one, about[one.id])]
        if not wanted:
            continue
        seen = sight.of(listener)
        preference = listener.preference
        if listener.target.channel == "webhook":
            preference = type(preference)(zone=listener.zone)  # machines are told at once
        for one in wanted:
            if one.change is None or one.change in seen:
                at = due(preference, now, urgent=KINDS[one.kind].urgent)
                made.append({"event_id": one.id, "target_id": listener.target.id, "due_at": at})
    if made:
        session.flush()
        session.execute(insert(MessageItem), made)
    return len(made)
