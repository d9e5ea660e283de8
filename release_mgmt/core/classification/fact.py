"""One observation, before a rule says what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """``fact`` is what rules go by; the rest becomes the evidence, ``kind`` the family of what was looked at."""

    fact: str
    path: str
    line: int | None
    subject: str
    old: str | None = None
    new: str | None = None
    kind: str = "content"
    ecosystem: str | None = None
