"""Charts drawn on the server: plain SVG that needs no script, prints, and has its numbers in a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, FLOOR, TOP = 320.0, 84.0, 12.0


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its place and height in the drawing's units, and what it says; None as ``height``: no number."""

    label: str
    words: str
    x: float
    y: float
    width: float
    height: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns of one course. ``most`` and ``last`` are its marks in words, ``words`` is what a screen reader says."""

    columns: tuple[Column, ...]
    most: str
    first: str
    last: str
    words: str


def columns(
    title: str, points: Sequence[tuple[str, float | None, str]], most_words: str, ends: tuple[str, str], *,
    ceiling: float | None = None,
) -> Chart | None:  # fmt: skip
    """A chart of ``(label, value, value in words)``, oldest first; None when no value is there.

    ``ends`` stand below the first and the last column. The scale is from zero to ``ceiling``, else the highest value.
    """
    values = [value for _, value, _ in points if value is not None]
    if not values:
        return None
    top = ceiling if ceiling is not None else max(values)
    step = WIDTH / len(points)
    drawn = tuple(
        _column(place * step, step, top, label, value, words) for place, (label, value, words) in enumerate(points)
    )
    said = "; ".join(f"{label}: {words}" for label, _, words in points)
    return Chart(drawn, most_words, *ends, f"{title}. {said}")


def _column(left: float, step: float, top: float, label: str, value: float | None, words: str) -> Column:
    gap = min(step * 0.25, 6.0)
    height = None if value is None else 0.0 if top <= 0 else (FLOOR - TOP) * min(max(value / top, 0.0), 1.0)
    drawn = max(height or 0.0, 1.0)  # a zero is a hairline on the floor: something was counted
    return Column(
        label, words, round(left + gap / 2, 2), round(FLOOR - drawn, 2), round(step - gap, 2),
        None if height is None else round(drawn, 2),
    )  # fmt: skip
