"""How often a client asked, counted in the database: one limit for all web processes, wherever they run.

``limits`` finds the storage by its scheme, ``database://``; the store and the clock come as its options.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from limits.storage import Storage
from sqlalchemy import case, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.store.models.jobs import RateCount
from release_mgmt.store.session import Store

SCHEME = "database"


class DatabaseStorage(Storage):
    """A row for each client and limit: its count, and when counting begins anew (fixed windows)."""

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - the base class names its type

    def __init__(self, uri: str | None = None, *, store: Store, now: Callable[[], datetime], **_: Any) -> None:
        super().__init__(uri)
        self._store = store
        self._now = now

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a storage that is away raises; it is answered with 503 like any request that needs the database."""
        return ReleaseMgmtError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` requests of ``key``; the count of the present window, which lasts ``expiry`` seconds."""
        now = self._now()
        insert = (sqlite if self._store.sqlite else postgresql).insert(RateCount)
        over = RateCount.ends_at <= now
        given = insert.values(key=key, count=amount, ends_at=now + timedelta(seconds=expiry))
        statement = given.on_conflict_do_update(
            index_elements=[RateCount.key],
            set_={
                "count": case((over, amount), else_=RateCount.count + amount),
                "ends_at": case((over, given.excluded.ends_at), else_=RateCount.ends_at),
            },
        ).returning(RateCount.count)
        with self._store.write() as session:
            if not self._store.sqlite:  # a count that a crash of the database loses hurts nobody
                session.execute(text("SET LOCAL synchronous_commit TO OFF"))
            return int(session.execute(statement).scalar_one())

    def get(self, key: str) -> int:
        """The count of the present window."""
        with self._store.read() as session:
            query = select(RateCount.count).where(RateCount.key == key, RateCount.ends_at > self._now())
            return session.scalar(query) or 0

    def get_expiry(self, key: str) -> float:
        """When the window of ``key`` ends, in seconds since 1970; now when there is none."""
        with self._store.read() as session:
            ends = session.scalar(select(RateCount.ends_at).where(RateCount.key == key))
        return (ends or self._now()).timestamp()

    def check(self) -> bool:
        """Whether the database answers."""
        try:
            self.get("")
        except ReleaseMgmtError:
            return False
        return True

    def reset(self) -> int | None:
        """Forget all counts; how many."""
        with self._store.write() as session:
            return int(session.execute(delete(RateCount)).rowcount)  # type: ignore[attr-defined] # a CursorResult

    def clear(self, key: str) -> None:
        """Forget the count of ``key``."""
        with self._store.write() as session:
            session.execute(delete(RateCount).where(RateCount.key == key))
