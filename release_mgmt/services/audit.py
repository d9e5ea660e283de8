"""The audit log: every write leaves a row, chained to the one before it, in the same transaction.

:func:`record` is called by services inside their own ``store.write()``; the rest reads, checks, exports and, after the
retention time, drops rows from the front.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NoReturn, cast

from sqlalchemy import Table, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.audit import AuditEntry, Checkpoint, Link, Verification, next_hash, verify
from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.core.permissions import Action, Actor, Via, require
from release_mgmt.core.text import clean, one_line
from release_mgmt.services import visibility
from release_mgmt.store.models.people import AuditHead, AuditRow, Person
from release_mgmt.store.session import Store

PAGE = 50
LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """A row as it is shown: ``name`` is who the person is called now, or what an erased person's row says."""

    entry: AuditEntry
    hash: str
    name: str


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; every filter that is given must hold. ``subject`` also matches as a prefix before ``:``."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def _json(value: Mapping[str, object] | None) -> str | None:
    if value is None:
        return None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise BrokenInvariant(f"an audit row cannot hold a {type(value).__name__}")


def _loaded(text: str | None) -> Mapping[str, object] | None:
    loaded: Mapping[str, object] | None = None if text is None else json.loads(text)
    return loaded


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=row.at,
        actor=row.actor,
        actor_name=row.actor_name,
        via=row.via,
        origin=row.origin,
        action=row.action,
        subject=row.subject,
        reason=row.reason,
        before=_loaded(row.before),
        after=_loaded(row.after),
    )


def _head(session: Session, *, lock: bool) -> AuditHead:
    query = select(AuditHead).where(AuditHead.id == 1)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query) or _no_head()


def _no_head() -> NoReturn:
    raise BrokenInvariant("The audit log has no head row; the database is not migrated.")


# Tables instead of mapped classes, and made once: every write of the product comes by here.
_HEAD, _ROWS = (cast("Table", model.__table__) for model in (AuditHead, AuditRow))
# PostgreSQL: writers queue here until commit; SQLite's BEGIN IMMEDIATE has done it already.
_LAST = select(_HEAD.c.number, _HEAD.c.hash).where(_HEAD.c.id == 1).with_for_update()
_ADVANCE = update(_HEAD).where(_HEAD.c.id == 1)
_ADD = insert(_ROWS)
_COLUMNS = [field.name for field in fields(AuditEntry)]


def record(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    action: Action | str,
    subject: str,
    reason: str | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> int:
    """Append one row in the caller's transaction and return its number.

    ``subject`` is ``kind:id``. ``before`` and ``after`` are JSON-able and hold person ids, never names or secrets.
    Call it last: on PostgreSQL other writers wait for this transaction from here on.
    """
    session.flush()
    last: Any = session.execute(_LAST).one_or_none() or _no_head()
    number: int = last.number + 1
    texts = {"before": _json(before), "after": _json(after)}
    entry = AuditEntry(
        number=number,
        at=now,
        actor=actor.person,
        actor_name=None if actor.person else actor.name,
        via=actor.via.value,
        origin=actor.origin,
        action=str(action),
        subject=one_line(subject, 500),
        reason=clean(reason, LONGEST_REASON) if reason else None,
        before=_loaded(texts["before"]),
        after=_loaded(texts["after"]),
    )
    digest = next_hash(last.hash, entry)
    session.execute(_ADVANCE, {"number": number, "hash": digest})
    session.execute(_ADD, {name: getattr(entry, name) for name in _COLUMNS} | texts | {"hash": digest})
    return number


def _links(session: Session) -> Generator[Link, None, None]:
    query = select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=500)
    with session.scalars(query) as rows:
        for row in rows:
            try:
                yield Link(_entry(row), row.hash)
            except ValueError:  # before or after is no JSON any more: as changed as a row can be
                yield Link(AuditEntry(row.number, row.at, None, None, "", None, "", "", None, None, None), row.hash)


def verify_chain(store: Store, actor: Actor) -> Verification:
    """Check every row against the chain and its head; tells the first fault."""
    require(actor, Action.READ_AUDIT)
    with store.read() as session:
        head = _head(session, lock=False)
        start = Checkpoint(head.start_number, head.start_hash)
        with closing(_links(session)) as links:  # a fault ends the reading early
            return verify(links, start, Checkpoint(head.number, head.hash))


def search(
    store: Store, actor: Actor, query: Query, *, before: int | None = None, limit: int = PAGE
) -> tuple[list[Found], int | None]:
    """Rows that match, newest first, and the number to give as ``before`` for the next page (None at the end).

    Rows of what ``actor`` may not know of are left out.
    """
    require(actor, Action.READ_AUDIT)
    with store.read() as session:
        found = list(_matching(session, actor, query, before=before, limit=limit + 1))
    more = found[limit - 1].entry.number if len(found) > limit else None
    return found[:limit], more


def everything(store: Store, actor: Actor, query: Query) -> Iterator[Found]:
    """All rows that match, newest first, read in pages so that an export of any size needs little memory."""
    require(actor, Action.EXPORT_AUDIT)
    before: int | None = None
    while True:
        with store.read() as session:
            page = list(_matching(session, actor, query, before=before, limit=1000))
        yield from page
        if len(page) < 1000:
            return
        before = page[-1].entry.number


def _matching(session: Session, actor: Actor, query: Query, *, before: int | None, limit: int) -> Iterator[Found]:
    statement = select(AuditRow, Person.name).outerjoin(Person, Person.id == AuditRow.actor)
    statement = statement.where(visibility.audited(session, actor))
    if before is not None:
        statement = statement.where(AuditRow.number < before)
    if query.actor:
        statement = statement.where(or_(AuditRow.actor == query.actor, AuditRow.actor_name == query.actor))
    if query.action:
        statement = statement.where(AuditRow.action == query.action)
    if query.subject:
        prefix = AuditRow.subject.startswith(query.subject + ":", autoescape=True)
        statement = statement.where(or_(AuditRow.subject == query.subject, prefix))
    if query.since:
        statement = statement.where(AuditRow.at >= query.since)
    if query.until:
        statement = statement.where(AuditRow.at < query.until)
    if query.text:
        lowered = query.text.lower()
        columns = (AuditRow.reason, AuditRow.subject, AuditRow.before, AuditRow.after)
        statement = statement.where(or_(*(func.lower(c).contains(lowered, autoescape=True) for c in columns)))
    rows = session.execute(statement.order_by(AuditRow.number.desc()).limit(limit))
    for row, name in rows:
        yield Found(_entry(row), row.hash, name or row.actor_name or "")


def of_person(session: Session, person: str) -> list[dict[str, object]]:
    """What somebody did, and what was done to the account, oldest first: for the export of personal data."""
    mine = or_(AuditRow.actor == person, AuditRow.subject == f"person:{person}")
    rows = session.scalars(select(AuditRow).where(mine).order_by(AuditRow.number))
    return [
        {"number": row.number, "at": row.at.isoformat(), "action": row.action, "subject": row.subject,
         "reason": row.reason, "origin": row.origin if row.actor == person else None}
        for row in rows
    ]  # fmt: skip


def drop_before(store: Store, actor: Actor, now: datetime, instant: datetime) -> int:
    """Retention: drop rows older than ``instant`` from the front; the chain is verified from the last one dropped.

    Returns how many were dropped. The dropping is itself recorded.
    """
    if actor.via is not Via.JOB:
        require(actor, Action.EXPORT_AUDIT)
    with store.write() as session:
        head = _head(session, lock=True)
        first_kept = session.scalar(select(func.min(AuditRow.number)).where(AuditRow.at >= instant))
        last = (first_kept if first_kept is not None else head.number + 1) - 1
        if last <= head.start_number:
            return 0
        dropped = last - head.start_number
        kept = session.scalar(select(AuditRow.hash).where(AuditRow.number == last))
        if kept is None:
            raise BrokenInvariant(f"Audit row {last} is missing.")
        head.start_number, head.start_hash = last, kept
        session.flush()
        session.execute(delete(AuditRow).where(AuditRow.number <= last))
        record(session, actor, now, action="audit.drop", subject="audit:log", after={"up_to": last, "rows": dropped})
        return dropped
