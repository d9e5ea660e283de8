"""Syncing: what git and the forge say of a repository, into the database. The same code path as the command line.

Nothing is rewritten silently: tags that moved or went are counted, told in the diagnostics and audited; a change that
left the history is withdrawn, never deleted. A sync that finds the same references and the same pull requests does
nothing but ask git for the references.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.changelog.growth import Fresh
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.history import Commit as GitCommit
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import mirrored, pull_requests
from release_mgmt.services.commit_rows import store_commits
from release_mgmt.services.history import Found, Request, read_with
from release_mgmt.services.history_growth import GROWTH_LIMIT, GrowthWriter, Readings, Standing
from release_mgmt.services.history_reading import Progress, Reading, read_aliases, read_commits
from release_mgmt.services.history_rows import Synced, Writer
from release_mgmt.services.mirrored import Sources
from release_mgmt.services.stored_history import digest, plain
from release_mgmt.sources.git import Refs
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.sources.git.edits import Edits
from release_mgmt.sources.git.objects import Objects, objects_of
from release_mgmt.sources.git.references import asked, head_in, refreshed
from release_mgmt.store.models.repositories import Commit, Repository
from release_mgmt.store.session import Store

RULES = 16
"""Counted up when the same references would give another changelog, so that every repository is read anew."""


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
    with objects_of(source) as objects:
        return _Sync(store, actor, now, repository_id, source, objects, readings).run(every, progress)


class _Sync:
    """One sync: what is known of the repository, and what git says now."""

    def __init__(
        self,
        store: Store,
        actor: Actor,
        now: datetime,
        repository_id: str,
        source: GitRepository,
        objects: Objects,
        readings: Readings | None,
    ) -> None:
        self.store, self.actor, self.now = store, actor, now
        self.id = repository_id
        self.source, self.objects = source, objects
        self.readings = readings
        self.fresh: dict[str, GitCommit] = {}
        self.begun: dict[str, Iterator[GitCommit]] = {}  # by the head that it is of, the log that was begun ahead

    def run(self, every: timedelta | None, progress: Progress | None) -> Synced:
        """Read the references, and more only when something differs from what was seen."""
        standing = self.readings.take(self.id) if self.readings else None
        due = {"sync_due_at": self.now + every} if every else {}
        with ExitStack() as ahead:
            with asked(self.source) if standing else nullcontext() as answer:  # git looks while the database is asked
                with self.store.read() as session:
                    row, before = _seen(session, self.id)
                    request = mirrored.request_of(row, ())
                    told = pull_requests.fingerprint(session, self.id)
                text = answer() if answer else ""
            refs = self._looked_again(standing, text, ahead) if standing else self.source.refs()
            seen = digest(RULES, _refs_data(refs), request.name, request.tag_pattern, plain(request.paths or {}),
                          request.prereleases, request.forge, told)  # fmt: skip
            if before == seen:
                self._due({"synced_at": self.now, "sync_error": None, **due})
                if self.readings and standing:
                    self.readings.put(self.id, standing)
                return Synced(changed=False)
            request = replace(request, pulls=self._pulls(standing, told))
            written = None
            if standing is not None and standing.allows(before, refs, request):
                written = self._grown(standing, refs, request, seen, due)
                standing.request, standing.told = request, told
        if written is None:
            reading = standing.reading if standing is not None else Reading(request.paths)
            found, written = self._anew(reading, refs, request, seen, progress)
            standing = Standing.of(reading, found, request, seen, told)
            if due:
                self._due(due)
        if self.readings is not None and standing is not None and not request.paths:
            self.readings.put(self.id, standing)
        return written

    def _looked_again(self, standing: Standing, text: str, ahead: ExitStack) -> Refs:
        """The references by git's words; of a HEAD that went on git begins to tell while they are looked at."""
        known = standing.found.refs
        if text != known.told:
            head, reading = head_in(self.source, text), standing.reading
            if head is not None and head not in reading.parents and known.head.sha is not None:
                self.begun[head] = ahead.enter_context(closing(self.source.begun_log([head], [known.head.sha])))
        return refreshed(self.source, self.objects, known, text)

    def _pulls(self, standing: Standing | None, told: str) -> tuple[PullRequest, ...]:
        """What the forge says of pull requests."""
        if standing is not None and standing.told == told:
            return standing.request.pulls
        with self.store.read() as session:
            return pull_requests.known(session, self.id)

    def _due(self, values: dict[str, Any]) -> None:
        with self.store.write() as session:
            # By hand: the mapper would look for rows of the session that this may concern.
            query = update(Repository).where(Repository.id == self.id).values(**values)
            session.execute(query, execution_options={"synchronize_session": False})

    def _grown(self, standing: Standing, refs: Refs, request: Request, seen: str, due: dict[str, Any]) -> Synced | None:
        """New commits on top of HEAD alone; None when the changelog has to be made anew."""
        head, reading, made = refs.head.sha, standing.reading, standing.found.made
        if head is None or not read_aliases(self.objects, head, reading):
            return None
        graph = made.graph
        known = [] if graph.head is None else [graph.shas[graph.head]]
        beside = [tip for tip in reading.tips if tip not in known]
        begun = self.begun.get(head)
        read_commits(self.source, self.objects, [head], reading, also=self._keep, beyond=known, begun=begun)
        reading.tips += tuple(beside)
        fresh = Fresh(
            {sha: reading.parents[sha] for sha in self.fresh},
            {sha: reading.facts[sha] for sha in self.fresh},
            {sha: reading.people[sha] for sha in self.fresh},
            head,
            None if request.pulls is standing.request.pulls else request.pulls,
            frozenset(reading.named),
        )
        reading.named.clear()
        if isinstance(made.patches, Edits):
            made.patches.through(self.objects)
        section = standing.growth.grow(fresh) if len(self.fresh) <= GROWTH_LIMIT else None
        if section is None:
            return None
        standing.found = replace(standing.found, refs=refs)
        try:
            with self.store.write(lock=f"sync:{self.id}") as session:
                writer = GrowthWriter(session, self.actor, self.now, self.id, standing)
                return writer.grow(seen, section, made.told(), self.fresh, **due)
        except Conflict:  # somebody else stored these commits, or they were there before and came again
            return None

    def _keep(self, commit: GitCommit) -> None:
        self.fresh[commit.sha] = commit._replace(files=())

    def _anew(
        self, reading: Reading, refs: Refs, request: Request, seen: str, progress: Progress | None
    ) -> tuple[Found, Synced]:
        """The whole record made again; only rows that differ are written."""
        with self.store.read() as session:
            known = set(session.scalars(select(Commit.sha).where(Commit.repository_id == self.id)))
        found = read_with(self.objects, self.source, request, refs, progress, reading, self._keep)
        fresh = {sha: commit for sha, commit in self.fresh.items() if sha not in known}
        store_commits(self.store, self.id, found, fresh, known)
        found = replace(found, record=mirrored.prefixed(found.record, mirrored.change_prefix(self.id)))
        with self.store.write(lock=f"sync:{self.id}") as session:
            return found, Writer(session, self.actor, self.now, self.id, found).write(seen, len(fresh))


_ROW = cast("Table", Repository.__table__).c
_SEEN = select(
    _ROW.name, _ROW.provider, _ROW.location, _ROW.tag_pattern, _ROW.settings,
    _ROW.sync_cursor["seen"].as_string().label("seen"),
).where(_ROW.id == bindparam("repository"))  # fmt: skip


def _seen(session: Session, repository_id: str) -> tuple[Any, str | None]:
    """What a reading depends on of a repository's row, and the digest of what the last sync saw."""
    found = session.execute(_SEEN, {"repository": repository_id}).one_or_none()
    if found is None:
        raise NotFound("There is no such repository.")
    return found, found.seen


def _row(session: Session, repository_id: str) -> Repository:
    row = session.get(Repository, repository_id)
    if row is None:
        raise NotFound("There is no such repository.")
    return row


def _refs_data(refs: Refs) -> list[Any]:
    return [[tuple(tag) for tag in refs.tags], tuple(refs.head)]
