"""Persons: who is here, with which roles and under which names forges and git know them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, FieldError, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, Identity, Role, require
from release_mgmt.core.text import one_line
from release_mgmt.services import audit, secret
from release_mgmt.store.models.people import (
    ApiToken,
    IdentityRow,
    OneTimeLink,
    Person,
    RoleRow,
    SessionRow,
    TeamMember,
)
from release_mgmt.store.session import Store

PAGE = 50
ACCOUNTS = "accounts"  # the word by which transactions that may take a role from somebody wait for each other
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,119}")
FORGES = ("github", "gitlab", "gitea", "bitbucket", "bitbucket_server", "azure")
CHATS = ("slack", "mattermost")
KINDS = ("email", *FORGES, *CHATS)
"""How somebody is known elsewhere; a Slack account is its team and user: ``t123.u456``."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and for release managers the calendar it is for (``*``: all)."""

    role: Role
    calendar: str = EVERYWHERE


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as shown. ``identities`` and ``login`` are given to administrators and to the person only."""

    id: str
    name: str
    kind: str
    login: str | None
    grants: tuple[Grant, ...]
    teams: tuple[str, ...]
    identities: tuple[Identity, ...]
    active: bool
    version: int
    created_at: datetime


def login_of(text: str) -> str:
    """``text`` as a login: lower case, letters, digits and ``. _ @ + -``."""
    login = text.strip().lower()
    if not LOGIN.fullmatch(login):
        raise InvalidInput.at("login", "cannot be used", "letters, digits and . _ @ + -, at most 120 characters")
    return login


def identity_of(kind: str, value: str) -> Identity:
    """A forge login or an e-mail address in the form that is stored: lower case, no spaces.

    Bitbucket Cloud has no logins: there it is the account id (``557058:0a1b…``), since anybody may take any name.
    """
    kind, value = kind.strip().lower(), value.strip().lower()
    if kind not in KINDS:
        raise InvalidInput.at("kind", "is not known", ", ".join(KINDS))
    whole = re.fullmatch(r"[^\s@]+@[^\s@]+", value) if kind == "email" else re.fullmatch(r"[\w.@+:\\-]+", value)
    if not whole or len(value) > 254:
        raise InvalidInput.at("value", f"is no {'address' if kind == 'email' else 'login'}")
    return Identity(kind, value)


def view(session: Session, person: Person, *, full: bool) -> PersonView:
    """``person`` as shown; ``full`` with login and identities."""
    return views(session, [person], lambda _: full)[0]


def views(session: Session, people: Sequence[Person], full: Callable[[str], bool]) -> list[PersonView]:
    """As :func:`view`, for many with as many queries as for one; ``full`` is asked for each id."""
    ids = [one.id for one in people]
    roles, teams, identities = _of(session, RoleRow, ids), _of(session, TeamMember, ids), _of(session, IdentityRow, ids)
    return [
        PersonView(
            id=one.id,
            name=one.name,
            kind=one.kind,
            login=one.login if full(one.id) else None,
            grants=tuple(
                Grant(Role(role), calendar)
                for role, calendar in sorted((row.role, row.calendar) for row in roles.get(one.id, ()))
            ),
            teams=tuple(sorted(row.team for row in teams.get(one.id, ()))),
            identities=tuple(sorted(Identity(row.kind, row.value) for row in identities.get(one.id, ())))
            if full(one.id)
            else (),
            active=one.disabled_at is None,
            version=one.version,
            created_at=one.created_at,
        )
        for one in people
    ]


def _of(session: Session, model: Any, ids: Sequence[str]) -> dict[str, list[Any]]:
    """The rows of these people, by person."""
    found: dict[str, list[Any]] = {}
    for row in session.scalars(select(model).where(model.person_id.in_(ids))):
        found.setdefault(row.person_id, []).append(row)
    return found


def sees_all_of(actor: Actor, person: str) -> bool:
    """Whether login and identities of ``person`` are shown to ``actor``."""
    return Role.ADMINISTRATOR in actor.roles or actor.person == person


def find(session: Session, key: str, *, active: bool = False) -> Person:
    """The person with this id or login, else NotFound."""
    person = session.scalar(select(Person).where(or_(Person.id == key, Person.login == key.lower())))
    if person is None or person.erased_at is not None or (active and person.disabled_at is not None):
        raise NotFound("There is no such person.")
    return person


def get(store: Store, actor: Actor, key: str) -> PersonView:
    """One person, by id or (for administrators) login; everybody may look at themselves."""
    require(actor, Action.MANAGE_SELF if key == actor.person else Action.READ_PEOPLE)
    with store.read() as session:
        person = find(session, key)
        if key != person.id and not sees_all_of(actor, person.id):
            raise NotFound("There is no such person.")
        return view(session, person, full=sees_all_of(actor, person.id))


def search(
    store: Store, actor: Actor, *, text: str | None = None, after: str | None = None, limit: int = PAGE
) -> tuple[list[PersonView], str | None]:
    """People in the order of their ids, and where to go on. Only administrators find by login."""
    require(actor, Action.READ_PEOPLE)
    administrator = Role.ADMINISTRATOR in actor.roles
    with store.read() as session:
        statement = select(Person).where(Person.erased_at.is_(None)).order_by(Person.id).limit(limit + 1)
        if text:
            matches = [func.lower(Person.name).contains(text.lower(), autoescape=True)]
            if administrator:
                matches.append(Person.login.contains(text.lower(), autoescape=True))
            statement = statement.where(or_(*matches))
        if after:
            statement = statement.where(Person.id > after)
        rows = session.scalars(statement).all()
        shown = views(session, rows[:limit], lambda key: sees_all_of(actor, key))
    return shown, (rows[limit - 1].id if len(rows) > limit else None)


def insert(session: Session, now: datetime, *, name: str, login: str | None, kind: str = "person") -> Person:
    """A new person in the caller's transaction; raises Conflict when the login is taken."""
    if login is not None and session.scalar(select(Person.id).where(Person.login == login)):
        raise Conflict("This login is taken.", code="login_taken")
    shown = one_line(name, 120)
    if not shown:
        raise InvalidInput.at("name", "must not be empty")
    person = Person(
        id=secret.identifier("p"), login=login, name=shown, kind=kind, created_at=now, updated_at=now, preferences={}
    )
    session.add(person)
    session.flush()
    return person


def put_grants(session: Session, person: str, grants: tuple[Grant, ...], source: str = "local") -> None:
    """Replace the roles of ``person`` that came from ``source``; a role held from another source stays as it is."""
    session.execute(delete(RoleRow).where(RoleRow.person_id == person, RoleRow.source == source))
    held = {
        tuple(row)
        for row in session.execute(select(RoleRow.role, RoleRow.calendar).where(RoleRow.person_id == person)).all()
    }
    for grant in sorted(set(grants), key=lambda one: (one.role, one.calendar)):
        calendar = grant.calendar if grant.role is Role.RELEASE_MANAGER else EVERYWHERE
        if (grant.role.value, calendar) not in held:
            held.add((grant.role.value, calendar))
            session.add(RoleRow(person_id=person, role=grant.role.value, calendar=calendar, source=source))
    session.flush()


def grants_json(grants: tuple[Grant, ...]) -> list[dict[str, str]]:
    """Roles as audit rows and exports hold them."""
    return [{"role": grant.role.value, "calendar": grant.calendar} for grant in grants]


def add(
    store: Store,
    actor: Actor,
    now: datetime,
    *,
    name: str,
    login: str,
    grants: tuple[Grant, ...] = (Grant(Role.READER),),
    kind: str = "person",
) -> PersonView:
    """A new person (or ``service`` account) without a password; invite by ``signin.make_link``."""
    require(actor, Action.MANAGE_PEOPLE)
    if kind not in {"person", "service"}:
        raise InvalidInput.at("kind", "is not known", "person or service")
    with store.write() as session:
        person = insert(session, now, name=name, login=login_of(login), kind=kind)
        put_grants(session, person.id, grants)
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject=f"person:{person.id}",
            after={"created": kind, "grants": grants_json(grants)},
        )  # fmt: skip
        return view(session, person, full=True)


def change(
    store: Store,
    actor: Actor,
    now: datetime,
    key: str,
    *,
    version: int | None = None,
    name: str | None = None,
    grants: tuple[Grant, ...] | None = None,
    active: bool | None = None,
    reason: str | None = None,
) -> PersonView:
    """Edit a person. The last active administrator can neither be disabled nor lose the role (nobody could undo it)."""
    require(actor, Action.MANAGE_PEOPLE)
    with store.write(ACCOUNTS) as session:
        person = find(session, key)
        if version is not None and version != person.version:
            raise StaleVersion("Somebody else changed this person in the meantime.")
        before = view(session, person, full=True)
        if name is not None:
            person.name = one_line(name, 120) or person.name
        if grants is not None:
            put_grants(session, person.id, grants)
        if active is not None:
            person.disabled_at = None if active else (person.disabled_at or now)
            if not active:
                end_all(session, person.id, now)
        person.updated_at = now
        session.flush()
        if was_administrator(before):
            keep_an_administrator(session)
        after = view(session, person, full=True)
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject=f"person:{person.id}", reason=reason,
            before={"grants": grants_json(before.grants), "active": before.active},
            after={
                "grants": grants_json(after.grants),
                "active": after.active,
                **({"renamed": True} if before.name != after.name else {}),
            },
        )  # fmt: skip
        return after


def was_administrator(person: PersonView) -> bool:
    """Whether ``person`` could administer."""
    return person.active and any(grant.role is Role.ADMINISTRATOR for grant in person.grants)


def keep_an_administrator(session: Session) -> None:
    """Raise Conflict when no active administrator is left."""
    one = session.scalar(
        select(Person.id)
        .join(RoleRow, RoleRow.person_id == Person.id)
        .where(RoleRow.role == Role.ADMINISTRATOR.value, Person.disabled_at.is_(None), Person.erased_at.is_(None))
        .limit(1)
    )
    if one is None:
        raise Conflict(
            "Nobody would be left to administer this.",
            code="last_administrator",
            hint="Make somebody else an administrator first.",
        )


def end_all(session: Session, person: str, now: datetime) -> None:
    """End every session, revoke every token and void every link of ``person``."""
    for row in session.scalars(select(SessionRow).where(SessionRow.person_id == person, SessionRow.ended_at.is_(None))):
        row.ended_at = now
    for token in session.scalars(select(ApiToken).where(ApiToken.person_id == person, ApiToken.revoked_at.is_(None))):
        token.revoked_at = now
    session.execute(delete(OneTimeLink).where(OneTimeLink.person_id == person))
    session.flush()


def link(store: Store, actor: Actor, now: datetime, key: str, *, kind: str, value: str) -> PersonView:
    """Say that a forge login or address is this person's. Each belongs to one person at most (409)."""
    require(actor, Action.MANAGE_PEOPLE)
    identity = identity_of(kind, value)
    with store.write() as session:
        person = find(session, key)
        row = session.get(IdentityRow, (identity.kind, identity.value))
        if row is not None and row.person_id != person.id:
            raise Conflict("This identity is somebody else's.", code="identity_taken", hint="Unlink it there first.")
        if row is None:
            session.add(
                IdentityRow(
                    kind=identity.kind, value=identity.value, person_id=person.id, source="local", verified_at=now
                )
            )
        # The value is personal data, so the audit row holds only its hash: enough to prove, too little to learn.
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject=f"person:{person.id}",
            after={"linked": identity.kind, "digest": secret.digest(identity.value)[:16]},
        )  # fmt: skip
        return view(session, person, full=True)


def unlink(store: Store, actor: Actor, now: datetime, key: str, *, kind: str, value: str) -> PersonView:
    """Take a forge login or address from this person."""
    require(actor, Action.MANAGE_PEOPLE)
    with store.write() as session:
        person = find(session, key)
        row = session.get(IdentityRow, (kind.strip().lower(), value.strip().lower()))
        if row is None or row.person_id != person.id:
            raise NotFound("This person has no such identity.")
        session.delete(row)
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject=f"person:{person.id}",
            before={"linked": row.kind, "digest": secret.digest(row.value)[:16]},
        )  # fmt: skip
        session.flush()
        return view(session, person, full=True)


def recognise(session: Session, names: Mapping[str, Identity]) -> dict[str, str | None]:
    """Which person stands behind each identity (None: nobody known); keys are the caller's own."""
    wanted = set(names.values())
    if not wanted:
        return {}
    rows = session.execute(
        select(IdentityRow.kind, IdentityRow.value, IdentityRow.person_id).where(
            IdentityRow.value.in_({one.value for one in wanted})
        )
    ).all()
    known = {Identity(kind, value): person for kind, value, person in rows}
    return {key: known.get(one) for key, one in names.items()}


def grants_from(items: list[Mapping[str, str]]) -> tuple[Grant, ...]:
    """Grants from ``{"role", "calendar"}`` objects; a release manager's needs a calendar (``*`` for all)."""
    found, faults = [], []
    for index, item in enumerate(items):
        try:
            role = Role(item.get("role", ""))
        except ValueError:
            faults.append(FieldError(f"grants[{index}].role", "is not known", ", ".join(Role)))
            continue
        calendar = item.get("calendar")
        if role is Role.RELEASE_MANAGER and not calendar:
            faults.append(FieldError(f"grants[{index}].calendar", "is needed for a release manager", "a slug or *"))
            continue
        found.append(Grant(role, calendar or EVERYWHERE))
    if faults:
        raise InvalidInput("These roles cannot be given.", faults)
    return tuple(found)
