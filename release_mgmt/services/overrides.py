"""Levels that people set by hand, and take back: who may, with what reason, and what is in force afterwards."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, Identity, require
from release_mgmt.core.text import clean
from release_mgmt.services import Store, audit, parties
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    ClassificationRow,
    Commit,
    OverrideRow,
    PullRequestRow,
    Repository,
)

LONGEST_REASON = 2_000
SHORTEST_REASON = 3


def override(
    store: Store,
    actor: Actor,
    now: datetime,
    change_id: str,
    level: str,
    reason: str,
    *,
    source: str = "api",
    version: int | None = None,
    made_at: datetime | None = None,
    identifier: str | None = None,
) -> int:
    """Set the level of a change by hand and return the change's new version.

    Any engineer may raise it; only a release manager of its calendar who is not its author may lower it. ``version``
    is the one the person saw. What was said elsewhere has its instant in ``made_at`` and an ``identifier``, so that it
    counts once and undoes no later decision. Raises NotFound, Forbidden, InvalidInput, Conflict (it is at that level
    already) and StaleVersion.
    """
    wanted = _level(level)
    told = _reason(reason)
    with store.write() as session:
        change = _change(session, change_id, version)
        before = change.level
        if before == wanted.value and change.overridden:
            raise Conflict(f"The change is {wanted.value} already, set by a person.", code="same_level")
        if identifier is not None and session.get(OverrideRow, identifier) is not None:
            raise Conflict("This was carried out before.", code="same_level")
        if made_at is not None and _decided_after(session, change_id, made_at):
            raise Conflict("Somebody decided after this was said.", code="same_level")
        may_set(session, actor, change, wanted.value)
        at = made_at or now
        _withdraw_present(session, change_id, actor, at)
        session.add(
            OverrideRow(
                id=identifier or f"o_{secrets.token_urlsafe(12)}", change_id=change_id, level=wanted.value,
                previous_level=before, reason=told, source=source, made_by=actor.person or actor.name, made_at=at,
                withdrawn_by=None, withdrawn_at=None,
            )
        )  # fmt: skip
        change.level, change.overridden, change.needs_review = wanted.value, True, False
        change.updated_at, change.version = now, change.version + 1
        action = Action.RAISE_LEVEL if wanted is Level.MAJOR else Action.LOWER_LEVEL
        audit.record(
            session, actor, now, action=action, subject=f"change:{change_id}", reason=told,
            before={"level": before}, after={"level": wanted.value},
        )  # fmt: skip
        return change.version


def _decided_after(session: Session, change_id: str, instant: datetime) -> bool:
    row = OverrideRow
    later = select(row.id).where(row.change_id == change_id, or_(row.made_at > instant, row.withdrawn_at > instant))
    return session.scalar(later.limit(1)) is not None


def withdraw_override(
    store: Store,
    actor: Actor,
    now: datetime,
    change_id: str,
    reason: str,
    *,
    version: int | None = None,
    own: str | None = None,
    made_at: datetime | None = None,
) -> int:
    """Take back the override in force, so that the rules' verdict counts again; who may depends on where that leads.

    ``own`` names an override that must be the one in force; it may be taken back by the person who made it. What was
    said elsewhere has its instant in ``made_at``.
    """
    told = _reason(reason)
    with store.write() as session:
        change = _change(session, change_id, version)
        if not change.overridden:
            raise Conflict("No person set this level.", code="no_override")
        verdict = session.get(ClassificationRow, change_id)
        after = verdict.level if verdict else Level.MINOR.value
        before = change.level
        made = session.get(OverrideRow, own) if own else None
        if own and (made is None or made.withdrawn_at is not None):
            raise Conflict("That override is not in force any more.", code="no_override")
        if made is None or made.made_by != actor.person:
            may_set(session, actor, change, after)
        _withdraw_present(session, change_id, actor, made_at or now)
        change.level, change.overridden = after, False
        change.needs_review = verdict.needs_review if verdict else True
        change.updated_at, change.version = now, change.version + 1
        audit.record(
            session, actor, now, action="level.withdraw", subject=f"change:{change_id}", reason=told,
            before={"level": before}, after={"level": after},
        )  # fmt: skip
        return change.version


def _withdraw_present(session: Session, change_id: str, actor: Actor, now: datetime) -> None:
    for row in session.scalars(
        select(OverrideRow).where(OverrideRow.change_id == change_id, OverrideRow.withdrawn_at.is_(None))
    ):
        row.withdrawn_at, row.withdrawn_by = now, actor.person or actor.name


def may_set(session: Session, actor: Actor, change: Change, level: str) -> None:
    """Return when ``actor`` may bring ``change`` to ``level``, else Forbidden.

    Raising is any engineer's, lowering a release manager's who is not the author.
    """
    if level == Level.MAJOR.value or change.level in (None, Level.MINOR.value):
        require(actor, Action.RAISE_LEVEL)
        return
    repository = session.get(Repository, change.repository_id)
    require(actor, Action.LOWER_LEVEL, calendar=(repository.calendar if repository else None) or EVERYWHERE)
    if _is_author(session, actor, change):
        raise Forbidden(
            "An author may not lower the level of the own change.",
            code="own_change",
            hint="Ask another release manager of this calendar.",
        )


def _is_author(session: Session, actor: Actor, change: Change) -> bool:
    if actor.person is None:
        return False
    if actor.person in {party.person for party in parties.of(session, change)}:
        return True
    names = {change.author, change.owner}
    rows = session.execute(
        select(Commit.author, Commit.author_key)
        .join(ChangeCommit, (ChangeCommit.sha == Commit.sha) & (ChangeCommit.repository_id == Commit.repository_id))
        .where(ChangeCommit.change_id == change.id)
    )
    for name, key in rows:
        names |= {name, key}
    pull = session.get(PullRequestRow, (change.repository_id, change.provider or "", change.number or 0))
    if pull is not None:
        names |= {(pull.record or {}).get("author"), (pull.record or {}).get("author_id")}
    known = {one.casefold() for one in names if one}
    return bool(known & {actor.person.casefold(), actor.name.casefold(), *(_spelled(one) for one in actor.identities)})


def _spelled(one: Identity) -> str:
    return one.value.casefold()


def _level(text: str) -> Level:
    if text not in {one.value for one in Level}:
        raise InvalidInput.at("level", f"cannot be {text[:40]!r}", "minor or major")
    return Level(text)


def _reason(text: str) -> str:
    told = clean(text, LONGEST_REASON).strip()
    if len(told) < SHORTEST_REASON:
        raise InvalidInput.at("reason", "say why", f"at least {SHORTEST_REASON} characters")
    return told


def _change(session: Session, change_id: str, version: int | None) -> Change:
    change = session.get(Change, change_id)
    if change is None:
        raise NotFound("There is no such change.")
    if version is not None and change.version != version:
        raise StaleVersion("Somebody else changed this in the meantime.", hint="Load it again and repeat the edit.")
    return change
