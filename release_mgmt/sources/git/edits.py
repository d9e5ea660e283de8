"""What commits changed, line by line, through one ``cat-file``: for the few commits whose contents must be compared.

A pass over the trees of a commit and of its parent gives the files; of two versions of a file only what lies between
the lines that both begin and end with is compared, so that a change and its cherry-pick look alike on other contexts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from release_mgmt.sources.git.merges import with_own_content
from release_mgmt.sources.git.objects import (
    FILE_LIMIT,
    TREE,
    Head,
    Objects,
    Work,
    contents,
    head_of,
    parted,
    rows,
    sizes,
)

LINES_LIMIT = 2_000
AT_ONCE = 15
"""Commits that are looked at together; their trees are in memory at the same time."""
READ_AT_ONCE = 500_000
"""Bytes of the files of one commit that are compared together."""
FILES_LIMIT = 100
"""Files of a commit above which it is not compared by content: a vendored tree or a move of everything."""

_File = tuple[str, str | None, str | None]
_Files = tuple[_File, ...]
"""Paths, each with its blob before and after."""

_Pair = tuple[str, str, str | None, str | None]
"""Of a commit, by its id, a folder's path and its tree before and after."""

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
        return None if files is None else self._read_edits(files)

    def _read_edits(self, files: _Files) -> dict[str, Edit]:
        (found,) = self._objects.in_turns([_edits(files)])
        return found

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
        portions = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
        self._objects.in_turns(self._learn(portion) for portion in portions)

    def _learn(self, wanted: Sequence[str]) -> Work[None]:
        read = yield from contents(wanted)
        heads = {sha: head_of(read[sha]) for sha in wanted}
        parents = yield from contents([head[1][0] for head in heads.values() if head and head[1]])
        pairs: list[_Pair] = []
        found: dict[str, list[_File] | None] = dict.fromkeys(wanted)
        for sha, head in heads.items():
            if head is None or len(head[1]) > 1:
                continue
            before = head_of(parents[head[1][0]]) if head[1] else None
            found[sha] = []
            pairs.append((sha, "", before[0] if before else None, head[0]))
        while pairs:
            trees = yield from contents([tree for _, _, old, new in pairs for tree in (old, new) if tree])
            pairs = _below(pairs, trees, found)
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
        wanted = list(dict.fromkeys(shas))
        self.learn(wanted)
        self._objects.in_turns(self._name(sha) for sha in wanted if sha not in self._named)
        return {sha: name for sha in wanted if (name := self._named[sha]) is not None}

    def _name(self, sha: str) -> Work[None]:
        edits = yield from _edits(self._touched[sha] or ())
        text = repr(sorted(edits.items())).encode()
        self._named[sha] = hashlib.sha256(text).hexdigest() if edits else None

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
        return len(undone) < len(before) or any(
            self._takes_less(path, before[path], (old, new)) for path, old, new in undone
        )

    def _takes_less(
        self, path: str, done: tuple[str | None, str | None], undone: tuple[str | None, str | None]
    ) -> bool:
        """Whether a change of a file is less than the inverse of what was ``done``; both by its blobs."""
        if done == undone[::-1]:
            return False  # as it was before, and no file has to be read for it
        (out, back), (taken, put) = (self._read_edits(((path, *blobs),))[path] for blobs in (undone, done))
        return set(out) <= set(put) and set(back) <= set(taken) and (len(out) < len(put) or len(back) < len(taken))


def _below(
    pairs: Iterable[_Pair],
    trees: Mapping[str, bytes | None],
    found: dict[str, list[_File] | None],
) -> list[_Pair]:
    """Collect the files in which two trees of each commit differ and give the pairs of trees below.

    None for a commit when a tree is missing or there are too many files.
    """
    following: list[_Pair] = []
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
                following.append((sha, f"{path}/", inner[0], inner[1]))
            if any(blobs):
                files.append((path, blobs[0], blobs[1]))
        if len(files) > FILES_LIMIT:
            found[sha] = None
    return [pair for pair in following if found[pair[0]] is not None]


def _edits(files: _Files) -> Work[dict[str, Edit]]:
    """What was taken out of files and put in, by path."""
    known = yield from sizes([blob for _, *blobs in files for blob in blobs if blob])
    found: dict[str, Edit] = {}
    portion: list[_File] = []
    left = READ_AT_ONCE
    for file in files:
        blobs = [blob for blob in file[1:] if blob]
        if any(known.get(blob, FILE_LIMIT + 1) > FILE_LIMIT for blob in blobs):
            found[file[0]] = _whole(*file[1:])
            continue
        portion.append(file)
        left -= sum([known[blob] for blob in blobs])
        if left < 0:
            found.update((yield from _compared(portion)))
            portion, left = [], READ_AT_ONCE
    found.update((yield from _compared(portion)))
    return found


def _compared(files: Sequence[_File]) -> Work[dict[str, Edit]]:
    read = yield from contents([blob for _, *blobs in files for blob in blobs if blob])
    found = {}
    for path, old, new in files:
        before, after = [[] if blob is None else _lines(read[blob]) for blob in (old, new)]
        found[path] = _whole(old, new) if before is None or after is None else _edit(before, after)
    return found


def _lines(data: bytes | None) -> list[bytes] | None:
    """The lines of a file; None for binary and missing ones."""
    return None if data is None or b"\0" in data[:8000] else data.split(b"\n")


def _whole(old: str | None, new: str | None) -> Edit:
    """The edit of a file that is binary, missing or very large: one blob for another."""
    return (f"{old}".encode(),), (f"{new}".encode(),)


def _edit(one: list[bytes], other: list[bytes]) -> Edit:
    """The lines that were taken out of a file and those that were put in."""
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
