"""What kind of edit a change of source code is: only comments, only texts, only parameters, or logic.

Both versions are lexed into statements without comments and docstrings. Statements that differ are paired; a pair
that has the same shape but for literals is a change of parameters, or of texts where the literal is prose that people
read. Everything else is logic.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from release_mgmt.core.evidence.edits.lexing import Statement, statements, written
from release_mgmt.core.evidence.edits.model import Edit, Weight
from release_mgmt.core.evidence.edits.pairs import block
from release_mgmt.core.evidence.edits.regions import blocks, middle, shared
from release_mgmt.core.evidence.parameters import ParameterChange

__all__ = ["Edit", "Statement", "Weight", "compare", "shared", "statements"]

STATEMENTS = 3_000
"""Statements up to which two versions are matched one by one."""


def compare(old: str, new: str, language: str) -> Edit:
    """What kind of edit leads from ``old`` to ``new``."""
    if old == new:
        return Edit(Weight.NONE)
    old, new, skipped = middle(old, new, language)
    edits = [_compared(before, after, language, skipped + line) for before, after, line in blocks(old, new, language)]
    return Edit(
        max((one.weight for one in edits), default=Weight.DOCUMENTATION),
        tuple(item for one in edits for item in one.parameters),
        next((one.added for one in edits if one.added), None),
        next((one.removed for one in edits if one.removed), None),
        next((one.line for one in edits if one.added), None),
    )


def _compared(old: str, new: str, language: str, skipped: int) -> Edit:
    before, after = statements(old, language), statements(new, language)
    first = 0
    while first < min(len(before), len(after)) and before[first].tokens == after[first].tokens:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last].tokens == after[-1 - last].tokens:
        last += 1
    before, after = before[first : len(before) - last], after[first : len(after) - last]
    if not before and not after:
        return Edit(Weight.DOCUMENTATION)
    pairs = _paired(before, after)
    weight = Weight.DOCUMENTATION
    parameters: list[ParameterChange] = []
    for olds, news in pairs:
        found, moved = block(olds, news, skipped)
        weight = max(weight, found)
        parameters.extend(moved)
    removed = next((olds[0] for olds, _ in pairs if olds), None)
    added = next((news[0] for _, news in pairs if news), None)
    return Edit(
        weight,
        tuple(parameters),
        written(added, new, language) if added else None,
        written(removed, old, language) if removed else None,
        added.line + skipped if added else None,
    )


def _paired(before: list[Statement], after: list[Statement]) -> list[tuple[list[Statement], list[Statement]]]:
    """The statements that differ, each stretch of old ones with the new ones in its place."""
    if max(len(before), len(after)) <= STATEMENTS:
        matcher = SequenceMatcher(None, [one.tokens for one in before], [one.tokens for one in after], autojunk=False)
        return [(before[a:b], after[c:d]) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]
    if len(before) != len(after):
        return [(before, after)]
    return [([a], [b]) for a, b in zip(before, after, strict=True)]
