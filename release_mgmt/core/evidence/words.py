"""What people say of a change: its message, its labels, and the lines it adds to NEWS or CHANGELOG."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from posixpath import basename

LONGEST = 100_000
"""Characters of a message or a change log that are read."""


@dataclass(frozen=True, slots=True)
class Word:
    """One statement: ``says`` is ``breaking``, or the type of a Conventional Commit; ``line`` counts from 1."""

    says: str
    text: str
    source: str
    line: int | None = None


_HEADER = re.compile(r"(?P<type>[A-Za-z][A-Za-z-]{1,20})(?:\((?P<scope>[^()\n]{1,60})\))?(?P<mark>!)?:[ \t]+\S")
# The specification wants the footer in capitals; "BREAKING-CHANGE" is the same as a trailer token.
_FOOTER = re.compile(r"^BREAKING[ -]CHANGES?[ \t]*(?::|#)[ \t]*\S[^\n]*", re.MULTILINE)
_MARKED = re.compile(
    r"(?:^|\n)[ \t]*(?:[-*][ \t]*)?(?:\*{2}|\[|\()?(?:BREAKING(?:[ -]CHANGES?)?|[Bb]reaking[ -][Cc]hanges?)"
    r"(?:\*{2}|\]|\))?[ \t]*(?::|!|-|\]|\n|\Z)"
)
_TITLE = re.compile(
    r"\A[ \t]*(?:\[(?:breaking|major)[^\]]*\]|breaking\b(?!\s+(?:news|point|down|up|out|into)))", re.IGNORECASE
)
_SAID = re.compile(
    r"\b(?:this|it|which|that|these)\s+(?:is|are|introduces?|contains?|includes?|will\s+be|makes?)\s+(?:an?\s+|some\s+)?"
    r"(?:\w+\s+)?breaking\s+changes?\b"
    r"|\b(?-i:BREAKING\s+CHANGES?)\b",
    re.IGNORECASE,
)
_UPDATE = re.compile(
    r"\b(?:bump|update|upgrade)s?\b.*\b(?:from\b.*\bto|to\s+v?\d|requirement|dependenc|dev-dependenc)|\(deps(?:-dev)?\)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"^>[^\n]*", re.MULTILINE)
_DENIED = re.compile(
    r"\b(?:no|not|non|without|avoid(?:s|ing)?|isn't|aren't|any|prevents?|fix(?:es)?)[*_]*[\s-]+(?:a\s+|any\s+)?breaking\b"
    r"|\b(?:not|never|isn't|aren't)[*_]*\s+(?:(?:be\s+)?(?:considered|seen|treated|regarded)|really|strictly|technically)"
    r"(?:\s+(?:as|to\s+be))?(?:\s+an?)?\s+breaking\b"
    # what somebody else broke
    r"|\b(?:due|adapt(?:s|ed)?|adapting)\s+to\s+(?:[\w`'.-]+\s+){0,2}breaking\b|\bbreaking\s+(?:[\w`'.-]+\s+)?upstream\b"
    r"|\bupstream\s+breaking\b"
    r"|\b(?:since|because|as)\s+(?:[\w`'.-]+\s+){1,6}\[?(?:made|makes|introduced|introduces)\s+(?:an?\s+|some\s+)?breaking\b",
    re.IGNORECASE,
)
_CHANGE_LOG = re.compile(
    r"(?:changelog|changes|news|history|release[-_ ]?notes?|whats[-_ ]?new|upgrading|migration)(?:[-_.].*)?\Z",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"^(?:#{1,6}[ \t]+(?P<text>[^\n]+)|(?P<under>[^\n]{3,80})\n(?:=+|-+|~+|\^+)[ \t]*$)", re.MULTILINE
)
_BREAKS = re.compile(
    r"\bbreaking\b|\bbackwards?[ -]incompatib|\bnot backwards?[ -]compatib|\bincompatible changes?\b", re.IGNORECASE
)


def is_change_log(path: str) -> bool:
    """Whether ``path`` is a project's change log."""
    stem, _, ending = basename(path).rpartition(".")
    name = stem or ending
    return bool(_CHANGE_LOG.match(name)) and (
        not stem or ending.lower() in ("md", "rst", "txt", "rmd", "qmd", "adoc", "org")
    )


def of_message(message: str) -> Iterator[Word]:
    """What a commit message or a pull request's title and text says."""
    title = message.lstrip().partition("\n")[0][:300]
    # The text of an update robot quotes the change log of the library, not of this project.
    message = title if _UPDATE.search(title) else _QUOTED.sub("", message[:LONGEST])
    header = _HEADER.match(title)
    if header:
        yield Word(header.group("type").lower(), title, "message", 1)
        if header.group("mark"):
            yield Word("breaking", title, "message", 1)
            return
    footer = _FOOTER.search(message)
    if footer:
        yield Word("breaking", footer.group()[:300], "message", message.count("\n", 0, footer.start()) + 1)
        return
    for match in (_TITLE.search(title), _MARKED.search(message), _SAID.search(message)):
        if match and not _DENIED.search(message[max(0, match.start() - 60) : match.end() + 10]):
            at = message.count("\n", 0, match.start() + 1) + 1
            yield Word("breaking", message.split("\n")[at - 1].strip()[:300], "message", at)
            return


def of_labels(labels: Iterable[str]) -> Iterator[Word]:
    """What the labels of a pull request say."""
    for label in labels:
        plain = re.sub(r"[\W_]+", " ", label).strip().lower()
        if re.search(r"\bbreaking\b|\bmajor\b", plain) and not re.search(r"\b(?:non?|not)\b", plain):
            yield Word("breaking", label[:100], "label")


def of_change_log(
    path: str, added: Iterable[tuple[int, str]], new: str, removed: Collection[str] = ()
) -> Iterator[Word]:
    """What the lines that a change adds to its change log say: (line number, text) each, and the whole new text,
    whose headings tell under what a line stands. A line that only rewords a ``removed`` one tells nothing new, unless
    it is the new wording that marks the break."""
    headings: list[tuple[int, str]] = []
    line, counted = 1, 0
    for match in _HEADING.finditer(new[:LONGEST]):
        line += new.count("\n", counted, match.start())
        counted = match.start()
        headings.append((line, match.group("text") or match.group("under") or ""))
    marked = any(_BREAKS.search(title) for _, title in headings)
    places = [number for number, _ in headings]
    known: list[_Known] | None = None
    left = COMPARED
    for number, text in added:
        if not (marked or _BREAKS.search(text)) or not re.search(r"\w", text):
            continue
        index = bisect_right(places, number) - 1
        words = f"{headings[index][1] if index >= 0 else ''}\n{text}" if not _HEADING.match(text) else text
        if _BREAKS.search(words) and not _DENIED.search(words):
            known = _known(removed) if known is None else known
            left -= 1
            if left < 0 or not _reworded(text, known):
                yield Word("breaking", text.strip()[:300], path, number)
                return


COMPARED = 500
"""Lines of a change log that are compared to tell new words from a new break."""

_WORDS = re.compile(r"\w+")
_Known = tuple[set[str], bool]


def _known(removed: Iterable[str]) -> list[_Known]:
    """The words of removed lines, and whether they mark a break by themselves."""
    return [(_words(line), _BREAKS.search(line) is not None) for line in islice(removed, COMPARED)]


def _words(line: str) -> set[str]:
    return set(_WORDS.findall(line[:1_000].lower()))


def _reworded(text: str, known: Iterable[_Known]) -> bool:
    """Whether ``text`` says of a break what a removed line said already: most words of both are the same."""
    found, marks = _words(text), _BREAKS.search(text) is not None
    for words, marked in known:
        if (marked or not marks) and len(found & words) >= max(3, 0.6 * len(found | words)):
            return True
    return False
