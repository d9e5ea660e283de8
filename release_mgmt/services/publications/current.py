"""What is published of a repository now: the record, what is known of its changes, and when each text last changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Annotation, Audience, ChangelogView, SectionView, view
from release_mgmt.core.changelog import Accounting, Changelog, Section
from release_mgmt.formats.words import Words, languages
from release_mgmt.services import outcomes, publicity
from release_mgmt.services.publications import stored
from release_mgmt.store.models.publishing import PublicationRow, RevisionRow

Rows = Sequence[tuple[PublicationRow, RevisionRow]]
NOTHING = Section(None, None, None, (), None, None, None, None, False, Accounting(0, 0, 0, 0, 0, 0), ())


@dataclass(frozen=True, slots=True)
class Published:
    """Releases newest first. ``known`` (what each text says of its changes) and ``yanked`` (the reason) are by package
    and version, an empty package for none: a change that stands in two texts may be told otherwise in each."""

    record: Changelog
    known: dict[tuple[str, str], dict[str, Annotation]]
    yanked: dict[tuple[str, str], str]

    def shown(self, audience: Audience, say: Words) -> ChangelogView:
        """The texts as an audience reads them."""
        return view(self.record, audience, say, own=self.known, yanked=self.yanked)


def current(
    session: Session, repository: str | None, *, package: str | None = None, version: str | None = None
) -> list[tuple[PublicationRow, RevisionRow]]:
    """Published releases with their present text, newest first; drafts are left out."""
    statement = (
        select(PublicationRow, RevisionRow)
        .join(
            RevisionRow,
            (RevisionRow.publication_id == PublicationRow.id) & (RevisionRow.number == PublicationRow.revision),
        )
        .where(PublicationRow.state != "draft")
        .order_by(PublicationRow.repository, PublicationRow.position.desc())
    )
    if repository is not None:
        statement = statement.where(PublicationRow.repository == repository)
    if package is not None:
        statement = statement.where(PublicationRow.package == package)
    if version is not None:
        statement = statement.where(PublicationRow.version == version)
    return [(row, text) for row, text in session.execute(statement)]


def published(session: Session, repository: str, rows: Rows) -> Published:
    """The texts of these rows as one record, with what stands beside a text: links to later backports, what was rolled
    back since, what was measured since."""
    sections = _linked([stored.section_from(text.record) for _, text in rows])
    ids = {entry.id for section in sections for entry in section.entries}
    back, promised = publicity.rolled_back(session, ids), outcomes.promises(session, ids)
    known: dict[tuple[str, str], dict[str, Annotation]] = {}
    for section, (row, text) in zip(sections, rows, strict=True):
        mine = known[row.package, row.version] = stored.annotations_from(text.annotations)
        for key in {entry.id for entry in section.entries} & (back.keys() | promised.keys()):
            told = replace(mine.get(key, Annotation()), promises=promised.get(key, ()))
            mine[key] = replace(told, state="rolled_back") if key in back else told
    yanked = {(row.package, row.version): row.yanked for row, _ in rows if row.yanked}
    return Published(Changelog(repository, sections, NOTHING), known, yanked)


def shown(session: Session, repository: str, rows: Rows, audience: Audience, say: Words) -> ChangelogView:
    """The texts of these rows as an audience reads them."""
    return published(session, repository, rows).shown(audience, say)


def changed(session: Session, rows: Rows, found: Published, audience: Audience) -> dict[tuple[str, str], datetime]:
    """By (package, version): when something that this audience reads in the text last changed.

    A revision that only other audiences see, a conflict and a tag that came back move nothing.
    """
    sections = found.record.releases
    ids = {entry.id for section in sections for entry in section.entries}
    beside = publicity.rolled_back(session, ids)
    for key, at in outcomes.told_at(session, ids).items():
        beside[key] = max(at, beside.get(key, at))
    first = {row.version: row.created_at for row, _ in rows}
    times: dict[tuple[str, str], datetime] = {}
    for section, (row, text) in zip(sections, rows, strict=True):
        moments = [_text_at(session, row, text, audience)]
        for entry in section.entries:
            if (
                audience is Audience.BUSINESS
                and found.known[row.package, row.version].get(entry.id, Annotation()).internal
            ):
                continue
            moments += [beside[entry.id]] if entry.id in beside else []
            moments += [first[version] for version in entry.also_in if version in first]
        times[row.package, row.version] = max(moments)
    return times


def _linked(sections: Sequence[Section]) -> tuple[Section, ...]:
    """A backport is told in both texts: the older one was written before there was one to tell of."""
    links: dict[tuple[str, str], list[str]] = {}
    for section in reversed(sections):
        for entry in section.entries:
            for version in entry.also_in:
                links.setdefault((entry.id, version), []).append(section.version or "")

    def told(section: Section) -> Section:
        made = []
        for entry in section.entries:
            more = [one for one in links.get((entry.id, section.version or ""), ()) if one not in entry.also_in]
            made.append(entry._replace(also_in=(*entry.also_in, *more)) if more else entry)
        return replace(section, entries=tuple(made))

    return tuple(told(section) for section in sections) if links else tuple(sections)


def _text_at(session: Session, row: PublicationRow, text: RevisionRow, audience: Audience) -> datetime:
    """When the audience's text became what it is: with its first revision that reads the same, or with a yank."""
    if row.updated_at > text.at or row.yanked is not None:  # published or yanked; a yank has no other date
        return row.updated_at
    at = text.at
    if audience is Audience.BUSINESS and text.number > 1:
        now = _read(row, text)
        older = select(RevisionRow).where(RevisionRow.publication_id == row.id, RevisionRow.number < text.number)
        for before in session.scalars(older.order_by(RevisionRow.number.desc())):
            if _read(row, before) != now:
                break
            at = before.at
    return at


def _read(row: PublicationRow, text: RevisionRow) -> list[tuple[SectionView, ...]]:
    """A text as the business reads it, in every language."""
    record = Changelog(row.repository, (stored.section_from(text.record),), NOTHING)
    known = stored.annotations_from(text.annotations)
    return [view(record, Audience.BUSINESS, Words(name), known).sections for name in languages()]
