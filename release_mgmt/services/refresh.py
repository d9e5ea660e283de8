"""What follows a sync: planning the calendars that take the repository's changes, and publishing its releases."""

from __future__ import annotations

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
from release_mgmt.services.stored_history import changelog_of
from release_mgmt.store.models.repositories import Change, ClassificationRow, Release, Repository
from release_mgmt.store.models.scheduling import CalendarRow


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


def publish(store: Store, actor: Actor, now: datetime, repository_id: str) -> int:
    """Take the releases of a repository, as they were synced, into its changelogs; how many publications changed."""
    with store.read() as session:
        row = session.get(Repository, repository_id)
        if row is None:
            raise NotFound("There is no such repository.")
        if row.sync_cursor is None:
            return 0
        record = changelog_of(session, row)
        verdicts = _verdicts(session, repository_id)
    told = {change: Annotation(classification=verdict) for change, verdict in verdicts.items()}
    with store.write(f"sync:{repository_id}") as session:
        changed = publications.ingest(session, actor, now, _with_levels(record, verdicts), told)
        _count_majors(session, repository_id)
        return changed


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
