"""The evidence cache of an installation: rows in its database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from release_mgmt.services import Store
from release_mgmt.store.models.repositories import ClassificationCache

T = TypeVar("T")


class DatabaseCache:
    """What was read, in the database; every process shares it and rows may be deleted at any time.

    With ``dry_run`` nothing is written.
    """

    def __init__(self, store: Store, now: datetime, *, dry_run: bool = False) -> None:
        self._store = store
        self._now = now
        self._dry_run = dry_run

    def __reduce__(self) -> tuple[Callable[..., DatabaseCache], tuple[str, datetime, bool]]:
        """Another process opens the database for itself."""
        return _opened, (self._store.url, self._now, self._dry_run)

    def load(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """The values of the keys that are known."""
        found: dict[bytes, bytes] = {}
        row = ClassificationCache
        with self._store.read() as session:
            for part in _parts([key.hex() for key in keys]):
                rows = session.execute(select(row.key, row.value).where(row.key.in_(part)))
                found.update((bytes.fromhex(key), value) for key, value in rows)
        return found

    def save(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values."""
        if self._dry_run:
            return
        for part in _parts(list(values.items())):
            rows = [{"key": key.hex(), "value": value, "used_at": self._now} for key, value in part]
            with self._store.write() as session:
                dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
                session.execute(dialect.insert(ClassificationCache).on_conflict_do_nothing(), rows)


def _parts(items: list[T]) -> Iterator[list[T]]:
    return (items[at : at + 500] for at in range(0, len(items), 500))


_PATIENCE = 60
"""Seconds that a process waits for the others to write."""


def _opened(url: str, now: datetime, dry_run: bool) -> DatabaseCache:
    return DatabaseCache(Store(url, lock_timeout=_PATIENCE), now, dry_run=dry_run)
