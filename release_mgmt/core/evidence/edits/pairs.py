"""Statements that differ, paired: the same shape with other literals is a change of parameters."""

from __future__ import annotations

from collections.abc import Sequence

from release_mgmt.core.evidence.edits.lexing import CLOSE, Statement, Token
from release_mgmt.core.evidence.edits.literals import owner, weigh
from release_mgmt.core.evidence.edits.model import Weight
from release_mgmt.core.evidence.parameters import ParameterChange


def block(olds: Sequence[Statement], news: Sequence[Statement], skipped: int) -> tuple[Weight, list[ParameterChange]]:
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
                found = weigh(old.tokens, index, a, b)
                weight = max(weight, found)
                if found is Weight.PARAMETERS:
                    moved.append(ParameterChange(owner(old.tokens, index), a[1][:200], b[1][:200], line))
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
        ParameterChange(owner(b, index), one[1][:200], other[1][:200], line)
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
        elif value in CLOSE:
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
