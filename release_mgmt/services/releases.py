"""Releases as lists and details read them; syncs write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store, visibility
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.repositories import Release, Repository


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release. ``previous`` is the version it is compared with; ``section`` its record without the entries."""

    id: str
    repository: str
    version: str
    package: str | None
    tag: str
    sha: str
    previous: str | None
    position: int
    prerelease: bool
    released_at: datetime | None
    changes: int
    majors: int
    section: Mapping[str, Any]


_Before = aliased(Release)


def _query() -> Any:
    columns = (
        Release.id, Repository.name, Release.version, Release.package, Release.tag, Release.sha, _Before.version,
        Release.position, Release.prerelease, Release.released_at, Release.changes, Release.majors, Release.section,
    )  # fmt: skip
    joined = select(*columns).join(Repository, Repository.id == Release.repository_id)
    return joined.outerjoin(_Before, _Before.id == Release.previous_id)


def of_repository(
    store: Store,
    actor: Actor,
    repository: str,
    *,
    package: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[ReleaseView]:
    """The releases of a repository, newest version first."""
    require(actor, Action.READ_CHANGELOG)
    size = bounded(limit)
    mine = and_(Repository.name == repository, visibility.repositories(actor))
    query = _query().where(mine).order_by(Release.position.desc()).limit(size + 1)
    if package is not None:
        query = query.where(Release.package == package)
    if cursor is not None:
        query = query.where(Release.position < values(cursor, int)[0])
    with store.read() as session:
        rows = [ReleaseView(*row) for row in session.execute(query)]
        if not rows and session.scalar(select(Repository.id).where(mine)) is None:
            raise NotFound("There is no such repository.")
    return page(rows, size, lambda one: (one.position,))


def get(store: Store, actor: Actor, repository: str, version: str) -> ReleaseView:
    """One release by its version or its tag."""
    require(actor, Action.READ_CHANGELOG)
    which = or_(Release.tag == version, Release.version == version)
    mine = _query().where(Repository.name == repository, which, visibility.repositories(actor))
    query = mine.order_by(Release.tag != version, Release.position.desc())
    with store.read() as session:
        row = session.execute(query.limit(1)).first()
    if row is None:
        raise NotFound("There is no such release.")
    return ReleaseView(*row)
