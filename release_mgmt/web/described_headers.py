"""Headers that operations of the API read by themselves, as the description tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def takes(header: str, meaning: str) -> Callable[[View], View]:
    """Mark an operation that reads a header; beside flask-smorest's decorators, below ``@route``."""

    def mark(view: View) -> View:
        kept = getattr(view, "_apidoc", {})
        told = {"in": "header", "name": header, "schema": {"type": "string"}, "description": meaning}
        setattr(view, "_apidoc", {**kept, "headers": [*kept.get("headers", ()), told]})  # noqa: B010 - no type has it
        return view

    return mark


def described(doc: dict[str, Any], told: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The description of an operation, with what :func:`takes` told of it."""
    headers = told.get("headers")
    return {**doc, "parameters": [*doc.get("parameters", ()), *headers]} if headers else doc
