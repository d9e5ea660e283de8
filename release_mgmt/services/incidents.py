"""Incidents as trackers report them: what failed deployments and the time to recover are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, audit, visibility
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.insight import IncidentRow
from release_mgmt.store.models.repositories import Change, Release, Repository

LONGEST_KEY = 200
AHEAD = timedelta(minutes=5)  # how far a tracker's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident; instants are UTC, ``reported_by`` is a person's id or the name of what reported it."""

    repository: str
    id: str
    title: str
    opened_at: datetime
    closed_at: datetime | None
    change: str | None
    release: str | None
    url: str | None
    reported_by: str
    reported_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is reported of an incident: ``change`` (an id) or ``release`` (a version or tag) say what caused it."""

    title: str
    opened_at: datetime
    closed_at: datetime | None = None
    change: str | None = None
    release: str | None = None
    url: str | None = None


def keep(store: Store, actor: Actor, now: datetime, repository: str, key: str, told: Told) -> tuple[IncidentView, bool]:
    """Keep what is told of the incident with the tracker's id ``key``, and whether it is a new one.

    The last telling counts whole; the same told again changes nothing and leaves no audit row.
    """
    require(actor, Action.POST_EVENTS)
    with store.write() as session:
        visibility.require_seen_in(session, actor, named=[repository])
        home = session.scalar(select(Repository).where(Repository.name == repository))
        if home is None:
            raise NotFound("There is no such repository.")
        _check(session, actor, now, home, key, told)
        wanted = {
            "title": one_line(told.title, 300), "opened_at": told.opened_at, "closed_at": told.closed_at,
            "change_id": told.change, "release": told.release, "url": told.url,
        }  # fmt: skip
        row = session.get(IncidentRow, (home.id, key))
        before = {name: getattr(row, name) for name in wanted} if row is not None else None
        if row is None:
            by = actor.person or actor.name
            row = IncidentRow(repository_id=home.id, key=key, reported_by=by, reported_at=now, updated_at=now, **wanted)
            session.add(row)
        elif before != wanted:
            for name, value in wanted.items():
                setattr(row, name, value)
            row.updated_at = now
        if before != wanted:
            subject = f"incident:{repository}/{key}"
            audit.record(session, actor, now, action=Action.POST_EVENTS, subject=subject, before=before, after=wanted)
        return _view(row, repository), before is None


def _check(session: Session, actor: Actor, now: datetime, home: Repository, key: str, told: Told) -> None:
    faults = []
    if one_line(key) != key or len(key) > LONGEST_KEY:
        faults.append(FieldError("incident", "cannot be an id", f"one line of {LONGEST_KEY} characters at most"))
    if told.opened_at > now + AHEAD:
        faults.append(FieldError("opened_at", "lies in the future", "an instant that has passed"))
    if told.closed_at is not None and not told.opened_at <= told.closed_at <= now + AHEAD:
        faults.append(FieldError("closed_at", "is before opened_at or in the future", "from opened_at until now"))
    if told.url is not None and not told.url.startswith(("https://", "http://")):
        faults.append(FieldError("url", "is no address of a page", "https://..."))
    if told.change is not None:
        visibility.require_seen_in(session, actor, changes_of=[told.change])
        found = session.get(Change, told.change)
        if found is None or found.repository_id != home.id:
            faults.append(FieldError("change", "is no change of this repository"))
    named = or_(Release.version == told.release, Release.tag == told.release)
    if told.release is not None and not session.scalar(
        select(Release.id).where(Release.repository_id == home.id, named).limit(1)
    ):
        faults.append(FieldError("release", "is no release of this repository", "a version or a tag"))
    if faults:
        raise InvalidInput("This cannot be an incident.", faults)


def _view(row: IncidentRow, repository: str) -> IncidentView:
    return IncidentView(
        repository, row.key, row.title, row.opened_at, row.closed_at, row.change_id, row.release, row.url,
        row.reported_by, row.reported_at, row.updated_at,
    )  # fmt: skip


def search(
    store: Store,
    actor: Actor,
    *,
    repository: str | None = None,
    open_only: bool = False,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[IncidentView]:
    """Incidents of repositories that the actor may know of, the newest first."""
    require(actor, Action.READ_METRICS)
    size = bounded(limit)
    query = (
        select(IncidentRow, Repository.name)
        .join(Repository, Repository.id == IncidentRow.repository_id)
        .where(visibility.repositories(actor))
        .order_by(IncidentRow.opened_at.desc(), IncidentRow.repository_id.desc(), IncidentRow.key.desc())
        .limit(size + 1)
    )
    if repository is not None:
        query = query.where(Repository.name == repository)
    if open_only:
        query = query.where(IncidentRow.closed_at.is_(None))
    if cursor is not None:
        at, home, key = values(cursor, datetime, str, str)
        place = tuple_(IncidentRow.repository_id, IncidentRow.key) < tuple_(home, key)
        query = query.where(or_(IncidentRow.opened_at < at, (IncidentRow.opened_at == at) & place))
    with store.read() as session:
        if repository is not None:
            visibility.require_there(session, actor, repository)
        rows = [(_view(row, name), row.repository_id) for row, name in session.execute(query)]
    found = page(rows, size, lambda one: (one[0].opened_at, one[1], one[0].id))
    return Page(tuple(view for view, _ in found.items), found.next)
