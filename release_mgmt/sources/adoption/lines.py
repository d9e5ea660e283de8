"""The lines of a Markdown file with what matters of them: comments are gone, examples are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from release_mgmt.core.errors import TooLarge
from release_mgmt.sources.adoption.texts import LONGEST_LINE, Notes

MOST_LINES = 100_000
LONGEST_HEADING = 1_000

_FENCE = re.compile(r"^\s*(```+|~~~+)")
_CODE = re.compile(r"(?<!`)(`++)(?:.*?)(?<!`)\1(?!`)|<!--")
_HASHES = re.compile(r"^ {0,3}(?P<level>#{1,6})\s+(?P<text>.*?)(?:\s+#+)?\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{3,}|~{3,}|\^{3,}|\"{3,})\s*$")
_RULE = re.compile(r"^\s*([-=*_~]\s*){3,}$")
_LEVELS = {"=": 1, "-": 2, "~": 3, "^": 4, '"': 5}  # as most reStructuredText has them


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file. ``fence`` begins or ends an example, ``code`` is inside one."""

    number: int
    text: str
    code: bool = False
    fence: bool = False

    @property
    def is_rule(self) -> bool:
        """A line that only divides."""
        return _RULE.match(self.text) is not None


def read(text: str, notes: Notes) -> list[Line]:
    """The lines of ``text`` without its comments. An example that never ends is none. Raises TooLarge for too many."""
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > MOST_LINES:
        raise TooLarge(f"The file has {len(lines):,} lines; {MOST_LINES:,} are allowed.")
    found: list[Line] = []
    fence, inside = "", False
    endless: dict[str, int] = {}
    last = max((at for at, line in enumerate(lines) if "-->" in line), default=-1)
    for at, line in enumerate(lines):
        mark = None if inside or (not fence and _is_underline(lines, at)) else _FENCE.match(line)
        if fence:
            ends = mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()
            found.append(Line(at + 1, line, code=not ends, fence=ends))
            fence = "" if ends else fence
        elif mark and len(mark[1]) < endless.get(mark[1][0], len(line) + 1) and _ends(lines, at, mark[1]):
            fence = mark[1]
            found.append(Line(at + 1, line, fence=True))
        else:
            if mark:
                endless[mark[1][0]] = min(len(mark[1]), endless.get(mark[1][0], len(line)))
                notes.line(at + 1, "the example that begins here never ends; what follows was read as text")
            kept = line
            if inside or "<!--" in line:
                kept, inside = _without_comment(line, inside=inside, ends=last > at)
            found.append(Line(at + 1, kept))
    return found


def _is_underline(lines: list[str], at: int) -> bool:
    """A line of tildes as long as the text above it, which reStructuredText has for headings."""
    line, above = lines[at].strip(), lines[at - 1].strip() if at else ""
    return bool(above) and line.startswith("~~~") and not line.strip("~") and abs(len(above) - len(line)) <= 2


def _ends(lines: list[str], at: int, fence: str) -> bool:
    return any(
        mark[1].startswith(fence) and not line[mark.end() :].strip()
        for line in lines[at + 1 :]
        if (mark := _FENCE.match(line))
    )


def _without_comment(line: str, *, inside: bool, ends: bool) -> tuple[str, bool]:
    """What of a line is no comment, and whether one goes on after it (which it cannot when none ``ends`` below); what
    stands in code is none."""
    kept, at = "", 0
    while at < len(line):
        if inside:
            end = line.find("-->", at)
            if end < 0:
                return kept, True
            at, inside = end + 3, False
            continue
        begin = _comment(line, at)
        if begin >= 0 and not ends and line.find("-->", begin + 4) < 0:
            begin = -1
        kept += line[at : begin if begin >= 0 else None]
        if begin < 0:
            return kept, False
        at, inside = begin + 4, True
    return kept, inside


def _comment(line: str, at: int) -> int:
    if len(line) > LONGEST_LINE:
        return line.find("<!--", at)
    return next((found.start() for found in _CODE.finditer(line, at) if found[0] == "<!--"), -1)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``lines`` is how many it takes, ``under`` whether a line below makes it one."""

    level: int
    text: str
    lines: int
    under: bool = False


def heading(lines: list[Line], at: int) -> Heading | None:
    """The heading that begins at this line, with hashes or underlined (also with a line above, as reStructuredText
    has it). Text above a dividing line is none."""
    line = lines[at]
    if line.code or line.fence or len(line.text) > LONGEST_HEADING:
        return None
    found = _HASHES.match(line.text)
    if found:
        return Heading(len(found["level"]), found["text"], 1)
    below = lines[at + 1] if at + 1 < len(lines) else None
    text = line.text.strip()
    mark = _UNDERLINE.match(below.text) if below and not below.code and not below.fence else None
    if not text or mark is None or line.is_rule or line.text[0] in " \t-*+|>" or (at and not _divides(lines[at - 1])):
        return None
    return Heading(_LEVELS[mark[1][0]], text, 2, under=True)


def underlines(lines: list[Line], at: int) -> bool:
    """Whether the line below is as long as the text above it, so that it is meant to make it a heading."""
    return abs(len(lines[at].text.strip()) - len(lines[at + 1].text.strip())) <= 2


def _divides(line: Line) -> bool:
    return not line.text.strip() or line.is_rule


def alone(lines: list[Line]) -> Iterator[int]:
    """The places of lines that stand above a list or a paragraph of their own, as headings without a mark do."""
    for at, line in enumerate(lines):
        first = line.text[:1]
        if line.code or line.fence or not first.strip() or first in "-+>|" or len(line.text) > 200:
            continue
        if at == 0 or _divides(lines[at - 1]):
            yield at
