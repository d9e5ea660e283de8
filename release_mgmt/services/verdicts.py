"""Verdicts as bytes, and where they are kept between runs of the command line."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import orjson

from release_mgmt.core.classification import Classification, Level, NewLibrary
from release_mgmt.core.evidence.model import Evidence


def as_json(sha: str, verdict: Classification) -> dict[str, Any]:
    """A verdict as the command line and the interface over HTTP show it."""
    return {
        "sha": sha,
        "level": verdict.level.value,
        "kind": verdict.kind,
        "needs_review": verdict.needs_review,
        "rule": verdict.rule,
        "new_libraries": [
            {"name": one.name, "ecosystem": one.ecosystem, "path": one.path} for one in verdict.new_libraries
        ],
        "evidence": [
            {
                "kind": one.kind, "path": one.path, "line": one.line, "subject": one.subject, "old": one.old,
                "new": one.new, "level": one.level, "rule": one.rule,
            }
            for one in verdict.evidence
        ],
    }  # fmt: skip


def pack(verdict: Classification) -> bytes:
    """A verdict as compact bytes."""
    return orjson.dumps(
        [
            verdict.level.value,
            verdict.kind,
            verdict.needs_review,
            verdict.rule,
            [[one.name, one.ecosystem, one.path] for one in verdict.new_libraries],
            [
                [
                    _safe(value)
                    for value in (one.kind, one.path, one.line, one.subject, one.old, one.new, one.level, one.rule)
                ]
                for one in verdict.evidence
            ],
        ]
    )


def _safe(value: str | int | None) -> str | int | None:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and not value.isascii() else value


def unpack(packed: bytes) -> Classification:
    """The verdict that `pack` made bytes of."""
    level, kind, review, rule, libraries, evidence = orjson.loads(packed)
    return Classification(
        Level(level),
        kind,
        review,
        rule,
        tuple(NewLibrary(*one) for one in libraries),
        tuple(Evidence(*one) for one in evidence),
    )


@cache
def code_version() -> str:
    """A digest of the code that classifies: a verdict of other code is never taken from a cache."""
    digest = hashlib.sha256()
    core = Path(__file__).parent.parent / "core"
    for folder in ("classification", "evidence"):
        for path in sorted((core / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """The user's folder for what can be made again."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "release-mgmt"


class Cache(Protocol):
    """Where verdicts are kept between runs; ``rules`` is their digest."""

    def load(self, rules: str, revisions: Sequence[str], labels: Mapping[str, tuple[str, ...]]) -> dict[str, bytes]:
        """The packed verdicts that are known."""

    def save(self, rules: str, packed: Mapping[str, bytes], labels: Mapping[str, tuple[str, ...]]) -> None:
        """Keep verdicts."""


class VerdictCache:
    """Verdicts in an SQLite file. A commit's id stands for its tree, its parents and its message, so (commit, labels,
    rules, code) determines the verdict; nothing ever needs to be dropped for being stale."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "verdicts.sqlite"

    def load(self, rules: str, revisions: Sequence[str], labels: Mapping[str, tuple[str, ...]]) -> dict[str, bytes]:
        """The packed verdicts that are known."""
        if not self.path.is_file():
            return {}
        keys = {key_of(rules, sha, labels): sha for sha in revisions}
        found: dict[str, bytes] = {}
        try:
            with closing(sqlite3.connect(self.path, timeout=10)) as connection:
                wanted = list(keys)
                for at in range(0, len(wanted), 500):
                    part = wanted[at : at + 500]
                    marks = ",".join("?" * len(part))
                    rows = connection.execute(f"SELECT key, verdict FROM verdict WHERE key IN ({marks})", part)  # noqa: S608 - only marks
                    found.update((keys[key], packed) for key, packed in rows)
        except sqlite3.Error:
            return {}  # a cache that cannot be read is an empty one
        return found

    def save(self, rules: str, packed: Mapping[str, bytes], labels: Mapping[str, tuple[str, ...]]) -> None:
        """Keep verdicts; a cache that cannot be written to is passed over."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=10)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS verdict (key BLOB PRIMARY KEY, verdict BLOB NOT NULL) WITHOUT ROWID"
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO verdict VALUES (?, ?)",
                    [(key_of(rules, sha, labels), value) for sha, value in packed.items()],
                )
                connection.commit()
        except (sqlite3.Error, OSError):
            return


def key_of(rules: str, sha: str, labels: Mapping[str, tuple[str, ...]]) -> bytes:
    """Code, rules, labels, and the commit, whose id stands for its tree, parents and message."""
    said = "\0".join(sorted(labels.get(sha, ())))
    return hashlib.sha256(f"{code_version()}\0{rules}\0{sha}\0{said}".encode()).digest()[:20]
