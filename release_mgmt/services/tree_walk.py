"""Moving the known state of a tree from commit to commit, and judging each on the way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from release_mgmt.core.classification import (
    Blob,
    ChangedFile,
    ChangeInput,
    Classification,
    Fact,
    Rules,
    Tree,
    follow,
    included_blob,
    judge,
    observe,
    pair_facts,
    read_blob,
    wanted,
)
from release_mgmt.core.classification.contents import is_read
from release_mgmt.core.classification.effects import is_interface
from release_mgmt.core.classification.facts import language_of
from release_mgmt.core.evidence.dependencies import Group, manifest_kind
from release_mgmt.core.evidence.notebooks import NOTEBOOK_BYTES
from release_mgmt.core.history import Commit, FileChange
from release_mgmt.services.evidence_cache import Evidence, blob_key, pair_key
from release_mgmt.sources.git import MissingBlob, Repository
from release_mgmt.sources.git.blobs import BlobReader

_NO_SOURCE = ("120000", "160000")  # symbolic links and submodules
_SAID = {"missing": "not in this copy of the repository", "too_large": "too large", "not_a_blob": "not a file"}


class TreeWalk:
    """The state of one tree, moved to the parent of each commit that is judged."""

    BLOB_LIMIT = NOTEBOOK_BYTES
    KEPT_BYTES = 24_000_000
    KEPT_FACTS = 40_000

    def __init__(self, repository: Repository, blobs: BlobReader, evidence: Evidence | None = None) -> None:
        self.repository = repository
        self.blobs = blobs
        self.tree = Tree()
        self.evidence = evidence or Evidence()
        self._ids: dict[str, str] = {}
        self._others: dict[str, str] = {}  # files that matter only if a manifest takes them in
        self._steps: list[tuple[str, list[tuple[str, str | None]]]] = []  # commits applied, with the way back
        self._applied: set[str] = set()
        self._facts: OrderedDict[tuple[str, str], Blob] = OrderedDict()
        self._bytes: OrderedDict[str, bytes | MissingBlob] = OrderedDict()
        self._kept = 0

    def classify(self, commit: Commit, rules: Rules, labels: tuple[str, ...] = ()) -> Classification:
        """The verdict on ``commit`` against its first parent; the state is then that of ``commit``."""
        return judge(self.observe(commit, rules, labels), rules)

    def observe(self, commit: Commit, rules: Rules, labels: tuple[str, ...] = ()) -> tuple[Fact, ...]:
        """What ``commit`` does to its first parent; the state is then that of ``commit``."""
        self._go_to(commit.parents[0] if commit.parents else None)
        library = self.tree.is_library
        files = tuple(self._changed(one, library=library) for one in commit.files)
        ids = {one.path: one.new_blob for one in commit.files if one.status != "D"}
        gone = {one.old_path for one in commit.files if one.status in ("D", "R")}
        found = observe(
            ChangeInput(files, commit.message, labels),
            self.tree,
            rules,
            lambda path, _: self._blob(path, ids[path]),
            lambda path, group: self._included(
                path, group, ids.get(path, None if path in gone else self._others.get(path))
            ),
        )
        self._apply(commit)
        return found

    def _go_to(self, sha: str | None) -> None:
        if sha is not None and sha in self._applied:
            while self._steps[-1][0] != sha:
                gone, undo = self._steps.pop()
                self._applied.discard(gone)
                for path, blob in reversed(undo):
                    self._set(path, blob)
                self._follow()
            return
        wanted_ids: dict[str, str] = {}
        self._others = {}
        if sha is not None:
            for entry in self.repository.tree(sha):
                if entry.kind == "blob" and entry.mode not in _NO_SOURCE:
                    (wanted_ids if wanted(entry.path) else self._others)[entry.path] = entry.sha
        for path in [path for path in self._ids if path not in wanted_ids]:
            self._set(path, None)
        moved = {path: blob for path, blob in wanted_ids.items() if self._ids.get(path) != blob}
        self.evidence.look_up([blob_key(path, blob) for path, blob in moved.items()])
        for path, blob in moved.items():
            self._set(path, blob)
        self._follow()
        self._steps = [(sha, [])] if sha is not None else []
        self._applied = {step[0] for step in self._steps}

    def _apply(self, commit: Commit) -> None:
        undo: list[tuple[str, str | None]] = []

        def move(path: str, blob: str | None) -> None:
            before = (self._ids if wanted(path) else self._others).get(path)
            if before != blob:
                undo.append((path, before))
                self._set(path, blob)

        for one in commit.files:
            if one.status in ("D", "R"):
                move(one.old_path, None)
        for one in commit.files:
            if one.status != "D":
                move(one.path, None if one.new_mode in _NO_SOURCE else one.new_blob)
        self._follow()
        self._steps.append((commit.sha, undo))
        self._applied.add(commit.sha)

    def _follow(self) -> None:
        """Take in what manifests take in, whatever its name."""
        follow(self.tree, lambda path, group: self._included(path, group, self._others.get(path)), [])

    def _included(self, path: str, group: Group, blob: str | None) -> Blob | None:
        if blob is None:
            return None
        key = (blob, f"{group} {path}")
        if key not in self._facts:
            data = self._read(blob)
            if not isinstance(data, bytes):
                return None
            self._facts[key] = included_blob(path, data, group)
        return self._facts[key]

    def _set(self, path: str, blob: str | None) -> None:
        if not wanted(path):
            if blob is None:
                self._others.pop(path, None)
            else:
                self._others[path] = blob
            return
        if blob is None:
            self._ids.pop(path, None)
            self.tree.remove(path)
            return
        self._ids[path] = blob
        self.tree.put(path, self._blob(path, blob))

    def _blob(self, path: str, blob: str) -> Blob:
        key = (blob, path if manifest_kind(path) else language_of(path) or "")
        found = self._facts.get(key)
        if found is None:
            kept = blob_key(path, blob)
            found = self.evidence.blob(kept)
            if found is None:
                data = self._read(blob)
                found = read_blob(path, data) if isinstance(data, bytes) else Blob()
                if isinstance(data, bytes):
                    self.evidence.keep_blob(kept, found)
            self._facts[key] = found
            if len(self._facts) > self.KEPT_FACTS:
                self._facts.popitem(last=False)
        return found

    def prefetch(self, commits: Iterable[Commit]) -> None:
        """Look up or read what judging ``commits`` will ask for in one go, which is cheaper than blob by blob."""
        files = [
            one
            for commit in commits
            for one in commit.files
            if is_read(one.path) and one.old_mode not in _NO_SOURCE and one.new_mode not in _NO_SOURCE
        ]
        self.evidence.forget()
        self.evidence.look_up([key for one in files for key in (*_pair_keys(one), *_blob_keys(one))])
        ids = dict.fromkeys(
            blob
            for one in files
            if not self._is_known(one)
            for blob in (one.old_blob, one.new_blob)
            if blob.strip("0") and blob not in self._bytes
        )
        if ids:
            for blob, data in self.repository.read_blobs(ids, self.BLOB_LIMIT):
                self._keep(blob, data)

    def _is_known(self, one: FileChange) -> bool:
        knows = self.evidence.knows
        return any(map(knows, _pair_keys(one))) and all(map(knows, _blob_keys(one)))

    def _keep(self, blob: str, data: bytes | MissingBlob) -> None:
        self._bytes[blob] = data
        self._kept += len(data) if isinstance(data, bytes) else 0
        while self._kept > self.KEPT_BYTES and len(self._bytes) > 1:
            _, gone = self._bytes.popitem(last=False)
            self._kept -= len(gone) if isinstance(gone, bytes) else 0

    def _read(self, blob: str) -> bytes | MissingBlob:
        found = self._bytes.get(blob)
        if found is None:
            found = self.blobs.ask(blob)
            self._keep(blob, found)
        else:
            self._bytes.move_to_end(blob)
        return found

    def _changed(self, one: FileChange, *, library: bool) -> ChangedFile:
        old_path, new_path = _paths(one)
        link = (one.new_mode if new_path else one.old_mode) in _NO_SOURCE
        same = one.old_blob == one.new_blob
        copied = one.status == "C"
        if link or not is_read(one.path):
            return ChangedFile(old_path, new_path, None, None, same, copied, None, link)
        key = _pair_key(one, library=library and is_interface(one.path))
        told = self.evidence.pair(key)
        if told is not None:
            return ChangedFile(old_path, new_path, None, None, same, copied, told=told)
        old = self._read(one.old_blob) if old_path else None
        new = self._read(one.new_blob) if new_path else None
        missing = next((each for each in (new, old) if isinstance(each, MissingBlob)), None)
        changed = ChangedFile(
            old_path,
            new_path,
            old if isinstance(old, bytes) else None,
            new if isinstance(new, bytes) else None,
            same,
            copied,
            _SAID.get(missing.reason, missing.reason) if missing else None,
        )
        told = pair_facts(changed, library)
        if missing is None:
            self.evidence.keep_pair(key, told)
        return replace(changed, told=told)


def _paths(one: FileChange) -> tuple[str | None, str | None]:
    """Where a file was and is. A link or a submodule that takes its place, or gave way to it, is no file."""
    old, new = (None if one.status == "A" else one.old_path), (None if one.status == "D" else one.path)
    if old and new and (one.old_mode in _NO_SOURCE) != (one.new_mode in _NO_SOURCE):
        return (None, new) if one.old_mode in _NO_SOURCE else (old, None)
    return old, new


def _pair_key(one: FileChange, *, library: bool) -> bytes:
    return pair_key(*_paths(one), one.old_blob, one.new_blob, copied=one.status == "C", library=library)


def _pair_keys(one: FileChange) -> list[bytes]:
    """The keys of what a changed file may say: of an interface, as a library's and as nobody's."""
    return [_pair_key(one, library=library) for library in (False, *((True,) if is_interface(one.path) else ()))]


def _blob_keys(one: FileChange) -> list[bytes]:
    return [blob_key(one.path, one.new_blob)] if one.status != "D" and wanted(one.path) else []
