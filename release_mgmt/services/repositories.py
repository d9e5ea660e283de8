"""Repositories: register, list, look at, edit, archive. Reading them (sync) is ``services.sync``."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import Action, Actor, Via, require
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, audit, calendar_rows, plans, refresh, visibility
from release_mgmt.services.feed_events import repositories as told_repositories
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.sources.addresses import Address, AddressPolicy, parse
from release_mgmt.sources.git.repository import open_repository
from release_mgmt.store.models.ingest import ForgeSource
from release_mgmt.store.models.repositories import Change, Release, Repository

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?\Z")
NAME_ALLOWED = "letters, digits, dot, dash and underscore, at most 100, beginning and ending with a letter or digit"
EDITABLE = ("name", "description", "owner_team", "calendar", "tag_pattern", "adopted_at", "web_url", "settings")


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """A repository as others see it. ``version`` counts edits (the ETag); instants are UTC."""

    id: str
    name: str
    location: str
    provider: str
    forge_slug: str | None
    web_url: str | None
    default_branch: str | None
    tag_pattern: str | None
    description: str | None
    owner_team: str | None
    calendar: str | None
    settings: Mapping[str, Any]
    adopted_at: datetime
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    sync_due_at: datetime | None
    synced_at: datetime | None
    sync_error: str | None
    head_sha: str | None
    diagnostics: tuple[str, ...]
    changes: int = 0
    releases: int = 0


_FIELDS = tuple(name for name in RepositoryView.__dataclass_fields__ if name not in {"changes", "releases"})
_COLUMNS = tuple(getattr(Repository, name) for name in _FIELDS)
_COUNTS = (
    select(func.count()).where(Change.repository_id == Repository.id).correlate(Repository).scalar_subquery(),
    select(func.count()).where(Release.repository_id == Repository.id).correlate(Repository).scalar_subquery(),
)


def _view(row: Sequence[Any]) -> RepositoryView:
    given = dict(zip((*_FIELDS, "changes", "releases"), row, strict=True))
    given["diagnostics"] = tuple(given["diagnostics"] or ())
    return RepositoryView(**given)


def check_name(name: str) -> str:
    """``name`` if it can stand in an address.

    :raises InvalidInput: otherwise.
    """
    if not NAME.match(name):
        raise InvalidInput.at("name", "this cannot be the name of a repository", NAME_ALLOWED)
    return name


def name_from(location: str) -> str:
    """A name for what is at ``location``: the last part of the path, without ``.git``."""
    path = urlsplit(location).path if "://" in location else location
    last = PurePosixPath(path.rstrip("/")).name.removesuffix(".git")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-._")[:100] or "repository"


def policy(
    roots: tuple[str, ...], hosts: tuple[str, ...], *, allow_http: bool = False, allow_ssh: bool = True
) -> AddressPolicy:
    """What may be read, from the settings."""
    return AddressPolicy(
        allow_http=allow_http,
        allow_ssh=allow_ssh,
        allowed_hosts=frozenset(hosts),
        roots=tuple(Path(root).expanduser().resolve() for root in roots),
    )


def readable(actor: Actor, location: str, allowed: AddressPolicy) -> Address:
    """The address at ``location`` if ``actor`` may have it read. Nothing is asked over the network.

    :raises InvalidInput: for an address that may not be read.
    :raises RepositoryRefused: for a folder without a whole repository.
    """
    if actor.via is Via.CLI and "://" not in location:
        folder = Path(location).expanduser().resolve()
        if not folder.is_dir():
            raise InvalidInput.at("location", f"there is no folder {folder}", "a folder or an https address")
        allowed = AddressPolicy(allowed.allow_http, allowed.allow_ssh, allowed.allowed_hosts, (*allowed.roots, folder))
        location = str(folder)
    address = parse(location, allowed)
    if address.kind == "path":
        open_repository(address.url)  # what cannot be read is refused now, not at the first sync
    return address


def register(
    store: Store,
    actor: Actor,
    now: datetime,
    *,
    location: str,
    allowed: AddressPolicy,
    name: str | None = None,
    owner_team: str | None = None,
    calendar: str | None = None,
    tag_pattern: str | None = None,
    description: str | None = None,
    adopted_at: datetime | None = None,
) -> RepositoryView:
    """Take a repository in; it is due for its first sync at once.

    The operator at the machine may name any folder of it, everybody else only those below the configured roots.
    What was tagged before ``adopted_at`` (default: now) counts as shipped and is never planned.

    :raises InvalidInput: for an address that may not be read.
    :raises RepositoryRefused: for a folder without a whole repository.
    :raises Conflict: when the name or the address is taken.
    """
    require(actor, Action.MANAGE_REPOSITORIES)
    address = readable(actor, location, allowed)
    chosen = check_name(name or name_from(address.url))
    row = Repository(
        id=f"r_{secrets.token_hex(8)}",
        name=chosen,
        location=address.url,
        owner_team=owner_team,
        calendar=calendar,
        tag_pattern=_pattern(tag_pattern),
        description=one_line(description, 500) if description else None,
        settings={},
        diagnostics=[],
        adopted_at=adopted_at or now,
        created_at=now,
        updated_at=now,
        sync_due_at=now,
    )
    with store.write("repositories") as session:
        _free(session, chosen, address.url)
        session.add(row)
        session.flush()
        after = {"name": chosen, "location": address.url, "calendar": calendar, "owner_team": owner_team}
        audit.record(
            session, actor, now, action=Action.MANAGE_REPOSITORIES, subject=f"repository:{row.id}", after=after
        )
        return _load(session, Repository.id == row.id)


def _free(session: Session, name: str, location: str | None, but: str | None = None) -> None:
    clash = (
        Repository.name == name if location is None else or_(Repository.name == name, Repository.location == location)
    )
    query = select(Repository.name, Repository.location).where(clash)
    taken = session.execute(query.where(Repository.id != but) if but else query).first()
    if taken is None:
        return
    what = "name" if taken.name == name else "address"
    raise Conflict(
        f"A repository of this {what} is there already: {taken.name}.",
        code="already_registered",
        details={"name": taken.name},
    )


def _pattern(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) > 200:
        raise InvalidInput.at("tag_pattern", "it is too long", "at most 200 characters")
    return text


def _load(session: Session, which: ColumnElement[bool]) -> RepositoryView:
    row = session.execute(select(*_COLUMNS, *_COUNTS).where(which)).first()
    if row is None:
        raise NotFound("There is no such repository.")
    return _view(row)


def get(store: Store, actor: Actor, name: str) -> RepositoryView:
    """One repository by name."""
    require(actor, Action.READ_REPOSITORY)
    with store.read() as session:
        return _load(session, and_(Repository.name == name, visibility.repositories(actor)))


def search(
    store: Store,
    actor: Actor,
    *,
    text: str | None = None,
    calendar: str | None = None,
    archived: bool = False,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[RepositoryView]:
    """Repositories by name; ``text`` is a part of the name or the description. Raises NotFound for a calendar that is
    not there and that no repository names."""
    require(actor, Action.READ_REPOSITORY)
    size = bounded(limit)
    query = select(*_COLUMNS, *_COUNTS).order_by(Repository.name).limit(size + 1)
    query = query.where(visibility.repositories(actor))
    query = query.where(Repository.archived_at.is_not(None) if archived else Repository.archived_at.is_(None))
    if calendar is not None:
        query = query.where(Repository.calendar == calendar)
    if text:
        lowered = text.lower()
        columns = (Repository.name, Repository.description)
        query = query.where(or_(*(func.lower(one).contains(lowered, autoescape=True) for one in columns)))
    if cursor is not None:
        query = query.where(Repository.name > values(cursor, str)[0])
    with store.read() as session:
        rows = [_view(row) for row in session.execute(query)]
        if calendar is not None and not rows:  # a repository may name a calendar that comes later
            calendar_rows.find(session, calendar)
    return page(rows, size, lambda one: (one.name,))


def edit(
    store: Store, actor: Actor, now: datetime, name: str, *, version: int | None, values: Mapping[str, Any]
) -> RepositoryView:
    """Change some of :data:`EDITABLE`; ``version`` is that of the view the edit was made on (None: whatever it is).

    :raises StaleVersion: when somebody else was quicker.
    """
    require(actor, Action.MANAGE_REPOSITORIES)
    wrong = sorted(set(values) - set(EDITABLE))
    if wrong:
        raise InvalidInput.at(wrong[0], "this cannot be edited", ", ".join(EDITABLE))
    given = dict(values)
    if "name" in given:
        check_name(given["name"])
    with store.write("repositories") as session:
        before = _load(session, Repository.name == name)
        if "name" in given:
            _free(session, given["name"], None, but=before.id)
            calendar_rows.rename_repository(session, actor, now, before.name, given["name"])
        if "tag_pattern" in given:
            _pattern(given["tag_pattern"])
            given["sync_due_at"] = now
        _update(session, before, version, {**given, "updated_at": now})
        after = _load(session, Repository.id == before.id)
        told_repositories.moved(session, now, _standing(before), _standing(after))
        audit.record(
            session,
            actor,
            now,
            action=Action.MANAGE_REPOSITORIES,
            subject=f"repository:{before.id}",
            before={one: getattr(before, one) for one in values},
            after={one: getattr(after, one) for one in values},
        )
    if _standing(before) != _standing(after):
        plans.follow(store, now, refresh.calendars_of(store, after.id), "repositories")
    return after


def _standing(one: RepositoryView) -> told_repositories.Standing:
    return told_repositories.Standing.of(one.name, one.settings, one.owner_team)


def _update(session: Session, seen: RepositoryView, version: int | None, given: Mapping[str, Any]) -> None:
    wanted = seen.version if version is None else version
    done = session.execute(
        update(Repository)
        .where(Repository.id == seen.id, Repository.version == wanted)
        .values(**given, version=Repository.version + 1)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined] # an UPDATE's result is a CursorResult
        raise StaleVersion(
            f"The repository {seen.name} was edited in the meantime.", hint="Load it again and repeat the edit."
        )


def archive(
    store: Store, actor: Actor, now: datetime, name: str, *, version: int | None = None, restore: bool = False
) -> RepositoryView:
    """Stop reading a repository; what was published stays. ``restore`` takes it up again."""
    require(actor, Action.MANAGE_REPOSITORIES)
    with store.write("repositories") as session:
        before = _load(session, Repository.name == name)
        given = {"archived_at": None if restore else now, "sync_due_at": now if restore else None, "updated_at": now}
        _update(session, before, version, given)
        word = "repository.restore" if restore else "repository.archive"
        audit.record(session, actor, now, action=word, subject=f"repository:{before.id}")
        return _load(session, Repository.id == before.id)


def move(
    store: Store, actor: Actor, now: datetime, name: str, *, location: str, allowed: AddressPolicy
) -> RepositoryView:
    """Read a repository from another address (another forge, another folder) from now on.

    Its id, the ids of its changes, the UIDs of its events and what was published stay what they were.
    """
    require(actor, Action.MANAGE_REPOSITORIES)
    address = parse(location, allowed)
    if address.kind == "path":
        open_repository(address.url)
    with store.write("repositories") as session:
        before = _load(session, Repository.name == name)
        _free(session, before.name, address.url, but=before.id)
        _update(session, before, None, {"location": address.url, "sync_due_at": now, "updated_at": now})
        source = session.get(ForgeSource, before.id)
        if source is not None:
            source.cursor = source.forge_id = source.estranged_at = None  # another list of pull requests: read whole
            source.due_at = now
        audit.record(
            session, actor, now, action="repository.move", subject=f"repository:{before.id}",
            before={"location": before.location}, after={"location": address.url},
        )  # fmt: skip
        return _load(session, Repository.id == before.id)


def remove(store: Store, actor: Actor, now: datetime, name: str) -> None:
    """Delete an archived repository with its changes and history; what was published of it stays readable.

    :raises Conflict: while it is not archived, or kept for its teams: nobody would know any more whose its texts are.
    """
    require(actor, Action.MANAGE_REPOSITORIES)
    with store.write("repositories") as session:
        before = _load(session, Repository.name == name)
        if before.archived_at is None:
            raise Conflict("Only an archived repository is deleted.", hint="Archive it first.")
        if _standing(before).kept and told_repositories.is_told(session, before.name):
            raise Conflict(
                "What was published of it is kept for its teams, and would be open to everybody without it.",
                hint="Leave it archived, or open it to everybody first.",
            )
        session.execute(delete(Repository).where(Repository.id == before.id))
        audit.record(
            session, actor, now, action="repository.delete", subject=f"repository:{before.id}",
            before={"name": before.name, "location": before.location, "changes": before.changes},
        )  # fmt: skip


def name_of(store: Store, repository_id: str) -> str:
    """What a repository is called now."""
    with store.read() as session:
        name = session.scalar(select(Repository.name).where(Repository.id == repository_id))
    if name is None:
        raise NotFound("There is no such repository.")
    return name


def request_sync(store: Store, actor: Actor, now: datetime, name: str) -> RepositoryView:
    """Make a repository due for a sync now; the next look of the jobs starts it."""
    require(actor, Action.SYNC_REPOSITORY)
    with store.write() as session:
        found = _load(session, Repository.name == name)
        if found.archived_at is not None:
            raise Conflict(f"The repository {name} is archived.", hint="Restore it first.")
        session.execute(update(Repository).where(Repository.id == found.id).values(sync_due_at=now))
        audit.record(session, actor, now, action=Action.SYNC_REPOSITORY, subject=f"repository:{found.id}")
        return _load(session, Repository.id == found.id)
