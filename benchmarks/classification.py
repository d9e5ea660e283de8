"""How fast changes are classified, beside the floor and the peer of the same run.

    python benchmarks/classification.py --imports REPO... --history REPO [--revisions N]

--imports: import sets by the lexer and by ``ast`` (cached by blob, as any sensible peer would) on every Python blob
of the repositories; prints how many are equal and the ratio of times. --history: every revision of a repository with
all kinds of evidence, against reading its log and its blobs only; then with two processes, then from a warm
cache: again, by other rules, and what one new revision costs. Peak memory is that of
this process and of its largest child.
"""

from __future__ import annotations

import argparse
import ast
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from release_mgmt.core.evidence.imports import import_set
from release_mgmt.services.classify import classify_revisions, default_rules
from release_mgmt.services.evidence_cache import FileCache
from release_mgmt.sources.git import Repository, open_repository

T = TypeVar("T")
Imports = frozenset[tuple[int, str, str | None]]


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and seconds of processors (git included), which other work on the machine disturbs less."""

    wall: float
    cpu: float


def timed(work: Callable[[], T]) -> tuple[T, Took]:
    """What ``work`` gives and what it took."""
    started, before = time.perf_counter(), sum(os.times()[:4])
    result = work()
    return result, Took(time.perf_counter() - started, sum(os.times()[:4]) - before)


def python_blobs(repository: Repository) -> Iterator[bytes]:
    """Every version of every Python file in the history of HEAD."""
    head = repository.resolve("HEAD")
    ids: dict[str, None] = {}
    for commit in repository.log([head], files=True, renames="exact", merges="first-parent"):
        ids.update((one.new_blob, None) for one in commit.files if one.path.endswith(".py") and one.status != "D")
    wanted = list(ids)
    for at in range(0, len(wanted), 500):
        for _, data in repository.read_blobs(wanted[at : at + 500]):
            if isinstance(data, bytes):
                yield data


def by_ast(data: bytes) -> Imports | None:
    """The import set by the standard parser; None where it cannot parse."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: set[tuple[int, str, str | None]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(0, one.name, None) for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.level, node.module or "", one.name) for one in node.names}
    return frozenset(found)


def compare_imports(paths: list[str]) -> None:
    """Equality and speed of the lexer against ``ast``."""
    for path in paths:
        count = size = parsed = equal = 0
        ours_took = theirs_took = 0.0
        for blobs in batched(python_blobs(open_repository(path)), 500):
            ours, took = timed(lambda blobs=blobs: [import_set(data) for data in blobs])  # type: ignore[misc]
            ours_took += took.cpu
            theirs, took = timed(lambda blobs=blobs: [by_ast(data) for data in blobs])  # type: ignore[misc]
            theirs_took += took.cpu
            count, size = count + len(blobs), size + sum(map(len, blobs))
            parsed += sum(one is not None for one in theirs)
            equal += sum(a == b for a, b in zip(ours, theirs, strict=True) if b is not None)
        print(
            f"{Path(path).parent.name}: {count} blobs ({size / 1e6:.0f} MB), {parsed} parse, {equal} equal; "
            f"lexer {ours_took:.1f} s, ast {theirs_took:.1f} s: {theirs_took / ours_took:.1f} times as fast",
            flush=True,
        )


def batched(items: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    """Lists of at most ``size`` items."""
    while part := list(islice(items, size)):
        yield part


def history(path: str, most: int | None) -> None:
    """The whole history with all kinds of evidence, against the floor."""
    repository, rules = open_repository(path), default_rules()
    shas = [commit.sha for commit in repository.log([repository.resolve("HEAD")])][:most]

    def floor() -> int:
        commits = list(repository.log(shas, files=True, merges="first-parent", walk=False))
        ids = dict.fromkeys(
            blob for one in commits for file in one.files for blob in (file.old_blob, file.new_blob) if blob.strip("0")
        )
        return sum(1 for _ in repository.read_blobs(ids))

    blobs, floor_one = timed(floor)
    first, alone = timed(lambda: list(classify_revisions(repository, shas, rules)))
    _, floor_two = timed(floor)
    base = Took((floor_one.wall + floor_two.wall) / 2, (floor_one.cpu + floor_two.cpu) / 2)
    print(f"{Path(path).parent.name}: {len(shas)} revisions, {blobs} blobs")
    print(f"log and blobs only: {base.wall:.2f} s, {base.cpu:.2f} s of processors")
    rate = len(shas) / alone.cpu
    print(f"one process: {alone.wall:.1f} s, {alone.cpu:.1f} s of processors, {rate:.0f} revisions/s of these")
    print(f"times the floor: {alone.wall / base.wall:.1f} by the clock, {alone.cpu / base.cpu:.1f} by processors")
    second, both = timed(lambda: list(classify_revisions(repository, shas, rules, processes=2)))
    faster = alone.wall / both.wall
    print(f"two processes: {both.wall:.1f} s, {faster:.2f} times as fast; same verdicts: {first == second}")
    with tempfile.TemporaryDirectory() as folder:
        cache = FileCache(Path(folder) / "evidence.sqlite")
        _, cold = timed(lambda: list(classify_revisions(repository, shas[1:], rules, cache)))
        print(f"filling the cache: {cold.cpu:.1f} s of processors, {100 * cold.cpu / alone.cpu - 100:.0f} % more")
        _, one = timed(lambda: list(classify_revisions(repository, shas[:1], rules, cache)))
        third, warm = timed(lambda: list(classify_revisions(repository, shas, rules, cache)))
        stricter = default_rules("[policy]\nlibrary_minor_bump = 'major'\ncode_logic = 'minor'\n")
        _, judged = timed(lambda: list(classify_revisions(repository, shas, stricter, cache)))
        tools = default_rules('[policy]\ndevelopment_tools = ["x"]\n')
        _, walked = timed(lambda: list(classify_revisions(repository, shas, tools, cache)))
        size = cache.path.stat().st_size / 1e6
    for said, took in (("the newest revision alone", one), ("a second run", warm), ("other rules", judged),
                       ("other development tools (pairs of blobs only)", walked)):  # fmt: skip
        print(
            f"from the cache, {said}: {took.cpu:.2f} s of processors, {100 * took.cpu / alone.cpu:.1f} % of the first"
        )
    print(f"same verdicts: {first == third}; the cache holds {size:.0f} MB")
    for name, who in (("this process", resource.RUSAGE_SELF), ("largest child", resource.RUSAGE_CHILDREN)):
        print(f"peak memory of {name}: {resource.getrusage(who).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    """Run what was asked for."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", nargs="*", default=[])
    parser.add_argument("--history")
    parser.add_argument("--revisions", type=int)
    chosen = parser.parse_args()
    compare_imports(chosen.imports)
    if chosen.history:
        history(chosen.history, chosen.revisions)


if __name__ == "__main__":
    main()
