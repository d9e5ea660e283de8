"""Old changelogs: Keep a Changelog files, and the release texts of GitHub and GitLab as their APIs give them (JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from release_mgmt.core.errors import FieldError, InvalidInput, TooLarge
from release_mgmt.core.text import one_line

MOST_BYTES = 10_000_000
MOST_RELEASES = 5_000
MOST_CHANGES = 20_000
MOST_PARAGRAPHS = 20
LONGEST_HEADING = 1_000

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_HEADING = re.compile(r"^ {0,3}(?P<level>#{1,6})\s+(?P<text>.*?)(?:\s+#+)?\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{3,})\s*$")
_NUMBER = re.compile(r"v?\d+(?:\.\d+)+[\w.+-]*", re.IGNORECASE)
_NAMED = re.compile(r"^(?:version|release|ver\.?)\s+(?=\S*\d)", re.IGNORECASE)
_BULLET = re.compile(r"^(?P<indent>\s*)(?:[-*+]|\d{1,9}[.)])\s+(?P<text>.+)$")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s")
# Every run is bounded, so that no text makes a search long.
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\](?:\((?:[^()]|\([^()]{0,500}\)){0,2000}\)|\[[^\[\]]{0,500}\])")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_KEPT = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~@&:$=])|(`+)(?!`)(.+?)(?<!`)\2(?!`)")
_MARK = re.compile(r"\*\*|__|`")
_DAY = re.compile(
    r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)|(?<!\d)(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})"
    r"|(?P<n>[A-Z][a-z]{2})[a-z]*\.? (?P<d3>\d{1,2})(?:st|nd|rd|th)?,? (?P<y3>\d{4})"
    r"|(?P<d4>\d{1,2})(?:st|nd|rd|th)? (?P<n2>[A-Z][a-z]{2})[a-z]*\.?,? (?P<y4>\d{4})"
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


@dataclass(frozen=True, slots=True)
class OldRelease:
    """A release as it was told: changes as (kind, text), newest information only in plain text."""

    version: str
    date: date | None
    yanked: bool
    changes: tuple[tuple[str, str], ...]


def keep_a_changelog(text: str) -> tuple[OldRelease, ...]:
    """The releases of a Keep a Changelog file, in its order; what is unreleased is left out.

    Read too: other levels of headings, underlined ones, dates as people write them, numbered lists, prose alone.
    Raises InvalidInput when no release is found in it.
    """
    _bounded(text)
    found = tuple(_releases(_without_comments(text.removeprefix("\ufeff")).splitlines()))
    if not found:
        raise InvalidInput.at("file", "no releases were found", "headings like `## [1.2.0] - 2026-11-03`")
    return found


@dataclass(slots=True)
class _Open:
    """A release as it is read."""

    version: str
    rest: str
    level: int
    text: _Changes


class _Changes:
    """The changes below a heading, as lines come in."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.kind = ""
        self._indent: int | None = None
        self._paragraphs: list[str] = []
        self._prose = self._near = False

    def head(self, text: str) -> None:
        """A heading below the release's own."""
        self.kind, self._indent, self._near = plain(text)[:80], None, False

    def take(self, line: str) -> None:
        """Any other line."""
        if not line.strip() or _REFERENCE.match(line):
            self._prose = self._near = False
            return
        bullet = _BULLET.match(line)
        if bullet:
            if len(self.found) >= MOST_CHANGES:
                raise TooLarge(f"A release holds more than {MOST_CHANGES:,} changes.")
            indent = len(bullet["indent"].expandtabs(4))
            if self._indent is None or indent < self._indent + 2:
                self._indent = indent if self._indent is None else min(indent, self._indent)
                self.found.append((self.kind, plain(bullet["text"])))
            else:  # a point below a change is a part of it
                self._add(f"; {plain(bullet['text'])}")
            self._near = True
        elif self.found and (self._near or line.startswith((" ", "\t"))):
            self._add(f" {plain(line)}")
        elif self._prose:
            self._paragraphs[-1] += f" {line}"
        elif len(self._paragraphs) < MOST_PARAGRAPHS:
            self._paragraphs.append(line)
            self._prose = True

    def code(self, line: str) -> None:
        """A line of an example: it belongs to the change before it, whatever it looks like."""
        if self.found and line.strip():
            self._add(f" {line.strip()}")

    def done(self) -> tuple[tuple[str, str], ...]:
        """What was found; prose where there is no list."""
        told = self.found or [("", plain(each)) for each in self._paragraphs]
        return tuple((kind, text) for kind, text in told if text)

    def _add(self, text: str) -> None:
        kind, before = self.found[-1]
        self.found[-1] = (kind, one_line(before + text, 2_000))


def _releases(lines: list[str]) -> Iterator[OldRelease]:
    opened: _Open | None = None
    fence = ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence or mark:
            closes = mark is not None and mark[1].startswith(fence) and bool(fence)
            fence = "" if closes else fence or (mark[1] if mark else "")
            if opened is not None and mark is None:
                opened.text.code(line)
            continue
        heading = _heading(lines, at)
        if heading is None:
            if opened is not None and not (_UNDERLINE.match(line) and at and _heading(lines, at - 1)):
                opened.text.take(line)
            continue
        level, text = heading
        found = _version(text, level)
        if found is None and opened is not None and level > opened.level:
            opened.text.head(text)
            continue
        if opened is not None:
            yield _release(opened)
        opened = _Open(*found, level, _Changes()) if found is not None else None
        if opened is not None and "unreleased" in text.casefold():
            opened = None
    if opened is not None:
        yield _release(opened)


def _heading(lines: list[str], at: int) -> tuple[int, str] | None:
    """The level and text of a heading in this line; an underlined one only where it names a version."""
    if len(lines[at]) > LONGEST_HEADING:
        return None
    found = _HEADING.match(lines[at])
    if found:
        return len(found["level"]), found["text"]
    below = lines[at + 1] if at + 1 < len(lines) else ""
    if lines[at].strip() and _UNDERLINE.match(below) and not _BULLET.match(lines[at]) and _version(lines[at], 1):
        return 2, lines[at].strip()
    return None


def _version(text: str, level: int) -> tuple[str, str] | None:
    """The version that a heading names, and the rest of it. At the second level anything with a digit is a version, as
    Keep a Changelog has it; elsewhere only what looks like one."""
    told = re.sub(r"\\([\[\].])", r"\1", _LINK.sub(r"[\1]", text)).strip()
    told = _NAMED.sub("", told)
    found = re.match(r"\[?(?P<version>[^\]\s]+)\]?(?P<rest>.*)", told)
    if found is None:
        return None
    version = found["version"].strip("`*_").rstrip(",:;")
    fits = re.search(r"\d", version) if level == 2 else _NUMBER.fullmatch(version)
    return (version, found["rest"]) if fits and level <= 3 else None


def _release(opened: _Open) -> OldRelease:
    yanked = "[YANKED]" in opened.rest.upper()
    return OldRelease(one_line(opened.version, 120), _day(opened.rest), yanked, opened.text.done())


def _day(text: str) -> date | None:
    found = _DAY.search(text)
    if found is None:
        return None
    name = found["n"] or found["n2"]
    month = found["m"] or found["m2"] or (_MONTHS.find(name) // 3 + 1 if name else 0)
    year = found["y"] or found["y2"] or found["y3"] or found["y4"]
    try:
        return date(int(year), int(month), int(found["d"] or found["d2"] or found["d3"] or found["d4"]))
    except ValueError:
        return None


def forge_releases(text: str) -> tuple[OldRelease, ...]:
    """The releases of GitHub's (``/repos/O/R/releases``) or GitLab's (``/projects/ID/releases``) JSON.

    Raises InvalidInput naming what is wrong.
    """
    _bounded(text)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidInput.at("file", f"this is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput.at("file", "this JSON is nested too deeply") from error
    if not isinstance(data, list):
        raise InvalidInput.at("file", "must be a list of releases")
    if len(data) > MOST_RELEASES:
        raise TooLarge(f"The file holds {len(data):,} releases; {MOST_RELEASES:,} are allowed.")
    faults = [
        FieldError(f"[{at}].tag_name", "is needed")
        for at, item in enumerate(data)
        if not isinstance(item, dict) or not isinstance(item.get("tag_name"), str) or not item["tag_name"].strip()
    ]
    if faults:
        raise InvalidInput("Some releases have no tag.", faults[:20])
    return tuple(_forge_release(item) for item in data if item.get("draft") is not True)


def _forge_release(item: dict[str, Any]) -> OldRelease:
    told = str(item.get("body") if item.get("body") is not None else item.get("description") or "")
    read = _Changes()
    for line in _without_comments(told).splitlines():
        heading = _HEADING.match(line) if len(line) <= LONGEST_HEADING else None
        if heading:
            read.head(heading["text"])
        elif not _FENCE.match(line):
            read.take(line)
    at = item.get("published_at") or item.get("released_at") or item.get("created_at")
    try:
        day = datetime.fromisoformat(str(at)).date() if at else None
    except ValueError:
        day = None
    return OldRelease(one_line(item["tag_name"], 120), day, yanked=False, changes=read.done())


def plain(markdown: str) -> str:
    """Markdown as plain text: links by their words, no tags, no marks; code as it is."""
    kept: list[str] = []  # what is escaped, and what is code, means only itself

    def keep(found: re.Match[str]) -> str:
        kept.append(found[1] or found[3].strip())
        return f"\0{len(kept) - 1}\0"

    text = _KEPT.sub(keep, markdown[:10_000].replace("\0", ""))
    text = _MARK.sub("", _TAG.sub("", _LINK.sub(r"\1", text)))
    return one_line(re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text), 2_000)


def _without_comments(text: str) -> str:
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join([*kept, text[at:]])


def _bounded(text: str) -> None:
    if len(text) > MOST_BYTES:
        raise TooLarge(f"The file has {len(text):,} characters; {MOST_BYTES:,} are allowed.")
