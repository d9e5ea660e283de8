"""Signing in and out: passwords, one-time links, browser sessions.

Nothing here tells whether a login exists: an unknown one costs the same time, gives the same answer and is slowed down
in the same way. Sign-in by OpenID Connect is in ``services.directory``; both end in :func:`open_session`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, NotFound, TooMany, Unauthenticated
from release_mgmt.core.permissions import Action, Actor, Role, Via, require
from release_mgmt.core.text import one_line
from release_mgmt.services import actors, audit, people, secret
from release_mgmt.services.actors import SessionLimits
from release_mgmt.store.models.people import OneTimeLink, Person, RoleRow, SessionRow, SignInThrottle
from release_mgmt.store.session import Store

FREE_FAILURES = {"login": 5, "origin": 30}
"""Failures before waiting starts; each one more doubles the wait, to fifteen minutes."""
LONGEST_WAIT = timedelta(minutes=15)
FORGET_AFTER = timedelta(hours=1)
LINK_LIFETIME = timedelta(hours=24)
_WRONG = "The login or the password is wrong."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser that is signed in: the cookie's secret is shown this once."""

    actor: Actor
    cookie: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it; ``current`` marks the one that asks."""

    id: str
    method: str
    origin: str | None
    agent: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


def _keys(login: str, origin: str | None) -> dict[str, str]:
    keys = {"login": secret.digest(f"login:{login.strip().lower()}")}
    if origin:
        keys["origin"] = secret.digest(f"origin:{origin}")
    return keys


def _refuse_if_too_many(session: Session, keys: dict[str, str], now: datetime) -> None:
    for kind, key in keys.items():
        row = session.get(SignInThrottle, key)
        over = row.failures - FREE_FAILURES[kind] if row is not None else -1
        if row is None or over < 0 or now - row.last_at >= FORGET_AFTER:
            continue
        wait = min(timedelta(seconds=4 * 2 ** min(over, 12)), LONGEST_WAIT)
        left = row.last_at + wait - now
        if left > timedelta(0):
            raise TooMany(
                "Too many failed sign-ins; wait a little.", details={"retry_after": int(left.total_seconds()) + 1}
            )


def _count_failure(store: Store, keys: dict[str, str], now: datetime) -> None:
    with store.write("sign-in failures") as session:
        session.execute(delete(SignInThrottle).where(SignInThrottle.last_at < now - FORGET_AFTER))
        for key in keys.values():
            row = session.get(SignInThrottle, key)
            if row is None:
                session.add(SignInThrottle(key=key, failures=1, last_at=now))
            else:
                row.failures, row.last_at = row.failures + 1, now


def with_password(
    store: Store,
    now: datetime,
    *,
    login: str,
    password: str,
    limits: SessionLimits,
    origin: str | None,
    agent: str | None = None,
) -> SignedIn:
    """Sign in by password. Raises Unauthenticated (whatever was wrong) or TooMany with ``retry_after``."""
    keys = _keys(login, origin)
    with store.read() as session:
        _refuse_if_too_many(session, keys, now)
        person = session.scalar(select(Person).where(Person.login == login.strip().lower(), Person.kind == "person"))
        stored = person.password_hash if person is not None and person.disabled_at is None else None
        identifier = person.id if person is not None else None
    if not secret.verify_password(stored, password) or identifier is None:
        _count_failure(store, keys, now)
        raise Unauthenticated(_WRONG, code="wrong_credentials")
    with store.write() as session:
        session.execute(delete(SignInThrottle).where(SignInThrottle.key == keys["login"]))
        found = people.find(session, identifier, active=True)
        return open_session(session, found, now, method="password", limits=limits, origin=origin, agent=agent)


def open_session(
    session: Session,
    person: Person,
    now: datetime,
    *,
    method: str,
    limits: SessionLimits,
    origin: str | None,
    agent: str | None,
) -> SignedIn:
    """A new session with a new secret (never one that the browser brought along) in the caller's transaction."""
    cookie = secret.make()
    expires_at = now + limits.absolute
    row = SessionRow(
        id=secret.identifier("s"), hash=secret.digest(cookie), person_id=person.id, method=method, origin=origin,
        agent=one_line(agent, 200) if agent else None, created_at=now, seen_at=now, expires_at=expires_at,
    )  # fmt: skip
    session.add(row)
    session.execute(delete(SessionRow).where(SessionRow.expires_at < now - timedelta(days=30)))
    session.flush()
    actor = actors.load(session, person, now, via=Via.SESSION, origin=origin)
    audit.record(session, actor, now, action=Action.SIGN_IN, subject=f"session:{row.id}", after={"method": method})
    return SignedIn(actor, cookie, expires_at)


def sign_out(store: Store, actor: Actor, now: datetime, session_id: str) -> None:
    """End one session of one's own; ending it twice is no error."""
    require(actor, Action.MANAGE_SELF)
    with store.write() as session:
        row = session.get(SessionRow, session_id)
        if row is None or row.person_id != actor.person:
            raise NotFound("There is no such session.")
        if row.ended_at is None:
            row.ended_at = now
            audit.record(session, actor, now, action="session.end", subject=f"session:{row.id}")


def sign_out_everywhere(store: Store, actor: Actor, now: datetime, person: str | None = None) -> int:
    """End all sessions of oneself or, for administrators, of ``person``; returns how many were open."""
    target = person or actor.person
    require(actor, Action.MANAGE_SELF if target == actor.person else Action.MANAGE_PEOPLE)
    with store.write() as session:
        rows = session.scalars(
            select(SessionRow).where(SessionRow.person_id == target, SessionRow.ended_at.is_(None))
        ).all()
        for row in rows:
            row.ended_at = now
        audit.record(
            session, actor, now, action="session.end", subject=f"person:{target}", after={"sessions": len(rows)}
        )
        return len(rows)


def sessions_of(
    store: Store, actor: Actor, now: datetime, limits: SessionLimits, current: str | None
) -> list[SessionView]:
    """One's own open sessions, newest first."""
    require(actor, Action.MANAGE_SELF)
    with store.read() as session:
        rows = session.scalars(
            select(SessionRow)
            .where(
                SessionRow.person_id == actor.person,
                SessionRow.ended_at.is_(None),
                SessionRow.expires_at > now,
                SessionRow.seen_at > now - limits.idle,
            )
            .order_by(SessionRow.created_at.desc(), SessionRow.id)
        ).all()
        return [
            SessionView(
                row.id,
                row.method,
                row.origin,
                row.agent,
                row.created_at,
                row.seen_at,
                row.expires_at,
                row.id == current,
            )
            for row in rows
        ]


def make_link(store: Store, actor: Actor, now: datetime, key: str) -> str:
    """The secret of a link by which a person sets a password once, within a day; older links of theirs are void."""
    require(actor, Action.MANAGE_PEOPLE)
    with store.write() as session:
        person = people.find(session, key, active=True)
        if person.kind != "person":
            raise Conflict("A service account has no password; make a token for it.")
        purpose = "reset" if person.password_hash else "invite"
        link = _new_link(session, now, purpose, person.id)
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject=f"person:{person.id}", after={"link": purpose}
        )
        return link


def _new_link(session: Session, now: datetime, purpose: str, person: str | None) -> str:
    session.execute(
        delete(OneTimeLink).where(OneTimeLink.purpose == purpose, OneTimeLink.person_id.is_not_distinct_from(person))
    )
    link = secret.make()
    session.add(
        OneTimeLink(
            hash=secret.digest(link), purpose=purpose, person_id=person, created_at=now, expires_at=now + LINK_LIFETIME
        )
    )
    session.flush()
    return link


def needs_first_administrator(session: Session) -> bool:
    """Whether nobody administers this installation yet."""
    return session.scalar(select(RoleRow.person_id).where(RoleRow.role == Role.ADMINISTRATOR.value).limit(1)) is None


def first_administrator_link(store: Store, actor: Actor, now: datetime) -> str | None:
    """The secret of the link by which the first administrator signs up, or None when there is one already.

    Only from the machine itself (``release-mgmt init``, ``make run``). Asking again voids the link made before.
    """
    require(actor, Action.MANAGE_PEOPLE)
    with store.write() as session:
        if not needs_first_administrator(session):
            return None
        link = _new_link(session, now, "first_administrator", None)
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject="link:first_administrator", after={"made": True}
        )
        return link


def purpose_of(store: Store, now: datetime, link: str) -> str:
    """What a link is for; NotFound when it is unknown, used or over."""
    with store.read() as session:
        return _link(session, now, link).purpose


def _link(session: Session, now: datetime, link: str, *, lock: bool = False) -> OneTimeLink:
    row = session.get(OneTimeLink, secret.digest(link), with_for_update=lock or None)
    if row is None or row.used_at is not None or now >= row.expires_at:
        raise NotFound("This link is unknown, used or over.", hint="Ask an administrator for a new one.")
    return row


def follow_link(
    store: Store,
    now: datetime,
    link: str,
    *,
    password: str,
    limits: SessionLimits,
    origin: str | None,
    agent: str | None = None,
    login: str | None = None,
    name: str | None = None,
) -> SignedIn:
    """Set the password that a link allows, end all older sessions, and sign in.

    The first administrator gives ``login`` and ``name`` too and becomes administrator and release manager of
    everything.
    """
    if login is not None:
        login = people.login_of(login)
    secret.check_password(password, login)
    hashed = secret.hash_password(password)
    with store.write(people.ACCOUNTS) as session:
        row = _link(session, now, link, lock=True)
        purpose, target = row.purpose, row.person_id
        session.delete(row)
        if purpose == "first_administrator":
            person = _first(session, now, login or "", name or login or "")
        else:
            person = people.find(session, target or "", active=True)
            people.end_all(session, person.id, now)
        person.password_hash = hashed
        session.flush()
        done = open_session(session, person, now, method="link", limits=limits, origin=origin, agent=agent)
        audit.record(
            session, done.actor, now, action="password.set", subject=f"person:{person.id}", after={"by": purpose}
        )
        return done


def _first(session: Session, now: datetime, login: str, name: str) -> Person:
    if not needs_first_administrator(session):
        raise Conflict("There is an administrator already.", code="administrator_exists")
    person = people.insert(session, now, name=name, login=people.login_of(login))
    grants = tuple(people.Grant(role) for role in (Role.ADMINISTRATOR, Role.RELEASE_MANAGER))
    people.put_grants(session, person.id, grants)
    return person


def change_password(
    store: Store, actor: Actor, now: datetime, *, old: str, new: str, limits: SessionLimits, agent: str | None = None
) -> SignedIn:
    """Replace one's own password; every session ends and this browser gets a new one."""
    require(actor, Action.MANAGE_SELF)
    with store.read() as session:
        person = people.find(session, actor.person or "", active=True)
        stored, login = person.password_hash, person.login
        keys = _keys(login or person.id, actor.origin)
        _refuse_if_too_many(session, keys, now)
    if not secret.verify_password(stored, old):
        _count_failure(store, keys, now)
        raise Unauthenticated("The old password is wrong.", code="wrong_credentials")
    secret.check_password(new, login)
    hashed = secret.hash_password(new)
    with store.write() as session:
        person = people.find(session, actor.person or "", active=True)
        for row in session.scalars(
            select(SessionRow).where(SessionRow.person_id == person.id, SessionRow.ended_at.is_(None))
        ):
            row.ended_at = now
        person.password_hash = hashed
        done = open_session(session, person, now, method="password", limits=limits, origin=actor.origin, agent=agent)
        audit.record(session, actor, now, action="password.set", subject=f"person:{person.id}", after={"by": "self"})
        return done
