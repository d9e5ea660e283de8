"""An installation with a calendar and changes, written the way syncs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import calendars, windows
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)  # Friday 10:00 in Berlin
OPERATOR = trusted("operator", Via.CLI)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def document(**more: Any) -> dict[str, Any]:
    """Tuesdays 18:00-22:00 in Berlin, four points, notice one and five days."""
    return {
        "calendar": "Releases",
        "time_zone": "Europe/Berlin",
        "policy": {
            "notice": {"minor": 1, "major": 5},
            "capacity": {"points": 4, "minor": 1, "major": 3, "most_major": 1},
            "approvals": {"minor": {"release_managers": 0}, "major": {"release_managers": 0}},
        },
        "environments": ["staging", "prod"],
        "series": [
            {"id": "w", "start": "2026-11-24T18:00", "end": "2026-11-24T22:00", "rrule": "FREQ=WEEKLY;BYDAY=TU"}
        ],
        "freezes": [],
    } | more


def freeze(name: str, first: str, last: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": name, "days": [first, last or first], "reason": f"because of {name}", **more}


def seed(store: Store, names: str = "m1 m2 M1 M2 m3 m4 m5 m6", repository: str = "pricing") -> None:
    """A repository with merged changes; names that begin with M are major."""
    with store.write() as session:
        if session.get(Team, "fraud") is None:
            session.add(Team(slug="fraud", name="Fraud", created_at=NOW, updated_at=NOW))
        session.add(
            Repository(
                id=f"r_{repository}", name=repository, location=f"/srv/{repository}", adopted_at=NOW, created_at=NOW,
                updated_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        for number, name in enumerate(names.split()):
            merged = NOW - timedelta(days=2) + timedelta(minutes=number)
            session.add(
                Change(
                    id=name, repository_id=f"r_{repository}", key=f"pr:{number}", title=f"Change {name}", state="draft",
                    level="major" if name[0] == "M" else "minor", kind="code_logic", merged_at=merged,
                    happened_at=merged, created_at=merged, updated_at=merged, head_sha=f"{number:040x}",
                    affected_teams=["fraud"] if name == "M1" else [],
                )
            )  # fmt: skip


def apply(store: Store, now: datetime = NOW, **more: Any) -> calendars.Applied:
    """Apply the calendar."""
    return calendars.apply(store, OPERATOR, now, document(**more))


def where(store: Store) -> dict[str, str | None]:
    """Change -> window."""
    found = windows.between(store, OPERATOR, NOW, NOW + timedelta(days=400))
    return {change.id: each.key for each in found for change in each.changes}


def in_conflict(store: Store) -> list[windows.PlacedChange]:
    """The placed changes that wait for a release manager's decision."""
    found = windows.between(store, OPERATOR, NOW, NOW + timedelta(days=400))
    return [change for each in found for change in each.changes if change.conflicts]
