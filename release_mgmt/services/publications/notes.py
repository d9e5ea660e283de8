"""What people add to a change for the business: a note in their words, and whether it is internal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import InvalidInput, StaleVersion
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import clean, one_line
from release_mgmt.formats.words import languages
from release_mgmt.services import audit, feed_events
from release_mgmt.store.models.publishing import NoteRow, PublicityRow
from release_mgmt.store.session import Store

LONGEST_NOTE = 5_000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class NoteView:
    """A business note; ``action`` is what the business must do."""

    change: str
    language: str
    text: str
    action: str | None
    person: str | None
    updated_at: datetime
    version: int


def set_note(
    store: Store,
    actor: Actor,
    now: datetime,
    change: str,
    *,
    language: str,
    text: str,
    action: str | None = None,
    version: int | None = None,
) -> NoteView | None:
    """Write (or, with an empty text, take away) the note of a change; feeds that hold the change move on with it."""
    require(actor, Action.EDIT_CHANGE)
    if language not in languages():
        raise InvalidInput.at("language", "there are no words for it", ", ".join(languages()))
    words = clean(text).strip()
    if len(words) > LONGEST_NOTE:
        raise InvalidInput.at("text", f"has {len(words):,} characters", f"at most {LONGEST_NOTE:,}")
    with store.write() as session:
        row = session.get(NoteRow, (change, language))
        if version is not None and version != (row.version if row else 0):
            raise StaleVersion("Somebody else changed this in the meantime.", hint="Load it again and repeat the edit.")
        before = {"text": row.text, "action": row.action} if row else None
        if not words:
            if row is not None:
                session.delete(row)
            row = None
        elif row is None:
            row = NoteRow(change_id=change, language=language, text="", updated_at=now)
            session.add(row)
        if row is not None:
            told = (words, one_line(action, 500) if action else None)
            if (row.text, row.action) != told:  # a note that says the same moves no text
                row.person, row.updated_at = actor.person, now
            row.text, row.action = told
        session.flush()
        audit.record(
            session, actor, now, action="note.set", subject=f"change:{change}", before=before,
            after={"language": language, "text": words},
        )  # fmt: skip
        feed_events.rejoin(session, now, [change])
        return _view(row) if row is not None else None


def set_internal(store: Store, actor: Actor, now: datetime, change: str, *, internal: bool, reason: str) -> None:
    """Keep a change from the business, or show it again; what was published stays published."""
    require(actor, Action.EDIT_CHANGE)
    why = one_line(reason, 500)
    if not why:
        raise InvalidInput.at("reason", "is needed")
    with store.write() as session:
        row = session.get(PublicityRow, change)
        before = {"internal": row.internal} if row else None
        if row is None:
            row = PublicityRow(change_id=change, internal=internal, reason=why, updated_at=now)
            session.add(row)
        row.internal, row.reason, row.person, row.updated_at = internal, why, actor.person, now
        session.flush()
        audit.record(
            session, actor, now, action="change.publicity", subject=f"change:{change}", reason=why, before=before,
            after={"internal": internal},
        )  # fmt: skip
        feed_events.rejoin(session, now, [change])


def notes_of(session: Session, changes: Collection[str]) -> dict[str, list[NoteView]]:
    """The notes of these changes."""
    found: dict[str, list[NoteView]] = {}
    ids = sorted(changes)
    for at in range(0, len(ids), _CHUNK):
        statement = select(NoteRow).where(NoteRow.change_id.in_(ids[at : at + _CHUNK])).order_by(NoteRow.language)
        for row in session.scalars(statement):
            found.setdefault(row.change_id, []).append(_view(row))
    return found


def of_change(store: Store, actor: Actor, change: str) -> list[NoteView]:
    """The business notes of one change, by language."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        return sorted(notes_of(session, [change]).get(change, []), key=lambda note: note.language)


def of_changes(store: Store, actor: Actor, changes: Collection[str]) -> dict[str, list[NoteView]]:
    """The business notes of several changes, those of each by language."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        return notes_of(session, changes)


def _view(row: NoteRow) -> NoteView:
    return NoteView(row.change_id, row.language, row.text, row.action, row.person, row.updated_at, row.version)
