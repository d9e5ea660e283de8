"""Filters live in the address: links that add, replace or take away one of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app, request, url_for
from werkzeug.datastructures import MultiDict

from release_mgmt.web.pages.parts import Chip, ChipGroup


def present(**changed: str | None) -> str:
    """The present address with some parameters replaced (None takes one away); paging starts again."""
    assert request.endpoint is not None
    kept: MultiDict[str, str] = MultiDict(request.args)
    for name in ("cursor", "before", "page"):
        kept.poplist(name)
    for name, value in changed.items():
        kept.poplist(name)
        if value is not None:
            kept[name] = value
    values: Mapping[str, Any] = {**(request.view_args or {}), **{key: kept.getlist(key) for key in kept}}
    return url_for(request.endpoint, **values)


def group(label: str, name: str, options: Iterable[tuple[str, str]]) -> ChipGroup:
    """Chips of one parameter; choosing the one that is on takes it away."""
    chosen = request.args.get(name)
    return ChipGroup(
        label,
        tuple(
            Chip(text, present(**{name: None if value == chosen else value}), value == chosen)
            for value, text in options
        ),
    )


def next_page(cursor: str | None) -> str | None:
    """The address of the page that begins at ``cursor``."""
    return None if cursor is None else present() + ("&" if "?" in present() else "?") + f"cursor={cursor}"


def first_of_page(count: int, size: int) -> int:
    """Where the page that the address asks for begins among ``count`` things; the first one when it is out of range."""
    asked = request.args.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    first = (max(page, 1) - 1) * size
    return first if first < count else 0


def there(endpoint: str) -> bool:
    """Whether this installation has that page."""
    return endpoint in current_app.view_functions
