"""Writing to the outbox: in the transaction of what happened, so that neither is there without the other."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Actor
from release_mgmt.store.models.messages import MessageEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNT = itertools.count()


def tell(
    session: Session,
    now: datetime,
    kind: Kind,
    *,
    fold: str,
    facts: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
    calendar: str | None = None,
    change: str | None = None,
    once: str | None = None,
) -> None:
    """Put an event into the outbox. ``once``: with the same word it is put there one time only."""
    if once is None:
        # Ids sort as they were made, also those of one instant: the order in which events of a fold are read.
        micros = (now - _EPOCH) // timedelta(microseconds=1)
        key = f"ev_{micros:014x}{next(_COUNT) % 0x1000000:06x}{secrets.token_hex(3)}"
    else:
        key = f"ev_{hashlib.sha256(once.encode()).hexdigest()[:32]}"
    values = {
        "id": key, "kind": kind.value, "fold": fold, "calendar": calendar, "change_id": change,
        "actor": actor.person if actor is not None else None, "facts": dict(facts or {}), "at": now,
    }  # fmt: skip
    if once is None:
        session.add(MessageEvent(**values))
    else:  # of several who say it at the same moment, one does
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        session.execute(dialect.insert(MessageEvent).values(values).on_conflict_do_nothing())


def iso(at: datetime | None) -> str | None:
    """An instant as the facts of events hold it."""
    return at.astimezone(UTC).isoformat() if at is not None else None
