"""The value that every kind of evidence is told in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observed fact of a change.

    ``line`` counts from 1 in the new file (in the old one when the fact is a removal), None when a line makes no sense.
    ``level`` is what the fact alone implies (``minor`` or ``major``), ``rule`` the name of the rule that says so.
    """

    kind: str
    path: str
    line: int | None
    subject: str
    old: str | None
    new: str | None
    level: str
    rule: str
