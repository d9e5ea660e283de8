"""What a calendar document says without any effect: refused when it is saved, so that nobody relies on it.

A document that is stored already is read without this, or a rule that came later would make it unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from release_mgmt.core.errors import FieldError
from release_mgmt.core.windows import Freeze, ReleaseCalendar, WindowSeries
from release_mgmt.sources.calendars.fields import Fields
from release_mgmt.sources.calendars.policies import CALENDAR_WIDE, POLICY_KEYS

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = 24 * 60  # minutes
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$")


def idle(document: Mapping[str, Any], calendar: ReleaseCalendar) -> list[FieldError]:
    """Every value of a document (of which ``calendar`` is the reading) that nothing would ever ask for."""
    parts = [("business_days", document.get("business_days"))]
    for name, team in (document.get("teams") or {}).items():
        parts.append((f"teams.{name}.business_days", (team or {}).get("business_days")))
    found = [fault for path, days in parts for fault in _business_days(path, days or {})]
    found += _no_place("", document)
    for index, series in enumerate(calendar.series):
        found += _series(f"series[{index}]", _items(document, "series")[index], series)
    for index, freeze in enumerate(calendar.freezes):
        found += _freeze(f"freezes[{index}]", _items(document, "freezes")[index], freeze)
    return found


def _items(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = document[key]
    return items if isinstance(items, list) else [items]


def _business_days(path: str, days: Mapping[str, Any]) -> Iterator[FieldError]:
    given = days.get("holidays") or {}
    if given.get("country") and given.get("market"):
        said = "stands beside country, whose holidays alone would count"
        yield FieldError(f"{path}.holidays.market", said, "country or market")
    yield from _clock(f"{path}.cut_off", days.get("cut_off"))
    yield from _no_place(path, days)
    for index, word in enumerate(_listed(days.get("weekend"))):
        if not any(name.startswith(str(word).strip().lower()) for name in _WEEKDAYS):
            yield FieldError(f"{path}.weekend[{index}]", f"{word!r} is not a weekday", ", ".join(_WEEKDAYS))
    for index, day in enumerate(_listed(days.get("days_off"))):
        if isinstance(day, Mapping):
            faults: list[FieldError] = []
            Fields(day, f"{path}.days_off[{index}]", faults, ("date", "name")).text("name")
            yield from faults


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _clock(path: str, value: Any) -> Iterator[FieldError]:
    """A time of day in a zone of its own, or a number of no minute of a day."""
    if isinstance(value, int) and value >= _DAY:
        yield FieldError(path, f"is {value}, not a time of day", 'for instance "16:00"')
    if isinstance(value, str) and _OFFSET.search(value.strip()):
        yield FieldError(path, "has an offset: times are local wall time", 'for instance "16:00"')


def _no_place(path: str, part: Mapping[str, Any]) -> Iterator[FieldError]:
    """A zone that is no place: what a machine is set to, and what says that nothing is set."""
    name = part.get("time_zone")
    if name in {"localtime", "Factory"}:
        said = f"{name!r} is the time of no place"
        yield FieldError(f"{path}.time_zone".lstrip("."), said, "an IANA name such as Europe/Berlin")


def _series(path: str, item: Mapping[str, Any], series: WindowSeries) -> Iterator[FieldError]:
    for key in CALENDAR_WIDE:
        for place, part in ((path, item), (f"{path}.policy", item.get("policy") or {})):
            if part.get(key) is not None:
                said = "is for the whole calendar: what a series serves has windows"
                yield FieldError(f"{place}.{key}", said, f"policy.{key}, or default here")
    for key in POLICY_KEYS:
        if item.get(key) is not None and (item.get("policy") or {}).get(key) is not None:
            said = "stands in the policy of the series too; one of them is enough"
            yield FieldError(f"{path}.{key}", said, f"{key} or policy.{key}")
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
    if len(dict(series.moved)) < len(series.moved):
        yield FieldError(f"{path}.moved", "moves one window to two times", "one new start for each")
    yield from _retimed(path, item, series)


def _retimed(path: str, item: Mapping[str, Any], series: WindowSeries) -> Iterator[FieldError]:
    for index, part in enumerate(_items(item, "retimed") if item.get("retimed") else ()):
        for key in ("start", "end"):
            yield from _clock(f"{path}.retimed[{index}].{key}", part.get(key))
        if part.get("end") is not None and series.duration is not None:
            said = "stands in a series of fixed duration, which it would not change"
            yield FieldError(f"{path}.retimed[{index}].end", said, "start alone, or end for the series")
        if series.rule is None and str(part["from"])[:10] > f"{series.start:%Y-%m-%d}":
            said = "is after the only window of the series"
            yield FieldError(f"{path}.retimed[{index}].from", said, f"{series.start:%Y-%m-%d} or before")


def _freeze(path: str, item: Mapping[str, Any], freeze: Freeze) -> Iterator[FieldError]:
    yield from _no_place(path, item)
    if not freeze.hard and item.get("overrun") is not None:
        said = "is for hard freezes: a soft one stops nothing that runs"
        yield FieldError(f"{path}.overrun", said, "leave it out, or hard: true")
