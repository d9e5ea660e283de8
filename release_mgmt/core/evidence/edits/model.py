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
    """The weight of an edit and the parameters it moves; ``added`` and ``removed`` are the statements that
    differ, ``line`` is that of the first added one."""

    weight: Weight
    parameters: tuple[ParameterChange, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    line: int | None = None
