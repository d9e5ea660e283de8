"""Filling the level and the kind of a changelog's entries from what their changes contain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from release_mgmt.core.changelog import Changelog, Entry, Section
from release_mgmt.core.classification import Classification, Level
from release_mgmt.services.classify import Progress, classify_revisions
from release_mgmt.services.evidence_cache import Cache, FileCache
from release_mgmt.sources.git import Repository


def with_levels(
    repository: Repository,
    record: Changelog,
    cache: Cache | None = None,
    *,
    labels: dict[str, tuple[str, ...]] | None = None,
    progress: Progress | None = None,
) -> tuple[Changelog, dict[str, Classification]]:
    """The record with levels and kinds, and the verdict on each entry by its id.

    A merge is judged by its difference to its first parent and stands for all it brought in; of several commits the
    weightiest verdict counts. ``labels`` holds what the forge knows, by the newest commit of an entry.
    """
    entries = [entry for section in (*record.releases, record.unreleased) for entry in section.entries]
    several = [entry.commits[0] for entry in entries if len(entry.commits) > 1]
    merges = {commit.sha for commit in repository.log(dict.fromkeys(several), walk=False) if len(commit.parents) > 1}
    judged = {entry.commits: _judged(entry, merges) for entry in entries}
    wanted = list(dict.fromkeys(sha for shas in judged.values() for sha in shas))
    verdicts = dict(
        classify_revisions(
            repository,
            wanted,
            cache=cache if cache is not None else FileCache(),
            labels=labels,
            processes=len(os.sched_getaffinity(0)),
            progress=progress,
        )
    )
    of_entry = {commits: _weightiest(verdicts[sha] for sha in shas) for commits, shas in judged.items()}
    known = {entry.id: of_entry[entry.commits] for entry in entries}
    filled = replace(
        record,
        releases=tuple(_filled(section, of_entry) for section in record.releases),
        unreleased=_filled(record.unreleased, of_entry),
    )
    return filled, known


def _judged(entry: Entry, merges: set[str]) -> tuple[str, ...]:
    return entry.commits[:1] if len(entry.commits) == 1 or entry.commits[0] in merges else entry.commits


def _weightiest(verdicts: Iterator[Classification]) -> Classification:
    """The verdict on several commits of one change: the first major one, else the first that wants a look."""
    return max(verdicts, key=lambda verdict: (verdict.level is Level.MAJOR, verdict.needs_review))


def _filled(section: Section, verdicts: dict[tuple[str, ...], Classification]) -> Section:
    entries = []
    for entry in section.entries:
        verdict = verdicts[entry.commits]
        entries.append(entry._replace(level=verdict.level.value, kind=entry.kind or verdict.kind))
    return replace(section, entries=tuple(entries))
