"""Reading text, JSON, TOML and YAML from strangers with bounded time, memory and depth.

A tree of values has at most ``DEPTH`` levels. YAML is built from the events of the C parser rather than by PyYAML's
own composer: nesting and aliases are refused before they cost anything, unknown tags are harmless, and the line of
every value is known.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import orjson
import yaml

from release_mgmt.core.errors import InvalidInput

DEPTH = 100
TEXT_BYTES = 8_000_000
YAML_BYTES = 3_000_000
NODES = 400_000
PATHS = 8192
"""Paths of which it is kept what their names tell: a history names the same files again and again."""

Path = tuple[str | int, ...]
"""Where a value stands in a tree: keys and indexes from the root."""


class Unreadable(InvalidInput):
    """A file that cannot be read within its bounds; the message says why, in a few words."""

    code = "unreadable"


def decode(data: bytes, limit: int = TEXT_BYTES) -> str:
    """``data`` as text: byte order marks honoured, UTF-8 else Latin-1, line ends made ``\\n``; binary is refused."""
    if len(data) > limit:
        raise Unreadable(f"larger than {limit:,} bytes")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        if b"\0" in data:
            raise Unreadable("binary: holds null bytes")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load_json(data: bytes, limit: int = TEXT_BYTES) -> Any:
    """The value of a JSON document; ``NaN`` and ``Infinity`` are taken, as metrics files hold them."""
    text = decode(data, limit)
    try:
        value = orjson.loads(text)
    except ValueError:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"not JSON: {_short(error)}") from None
    _check_depth(value)
    return value


# A key of hundreds of dotted parts costs tomllib the square of its length.
_DOTTED = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){150}")


def load_toml(data: bytes, limit: int = TEXT_BYTES) -> dict[str, Any]:
    """The table of a TOML document."""
    text = decode(data, limit)
    if _DOTTED.search(text):
        raise Unreadable("not TOML: a key of too many parts")
    try:
        value = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not TOML: {_short(error)}") from None
    _check_depth(value)
    return value


def load_yaml(data: bytes, lines: dict[Path, int] | None = None, limit: int = YAML_BYTES) -> Any:
    """The first document of a YAML stream, None when it is empty. ``lines`` receives the line of each value."""
    documents = load_yaml_all(data, lines, limit, most=1)
    return documents[0] if documents else None


def load_yaml_all(
    data: bytes, lines: dict[Path, int] | None = None, limit: int = YAML_BYTES, most: int = 1000
) -> list[Any]:
    """The documents of a YAML stream (the first ``most``); ``lines`` is of the first document.

    Scalars resolve as YAML 1.1 does, save that dates, times and sexagesimal numbers stay text. An unknown tag is
    passed over. A key that is no scalar, more than ``DEPTH`` levels and an alias that makes the document grow
    past ``NODES`` values raise ``Unreadable``.
    """
    text = decode(data, limit)
    # C0 controls and lone surrogates are no YAML; a template's placeholder fails in the parser with its line.
    parser = yaml.CSafeLoader(text.encode("utf-8", "replace"))
    documents: list[Any] = []
    try:
        while True:
            event = parser.get_event()
            if type(event) is yaml.StreamEndEvent:
                break
            if type(event) is yaml.DocumentStartEvent:
                builder = _Builder(parser, lines if not documents else None)
                documents.append(builder.value(parser.get_event(), (), 0))
                if len(documents) >= most:
                    break
    except yaml.YAMLError as error:
        raise Unreadable(f"not YAML: {_short(error)}") from None
    finally:
        parser.dispose()
    return documents


class _Builder:
    """One document built from events; recursion is bounded by ``DEPTH``. Paths are kept only where lines are."""

    def __init__(self, parser: Any, lines: dict[Path, int] | None) -> None:
        self.event = parser.get_event
        self.lines = lines
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def value(self, event: Any, path: Path, depth: int) -> Any:
        self.count += 1
        if self.count > NODES:
            raise Unreadable(f"more than {NODES:,} values, aliases counted in full")
        if self.lines is not None:
            self.lines[path] = event.start_mark.line + 1
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event.anchor)
        before = self.count
        result: Any
        if kind is yaml.ScalarEvent:
            result = _scalar(event)
        elif depth >= DEPTH:
            raise Unreadable(f"nested deeper than {DEPTH} levels")
        elif kind is yaml.SequenceStartEvent:
            result = self._sequence(path, depth + 1)
        else:
            result = self._mapping(path, depth + 1)
        if event.anchor:
            self.anchors[event.anchor] = (result, self.count - before + 1)
        return result

    def _alias(self, anchor: str | None) -> Any:
        if anchor is None or anchor not in self.anchors:
            raise Unreadable("an alias to nothing, or to itself")
        value, size = self.anchors[anchor]
        self.count += size
        return value

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        result: list[Any] = []
        while True:
            event = self.event()
            if type(event) is yaml.SequenceEndEvent:
                return result
            inner = (*path, len(result)) if self.lines is not None else path
            result.append(self.value(event, inner, depth))

    def _mapping(self, path: Path, depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        merged: list[Any] = []
        noted = self.lines is not None
        while True:
            event = self.event()
            if type(event) is yaml.MappingEndEvent:
                break
            key = self.value(event, (*path, "?") if noted else path, depth)
            if isinstance(key, (list, dict)):
                raise Unreadable("a key that is no scalar")
            inner = (*path, key if isinstance(key, int) else str(key)) if noted else path
            value = self.value(self.event(), inner, depth)
            if key == "<<":
                merged.extend(value if isinstance(value, list) else [value])
            else:
                result[key] = value
        if self.lines is not None:
            self.lines.pop((*path, "?"), None)
        for other in merged:
            if isinstance(other, dict):
                result = {**other, **result}
        return result


_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {
    word: truth
    for truth, words in ((True, "yes true on"), (False, "no false off"))
    for base in words.split()
    for word in (base, base.capitalize(), base.upper())
}
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")
_WORDS = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


def _scalar(event: Any) -> Any:
    """A scalar's value: plain ones by their form, quoted and tagged ones as text."""
    text: str = event.value
    plain: bool = event.implicit[0]
    if not plain or len(text) > 300:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.match(text):
        return _integer(text.replace("_", ""))
    if _FLOAT.match(text):
        return float(text.replace("_", ""))
    word = _WORDS.get(text.lower())
    return float(word) if word else text


def _integer(text: str) -> int | str:
    digits = text.lstrip("+-")
    try:
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            return int(text, 8)
        return int(text, 0)
    except ValueError:
        return text


def _check_depth(value: Any) -> None:
    """Refuse a tree deeper than ``DEPTH``, without recursion."""
    level = [value]
    for _ in range(DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise Unreadable(f"nested deeper than {DEPTH} levels")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
