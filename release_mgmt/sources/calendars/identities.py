"""A calendar document that is applied again with other times: its windows keep the names they were announced with.

A window is known by its series and the local start it was first generated with (``docs/calendars.md``). A file in which
somebody wrote another time of day says the same series at another time, so the times of the stored document stay the
names and the new ones are written beside them, as ``retimed`` or ``moved`` would be written by hand. Applying the same
file once more gives the same document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from release_mgmt.core.windows import (
    ReleaseCalendar,
    Retiming,
    WindowSeries,
    original_starts,
    resolve,
    to_local,
    zone,
)
from release_mgmt.sources.calendars.fields import local_time

_DAY = timedelta(days=1)
_AHEAD = timedelta(days=800)


def keep_identities(
    before: ReleaseCalendar, document: Mapping[str, Any], after: ReleaseCalendar, now: datetime
) -> dict[str, Any]:
    """``document`` (of which ``after`` is the value) with the names that windows have in the stored ``before``.

    Only for series that say nothing themselves of retimed and moved times, and only for windows still to come.
    """
    known, given = {each.id: each for each in before.series}, {each.id: each for each in after.series}
    rules = zone(after.time_zone)
    items = []
    for item in document.get("series") or ():
        old, new = known.get(str(item["id"])), given[str(item["id"])]
        if old is not None and "retimed" not in item:
            if old.rule is not None and new.rule is not None:
                item = _recurring(old, new, item, now, rules)  # noqa: PLW2901 - the same item, renamed
            elif old.rule is None and new.rule is None and not {"moved", "except"} & item.keys():
                item = _single(old, new, item, now, rules)  # noqa: PLW2901
        items.append(item)
    return {**document, "series": items} if items else dict(document)


def _recurring(
    old: WindowSeries, new: WindowSeries, item: Mapping[str, Any], now: datetime, zone: tzinfo
) -> Mapping[str, Any]:
    """The same days at another time of day."""
    at, length, local = new.start.time(), new.length, to_local(now, zone)
    if max(length, old.length) >= _DAY or not _share_days(old, new, local):
        return item
    # Later retimings were written by hand; the file no longer says them.
    held = [one for one in old.retimings if one.since <= local.date() + _DAY]
    last = max(held, key=lambda one: one.since, default=None)
    present = (old.start + last.start).time() if last else old.start.time()
    entries = [_entry(old, one) for one in held]
    if at != present or (last is not None and _length(old, last) != length and new.end is not None):
        entry = {"from": f"{_from(local, present, at):%Y-%m-%d}", "start": _clock(at)}
        if new.end is not None:
            entry["end"] = _clock(new.end.time())
        entries = [one for one in entries if one["from"] < entry["from"]] + [entry]
    if at == old.start.time() and len(entries) < 2:
        return item
    base = datetime.combine(new.start.date(), old.start.time())
    found = {**item, "start": _local(base), "retimed": entries}
    if new.end is not None:
        found["end"] = _local(base + length)
    named = {_local(datetime.combine(day.date(), at)): day for day in (*new.cancelled, *dict(new.moved))}
    if "except" in item:
        found["except"] = [_renamed(value, named, old.start.time()) for value in _listed(item["except"])]
    if "moved" in item:
        found["moved"] = {_renamed(key, named, old.start.time()): value for key, value in item["moved"].items()}
    return found


def _single(
    old: WindowSeries, new: WindowSeries, item: Mapping[str, Any], now: datetime, zone: tzinfo
) -> Mapping[str, Any]:
    """One window, at another date or time. A name whose window is over is free for another one."""
    held = dict(old.moved).get(old.start, old.start)
    over = resolve(held, zone).instant + old.length <= now
    if new.start == old.start or over:
        return item
    found = {**item, "start": _local(old.start), "moved": {_local(old.start): _local(new.start)}}
    if new.end is not None:
        found["end"] = _local(old.start + new.length)
    return found


def _share_days(old: WindowSeries, new: WindowSeries, local: datetime) -> bool:
    """Whether the next day of the new rule is one of the old rule's: on other days they are other windows."""
    first = max(local, new.start, old.start).date()
    utc = zone("UTC")
    day = next((each.date() for each in original_starts(new, first, first + _AHEAD, utc)), None)
    return day is not None and next(original_starts(old, day, day, utc), None) is not None


def _from(local: datetime, before: time, after: time) -> datetime:
    """The first local day whose window is still to come by its old and by its new time."""
    return local if local.time() < min(before, after) else local + _DAY


def _entry(series: WindowSeries, one: Retiming) -> dict[str, str]:
    found = {"from": f"{one.since:%Y-%m-%d}", "start": _clock((series.start + one.start).time())}
    if series.end is not None:
        found["end"] = _clock((series.end + one.end).time())
    return found


def _length(series: WindowSeries, one: Retiming) -> timedelta:
    return series.length + one.end - one.start


def _renamed(value: Any, named: Mapping[str, datetime], at: time) -> Any:
    local = local_time(value)
    if local is None or _local(local) not in named:
        return value
    return _local(datetime.combine(local.date(), at))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _local(value: datetime) -> str:
    return value.isoformat(timespec="seconds" if value.second else "minutes")


def _clock(value: time) -> str:
    return value.isoformat(timespec="seconds" if value.second else "minutes")
