"""A place in memory for what was made last, bounded by bytes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Values by key, the oldest given up first, so that all together stay within ``room`` bytes; thread-safe.

    A value that alone is larger is not kept. Sizes are what the caller says they are.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._used = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def used(self) -> int:
        """The bytes of what is kept."""
        return self._used

    def get(self, key: K) -> V | None:
        """The value, if it is still there."""
        found = self._held.get(key)
        return found[0] if found is not None else None

    def take(self, key: K) -> V | None:
        """The value, which is not kept any more."""
        with self._lock:
            return self._drop(key)

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of so many bytes in place of what the key had."""
        with self._lock:
            self._drop(key)
            if size > self._room:
                return
            self._held[key] = (value, size)
            self._used += size
            while self._used > self._room:
                self._drop(next(iter(self._held)))

    def _drop(self, key: K) -> V | None:
        value, size = self._held.pop(key, (None, 0))
        self._used -= size
        return value
