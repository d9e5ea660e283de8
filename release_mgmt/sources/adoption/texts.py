"""What old release texts come to: the releases that were found, and what could not be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from release_mgmt.core.errors import TooLarge
from release_mgmt.core.text import one_line

MOST_BYTES = 10_000_000
MOST_NOTES = 200
LONGEST_CHANGE = 2_000
LONGEST_LINE = 10_000

# Every run is bounded, so that no text makes a search long.
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\](?:\((?:[^()]|\([^()]{0,500}\)){0,2000}\)|\[[^\[\]]{0,500}\])")
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9-]*(?:[\s/][^<>]{0,500})?>")  # `range=<min,max>` and `<my_type>` are none
_ADDRESS = re.compile(r"<((?:https?|mailto):[^\s<>]{1,2000})>")
_RST_LINK = re.compile(r"`([^`<>]{1,500}?)\s*<[^`<>\s]{1,2000}>`__?")
_KEPT = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~@&:$=])|(?<!`)(`++)(.+?)(?<!`)\2(?!`)")
_MARK = re.compile(r"\*\*|(?<!\w)__|__(?!\w)|`")
_EMPHASIS = re.compile(
    r"(?<![\w*])\*(?=[^\s*])([^*]{1,500})(?<!\s)\*(?![\w*])|(?<!\w)_(?=[^\s_])([^_]{1,500})(?<!\s)_(?!\w)"
)
_SAYS_NOTHING = frozenset(
    ("", "changed", "changes", "what's changed", "what's new", "changelog", "other changes", "other")
)


@dataclass(frozen=True, slots=True)
class OldRelease:
    """A release as it was told: changes as (kind, text), newest information only in plain text."""

    version: str
    date: date | None
    yanked: bool
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OldTexts:
    """The releases of a file in its order, and what of it was not kept, each with its place."""

    releases: tuple[OldRelease, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Notes:
    """What a person should look at; no more than people read."""

    told: list[str] = field(default_factory=list)
    more: int = 0

    def line(self, number: int, text: str) -> None:
        """Something about a line of the file."""
        self.add(f"line {number}: {text}")

    def add(self, text: str) -> None:
        """Something about the file."""
        if len(self.told) < MOST_NOTES:
            self.told.append(text)
        else:
            self.more += 1

    def done(self) -> tuple[str, ...]:
        """The notes in their order."""
        return (*self.told, *([f"and {self.more:,} more"] if self.more else ()))


def plain(markdown: str) -> str:
    """Markdown as plain text: links by their words, no tags, no marks; code as it is."""
    return one_line(whole(markdown), LONGEST_CHANGE)


def whole(markdown: str) -> str:
    """As ``plain``, not yet shortened."""
    kept: list[str] = []  # what is escaped, and what is code, means only itself

    def keep(found: re.Match[str]) -> str:
        kept.append(found[1] or found[3].strip())
        return f"\0{len(kept) - 1}\0"

    text = _RST_LINK.sub(r"\1", markdown[:LONGEST_LINE].replace("\0", ""))
    text = _ADDRESS.sub(r"\1", _LINK.sub(r"\1", _KEPT.sub(keep, text)))
    text = _EMPHASIS.sub(r"\1\2", _MARK.sub("", _TAG.sub("", text)))
    return one_line(re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text))


def bare(heading: str) -> str:
    """A heading without links, tags and marks; its brackets stay."""
    text = _TAG.sub("", _LINK.sub(r"[\1]", heading))
    return one_line(re.sub(r"\\([\[\].\-_()])", r"\1", _MARK.sub("", text)))


def bounded(text: str) -> None:
    """Raises TooLarge for a text beyond the limit."""
    if len(text) > MOST_BYTES:
        raise TooLarge(f"The file has {len(text):,} characters; {MOST_BYTES:,} are allowed.")


def in_words(kind: str) -> str:
    """A heading of changes without pictures and marks, to compare it."""
    return re.sub(r"[^\w' ]+", "", kind.replace("\u2019", "'")).strip().casefold()


def says_nothing(kind: str) -> bool:
    """Whether a heading tells no more of the changes below it than that they are changes."""
    return in_words(kind) in _SAYS_NOTHING
