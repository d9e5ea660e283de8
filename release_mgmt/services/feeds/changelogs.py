"""The Atom feed of a subscription: what is published, for its audience, newest first, in pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience, ChangelogView, SectionView
from release_mgmt.core.errors import NotFound
from release_mgmt.formats import atom
from release_mgmt.formats.words import Words
from release_mgmt.services import visibility
from release_mgmt.services.feed_events import heads
from release_mgmt.services.feeds.subscriptions import Filters
from release_mgmt.services.publications import changed, current, published
from release_mgmt.store.models.publishing import PublicationRow, SubscriptionRow
from release_mgmt.store.models.repositories import Change

_CHUNK = 500  # SQLite takes a limited number of values in one statement


def atom_page(
    session: Session, subscription: str, site: str, token: str, page: int, teams: Collection[str] = ()
) -> tuple[bytes, datetime]:
    """One page of the feed, as these teams may see it, and when its data last changed.

    Raises NotFound beyond the last page.
    """
    row = session.get(SubscriptionRow, subscription)
    if row is None:
        raise NotFound("There is no such feed.")
    filters, say, audience = Filters.of(row.filters), Words(row.language), Audience(row.audience)
    sections: list[tuple[datetime, str, str, SectionView]] = []
    for repository in _repositories(session, filters, teams):
        rows = current(session, repository)
        found = published(session, repository, rows)
        times = changed(session, rows, found, audience)
        shown = found.shown(audience, say)
        keys = {(one.package, one.version): one.id for one, _ in rows}
        concerned = _concerned(session, shown.sections) if filters.teams else {}
        for section in shown.sections:
            if not _takes(section, filters, concerned):
                continue
            name = (section.package or "", section.version or "")
            sections.append((times.get(name, heads.START), repository, keys[name], section))
    # Newest release first over all repositories, of one moment in their own order; those without a date stand last.
    sections.sort(key=lambda item: _released(item[3]), reverse=True)
    named = [
        (
            at,
            replace(section, title=f"{repository} {section.title}", anchor=f"{repository}-{section.anchor}"),
            repository,
            key,
        )
        for at, repository, key, section in sections
    ]
    moments = {id(section): at for at, section, _, _ in named}
    places = {id(section): repository for _, section, repository, _ in named}
    ids = {id(section): key for _, section, _, key in named}
    feed = ChangelogView(
        row.name, audience, row.language, row.name,
        say("What changes for you, when, and who answers for it."),
        tuple(section for _, section, _, _ in named),
    )  # fmt: skip
    if page > 1 and (page - 1) * atom.PAGE_SIZE >= len(named):
        raise NotFound("There is no such page.")
    own = f"{site}/feeds/{token}/changelog.atom"
    body = atom.render(
        feed,
        say,
        atom.Address(
            lambda number: own if number == 1 else f"{own}?page={number}",
            f"{site}/changelogs",
            lambda section: f"{site}/changelogs/{places[id(section)]}#{section.anchor}",
        ),
        identity=row.id,
        updated=lambda section: moments[id(section)],
        number=page,
        entry_names=lambda section: (ids[id(section)],),  # whatever its repository is called
    )
    return body, max((row.edited_at or heads.START, *(at for at, _, _, _ in named)))


def _repositories(session: Session, filters: Filters, teams: Collection[str]) -> list[str]:
    statement = select(PublicationRow.repository).distinct().where(PublicationRow.state != "draft")
    if filters.repositories:
        statement = statement.where(PublicationRow.repository.in_(filters.repositories))
    hidden = {name for name, owner in visibility.kept(session).items() if owner not in teams}
    return sorted(name for name in session.scalars(statement) if name not in hidden)


def _released(section: SectionView) -> datetime:
    return datetime.fromisoformat(section.date) if section.date else datetime.min.replace(tzinfo=UTC)


def _concerned(session: Session, sections: Collection[SectionView]) -> dict[str, set[str]]:
    """Change -> the teams that it affects, as calendar feeds choose by them: texts of releases name none."""
    ids = sorted({entry.id for section in sections for entry in section.entries})
    found: dict[str, set[str]] = {}
    for at in range(0, len(ids), _CHUNK):
        statement = select(Change.id, Change.affected_teams).where(Change.id.in_(ids[at : at + _CHUNK]))
        found |= {change: set(teams or ()) for change, teams in session.execute(statement)}
    return found


def _takes(section: SectionView, filters: Filters, concerned: Mapping[str, set[str]]) -> bool:
    """Does a release hold a change for these teams and of these levels? Its text is never changed by a filter."""
    wanted = set(filters.teams)
    if wanted and not any(wanted & {*entry.teams, *concerned.get(entry.id, ())} for entry in section.entries):
        return False
    if filters.packages and section.package not in filters.packages:
        return False
    return not filters.levels or any(entry.level in filters.levels for entry in section.entries)
