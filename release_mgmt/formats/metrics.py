"""Figures as JSON and CSV. Instants are UTC, days those of the zone that is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from release_mgmt.core.metrics import Definition, Figure, Span

SCHEMA = "release-mgmt/metrics/1"
COLUMNS = (
    "figure", "title", "unit", "since", "until", "zone", "repository", "team", "calendar", "environment", "value",
    "p90", "over", "population", "counted", "left_out", "source", "missing",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def definition(one: Definition) -> dict[str, Any]:
    """What a figure means."""
    return {
        "id": one.id, "title": one.title, "group": one.group, "unit": one.unit, "better": one.better.value,
        "over": one.over, "meaning": one.meaning, "send": " ".join(one.send), "source": one.source,
    }  # fmt: skip


def period(span: Span) -> dict[str, Any]:
    """A period: local days, both included, and the instants at which it begins and ends."""
    return {"since": span.first, "until": span.last, "zone": span.zone, "begins": span.since, "ends": span.until}


def figure(one: Figure, *, changes: bool = True) -> dict[str, Any]:
    """A figure with its definition, its period, over what it is, its course, and the ids of the changes behind it."""
    result = one.result
    found: dict[str, Any] = {
        "id": one.definition.id,
        "definition": definition(one.definition),
        "period": period(one.span),
        "value": result.value,
        "p90": result.p90,
        "unit": one.definition.unit,
        "over": one.definition.over,
        "population": result.population,
        "counted": result.counted,
        "left_out": result.left_out,
        "split": [{"label": label, "count": count} for label, count in result.split],
        "missing": one.missing,
        "course": [
            {"since": each.span.first, "until": each.span.last, "value": each.value, "population": each.population}
            for each in one.course
        ],
    }
    if changes:
        found |= {"changes": list(result.changes), "against": list(result.against)}
    return found


def table(figures: Iterable[Figure], asked: dict[str, str | None]) -> str:
    """The figures as CSV (RFC 4180), one a line, with the scope in every line; no cell begins a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in figures:
        result, period = one.result, one.span
        scope = [_cell(asked.get(name) or "") for name in ("repository", "team", "calendar", "environment")]
        writer.writerow([
            one.definition.id, one.definition.title, one.definition.unit, period.first, period.last, period.zone,
            *scope, _number(result.value), _number(result.p90), one.definition.over, result.population,
            "" if result.counted is None else result.counted, result.left_out, one.definition.source,
            one.missing or "",
        ])  # fmt: skip
    return out.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


_SHORT = {"hours": " hours", "days": " days", "per week": " per week"}


def words(one: Figure) -> str:
    """The value of a figure with its unit."""
    return value_words(one.definition, one.result.value)


def value_words(one: Definition, value: float | None) -> str:
    """A value with its unit: ``12.5 %``, ``3``, ``4 hours``; "not measured" without one."""
    if value is None:
        return "not measured"
    number = f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}"
    if one.unit == "percent":
        return f"{number} %"
    return f"{number}{_SHORT.get(one.unit, '')}"


def basis(one: Figure) -> str:
    """Over what a figure is, since when and until when: no figure is shown without it."""
    result, span = one.result, one.span
    if one.missing is not None:
        return f"Nothing to measure {span.first} to {span.last}. {one.missing}"
    parts = f"{result.counted} of {result.population}" if result.counted is not None else f"{result.population}"
    text = f"Over {parts} {one.definition.over}, {span.first} to {span.last} ({span.zone})"
    if result.p90 is not None:
        text += f"; nine in ten within {_plain(result.p90)} {one.definition.unit}"
    if result.split:
        text += "; " + ", ".join(f"{label.replace('_', ' ')} {count}" for label, count in result.split)
    if result.left_out:
        text += f"; {result.left_out} could not be measured"
    return f"{text}."


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
