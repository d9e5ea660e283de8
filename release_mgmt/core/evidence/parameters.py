"""Values that changed in configuration: key, old and new, with structural edits told from value edits."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from posixpath import basename
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, decode, load_json, load_toml, load_yaml_all
from release_mgmt.core.evidence.value_lines import ini_lines, json_lines, line_of, toml_lines

VALUES = 50_000
"""A configuration of more values than this is data, not configuration."""

SHOWN = 200


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """One value: ``key`` as a path (``train.lr``, ``layers[2]``) or symbol; None where it did not or does not exist."""

    key: str
    old: str | None
    new: str | None
    line: int | None = None


Values = dict[str, tuple[str, int | None]]

_FORMATS = {
    "yaml": "yaml", "yml": "yaml", "json": "json", "jsonc": "json", "toml": "toml", "ini": "ini", "cfg": "ini",
    "conf": "ini", "properties": "ini", "env": "env", "geojson": "json",
}  # fmt: skip


def configuration_format(path: str) -> str | None:
    """yaml, json, toml, ini or env where ``path`` names a file of configuration values."""
    name = basename(path)
    if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
        return "env"
    if name == "MLproject":
        return "yaml"
    for ending in (".example", ".sample", ".template", ".dist", ".default"):
        name = name.removesuffix(ending)
    return _FORMATS.get(name.rpartition(".")[2].lower()) if "." in name else None


def read_values(path: str, data: bytes) -> Values:
    """Every scalar of a configuration file by its key path; raises ``Unreadable``."""
    form = configuration_format(path)
    lines: dict[tuple[str | int, ...], int] = {}
    if form == "yaml":
        documents = load_yaml_all(data, lines)
        tree: Any = documents[0] if len(documents) == 1 else documents
    elif form == "json":
        tree = _json(data)
    elif form == "toml":
        tree = load_toml(data)
    elif form == "env":
        return dict(_assignments(decode(data)))
    else:
        return _ini(decode(data))
    values: Values = {}
    for place, value in _flat(tree, ()):
        values[_key(place)] = (value, lines.get(place))
        if len(values) > VALUES:
            raise Unreadable(f"more than {VALUES:,} values")
    return values


# A text, a comment, or a comma that closes a list or table: editors and tools write the last two into JSON.
_LOOSE = re.compile(rb'("(?:[^"\\\n]++|\\.)*+"?)|//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|,(?=\s*[}\]])')


def _json(data: bytes) -> Any:
    """The value of a JSON document; comments and last commas are left out where it is none with them."""
    try:
        return load_json(data)
    except Unreadable:
        loose = _LOOSE.sub(lambda match: match.group(1) or b"", data)
        if loose == data:
            raise
        return load_json(_LOOSE.sub(lambda match: match.group(1) or b"", loose))


def _flat(tree: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    stack = [(place, tree)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, dict) and value:
            stack.extend((((*place, str(key)), inner) for key, inner in reversed(value.items())))
        elif isinstance(value, list) and value:
            stack.extend(((*place, index), value[index]) for index in reversed(range(len(value))))
        else:
            yield place, _shown(value)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:SHOWN]


def _key(place: tuple[str | int, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")[:SHOWN] or "."


_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*[=:][ \t]*(.*?)[ \t]*$", re.MULTILINE)


def _assignments(text: str) -> Iterator[tuple[str, tuple[str, int | None]]]:
    line, counted = 1, 0
    for match in _ASSIGNMENT.finditer(text):
        line += text.count("\n", counted, match.start(1))
        counted = match.start(1)
        yield match.group(1), (match.group(2).strip("'\"")[:SHOWN], line)


def _ini(text: str) -> Values:
    parser = configparser.RawConfigParser(
        strict=False,
        allow_no_value=True,
        interpolation=None,
        default_section="\0",  # DEFAULT holds values like others
    )
    try:
        parser.read_string(text)
    except configparser.Error:
        found = dict(_assignments(text))
        if not found and text.strip():
            raise Unreadable("not an INI file") from None
        return found
    return {
        f"{section}.{key}"[:SHOWN]: ((value or "")[:SHOWN], None)
        for section in parser.sections()
        for key, value in parser.items(section)
    }


_INDEX = re.compile(r"\[\d+\]")


def compare_values(old: Values, new: Values) -> tuple[ParameterChange, ...]:
    """The values that differ, in the order of the new file, removals last.

    Items that moved inside a list are matched by value, so that one item added at its head is one change.
    """
    changed = [key for key in new if key not in old or old[key][0] != new[key][0]]
    gone = [key for key in old if key not in new or old[key][0] != new[key][0]]
    listed_old, listed_new = _by_list(old, gone), _by_list(new, changed)
    came = [key for key in changed if not _spend(listed_old, key, new[key][0])]
    went = dict.fromkeys(key for key in gone if not _spend(listed_new, key, old[key][0]))
    found = []
    for key in came:
        before = old[key][0] if key in went else None
        went.pop(key, None)
        found.append(ParameterChange(key, before, new[key][0], new[key][1]))
    found.extend(ParameterChange(key, old[key][0], None, old[key][1]) for key in went)
    return tuple(found)


def _by_list(values: Values, keys: list[str]) -> dict[str, dict[str, int]]:
    listed: dict[str, dict[str, int]] = {}
    for key in keys:
        if "[" in key:
            counts = listed.setdefault(_INDEX.sub("[]", key), {})
            counts[values[key][0]] = counts.get(values[key][0], 0) + 1
    return listed


def _spend(listed: dict[str, dict[str, int]], key: str, value: str) -> bool:
    """Whether the list that ``key`` is in holds ``value`` on the other side too; each is matched once."""
    counts = listed.get(_INDEX.sub("[]", key), {}) if "[" in key else {}
    if counts.get(value, 0) > 0:
        counts[value] -= 1
        return True
    return False


def configuration_changes(path: str, old: bytes | None, new: bytes | None) -> tuple[ParameterChange, ...]:
    """What differs between two versions of a configuration file (None: no such file); raises ``Unreadable``."""
    before = read_values(path, old) if old is not None else {}
    after = read_values(path, new) if new is not None else {}
    changes = compare_values(before, after)
    find = _LINES.get(configuration_format(path) or "")
    if find is None or not changes:
        return changes
    old_lines, new_lines = (find(decode(side)) if side else {} for side in (old, new))
    return tuple(
        replace(one, line=line_of(old_lines if one.new is None else new_lines, one.key)) if one.line is None else one
        for one in changes
    )


_LINES = {"json": json_lines, "toml": toml_lines, "ini": ini_lines}
