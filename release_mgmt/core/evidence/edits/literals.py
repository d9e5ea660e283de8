"""What another literal means: another parameter, another text to read, or other logic."""

from __future__ import annotations

import re
from collections.abc import Sequence

from release_mgmt.core.evidence.edits.lexing import CLOSE, OPEN, Token
from release_mgmt.core.evidence.edits.model import Weight

_SPEAKS = re.compile(
    r"(?:^|[._])(?:print|log|logger|logging|info|debug|warn|warning|warnings|error|critical|exception|fatal|echo|secho"
    r"|write|message|stop|cat|abort|inform|cli\w*|assert\w*|raise|fail|skip|deprecat\w*|lifecycle|set_description|notice"
    r"|sprintf|format|glue|paste0?|title|xlabel|ylabel|labs|ggtitle|xlab|ylab|caption|signal_stage|signal)\Z|Error\Z|Exception\Z|Warning\Z",
    re.IGNORECASE,
)
_TELLING_WORDS = """
help description message msg title label desc doc caption text tooltip subtitle xlab ylab error reason
"""
_TELLS = frozenset(_TELLING_WORDS.split())
_KEYED = re.compile(
    r"(?:^|[._])(?:environ|getenv|setenv|Sys\.getenv|env|glob|rglob|iglob|compile|match|search|sub|replace|split|gsub|grepl|str_\w+)\Z"
)
_PATTERN = re.compile(r"%[\d.]*[sdfgi]|\{[^}]*\}|\*|\\[dws]|\bSELECT\b|\bFROM\b")


def weigh(tokens: Sequence[Token], index: int, old: Token, new: Token) -> Weight:
    """Whether another literal at ``index`` is another parameter, another text to read, or other logic."""
    before = tokens[index - 1][1] if index else ""
    after = tokens[index + 1][1] if index + 1 < len(tokens) else ""
    callers, keyword, subscript = _surroundings(tokens, index)
    if old[0] == "n" and new[0] == "n":
        if subscript or (before in ("+", "-") and _is_operand(tokens, index - 2)):
            return Weight.LOGIC
        return Weight.PARAMETERS
    a, b = _inner(old[1]), _inner(new[1])
    if a.split() == b.split() and old[0] == new[0]:
        return Weight.DOCUMENTATION
    if old[0] != new[0]:
        return Weight.PARAMETERS
    if subscript or (re.match(r"[bru]*f", old[1][:3].lower()) and "{" in a + b):
        return Weight.LOGIC
    if (
        keyword in _TELLS
        or any(_SPEAKS.search(caller) for caller in callers[:1])
        or len(a.split()) > 4
        or len(b.split()) > 4
    ):
        return Weight.TEXT
    if (
        (callers and _KEYED.search(callers[0]))
        or _PATTERN.search(a + " " + b)
        or after in (":", "%", ".")
        or before == "%"
    ):
        return Weight.LOGIC
    return Weight.PARAMETERS


def _is_operand(tokens: Sequence[Token], index: int) -> bool:
    kind, value = tokens[index] if index >= 0 else ("o", "")
    return (kind == "w" and value != "return") or value in (")", "]")


def _inner(text: str) -> str:
    return text.lstrip("rRbBuUfF").strip("\"'")


def _surroundings(tokens: Sequence[Token], index: int) -> tuple[list[str], str | None, bool]:
    """The functions called around a token (innermost first), the keyword it is given to, whether it is a subscript."""
    callers: list[str] = []
    keyword = (
        tokens[index - 2][1] if index > 1 and tokens[index - 1][1] == "=" and tokens[index - 2][0] == "w" else None
    )
    subscript, depth = False, 0
    for at in range(index - 1, -1, -1):
        value = tokens[at][1]
        if value in CLOSE and tokens[at][0] == "o":
            depth += 1
        elif value in OPEN and tokens[at][0] == "o":
            if depth:
                depth -= 1
                continue
            if value == "(" and at and tokens[at - 1][0] == "w":
                name = tokens[at - 1][1]
                if at > 2 and tokens[at - 2][1] == ".":
                    name = f"{tokens[at - 3][1]}.{name}"
                callers.append(name)
            elif (
                value == "["
                and at
                and not callers
                and (tokens[at - 1][0] == "w" or tokens[at - 1][1] in (")", "]", "["))
            ):
                subscript = subscript or tokens[at - 1][1] != "["
    if tokens[0][1] in ("raise", "assert"):
        callers.insert(0, "raise")
    return callers, keyword, subscript


def owner(tokens: Sequence[Token], index: int) -> str:
    """The name a literal is given to: keyword, assigned name, or the function it is an argument of."""
    for at in range(index - 1, 0, -1):
        if tokens[at][1] == "=" and tokens[at - 1][0] == "w":
            return tokens[at - 1][1]
        if tokens[at][1] == "-" and tokens[at - 1][1] == "<" and at > 1:
            return tokens[at - 2][1]
        if tokens[at][1] == ":" and tokens[at - 1][0] in "sL":
            return _inner(tokens[at - 1][1])
        if tokens[at][1] == "(" and tokens[at - 1][0] == "w":
            return f"{tokens[at - 1][1]}()"
    return tokens[0][1] if tokens[0][0] == "w" else "value"
