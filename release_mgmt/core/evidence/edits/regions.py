"""The stretches of two versions of a file that differ, cut where statements are known to begin."""

from __future__ import annotations

import re
from bisect import bisect_right
from difflib import SequenceMatcher
from itertools import pairwise

from release_mgmt.core.evidence.imports import long_strings

_DEFINES = re.compile(rb"^[ \t]*+(?:def|class|async[ \t]++def)[ \t]", re.MULTILINE)
BLOCKS = 2_000


def blocks(old: str, new: str, language: str) -> list[tuple[str, str, int]]:
    """The stretches of definitions that differ (old, new, lines before in new); the whole where there are no such."""
    if language != "python" or len(old) + len(new) < SMALL:
        return [(old, new, 0)]
    before, after = _definitions(old), _definitions(new)
    if max(len(before), len(after)) > BLOCKS:
        return [(old, new, 0)]
    found = []
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            line = sum(one.count("\n") for one in after[:c])
            found.append(("".join(before[a:b]), "".join(after[c:d]), line))
    return found


def _definitions(text: str) -> list[str]:
    """Python source cut before each ``def`` and ``class``."""
    data = text.encode("utf-8", "replace")
    spans = long_strings(data)
    cuts = [0]
    for match in _DEFINES.finditer(data):
        at = match.start()
        index = bisect_right(spans, (at, len(data))) - 1
        if at and (index < 0 or at >= spans[index][1]):
            cuts.append(at)
    cuts.append(len(data))
    return [data[a:b].decode("utf-8", "replace") for a, b in pairwise(cuts)]


# Words that begin a statement and never stand first on a line inside brackets.
_BEGINS = re.compile(
    rb"[ \t]*+(?:def|class|return|import|with|try|except|finally|raise|while|assert|del|pass|break|continue|global)"
    rb"(?![0-9A-Za-z_])|[ \t]*+@[A-Za-z_]|from[ \t.]"
)
SMALL = 2_000


def middle(old: str, new: str, language: str) -> tuple[str, str, int]:
    """Both texts without the statements they share at both ends, and the number of lines left out before."""
    if len(old) + len(new) < SMALL or language not in ("python", "r"):
        return old, new, 0
    a, b = old.encode("utf-8", "replace"), new.encode("utf-8", "replace")
    start, end = shared(a, b)
    spans = long_strings(a) if language == "python" else []
    safe = _statement if language == "python" else _paragraph
    at = a.rfind(b"\n", 0, start) + 1
    while at > 0 and not safe(a, at, spans):
        at = a.rfind(b"\n", 0, at - 1) + 1
    stop = a.find(b"\n", len(a) - end) + 1
    while stop > 0 and not safe(a, stop, spans):
        stop = a.find(b"\n", stop) + 1
    tail = len(a) - stop if stop > 0 else 0
    before, after = a[at : len(a) - tail], b[at : len(b) - tail]
    return before.decode("utf-8", "replace"), after.decode("utf-8", "replace"), a.count(b"\n", 0, at)


def _statement(data: bytes, at: int, spans: list[tuple[int, int]]) -> bool:
    """Whether a Python statement is known to begin at ``at``, the start of a line."""
    if _BEGINS.match(data, at) is None or data[at - 2 : at] == b"\\\n":
        return False
    index = bisect_right(spans, (at, len(data))) - 1
    return index < 0 or at >= spans[index][1]


def _paragraph(data: bytes, at: int, _: list[tuple[int, int]]) -> bool:
    """Whether an R expression of the top level most likely begins at ``at``, the start of a line."""
    return (
        data[at : at + 1].isalpha()
        and data[at - 2 : at] in (b"\n\n", b"}\n", b")\n")
        and data.count(b"`", 0, at) % 2 == 0
    )


def shared(a: bytes, b: bytes) -> tuple[int, int]:
    """The lengths of the common beginning and the common end, found by halving; they never overlap."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    start = low
    low, high = 0, min(len(a), len(b)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return start, low
