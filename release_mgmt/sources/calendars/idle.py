"""What a calendar document says without any effect: refused when it is saved, so that nobody relies on it.

A document that is stored already is read without this, or a rule that came later would make it unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from release_mgmt.core.errors import FieldError
from release_mgmt.core.windows import Freeze, ReleaseCalendar, WindowSeries
from release_mgmt.sources.calendars.policies import CALENDAR_WIDE


def idle(document: Mapping[str, Any], calendar: ReleaseCalendar) -> list[FieldError]:
    """Every value of a document (of which ``calendar`` is the reading) that nothing would ever ask for."""
    found = list(_holidays("business_days", document.get("business_days")))
    for name, team in (document.get("teams") or {}).items():
        found += _holidays(f"teams.{name}.business_days", (team or {}).get("business_days"))
    for index, series in enumerate(calendar.series):
        found += _series(f"series[{index}]", _items(document, "series")[index], series)
    for index, freeze in enumerate(calendar.freezes):
        found += _freeze(f"freezes[{index}]", _items(document, "freezes")[index], freeze)
    return found


def _items(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = document[key]
    return items if isinstance(items, list) else [items]


def _holidays(path: str, days: Any) -> Iterator[FieldError]:
    given = (days or {}).get("holidays") or {}
    if given.get("country") and given.get("market"):
        said = "stands beside country, whose holidays alone would count"
        yield FieldError(f"{path}.holidays.market", said, "country or market")


def _series(path: str, item: Mapping[str, Any], series: WindowSeries) -> Iterator[FieldError]:
    for key in CALENDAR_WIDE:
        for place, part in ((path, item), (f"{path}.policy", item.get("policy") or {})):
            if part.get(key) is not None:
                said = "is for the whole calendar: what a series serves has windows"
                yield FieldError(f"{place}.{key}", said, f"policy.{key}, or default here")
    for key in ("environments", "repositories"):
        if not getattr(series, key):
            yield FieldError(f"{path}.{key}", "is empty, so no change could go there", "a name, or leave it out")
    for number, name in enumerate(series.environments):
        if set("*?[") & set(name):
            said = f"{name[:60]!r} is a pattern, which an environment never matches"
            yield FieldError(f"{path}.environments[{number}]", said, "a name such as prod")
    if series.min_duration > series.length and not series.retimings:
        said = "is longer than the windows, so that none would be left"
        yield FieldError(f"{path}.min_duration", said, f"at most {series.length}")
    for index, part in enumerate(_items(item, "retimed") if item.get("retimed") else ()):
        if part.get("end") is not None and series.duration is not None:
            said = "stands in a series of fixed duration, which it would not change"
            yield FieldError(f"{path}.retimed[{index}].end", said, "start alone, or end for the series")
        if series.rule is None and str(part["from"])[:10] > f"{series.start:%Y-%m-%d}":
            said = "is after the only window of the series"
            yield FieldError(f"{path}.retimed[{index}].from", said, f"{series.start:%Y-%m-%d} or before")


def _freeze(path: str, item: Mapping[str, Any], freeze: Freeze) -> Iterator[FieldError]:
    if not freeze.hard and item.get("overrun") is not None:
        said = "is for hard freezes: a soft one stops nothing that runs"
        yield FieldError(f"{path}.overrun", said, "leave it out, or hard: true")
