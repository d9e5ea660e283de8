"""VTIMEZONE (RFC 5545 3.6.5) from the zone data: onsets in the offset before, as yearly rules where one fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from release_mgmt.formats.ical.lines import fold, text

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of offset: its onset in the local time that held before."""

    onset: datetime
    before: timedelta
    after: timedelta
    name: str
    summer: bool

    @property
    def rule(self) -> tuple[object, ...]:
        """What stays the same from year to year: month, weekday, which one of the month, time, offsets."""
        following = self.onset + timedelta(days=7)
        place = -1 if following.month != self.onset.month else (self.onset.day - 1) // 7 + 1
        return (
            self.onset.month,
            self.onset.weekday(),
            place,
            self.onset.time(),
            self.before,
            self.after,
            self.name,
            self.summer,
        )


@lru_cache(maxsize=64)
def vtimezone(zone: str, first_year: int, last_year: int) -> bytes:
    """The VTIMEZONE of an IANA zone, right from ``first_year`` to ``last_year``, both included."""
    info = ZoneInfo(zone)
    changes = _changes(info, first_year - 1, last_year + 1)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{text(zone)}"]
    if not changes:
        fixed = datetime(first_year, 1, 1, tzinfo=info)
        offset = fixed.utcoffset() or timedelta()
        lines += _observance(_Change(datetime(1970, 1, 1), offset, offset, fixed.tzname() or zone, summer=False))  # noqa: DTZ001 - local
    elif yearly := _yearly(changes, last_year - first_year + 3):
        for change in yearly:
            month, weekday, place, *_ = change.rule
            assert isinstance(weekday, int)
            lines += _observance(change, f"RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY={place}{_DAYS[weekday]}")
    else:
        early = datetime(first_year - 1, 1, 1, tzinfo=info)  # what held before the first change has no other onset
        before = early.utcoffset() or timedelta()
        lines += _observance(_Change(datetime(1970, 1, 1), before, before, early.tzname() or zone, bool(early.dst())))  # noqa: DTZ001 - local
        for change in changes:  # one observance each: ical.js misreads RDATE here
            lines += _observance(change)
    lines.append("END:VTIMEZONE")
    return b"".join(fold(line) for line in lines)


def _observance(change: _Change, rule: str | None = None) -> list[str]:
    kind = "DAYLIGHT" if change.summer else "STANDARD"
    lines = [f"BEGIN:{kind}", f"DTSTART:{change.onset:%Y%m%dT%H%M%S}"]
    lines += [
        f"TZOFFSETFROM:{_offset(change.before)}",
        f"TZOFFSETTO:{_offset(change.after)}",
        f"TZNAME:{text(change.name)}",
    ]
    if rule:
        lines.append(rule)
    return [*lines, f"END:{kind}"]


def _offset(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    rest = f"{seconds % 60:02d}" if seconds % 60 else ""
    return f"{sign}{seconds // 3600:02d}{seconds % 3600 // 60:02d}{rest}"


def _changes(info: ZoneInfo, first_year: int, last_year: int) -> list[_Change]:
    """Every change of offset in these years, found by halving days in which the offset differs at both ends."""
    found: list[_Change] = []
    at, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    day = timedelta(days=1)
    while at < end:
        if at.astimezone(info).utcoffset() != (at + day).astimezone(info).utcoffset():
            low, high = at, at + day
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
                if middle.astimezone(info).utcoffset() == low.astimezone(info).utcoffset():
                    low = middle
                else:
                    high = middle
            before, after = (
                low.astimezone(info).utcoffset() or timedelta(),
                high.astimezone(info).utcoffset() or timedelta(),
            )
            onset = (high + before).replace(tzinfo=None)
            found.append(_Change(onset, before, after, high.astimezone(info).tzname() or "", summer=after > before))
        at += day
    return found


def _yearly(changes: list[_Change], years: int) -> list[_Change]:
    """The first change of each rule, when every rule holds once in every year; else nothing."""
    rules: dict[tuple[object, ...], list[_Change]] = {}
    for change in changes:
        rules.setdefault(change.rule, []).append(change)
    if all(len(group) == years for group in rules.values()):
        return [group[0] for group in rules.values()]
    return []
