"""Releases as they were read become texts: a new one is published, a known one revised where more is known of it.

What costs time, making the texts, needs only to read; so :func:`texts_of` and :func:`differing` come before the
transaction that writes, and others can write meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Annotation
from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.core.permissions import Actor
from release_mgmt.services import audit, publicity, secret
from release_mgmt.services.feed_events import heads
from release_mgmt.services.publications import stored
from release_mgmt.services.publications.notes import notes_of
from release_mgmt.store.models.publishing import PublicationRow, RevisionRow

Key = tuple[str, str]
"""Package, empty for none, and version."""


@dataclass(frozen=True, slots=True)
class Text:
    """What the text of one release comes to; ``position`` orders those of a repository, oldest first.

    ``mark`` is the digest of what :meth:`data` makes; that is made again where it is written, since the texts of a long
    history would fill the memory.
    """

    key: Key
    sha: str
    position: int
    section: Section
    annotations: Mapping[str, Annotation]
    mark: str

    def data(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The record and what is known of its changes, as a database keeps them."""
        return stored.section_data(self.section), stored.annotations_data(self.annotations)


def texts_of(session: Session, record: Changelog, annotations: Mapping[str, Annotation]) -> list[Text]:
    """The texts of a repository's releases, oldest first, with what people wrote of the changes."""
    ids = {entry.id for section in record.releases for entry in section.entries}
    known = with_people(session, ids, annotations)
    found = []
    for position, section in enumerate(reversed(record.releases)):
        if section.version is None or section.sha is None:
            continue
        own = {entry.id: known[entry.id] for entry in section.entries if entry.id in known}
        mark = stored.digest(stored.section_data(section), stored.annotations_data(own))
        found.append(Text((section.package or "", section.version), section.sha, position, section, own, mark))
    return found


def differing(session: Session, repository: str, texts: Iterable[Text]) -> list[Text]:
    """Those of the texts of which something is to be written."""
    rows = session.execute(
        select(
            PublicationRow.package, PublicationRow.version, PublicationRow.sha, PublicationRow.position,
            PublicationRow.conflict, RevisionRow.digest,
        )
        .join(
            RevisionRow,
            (RevisionRow.publication_id == PublicationRow.id) & (RevisionRow.number == PublicationRow.revision),
        )
        .where(PublicationRow.repository == repository)
    )  # fmt: skip
    standing = {(package, version): tuple(rest) for package, version, *rest in rows}
    return [text for text in texts if standing.get(text.key) != (text.sha, text.position, None, text.mark)]


def standing_mark(session: Session, repository: str) -> str:
    """Another one when a repository's texts became others, by whom or what ever."""
    row = PublicationRow
    rows = session.execute(
        select(row.id, row.revision, row.position, row.sha, row.conflict)
        .where(row.repository == repository)
        .order_by(row.id)
    )
    return hashlib.sha256(repr([tuple(one) for one in rows]).encode()).hexdigest()


def ingest(
    session: Session,
    actor: Actor,
    now: datetime,
    record: Changelog,
    annotations: Mapping[str, Annotation],
    *,
    publish: bool = True,
) -> int:
    """Take in the releases of a repository as they were read, in the caller's transaction; returns how many changed.

    A new release is published (or kept as a draft); reading the same again changes nothing. A tag that moved or is
    gone is a conflict: it is flagged and the published text stays. What a forge told later of the same commits is a
    revision.
    """
    texts = texts_of(session, record, annotations)
    changed = take(session, actor, now, record.repository, texts, publish=publish)
    return changed + flag_gone(session, actor, now, record.repository, {text.key for text in texts})


def take(
    session: Session, actor: Actor, now: datetime, repository: str, texts: Iterable[Text], *, publish: bool = True
) -> int:
    """Publish and revise; see :func:`ingest`."""
    rows = _rows(session, repository)
    changed = sum([_take(session, actor, now, repository, text, rows.get(text.key), publish=publish) for text in texts])
    if changed:
        heads.changelogs_moved(session, now)
    return changed


def flag_gone(session: Session, actor: Actor, now: datetime, repository: str, there: set[Key]) -> int:
    """Flag the texts whose tags are gone, ``there`` are those that are not; returns how many changed."""
    changed = 0
    for key, row in _rows(session, repository).items():
        if key not in there and row.conflict is None and row.state != "draft" and row.sha:
            row.conflict = "The tag is gone from the repository."
            changed += 1
            audit.record(
                session, actor, now, action="publication.conflict", subject=f"publication:{row.id}", reason=row.conflict
            )
    if changed:
        heads.changelogs_moved(session, now)
    return changed


def _rows(session: Session, repository: str) -> dict[Key, PublicationRow]:
    found = session.scalars(select(PublicationRow).where(PublicationRow.repository == repository))
    return {(row.package, row.version): row for row in found}


def _take(
    session: Session,
    actor: Actor,
    now: datetime,
    repository: str,
    text: Text,
    row: PublicationRow | None,
    *,
    publish: bool,
) -> int:
    if row is None:
        package, version = text.key
        row = PublicationRow(
            id=secret.identifier("pub"), repository=repository, package=package, version=version, sha=text.sha,
            position=text.position, state="published" if publish else "draft", revision=1, created_at=now,
            updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        write(session, row, 1, now, actor.person, "The tag was read.", text.mark, *text.data())
        return 1
    row.position = text.position
    latest = session.get(RevisionRow, (row.id, row.revision))
    assert latest is not None, "a publication has its revision"
    if not row.sha:  # an imported text gives way to what the tag tells
        row.sha = text.sha
    elif row.sha != text.sha:
        told = f"The tag moved from {row.sha[:12]} to {text.sha[:12]}."
        if row.conflict == told:
            return 0
        row.conflict = told
        audit.record(session, actor, now, action="publication.conflict", subject=f"publication:{row.id}", reason=told)
        return 1
    if latest.digest == text.mark:
        if row.conflict is None:
            return 0
        row.conflict = None  # the tag is back where the text was written for
        return 1
    row.conflict = None
    row.revision += 1
    row.state = "draft" if row.state == "draft" else "revised"
    row.updated_at = now
    write(session, row, row.revision, now, actor.person, "More was read of the same commits.", text.mark, *text.data())
    return 1


def add_imported(
    session: Session,
    actor: Actor,
    now: datetime,
    repository: str,
    section: Section,
    position: int,
    *,
    yanked: str | None = None,
) -> None:
    """A release that is known from an old text only, in the caller's transaction; a tag of that version replaces it."""
    assert section.version is not None
    data, known = stored.section_data(section), stored.annotations_data({})
    row = PublicationRow(
        id=secret.identifier("pub"), repository=repository, package="", version=section.version, sha="",
        position=position, state="published", revision=1, created_at=now, updated_at=now, yanked=yanked,
    )  # fmt: skip
    session.add(row)
    session.flush()
    write(session, row, 1, now, actor.person, "Imported.", stored.digest(data, known), data, known)
    heads.changelogs_moved(session, now)


def write(
    session: Session,
    row: PublicationRow,
    number: int,
    now: datetime,
    person: str | None,
    reason: str,
    mark: str,
    data: dict[str, Any],
    known: dict[str, Any],
) -> None:
    """Add one text of a publication; ``mark`` is its digest."""
    session.add(
        RevisionRow(
            publication_id=row.id, number=number, at=now, person=person, reason=reason, digest=mark, record=data,
            annotations=known,
        )
    )  # fmt: skip


def with_people(session: Session, ids: set[str], annotations: Mapping[str, Annotation]) -> dict[str, Annotation]:
    """The annotations with business notes and internal marks."""
    notes, marks = notes_of(session, ids), publicity.marks(session, ids)
    known = {key: value for key, value in annotations.items() if key in ids}
    for key in ids & (notes.keys() | marks.keys()):
        base = known.get(key, Annotation())
        texts = {note.language: note.text for note in notes.get(key, [])}
        actions = {note.language: note.action for note in notes.get(key, []) if note.action}
        known[key] = replace(
            base,
            notes={**base.notes, **texts},
            actions={**base.actions, **actions},
            internal=marks.get(key, base.internal),
        )
    return known
