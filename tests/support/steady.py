"""A clock that begins at noon of one Friday, for runs whose outcomes are compared.

The plan of a day is another one after the cut-off, at midnight or while a window is open: two runs of the same work,
some seconds apart, must not have that between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from release_mgmt import clock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def steady(begun: float) -> Callable[[], datetime]:
    """Whole seconds since ``begun`` of the machine's steady clock, which all processes share, counted from noon."""
    return lambda: NOON + timedelta(seconds=int(time.monotonic() - begun))


def work() -> None:
    """The command ``worker`` by such a clock: ``python -c "...; work()" BEGUN``."""
    import sys

    from release_mgmt.cli import main

    clock.now = steady(float(sys.argv[1]))
    sys.argv[1:] = ["worker"]
    main()
