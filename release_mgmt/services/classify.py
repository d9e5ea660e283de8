"""Classifying the revisions of a repository on disk: no server, no database."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context

from release_mgmt import resources
from release_mgmt.core.classification import Classification, Fact, Rules, judge, load_rules
from release_mgmt.core.history import Commit
from release_mgmt.services.evidence_cache import Cache, Evidence, change_key, pack_facts, unpack_facts
from release_mgmt.services.tree_walk import TreeWalk
from release_mgmt.sources.git import Repository
from release_mgmt.sources.git.process import GitFailed

PARALLEL_FROM = 300
"""Revisions below which a second process costs more than it saves."""

SHORTEST = 150
"""Revisions below which a stretch of history of its own, for a process, costs more than it saves."""

WALK_SECONDS = 86_400.0
"""How long one walk through history may take."""

KEPT_TOGETHER = 500
"""Changes whose facts are written to the cache in one go."""

READ_AHEAD = 100
"""Commits whose blobs are read together."""

Labels = Mapping[str, tuple[str, ...]]
Progress = Callable[[int], None]


def default_rules(override: str | None = None) -> Rules:
    """The rules that come with the product, a repository's own (TOML text) before them."""
    return load_rules((resources.folder("config") / "classification.toml").read_text("utf-8"), override)


def classify_revisions(
    repository: Repository,
    revisions: Sequence[str],
    rules: Rules | None = None,
    cache: Cache | None = None,
    *,
    labels: Labels | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Iterator[tuple[str, Classification]]:
    """(sha, verdict) of each of ``revisions`` (full shas), in that order; see `observe_revisions`."""
    rules = rules or default_rules()
    observed = observe_revisions(
        repository, revisions, rules, cache, labels=labels, processes=processes, progress=progress
    )
    return ((sha, judge(facts, rules)) for sha, facts in observed)


def observe_revisions(
    repository: Repository,
    revisions: Sequence[str],
    rules: Rules,
    cache: Cache | None = None,
    *,
    labels: Labels | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Iterator[tuple[str, tuple[Fact, ...]]]:
    """(sha, what it does) of each of ``revisions`` (full shas), in that order.

    A merge stands for its difference to its first parent. ``labels`` holds what the forge knows, by sha.
    ``progress`` is told how many more are done. What ``cache`` knows is not read again. Facts are kept as bytes until
    their turn comes, so memory grows with the text of the evidence only.
    """
    labels = labels or {}
    keys = {change_key(rules, sha, labels.get(sha, ())): sha for sha in revisions}
    ready = {keys[key]: packed for key, packed in cache.load(keys).items()} if cache is not None else {}
    if progress is not None and ready:
        progress(len(ready))
    todo = [sha for sha in dict.fromkeys(revisions) if sha not in ready]
    if todo:
        several = processes > 1 and len(todo) >= PARALLEL_FROM
        work = _pooled(repository, todo, rules, labels, cache, processes) if several else None
        batch: dict[bytes, bytes] = {}
        for sha, packed in work or _observe(repository, todo, rules, labels, cache):
            ready[sha] = packed
            if progress is not None:
                progress(1)
            if cache is not None:
                batch[change_key(rules, sha, labels.get(sha, ()))] = packed
                if len(batch) >= KEPT_TOGETHER:
                    cache.save(batch)
                    batch = {}
        if cache is not None and batch:
            cache.save(batch)
    for sha in revisions:
        yield sha, unpack_facts(ready[sha])


def _observe(
    repository: Repository, revisions: Sequence[str], rules: Rules, labels: Labels, cache: Cache | None
) -> Iterator[tuple[str, bytes]]:
    """(sha, packed facts) of each revision, in the order that is cheapest to walk."""
    commits = _with_files(repository, revisions)
    # The reader lives as long as the walk, which on a large repository is longer than any single question may take.
    patient = replace(repository, time_limit=WALK_SECONDS)
    with _few_collections(), patient.blobs(limit=TreeWalk.BLOB_LIMIT) as blobs:
        evidence = Evidence(cache)
        walk = TreeWalk(repository, blobs, evidence)
        ordered = list(_ordered(commits))
        for at in range(0, len(ordered), READ_AHEAD):
            ahead = ordered[at : at + READ_AHEAD]
            walk.prefetch(ahead)
            for commit in ahead:
                yield commit.sha, pack_facts(walk.observe(commit, rules, labels.get(commit.sha, ())))
        evidence.flush()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Facts are many and none is part of a cycle: looking for cycles as often as usual costs a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _with_files(repository: Repository, revisions: Sequence[str]) -> dict[str, Commit]:
    """The commits with what they changed. Finding moved files by likeness reads blobs, which a filtered copy may lack;
    then only files that moved unchanged are recognised."""
    try:
        found = repository.log(revisions, files=True, merges="first-parent", walk=False)
        return {commit.sha: commit for commit in found}
    except GitFailed:
        found = repository.log(revisions, files=True, merges="first-parent", walk=False, renames="exact")
        return {commit.sha: commit for commit in found}


def _ordered(commits: Mapping[str, Commit]) -> Iterator[Commit]:
    """Commits so that each follows its first parent where possible, short side lines before the long one."""
    yield from (commits[sha] for sha in _line_order({sha: commit.parents for sha, commit in commits.items()}))


def _line_order(parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    children: dict[str, list[str]] = {}
    roots = []
    for sha, above in parents.items():
        if above and above[0] in parents:
            children.setdefault(above[0], []).append(sha)
        else:
            roots.append(sha)
    sizes: dict[str, int] = {}
    stack = [(sha, False) for sha in roots]
    while stack:
        sha, done = stack.pop()
        if done:
            sizes[sha] = 1 + sum(sizes[child] for child in children.get(sha, ()))
        else:
            stack.append((sha, True))
            stack.extend((child, False) for child in children.get(sha, ()))
    order = []
    pending = sorted(roots, key=lambda sha: -sizes[sha])
    while pending:
        sha = pending.pop()
        order.append(sha)
        pending.extend(sorted(children.get(sha, ()), key=lambda child: -sizes[child]))
    return order


def _pooled(
    repository: Repository, revisions: Sequence[str], rules: Rules, labels: Labels, cache: Cache | None, processes: int
) -> Iterator[tuple[str, bytes]]:
    """The same by several processes, a stretch of history after the other each. They share the cache."""
    graph = {commit.sha: commit.parents for commit in repository.log(revisions, walk=False)}
    pieces = stretches(_line_order(graph), processes)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = [
            pool.submit(_piece, repository, piece, rules, {sha: labels[sha] for sha in piece if sha in labels}, cache)
            for piece in pieces
        ]
        for future in as_completed(futures):
            yield from future.result()


def stretches(order: list[str], processes: int) -> list[list[str]]:
    """The parts of ``order`` in which processes take them: the newest, which cost most, first, and ever shorter ones,
    so that all processes end at about the same time. None is so short that going to its tree costs more than that."""
    found, rest = [], len(order)
    while rest:
        size = min(rest, max(rest // (2 * processes), SHORTEST))
        found.append(order[rest - size : rest])
        rest -= size
    return found


def _piece(
    repository: Repository, revisions: list[str], rules: Rules, labels: Labels, cache: Cache | None
) -> list[tuple[str, bytes]]:
    return list(_observe(repository, revisions, rules, labels, cache))
