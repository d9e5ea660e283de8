"""What a plan told of a window, joined with what people wrote of its changes, and as plain data and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.calendar import ChangeFact, WindowFact
from release_mgmt.services import publicity
from release_mgmt.store.models.publishing import NoteRow

_CHUNK = 500  # SQLite takes a limited number of values in one statement


def joined(session: Session, facts: list[WindowFact]) -> list[WindowFact]:
    """The windows with the business notes and internal marks of their changes."""
    ids = sorted({change.id for fact in facts for change in fact.changes})
    notes: dict[str, dict[str, str]] = {}
    internal = publicity.marks(session, ids)
    for at in range(0, len(ids), _CHUNK):
        some = ids[at : at + _CHUNK]
        for note in session.scalars(select(NoteRow).where(NoteRow.change_id.in_(some))):
            notes.setdefault(note.change_id, {})[note.language] = note.text
    return [
        replace(
            fact,
            changes=tuple(
                replace(
                    change,
                    notes=notes.get(change.id, change.notes),
                    internal=internal.get(change.id, change.internal),
                )
                for change in fact.changes
            ),
        )
        for fact in facts
    ]


def plain(fact: WindowFact) -> dict[str, object]:
    """As plain data, without the notes: they are joined again when it is read."""
    return asdict(
        replace(
            fact,
            start=fact.start.isoformat(),  # type: ignore[arg-type] # JSON has no instants
            end=fact.end.isoformat(),  # type: ignore[arg-type]
            changes=tuple(replace(change, notes={}) for change in fact.changes),
        )
    ) | {"changes": [_plain_change(change) for change in fact.changes], "environments": list(fact.environments)}


def _plain_change(change: ChangeFact) -> dict[str, object]:
    return asdict(change) | {"notes": {}, "teams": list(change.teams), "libraries": list(change.libraries)}


def fact_of(data: Mapping[str, object]) -> WindowFact:
    """From plain data."""
    values = dict(data)
    changes = values.pop("changes")
    assert isinstance(changes, list)
    made = tuple(
        ChangeFact(**{**change, "teams": tuple(change["teams"]), "libraries": tuple(change["libraries"])})
        for change in changes
    )
    start, end = (datetime.fromisoformat(str(values.pop(name))) for name in ("start", "end"))
    environments = values.pop("environments")
    assert isinstance(environments, list)
    return WindowFact(**values, start=start, end=end, changes=made, environments=tuple(environments))  # type: ignore[arg-type]
