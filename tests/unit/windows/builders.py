"""Short ways to write calendars in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from release_mgmt.core.windows import Freeze, ReleaseCalendar, WindowSeries, parse, zone


def at(text: str) -> datetime:
    """An instant in UTC from ``2027-03-23T17:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    """A naive wall time."""
    return datetime.fromisoformat(text)


def series(start: str, end: str | None = None, rule: str | None = None, zone_name: str = "Europe/Berlin", **more):
    """A window series; ``end`` is a wall time, or pass ``duration``."""
    begin = local(start)
    return WindowSeries(
        id=more.pop("id", "w"),
        start=begin,
        end=local(end) if end else None,
        rule=parse(rule, "rrule", zone(zone_name), begin) if rule else None,
        **more,
    )


def calendar(*all_series: WindowSeries, zone_name: str = "Europe/Berlin", **more) -> ReleaseCalendar:
    """A calendar of those series."""
    return ReleaseCalendar(name="Test", time_zone=zone_name, series=all_series, **more)


def freeze(start: str, end: str, zone_name: str = "Europe/Berlin", **more) -> Freeze:
    """A freeze between two wall times."""
    return Freeze(id=more.pop("id", "F"), time_zone=zone_name, start=local(start), end=local(end), **more)


def day_span(day: str, days: int = 1) -> tuple[datetime, datetime]:
    """From the start of the UTC day before to ``days`` days after it: generous about zones."""
    begin = at(day) - timedelta(days=1)
    return begin, begin + timedelta(days=days + 2)
