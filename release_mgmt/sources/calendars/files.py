"""Calendar files: YAML, one document a calendar, bounded on the way in."""

from __future__ import annotations

import re
from collections.abc import Hashable
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from release_mgmt.core.errors import InvalidInput, NotFound, TooLarge
from release_mgmt.core.text import one_line
from release_mgmt.core.windows import ReleaseCalendar

MOST_BYTES = 512 * 1024
_MOST_EVENTS = 60_000
_DEEPEST = 20
_LONGEST_NUMBER = 40
_PLAIN_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_CLOCK = re.compile(r"business_days\.cut_off$|\.retimed(?:\[\d+\])?\.(?:start|end)$")

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, with times left as text (an offset would be lost) and doubled keys refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise InvalidInput.at(f"line {line}", f"the key {key.value[:60]!r} is there twice")
                seen.add(key.value)
        found: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return found


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int | str:
    """A plain number. What YAML 1.1 reads otherwise stays text: 16:00 is no number of minutes, 010 not eight."""
    if len(node.value) > _LONGEST_NUMBER:
        raise InvalidInput.at(f"line {node.start_mark.line + 1}", "holds a number that is too long")
    read = int(loader.construct_yaml_int(node))
    return read if _PLAIN_NUMBER.fullmatch(node.value) else str(node.value)


def _fraction(loader: Any, node: yaml.ScalarNode) -> float | str:
    """As it stands, save what is no number at all: no field is a fraction, and a name 1.10 would become 1.1."""
    read = float(loader.construct_yaml_float(node))
    return str(node.value) if isfinite(read) else read


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _fraction)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}


def load_yaml(text: str | bytes) -> list[dict[str, object]]:
    """The documents in the text. Raises InvalidInput naming the line, TooLarge over the bounds."""
    if len(text) > MOST_BYTES:
        raise TooLarge(f"A calendar file has at most {MOST_BYTES // 1024} KB.")
    try:
        _check_shape(text)
        found = list(yaml.load_all(text, Loader=_Loader))  # a subclass of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise InvalidInput.at(
            where, f"is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}"
        ) from error
    except (ValueError, KeyError, IndexError, TypeError) as error:  # the loader's own, of a value that its tag forbids
        raise InvalidInput.at(
            "file", f"holds a value that cannot be read: {one_line(str(error), 100)}", "plain texts, numbers and lists"
        ) from error
    documents = [each for each in found if each is not None]
    if not documents:
        raise InvalidInput.at("file", "holds no calendar", "a document that begins with calendar: NAME")
    for each in documents:
        if not isinstance(each, dict):
            raise InvalidInput.at("file", "is not a mapping", "a document that begins with calendar: NAME")
    _refuse_twice(documents)
    for each in documents:
        _refuse_numbers(each, "")
    return documents


def _refuse_numbers(part: object, path: str) -> None:
    """A time of day that was written as a number: is 930 half past nine, or the minutes of half past three?"""
    if isinstance(part, dict):
        for key, value in part.items():
            _refuse_numbers(value, f"{path}.{key}".removeprefix("."))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            _refuse_numbers(value, f"{path}[{index}]")
    elif isinstance(part, int) and not isinstance(part, bool) and _CLOCK.search(path):
        raise InvalidInput.at(path, f"is {part}, not a time of day", 'for instance "16:00"')


def _refuse_twice(documents: list[dict[str, object]]) -> None:
    """The second of two documents of one calendar would replace the first."""
    seen: set[str] = set()
    for name in (str(each["calendar"]) for each in documents if each.get("calendar") is not None):
        slug = ReleaseCalendar(name).slug
        if slug in seen:
            said = f"{one_line(name, 60)!r} is there twice in the file"
            raise InvalidInput.at("calendar", said, "one document for each calendar")
        seen.add(slug)


def _check_shape(text: str | bytes) -> None:
    """Refuse aliases (they can grow without bound) and shapes no calendar has, before anything is built."""
    depth = 0
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for count, event in enumerate(yaml.parse(text, Loader=loader)):
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            where = f"line {mark.line + 1}" if mark else "file"
            raise InvalidInput.at(where, "holds an alias", "the value written out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or count > _MOST_EVENTS:
            raise TooLarge("The calendar file is nested too deeply or holds too many values.")


def read_file(path: Path) -> bytes:
    """The bytes of a calendar file, at most a little more than is taken."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no calendar file {path}.", hint="give the path of a file with calendars (YAML)"
        ) from error
    except OSError as error:
        raise InvalidInput.at(str(path), f"cannot be read: {error.strerror}") from error
