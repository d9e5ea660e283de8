"""Merges with content of their own: lines, files or deletions that none of the merged sides had.

Only what differs from every parent is looked at, tree level by tree level and many merges at once, so that most merges
cost their root trees alone. A file that both sides changed is no content of the merge as long as each of its lines
was there on one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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

AT_ONCE = 50
"""Merges that are looked at together; their trees are in memory at the same time."""
TREES_AT_ONCE = 4_000_000
"""Bytes of trees that are meant to be in memory at the same time: of huge folders those of fewer merges."""
READ_AT_ONCE = 500_000
"""Bytes of merged files that are compared together; their sides are in memory at the same time."""
FEW = 30
"""Lines that are looked for in a file one by one; more are compared with all of its lines."""
ENOUGH = 64
"""Bytes as near as which two files are compared from their begin and their end."""
MOVED_LIMIT = 100
"""Files of the sides that a merge has no more, in which its lines are looked for."""


_Level = tuple[str, str, list[str | None]]
"""Of a merge, by its id, one tree that differs from those of all sides, and theirs (None where it is none)."""


@dataclass(slots=True)
class _Merge:
    """What is found of one merge: whether it is settled, files to compare, files of the sides that it has no more."""

    own: bool = False
    files: list[tuple[str, list[str]]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def with_own_content(objects: Objects, shas: Sequence[str], heads: Mapping[str, Head]) -> dict[str, bool]:
    """Merge (full id) -> whether it has content of its own; False as well for what cannot be read.

    ``heads`` are those of merges and their parents that are known already, so that nobody has to ask for them.
    """
    load = _Load()
    found: dict[str, bool] = {}
    for part in objects.in_turns(_looked_at(portion, heads, load) for portion in load.portions(shas)):
        found.update(part)
    return found


@dataclass(slots=True)
class _Load:
    """How many bytes of trees one merge has at a time: those that were looked at last tell of the next ones."""

    each: int = TREES_AT_ONCE // 10

    def portions(self, shas: Sequence[str]) -> Iterator[Sequence[str]]:
        """Merges that are looked at together."""
        start = 0
        while start < len(shas):
            count = min(AT_ONCE, max(1, TREES_AT_ONCE // self.each))
            yield shas[start : start + count]
            start += count


def _heads(shas: Iterable[str], known: Mapping[str, Head]) -> Work[dict[str, Head | None]]:
    wanted = list(shas)
    read = yield from contents([sha for sha in wanted if sha not in known])
    return {sha: known[sha] if sha in known else head_of(read[sha]) for sha in wanted}


def _looked_at(shas: Sequence[str], known: Mapping[str, Head], load: _Load) -> Work[dict[str, bool]]:
    heads = yield from _heads(shas, known)
    roots = yield from _heads({parent for head in heads.values() if head for parent in head[1]}, known)
    merges = {sha: _Merge() for sha in shas}
    level: list[_Level] = []
    for sha, head in heads.items():
        sides = [root[0] for parent in (head[1] if head else ()) if (root := roots[parent]) is not None]
        if head is not None and len(sides) > 1 and head[0] not in sides:
            level.append((sha, head[0], [*sides]))
    most = 1
    while level:
        level = [one for one in level if not merges[one[0]].own]
        trees = yield from contents([tree for _, result, sides in level for tree in (result, *sides) if tree])
        most = max(most, sum([len(data) for data in trees.values() if data]))
        level = _below(level, trees, merges)
    load.each = 1 + most // len(shas)
    yield from _compare_files([merge for merge in merges.values() if not merge.own and merge.files])
    return {sha: merge.own for sha, merge in merges.items()}


def _below(level: Iterable[_Level], trees: Mapping[str, bytes | None], merges: Mapping[str, _Merge]) -> list[_Level]:
    """Sort out one level of trees; the trees of the next that differ from those of every side."""
    written = {tree: None if data is None else set(rows(data, tree)) for tree, data in trees.items()}
    following: list[_Level] = []
    for sha, result, sides in level:
        merge, here = merges[sha], written[result]
        others = [side for tree in sides if (side := written[tree] if tree else set[bytes]()) is not None]
        if here is None or len(others) < len(sides):
            continue  # what cannot be read is no evidence
        # Nearly all rows are those of some side; only what differs is taken apart.
        changed = [{name: (mode, blob) for mode, name, blob in parted(here - other)} for other in others]
        before = [{name: (mode, blob) for mode, name, blob in parted(other - here)} for other in others]
        lacking = [was.keys() - now.keys() for was, now in zip(before, changed, strict=True)]
        if set.intersection(*lacking):
            merge.own = True  # taken away though all sides have it
            continue
        for was, names in zip(before, lacking, strict=True):
            merge.gone += [was[name][1].hex() for name in sorted(names) if was[name][0] != TREE]
        for name in sorted(set.intersection(*[set(now) for now in changed])):
            mode, blob = changed[0][name]
            theirs = [(was[name][0], was[name][1].hex()) for was in before if name in was]
            if not theirs:
                merge.own = True  # put in though none has it
            elif mode == TREE:
                following.append((sha, blob.hex(), [one if that == TREE else None for that, one in theirs]))
            else:
                merge.files.append((blob.hex(), [one for that, one in theirs if that != TREE]))
    return following


def _compare_files(merges: Sequence[_Merge]) -> Work[None]:
    """A file of both sides is the merge's own when it is binary or has a line that no side has."""
    known = yield from sizes([own for merge in merges for own, _ in merge.files])
    portion: list[_Merge] = []
    left = READ_AT_ONCE
    for merge in merges:
        # Of what is missing or too large nothing is read.
        merge.files = [file for file in merge.files if known.get(file[0], FILE_LIMIT + 1) <= FILE_LIMIT]
        if not merge.files:
            continue
        portion.append(merge)
        left -= sum([known[own] for own, _ in merge.files])
        if left < 0:
            yield from _compare_portion(portion)
            portion, left = [], READ_AT_ONCE
    yield from _compare_portion(portion)


def _compare_portion(merges: Sequence[_Merge]) -> Work[None]:
    blobs = yield from contents([blob for merge in merges for own, sides in merge.files for blob in (own, *sides)])
    for merge in merges:
        for own, sides in merge.files:
            data = blobs[own]
            if data is None or any(blobs[side] is None for side in sides):
                continue
            left = _beyond(data, [blobs[side] or b"" for side in sides])
            if left and merge.gone:
                moved = yield from contents(merge.gone[:MOVED_LIMIT])
                left = left.difference(*[_lines(one or b"") for one in moved.values()])
            if left or b"\0" in data[:8000]:
                merge.own = True
                break


def _beyond(data: bytes, sides: Sequence[bytes]) -> set[bytes]:
    """The lines of a file, without white space, that none of the others has."""
    # Most of a file stands at its begin and its end in the same words; only what lies between is cut into lines.
    parts = [set(data[begin:end].split(b"\n")) for begin, end in (_between(data, side) for side in sides)]
    left = (set.intersection(*parts) if parts else set(data.split(b"\n"))) - {b""}
    # For most merges little is left, and nothing of it that does not stand elsewhere in the file.
    for side in sides:
        if len(left) > FEW:
            left = left.difference(side.split(b"\n"))
        elif left:
            whole = b"\n%b\n" % side
            left = {line for line in left if b"\n%b\n" % line not in whole}
    left = left and _lines(b"\n".join(left)) - {b""}
    for side in sides:
        left = left and left - _lines(side)
    return left


def _between(data: bytes, other: bytes) -> tuple[int, int]:
    """Where those lines of ``data`` begin and end that stand between what both begin and what both end with.

    Whole lines are left out, seldom all that could be.
    """
    ours, theirs = len(data), len(other)
    shorter = min(ours, theirs)
    same = _alike(shorter, lambda low, high: data[low:high] == other[low:high])
    begin = data.rfind(b"\n", 0, same) + 1
    same = _alike(
        shorter - begin, lambda low, high: data[ours - high : ours - low] == other[theirs - high : theirs - low]
    )
    end = data.find(b"\n", ours - same)
    return begin, ours if end < 0 else max(begin, end)


def _alike(most: int, alike: Callable[[int, int], bool]) -> int:
    """How many of ``most`` bytes are alike from the first one on, or some less."""
    low = 0
    while most - low > ENOUGH:
        middle = (low + most) // 2
        if alike(low, middle):
            low = middle
        else:
            most = middle
    return low


def _lines(data: bytes) -> set[bytes]:
    """The lines of a file without white space."""
    return set(data.translate(None, b" \t\r\v\f").split(b"\n"))
