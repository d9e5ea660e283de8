"""What Python source imports, found without parsing it.

Every import statement holds the word ``import``, and outside strings and comments that word is nothing else, in
Python 2 as in Python 3. So it is enough to find the words, to know which stand in a string that spans lines, and to
lex the single lines that need it. The result equals ``ast`` on what parses (``benchmarks/classification.py`` shows
it) and stays right around syntax errors and in Python 2.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice


class Guard(StrEnum):
    """Under what condition an import statement runs, the least binding last."""

    NONE = "none"
    LAZY = "lazy"  # inside a function
    OPTIONAL = "optional"  # its failure is caught, or its presence was asked for first
    TYPING = "typing"  # never at run time


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: ``module`` as written (empty for ``from . import x``), ``level`` the leading dots.

    ``names`` are those taken from it by ``from module import names``; ``line`` counts from 1.
    """

    module: str
    level: int
    names: tuple[str, ...]
    line: int
    guard: Guard

    @property
    def top(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]


Span = tuple[int, int]

FAR = 2_000
"""Bytes into a line beyond which nothing is looked for: what stands before would be lexed for each hit."""

HITS = 50_000
"""Words of a file that are looked at."""

_WORD = re.compile(rb"import(?![0-9A-Za-z_\x80-\xff])")
_MARKS = re.compile(rb'"""|\'\'\'|\\\n')
_TOKEN = re.compile(
    rb"#|\"\"\"|'''"
    rb"|\"(?:[^\"\\\n]|\\[\s\S])*+\"?"
    rb"|'(?:[^'\\\n]|\\[\s\S])*+'?"
)
_GAP = rb"(?:[ \t\f]|\\\n)*+"
_NAME = rb"[0-9A-Za-z_\x80-\xff]++"
_DOTTED = _NAME + rb"(?:" + _GAP + rb"\." + _GAP + _NAME + rb")*+"
_START = re.compile(
    rb"(?:^|[;:\n])"
    + _GAP
    + rb"(?:from(?![0-9A-Za-z_\x80-\xff])"
    + _GAP
    + rb"((?:\.|[ \t\f]|\\\n)*+(?:"
    + _DOTTED
    + rb")?)"
    rb")?" + _GAP + rb"\Z"
)
_MODULES = re.compile(
    _GAP + rb"(" + _DOTTED + rb")(?:" + _GAP + rb"as(?![0-9A-Za-z_])" + _GAP + _NAME + rb")?" + _GAP + rb"(,?)"
)
_ONE = re.compile(
    _GAP + rb"(\*|" + _NAME + rb")(?:" + _GAP + rb"as(?![0-9A-Za-z_])" + _GAP + _NAME + rb")?" + _GAP + rb"(,?)"
)
_COMMENT = re.compile(rb"#[^\n]*+")
_LISTED = re.compile(rb"(" + _NAME + rb")(?:\s++as\s++" + _NAME + rb")?")
_SPACES = re.compile(rb"[\s\\]++")
_HEADER = re.compile(
    rb"^([ \t]*+)(?:async[ \t]++)?(def|class|try|except|else|elif|if|with|for|while|finally)(?![0-9A-Za-z_])([^\n]*+)",
    re.MULTILINE,
)
_CATCHES = re.compile(rb"^\s*:|ImportError|ModuleNotFoundError|Exception|OSError|RuntimeError|AttributeError")
_ABSENT = re.compile(rb"ImportError|ModuleNotFoundError")
_RAISES = re.compile(rb"(?:[ \t]*+(?:#[^\n]*+)?\n)*+[ \t]++(?:print\([^\n]*\)\s*\n\s*)?(?:raise\b|sys\.exit|exit\()")
_ASKED = re.compile(rb"find_spec|_available\b|_AVAILABLE\b|\b_?HAS_|\b_?has_|\b_?HAVE_|installed\b|\bavailable")
_TYPES = re.compile(rb"\bTYPE_CHECKING\b(?!\s*(?:==|is)\s*False)|^\s*(?:False|0)\s*:|\bMYPY\b")
_ENSURES = re.compile(rb"\b\w*(?:require|ensure|install|check_dep)\w*\(")
_SUPPRESS = re.compile(rb"suppress\([^)]*(?:ImportError|ModuleNotFoundError|Exception)|\b\w*try_import\b")


def find_imports(data: bytes) -> tuple[Import, ...]:
    """The imports of a Python file in the order they are written; any bytes are taken."""
    data = plain(data)
    if b"import" not in data:
        return ()
    spans = long_strings(data)
    starts = [start for start, _ in spans]
    blocks: _Blocks | None = None
    found: list[Import] = []
    line, counted = 1, 0
    for hit in islice(_WORD.finditer(data), HITS):
        at = hit.start()
        begin = _code_before(data, at, spans, starts)
        if begin is None:
            continue
        statement = _START.search(begin)
        if statement is None:
            continue
        line += data.count(b"\n", counted, at)
        counted = at
        guard = Guard.NONE
        if _indented(data, at):
            blocks = blocks or _Blocks(data, spans, starts)
            guard = blocks.guard(at)
        origin = statement.group(1)
        if origin is None:
            found.extend(Import(name, 0, (), line, guard) for name in _modules(data, hit.end()))
        else:
            dots = _SPACES.sub(b"", origin)
            module = dots.lstrip(b".")
            names = tuple(_names(data, hit.end()))
            if names and (module or dots):
                found.append(Import(_text(module), len(dots) - len(module), names, line, guard))
    return tuple(found)


_CALLED = re.compile(
    rb"(?<![0-9A-Za-z_.\x80-\xff])(?:importlib[ \t]*\.[ \t]*import_module|import_module|__import__)[ \t]*\(\s*"
    rb"(?:\"([A-Za-z_][\w.]*)\"|'([A-Za-z_][\w.]*)')"
)


def find_calls(data: bytes) -> tuple[Import, ...]:
    """The modules that Python code asks for by name at run time: ``importlib.import_module("x")``, ``__import__("x")``.
    ``ast`` would give these as calls, so they stand apart from the import statements."""
    data = plain(data)
    if b"import_module" not in data and b"__import__" not in data:
        return ()
    return tuple(
        Import(_text(call.group(1) or call.group(2)), 0, (), line, guard)
        for call, line, guard in calls_in_code(data, _CALLED)
    )


def calls_in_code(
    data: bytes, pattern: re.Pattern[bytes], *, ensuring: bool = False
) -> Iterator[tuple[re.Match[bytes], int, Guard]]:
    """Where ``pattern`` stands in the code of a `plain` source, neither in a string nor in a comment: the match, its
    line, and under what condition it runs. For what is ``ensuring`` that a library is there, to ask first or to catch
    an error is no condition, save in a function."""
    spans = long_strings(data)
    starts = [start for start, _ in spans]
    blocks = _Blocks(data, spans, starts)
    line, counted = 1, 0
    for call in islice(pattern.finditer(data), HITS):
        at = call.start()
        if _code_before(data, at, spans, starts) is not None:
            line += data.count(b"\n", counted, at)
            counted = at
            bound = not _indented(data, at) or (ensuring and not blocks.deferred(at))
            yield call, line, Guard.NONE if bound else blocks.guard(at)


def import_set(data: bytes) -> frozenset[tuple[int, str, str | None]]:
    """Each import as (level, module, name or None): what ``ast`` would give for the same source."""
    found = find_imports(data)
    plain = {(0, item.module, None) for item in found if not item.names}
    return frozenset(plain | {(item.level, item.module, name) for item in found for name in item.names})


def plain(data: bytes) -> bytes:
    """A source as UTF-8 without a byte order mark, its lines ended by line feeds."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _text(name: bytes) -> str:
    text = name.decode("utf-8", "replace")
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def long_strings(data: bytes) -> list[Span]:
    """Where (begin, end) the strings stand that span lines or are triple-quoted; a line outside them starts in code."""
    spans: list[Span] = []
    done = 0
    for hit in _MARKS.finditer(data):
        at = hit.start()
        if at < done:
            continue
        begin = max(data.rfind(b"\n", done, at) + 1, done)
        place, start = _place(data, begin, at)
        mark = data[at : at + 3]
        if place == "comment":
            end = data.find(b"\n", at)
            done = end if end >= 0 else len(data)
        elif place == "string":
            done = start[1]
            if b"\n" in data[start[0] : done]:
                spans.append(start)
        elif mark[:1] != b"\\":
            done = _closing(data, at + 3, mark)
            spans.append((at, done))
    return spans


def _place(data: bytes, begin: int, at: int) -> tuple[str, Span]:
    """Whether ``at`` is in code, a comment or a string of its line, lexed from ``begin``, and where that string is."""
    while True:
        token = _TOKEN.search(data, begin, at + 1)
        if token is None or token.start() >= at:
            return "code", (at, at)
        if token.group() == b"#":
            return "comment", (at, at)
        whole = _TOKEN.match(data, token.start())
        assert whole is not None
        triple = whole.group() in (b'"""', b"'''")
        end = _closing(data, whole.end(), whole.group()) if triple else whole.end()
        if end > at:
            return "string", (token.start(), end)
        begin = end


def _closing(data: bytes, start: int, mark: bytes) -> int:
    """Where the triple-quoted string ends whose text begins at ``start``."""
    end = data.find(mark, start)
    while end >= 0:
        slashes = end
        while slashes > start and data[slashes - 1] == 0x5C:
            slashes -= 1
        if (end - slashes) % 2 == 0:
            return end + 3
        end = data.find(mark, end + 1)
    return len(data)


def _code_before(data: bytes, at: int, spans: list[Span], starts: list[int]) -> bytes | None:
    """The code of the logical line before ``at``, strings as ``""``; None in a string, a comment or a longer word."""
    before = data[at - 1] if at else 0x0A
    if before == 0x5F or before >= 0x80 or chr(before).isalnum():
        return None
    index = bisect_right(starts, at) - 1
    done = 0
    if index >= 0:
        done = spans[index][1]
        if at < done:
            return None
    begin = max(data.rfind(b"\n", done, at) + 1, done)
    if at - begin > FAR:
        return None
    prefix = data[begin:at]
    if b'"' in prefix or b"'" in prefix or b"#" in prefix:
        if _place(data, begin, at)[0] != "code":
            return None
        prefix = _TOKEN.sub(b'""', prefix)
    while begin > 1 and data[begin - 2 : begin] == b"\\\n" and begin > done:
        previous = max(data.rfind(b"\n", done, begin - 2) + 1, done)
        part = data[previous : begin - 2]
        prefix = (_TOKEN.sub(b'""', part) if b'"' in part or b"'" in part else part) + b" " + prefix
        begin = previous
        if len(prefix) > 4000:
            return None
    return prefix


def _indented(data: bytes, at: int) -> bool:
    """Whether the statement may stand inside a block."""
    begin = data.rfind(b"\n", 0, at) + 1
    return data[begin : begin + 4] not in (b"from", b"impo") or data[begin - 2 : begin] == b"\\\n"


def _modules(data: bytes, at: int) -> Iterator[str]:
    while match := _MODULES.match(data, at):
        yield _text(_SPACES.sub(b"", match.group(1)))
        if not match.group(2):
            return
        at = match.end()


def _names(data: bytes, at: int) -> Iterator[str]:
    opening = re.compile(_GAP + rb"\(").match(data, at)
    if opening is None:
        while match := _ONE.match(data, at):
            yield _text(match.group(1))
            if not match.group(2):
                return
            at = match.end()
        return
    listed, at = b"", opening.end()
    while True:  # a closing bracket inside a comment is none
        end = data.find(b")", at)
        end = len(data) if end < 0 else end
        listed += data[at:end]
        note = listed.rfind(b"#")
        if note < 0 or b"\n" in listed[note:] or end == len(data):
            break
        line = data.find(b"\n", end)
        at = line if line >= 0 else len(data)
        listed = listed[:note]
    for match in _LISTED.finditer(_COMMENT.sub(b"", listed)):
        yield _text(match.group(1))


class _Blocks:
    """The compound statements of a file, to tell under what condition a line runs."""

    def __init__(self, data: bytes, spans: list[Span], starts: list[int]) -> None:
        self.data = data
        self.headers: list[tuple[int, int, bytes, bytes, int]] = []
        for match in _HEADER.finditer(data):
            index = bisect_right(starts, match.start()) - 1
            if index < 0 or match.start() >= spans[index][1]:
                indent = len(match.group(1).expandtabs())
                self.headers.append((match.start(), indent, match.group(2), match.group(3), match.end()))
        self.positions = [header[0] for header in self.headers]

    def guard(self, at: int) -> Guard:
        """The least binding of the conditions around the statement at ``at``."""
        result, asked = Guard.NONE, False
        for index, word, rest in self._around(at):
            found = self._kind(index, word, rest)
            asked = asked or (word == b"try" and self._caught(index, going_on=False))
            if found is Guard.TYPING:
                return found
            if found is Guard.OPTIONAL or result is Guard.NONE:
                result = found
        begin = self.data.rfind(b"\n", 0, at) + 1
        if result is Guard.LAZY and (asked or _ENSURES.search(self.data, max(0, begin - 200), begin)):
            return Guard.OPTIONAL  # who calls without it is told, or the line before installs it when it is missing
        return result

    def deferred(self, at: int) -> bool:
        """Whether the statement at ``at`` runs only when a function is called."""
        return any(word == b"def" for _, word, _ in self._around(at))

    def _around(self, at: int) -> Iterator[tuple[int, bytes, bytes]]:
        """The headers of the blocks that hold the statement at ``at``, the innermost first."""
        begin = self.data.rfind(b"\n", 0, at) + 1
        line = self.data[begin:at]
        indent = len(line.expandtabs()) - len(line.expandtabs().lstrip())
        index = bisect_right(self.positions, begin) - 1
        if index >= 0 and self.positions[index] == begin:
            indent += 1  # `try: import x` on one line
        while index >= 0 and indent > 0:
            _, inner, word, rest, _ = self.headers[index]
            if inner < indent:
                indent = inner
                yield index, word, rest
            index -= 1

    def _kind(self, index: int, word: bytes, rest: bytes) -> Guard:
        if word == b"def":
            return Guard.LAZY
        if word in (b"if", b"elif"):
            if _TYPES.search(rest):
                return Guard.TYPING
            return Guard.OPTIONAL if _ASKED.search(rest) else Guard.NONE
        if word == b"with" and _SUPPRESS.search(rest):
            return Guard.OPTIONAL
        if word == b"except" and _ABSENT.search(rest):
            return Guard.OPTIONAL
        if word == b"try" and self._caught(index):
            return Guard.OPTIONAL
        return Guard.NONE

    def _caught(self, index: int, *, going_on: bool = True) -> bool:
        """Whether a handler of the ``try`` at ``index`` lets the program go on without the import; or, unless
        ``going_on``, is there for its absence."""
        level = self.headers[index][1]
        for _, indent, word, rest, end in self.headers[index + 1 :]:
            if indent < level or (indent == level and word not in (b"except", b"else", b"finally")):
                return False
            if indent == level and word == b"except" and _CATCHES.search(rest):
                return not _RAISES.match(self.data, end) if going_on else _ABSENT.search(rest) is not None
        return False
