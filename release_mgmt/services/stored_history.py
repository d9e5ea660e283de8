"""The changelog in the database: written by syncs, read back as the same record that the command line makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.changelog import Accounting, Changelog, Entry, Previous, PullRequestRef, Section
from release_mgmt.formats.changelog_json import entry_json, section_json
from release_mgmt.store.models.repositories import Change, Release, Repository

_REVERTED = "Reverted: "  # what it is called stays, whatever its contents are judged to be
_OWN = ("level", "kind", "state")  # what the change's row says, not its record


def release_id(prefix: str, tag: str) -> str:
    """The id of a release in the installation; ``prefix`` is that of its repository's changes."""
    return f"{prefix}-{tag}"


def instant(text: str | None) -> datetime | None:
    """A time as git tells it, in UTC; None when git told none or one that no calendar has."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def plain(value: object) -> Any:
    """A value as it comes back from a JSON column."""
    return orjson.loads(orjson.dumps(value))


def record_of(entry: Entry) -> dict[str, Any]:
    """What the changelog needs of an entry beyond the columns of its change."""
    found: dict[str, Any] = plain(entry_json(entry))
    for name in _OWN:
        found.pop(name)
    return found


def section_of(section: Section) -> dict[str, Any]:
    """A section without its entries, as the database keeps it."""
    found: dict[str, Any] = plain(section_json(section))
    return found


def recorded(section: Section) -> list[tuple[Entry, dict[str, Any]]]:
    """The entries of a section with their records."""
    return [(entry, record_of(entry)) for entry in section.entries]


def entries_of(entries: Sequence[tuple[Entry, dict[str, Any]]], records: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """The entries of a section: a key where the change's record says all, else the entry."""
    found: list[Any] = []
    for entry, own in entries:
        record = records.get(entry.id)
        found.append(entry.id if record is own or record == own else {**own, "kind": entry.kind})
    return found


def digest(*values: object) -> str:
    """Changes when one of the values does."""
    return hashlib.sha256(orjson.dumps(values)).hexdigest()[:32]


def changelog_of(session: Session, repository: Repository) -> Changelog:
    """The stored changelog of a repository: levels, kinds and states are those in force."""
    changes: dict[str, Sequence[Any]] = {
        row[0]: row[1:]
        for row in session.execute(
            select(Change.id, Change.record, Change.level, Change.kind, Change.state).where(
                Change.repository_id == repository.id
            )
        )
    }
    rows = session.execute(
        select(Release.section, Release.entries)
        .where(Release.repository_id == repository.id)
        .order_by(Release.position.desc())
    )
    releases = tuple(_section(section, entries, changes) for section, entries in rows)
    cursor = repository.sync_cursor or {}
    unreleased = _section(cursor.get("unreleased") or _NOTHING, cursor.get("open") or [], changes)
    return Changelog(repository.name, releases, unreleased, tuple(repository.diagnostics or ()))


_NOTHING: dict[str, Any] = {
    "version": None, "package": None, "tag": None, "tags": [], "sha": None, "previous": None, "range": None,
    "date": None, "prerelease": False, "cancelled": [], "first_time_contributors": [],
    "accounting": dict.fromkeys(("commits", "shown", "folded", "cancelled", "already_shipped", "excluded"), 0),
}  # fmt: skip


def _section(data: Mapping[str, Any], entries: Sequence[Any], changes: Mapping[str, Sequence[Any]]) -> Section:
    previous = data["previous"]
    return Section(
        version=data["version"],
        package=data["package"],
        tag=data["tag"],
        tags=tuple(data["tags"]),
        sha=data["sha"],
        previous=Previous(previous["version"], previous["sha"]) if previous else None,
        range=data["range"],
        date=data["date"],
        prerelease=data["prerelease"],
        accounting=Accounting(**data["accounting"]),
        entries=tuple(_entry(entry, changes) for entry in entries),
        cancelled=tuple((one, other) for one, other in data["cancelled"]),
        first_time_contributors=tuple(data["first_time_contributors"]),
    )


def _entry(entry: Any, changes: Mapping[str, Sequence[Any]]) -> Entry:
    key = entry if isinstance(entry, str) else entry["id"]
    record, level, kind, state = changes[key]
    told: Mapping[str, Any] = record if isinstance(entry, str) else entry
    pull = told["pull_request"]
    return Entry(
        id=key,
        title=told["title"],
        details=tuple(told["details"]),
        level=level,
        kind=told.get("kind") or ("revert" if told["title"].startswith(_REVERTED) else kind),
        state=state,
        first_in=told["first_in"],
        pull_request=PullRequestRef(pull["provider"], pull["number"]) if pull else None,
        commits=tuple(told["commits"]),
        authors=tuple(told["authors"]),
        also_in=tuple(told["also_in"]),
        reverts=told["reverts"],
    )
