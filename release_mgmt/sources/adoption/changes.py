"""The changes below a heading of a changelog, as its lines come in."""

from __future__ import annotations

import re
from datetime import date

from release_mgmt.core.errors import TooLarge
from release_mgmt.core.text import one_line
from release_mgmt.sources.adoption.headings import day
from release_mgmt.sources.adoption.lines import Line
from release_mgmt.sources.adoption.texts import LONGEST_CHANGE, LONGEST_LINE, Notes, plain, says_nothing, whole

MOST_CHANGES = 20_000
LONGEST_LEAD = 100
_HEADINGS, _BOLD_LINE, _COLON = 6, 7, 8
"""The deepest level of a heading; those of a bold line and of a line that ends in a colon."""

_BULLET = re.compile(r"^(?P<indent>\s*)(?:[-*+•]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?(?P<text>.+)$")
_REFERENCE = re.compile(r"^ {0,3}(?:\[[^\]]+\]:\s|\.\. _[^:]+:)")  # an address or a place, named for links
_BOLD = re.compile(r"^\s*(\*\*|__)(?P<text>[^*_]{1,100})(?<![.!])\1:?\s*$")
_WHEN = re.compile(
    r"^[\s>*_]*(?:release[ds]?(?: (?:on|date))?|date|veröffentlicht)?[:\s*_]*(?P<day>[^:]{6,40}?)[\s*_.]*$",
    re.IGNORECASE,
)
_COMING = re.compile(r"^[\s>*_]*(?:unreleased|not yet released|unveröffentlicht)[\s*_.]*$", re.IGNORECASE)


class Changes:
    """What a release holds: the points of its lists, each with the points below it, and its paragraphs.

    ``day`` is its day and ``coming`` that it has none yet, where its first line is only that. ``listed``
    takes lists alone.
    """

    def __init__(self, notes: Notes, *, listed: bool = False) -> None:
        self._listed = listed
        self.kind = ""
        self.day: date | None = None
        self.coming = False
        self._notes = notes
        self._found: list[tuple[str, str, int]] = []
        self._heads: list[tuple[int, str]] = []
        self._indent: int | None = None
        self._prose = self._near = self._led = False
        self._cut = self._told = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def head(self, text: str, level: int) -> None:
        """A heading below the release's own: what it says holds for all that stands below it."""
        self._say(plain(text), level)
        self._indent, self._near, self._prose = None, False, False

    def take(self, line: Line) -> None:
        """Any other line. One of an example belongs to the change before it, whatever it looks like."""
        text = line.text
        if line.fence:
            return
        if line.code and self._found:
            self._add(f" {text.strip()}", line.number)
            return
        if not text.strip() or line.is_rule or _REFERENCE.match(text):
            self._prose = self._near = False
            return
        bullet = _BULLET.match(text)
        if bullet:
            self._point(len(bullet["indent"].expandtabs(4)), bullet["text"], line.number)
        elif self._prose or (self._near or (text[:1] in " \t" and self._indent is not None)):
            self._add(f" {whole(text)}", line.number)
        else:
            self._paragraph(text, line.number)

    def done(self) -> tuple[tuple[str, str], ...]:
        """What was found, as (kind, text)."""
        return tuple((kind, text) for kind, text, _ in self._found)

    def _point(self, indent: int, text: str, number: int) -> None:
        self._lead()
        if self._indent is None or indent < self._indent + 2:
            self._indent = indent if self._indent is None else min(indent, self._indent)
            self._new(text, number)
        else:  # a point below a change is a part of it
            self._add(f"; {whole(text)}", number)
        self._near, self._prose = True, False

    def _paragraph(self, text: str, number: int) -> None:
        bold = _BOLD.match(text)
        if bold:
            self.head(bold["text"], _BOLD_LINE)
            return
        if not self._found and self.day is None and len(text) <= LONGEST_LEAD:
            self.coming = self.coming or _COMING.match(text) is not None
            when = _WHEN.match(text)
            self.day = day(when["day"]) if when and not re.search(r"[^\W\d_]{10,}", when["day"]) else None
            if self.coming or self.day:
                return
        if self._listed:
            return
        self._indent = None
        self._prose = self._led = re.search(r"\w", text) is not None and self._new(text, number)

    def _lead(self) -> None:
        """A short line that ends in a colon says of what kind the points below it are."""
        if self._led and self._found and self._found[-1][1].endswith(":") and len(self._found[-1][1]) <= LONGEST_LEAD:
            self._say(self._found.pop()[1], _COLON)
        self._led = False

    def _say(self, text: str, level: int) -> None:
        above = [(at, head) for at, head in self._heads if at < level]
        if level > _HEADINGS and above == self._heads and len(self._found) > self._told:
            above = []  # a line that is no heading stands beside one that has its own list
        self._told = len(self._found)
        self._heads = [*above, (level, text.rstrip(": "))]
        told = [head for at, head in self._heads if at == level or not says_nothing(head)]
        self.kind = ": ".join(told)

    def _new(self, text: str, number: int) -> bool:
        if len(self._found) >= MOST_CHANGES:
            raise TooLarge(f"A release holds more than {MOST_CHANGES:,} changes.")
        told = plain(text)
        if not told:
            return False
        self._found.append((self.kind, told, number))
        self._told_if_cut(len(text) > LONGEST_LINE or len(told) == LONGEST_CHANGE, number)
        return True

    def _add(self, text: str, number: int) -> None:
        if not self._found:
            self._new(text, number)
            return
        kind, before, began = self._found[-1]
        if began == self._cut:
            return
        now = one_line(before + text, LONGEST_CHANGE)
        self._found[-1] = (kind, now, began)
        self._told_if_cut(len(now) == LONGEST_CHANGE, began)

    def _told_if_cut(self, cut: bool, number: int) -> None:
        if cut and self._cut != number:
            self._cut = number
            self._notes.line(number, f"the change has more than {LONGEST_CHANGE:,} characters and was shortened")
