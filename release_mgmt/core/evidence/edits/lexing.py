"""Source code as statements: tokens without comments, docstrings and line ends inside brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass

Token = tuple[str, str]  # (kind: n number, s string, w word, o sign, the text)


@dataclass(frozen=True, slots=True)
class Statement:
    """One logical line: its tokens, the line it starts on, and from where to where it stands in its source."""

    tokens: tuple[Token, ...]
    line: int
    start: int
    end: int


_STRING = (
    r"[A-Za-z]{0,2}(?:\"\"\"(?:[^\\\"]|\\[\s\S]|\"(?!\"\"))*+(?:\"\"\")?|'''(?:[^\\']|\\[\s\S]|'(?!''))*+(?:''')?"
    r"|\"(?:[^\"\\\n]|\\[\s\S])*+\"?|'(?:[^'\\\n]|\\[\s\S])*+'?)"
)
_R_STRING = (
    r"[rR]\"(?P<d>-*)\((?:(?!\)(?P=d)\")[\s\S])*+(?:\)(?P=d)\")?"
    r"|\"(?:[^\"\\]|\\[\s\S])*+\"?|'(?:[^'\\]|\\[\s\S])*+'?|`[^`\n]*`?"
)
_REST = (
    r"|(?P<n>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?:0?[xX][\da-fA-F]+)?[jJlL]?)"
    r"|(?P<w>[^\W\d][\w.]*)|(?P<l>\n)|(?P<o>[^\s\w])"
)
_LEXERS = {
    "python": re.compile(r"(?P<c>\#[^\n]*)|(?P<k>\\\n)|(?P<s>" + _STRING + ")" + _REST.replace(r"[\w.]*)", r"\w*)")),
    "r": re.compile(r"(?P<c>\#[^\n]*)|(?P<s>" + _R_STRING + ")" + _REST),
    "sql": re.compile(r"(?P<c>--[^\n]*|/\*[\s\S]*?(?:\*/|\Z))|(?P<s>\"[^\"]*\"?|'(?:[^']|'')*'?|`[^`]*`?)" + _REST),
    "shell": re.compile(r"(?P<c>(?<![^\s;])\#[^\n]*)|(?P<k>\\\n)|(?P<s>\"(?:[^\"\\]|\\[\s\S])*+\"?|'[^']*'?)" + _REST),
    "c": re.compile(
        r"(?P<c>//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|\#[^\n]*)"
        r"|(?P<s>\"(?:[^\"\\\n]|\\[\s\S])*+\"?|'(?:[^'\\\n]|\\.)*+'?)" + _REST
    ),
}  # fmt: skip
OPEN, CLOSE = frozenset("([{"), frozenset(")]}")
TOKENS = 400_000
"""Tokens of one statement list that are read."""


def statements(text: str, language: str, most: int | None = None) -> list[Statement]:
    """The logical lines of source code (the first ``most``), comments and lone strings (docstrings) left out."""
    found: list[Statement] = []
    tokens: list[Token] = []
    depth, line, begin, counted = 0, 1, 1, 0  # counted: up to where lines are counted, the start of the statement
    for match in _LEXERS[language].finditer(text):
        kind = match.lastgroup
        if kind in ("c", "k"):
            continue
        if kind == "l":
            if tokens and depth <= 0 and not (language == "r" and tokens[-1][1] in _R_CONTINUES):
                _keep(found, tokens, begin, (counted, match.start()), language)
                if most is not None and len(found) >= most:
                    return found
                tokens, depth = [], 0
            continue
        if not tokens:
            line += text.count("\n", counted, match.start())
            counted, begin = match.start(), line
        value = match.group()
        if kind == "o":
            depth += (value in OPEN) - (value in CLOSE)
            _drop_comma(tokens, value, language)
        elif kind == "d":
            kind = "s"
        elif kind == "w" and value in _CONSTANTS:
            kind = "n"
        tokens.append((kind or "o", value))
        if len(tokens) > TOKENS:
            break
    if tokens:
        _keep(found, tokens, begin, (counted, len(text)), language)
    return found


def written(statement: Statement, text: str, language: str) -> str:
    """A statement of ``text`` on one line, spaced as it is there, without comments; at most 400 characters."""
    parts: list[str] = []
    end = statement.start
    for match in _LEXERS[language].finditer(text, statement.start, statement.end):
        if match.lastgroup in ("c", "k", "l"):
            continue
        value, gap = match.group(), text[end : match.start()]
        broken = "\n" in gap and (value in CLOSE or (parts and parts[-1] in OPEN))
        if gap and parts and not broken:
            parts.append(" ")
        parts.append(value)
        end = match.end()
        if len(parts) >= 200:
            break
    return "".join(parts)[:400]


_CONSTANT_WORDS = """
True False None TRUE FALSE NULL NA T F Inf NaN NA_character_ NA_real_ NA_integer_ true false null
"""
_CONSTANTS = frozenset(_CONSTANT_WORDS.split())
_R_CONTINUES = frozenset(("+", "-", "*", "/", "%", ">", "<", "=", "|", "&", "~", ",", "!"))


def _keep(found: list[Statement], tokens: list[Token], line: int, span: tuple[int, int], language: str) -> None:
    if tokens[0][0] == "s" and language == "python" and all(kind == "s" for kind, _ in tokens):
        return
    while len(tokens) > 1 and tokens[-1][1] == ";" and language in ("python", "r"):
        tokens.pop()  # the list is this statement's alone
    if tokens[0][1] == "from" and tokens[-1][1] == ")" and language == "python":
        _bare_names(tokens)
    found.append(Statement(tuple(tokens), line, *span))


BACK = 2_000
"""Tokens that are looked at to find where a bracket opens."""
_NO_CALL_WORDS = "and assert del elif else for if in is lambda not or return while yield"
_NO_CALL = frozenset(_NO_CALL_WORDS.split())


def _drop_comma(tokens: list[Token], closing: str, language: str) -> None:
    """Drop the comma that formatters of Python write before a bracket that closes, but where it makes a tuple:
    ``(1,)``, ``x[1,]``."""
    if closing not in CLOSE or not tokens or tokens[-1][1] != "," or language != "python":
        return
    if closing == "}":
        tokens.pop()
        return
    depth, commas = 0, 0
    for at in range(len(tokens) - 1, max(-1, len(tokens) - BACK), -1):
        value = tokens[at][1] if tokens[at][0] == "o" else ""
        if value in CLOSE:
            depth += 1
        elif value in OPEN and depth:
            depth -= 1
        elif value in OPEN:
            kind, before = tokens[at - 1] if at else ("o", "")
            applied = (kind == "w" and before not in _NO_CALL) or before in (")", "]")
            if applied == (closing == ")"):
                tokens.pop()
            return
        elif value == "," and not depth:
            commas += 1
            if commas > 1:
                tokens.pop()
                return


def _bare_names(tokens: list[Token]) -> None:
    """``from a import (b, c)`` without its brackets."""
    at = next((index for index, (_, value) in enumerate(tokens[:100]) if value == "import"), -1)
    if 0 < at < len(tokens) - 2 and tokens[at + 1][1] == "(":
        del tokens[at + 1], tokens[-1]
