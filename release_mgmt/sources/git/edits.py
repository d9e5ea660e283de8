"""What commits changed, line by line, through one ``cat-file``: for the few commits whose contents must be compared.

A pass over the trees of a commit and of its parent gives the files; of two versions of a file only what lies between
the lines that both begin and end with is compared, so that a change and its cherry-pick look alike on other contexts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from release_mgmt.sources.git.merges import with_own_content
from release_mgmt.sources.git.objects import FILE_LIMIT, TREE, Head, Objects, head_of, parted, rows

LINES_LIMIT = 2_000
AT_ONCE = 25
"""Commits that are looked at together; their trees are in memory at the same time."""
FILES_LIMIT = 100
"""Files of a commit above which it is not compared by content: a vendored tree or a move of everything."""

_Files = tuple[tuple[str, str | None, str | None], ...]

Edit = tuple[tuple[bytes, ...], tuple[bytes, ...]]
"""The lines that were taken out and those that were put in, without white space."""


class Edits:
    """What single commits changed; of each only the name of its patch is kept."""

    def __init__(self, objects: Objects, heads: Mapping[str, Head] | None = None) -> None:
        """``heads`` are those of merges and their parents, as far as they are known."""
        self._objects = objects
        self._heads = heads or {}
        self._named: dict[str, str | None] = {}
        self._touched: dict[str, _Files | None] = {}
        self._parts: dict[tuple[str, str], bool] = {}
        self._own: dict[str, bool] = {}

    def of(self, sha: str) -> dict[str, Edit] | None:
        """Path -> what was taken out and put in; None for merges, and for what cannot be read or is too much."""
        files = self._files(sha)
        return None if files is None else {path: self._edit(old, new) for path, old, new in files}

    def through(self, objects: Objects) -> None:
        """Read by another process from now on; what was learnt stays."""
        self._objects = objects

    def _files(self, sha: str) -> _Files | None:
        """The files that a commit changed, each with its blob before and after."""
        if sha not in self._touched:
            self.learn([sha])
        return self._touched[sha]

    def learn(self, shas: Iterable[str]) -> None:
        """Find the files that many commits changed in a few questions, tree level by tree level."""
        wanted = [sha for sha in dict.fromkeys(shas) if sha not in self._touched]
        for start in range(0, len(wanted), AT_ONCE):
            self._learn(wanted[start : start + AT_ONCE])

    def _learn(self, wanted: Sequence[str]) -> None:
        heads = {sha: head_of(data) for sha, data in self._objects.read_all(wanted).items()}
        parents = self._objects.read_all([head[1][0] for head in heads.values() if head and head[1]])
        pairs: list[tuple[str, str, str | None, str | None]] = []
        found: dict[str, list[tuple[str, str | None, str | None]] | None] = dict.fromkeys(wanted)
        for sha, head in heads.items():
            if head is None or len(head[1]) > 1:
                continue
            before = head_of(parents[head[1][0]]) if head[1] else None
            found[sha] = []
            pairs.append((sha, "", before[0] if before else None, head[0]))
        while pairs:
            pairs = self._compare(pairs, found)
        for sha, files in found.items():
            self._touched[sha] = None if files is None else tuple(sorted(files, key=lambda file: file[0]))

    def learn_merges(self, shas: Sequence[str]) -> None:
        """Look at many merges at once, which costs less than one by one."""
        self._own.update(with_own_content(self._objects, [sha for sha in shas if sha not in self._own], self._heads))

    def adds_own(self, merge: str) -> bool:
        """Whether a merge has content that none of its sides had."""
        if merge not in self._own:
            self.learn_merges([merge])
        return self._own[merge]

    def paths(self, sha: str) -> tuple[str, ...]:
        """The files that a commit changed, without reading any; empty where there is no patch to name."""
        return tuple([path for path, _, _ in self._files(sha) or ()])

    def patch_ids(self, shas: Iterable[str]) -> dict[str, str]:
        """Commit -> what names its patch, for those that change something."""
        found = {}
        for sha in shas:
            if sha not in self._named:
                edits = self.of(sha)
                text = repr(sorted(edits.items())).encode() if edits else b""
                self._named[sha] = hashlib.sha256(text).hexdigest() if edits else None
            name = self._named[sha]
            if name is not None:
                found[sha] = name
        return found

    def undoes_in_part(self, revert: str, target: str) -> bool:
        """Whether what ``revert`` changed is less than the inverse of what ``target`` did; False when in doubt."""
        pair = (revert, target)
        if pair not in self._parts:  # the packages of one history ask for the same
            self._parts[pair] = self._in_part(revert, target)
        return self._parts[pair]

    def _in_part(self, revert: str, target: str) -> bool:
        done, undone = self._files(target), self._files(revert)
        if not done or not undone:
            return False
        before = {path: (old, new) for path, old, new in done}
        if any(path not in before for path, _, _ in undone):
            return False
        return len(undone) < len(before) or any(self._takes_less(before[path], old, new) for path, old, new in undone)

    def _takes_less(self, done: tuple[str | None, str | None], old: str | None, new: str | None) -> bool:
        """Whether a change of a file from ``old`` to ``new`` is less than the inverse of ``done``."""
        if done == (new, old):
            return False  # as it was before, and no file has to be read for it
        (out, back), (taken, put) = self._edit(old, new), self._edit(*done)
        return set(out) <= set(put) and set(back) <= set(taken) and (len(out) < len(put) or len(back) < len(taken))

    def _compare(
        self,
        pairs: Iterable[tuple[str, str, str | None, str | None]],
        found: dict[str, list[tuple[str, str | None, str | None]] | None],
    ) -> list[tuple[str, str, str | None, str | None]]:
        """Collect the files in which two trees of each commit differ and give the pairs of trees below.

        None for a commit when a tree is missing or there are too many files.
        """
        trees = self._objects.read_all([tree for _, _, old, new in pairs for tree in (old, new) if tree])
        below = []
        for sha, prefix, old, new in pairs:
            files = found[sha]
            if files is None:
                continue
            sides = [b"" if tree is None else trees[tree] for tree in (old, new)]
            if None in sides:
                found[sha] = None
                continue
            ours, theirs = [set(rows(data or b"", sha)) for data in sides]
            one = {name: (mode, blob.hex()) for mode, name, blob in parted(ours - theirs)}
            other = {name: (mode, blob.hex()) for mode, name, blob in parted(theirs - ours)}
            for name in one.keys() | other.keys():
                path = f"{prefix}{name.decode('utf-8', 'replace')}"
                pair = (one.get(name), other.get(name))
                inner = [entry[1] if entry and entry[0] == TREE else None for entry in pair]
                blobs = [entry[1] if entry and entry[0] != TREE else None for entry in pair]
                if any(inner):
                    below.append((sha, f"{path}/", inner[0], inner[1]))
                if any(blobs):
                    files.append((path, blobs[0], blobs[1]))
            if len(files) > FILES_LIMIT:
                found[sha] = None
        return [pair for pair in below if found[pair[0]] is not None]

    def _edit(self, old: str | None, new: str | None) -> Edit:
        one, other = self._lines(old), self._lines(new)
        if one is None or other is None:
            return ((f"{old}".encode(),), (f"{new}".encode(),))
        begin = 0
        while begin < min(len(one), len(other)) and one[begin] == other[begin]:
            begin += 1
        end = 0
        while end < min(len(one), len(other)) - begin and one[-1 - end] == other[-1 - end]:
            end += 1
        one, other = one[begin : len(one) - end], other[begin : len(other) - end]
        if one and other and len(one) + len(other) <= LINES_LIMIT:
            from difflib import SequenceMatcher  # seldom needed, and slow to load

            codes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
            taken = [line for tag, a, b, _, _ in codes if tag != "equal" for line in one[a:b]]
            put = [line for tag, _, _, a, b in codes if tag != "equal" for line in other[a:b]]
            one, other = taken, put
        return tuple(b"".join(line.split()) for line in one), tuple(b"".join(line.split()) for line in other)

    def _lines(self, blob: str | None) -> list[bytes] | None:
        """The lines of a file; None for binary, missing and very large ones."""
        if blob is None:
            return []
        data = self._objects.read(blob)
        if data is None or len(data) > FILE_LIMIT or b"\0" in data[:8000]:
            return None
        return data.split(b"\n")
