"""Requests that a machine may send twice: the first answer is kept for a day and given again.

A key is claimed, the request has its effect, the answer is kept: three transactions, and the database or the process
may die between any two. So the effect is marked in its own transaction: a claim without the mark has had no effect and
lapses after a minute; one with it is never done again, though its answer may be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

from sqlalchemy import CursorResult, Delete, Update, delete, update
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.services import Store
from release_mgmt.store.models.jobs import IdempotencyKey

Statement = TypeVar("Statement", Update, Delete)

KEPT = timedelta(days=1)
LEASE = timedelta(minutes=1)
"""How long a claim without an effect holds: no request is left to run longer (the time limit of the web processes)."""
MARKED = HTTPStatus.PROCESSING.value


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that was given, with its ETag when it had one."""

    status: int
    body: bytes
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that one request holds since ``at``."""

    actor: str
    key: str
    at: datetime


def claim(store: Store, now: datetime, *, actor: str, key: str, route: str, digest: str) -> Claim | Answer:
    """Take the key for this request, or give the answer of the one that took it first.

    :raises InvalidInput: when the key was used for another request.
    :raises Conflict: when the first request has not been answered; it may still run, or its process may have died.
    """
    with store.write(f"idempotency:{actor}:{key}") as session:
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT))
        session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.actor == actor, IdempotencyKey.key == key, IdempotencyKey.status.is_(None),
                IdempotencyKey.created_at < now - LEASE,
            )
        )  # fmt: skip
        found = session.get(IdempotencyKey, (actor, key))
        if found is None:
            session.add(IdempotencyKey(actor=actor, key=key, route=route, digest=digest, created_at=now))
            return Claim(actor, key, now)
        if (found.route, found.digest) != (route, digest):
            raise InvalidInput.at("Idempotency-Key", "this key was used for another request", "a new key each request")
        if found.status is None or found.body is None:
            raise Conflict(
                "The first request with this key has no answer yet.",
                code="still_running",
                hint="Ask for what it would have made; use a new key only if that is not there.",
                details={"retry_after": 2},
            )
        return Answer(found.status, found.body, found.etag)


@contextmanager
def marking(store: Store, claim: Claim) -> Iterator[None]:
    """Mark the claim in each transaction of the block; one whose claim has lapsed is undone.

    :raises Conflict: when another request took the key in the meantime.
    """

    def mark(session: Session) -> None:
        marked = session.execute(_of(update(IdempotencyKey), claim).values(status=MARKED))
        assert isinstance(marked, CursorResult)
        if not marked.rowcount:
            raise Conflict("This took so long that another request with the same key was let in.", code="lapsed")

    with store.also(mark):
        yield


def keep(store: Store, claim: Claim, answer: Answer) -> None:
    """Keep the answer; one that failed on our side is not, and the key is given back when nothing was done."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        forget(store, claim)
        return
    with store.write() as session:
        kept = {"status": answer.status, "body": answer.body, "etag": answer.etag}
        session.execute(_of(update(IdempotencyKey), claim).values(**kept))


def forget(store: Store, claim: Claim) -> None:
    """Give the key back, unless its request had an effect: a commit may be done although it was reported broken."""
    with store.write() as session:
        session.execute(_of(delete(IdempotencyKey), claim).where(IdempotencyKey.status.is_(None)))


def _of(statement: Statement, claim: Claim) -> Statement:
    return statement.where(
        IdempotencyKey.actor == claim.actor, IdempotencyKey.key == claim.key, IdempotencyKey.created_at == claim.at
    )
