"""Repositories that go by another name on their forge: followed by the forge's own id, never by a name alone.

Only what the forge's API says at the address that the operator gave counts: a redirect of that host, or its answer
about the id. Ids, the changes, feeds and what was published stay; what changes is where the repository is read.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import audit
from release_mgmt.sources.forge import forge
from release_mgmt.sources.forge.model import Event
from release_mgmt.sources.forge.transport import Estranged, Transport
from release_mgmt.store.models.ingest import ForgeSource
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store

_FORGE = trusted("forge", Via.JOB)
# Whose lists hold every pull request, so that an empty one says that they are somewhere else.
_WHOLE = frozenset({"github", "gitea", "bitbucket_server"})


def checked_slug(slug: str) -> str:
    """``slug`` if it can be a repository's name on a forge. InvalidInput otherwise."""
    if not 0 < len(slug) <= 300 or any(part in {"", ".", ".."} for part in slug.split("/")):
        raise InvalidInput.at("forge_slug", "this is no name of a repository", "owner/name as the forge writes it")
    return slug


def note(store: Store, now: datetime, repository_id: str, transport: Transport, slug: str) -> None:
    """Keep the forge's id after the list was read, and follow when the forge calls the repository otherwise by now.

    Raises Estranged when a list that was never empty is: the name may have been taken by a new repository.
    """
    with store.write("repositories") as session:
        row = session.get_one(Repository, repository_id)
        source = session.get_one(ForgeSource, repository_id)
        if row.forge_slug != slug:
            return  # somebody connected it elsewhere while it was read
        if source.forge_id and transport.home is None and not transport.unchanged and row.provider in _WHOLE:
            raise Estranged(f"{slug} has no pull requests any more")
        source.forge_id, source.estranged_at = transport.home_id, None
        home = transport.home
        if home is not None and home.name is not None and home.name.lower() != slug.lower():
            _follow(session, now, row, source, home.name)


def forge_id(session: Session, repository_id: str) -> str | None:
    """The forge's id of a repository, as soon as its list was read."""
    return session.scalar(select(ForgeSource.forge_id).where(ForgeSource.repository_id == repository_id))


def known(session: Session, event: Event) -> list[str]:
    """The repositories of the id that a delivery tells; on two hosts of one kind these may be different ones."""
    if event.home_id is None:
        return []
    query = (
        select(Repository.id)
        .join(ForgeSource, ForgeSource.repository_id == Repository.id)
        .where(
            Repository.provider == event.provider,
            ForgeSource.forge_id == event.home_id,
            Repository.archived_at.is_(None),
        )
    )
    return list(session.scalars(query.order_by(Repository.id)))


def look_for(
    store: Store, now: datetime, repository_id: str, transport: Transport | None, slug: str, why: ReleaseMgmtError
) -> bool:
    """Whether a repository that is not found under its name was found by its id under another, and is followed."""
    if transport is None or not isinstance(why, (Estranged, NotFound)):
        return False
    with store.read() as session:
        source = session.get_one(ForgeSource, repository_id)
        key, provider = source.forge_id, session.get_one(Repository, repository_id).provider
    name = None
    if key is not None:
        try:
            name = forge(provider).named(transport, slug, key)
        except ReleaseMgmtError:
            name = None  # gone, hidden, or the forge is away: the first error tells more
    with store.write("repositories") as session:
        row = session.get_one(Repository, repository_id)
        source = session.get_one(ForgeSource, repository_id)
        if row.forge_slug != slug or source.forge_id != key:
            return False  # somebody connected it elsewhere meanwhile
        if name is not None and name.lower() != slug.lower():
            _follow(session, now, row, source, name)
            return True
        if isinstance(why, Estranged) and name is None:
            source.estranged_at = source.estranged_at or now
    return False


def _follow(session: Session, now: datetime, row: Repository, source: ForgeSource, name: str) -> None:
    new, old = checked_slug(name), row.forge_slug or ""
    same = (Repository.provider == row.provider, func.lower(Repository.forge_slug) == new.lower())
    clash = session.scalar(
        select(Repository.name)
        .join(ForgeSource, ForgeSource.repository_id == Repository.id)
        .where(Repository.id != row.id, ForgeSource.api_url == source.api_url, *same)
    )
    location = _renamed(row.location, source.api_url, row.provider, old, new) or row.location
    clash = clash or session.scalar(
        select(Repository.name).where(Repository.location == location, Repository.id != row.id)
    )
    if clash is not None:
        raise Conflict(f"{old} is called {new} on its forge now, and so is {clash} here", hint="Archive one of them.")
    before = {"forge_slug": old, "location": row.location, "web_url": row.web_url}
    row.forge_slug, row.location, row.updated_at = new, location, now
    if row.web_url:
        row.web_url = _renamed(row.web_url, source.api_url, row.provider, old, new) or row.web_url
    row.sync_due_at = min(row.sync_due_at or now, now)
    source.estranged_at = None
    audit.record(
        session, _FORGE, now, action="repository.follow", subject=f"repository:{row.id}",
        reason=f"its forge calls the repository {source.forge_id} {new} now; it was {old}",
        before=before, after={"forge_slug": new, "location": row.location, "web_url": row.web_url},
    )  # fmt: skip


def _renamed(address: str, api_url: str, provider: str, old: str, new: str) -> str | None:
    """An address of the same host under the new name; None when it is none of this forge's, or of another form."""
    parts, forge_host = urlsplit(address), urlsplit(api_url).hostname
    if not parts.hostname or forge_host not in {parts.hostname, f"api.{parts.hostname}"}:
        return None
    tail = ".git" if parts.path.endswith(".git") else ""
    path = parts.path.removesuffix(tail).rstrip("/")
    was, becomes = _path(provider, old), _path(provider, new)
    if not path.lower().endswith(f"/{was.lower()}"):
        return None
    return urlunsplit(parts._replace(path=f"{path[: -len(was)]}{becomes}{tail}"))


def _path(provider: str, slug: str) -> str:
    """Where a repository of this name is below its forge's address."""
    if provider != "azure":
        return slug
    project, _, name = slug.rpartition("/")
    return f"{project}/_git/{name}"
