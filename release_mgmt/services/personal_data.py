"""What is held of a person: all of it on request, and none of it after erasing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import audit, people
from release_mgmt.store.models.base import Base
from release_mgmt.store.models.messages import MessageTarget
from release_mgmt.store.models.people import (
    ApiToken,
    IdentityRow,
    OneTimeLink,
    Person,
    RoleRow,
    SessionRow,
    Team,
    TeamMember,
)
from release_mgmt.store.models.publishing import SubscriptionRow
from release_mgmt.store.session import Store

MOST_ROWS = 10_000  # of one table
_NAMING = frozenset({"person", "person_id", "actor", "owner", "holder", "lead", "delegate"})
_TOLD_APART = frozenset({
    "persons", "identities", "roles", "teams", "team_members", "api_tokens", "sessions", "audit_log",
    "one_time_links", "idempotency_keys",
})  # fmt: skip
"""Tables that an export tells in words of its own, and two whose rows end within days."""
_SECRET = frozenset({"hash", "token_hash", "sealed", "sealed_before"})


def export_of(store: Store, actor: Actor, key: str) -> dict[str, object]:
    """Everything held of a person (GDPR, article 15): asked by the person or by an administrator."""
    require(actor, Action.MANAGE_SELF)
    with store.read() as session:
        person = people.find(session, key)
        if not people.sees_all_of(actor, person.id):
            raise NotFound("There is no such person.")
        shown = people.view(session, person, full=True)
        tokens = session.scalars(select(ApiToken).where(ApiToken.person_id == person.id)).all()
        sessions = session.scalars(select(SessionRow).where(SessionRow.person_id == person.id)).all()
        leads = session.scalars(select(Team.slug).where(Team.lead == person.id)).all()
        return {
            "person": {
                "id": shown.id, "name": shown.name, "login": shown.login, "kind": shown.kind,
                "created_at": shown.created_at.isoformat(), "active": shown.active,
                "preferences": dict(person.preferences),
            },
            "identities": [{"kind": one.kind, "value": one.value} for one in shown.identities],
            "roles": people.grants_json(shown.grants),
            "teams": list(shown.teams),
            "leads": list(leads),
            "tokens": [{"id": t.id, "name": t.name, "created_at": t.created_at.isoformat()} for t in tokens],
            "sessions": [
                {"id": s.id, "origin": s.origin, "agent": s.agent, "created_at": s.created_at.isoformat()}
                for s in sessions
            ],
            "records": _records(session, person.id),
            "audit": audit.of_person(session, person.id),
        }  # fmt: skip


def names_a_person(column: str) -> bool:
    """Whether a column of that name holds a person's id; all of them do that end in ``_by``."""
    return column.endswith("_by") or column in _NAMING


def _records(session: Session, person: str) -> dict[str, dict[str, object]]:
    """The rows of every other table that name the person: votes, notes, feeds, ways to be told, and so on."""
    found: dict[str, dict[str, object]] = {}
    for table in Base.metadata.sorted_tables:
        naming = [column for column in table.columns if names_a_person(column.name)]
        if not naming or table.name in _TOLD_APART:
            continue
        shown = [column for column in table.columns if column.name not in _SECRET]
        query = select(*shown).where(or_(*(column == person for column in naming))).limit(MOST_ROWS + 1)
        rows = [{name: _plain(value) for name, value in row.items()} for row in session.execute(query).mappings()]
        if rows:
            found[table.name] = {"rows": rows[:MOST_ROWS], "more": len(rows) > MOST_ROWS}
    return found


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def erase(store: Store, actor: Actor, now: datetime, key: str, *, reason: str) -> None:
    """Blank a person: name, login, addresses, feeds, sessions and tokens go; the id stays, so that the chain holds."""
    require(actor, Action.MANAGE_PEOPLE)
    if not reason.strip():
        raise InvalidInput.at("reason", "must not be empty")
    with store.write(people.ACCOUNTS) as session:
        person = people.find(session, key)
        before = people.view(session, person, full=False)
        people.end_all(session, person.id, now)
        held = (IdentityRow, RoleRow, TeamMember, SessionRow, ApiToken, OneTimeLink, SubscriptionRow, MessageTarget)
        for table in held:
            session.execute(delete(table).where(table.person_id == person.id))
        person.name, person.login, person.password_hash, person.preferences = "(erased)", None, None, {}
        person.delegate, person.delegate_from, person.delegate_until = None, None, None
        person.disabled_at, person.erased_at, person.updated_at = person.disabled_at or now, now, now
        for team in session.scalars(select(Team).where(Team.lead == person.id)):
            team.lead = None
        for other in session.scalars(select(Person).where(Person.delegate == person.id)):
            other.delegate = None
        session.flush()
        if people.was_administrator(before):
            people.keep_an_administrator(session)
        audit.record(
            session, actor, now, action=Action.MANAGE_PEOPLE, subject=f"person:{person.id}", reason=reason,
            after={"erased": True},
        )  # fmt: skip
