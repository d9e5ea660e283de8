"""Figures: results that tell their definition, over what, since when and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from release_mgmt.core.metrics.definitions import DEFINITIONS, Definition
from release_mgmt.core.metrics.deployments import Facts
from release_mgmt.core.metrics.measures import MEASURES, Result
from release_mgmt.core.metrics.spans import Span, blocks


@dataclass(frozen=True, slots=True)
class Bucket:
    """The value of one block of days."""

    span: Span
    value: float | None
    population: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over one span, with its course in blocks of days."""

    definition: Definition
    span: Span
    result: Result
    course: tuple[Bucket, ...]

    @property
    def missing(self) -> str | None:
        """What to send, when there is nothing to measure."""
        return " ".join(self.definition.send) if self.result.value is None else None


def figures(facts: Facts, span: Span, definitions: Iterable[Definition] = DEFINITIONS) -> tuple[Figure, ...]:
    """The figures over ``span``."""
    parts = blocks(span)
    return tuple(_figure(one, facts, span, parts) for one in definitions)


def _figure(definition: Definition, facts: Facts, span: Span, parts: tuple[Span, ...]) -> Figure:
    measure = MEASURES[definition.id]
    course = [(part, measure(facts, part)) for part in parts]
    return Figure(
        definition, span, measure(facts, span), tuple(Bucket(part, one.value, one.population) for part, one in course)
    )
