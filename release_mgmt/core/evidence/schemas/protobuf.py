"""Protocol buffers: messages, enumerations and services, compared by field number and name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.schemas.model import SchemaChange, bounded

_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[\w.]+|[{}=;<>,\[\]()-]", re.DOTALL)
_FIELD = re.compile(r"(?:(?:optional|required|repeated) )?((?:map < [\w.]+ , [\w.]+ >)|[\w.]+) (\w+) = (-?\w+)")
_VALUE = re.compile(r"(\w+) = (- ?\w+|\w+)")
_RPC = re.compile(r"rpc (\w+) \( ((?:stream )?[\w.]+) \) returns \( ((?:stream )?[\w.]+) \)")
_DEPTH = 50


@dataclass
class _Shape:
    """The fields, values and calls of a file, each with its line, by qualified name."""

    fields: dict[tuple[str, str], tuple[str, str, int]] = field(default_factory=dict)
    values: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    calls: dict[str, tuple[str, int]] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)


def changes(old: bytes | None, new: bytes | None) -> Iterator[SchemaChange]:
    """What changed on the wire and for generated code."""
    before = _read(old) if old is not None else _Shape()
    after = _read(new) if new is not None else _Shape()
    for name, line in before.messages.items():
        if name not in after.messages:
            yield SchemaChange(name, "message removed", True, line)
    for name, line in after.messages.items():
        if name not in before.messages:
            yield SchemaChange(name, "message added", False, line)
    yield from _fields(before, after)
    for (owner, number), (name, line) in before.values.items():
        if (owner, number) not in after.values and owner in after.messages:
            yield SchemaChange(f"{owner}.{name}", "value removed", True, line)
    for name, (form, line) in before.calls.items():
        later = after.calls.get(name)
        if later is None:
            yield SchemaChange(name, "call removed", True, line)
        elif later[0] != form:
            yield SchemaChange(name, "call changed", True, later[1], form, later[0])
    for name, (_, line) in after.calls.items():
        if name not in before.calls:
            yield SchemaChange(name, "call added", False, line)


def _fields(before: _Shape, after: _Shape) -> Iterator[SchemaChange]:
    for (owner, number), (name, form, line) in before.fields.items():
        later = after.fields.get((owner, number))
        if later is None:
            if owner in after.messages:
                yield SchemaChange(f"{owner}.{name}", "field removed", True, line, f"{form} = {number}", None)
        elif later[1] != form:
            yield SchemaChange(f"{owner}.{name}", "field type changed", True, later[2], form, later[1])
        elif later[0] != name:
            yield SchemaChange(f"{owner}.{name}", "field renamed", True, later[2], name, later[0])
    for (owner, number), (name, form, line) in after.fields.items():
        if (owner, number) not in before.fields and owner in before.messages:
            must = form.startswith("required ")
            yield SchemaChange(f"{owner}.{name}", "field added", must, line, None, f"{form} = {number}")


def _read(data: bytes) -> _Shape:
    text = decode(data, 1_000_000)
    shape = _Shape()
    path: list[tuple[str, str]] = []
    words: list[str] = []
    line, at, start = 1, 0, 1
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        sign = match.group()
        if sign.startswith(("//", "/*")):
            continue
        if not words:
            start = line
        if sign == "{":
            kind, name = (words[0], words[1]) if len(words) > 1 else (words[0] if words else "", "")
            if kind == "rpc":
                _entry(shape, path, words, start)
            if len(path) >= _DEPTH:
                return shape
            path.append((kind, name))
            if kind in ("message", "enum", "service"):
                shape.messages[_owner(path)] = start
            words = []
        elif sign == "}":
            if path:
                path.pop()
            words = []
        elif sign == ";":
            _entry(shape, path, words, start)
            words = []
        elif len(words) < 200:
            words.append(sign)
    return shape


def _owner(path: list[tuple[str, str]]) -> str:
    return ".".join(name for kind, name in path if kind in ("message", "enum", "service"))


def _entry(shape: _Shape, path: list[tuple[str, str]], words: list[str], line: int) -> None:
    text = " ".join(words)
    owner = _owner(path)
    kind = next((kind for kind, _ in reversed(path) if kind != "oneof"), "")
    if kind == "message":
        match = _FIELD.match(text)
        if match and words[0] not in ("option", "reserved", "extensions"):
            label = f"{words[0]} " if words[0] in ("repeated", "required") else ""
            shape.fields[owner, match.group(3)] = (match.group(2), bounded(label + match.group(1)), line)
    elif kind == "enum":
        value = _VALUE.match(text)
        if value and words[0] not in ("option", "reserved"):
            shape.values[owner, value.group(2)] = (value.group(1), line)
    elif kind == "service":
        call = _RPC.match(text)
        if call:
            shape.calls[f"{owner}.{call.group(1)}"] = (f"{call.group(2)} -> {call.group(3)}", line)
