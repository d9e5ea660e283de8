"""The Atom feed of a subscription: what is published, for its audience, newest first, in pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience, ChangelogView, SectionView, view
from release_mgmt.core.errors import NotFound
from release_mgmt.formats import atom
from release_mgmt.formats.words import Words
from release_mgmt.services import visibility
from release_mgmt.services.feed_events import heads
from release_mgmt.services.feeds.subscriptions import Filters
from release_mgmt.services.publications import record_of
from release_mgmt.store.models.publishing import PublicationRow, SubscriptionRow

MOST_RELEASES = 1_000


def atom_page(
    session: Session, subscription: str, site: str, token: str, page: int, teams: Collection[str] = ()
) -> tuple[bytes, datetime]:
    """One page of the feed, as these teams may see it, and when its data last changed.

    Raises NotFound beyond the last page.
    """
    row = session.get(SubscriptionRow, subscription)
    if row is None:
        raise NotFound("There is no such feed.")
    filters, say = Filters.of(row.filters), Words(row.language)
    sections: list[tuple[datetime, str, SectionView]] = []
    for repository in _repositories(session, filters, teams):
        record, known, yanked, changed = record_of(session, repository)
        shown = view(record, Audience(row.audience), say, known, yanked=yanked)
        for section in shown.sections:
            if not _takes(section, filters):
                continue
            at = changed[(section.package or "", section.version or "")]
            sections.append((at, repository, section))
    # Newest release first over all repositories; releases without a date stand last.
    sections.sort(key=lambda item: (item[2].date or "", item[1], item[2].title), reverse=True)
    del sections[MOST_RELEASES:]
    named = [
        (
            at,
            replace(section, title=f"{repository} {section.title}", anchor=f"{repository}-{section.anchor}"),
            repository,
        )
        for at, repository, section in sections
    ]
    times = {id(section): at for at, section, _ in named}
    places = {id(section): repository for _, section, repository in named}
    feed = ChangelogView(
        row.name, Audience(row.audience), row.language, row.name,
        say("What changes for you, when, and who answers for it."),
        tuple(section for _, section, _ in named),
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
        updated=lambda section: times[id(section)],
        number=page,
        entry_names=lambda section: (places[id(section)], section.package or "", section.version or ""),
    )
    return body, max((at for at, _, _ in named), default=heads.START)


def _repositories(session: Session, filters: Filters, teams: Collection[str]) -> list[str]:
    statement = select(PublicationRow.repository).distinct().where(PublicationRow.state != "draft")
    if filters.repositories:
        statement = statement.where(PublicationRow.repository.in_(filters.repositories))
    hidden = {name for name, owner in visibility.kept(session).items() if owner not in teams}
    return sorted(name for name in session.scalars(statement) if name not in hidden)


def _takes(section: SectionView, filters: Filters) -> bool:
    """Does a release hold a change for these teams and of these levels? Its text is never changed by a filter."""
    if filters.teams and not any(set(filters.teams) & set(entry.teams) for entry in section.entries):
        return False
    if filters.packages and section.package not in filters.packages:
        return False
    return not filters.levels or any(entry.level in filters.levels for entry in section.entries)
