"""API tokens: made by their owner or an administrator, shown once, limited in scope and time, revocable at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from release_mgmt.core.errors import Forbidden, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, Role, Scope, require
from release_mgmt.core.text import one_line
from release_mgmt.services import audit, people, secret
from release_mgmt.store.models.people import ApiToken
from release_mgmt.store.session import Store

PREFIX = "rmt_"
"""Lets secret scanners know our tokens when somebody commits one."""
LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as its owner sees it; ``secret`` is there only in the answer that made it."""

    id: str
    person: str
    name: str
    hint: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    used_from: str | None
    revoked_at: datetime | None
    secret: str | None = None


def _view(row: ApiToken, token: str | None = None) -> TokenView:
    return TokenView(
        row.id, row.person_id, row.name, row.hint, tuple(Scope(scope) for scope in row.scopes), row.created_at,
        row.expires_at, row.used_at, row.used_from, row.revoked_at, token,
    )  # fmt: skip


def create(
    store: Store,
    actor: Actor,
    now: datetime,
    *,
    name: str,
    scopes: tuple[str, ...],
    days: int = 90,
    person: str | None = None,
) -> TokenView:
    """A new token for oneself or, by an administrator, for ``person`` (then: service accounts only, unless oneself).

    A token never has a scope that the token used to make it lacks.
    """
    target = person or actor.person
    require(actor, Action.MANAGE_SELF if target is not None and target == actor.person else Action.MANAGE_PEOPLE)
    if target is None:
        raise InvalidInput.at("person", "is needed: a token belongs to somebody")
    wanted = _scopes(scopes)
    if actor.scopes is not None and not set(wanted) <= actor.scopes:
        raise Forbidden("A token cannot make a token that may do more.", code="missing_scope")
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput.at("days", "is out of range", f"1 to {LONGEST_DAYS}")
    title = one_line(name, 100)
    if not title:
        raise InvalidInput.at("name", "must not be empty")
    token = secret.make(PREFIX)
    with store.write() as session:
        owner = people.find(session, target, active=True)
        if owner.id != actor.person and owner.kind == "person" and actor.person is not None:
            raise Forbidden("Nobody makes a token that acts as another person.", hint="Use a service account.")
        row = ApiToken(
            id=secret.identifier("t"), person_id=owner.id, name=title, hash=secret.digest(token), hint=token[-4:],
            scopes=[scope.value for scope in wanted], created_at=now, expires_at=now + timedelta(days=days),
        )  # fmt: skip
        session.add(row)
        after = {"person": owner.id, "scopes": list(row.scopes), "days": days}
        audit.record(session, actor, now, action="token.create", subject=f"token:{row.id}", after=after)
        return _view(row, token)


def _scopes(scopes: tuple[str, ...]) -> tuple[Scope, ...]:
    try:
        wanted = tuple(sorted({Scope(scope) for scope in scopes}))
    except ValueError:
        raise InvalidInput.at("scopes", "holds a scope that is not known", ", ".join(Scope)) from None
    if not wanted:
        raise InvalidInput.at("scopes", "must not be empty", ", ".join(Scope))
    return wanted


def of(store: Store, actor: Actor, person: str | None = None) -> list[TokenView]:
    """One's own tokens or, for administrators, those of ``person``; newest first, revoked ones too."""
    target = person or actor.person
    require(actor, Action.MANAGE_SELF if target is not None and target == actor.person else Action.MANAGE_PEOPLE)
    with store.read() as session:
        statement = select(ApiToken).order_by(ApiToken.created_at.desc(), ApiToken.id)
        if target is not None:
            statement = statement.where(ApiToken.person_id == people.find(session, target).id)
        return [_view(row) for row in session.scalars(statement)]


def revoke(store: Store, actor: Actor, now: datetime, token_id: str) -> None:
    """Revoke a token of one's own or, for administrators, anybody's; revoking twice is no error."""
    require(actor, Action.MANAGE_SELF)
    with store.write() as session:
        row = session.get(ApiToken, token_id)
        if row is None or (row.person_id != actor.person and Role.ADMINISTRATOR not in actor.roles):
            raise NotFound("There is no such token.")
        if row.revoked_at is None:
            row.revoked_at = now
            audit.record(
                session, actor, now, action="token.revoke", subject=f"token:{row.id}", before={"person": row.person_id}
            )
