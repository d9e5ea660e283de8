"""Requests that a machine may send twice: the first answer is kept for a day and given again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.services import Store
from release_mgmt.store.models.jobs import IdempotencyKey

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that was given."""

    status: int
    body: bytes


def claim(store: Store, now: datetime, *, actor: str, key: str, route: str, digest: str) -> Answer | None:
    """Take the key for this request (None: go on), or give the answer of the one that took it first.

    :raises InvalidInput: when the key was used for another request.
    :raises Conflict: when the first request has not been answered; it may still run, or its process may have died.
    """
    with store.write(f"idempotency:{actor}:{key}") as session:
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT))
        found = session.get(IdempotencyKey, (actor, key))
        if found is None:
            session.add(IdempotencyKey(actor=actor, key=key, route=route, digest=digest, created_at=now))
            return None
        if (found.route, found.digest) != (route, digest):
            raise InvalidInput.at("Idempotency-Key", "this key was used for another request", "a new key each request")
        if found.status is None or found.body is None:
            raise Conflict(
                "The first request with this key has no answer yet.",
                code="still_running",
                hint="Ask for what it would have made; use a new key only if that is not there.",
                details={"retry_after": 2},
            )
        return Answer(found.status, found.body)


def keep(store: Store, *, actor: str, key: str, status: int, body: bytes) -> None:
    """Keep the answer; one that failed on our side is forgotten, so that the request may be sent again."""
    with store.write() as session:
        found = session.get(IdempotencyKey, (actor, key))
        if found is None:
            return
        if status >= 500:
            session.delete(found)
        else:
            found.status, found.body = status, body


def forget(store: Store, *, actor: str, key: str) -> None:
    """Give a key back whose request had no effect."""
    with store.write() as session:
        found = session.get(IdempotencyKey, (actor, key))
        if found is not None:
            session.delete(found)
