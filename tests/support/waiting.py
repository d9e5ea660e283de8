"""Waiting for what happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT = 180  # seconds; only what hangs takes as long, also on a slow machine that does much else


def until(holds: Callable[[], T], told: Callable[[], object] = lambda: "", *, pause: float = 0.05) -> T:
    """What ``holds`` gives, once that is true; after :data:`LIMIT` seconds a failure with ``told()``."""
    limit = time.monotonic() + LIMIT
    while not (found := holds()):
        assert time.monotonic() < limit, told()
        time.sleep(pause)
    return found
