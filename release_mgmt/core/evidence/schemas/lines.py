"""In which line a part of a JSON or YAML schema stands, found by its names following each other."""

from __future__ import annotations

import re

_LONGEST = 1_000_000
_OPERATION = re.compile(r"(?P<method>[A-Z]+) (?P<path>/\S*)(?: (?P<rest>.+))?\Z")
_IS_KEY = re.compile(r"[\"']?[ \t]*:")
_PART_OF_A_NAME = re.compile(r"[\w$-]")


def line_of(subject: str, text: bytes | None) -> int | None:
    """The line, from 1, of what ``subject`` names (``Order.lines[].price``, ``GET /orders limit``), else None.

    Parsers of JSON keep no lines, so names are looked for in their order, each behind the one that holds it. Texts
    over a megabyte are left without lines: a fact is worth more than the time to point at it.
    """
    if text is None or len(text) > _LONGEST:
        return None
    source = text.decode("utf-8", "replace")
    at = found = 0
    for name in _names(subject):
        found = _whole(source, name, at)
        if found < 0:
            return None
        at = found + len(name)
    return source.count("\n", 0, found) + 1


def _names(subject: str) -> list[str]:
    """The names that lead to a part, outermost first."""
    if operation := _OPERATION.match(subject):
        status, _, inner = (operation["rest"] or "").partition(" ")
        parts = [operation["path"], operation["method"].lower(), "" if status == "request" else status]
        content, _, fields = inner.partition(".") if "/" in inner else ("", "", inner)
        return [name for name in (*parts, content, *_fields(fields)) if name]
    return [] if subject == "schema" else _fields(subject)


def _fields(dotted: str) -> list[str]:
    return [name for name in dotted.replace("[]", "").split(".") if name]


def _whole(source: str, name: str, start: int) -> int:
    """Where ``name`` stands from ``start`` on as a key, else as a whole word (Avro names fields in values), else -1."""
    word = -1
    while (found := source.find(name, start)) >= 0:
        start = found + len(name)
        if _PART_OF_A_NAME.match(source[max(found - 1, 0) : found]) or _PART_OF_A_NAME.match(source[start : start + 1]):
            continue
        if _IS_KEY.match(source, start):
            return found
        word = found if word < 0 else word
    return word
