"""The outcome of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from release_mgmt.core.evidence.parameters import ParameterChange


class Weight(IntEnum):
    """How much an edit says, the least first."""

    NONE = 0
    DOCUMENTATION = 1
    TEXT = 2
    PARAMETERS = 3
    LOGIC = 4


@dataclass(frozen=True, slots=True)
class Edit:
    """The weight of an edit and the parameters it moves; ``added`` and ``removed`` are the first statements that
    differ, as they are written, ``line`` is that of the added one."""

    weight: Weight
    parameters: tuple[ParameterChange, ...] = ()
    added: str | None = None
    removed: str | None = None
    line: int | None = None
