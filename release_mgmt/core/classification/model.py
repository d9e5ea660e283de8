"""From evidence to a level with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release_mgmt.core.evidence.model import Evidence


class Level(StrEnum):
    """How much a change asks of others: minor rides in the next short cycle, major is coordinated first."""

    MINOR = "minor"
    MAJOR = "major"


@dataclass(frozen=True, slots=True)
class NewLibrary:
    """A third-party library that becomes needed at run time; ``name`` as its registry spells it."""

    name: str
    ecosystem: str
    path: str


@dataclass(frozen=True, slots=True)
class Classification:
    """The verdict on one change. ``rule`` names the rule that decided it, ``kind`` is a word of the labelling guide."""

    level: Level
    kind: str
    needs_review: bool
    rule: str
    new_libraries: tuple[NewLibrary, ...] = ()
    evidence: tuple[Evidence, ...] = ()
