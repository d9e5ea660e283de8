"""Read a repository again: mirror, tags, releases, commits and changes, whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.changelog import Changelog, Entry, Section
from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import clean, one_line
from release_mgmt.formats.changelog_json import entry_json, section_json
from release_mgmt.services import Store, audit, mirrored, pull_requests
from release_mgmt.services.mirrored import Sources
from release_mgmt.sources.git import Refs
from release_mgmt.sources.git import Repository as Mirror
from release_mgmt.store.models.repositories import Change, ChangeCommit, Commit, Release, Repository, Tag

T = TypeVar("T")
BATCH = 1_000
LONGEST_MESSAGE = 20_000
# What was read by an older reading is read again.
READING = 1


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync found; ``changed`` is False when everything stood as before."""

    changed: bool
    releases: int
    changes: int
    new_changes: int
    commits: int


def sync(
    store: Store,
    actor: Actor,
    now: datetime,
    repository_id: str,
    *,
    sources: Sources,
    every: timedelta | None = None,
    progress: mirrored.Progress | None = None,
) -> Synced:
    """Fetch and read one repository; with ``every`` the next sync is due after that time.

    History is read whole when any reference moved (42,000 commits take a few seconds), commits are stored once.
    """
    require(actor, Action.SYNC_REPOSITORY)
    with store.read() as session:
        row = session.get(Repository, repository_id)
        if row is None:
            raise NotFound("There is no such repository.")
        if row.archived_at is not None:
            raise Conflict(f"The repository {row.name} is archived.")
        pulls = pull_requests.known(session, repository_id)
        stored = set(session.scalars(select(Commit.sha).where(Commit.repository_id == repository_id)))
    mirrored.fetch(sources, repository_id, row.location)
    source = mirrored.opened(sources, repository_id)
    refs = source.refs()
    cursor = {"refs": _mark(refs), "pulls": _mark_of(repr(pulls)), "reading": READING, "pattern": row.tag_pattern}
    due = {"sync_due_at": now + every} if every else {}
    if row.sync_cursor == cursor:
        with store.write() as session:
            unchanged = {"synced_at": now, "sync_error": None, **due}
            session.execute(update(Repository).where(Repository.id == repository_id).values(**unchanged))
        return Synced(False, 0, 0, 0, 0)
    record = mirrored.record_of(row, source, pulls, refs=refs, progress=progress)
    fresh = list(_fresh(source, refs, stored))
    with store.write(f"sync:{repository_id}") as session:
        found = _Writer(session, repository_id, row.adopted_at, now).write(record, refs, fresh)
        given: dict[str, Any] = {
            "synced_at": now,
            "sync_error": None,
            "sync_cursor": cursor,
            "head_sha": refs.head.sha,
            "default_branch": refs.head.branch,
            "diagnostics": [one_line(one, 500) for one in record.diagnostics[:100]],
            **due,
        }
        session.execute(update(Repository).where(Repository.id == repository_id).values(**given))
        after = {"releases": found.releases, "changes": found.changes, "new_changes": found.new_changes}
        audit.record(session, actor, now, action="repository.read", subject=f"repository:{repository_id}", after=after)
    return found


def _mark(refs: Refs) -> str:
    told = [*(f"{tag.name} {tag.target}" for tag in refs.tags), *(f"{n} {s}" for n, s in sorted(refs.branches.items()))]
    return _mark_of("\n".join([*told, str(refs.head)]))


def _mark_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _fresh(source: Mirror, refs: Refs, stored: set[str]) -> Iterator[Any]:
    """Commits that no sync saw before."""
    tips = {sha for sha in (*refs.branches.values(), *(tag.commit for tag in refs.tags)) if sha}
    known = tips & stored
    if tips - known:
        yield from (one for one in source.log(tips - known, known) if one.sha not in stored)


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """``items`` in lists of a size that both databases take in one statement."""
    source = iter(items)
    while part := list(islice(source, BATCH)):
        yield part


def instant(text: str | None) -> datetime | None:
    """A date of git in UTC; None when it is none, or one that no calendar has."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


class _Writer:
    """Writes what was read of one repository in the caller's transaction."""

    def __init__(self, session: Session, repository: str, adopted_at: datetime, now: datetime) -> None:
        self.session = session
        self.repository = repository
        self.adopted_at = adopted_at
        self.now = now
        self.prefix = mirrored.change_prefix(repository)

    def write(self, record: Changelog, refs: Refs, fresh: Sequence[Any]) -> Synced:
        """Everything, in an order that keeps every reference whole."""
        self._commits(fresh)
        self._tags(refs)
        releases = self._releases(record.releases)
        new = self._changes(record, releases)
        total = len({entry.id for section in (*record.releases, record.unreleased) for entry in section.entries})
        return Synced(True, len(record.releases), total, new, len(fresh))

    def _commits(self, fresh: Sequence[Any]) -> None:
        ordered = reversed(list(enumerate(reversed(fresh))))
        for part in batches(ordered):
            rows = [
                {
                    "repository_id": self.repository,
                    "sha": one.sha,
                    "position": position,
                    "parents": " ".join(one.parents),
                    "tree": one.tree,
                    "author": one_line(one.author, 200),
                    "authored_at": instant(one.authored_at),
                    "committed_at": instant(one.committed_at),
                    "subject": one_line(one.message.partition("\n")[0], 500),
                    "body": clean(one.message.partition("\n")[2].strip(), LONGEST_MESSAGE) or None,
                }
                for position, one in part
            ]
            self.session.execute(insert(Commit), rows)

    def _tags(self, refs: Refs) -> None:
        kept = {one.name: one for one in self.session.scalars(select(Tag).where(Tag.repository_id == self.repository))}
        for tag in refs.tags:
            if tag.commit is None:
                continue
            row = kept.pop(tag.name, None)
            if row is None:
                row = Tag(repository_id=self.repository, name=tag.name, sha=tag.commit, seen_at=self.now, moved=0)
                self.session.add(row)
            elif row.sha != tag.commit:
                row.moved += 1
            row.sha, row.object_sha, row.tagged_at, row.gone_at = tag.commit, tag.target, instant(tag.date), None
        for row in kept.values():
            row.gone_at = row.gone_at or self.now
        self.session.flush()

    def _releases(self, sections: Sequence[Section]) -> dict[str, Release]:
        query = select(Release).where(Release.repository_id == self.repository)
        kept = {one.tag: one for one in self.session.scalars(query)}
        made: dict[str, Release] = {}
        before: dict[tuple[str | None, str], str] = {}
        for position, section in enumerate(reversed(sections)):
            assert section.tag is not None
            assert section.version is not None
            assert section.sha is not None
            row = kept.pop(section.tag, None)
            if row is None:
                row = Release(id=f"{self.prefix}-{section.tag}", repository_id=self.repository, tag=section.tag)
                self.session.add(row)
            row.version, row.package, row.sha = section.version, section.package, section.sha
            row.position, row.prerelease, row.released_at = position, section.prerelease, instant(section.date)
            previous = section.previous
            row.previous_id = before.get((section.package, previous.version)) if previous else None
            row.changes = len(section.entries)
            row.section = {**section_json(section), "entries": []}
            before[section.package, section.version] = row.id
            made[section.tag] = row
        for row in kept.values():
            self.session.delete(row)
        self.session.flush()
        return made

    def _changes(self, record: Changelog, releases: dict[str, Release]) -> int:
        query = select(Change).where(Change.repository_id == self.repository)
        kept = {one.id: one for one in self.session.scalars(query)}
        when = self._dates()
        links: dict[str, tuple[str, ...]] = {}
        new, rank = 0, 0
        for section in (*reversed(record.releases), record.unreleased):
            release = releases.get(section.tag) if section.tag else None
            for entry in reversed(section.entries):
                if entry.id in links:  # it came with an earlier release; later ones only tell of it
                    continue
                rank += 1
                row = kept.get(entry.id)
                if row is None:
                    row = self._new(entry)
                    new += 1
                links[entry.id] = entry.commits
                self._fill(row, entry, release, rank, when.get(entry.commits[0]) if entry.commits else None)
        for change, row in kept.items():
            if change not in links and row.state not in {"released", "rolled_back", "withdrawn"} and row.merged_at:
                row.state, row.release_id, row.updated_at = "withdrawn", None, self.now
        self.session.flush()
        self._links(links)
        return new

    def _dates(self) -> dict[str, datetime | None]:
        query = select(Commit.sha, Commit.committed_at).where(Commit.repository_id == self.repository)
        return {sha: at for sha, at in self.session.execute(query)}  # noqa: C416 - rows are no pairs to the type checker

    def _new(self, entry: Entry) -> Change:
        row = Change(
            id=entry.id, repository_id=self.repository, key=entry.id.removeprefix(f"{self.prefix}-"), state="draft",
            created_at=self.now, updated_at=self.now, happened_at=self.now, affected_teams=[], needs_review=False,
            overridden=False, priority=0,
        )  # fmt: skip
        self.session.add(row)
        return row

    def _fill(self, row: Change, entry: Entry, release: Release | None, rank: int, at: datetime | None) -> None:
        shipped = release is not None and release.released_at is not None and release.released_at <= self.adopted_at
        state = "released" if shipped else "draft" if row.state == "withdrawn" else row.state
        given = {
            "title": one_line(entry.title, 500) or "(no title)",
            "summary": clean("\n".join(entry.details), LONGEST_MESSAGE) or None,
            "author": entry.authors[0] if entry.authors else None,
            "provider": entry.pull_request.provider if entry.pull_request else None,
            "number": entry.pull_request.number if entry.pull_request else None,
            "state": state,
            "ready": True,
            "head_sha": entry.commits[0] if entry.commits else None,
            "merged_at": at or row.merged_at or self.now,
            "happened_at": at or row.merged_at or self.now,
            "release_id": release.id if release else None,
            "rank": rank,
            "record": entry_json(entry),
        }
        moved = [name for name, value in given.items() if getattr(row, name) != value]
        for name in moved:
            setattr(row, name, given[name])
        if moved:
            row.updated_at = self.now

    def _links(self, links: dict[str, tuple[str, ...]]) -> None:
        query = select(ChangeCommit.change_id, ChangeCommit.sha).where(ChangeCommit.repository_id == self.repository)
        kept: dict[str, list[str]] = {}
        for change, sha in self.session.execute(query.order_by(ChangeCommit.change_id, ChangeCommit.position)):
            kept.setdefault(change, []).append(sha)
        stale = [change for change, shas in kept.items() if tuple(shas) != links.get(change)]
        for part in batches(stale):
            self.session.execute(delete(ChangeCommit).where(ChangeCommit.change_id.in_(part)))
        rows = (
            {"change_id": change, "sha": sha, "repository_id": self.repository, "position": position}
            for change, shas in links.items()
            if tuple(kept.get(change, ())) != shas
            for position, sha in enumerate(shas)
        )
        for linked in batches(rows):
            self.session.execute(insert(ChangeCommit), linked)
