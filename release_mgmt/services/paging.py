"""Pages of long lists by keyset: the cursor holds the last row's sort values, so that new rows never shift a page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from release_mgmt.core.errors import InvalidInput

T = TypeVar("T")
LIMIT = 50
MOST = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of those after them (None at the end)."""

    items: tuple[T, ...]
    next: str | None


def cursor(*values: str | int | datetime) -> str:
    """The opaque form of a row's sort values."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def values(text: str, *kinds: type) -> list[object]:
    """The sort values of a cursor, each of the kind expected.

    :raises InvalidInput: when it is none of ours.
    """
    wrong = InvalidInput.at("cursor", "this is not a cursor of this list", "the value of `next`, unchanged")
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        raise wrong from None
    if not isinstance(found, list) or len(found) != len(kinds):
        raise wrong
    made: list[object] = []
    for value, kind in zip(found, kinds, strict=True):
        if kind is datetime and isinstance(value, str):
            try:
                instant = datetime.fromisoformat(value)
            except ValueError:
                raise wrong from None
            if instant.tzinfo is None:
                raise wrong
            made.append(instant)
        elif type(value) is kind and not (isinstance(value, int) and abs(value) > 2**53):
            made.append(value)
        else:
            raise wrong
    return made


def page(rows: Sequence[T], limit: int, key: Callable[[T], tuple[str | int | datetime, ...]]) -> Page[T]:
    """A page of ``rows`` that were read with ``limit + 1``; ``key(row)`` gives the sort values as a tuple."""
    kept = tuple(rows[:limit])
    return Page(kept, cursor(*key(kept[-1])) if len(rows) > limit else None)


def bounded(limit: int | None) -> int:
    """A sane size of a page.

    :raises InvalidInput: unless between 1 and 500.
    """
    if limit is None:
        return LIMIT
    if not 1 <= limit <= MOST:
        raise InvalidInput.at("limit", f"{limit} is out of range", f"1 to {MOST}")
    return limit
