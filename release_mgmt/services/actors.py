"""From a cookie, a token or a login to the Actor that asks: with today's roles, teams, identities and mandates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Actor, Identity, Mandate, Role, Scope, Via
from release_mgmt.services import secret
from release_mgmt.store.models.people import ApiToken, IdentityRow, Person, RoleRow, SessionRow, TeamMember
from release_mgmt.store.session import Store

TOUCH_EVERY = timedelta(minutes=1)
"""How exact "last used" is: writing it on every request would make every read a write."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a browser stays signed in: since the last request, and in all."""

    idle: timedelta = timedelta(hours=12)
    absolute: timedelta = timedelta(days=7)


def _roles(session: Session, person: str) -> tuple[frozenset[Role], frozenset[str]]:
    rows = session.execute(select(RoleRow.role, RoleRow.calendar).where(RoleRow.person_id == person)).all()
    known = [(Role(role), calendar) for role, calendar in rows if role in set(Role)]
    managed = frozenset(calendar for role, calendar in known if role is Role.RELEASE_MANAGER)
    return frozenset(role for role, _ in known), managed


def _teams(session: Session, person: str) -> frozenset[str]:
    return frozenset(session.scalars(select(TeamMember.team).where(TeamMember.person_id == person)))


def _mandates(session: Session, person: str, now: datetime) -> tuple[Mandate, ...]:
    principals = session.scalars(
        select(Person.id)
        .where(
            Person.delegate == person,
            Person.delegate_from <= now,
            Person.delegate_until > now,
            Person.disabled_at.is_(None),
        )
        .order_by(Person.id)
    ).all()
    return tuple(Mandate(one, _roles(session, one)[1], _teams(session, one)) for one in principals)


def load(
    session: Session,
    person: Person,
    now: datetime,
    *,
    via: Via,
    scopes: frozenset[Scope] | None = None,
    origin: str | None = None,
) -> Actor:
    """The actor that ``person`` is right now."""
    roles, calendars = _roles(session, person.id)
    rows = session.execute(select(IdentityRow.kind, IdentityRow.value).where(IdentityRow.person_id == person.id)).all()
    return Actor(
        person=person.id,
        name=person.name,
        roles=roles,
        calendars=calendars,
        teams=_teams(session, person.id),
        identities=frozenset(Identity(kind, value) for kind, value in rows),
        mandates=_mandates(session, person.id, now),
        via=via,
        scopes=scopes,
        origin=origin,
    )


def by_login(store: Store, login: str, now: datetime, *, via: Via = Via.CLI) -> Actor:
    """The actor of the person with this login or id; for the operator who acts for somebody at the machine."""
    with store.read() as session:
        person = session.scalar(select(Person).where((Person.login == login.lower()) | (Person.id == login)))
        if person is None or person.disabled_at is not None:
            raise NotFound(f"There is no person {login}.")
        return load(session, person, now, via=via)


def by_session(
    store: Store, cookie: str, now: datetime, limits: SessionLimits, origin: str | None
) -> tuple[Actor, str] | None:
    """The actor behind a session cookie and the session's id, or None when it is unknown, over or idle too long."""
    with store.read() as session:
        row = session.scalar(select(SessionRow).where(SessionRow.hash == secret.digest(cookie)))
        if row is None or row.ended_at is not None or now >= row.expires_at or now >= row.seen_at + limits.idle:
            return None
        person = session.get(Person, row.person_id)
        if person is None or person.disabled_at is not None:
            return None
        actor = load(session, person, now, via=Via.SESSION, origin=origin)
        seen, identifier = row.seen_at, row.id
    if now - seen >= TOUCH_EVERY:
        with store.write() as session:
            session.execute(update(SessionRow).where(SessionRow.id == identifier).values(seen_at=now))
    return actor, identifier


def by_token(store: Store, token: str, now: datetime, origin: str | None) -> Actor | None:
    """The actor behind an API token, limited to its scopes, or None when it is unknown, expired or revoked."""
    with store.read() as session:
        row = session.scalar(select(ApiToken).where(ApiToken.hash == secret.digest(token)))
        if row is None or row.revoked_at is not None or now >= row.expires_at:
            return None
        person = session.get(Person, row.person_id)
        if person is None or person.disabled_at is not None:
            return None
        scopes = frozenset(Scope(scope) for scope in row.scopes if scope in set(Scope))
        actor = load(session, person, now, via=Via.TOKEN, scopes=scopes, origin=origin)
        used, identifier = row.used_at, row.id
    if used is None or now - used >= TOUCH_EVERY:
        with store.write() as session:
            session.execute(update(ApiToken).where(ApiToken.id == identifier).values(used_at=now, used_from=origin))
    return actor
