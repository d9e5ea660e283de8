"""Changes as lists and details read them. Syncs write them, ``services.classification`` and overrides judge them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store, refusals, visibility
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.services.refusals import Refusal
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    ClassificationRow,
    Commit,
    OverrideRow,
    Release,
    Repository,
)


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change as a list shows it. ``release`` is the version that first held it; instants are UTC."""

    id: str
    repository: str
    title: str
    author: str | None
    owner: str | None
    provider: str | None
    number: int | None
    url: str | None
    state: str
    level: str | None
    kind: str | None
    needs_review: bool
    overridden: bool
    priority: int
    ready: bool
    merged_at: datetime | None
    happened_at: datetime
    release: str | None
    affected_teams: tuple[str, ...]
    head_sha: str | None
    version: int


@dataclass(frozen=True, slots=True)
class CommitView:
    """A commit of a change."""

    sha: str
    subject: str
    author: str
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OverrideView:
    """A person's correction of the level; ``made_by`` is a person's id or the name of what acted."""

    id: str
    level: str
    previous_level: str | None
    reason: str
    source: str
    made_by: str
    made_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangeDetail:
    """A change with everything that explains it."""

    change: ChangeView
    summary: str | None
    record: Mapping[str, Any]
    rule: str | None
    classified_level: str | None
    classified_at: datetime | None
    new_libraries: tuple[Mapping[str, Any], ...]
    evidence: tuple[Mapping[str, Any], ...]
    overrides: tuple[OverrideView, ...]
    commits: tuple[CommitView, ...]
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; every part that is given must hold. ``text`` is looked for in title and author.

    ``team`` is one that the change affects; ``mine`` is a person's id and name: changes they own or wrote.
    """

    repository: str | None = None
    state: tuple[str, ...] = ()
    level: str | None = None
    kind: str | None = None
    needs_review: bool | None = None
    release: str | None = None
    unreleased: bool = False
    text: str | None = None
    team: str | None = None
    mine: tuple[str, str] | None = None


_COLUMNS = (
    Change.id,
    Repository.name,
    Change.title,
    Change.author,
    Change.owner,
    Change.provider,
    Change.number,
    Change.url,
    Change.state,
    Change.level,
    Change.kind,
    Change.needs_review,
    Change.overridden,
    Change.priority,
    Change.ready,
    Change.merged_at,
    Change.happened_at,
    Release.version,
    Change.affected_teams,
    Change.head_sha,
    Change.version,
)


def _view(row: Any) -> ChangeView:
    found = dict(zip(ChangeView.__dataclass_fields__, row, strict=True))
    found["affected_teams"] = tuple(found["affected_teams"] or ())
    return ChangeView(**found)


def _query() -> Any:
    joined = select(*_COLUMNS).join(Repository, Repository.id == Change.repository_id)
    return joined.outerjoin(Release, Release.id == Change.release_id)


def _conditions(wanted: Filter) -> list[Any]:
    found: list[Any] = []
    if wanted.repository is not None:
        found.append(Repository.name == wanted.repository)
    if wanted.state:
        found.append(Change.state.in_(wanted.state))
    for column, value in ((Change.level, wanted.level), (Change.kind, wanted.kind)):
        if value is not None:
            found.append(column == value)
    if wanted.needs_review is not None:
        found.append(Change.needs_review.is_(wanted.needs_review))
    if wanted.release is not None:
        found.append(or_(Release.version == wanted.release, Release.tag == wanted.release))
    if wanted.unreleased:
        found.append(Change.release_id.is_(None))
    if wanted.team is not None:  # the list is JSON: one of its strings, quotes and all
        found.append(cast(Change.affected_teams, String).contains(f'"{wanted.team}"', autoescape=True))
    if wanted.mine is not None:
        found.append(or_(Change.owner == wanted.mine[0], Change.author == wanted.mine[1]))
    if wanted.text:
        lowered = wanted.text.lower()
        found.append(
            or_(*(func.lower(one).contains(lowered, autoescape=True) for one in (Change.title, Change.author)))
        )
    return found


def search(
    store: Store, actor: Actor, wanted: Filter | None = None, *, cursor: str | None = None, limit: int | None = None
) -> Page[ChangeView]:
    """Changes, the newest first, in one query."""
    require(actor, Action.READ_CHANGE)
    size = bounded(limit)
    asked = wanted or Filter()
    query = (
        _query()
        .where(*_conditions(asked), visibility.changes(actor))
        .order_by(Change.happened_at.desc(), Change.id.desc())
        .limit(size + 1)
    )
    if cursor is not None:
        instant, change = values(cursor, datetime, str)
        query = query.where(or_(Change.happened_at < instant, and_(Change.happened_at == instant, Change.id < change)))
    with store.read() as session:
        rows = [_view(row) for row in session.execute(query)]
        if asked.repository is not None and not rows:
            _known(session, actor, asked.repository)
    return page(rows, size, lambda one: (one.happened_at, one.id))


def titles(store: Store, actor: Actor, changes: Iterable[str]) -> dict[str, str]:
    """Change -> its title, for those of these changes that the actor may know of."""
    require(actor, Action.READ_CHANGE)
    wanted = select(Change.id, Change.title).join(Repository, Repository.id == Change.repository_id)
    with store.read() as session:
        rows = session.execute(wanted.where(Change.id.in_(set(changes)), visibility.changes(actor)))
        return {row.id: row.title for row in rows}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells of a change beside its title: its strongest evidence, and the forge that shows it."""

    evidence: tuple[Mapping[str, Any], ...]
    provider: str | None
    web_url: str | None
    head_sha: str | None


def facts(store: Store, actor: Actor, changes: Iterable[str], most: int = 3) -> dict[str, Facts]:
    """Change -> its strongest evidence (``most`` at most), for those of these changes that the actor may know of."""
    require(actor, Action.READ_CHANGE)
    wanted = (
        select(Change.id, ClassificationRow.evidence, Repository.provider, Repository.web_url, Change.head_sha)
        .join(Repository, Repository.id == Change.repository_id)
        .join(ClassificationRow, ClassificationRow.change_id == Change.id)
        .where(Change.id.in_(set(changes)), visibility.changes(actor))
    )
    with store.read() as session:
        return {
            key: Facts(tuple(sorted(evidence, key=lambda one: one.get("level") != "major")[:most]), *forge)
            for key, evidence, *forge in session.execute(wanted)
        }


def _known(session: Session, actor: Actor, repository: str) -> None:
    mine = and_(Repository.name == repository, visibility.repositories(actor))
    if session.scalar(select(Repository.id).where(mine)) is None:
        raise NotFound("There is no such repository.")


def get(store: Store, actor: Actor, change: str, now: datetime | None = None) -> ChangeDetail:
    """One change by id, with its evidence, overrides and commits (four queries, whatever their number).

    With ``now`` also with what was asked for on the forge by somebody who had not the right to it.
    """
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        found = session.execute(
            _query().add_columns(Change.summary, Change.record).where(Change.id == change, visibility.changes(actor))
        ).first()
        if found is None:
            raise NotFound("There is no such change.")
        *plain, summary, record = found
        verdict = session.get(ClassificationRow, change)
        overrides = session.scalars(
            select(OverrideRow).where(OverrideRow.change_id == change).order_by(OverrideRow.made_at.desc())
        ).all()
        commits = session.execute(
            select(Commit.sha, Commit.subject, Commit.author, Commit.committed_at)
            .join(
                ChangeCommit, and_(ChangeCommit.sha == Commit.sha, ChangeCommit.repository_id == Commit.repository_id)
            )
            .where(ChangeCommit.change_id == change)
            .order_by(ChangeCommit.position)
        ).all()
        return ChangeDetail(
            change=_view(plain),
            summary=summary,
            record=record or {},
            rule=verdict.rule if verdict else None,
            classified_level=verdict.level if verdict else None,
            classified_at=verdict.classified_at if verdict else None,
            new_libraries=tuple(verdict.new_libraries) if verdict else (),
            evidence=tuple(verdict.evidence) if verdict else (),
            overrides=tuple(
                OverrideView(
                    one.id,
                    one.level,
                    one.previous_level,
                    one.reason,
                    one.source,
                    one.made_by,
                    one.made_at,
                    one.withdrawn_at,
                )
                for one in overrides
            ),
            commits=tuple(CommitView(*row) for row in commits),
            refusals=refusals.of_change(session, now, change) if now is not None else (),
        )
