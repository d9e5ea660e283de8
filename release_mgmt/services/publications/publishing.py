"""Publications: one a release. What was published is never edited; an edit is a revision, with who, when and why."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Annotation, Audience, ChangelogView
from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.core.errors import Conflict, InvalidInput, NotFound
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.formats import markdown
from release_mgmt.formats.words import Words
from release_mgmt.services import audit, publicity, secret, visibility
from release_mgmt.services.audiences import require_audience
from release_mgmt.services.feed_events import heads
from release_mgmt.services.publications import stored
from release_mgmt.services.publications.current import current, shown
from release_mgmt.services.publications.notes import notes_of
from release_mgmt.store.models.publishing import PublicationRow, RevisionRow
from release_mgmt.store.session import Store


@dataclass(frozen=True, slots=True)
class PublicationView:
    """A publication: ``state`` is draft, published or revised; ``conflict`` says what moved since, or None."""

    id: str
    repository: str
    package: str | None
    version: str
    sha: str
    state: str
    revision: int
    conflict: str | None
    yanked: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One text of a publication."""

    number: int
    at: datetime
    person: str | None
    reason: str


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
    rows = {
        (row.package, row.version): row
        for row in session.scalars(select(PublicationRow).where(PublicationRow.repository == record.repository))
    }
    ids = {entry.id for section in record.releases for entry in section.entries}
    known = _with_people(session, ids, annotations)
    changed, seen = 0, set()
    for position, section in enumerate(reversed(record.releases)):
        if section.version is None or section.sha is None:
            continue
        key = (section.package or "", section.version)
        seen.add(key)
        own = {entry.id: known[entry.id] for entry in section.entries if entry.id in known}
        changed += _take(session, actor, now, record.repository, section, own, rows.get(key), position, publish=publish)
    for key, row in rows.items():
        if key not in seen and row.conflict is None and row.state != "draft" and row.sha:
            row.conflict = "The tag is gone from the repository."
            changed += 1
            audit.record(
                session, actor, now, action="publication.conflict", subject=f"publication:{row.id}", reason=row.conflict
            )
    if changed:
        heads.changelogs_moved(session, now)
    return changed


def _take(
    session: Session,
    actor: Actor,
    now: datetime,
    repository: str,
    section: Section,
    annotations: Mapping[str, Annotation],
    row: PublicationRow | None,
    position: int,
    *,
    publish: bool,
) -> int:
    data, known = stored.section_data(section), stored.annotations_data(annotations)
    mark = stored.digest(data, known)
    assert section.version is not None
    assert section.sha is not None
    if row is None:
        row = PublicationRow(
            id=secret.identifier("pub"), repository=repository, package=section.package or "", version=section.version,
            sha=section.sha, position=position, state="published" if publish else "draft", revision=1, created_at=now,
            updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        _write(session, row, 1, now, actor.person, "The tag was read.", mark, data, known)
        return 1
    row.position = position
    latest = session.get(RevisionRow, (row.id, row.revision))
    assert latest is not None, "a publication has its revision"
    if not row.sha:  # an imported text gives way to what the tag tells
        row.sha = section.sha
    elif row.sha != section.sha:
        told = f"The tag moved from {row.sha[:12]} to {section.sha[:12]}."
        if row.conflict == told:
            return 0
        row.conflict = told
        audit.record(session, actor, now, action="publication.conflict", subject=f"publication:{row.id}", reason=told)
        return 1
    if latest.digest == mark:
        if row.conflict is None:
            return 0
        row.conflict = None  # the tag is back where the text was written for
        return 1
    row.conflict = None
    row.revision += 1
    row.state = "draft" if row.state == "draft" else "revised"
    row.updated_at = now
    _write(session, row, row.revision, now, actor.person, "More was read of the same commits.", mark, data, known)
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
    _write(session, row, 1, now, actor.person, "Imported.", stored.digest(data, known), data, known)
    heads.changelogs_moved(session, now)


def _write(
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
    session.add(
        RevisionRow(
            publication_id=row.id, number=number, at=now, person=person, reason=reason, digest=mark, record=data,
            annotations=known,
        )
    )  # fmt: skip


def _with_people(session: Session, ids: set[str], annotations: Mapping[str, Annotation]) -> dict[str, Annotation]:
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


def publish(store: Store, actor: Actor, now: datetime, key: str) -> PublicationView:
    """Publish a draft."""
    require(actor, Action.PUBLISH, calendar=EVERYWHERE)
    with store.write() as session:
        row = _row(session, key)
        if row.state != "draft":
            raise Conflict("It is published already.", hint="Revise it instead.")
        row.state, row.updated_at = "published", now
        session.flush()
        audit.record(session, actor, now, action="publication.publish", subject=f"publication:{row.id}")
        heads.changelogs_moved(session, now)
        return _view(row)


def revise(store: Store, actor: Actor, now: datetime, key: str, *, reason: str) -> PublicationView:
    """A new revision from the notes and internal marks as they are now; the reason is kept with it."""
    require(actor, Action.PUBLISH, calendar=EVERYWHERE)
    why = _reason(reason)
    with store.write() as session:
        row = _row(session, key)
        latest = session.get(RevisionRow, (row.id, row.revision))
        assert latest is not None, "a publication has its revision"
        section = stored.section_from(latest.record)
        ids = {entry.id for entry in section.entries}
        read = {  # what people wrote since takes the place of what they had written, also where it is gone
            key: replace(one, notes={}, actions={}) for key, one in stored.annotations_from(latest.annotations).items()
        }
        known = stored.annotations_data(_with_people(session, ids, read))
        mark = stored.digest(latest.record, known)
        if mark == latest.digest:
            raise Conflict("Nothing differs from the text that is published.", hint="Write a business note first.")
        row.revision += 1
        row.state = "revised" if row.state != "draft" else "draft"
        row.updated_at = now
        _write(session, row, row.revision, now, actor.person, why, mark, dict(latest.record), known)
        session.flush()
        audit.record(session, actor, now, action="publication.revise", subject=f"publication:{row.id}", reason=why)
        heads.changelogs_moved(session, now)
        return _view(row)


def yank(store: Store, actor: Actor, now: datetime, key: str, *, reason: str) -> PublicationView:
    """Mark a release as withdrawn; it stays in every changelog, marked [YANKED]."""
    require(actor, Action.PUBLISH, calendar=EVERYWHERE)
    why = _reason(reason)
    with store.write() as session:
        row = _row(session, key)
        row.yanked, row.updated_at = why, now
        session.flush()
        audit.record(session, actor, now, action="publication.yank", subject=f"publication:{row.id}", reason=why)
        heads.changelogs_moved(session, now)
        return _view(row)


def get(store: Store, actor: Actor, key: str) -> PublicationView:
    """One publication."""
    require(actor, Action.READ_CHANGELOG)
    with store.read() as session:
        return _view(_seen(session, actor, key))


def of_repository(store: Store, actor: Actor, repository: str) -> list[PublicationView]:
    """The publications of a repository, newest first."""
    require(actor, Action.READ_CHANGELOG)
    with store.read() as session:
        visibility.require_there(session, actor, repository)
        statement = select(PublicationRow).where(PublicationRow.repository == repository)
        return [_view(row) for row in session.scalars(statement.order_by(PublicationRow.position.desc()))]


def revisions(store: Store, actor: Actor, key: str) -> list[RevisionView]:
    """Every text a publication ever had, newest first."""
    require(actor, Action.READ_CHANGELOG)
    with store.read() as session:
        row = _seen(session, actor, key)
        found = session.scalars(
            select(RevisionRow).where(RevisionRow.publication_id == row.id).order_by(RevisionRow.number.desc())
        )
        return [RevisionView(one.number, one.at, one.person, one.reason) for one in found]


def diff(
    store: Store, actor: Actor, key: str, old: int, new: int, *, audience: Audience, language: str = "en"
) -> tuple[str, ...]:
    """The lines (unified diff of the Markdown) by which one revision differs from another, for an audience."""
    require_audience(actor, audience)
    say = Words(language)
    texts: list[list[str]] = []
    with store.read() as session:
        row = _seen(session, actor, key)
        for number in (old, new):
            found = session.get(RevisionRow, (row.id, number))
            if found is None:
                raise NotFound(f"There is no revision {number}.")
            text = shown(session, row.repository, [(row, found)], audience, say)
            texts.append(markdown.render(text, say).splitlines())
    return tuple(difflib.unified_diff(texts[0], texts[1], f"revision {old}", f"revision {new}", lineterm=""))


def view_of(
    store: Store,
    actor: Actor,
    repository: str,
    *,
    audience: Audience = Audience.BUSINESS,
    language: str = "en",
    package: str | None = None,
    version: str | None = None,
) -> ChangelogView:
    """What is published of a repository, for an audience."""
    require_audience(actor, audience)
    with store.read() as session:
        visibility.require_there(session, actor, repository)
        rows = current(session, repository, package=package, version=version)
        if not rows and version is not None:
            raise NotFound("There is no such release.")
        return shown(session, repository, rows, audience, Words(language))


def _row(session: Session, key: str) -> PublicationRow:
    row = session.get(PublicationRow, key)
    if row is None:
        raise NotFound("There is no such publication.")
    return row


def _seen(session: Session, actor: Actor, key: str) -> PublicationRow:
    """The publication, unless its repository is kept from ``actor``."""
    row = _row(session, key)
    visibility.require_seen_in(session, actor, named=[row.repository])
    return row


def _reason(reason: str) -> str:
    why = one_line(reason, 500)
    if not why:
        raise InvalidInput.at("reason", "is needed")
    return why


def _view(row: PublicationRow) -> PublicationView:
    return PublicationView(
        row.id, row.repository, row.package or None, row.version, row.sha, row.state, row.revision, row.conflict,
        row.yanked, row.updated_at,
    )  # fmt: skip
