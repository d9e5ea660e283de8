"""What a poll asks of single pull requests, beyond the list: which ones, and what for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from release_mgmt.core.changes import Labelling, PullRequest
from release_mgmt.core.errors import NotFound
from release_mgmt.sources.forge import forge
from release_mgmt.sources.forge.transport import Transport
from release_mgmt.sources.pull_requests import from_json
from release_mgmt.store.models.ingest import PullRequestAges
from release_mgmt.store.models.repositories import PullRequestRow, Repository
from release_mgmt.store.session import Store

MOST_DETAILS = 500  # how many reviews, and how many lists of commits, one poll asks for; the rest comes with the next


def without_reviews(store: Store, repository_id: str, provider: str, numbers: set[int]) -> set[int]:
    """Those whose reviews were never read, for instance because the last poll broke off before."""
    if not numbers:
        return set()
    row = PullRequestRow
    query = select(row.number, row.record).where(row.repository_id == repository_id, row.provider == provider)
    with store.read() as session:
        return {
            number
            for number, record in session.execute(query.where(row.number.in_(numbers)))
            if "reviews" not in record
        }


def without_commits(store: Store, repository_id: str) -> list[PullRequest]:
    """Merged pull requests of which git alone does not tell which commits came by them, as the last sync found."""
    row = PullRequestRow
    with store.read() as session:
        repository = session.get_one(Repository, repository_id)
        numbers = (repository.sync_cursor or {}).get("unexplained", [])[:MOST_DETAILS]
        query = select(row.record).where(
            row.repository_id == repository_id, row.provider == repository.provider, row.number.in_(numbers)
        )
        records = session.scalars(query.order_by(row.number.desc())) if numbers else ()
        return [from_json(record) for record in records if "commits" not in record]


def with_commits(transport: Transport, slug: str, pull: PullRequest) -> PullRequest:
    """``pull`` with its commits; with none when they are hidden or gone."""
    try:
        return forge(pull.provider).with_commits(transport, slug, pull)
    except NotFound:  # hidden or gone: not asked again
        return replace(pull, commits=(), steps=())


def with_tags(
    store: Store, repository_id: str, provider: str, numbers: set[int], tags: Collection[str]
) -> list[PullRequest]:
    """Those that have or had a label that sets a level, and changed since the forge was asked who put it on."""
    row, ages = PullRequestRow, PullRequestAges
    query = (
        select(row.record, ages.ages)
        .join(ages, (ages.repository_id == row.repository_id) & (ages.provider == row.provider)
              & (ages.number == row.number))
        .where(row.repository_id == repository_id, row.provider == provider, row.number.in_(numbers))
        .order_by(row.number.desc())
    )  # fmt: skip
    with store.read() as session:
        known = [(from_json(record), seen) for record, seen in session.execute(query)] if numbers else []
    found = []
    for pull, seen in known:
        asked = seen.get("labellings")
        old = asked is None or pull.updated_at is None or pull.updated_at > datetime.fromisoformat(asked[0])
        if old and (pull.labellings or any(label.lower() in tags for label in pull.labels or ())):
            found.append(pull)
    return found


def labellings(
    transport: Transport, slug: str, pull: PullRequest, tags: Collection[str]
) -> tuple[Labelling, ...] | None:
    """Who put which of ``tags`` on a pull request; None where the forge does not say."""
    try:
        told = forge(pull.provider).labellings(transport, slug, pull.number)
    except NotFound:
        told = ()
    return None if told is None else tuple(one for one in told if one.label.lower() in tags)
