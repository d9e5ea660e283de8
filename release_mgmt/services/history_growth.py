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


Kept = tuple[Entry, dict[str, Any]]
"""An entry as it is stored, and its record."""


@dataclass(slots=True)
class Standing:
    """A repository as it was synced last: ``seen`` is the digest that the database has for it.

    ``open`` are the entries of what is unreleased, with their stored records; ``held`` the changes that a release
    holds first, with their records as far as they were asked for; ``told`` is the fingerprint of what the forge says.
    """

    reading: Reading
    found: Found
    request: Request
    seen: str
    growth: Growth
    open: dict[str, Kept]
    held: frozenset[str]
    told: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored: dict[int, tuple[Entry, Kept]] = field(default_factory=dict)

    @classmethod
    def of(cls, reading: Reading, found: Found, request: Request, seen: str, told: str) -> Standing:
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
            told,
        )

    def kept(self, prefix: str, entries: Sequence[Entry]) -> list[Kept]:
        """The entries of what is unreleased as they are stored; one that was known is the same as before."""
        before, self.stored = self.stored, {}
        found = []
        for entry in entries:
            known = before.get(id(entry))
            if known is None or known[0] is not entry:
                known = (entry, self._new(entry_with(prefix, entry)))
            self.stored[id(entry)] = known
            found.append(known[1])
        return found

    def _new(self, entry: Entry) -> Kept:
        known = self.open.get(entry.id)
        return known if known is not None and known[0] == entry else (entry, record_of(entry))

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


# Tables instead of mapped classes, and made once: SQLAlchemy takes longer to build a statement than SQLite to run it.
_ROW, _COMMITS, _CHANGES = (cast("Table", model.__table__) for model in (Repository, Commit, Change))
_STATE = select(
    _ROW.c.sync_cursor["seen"].as_string().label("seen"),
    _ROW.c.adopted_at,
    _ROW.c.provider,
    _ROW.c.default_branch,
    select(func.max(_COMMITS.c.position)).where(_COMMITS.c.repository_id == _ROW.c.id).scalar_subquery().label("last"),
).where(_ROW.c.id == bindparam("repository"))
"""What is asked of a repository's row, and the last position of its commits."""
_WRITE = update(_ROW).where(_ROW.c.id == bindparam("repository"))
_RECORDS = select(_CHANGES.c.id, _CHANGES.c.record).where(_CHANGES.c.id.in_(bindparam("ids", expanding=True)))


class GrowthWriter(Writer):
    """Writes what is unreleased and nothing else, in one transaction."""

    def __init__(self, session: Session, actor: Actor, now: datetime, repository_id: str, standing: Standing) -> None:
        super().__init__(session, actor, now, repository_id, standing.found)
        self.standing = standing

    def grow(
        self, seen: str, section: Section, diagnostics: Sequence[str], fresh: Mapping[str, GitCommit], **also: Any
    ) -> Synced | None:
        """Bring the stored history up to ``section``; None when somebody else wrote of it in the meantime.

        ``also`` are columns of the repository's row to write beside. Raises Conflict when a commit is stored already.
        """
        standing, open_before = self.standing, self.standing.open
        row = self.session.execute(_STATE, {"repository": self.id}).one()
        if row.seen != standing.seen:
            return None
        self.repository, first = row, 0 if row.last is None else row.last + 1
        graph = self.found.made.graph
        ordered = [fresh[sha] for sha in graph.shas[len(graph) - len(fresh) :]]
        add_commits(self.session, self.id, ordered, first, self.found.made)
        own = standing.kept(self.prefix, section.entries)
        now_open: dict[str, Kept] = {}
        for kept in own:
            now_open.setdefault(kept[0].id, kept)  # two lines may bring the same change: the first speaks for it
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
        held = [key for key in now_open if key in standing.held]
        records.update(self._held(held))
        entries = entries_of(own, records)
        bare = section_with(self.prefix, replace(section, entries=()))
        values = self._unreleased(seen, section_of(bare), entries, list(diagnostics))
        self.session.execute(_WRITE, {"repository": self.id, **values, **also})
        count = len(standing.held) + len(now_open) - len(held)
        released = len(self.found.made.releases.order)
        synced = Synced(True, released, count, 0, changes, len(fresh), withdrawn)
        self._audit(synced, {})
        standing.open, standing.seen = now_open, seen
        return synced

    def _held(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The stored records of changes that a release holds first: only what was never asked for is read."""
        known = self.standing.records
        missing = [key for key in keys if key not in known]
        for start in range(0, len(missing), 500):
            for key, record in self.session.execute(_RECORDS, {"ids": missing[start : start + 500]}):
                known[key] = record
        return {key: known[key] for key in keys if key in known}

    def _places(self, shas: Sequence[str]) -> dict[str, tuple[datetime | None, int]]:
        """When commits that were stored before were made, and their positions."""
        found: dict[str, tuple[datetime | None, int]] = {}
        for start in range(0, len(shas), 500):
            query = select(Commit.sha, Commit.committed_at, Commit.position)
            query = query.where(Commit.repository_id == self.id, Commit.sha.in_(shas[start : start + 500]))
            found.update({sha: (committed, position) for sha, committed, position in self.session.execute(query)})
        return found
