"""Break-glass: asked for with a reason and a ticket, granted by somebody else, over after hours, then reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.approvals.breakglass import check_grant, check_request
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from release_mgmt.core.gate import BreakGlass
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import clean, one_line
from release_mgmt.core.windows import BusinessDays, ReleaseCalendar, resolve, zone
from release_mgmt.core.windows.localtime import to_local
from release_mgmt.services import audit, calendar_rows, outbox, parties, plans, proposals, secret, visibility
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow
from release_mgmt.store.session import Store

DECIDE_WITHIN = timedelta(hours=24)
"""A request that nobody decides is void after this: the blockers it names are those of then."""


@dataclass(frozen=True, slots=True)
class BreakGlassView:
    """A permission as shown. ``state``: requested, void, refused, active, over or reviewed; people are ids."""

    id: str
    change: str
    environment: str
    calendar: str
    blockers: tuple[Blocker, ...]
    reason: str
    ticket: str
    minutes: int
    state: str
    requested_by: str | None
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str | None
    starts_at: datetime | None
    expires_at: datetime | None
    review_due_at: datetime | None
    review_overdue: bool
    reviewed_by: str | None
    reviewed_at: datetime | None
    review_note: str | None
    version: int


def _state(row: BreakGlassRow, now: datetime) -> str:
    if row.reviewed_at is not None:
        return "reviewed"
    if row.granted is None:
        return "requested" if now < row.requested_at + DECIDE_WITHIN else "void"
    if not row.granted:
        return "refused"
    return "active" if row.expires_at is not None and now < row.expires_at else "over"


def _view(row: BreakGlassRow, now: datetime) -> BreakGlassView:
    due = row.review_due_at
    return BreakGlassView(
        row.id, row.change_id, row.environment, row.calendar, _blockers(row), row.reason, row.ticket, row.minutes,
        _state(row, now), row.requested_by, row.requested_at, row.decided_by, row.decided_at, row.decision_note,
        row.starts_at, row.expires_at, due, due is not None and row.reviewed_at is None and now >= due,
        row.reviewed_by, row.reviewed_at, row.review_note, row.version,
    )  # fmt: skip


def _blockers(row: BreakGlassRow) -> tuple[Blocker, ...]:
    return tuple(Blocker(one["code"], one.get("ref")) for one in row.blockers)


def _calendar(session: Session, change: Change, environment: str) -> CalendarRow:
    repository = session.get_one(Repository, change.repository_id)
    row = calendar_rows.deciding(session, repository, session.get(PlacementRow, (change.id, environment)))
    if row is None:
        raise Conflict("No calendar decides about this change, so there is nothing to break.", code="no_calendar")
    return row


def request(
    store: Store, actor: Actor, now: datetime, *, change: str, environment: str, blockers: Sequence[Blocker],
    reason: str, ticket: str, minutes: int = 240,
) -> BreakGlassView:  # fmt: skip
    """Ask for a permission that names each blocker it breaks, for one change and one environment."""
    require(actor, Action.REQUEST_BREAK_GLASS)
    if actor.person is None:
        raise Forbidden("Somebody has to answer for it: ask as a person.", code="not_a_person")
    named = sorted(set(blockers), key=lambda one: (one.code, one.ref or ""))
    check_request(named, reason, ticket, timedelta(minutes=minutes))
    with store.write() as session:
        calendar = _calendar(session, proposals.find_change(session, change, actor), environment)
        row = BreakGlassRow(
            id=secret.identifier("b"), change_id=change, environment=environment, calendar=calendar.slug,
            blockers=[{"code": one.code, "ref": one.ref} for one in named], reason=clean(reason, 2000).strip(),
            ticket=one_line(ticket, 300), minutes=minutes, requested_by=actor.person, requested_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        _tell(session, actor, now, Kind.BREAK_GLASS_ASKED, row)
        audit.record(
            session, actor, now, action=Action.REQUEST_BREAK_GLASS, subject=f"change:{change}", reason=row.reason,
            after={"break_glass": row.id, "environment": environment, "blockers": row.blockers, "ticket": row.ticket},
        )  # fmt: skip
        return _view(row, now)


def _as_a_person(session: Session, actor: Actor, what: str) -> str:
    """The person who acts; programs are refused: by a service account somebody could decide on their own request."""
    person = session.get(Person, actor.person) if actor.person else None
    if person is None or person.kind != "person":
        raise Forbidden(f"Somebody has to answer for it: {what} as a person.", code="not_a_person")
    return person.id


def _find(session: Session, key: str) -> BreakGlassRow:
    row = session.get(BreakGlassRow, key)
    if row is None:
        raise NotFound("There is no such break-glass.")
    return row


def decide(
    store: Store, actor: Actor, now: datetime, key: str, *, grant: bool, note: str | None = None
) -> BreakGlassView:
    """Grant (from now, for the minutes asked) or refuse. Never one's own while another manager could decide.

    Plan and feeds show the change as an emergency at once, and until the permission ends; a change that was deployed
    by it stays told as one.
    """
    with store.write() as session:
        row = _find(session, key)
        require(actor, Action.GRANT_BREAK_GLASS, calendar=row.calendar)
        person = _as_a_person(session, actor, "decide")
        if _state(row, now) != "requested":
            raise Conflict("This was decided already, or is too old.", code="already_decided")
        if grant:
            change = proposals.find_change(session, row.change_id)
            managers = proposals.electorate(session, row.calendar, (), now).managers
            involved = [party.person for party in parties.of(session, change) if party.person]
            check_grant(person, row.requested_by, involved, managers)
            calendar = session.scalar(select(CalendarRow).where(CalendarRow.slug == row.calendar))
            row.starts_at, row.expires_at = now, now + timedelta(minutes=row.minutes)
            days = calendar_rows.value(calendar, now) if calendar is not None else None
            row.review_due_at = review_due(row.expires_at, days)
        row.granted, row.decided_by, row.decided_at = grant, actor.person, now
        row.decision_note = clean(note, 2000) if note else None
        session.flush()
        _tell(session, actor, now, Kind.BREAK_GLASS_USED if grant else Kind.BREAK_GLASS_REFUSED, row)
        audit.record(
            session, actor, now, action=Action.GRANT_BREAK_GLASS, subject=f"change:{row.change_id}", reason=note,
            after={"break_glass": row.id, "granted": grant, "until": row.expires_at, "blockers": row.blockers},
        )  # fmt: skip
        done = _view(row, now)
    if grant:
        plans.follow(store, now, [done.calendar], "break-glass")
    return done


def _tell(
    session: Session, actor: Actor | None, now: datetime, kind: Kind, row: BreakGlassRow, once: str | None = None
) -> None:
    outbox.tell(
        session, now, kind, fold=f"break-glass:{row.id}:{kind}", actor=actor, calendar=row.calendar,
        change=row.change_id, once=once,
        facts={
            "break_glass": row.id, "environment": row.environment, "reason": row.reason, "ticket": row.ticket,
            "blockers": row.blockers, "until": outbox.iso(row.expires_at), "review": outbox.iso(row.review_due_at),
            "note": row.decision_note, "people": [row.requested_by] if row.requested_by else [],
        },
    )  # fmt: skip


def review_due(end: datetime, calendar: ReleaseCalendar | None) -> datetime:
    """When the review is due: the cut-off of the first business day after the day on which the permission ends."""
    days = calendar.business_days if calendar is not None else BusinessDays()
    day = days.earliest(end, 1)
    return resolve(datetime.combine(day, days.cut_off), zone(days.time_zone)).instant


def review(store: Store, actor: Actor, now: datetime, key: str, *, note: str) -> BreakGlassView:
    """Look back at a permission that was used: what happened, what follows. Not by who asked for it or granted it,
    while the calendar has another release manager. A permission still in force ends with its review."""
    if not note.strip():
        raise InvalidInput.at("note", "must not be empty", "what happened and what follows from it")
    with store.write() as session:
        row = _find(session, key)
        require(actor, Action.REVIEW_BREAK_GLASS, calendar=row.calendar)
        _as_a_person(session, actor, "review")
        if _state(row, now) not in {"active", "over"}:
            raise Conflict("There is nothing to review.", code="not_granted")
        others = proposals.electorate(session, row.calendar, (), now).managers - {row.requested_by, row.decided_by}
        if actor.person in {row.requested_by, row.decided_by} and others:
            raise Forbidden("Somebody else reviews what you asked for or granted.", code="self_approval")
        row.reviewed_by, row.reviewed_at, row.review_note = actor.person, now, clean(note, 5000)
        session.flush()
        audit.record(
            session, actor, now, action=Action.REVIEW_BREAK_GLASS, subject=f"change:{row.change_id}", reason=note,
            after={"break_glass": row.id},
        )  # fmt: skip
        done = _view(row, now)
    plans.follow(store, now, [done.calendar], "break-glass")
    return done


def get(store: Store, actor: Actor, now: datetime, key: str) -> BreakGlassView:
    """One permission."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        row = _find(session, key)
        if row.change_id in visibility.hidden(session, actor):
            raise NotFound("There is no such break-glass.")
        return _view(row, now)


def search(
    store: Store, actor: Actor, now: datetime, *, change: str | None = None, calendar: str | None = None,
    to_review: bool = False, limit: int = 200,
) -> list[BreakGlassView]:  # fmt: skip
    """The newest permissions, for a change or a calendar, or those whose review is missing. Raises NotFound for a
    change that is not there or not to be seen, and for a calendar that is not there and has none."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        seen = (
            select(Change.id).join(Repository, Repository.id == Change.repository_id).where(visibility.changes(actor))
        )
        statement = select(BreakGlassRow).where(BreakGlassRow.change_id.in_(seen))
        statement = statement.order_by(BreakGlassRow.requested_at.desc(), BreakGlassRow.id).limit(limit)
        if change is not None:
            statement = statement.where(BreakGlassRow.change_id == change)
        if calendar is not None:
            statement = statement.where(BreakGlassRow.calendar == calendar)
        if to_review:
            statement = statement.where(BreakGlassRow.granted.is_(True), BreakGlassRow.reviewed_at.is_(None))
        found = [_view(row, now) for row in session.scalars(statement)]
        if change is not None and not found and not visibility.seen_of(session, actor, [change]):
            raise NotFound("There is no such change.")
        if calendar is not None and not found:
            calendar_rows.find(session, calendar)
        return found


def for_gate(session: Session, change: str, environment: str) -> tuple[BreakGlass, ...]:
    """The permissions that the gate weighs: all that were granted, whether they still hold or are over."""
    rows = session.scalars(
        select(BreakGlassRow)
        .where(
            BreakGlassRow.change_id == change, BreakGlassRow.environment == environment,
            BreakGlassRow.granted.is_(True), BreakGlassRow.expires_at.is_not(None),
        )
        .order_by(BreakGlassRow.expires_at, BreakGlassRow.id)
    )  # fmt: skip
    # The gate counts whole seconds: a permission holds from the second in which it was given.
    return tuple(
        BreakGlass(_names(row), row.ended_at, row.starts_at and row.starts_at.replace(microsecond=0))
        for row in rows
        if row.ended_at is not None
    )


def _names(row: BreakGlassRow) -> tuple[str, ...]:
    return tuple(f"{one.code}:{one.ref}" if one.ref else one.code for one in _blockers(row))


def tell_overdue(store: Store, now: datetime, slugs: Iterable[str]) -> None:
    """Tell a calendar's release managers of reviews that are overdue, once on each business day until they are done."""
    for slug in slugs:
        with store.write() as session:
            row = BreakGlassRow
            overdue = session.scalars(
                select(row)
                .where(row.calendar == slug, row.granted.is_(True), row.reviewed_at.is_(None), row.review_due_at <= now)
                .order_by(row.review_due_at, row.id)
            ).all()
            found = session.scalar(select(CalendarRow).where(CalendarRow.slug == slug)) if overdue else None
            if found is None:
                continue
            days = calendar_rows.value(found, now).business_days
            today = to_local(now, zone(days.time_zone)).date()
            for one in overdue if days.is_business_day(today) else ():
                _tell(session, None, now, Kind.BREAK_GLASS_OVERDUE, one, once=f"review {one.id} {today}")
