"""Syncing: what git and the forge say of a repository, into the database. The same code path as the command line.

Nothing is rewritten silently: tags that moved or went are counted, told in the diagnostics and audited; a change that
left the history is withdrawn, never deleted. A sync that finds the same references and the same pull requests does
nothing but ask git for the references.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.history import Commit as GitCommit
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import mirrored, pull_requests
from release_mgmt.services.history import Progress, Reading, read_all
from release_mgmt.services.history_rows import Synced, Writer, store_commits
from release_mgmt.services.mirrored import Sources
from release_mgmt.services.stored_history import (
    digest,
    plain,
)
from release_mgmt.sources.git import Refs
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.store.models.repositories import Commit, Repository
from release_mgmt.store.session import Store

RULES = 2
"""Counted up when the same references would give another changelog, so that every repository is read anew."""


class Readings:
    """What a process remembers of the repositories it read last, so that the next sync reads only what is new."""

    def __init__(self, limit: int = 2) -> None:
        self._limit = limit
        self._kept: dict[str, Reading] = {}

    def take(self, key: str) -> Reading | None:
        """Hand out what is kept, and forget it until it is put back whole."""
        return self._kept.pop(key, None)

    def put(self, key: str, reading: Reading) -> None:
        """Keep a reading; the one that was not used for longest goes."""
        self._kept[key] = reading
        while len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]


def sync(
    store: Store,
    actor: Actor,
    now: datetime,
    repository_id: str,
    *,
    sources: Sources,
    every: timedelta | None = None,
    progress: Progress | None = None,
    readings: Readings | None = None,
) -> Synced:
    """Fetch a repository and bring its stored history up to it; with ``every`` the next sync is due after that time.

    :raises RepositoryRefused: when it cannot be read whole; nothing of its history is stored then.
    """
    require(actor, Action.SYNC_REPOSITORY)
    with store.read() as session:
        row = _row(session, repository_id)
        if row.archived_at is not None:
            raise Conflict(f"The repository {row.name} is archived.")
        location = row.location
    mirrored.fetch(sources, repository_id, location)
    source = mirrored.opened(sources, repository_id)
    return store_history(store, actor, now, repository_id, source, every=every, progress=progress, readings=readings)


def store_history(
    store: Store,
    actor: Actor,
    now: datetime,
    repository_id: str,
    source: GitRepository,
    *,
    every: timedelta | None = None,
    progress: Progress | None = None,
    readings: Readings | None = None,
) -> Synced:
    """Bring the stored history of a repository up to what ``source`` holds, without fetching."""
    require(actor, Action.SYNC_REPOSITORY)
    refs = source.refs()
    with store.read() as session:
        row = _row(session, repository_id)
        pulls = pull_requests.known(session, repository_id)
        request = mirrored.request_of(row, pulls)
        seen = digest(RULES, _refs_data(refs), request.name, request.tag_pattern, plain(request.paths or {}),
                      request.prereleases, request.forge, [str(pull) for pull in pulls])  # fmt: skip
        same = (row.sync_cursor or {}).get("seen") == seen
        known = set() if same else set(session.scalars(select(Commit.sha).where(Commit.repository_id == repository_id)))
    due = {"sync_due_at": now + every} if every else {}
    if same:
        with store.write() as session:
            values = {"synced_at": now, "sync_error": None, **due}
            session.execute(update(Repository).where(Repository.id == repository_id).values(**values))
        return Synced(changed=False)
    fresh: dict[str, GitCommit] = {}

    def keep(commit: GitCommit) -> None:
        if commit.sha not in known:
            fresh[commit.sha] = commit._replace(files=())

    reading = (readings.take(repository_id) if readings and not request.paths else None) or Reading(request.paths)
    found = read_all(source, request, refs=refs, progress=progress, reading=reading, also=keep)
    if readings is not None and not request.paths:
        readings.put(repository_id, reading)
    store_commits(store, repository_id, found, fresh, known)
    found = replace(found, record=mirrored.prefixed(found.record, mirrored.change_prefix(repository_id)))
    with store.write(lock=f"sync:{repository_id}") as session:
        written = Writer(session, actor, now, repository_id, found).write(seen, len(fresh))
        if due:
            session.execute(update(Repository).where(Repository.id == repository_id).values(**due))
        return written


def _row(session: Session, repository_id: str) -> Repository:
    row = session.get(Repository, repository_id)
    if row is None:
        raise NotFound("There is no such repository.")
    return row


def _refs_data(refs: Refs) -> list[Any]:
    return [[tuple(tag) for tag in refs.tags], tuple(refs.head)]
