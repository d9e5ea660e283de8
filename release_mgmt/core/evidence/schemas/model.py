"""What a change does to the shape of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One part of a schema that differs. ``breaks``: readers or writers of the old shape can fail.

    ``what`` says it in words (``column removed``), ``subject`` names it (``orders.total``).
    """

    subject: str
    what: str
    breaks: bool
    line: int | None = None
    old: str | None = None
    new: str | None = None


def bounded(text: str, limit: int = 200) -> str:
    """A name or type on one line, cut."""
    return " ".join(text.split())[:limit]
