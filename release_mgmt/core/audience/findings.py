"""What of a change's evidence stands with it: settings and metrics that moved, and why its level is what it is."""

from __future__ import annotations

import re

from release_mgmt.core.audience.model import Annotation, Move
from release_mgmt.core.audience.plain import plain_name
from release_mgmt.core.text import one_line

MOST_FACTS = 8
"""As many settings, and as many pieces of evidence, stand with a change; how many more there are is told."""

_VALUE = re.compile(r"[\"']?[\w.+%/: -]{1,40}[\"']?\Z")


def tweaks_of(note: Annotation, business: bool) -> tuple[tuple[Move, ...], int]:
    """The settings that moved, and how many more there are. The business sees those that read as a value, and only of a
    change that is nothing but settings."""
    verdict = note.classification
    if verdict is None or (business and verdict.kind != "parameter_only"):
        return (), 0
    facts = [fact for fact in verdict.evidence if fact.kind.startswith("parameter")]
    if business:
        facts = [fact for fact in facts if _VALUE.match(fact.old or "") and _VALUE.match(fact.new or "")]
    shown = tuple(
        Move(
            plain_name(fact.subject) if business else one_line(fact.subject, 200),
            one_line(fact.old, 120) if fact.old is not None else None,
            one_line(fact.new, 120) if fact.new is not None else None,
            None if business else _place(fact.path, fact.line),
        )
        for fact in facts[:MOST_FACTS]
    )
    return shown, len(facts) - len(shown)


def metrics_of(note: Annotation) -> tuple[Move, ...]:
    """The metrics that moved: as told, else as the evidence has them."""
    told = [(metric.name, metric.old, metric.new) for metric in note.metrics]
    if note.classification is not None and not told:
        told = [
            (fact.subject, fact.old, fact.new)
            for fact in note.classification.evidence
            if fact.kind.startswith("metric")
        ]
    return tuple(
        Move(
            one_line(name, 120),
            one_line(old, 80) if old is not None else None,
            one_line(new, 80) if new is not None else None,
        )
        for name, old, new in told
    )


def evidence_of(note: Annotation) -> tuple[tuple[Move, ...], int]:
    """The weightiest evidence, what decided the verdict first, and how many more pieces there are."""
    verdict = note.classification
    if verdict is None:
        return (), 0
    facts = [fact for fact in verdict.evidence if not fact.kind.startswith(("parameter", "metric"))]
    facts.sort(key=lambda fact: (fact.level != "major", fact.rule != verdict.rule))
    shown = tuple(
        Move(
            one_line(f"{fact.rule}: {fact.subject}", 160),
            one_line(fact.old, 120) if fact.old is not None else None,
            one_line(fact.new, 120) if fact.new is not None else None,
            _place(fact.path, fact.line),
        )
        for fact in facts[:MOST_FACTS]
    )
    return shown, len(facts) - len(shown)


def _place(path: str, line: int | None) -> str:
    return one_line(f"{path}:{line}" if line is not None else path, 300)
