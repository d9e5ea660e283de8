"""Reading the loose JSON of forges: every field may be missing, of another type, or hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from release_mgmt.core.text import clean, one_line

Json = Mapping[str, Any]

TITLE_LIMIT = 1_000
BODY_LIMIT = 100_000
LIST_LIMIT = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# GitLab's hooks write "2017-12-10 17:01:11 UTC"; Bitbucket Server's "2019-03-01T10:37:14+0100".
_LOOSE = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)? ?(UTC|Z|[+-]\d\d:?\d\d)?", re.ASCII)


_BOM = b"\xef\xbb\xbf"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(data: bytes) -> Any:
    """The value of a JSON text from a forge; ValueError when it is none, or nested too deeply.

    A mark of the byte order is left aside (RFC 8259, section 8.1), and half an emoji (what a forge leaves that cuts a
    text by UTF-16 units) does not lose the record, nor the page that it is on: cleaning takes it out.
    """
    content = data.removeprefix(_BOM)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if not _HALF.search(content):
            raise
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def get(node: object, *path: str) -> Any:
    """What stands at ``path``, or None as soon as a step is missing or no object."""
    for step in path:
        if not isinstance(node, Mapping):
            return None
        node = node.get(step)
    return node


def children(node: object, *path: str) -> tuple[Json, ...] | None:
    """The objects of the list at ``path`` (at most 500); None when there is no list there."""
    found = get(node, *path)
    if not isinstance(found, list):
        return None
    return tuple(item for item in found[:LIST_LIMIT] if isinstance(item, Mapping))


def line(node: object, *path: str, limit: int = TITLE_LIMIT) -> str | None:
    """The text at ``path`` cleaned, on one line; None when it is absent or no text."""
    found = get(node, *path)
    return one_line(found, limit) if isinstance(found, str) else None


def body(node: object, *path: str) -> str | None:
    """The text at ``path`` cleaned; JSON's null means "nothing written" when the key is there."""
    found = get(node, *path)
    if found is None:
        holder = get(node, *path[:-1])
        return "" if isinstance(holder, Mapping) and path[-1] in holder else None
    return clean(found, BODY_LIMIT) if isinstance(found, str) else None


def whole(node: object, *path: str) -> int | None:
    """The whole number at ``path``; one that no database holds (64 bits, signed) is none."""
    found = get(node, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and -(2**63) <= found < 2**63 else None


def key(node: object, *path: str) -> str | None:
    """The id at ``path``, a number or a text, as text."""
    number = whole(node, *path)
    return line(node, *path, limit=100) if number is None else str(number)


def truth(node: object, *path: str) -> bool | None:
    """The boolean at ``path``."""
    found = get(node, *path)
    return found if isinstance(found, bool) else None


def sha(node: object, *path: str) -> str | None:
    """The commit at ``path``: 7 to 64 hexadecimal digits, and not all zero (git's "no commit")."""
    found = get(node, *path)
    if isinstance(found, str) and re.fullmatch(r"[0-9a-fA-F]{7,64}", found) and found.strip("0"):
        return found.lower()
    return None


def instant(node: object, *path: str) -> datetime | None:
    """The instant at ``path`` in UTC: ISO 8601 in the forms forges write, or milliseconds since 1970."""
    return parse_instant(get(node, *path))


def parse_instant(found: object) -> datetime | None:
    """See :func:`instant`. More than six digits of a fraction are cut; without an offset UTC is meant."""
    if isinstance(found, int | float) and not isinstance(found, bool):
        # Bitbucket Server counts milliseconds, GitHub's push event seconds; 1e11 s is the year 5138.
        if not 0 <= found < 1e14:
            return None
        return _EPOCH + timedelta(seconds=found / 1000 if found >= 1e11 else found)
    if not isinstance(found, str):
        return None
    match = _LOOSE.fullmatch(found.strip())
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "UTC", "Z") else zone
    try:
        return datetime.fromisoformat(f"{day}T{time}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def branch(name: str | None) -> str | None:
    """``refs/heads/main`` as ``main``."""
    return None if name is None else name.removeprefix("refs/heads/")


def tag_name(ref: object) -> str | None:
    """The tag of ``refs/tags/v1``; None for every other ref."""
    if isinstance(ref, str) and ref.startswith("refs/tags/"):
        return one_line(ref.removeprefix("refs/tags/"), TITLE_LIMIT)
    return None


def present(values: Iterable[str | None]) -> tuple[str, ...]:
    """The values that are there, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))
