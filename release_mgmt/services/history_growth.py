"""What a process remembers of a repository that it synced, so that new commits on top of HEAD cost only themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.changelog import Entry, Section
from release_mgmt.core.changelog.growth import Growth
from release_mgmt.core.history import Commit as GitCommit
from release_mgmt.core.permissions import Actor
from release_mgmt.services.commit_rows import add_commits
from release_mgmt.services.history import Found, Request
from release_mgmt.services.history_reading import Reading
from release_mgmt.services.history_rows import Synced, Writer
from release_mgmt.services.mirrored import entry_with, section_with
from release_mgmt.services.stored_history import entries_of, instant, record_of, section_of
from release_mgmt.sources.git import Refs
from release_mgmt.store.models.repositories import Change, Commit, Repository

GROWTH_LIMIT = 2_000
"""New commits above which the changelog is made anew: they would be written in batches."""


@dataclass(slots=True)
class Standing:
    """A repository as it was synced last: ``seen`` is the digest that the database has for it.

    ``open`` are the entries of what is unreleased, with their stored records; ``held`` the changes that a release
    holds first.
    """

    reading: Reading
    found: Found
    request: Request
    seen: str
    growth: Growth
    open: dict[str, tuple[Entry, dict[str, Any]]]
    held: frozenset[str]
    prefixed: dict[int, tuple[Entry, Entry]] = field(default_factory=dict)

    @classmethod
    def of(cls, reading: Reading, found: Found, request: Request, seen: str) -> Standing:
        """What is kept of a sync that made everything anew; ``found`` has the stored record."""
        record = found.record
        reading.named.clear()
        return cls(
            reading,
            replace(found, record=replace(record, releases=())),
            request,
            seen,
            Growth(found.made),
            {entry.id: (entry, record_of(entry)) for entry in reversed(record.unreleased.entries)},
            frozenset(entry.id for section in record.releases for entry in section.entries),
        )

    def with_prefix(self, prefix: str, section: Section) -> Section:
        """What is unreleased with ids that are unique in the installation; an entry that was known is that entry."""
        before, self.prefixed = self.prefixed, {}
        for entry in section.entries:
            known = before.get(id(entry))
            own = known is not None and known[0] is entry
            self.prefixed[id(entry)] = known if known and own else (entry, entry_with(prefix, entry))
        bare = section_with(prefix, replace(section, entries=()))
        return replace(bare, entries=tuple(self.prefixed[id(entry)][1] for entry in section.entries))

    def allows(self, seen: str | None, refs: Refs, request: Request) -> bool:
        """Whether the database is as it was left, and no more than HEAD and pull requests are others now."""
        return (
            seen == self.seen
            and refs.tags == self.found.refs.tags
            and replace(request, pulls=()) == replace(self.request, pulls=())
        )


class Readings:
    """What a process remembers of the repositories it synced last."""

    def __init__(self, limit: int = 2) -> None:
        self._limit = limit
        self._kept: dict[str, Standing] = {}

    def take(self, key: str) -> Standing | None:
        """Hand out what is kept, and forget it until it is put back whole."""
        return self._kept.pop(key, None)

    def put(self, key: str, standing: Standing) -> None:
        """Keep a repository; the one that was not used for longest goes."""
        self._kept[key] = standing
        while len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]


_ITS_COMMITS = Commit.repository_id == Repository.id
_STATE = select(
    Repository.sync_cursor["seen"].as_string().label("seen"),
    Repository.adopted_at,
    Repository.provider,
    Repository.default_branch,
    select(func.max(Commit.position)).where(_ITS_COMMITS).scalar_subquery().label("last"),
    select(func.count())
    .where(_ITS_COMMITS, Commit.sha.in_(bindparam("shas", expanding=True)))
    .scalar_subquery()
    .label("present"),
).where(Repository.id == bindparam("repository"))
"""What is asked of a repository's row, the last position of its commits, and how many of some are stored already."""
_TABLE = cast("Table", Repository.__table__)
_WRITE = update(_TABLE).where(_TABLE.c.id == bindparam("repository"))


class GrowthWriter(Writer):
    """Writes what is unreleased and nothing else, in one transaction."""

    def __init__(self, session: Session, actor: Actor, now: datetime, repository_id: str, standing: Standing) -> None:
        super().__init__(session, actor, now, repository_id, standing.found)
        self.standing = standing

    def grow(
        self, seen: str, section: Section, diagnostics: Sequence[str], fresh: Mapping[str, GitCommit]
    ) -> Synced | None:
        """Bring the stored history up to ``section``; None when somebody else wrote of it in the meantime."""
        standing, open_before = self.standing, self.standing.open
        row = self.session.execute(_STATE, {"repository": self.id, "shas": list(fresh)}).one()
        if row.seen != standing.seen or row.present:
            return None
        self.repository, first = row, 0 if row.last is None else row.last + 1
        ordered = [fresh[sha] for sha in self.graph.shas[len(self.graph) - len(fresh) :]]
        add_commits(self.session, self.id, ordered, first, self.found.made)
        own = [(entry, self._kept(entry)) for entry in section.entries]
        now_open: dict[str, tuple[Entry, dict[str, Any]]] = {}
        for entry, kept in own:
            now_open.setdefault(entry.id, kept)  # two lines may bring the same change: the first speaks for it
        holders = {
            key: (entry, None)
            for key, (entry, _) in now_open.items()
            if key not in standing.held and (key not in open_before or open_before[key][0] is not entry)
        }
        gone = [key for key in open_before if key not in now_open and key not in standing.held]
        records = {key: record for key, (_, record) in now_open.items()}
        places = {commit.sha: (instant(commit.committed_at), first + at) for at, commit in enumerate(ordered)}
        places |= self._places([entry.commits[0] for entry, _ in holders.values() if entry.commits[0] not in places])
        changes, withdrawn = self._changes(holders, records, self._some([*holders, *gone]), places)
        stored = {**records, **self._records([key for key in now_open if key in standing.held])}
        entries = entries_of(section, stored, {id(entry): kept[1] for entry, kept in own})
        values = self._unreleased(seen, section_of(section), entries, list(diagnostics))
        self.session.execute(_WRITE, {"repository": self.id, **values})
        count = len(standing.held) + len([key for key in now_open if key not in standing.held])
        released = len(self.found.made.releases.order)
        synced = Synced(True, released, count, 0, changes, len(fresh), withdrawn)
        self._audit(synced, {})
        standing.open, standing.seen = now_open, seen
        return synced

    def _kept(self, entry: Entry) -> tuple[Entry, dict[str, Any]]:
        """An entry with its record; the one that is known where it is the same."""
        known = self.standing.open.get(entry.id)
        same = known is not None and (known[0] is entry or known[0] == entry)
        return known if known is not None and same else (entry, record_of(entry))

    def _records(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), 500):
            rows = self.session.execute(
                select(Change.id, Change.record).where(Change.id.in_(keys[start : start + 500]))
            )
            found.update((key, record) for key, record in rows)
        return found

    def _places(self, shas: Sequence[str]) -> dict[str, tuple[datetime | None, int]]:
        """When commits that were stored before were made, and their positions."""
        found: dict[str, tuple[datetime | None, int]] = {}
        for start in range(0, len(shas), 500):
            query = select(Commit.sha, Commit.committed_at, Commit.position)
            query = query.where(Commit.repository_id == self.id, Commit.sha.in_(shas[start : start + 500]))
            found.update({sha: (committed, position) for sha, committed, position in self.session.execute(query)})
        return found
