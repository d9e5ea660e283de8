"""What kind of edit a change of source code is: only comments, only texts, only parameters, or logic.

Both versions are lexed into statements without comments and docstrings. Statements that differ are paired; a pair
that has the same shape but for literals is a change of parameters, or of texts where the literal is prose that people
read. Everything else is logic.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum
from itertools import pairwise

from release_mgmt.core.evidence.imports import long_strings
from release_mgmt.core.evidence.parameters import ParameterChange


class Weight(IntEnum):
    """How much an edit says, the least first."""

    NONE = 0
    DOCUMENTATION = 1
    TEXT = 2
    PARAMETERS = 3
    LOGIC = 4


@dataclass(frozen=True, slots=True)
class Edit:
    """The weight of an edit and the parameters it moves; ``statements`` are those that differ, old and new."""

    weight: Weight
    parameters: tuple[ParameterChange, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


Token = tuple[str, str]  # (kind: n number, s string, w word, o sign, the text)


@dataclass(frozen=True, slots=True)
class Statement:
    """One logical line: its tokens and the line it starts on."""

    tokens: tuple[Token, ...]
    line: int


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
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
TOKENS = 400_000
STATEMENTS = 3_000


def statements(text: str, language: str, most: int | None = None) -> list[Statement]:
    """The logical lines of source code (the first ``most``), comments and lone strings (docstrings) left out."""
    found: list[Statement] = []
    tokens: list[Token] = []
    depth, line, begin, counted = 0, 1, 1, 0
    for match in _LEXERS[language].finditer(text):
        kind = match.lastgroup
        if kind in ("c", "k"):
            continue
        if kind == "l":
            if tokens and depth <= 0 and not (language == "r" and tokens[-1][1] in _R_CONTINUES):
                _keep(found, tokens, begin, language)
                if most is not None and len(found) >= most:
                    return found
                tokens, depth = [], 0
            continue
        if not tokens:
            line += text.count("\n", counted, match.start())
            counted, begin = match.start(), line
        value = match.group()
        if kind == "o":
            depth += (value in _OPEN) - (value in _CLOSE)
        elif kind == "d":
            kind = "s"
        elif kind == "w" and value in _CONSTANTS:
            kind = "n"
        tokens.append((kind or "o", value))
        if len(tokens) > TOKENS:
            break
    if tokens:
        _keep(found, tokens, begin, language)
    return found


_CONSTANT_WORDS = """
True False None TRUE FALSE NULL NA T F Inf NaN NA_character_ NA_real_ NA_integer_ true false null
"""
_CONSTANTS = frozenset(_CONSTANT_WORDS.split())
_R_CONTINUES = frozenset(("+", "-", "*", "/", "%", ">", "<", "=", "|", "&", "~", ",", "!"))


def _keep(found: list[Statement], tokens: list[Token], line: int, language: str) -> None:
    if tokens[0][0] == "s" and language == "python" and all(kind == "s" for kind, _ in tokens):
        return
    found.append(Statement(tuple(tokens), line))


def compare(old: str, new: str, language: str) -> Edit:
    """What kind of edit leads from ``old`` to ``new``."""
    if old == new:
        return Edit(Weight.NONE)
    old, new, skipped = _middle(old, new, language)
    edits = [_compared(before, after, language, skipped + line) for before, after, line in _blocks(old, new, language)]
    return Edit(
        max((one.weight for one in edits), default=Weight.DOCUMENTATION),
        tuple(item for one in edits for item in one.parameters),
        tuple(item for one in edits for item in one.added)[:500],
        tuple(item for one in edits for item in one.removed)[:500],
    )


def _compared(old: str, new: str, language: str, skipped: int) -> Edit:
    before, after = statements(old, language), statements(new, language)
    first = 0
    while first < min(len(before), len(after)) and before[first].tokens == after[first].tokens:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last].tokens == after[-1 - last].tokens:
        last += 1
    before, after = before[first : len(before) - last], after[first : len(after) - last]
    if not before and not after:
        return Edit(Weight.DOCUMENTATION)
    return _compare(before, after, skipped)


_DEFINES = re.compile(rb"^[ \t]*+(?:def|class|async[ \t]++def)[ \t]", re.MULTILINE)
BLOCKS = 2_000


def _blocks(old: str, new: str, language: str) -> list[tuple[str, str, int]]:
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


def _middle(old: str, new: str, language: str) -> tuple[str, str, int]:
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


def _compare(before: list[Statement], after: list[Statement], skipped: int) -> Edit:
    if max(len(before), len(after)) > STATEMENTS:
        pairs = (
            [(before, after)] if len(before) != len(after) else [([a], [b]) for a, b in zip(before, after, strict=True)]
        )
    else:
        matcher = SequenceMatcher(None, [one.tokens for one in before], [one.tokens for one in after], autojunk=False)
        pairs = [(before[a:b], after[c:d]) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]
    weight = Weight.DOCUMENTATION
    parameters: list[ParameterChange] = []
    added: list[str] = []
    removed: list[str] = []
    for olds, news in pairs:
        found, moved = _block(olds, news, skipped)
        weight = max(weight, found)
        parameters.extend(moved)
        added.extend(_words(one) for one in news[:50])
        removed.extend(_words(one) for one in olds[:50])
    return Edit(weight, tuple(parameters), tuple(added[:500]), tuple(removed[:500]))


def _words(statement: Statement) -> str:
    return " ".join(value for _, value in statement.tokens[:80])[:400]


def _block(olds: Sequence[Statement], news: Sequence[Statement], skipped: int) -> tuple[Weight, list[ParameterChange]]:
    if len(olds) == len(news):
        weight, moved = Weight.NONE, []
        for old, new in zip(olds, news, strict=True):
            if old.tokens != new.tokens:
                found, some = _pair(old, new, skipped)
                weight = max(weight, found)
                moved.extend(some)
        return weight, moved
    # Constants that came or went beside others that stayed.
    constants: list[ParameterChange] = []
    for one, is_new in [*((one, False) for one in olds), *((one, True) for one in news)]:
        named = _constant(one)
        if named is None:
            return Weight.LOGIC, []
        key, value = named
        constants.append(ParameterChange(key, None if is_new else value, value if is_new else None, one.line + skipped))
    return Weight.PARAMETERS, _joined(constants)


def _joined(changes: list[ParameterChange]) -> list[ParameterChange]:
    """An old and a new value of one key as one change; what stayed the same is dropped."""
    by_key: dict[str, ParameterChange] = {}
    for one in changes:
        other = by_key.get(one.key)
        by_key[one.key] = (
            one if other is None
            else ParameterChange(one.key, other.old or one.old, one.new or other.new, one.line)
        )  # fmt: skip
    return [one for one in by_key.values() if one.old != one.new]


def _constant(statement: Statement) -> tuple[str, str] | None:
    """(name, value) of ``NAME = literal``."""
    tokens = statement.tokens
    for size, signs in ((1, ("=",)), (2, ("<", "-"))):
        if len(tokens) > size + 1 and tokens[0][0] == "w" and tuple(t for _, t in tokens[1 : 1 + size]) == signs:
            value = _collapse(tokens[1 + size :])
            if len(value) == 1 and value[0][0] == "L":
                return tokens[0][1], value[0][1]
    return None


def _pair(old: Statement, new: Statement, skipped: int) -> tuple[Weight, list[ParameterChange]]:
    line = new.line + skipped
    if len(old.tokens) == len(new.tokens) and all(
        (a[0] in "ns" and b[0] in "ns") or a == b for a, b in zip(old.tokens, new.tokens, strict=True)
    ):
        weight, moved = Weight.NONE, []
        for index, (a, b) in enumerate(zip(old.tokens, new.tokens, strict=True)):
            if a != b:
                found = _literal(old.tokens, index, a, b)
                weight = max(weight, found)
                if found is Weight.PARAMETERS:
                    moved.append(ParameterChange(_owner(old.tokens, index), a[1][:200], b[1][:200], line))
        return weight, moved
    before, after = _collapse(old.tokens), _collapse(new.tokens)
    if _outline(before) == _outline(after):
        return Weight.PARAMETERS, _collapsed(before, after, line)
    if old.tokens[0][1] in ("def", "class", "async", "import", "from") or "function" in {t for _, t in old.tokens[:4]}:
        return Weight.LOGIC, []
    keys_a, rest_a = _keywords(before)
    keys_b, rest_b = _keywords(after)
    if (keys_a or keys_b) and _outline(rest_a) == _outline(rest_b):
        moved = _collapsed(rest_a, rest_b, line)
        moved += [
            ParameterChange(key, keys_a.get(key), keys_b.get(key), line)
            for key in {**keys_a, **keys_b}
            if keys_a.get(key) != keys_b.get(key)
        ]
        return Weight.PARAMETERS, moved
    return Weight.LOGIC, []


def _outline(tokens: Sequence[Token]) -> list[str]:
    return ["\0" if kind == "L" else value for kind, value in tokens]


def _collapsed(a: Sequence[Token], b: Sequence[Token], line: int) -> list[ParameterChange]:
    return [
        ParameterChange(_owner(b, index), one[1][:200], other[1][:200], line)
        for index, (one, other) in enumerate(zip(a, b, strict=True))
        if one != other
    ]


def _collapse(tokens: Sequence[Token]) -> list[Token]:
    """Literals, and lists, tuples and dictionaries of literals, each as one token of kind ``L``."""
    stack: list[Token] = []
    for kind, given in tokens:
        value = given
        if kind in "ns":
            if stack and stack[-1][1] == "-" and (len(stack) < 2 or stack[-2][1] in ("=", "(", "[", ",", ":", "{")):
                stack.pop()
                value = "-" + value
            stack.append(("L", value))
        elif value in _CLOSE:
            index = len(stack) - 1
            while index >= 0 and (
                stack[index][0] == "L" or stack[index][1] in (",", ":", "=") or stack[index][0] == "w"
            ):
                if stack[index][0] == "w" and not (index + 1 < len(stack) and stack[index + 1][1] == "="):
                    break
                index -= 1
            opener = stack[index][1] if index >= 0 else ""
            before = stack[index - 1] if index > 0 else ("o", "")
            literal = (
                value in "]}" and opener in ("[", "{") and before[0] not in ("w", "L") and before[1] not in (")", "]")
            )
            called = (
                value == ")"
                and opener == "("
                and (before[1] in ("c", "list", "set", "tuple", "dict", "frozenset") or before[0] == "o")
                and before[1] not in (")", "]")
            )
            if (literal or called) and (len(stack) - index > 1 or literal):
                text = "".join(part for _, part in stack[index:]) + value
                cut = (
                    index - 1
                    if before[1] in ("c", "list", "set", "tuple", "dict", "frozenset") and value == ")"
                    else index
                )
                del stack[cut:]
                stack.append(("L", text[:1000]))
            else:
                stack.append((kind, value))
        else:
            stack.append((kind, value))
    return stack


def _keywords(tokens: Sequence[Token]) -> tuple[dict[str, str], list[Token]]:
    """The keyword arguments with a literal value, and the tokens without them."""
    found: dict[str, str] = {}
    rest: list[Token] = []
    index = 0
    while index < len(tokens):
        if (
            index + 2 < len(tokens)
            and tokens[index][0] == "w"
            and tokens[index + 1][1] == "="
            and tokens[index + 2][0] == "L"
            and rest
            and rest[-1][1] in ("(", ",")
            and (index + 3 == len(tokens) or tokens[index + 3][1] in (",", ")"))
        ):
            found[tokens[index][1]] = tokens[index + 2][1]
            index += 3
            if index < len(tokens) and tokens[index][1] == ",":
                index += 1
        else:
            rest.append(tokens[index])
            index += 1
    tidy: list[Token] = []
    for one in rest:  # `f(a, )` is `f(a)`
        if one[1] == ")" and tidy and tidy[-1][1] == ",":
            tidy.pop()
        tidy.append(one)
    return found, tidy


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


def _literal(tokens: Sequence[Token], index: int, old: Token, new: Token) -> Weight:
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
        if value in _CLOSE and tokens[at][0] == "o":
            depth += 1
        elif value in _OPEN and tokens[at][0] == "o":
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


def _owner(tokens: Sequence[Token], index: int) -> str:
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
