"""Short ways to write windows, freezes and what a feed keeps of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import ChangeFact, FreezeFact, Kept, Shown, WindowFact, advance, uid_of
from tests.unit.publishing.parsers import span

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def change(name: str = "c1", state: str = "announced", **more: object) -> ChangeFact:
    values: dict[str, object] = {
        "title": f"Change {name}",
        "level": "minor",
        "repository": "risk",
        "teams": ("Fraud",),
    } | more
    return ChangeFact(id=name, state=state, **values)  # type: ignore[arg-type]


def window(*changes: ChangeFact, start: str = "2026-11-24T17:00", hours: float = 4, **more: object) -> WindowFact:
    first, last = span(start, hours)
    return WindowFact(f"weekly@{start}", "pricing", first, last, changes, **more)  # type: ignore[arg-type]


def freeze(**more: object) -> FreezeFact:
    values: dict[str, object] = {
        "start": date(2026, 12, 24),
        "end": date(2027, 1, 2),
        "hard": True,
        "reason": "Closing",
    } | more
    return FreezeFact("year-end", "pricing", **values)  # type: ignore[arg-type]


def step(
    before: Kept | None, shown: Shown | None, now: datetime = NOW, audience: Audience = Audience.BUSINESS
) -> Kept | None:
    return advance(before, shown, uid_of("pricing", "w"), audience.value, now)


def kept(shown: Shown, uid: str = "x@release-mgmt") -> Kept:
    found = advance(None, shown, uid, "business", NOW)
    assert found is not None
    return found
