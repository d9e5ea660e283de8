"""Rows of a repository's releases, changes and tags, written where they differ; tags that moved or went are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.changelog import Entry, Section
from release_mgmt.core.permissions import Action, Actor
from release_mgmt.core.text import clean
from release_mgmt.services import audit, forges, mirrored
from release_mgmt.services.commit_rows import BATCH
from release_mgmt.services.history import Found
from release_mgmt.services.stored_history import entries_of, instant, record_of, recorded, release_id, section_of
from release_mgmt.store.models.repositories import FLAG, Change, ChangeCommit, Commit, Release, Repository, Tag

_WRITTEN = ("title", "summary", "author", "provider", "number", "ready", "head_sha", "merged_at",
            "happened_at", "release_id", "rank", "record")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync found; ``changed`` is False when everything stood as before. ``commits`` counts new ones."""

    changed: bool
    releases: int = 0
    changes: int = 0
    new_releases: int = 0
    new_changes: int = 0
    commits: int = 0
    withdrawn: int = 0
    moved_tags: tuple[str, ...] = ()
    gone_tags: tuple[str, ...] = ()


# Made once: SQLAlchemy takes longer to build and to recognise a statement than SQLite to run it.
_OWN = [Change.__table__.c[name] for name in ("id", "state", *_WRITTEN)]
_FROM_GIT = or_(Change.__table__.c.kind.is_(None), Change.__table__.c.kind != FLAG)  # flags are reported, not read
_STORED = select(*_OWN).where(Change.__table__.c.repository_id == bindparam("repository"), _FROM_GIT)
# By the ids alone, which name the repository too: SQLite would go through all changes of the repository instead.
_STORED_SOME = select(*_OWN).where(Change.__table__.c.id.in_(bindparam("ids", expanding=True)), _FROM_GIT)
_NEW_CHANGES = insert(cast("Table", Change.__table__))
_NEW_CHANGE_COMMITS = insert(cast("Table", ChangeCommit.__table__))


class Writer:
    """Writes one sync in one transaction: only rows that differ."""

    def __init__(self, session: Session, actor: Actor, now: datetime, repository_id: str, found: Found) -> None:
        self.session = session
        self.actor = actor
        self.now = now
        self.repository: Any = None  # its row, or of it what is asked for
        self.found = found
        self.id = repository_id
        self.prefix = mirrored.change_prefix(repository_id)

    def write(self, seen: str, commits: int) -> Synced:
        """Tags, releases, which release holds which commit, changes, and the repository's own row."""
        self.repository = self.session.get_one(Repository, self.id)
        moved, gone = self._tags()
        record = self.found.record
        holders = self._holders(record.releases)
        records = {key: record_of(entry) for key, (entry, _) in holders.items()}
        open_records = {entry.id: record_of(entry) for entry in record.unreleased.entries}
        records = {**open_records, **records}
        releases = self._releases(record.releases, records)
        self._commits_to_releases()
        query = select(Commit.sha, Commit.committed_at, Commit.position).where(Commit.repository_id == self.id)
        # Positions only ever grow, so a change keeps its rank whatever is added beside it.
        places = {sha: (committed, position) for sha, committed, position in self.session.execute(query)}
        changes, withdrawn = self._changes(holders, records, self._stored(), places)
        told = [
            *(f"tag {name!r} moved after it was read" for name in moved),
            *(f"tag {name!r} was deleted after it was read" for name in gone),
            *record.diagnostics,
        ]
        open_now = section_of(record.unreleased), entries_of(recorded(record.unreleased), records)
        for name, value in self._unreleased(seen, *open_now, told).items():
            setattr(self.repository, name, value)
        synced = Synced(
            True, len(record.releases), len(holders), releases, changes, commits, withdrawn, tuple(moved), tuple(gone)
        )
        self._audit(synced, {**moved, **gone})
        return synced

    def _unreleased(self, seen: str, section: dict[str, Any], entries: list[Any], told: list[str]) -> dict[str, Any]:
        """What the repository's own row says from now on; ``told`` are the diagnostics."""
        head = self.found.refs.head
        return {
            "sync_cursor": {"seen": seen, "unreleased": section, "open": entries, "unexplained": self._unexplained()},
            "head_sha": head.sha,
            "default_branch": head.branch or self.repository.default_branch,
            "synced_at": self.now,
            "sync_error": None,
            "diagnostics": told,
        }

    def _audit(self, synced: Synced, before: Mapping[str, str]) -> None:
        told = {"commits": synced.commits, "releases": synced.new_releases, "changes": synced.new_changes,
                "withdrawn": synced.withdrawn, "moved_tags": list(synced.moved_tags),
                "gone_tags": list(synced.gone_tags)}  # fmt: skip
        audit.record(
            self.session,
            self.actor,
            self.now,
            action=Action.SYNC_REPOSITORY,
            subject=f"repository:{self.id}",
            before={"tags": before} if before else None,
            after=told,
        )

    def _unexplained(self) -> list[int]:
        """Pull requests whose commits the forge is to be asked for, newest first; a healthy source is asked at once."""
        own = self.repository.provider
        told = self.found.made.book.unexplained
        wanted = sorted({pull.number for pull in told if pull.provider == own}, reverse=True)
        if wanted:
            forges.hasten(self.session, self.id, self.now)
        return wanted

    def _tags(self) -> tuple[dict[str, str], dict[str, str]]:
        """Store every tag; those that moved or went, with the commit they were on."""
        rows = {row.name: row for row in self.session.scalars(select(Tag).where(Tag.repository_id == self.id))}
        moved: dict[str, str] = {}
        gone: dict[str, str] = {}
        for tag in self.found.refs.tags:
            name, sha = clean(tag.name, 255), tag.commit or tag.target
            row = rows.pop(name, None)
            if row is None:
                self.session.add(
                    Tag(repository_id=self.id, name=name, sha=sha, object_sha=tag.target, tagger_key=tag.tagger,
                        seen_at=self.now)
                )  # fmt: skip
            elif row.object_sha != tag.target or row.gone_at is not None:
                if row.object_sha != tag.target:
                    moved[name] = row.sha
                    row.moved += 1
                row.sha, row.object_sha, row.gone_at = sha, tag.target, None
                row.seen_at, row.tagger_key = self.now, tag.tagger
        for name, row in rows.items():
            if row.gone_at is None:
                gone[name] = row.sha
                row.gone_at = self.now
        return moved, gone

    def _holders(self, sections: Iterable[Section]) -> dict[str, tuple[Entry, Section | None]]:
        """For each change its entry in the first release that holds it, else the unreleased one."""
        order = {release.tag: place for place, release in enumerate(self.found.releases.order)}
        found: dict[str, tuple[Entry, Section | None]] = {}
        for section in sorted(sections, key=lambda one: order[one.tag or ""]):
            for entry in section.entries:
                found.setdefault(entry.id, (entry, section))
        for entry in self.found.record.unreleased.entries:
            found.setdefault(entry.id, (entry, None))
        return found

    def _releases(self, sections: tuple[Section, ...], records: Mapping[str, Mapping[str, Any]]) -> int:
        rows = {row.tag: row for row in self.session.scalars(select(Release).where(Release.repository_id == self.id))}
        ids = {(section.package, section.version): release_id(self.prefix, section.tag or "") for section in sections}
        new = 0
        for position, section in enumerate(reversed(sections)):
            assert section.tag is not None
            row = rows.pop(section.tag, None)
            if row is None:
                row = Release(id=release_id(self.prefix, section.tag), repository_id=self.id, tag=section.tag)
                self.session.add(row)
                new += 1
            data, entries = section_of(section), entries_of(recorded(section), records)
            if row.section != data or row.entries != entries:
                row.section, row.entries = data, entries
            before = section.previous
            row.version, row.package, row.sha = section.version or "", section.package, section.sha or ""
            row.previous_id = ids.get((section.package, before.version)) if before else None
            row.position, row.prerelease, row.released_at = position, section.prerelease, instant(section.date)
            row.changes = len(section.entries)
        for row in rows.values():
            self.session.delete(row)
        self.session.flush()
        return new

    def _commits_to_releases(self) -> None:
        """Which release holds each commit first; with several packages, the first of them."""
        shas = self.found.history.graph.shas
        wanted: dict[str, str] = {}
        for release in self.found.releases.order:
            for commit in release.commits:
                wanted.setdefault(shas[commit], release_id(self.prefix, release.tag))
        by_release: dict[str | None, list[str]] = {}
        name: str | None
        stored = self.session.execute(select(Commit.sha, Commit.release_id).where(Commit.repository_id == self.id))
        for sha, present in stored:
            if wanted.get(sha) != present:
                by_release.setdefault(wanted.get(sha), []).append(sha)
        for name, commits in sorted(by_release.items(), key=lambda item: item[0] or ""):
            for start in range(0, len(commits), 500):
                self.session.execute(
                    update(Commit)
                    .where(Commit.repository_id == self.id, Commit.sha.in_(commits[start : start + 500]))
                    .values(release_id=name)
                )

    def _changes(
        self,
        holders: Mapping[str, tuple[Entry, Section | None]],
        records: Mapping[str, dict[str, Any]],
        stored: dict[str, tuple[Any, ...]],
        places: Mapping[str, tuple[datetime | None, int]],
    ) -> tuple[int, int]:
        """Insert new changes, update those that differ, withdraw those that are no longer there."""
        fresh: list[dict[str, Any]] = []
        commits: list[dict[str, Any]] = []
        other: dict[str, tuple[dict[str, Any], Entry, Section | None]] = {}
        for key, (entry, section) in holders.items():
            values = self._values(entry, section, records[key], places)
            present = stored.pop(key, None)
            if present is None:
                fresh.append({**values, "id": key, "repository_id": self.id, "key": key.removeprefix(f"{self.prefix}-"),
                              "state": self._state(section), "kind": entry.kind, "created_at": self.now,
                              "updated_at": self.now})  # fmt: skip
                commits += self._commit_rows(key, entry)
                continue
            if present == (self._settled(present[0], section), *values.values()):
                continue
            other[key] = (values, entry, section)
        for row in self._rows(other):
            values, entry, section = other[row.id]
            if self._update(row, values, section):
                self.session.execute(delete(ChangeCommit).where(ChangeCommit.change_id == row.id))
                commits += self._commit_rows(row.id, entry)
        withdrawn = 0
        for row in self._rows(stored):
            # An open pull request's preview has no merge to lose; what was released stays released.
            if row.merged_at is not None and row.state not in {"released", "rolled_back", "withdrawn"}:
                row.state, row.ready, row.updated_at = "withdrawn", False, self.now
                withdrawn += 1
        for start in range(0, len(fresh), BATCH):
            self.session.execute(_NEW_CHANGES, fresh[start : start + BATCH])
        for start in range(0, len(commits), BATCH):
            self.session.execute(_NEW_CHANGE_COMMITS, commits[start : start + BATCH])
        return len(fresh), withdrawn

    def _rows(self, keys: Iterable[str]) -> Iterator[Change]:
        """The rows of some changes, in batches."""
        wanted = list(keys)
        for start in range(0, len(wanted), 500):
            yield from self.session.scalars(select(Change).where(Change.id.in_(wanted[start : start + 500]))).all()

    def _stored(self) -> dict[str, tuple[Any, ...]]:
        """Change -> its state and what a sync may write of it: plain values, since nearly all stand as they are."""
        return {row[0]: tuple(row[1:]) for row in self.session.execute(_STORED, {"repository": self.id})}

    def _some(self, keys: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """The same of some changes."""
        found: dict[str, tuple[Any, ...]] = {}
        for start in range(0, len(keys), 500):
            rows = self.session.execute(_STORED_SOME, {"ids": keys[start : start + 500]})
            found.update({row[0]: tuple(row[1:]) for row in rows})
        return found

    def _commit_rows(self, key: str, entry: Entry) -> list[dict[str, Any]]:
        return [
            {"change_id": key, "sha": sha, "repository_id": self.id, "position": at}
            for at, sha in enumerate(entry.commits)
        ]

    def _values(
        self,
        entry: Entry,
        section: Section | None,
        record: dict[str, Any],
        places: Mapping[str, tuple[datetime | None, int]],
    ) -> dict[str, Any]:
        newest = entry.commits[0]
        committed, position = places[newest]
        merged = committed or self.now
        pull = entry.pull_request
        values = {
            "title": clean(entry.title, 300),
            "summary": clean("\n".join(entry.details)) or None,
            "author": entry.authors[0] if entry.authors else None,
            "provider": pull.provider if pull else None,
            "number": pull.number if pull else None,
            "ready": True,
            "head_sha": newest,
            "merged_at": merged,
            "happened_at": merged,
            "release_id": release_id(self.prefix, section.tag) if section is not None and section.tag else None,
            "rank": position,
            "record": record,
        }
        assert tuple(values) == _WRITTEN
        return values

    def _update(self, row: Change, values: Mapping[str, Any], section: Section | None) -> bool:
        """Bring a row up to date; whether its commits are others now."""
        other_commits = bool((row.record or {}).get("commits") != values["record"]["commits"])
        state = self._settled(row.state, section)
        differs = state != row.state
        for name, value in values.items():
            if getattr(row, name) != value:
                setattr(row, name, value)
                differs = True
        row.state = state
        if differs:
            row.updated_at = self.now
        return other_commits

    def _settled(self, state: str, section: Section | None) -> str:
        """The state of a change that the history holds, which was in ``state`` before."""
        if state == "withdrawn" or (state == "draft" and self._state(section) == "released"):
            return self._state(section)
        return state

    def _state(self, section: Section | None) -> str:
        """What was tagged before the repository was adopted has shipped; everything else begins as a draft."""
        released = instant(section.date) if section is not None else None
        return "released" if released is not None and released <= self.repository.adopted_at else "draft"
