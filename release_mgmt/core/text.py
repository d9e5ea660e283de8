"""Text from outside (git, forges, forms) made safe to keep and to show."""

from __future__ import annotations

import re
import unicodedata

# C0 and C1 controls save tab and newline, line and paragraph separators, and bidirectional overrides
# (CVE-2021-42574): none of them belongs in a title and each has broken a reader of feeds.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2060\ufeff\ufffe\uffff\ud800-\udfff]"
)

_JOINERS = "\u200c\u200d"  # between two characters they make one: emoji of several, Persian and Indian words
_BREAKS = frozenset("\x0b\x0c\x85\u2028\u2029")  # what word processors and spreadsheets end a line with


def clean(text: str, limit: int | None = None) -> str:
    """``text`` without controls, in NFC, at most ``limit`` characters (an ellipsis marks the cut); every end of a line
    is a newline."""
    kept = unicodedata.normalize("NFC", _UNWANTED.sub(_instead, text.replace("\r\n", "\n").replace("\r", "\n")))
    if limit is not None and len(kept) > limit:
        kept = kept[: limit - 1].rstrip() + "…"
    return kept


def _instead(unwanted: re.Match[str]) -> str:
    if unwanted[0] in _JOINERS:
        text, at = unwanted.string, unwanted.start()
        return unwanted[0] if _is_joined(text[at - 1 : at]) and _is_joined(text[at + 1 : at + 2]) else ""
    return "\n" if unwanted[0] in _BREAKS else ""


def _is_joined(neighbour: str) -> bool:
    """May a joiner beside this character say something? Not in the scripts of Europe, where it only hides."""
    return neighbour > "\u05ff" and not neighbour.isspace() and not _UNWANTED.match(neighbour)


def counted(number: int, one: str, several: str | None = None) -> str:
    """``1 release``, ``3 releases``, for what is told in English only."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def one_line(text: str, limit: int | None = None) -> str:
    """``text`` cleaned and with every run of white space as one space."""
    return clean(" ".join(clean(text).split()), limit)
