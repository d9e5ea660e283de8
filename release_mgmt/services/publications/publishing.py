"""Publications: one a release. What was published is never edited; an edit is a revision, with who, when and why."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience, ChangelogView
from release_mgmt.core.errors import Conflict, InvalidInput, NotFound
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.formats import markdown
from release_mgmt.formats.words import Words
from release_mgmt.services import audit, visibility
from release_mgmt.services.audiences import require_audience
from release_mgmt.services.feed_events import heads
from release_mgmt.services.publications import stored
from release_mgmt.services.publications.current import current, shown
from release_mgmt.services.publications.ingesting import with_people, write
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
        known = stored.annotations_data(with_people(session, ids, read))
        mark = stored.digest(latest.record, known)
        if mark == latest.digest:
            raise Conflict("Nothing differs from the text that is published.", hint="Write a business note first.")
        row.revision += 1
        row.state = "revised" if row.state != "draft" else "draft"
        row.updated_at = now
        write(session, row, row.revision, now, actor.person, why, mark, dict(latest.record), known)
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
