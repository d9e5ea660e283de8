"""A message before it has words: what is said of which thing, in the order of how much it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from release_mgmt.core.messages.events import Kind

MOST_LINES = 20
"""Things told of one kind in one message; the rest is counted."""

ORDER = (
    Kind.BREAK_GLASS_USED, Kind.BREAK_GLASS_ASKED, Kind.BREAK_GLASS_REFUSED, Kind.BREAK_GLASS_OVERDUE,
    Kind.JOB_DEAD, Kind.ROLLED_BACK,
    Kind.MOVED, Kind.FREEZE_ADDED, Kind.DEPENDENCY_WITHDRAWN, Kind.GATE_DENIED, Kind.TOMORROW, Kind.APPROVAL_NEEDED,
    Kind.SIGN_OFF_ASKED, Kind.ANNOUNCED, Kind.APPROVED, Kind.RELEASED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One event as it is told. Instants are UTC; ``zone`` is the calendar's. ``path`` is a page of ours.

    ``note`` is what was written for the business, ``facts`` those of the event.
    """

    kind: Kind
    title: str
    path: str
    level: str | None = None
    repository: str | None = None
    note: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    from_start: datetime | None = None
    zone: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: its lines by kind. ``calendar`` is a calendar's name, where all lines are of one."""

    lines: tuple[Line, ...]
    calendar: str | None = None
    digest: bool = False

    @property
    def parts(self) -> tuple[tuple[Kind, tuple[Line, ...]], ...]:
        """The lines by kind, what matters most first."""
        found = [(kind, tuple(line for line in self.lines if line.kind is kind)) for kind in ORDER]
        return tuple((kind, lines) for kind, lines in found if lines)


def sorted_lines(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines by time and title, so that the same events always read the same."""
    return tuple(
        sorted(lines, key=lambda one: (one.start is None, one.start.timestamp() if one.start else 0, one.title))
    )
