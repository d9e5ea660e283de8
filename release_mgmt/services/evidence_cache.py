"""What was read once is kept: the facts of blobs, of pairs of blobs and of whole changes, as bytes under keys.

A key stands for all that the value depends on. A blob's facts depend on the kind of its path (a manifest: on the path)
and on the readers; what a changed file says, on both paths, both blobs, the readers, and whether the tree is a library;
what a change does, on its commit, whose id stands for both trees and the message, its labels, and what observing takes
from the rules. No key holds a rule: a verdict is made from kept facts by the rules of the day, so nothing gets stale.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import fields
from functools import cache
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import Protocol

import orjson

from release_mgmt.core.classification import Blob, Fact, Rules
from release_mgmt.core.classification.facts import Asked, FileFacts, language_of
from release_mgmt.core.classification.tree import blob_of
from release_mgmt.core.evidence.dependencies import Group, Include, Manifest, Requirement, manifest_kind
from release_mgmt.core.evidence.imports import Guard

_SQUEEZE_FROM = 400
_MOST_BYTES = 2_000_000
"""A value above this size is made again rather than kept."""

_VERDICTS = ("libraries.py", "model.py", "rules.py", "verdict.py")
_PART = 500


class Cache(Protocol):
    """Where values are kept between runs; any may be gone at any time. It can be pickled: processes share it."""

    def load(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """The values of the keys that are known."""

    def save(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values."""


def _digest_of(leave_out: Collection[str]) -> str:
    digest = hashlib.sha256()
    core = Path(__file__).parent.parent / "core"
    for folder in ("classification", "evidence"):
        for path in sorted((core / folder).rglob("*.py")):
            if folder == "evidence" or path.name not in leave_out:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def code_version() -> str:
    """A digest of the code that classifies: what other code found is never taken from a cache."""
    return _digest_of(())


@cache
def reader_version() -> str:
    """A digest of the code that reads files; how facts of a whole change are put together is no part of it."""
    return _digest_of(_VERDICTS)


def _key(*parts: str | None) -> bytes:
    text = "\0".join("\1" if part is None else part for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def blob_key(path: str, blob: str) -> bytes:
    """The key of what a tree keeps of a blob at ``path``."""
    kind = path if manifest_kind(path) else language_of(path) or ""
    return _key("blob", reader_version(), kind, blob)


def pair_key(old_path: str | None, new_path: str | None, old: str, new: str, *, copied: bool, library: bool) -> bytes:
    """The key of what a changed file says by itself."""
    flags = f"{copied:d}{library:d}"
    return _key("pair", reader_version(), flags, old_path, new_path, old, new)


def change_key(rules: Rules, sha: str, labels: Iterable[str]) -> bytes:
    """The key of what the change of a commit does."""
    return _key("change", code_version(), rules.observing, sha, *sorted(labels))


_fact = attrgetter(*(one.name for one in fields(Fact)))
_asked = attrgetter(*(one.name for one in fields(Asked)))
_requirement = attrgetter(*(one.name for one in fields(Requirement)))
_GROUP_AT = [one.name for one in fields(Requirement)].index("group")


def pack_facts(facts: Iterable[Fact]) -> bytes:
    """Facts as compact bytes. What is no text (a stray surrogate) is shown as a question mark."""
    listed = [_fact(one) for one in facts]
    try:
        return _squeezed(orjson.dumps(listed))
    except TypeError:
        return _squeezed(orjson.dumps([[_safe(value) for value in one] for one in listed]))


def unpack_facts(packed: bytes) -> tuple[Fact, ...]:
    """The facts that `pack_facts` made bytes of."""
    return tuple(Fact(*one) for one in orjson.loads(_whole(packed)))


def pack_blob(blob: Blob) -> bytes | None:
    """What a tree keeps of a blob, as bytes; None when it cannot be given back as it was."""
    manifest, facts = blob.manifest, blob.facts
    value = [
        [_asked(one) for one in facts.asked],
        facts.familiar,
        facts.unreadable,
        None if manifest is None else [
            manifest.path, manifest.ecosystem, [_requirement(one) for one in manifest.requirements],
            [[one.path, one.constraint, one.line] for one in manifest.includes],
            manifest.provides, manifest.lock, manifest.settled, manifest.unreadable,
        ],
        list(blob.commented),
    ]  # fmt: skip
    try:
        return _squeezed(orjson.dumps(value))
    except TypeError:
        return None


def unpack_blob(packed: bytes) -> Blob:
    """The blob that `pack_blob` made bytes of."""
    asked, familiar, unreadable, declared, commented = orjson.loads(_whole(packed))
    facts = FileFacts(
        tuple(Asked(intern(how), intern(name), line, Guard(guard)) for how, name, line, guard in asked),
        tuple((intern(name), line) for name, line in familiar),
        unreadable,
    )
    return blob_of(facts, _manifest(declared), frozenset((how, name) for how, name in commented))


def _manifest(value: list[object] | None) -> Manifest | None:
    if value is None:
        return None
    path, ecosystem, requirements, includes, provides, lock, settled, unreadable = value
    for one in requirements:  # type: ignore[attr-defined] # as `pack_blob` wrote it
        one[_GROUP_AT] = Group(one[_GROUP_AT])
    return Manifest(
        path, ecosystem, tuple(Requirement(*one) for one in requirements),  # type: ignore[arg-type, attr-defined]
        tuple(Include(*one) for one in includes), provides, lock, settled, unreadable,  # type: ignore[arg-type, attr-defined]
    )  # fmt: skip


def _safe(value: str | int | None) -> str | int | None:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and not value.isascii() else value


def _squeezed(data: bytes) -> bytes:
    return zlib.compress(data, 1) if len(data) >= _SQUEEZE_FROM else data


def _whole(data: bytes) -> bytes:
    return data if data.startswith(b"[") else zlib.decompress(data)


class Evidence:
    """What is known of blobs and of pairs, before a cache that outlives the process; without one nothing is known."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache
        self._known: dict[bytes, bytes] = {}
        self._fresh: dict[bytes, bytes] = {}

    def look_up(self, keys: Collection[bytes]) -> None:
        """Have at hand what the cache knows of ``keys``."""
        if self._cache is not None and keys:
            self._known.update(self._cache.load(keys))

    def forget(self) -> None:
        """Let go of what was looked up, and write down what is new."""
        self.flush()
        self._known = {}

    def knows(self, key: bytes) -> bool:
        """Whether the value of ``key`` is at hand."""
        return key in self._known

    def blob(self, key: bytes) -> Blob | None:
        """What a tree keeps of a blob."""
        packed = self._known.get(key)
        return unpack_blob(packed) if packed is not None else None

    def pair(self, key: bytes) -> tuple[Fact, ...] | None:
        """What a changed file says."""
        packed = self._known.get(key)
        return unpack_facts(packed) if packed is not None else None

    def keep_blob(self, key: bytes, blob: Blob) -> None:
        """Keep what a tree keeps of a blob."""
        if self._cache is not None:
            self._keep(key, pack_blob(blob))

    def keep_pair(self, key: bytes, facts: tuple[Fact, ...]) -> None:
        """Keep what a changed file says."""
        if self._cache is not None:
            self._keep(key, pack_facts(facts))

    def _keep(self, key: bytes, packed: bytes | None) -> None:
        if packed is not None and len(packed) <= _MOST_BYTES:
            self._fresh[key] = packed

    def flush(self) -> None:
        """Give the cache what is new."""
        if self._cache is not None and self._fresh:
            self._cache.save(self._fresh)
            self._fresh = {}


def cache_folder() -> Path:
    """The user's folder for what can be made again."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "release-mgmt"


class FileCache:
    """Values in an SQLite file of the user's. It holds what one version of the readers found: another starts anew."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "evidence.sqlite"

    def load(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """The values of the keys that are known; a cache that cannot be read is an empty one."""
        if not keys or not self.path.is_file():
            return {}
        found: dict[bytes, bytes] = {}
        wanted = list(keys)
        try:
            with closing(sqlite3.connect(self.path, timeout=10)) as connection:
                for at in range(0, len(wanted), _PART):
                    part = wanted[at : at + _PART]
                    marks = ",".join("?" * len(part))
                    found.update(connection.execute(f"SELECT key, value FROM evidence WHERE key IN ({marks})", part))  # noqa: S608 - only marks
        except sqlite3.Error:
            return {}
        return found

    def save(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values; a cache that cannot be written to is passed over."""
        version = int(reader_version()[:7], 16)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=10)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=OFF")
                connection.execute("BEGIN IMMEDIATE")
                if connection.execute("PRAGMA user_version").fetchone()[0] != version:
                    connection.execute("DROP TABLE IF EXISTS evidence")
                    connection.execute(f"PRAGMA user_version={version}")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS evidence (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
                )
                connection.executemany("INSERT OR REPLACE INTO evidence VALUES (?, ?)", values.items())
                connection.commit()
        except (sqlite3.Error, OSError):
            return
