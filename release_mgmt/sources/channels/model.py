"""What came of one attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """``taken``: the other side has it. ``final``: trying again is of no use. ``gone``: nor is anything ever again.

    ``status`` is an HTTP or SMTP status; ``error`` holds no secret; ``wait`` is the patience that was asked for.
    """

    taken: bool
    status: int | None = None
    error: str | None = None
    final: bool = False
    gone: bool = False
    wait: timedelta | None = None
