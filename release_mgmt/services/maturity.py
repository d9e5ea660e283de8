"""Judging a repository's maturity from what it holds, without a database; the service adds the facts it knows."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from release_mgmt import resources
from release_mgmt.core.maturity import Area, AreaVerdict, Snapshot, count_tests, judge, load_rules, own, wanted
from release_mgmt.core.versions import split_tag
from release_mgmt.sources.git import Repository

YEAR = timedelta(days=365)
MOST_FILES = 2_000  # files whose text one judgement reads
LARGEST = 200_000  # bytes of a text that is read


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdicts at one commit, and what could not be looked at."""

    sha: str
    at: datetime
    verdicts: tuple[AreaVerdict, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Maturity:
    """Where a repository stands, and where it stood a year before that commit (None when it is younger)."""

    now: Standing
    before: Standing | None


def rules() -> tuple[Area, ...]:
    """The areas of ``config/maturity.toml``."""
    with (resources.folder("config") / "maturity.toml").open("rb") as file:
        return load_rules(tomllib.load(file))


def judge_repository(
    repository: Repository, areas: Iterable[Area], *, revision: str = "HEAD", facts: Mapping[str, float] | None = None
) -> Maturity:
    """Judge ``revision`` and the commit a year before it, by the dates of the commits themselves.

    ``facts`` are those that only a service knows; they hold for now, not for then.
    """
    areas = tuple(areas)
    head = repository.resolve(revision)
    found: list[tuple[str, datetime]] = []
    for commit in repository.log([head]):
        at = datetime.fromisoformat(commit.committed_at)
        if not found:
            found.append((commit.sha, at))
        elif at <= found[0][1] - YEAR:
            found.append((commit.sha, at))
            break
    standings = [_standing(repository, areas, sha, at) for sha, at in found[1:]]
    (sha, at) = found[0]
    return Maturity(_standing(repository, areas, sha, at, facts or {}), standings[0] if standings else None)


def _standing(
    repository: Repository, areas: tuple[Area, ...], sha: str, at: datetime, facts: Mapping[str, float] | None = None
) -> Standing:
    entries = {entry.path: entry for entry in repository.tree(sha) if entry.kind == "blob" and entry.mode != "120000"}
    paths = own(entries)
    asked = wanted(areas, paths)
    notes = []
    if len(asked) > MOST_FILES:
        notes.append(f"{len(asked) - MOST_FILES} of {len(asked)} files were not read")
    chosen = asked[:MOST_FILES]
    texts = dict(zip(chosen, _texts(repository, [entries[path].sha for path in chosen]), strict=True))
    tags = [tag for tag in repository.refs().tags if tag.commit and split_tag(tag.name)]
    dates = [datetime.fromisoformat(tag.date) for tag in tags if tag.date]
    known = {
        "version_tags": float(sum(date <= at for date in dates)),
        "releases_last_year": float(sum(at - YEAR < date <= at for date in dates)),
        "test_files": float(count_tests(paths)),
        **(facts or {}),
    }
    return Standing(sha, at, judge(areas, Snapshot(paths, texts, known)), tuple(notes))


def _texts(repository: Repository, ids: list[str]) -> list[str]:
    return [
        data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
        for _, data in repository.read_blobs(ids, LARGEST)
    ]
