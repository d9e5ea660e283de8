"""What follows a sync: planning the calendars that take the repository's changes, and publishing its releases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Annotation
from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.core.classification import Classification, Level, NewLibrary
from release_mgmt.core.errors import NotFound
from release_mgmt.core.evidence.model import Evidence
from release_mgmt.core.permissions import Actor
from release_mgmt.services import Store, plans, publications
from release_mgmt.services.stored_history import changelog_of, digest
from release_mgmt.store.models.publishing import NoteRow, PublicityRow
from release_mgmt.store.models.repositories import Change, ClassificationRow, Release, Repository
from release_mgmt.store.models.scheduling import CalendarRow

ENTRIES_AT_ONCE = 1_000
"""Entries whose texts are written in one transaction: others write between two of them."""


def calendars_of(store: Store, repository_id: str) -> list[str]:
    """The calendars that take a repository's changes: the one it names, else the only one there is."""
    with store.read() as session:
        named = session.scalar(select(Repository.calendar).where(Repository.id == repository_id))
        known = list(session.scalars(select(CalendarRow.slug).order_by(CalendarRow.slug)))
    if named is not None:
        return [named] if named in known else []
    return known if len(known) == 1 else []


def replan(store: Store, actor: Actor, now: datetime, slugs: list[str]) -> dict[str, int]:
    """Plan these calendars again; calendar -> version of its plan."""
    return {slug: plans.replan(store, actor, now, slug).version for slug in slugs}


def publish(
    store: Store, actor: Actor, now: datetime, repository_id: str, *, made_of: MutableMapping[str, str] | None = None
) -> int:
    """Take the releases of a repository, as they were synced, into its changelogs; how many publications changed.

    Texts are made while others may write, and written in portions. ``made_of`` remembers, by repository, what they were
    made of last: nothing is made again of the same.
    """
    with store.read() as session:
        row = session.get(Repository, repository_id)
        if row is None:
            raise NotFound("There is no such repository.")
        if row.sync_cursor is None:
            return 0
        mark = _ingredients(session, row) if made_of is not None else ""
        if made_of is not None and made_of.get(repository_id) == mark + publications.standing_mark(session, row.name):
            return 0
        record = changelog_of(session, row)
        verdicts = _verdicts(session, repository_id)
        told = {change: Annotation(classification=verdict) for change, verdict in verdicts.items()}
        texts = publications.texts_of(session, _with_levels(record, verdicts), told)
        due = publications.differing(session, row.name, texts)
    changed = 0
    for portion in _portions(due):
        with store.write(f"sync:{repository_id}") as session:
            changed += publications.take(session, actor, now, row.name, portion)
    with store.write(f"sync:{repository_id}") as session:
        changed += publications.flag_gone(session, actor, now, row.name, {text.key for text in texts})
        _count_majors(session, repository_id)
        standing = publications.standing_mark(session, row.name)
    if made_of is not None:
        made_of[repository_id] = mark + standing
    return changed


def _portions(texts: Iterable[publications.Text]) -> Iterator[list[publications.Text]]:
    """Texts that are written in one transaction."""
    portion: list[publications.Text] = []
    entries = 0
    for text in texts:
        portion.append(text)
        entries += len(text.section.entries)
        if entries >= ENTRIES_AT_ONCE:
            yield portion
            portion, entries = [], 0
    if portion:
        yield portion


def _ingredients(session: Session, row: Repository) -> str:
    """Another one when anything that texts are made of is told otherwise: what was synced, pull requests among it, what
    the rules and people say of levels, and what people wrote of changes."""
    verdict, note, mark = ClassificationRow, NoteRow, PublicityRow
    queries = (
        select(Change.id, Change.level, Change.kind, Change.needs_review, verdict.content, verdict.policy)
        .add_columns(verdict.classified_at)
        .join(verdict, verdict.change_id == Change.id),
        select(Change.id, note.language, note.text, note.action)
        .join(note, note.change_id == Change.id)
        .order_by(note.language),
        select(Change.id, mark.internal).join(mark, mark.change_id == Change.id),
    )
    told = [
        [tuple(one) for one in session.execute(query.where(Change.repository_id == row.id).order_by(Change.id))]
        for query in queries
    ]
    return digest(row.name, row.sync_cursor, told)


def _verdicts(session: Session, repository_id: str) -> dict[str, Classification]:
    """The level in force of each change, with what the rules said of it."""
    columns = (
        Change.id, Change.level, Change.kind, Change.needs_review, ClassificationRow.rule,
        ClassificationRow.new_libraries, ClassificationRow.evidence,
    )  # fmt: skip
    query = select(*columns).join(ClassificationRow, ClassificationRow.change_id == Change.id)
    rows = session.execute(query.where(Change.repository_id == repository_id, Change.level.is_not(None)))
    return {
        change: Classification(
            level=Level(level),
            kind=kind or "",
            needs_review=needs_review,
            rule=rule,
            new_libraries=tuple(NewLibrary(**one) for one in libraries or ()),
            evidence=tuple(Evidence(**one) for one in evidence or ()),
        )
        for change, level, kind, needs_review, rule, libraries, evidence in rows
    }


def _with_levels(record: Changelog, verdicts: dict[str, Classification]) -> Changelog:
    """The record with the levels in force, in the states of its tags: those of windows are no part of a text."""

    def filled(section: Section) -> Section:
        state = "draft" if section.version is None else "released"
        entries = []
        for entry in section.entries:
            verdict = verdicts.get(entry.id)
            level, kind = (verdict.level.value, entry.kind or verdict.kind) if verdict else (None, entry.kind)
            entries.append(entry._replace(level=level, kind=kind, state=state))
        return replace(section, entries=tuple(entries))

    return replace(
        record, releases=tuple(filled(section) for section in record.releases), unreleased=filled(record.unreleased)
    )


def _count_majors(session: Session, repository_id: str) -> None:
    """Keep how many major changes each release holds: lists show it."""
    majors = (
        select(func.count())
        .where(Change.release_id == Release.id, Change.level == Level.MAJOR.value)
        .correlate(Release)
        .scalar_subquery()
    )
    session.execute(
        update(Release)
        .where(Release.repository_id == repository_id, Release.majors != majors)
        .values(majors=majors)
        .execution_options(synchronize_session=False)
    )
