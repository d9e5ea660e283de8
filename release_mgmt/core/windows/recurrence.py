"""Recurrence rules (RFC 5545 section 3.3.10) in local wall time, by arithmetic on dates.

Only whole-day frequencies: a series starts at one local time of day. Every part is counted directly, so a rule that
began years ago costs nothing for the years in between. ``UNTIL`` is an instant and inclusive; ``COUNT`` counts local
starts, those that a clock change swallows too.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice, pairwise

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows.localtime import resolve

_DAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_PARTS = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST", "BYWEEKNO", "BYYEARDAY",
}  # fmt: skip
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_ORDINAL_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_TWO_DAYS = timedelta(days=2)
_EARLY = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_COUNT = 10_000
_MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule, parsed. ``by_day`` holds (ordinal or 0, weekday with Monday 0)."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    week_start: int = 0

    def local_starts(self, start: datetime, first: date, last: date, zone: tzinfo) -> Iterator[datetime]:
        """Naive local starts on days from ``first`` to ``last``, both included, ascending.

        ``start`` is the naive local start of the whole series (DTSTART); ``zone`` is needed for ``UNTIL`` alone.
        """
        origin, low, high = start.toordinal(), first.toordinal(), last.toordinal()
        found = self._days(start.date(), low if self.count is None else origin, high)
        if self.count is not None:
            found = islice(found, self.count)
        # No wall clock is more than a day from UTC: only starts near UNTIL and behind it need their instants.
        until = self.until
        doubtful = start if until is None else max(until, _EARLY).replace(tzinfo=None) - _TWO_DAYS
        for day in found:
            if day < low:
                continue
            local = start + timedelta(day - origin)
            if until is not None and local > doubtful and resolve(local, zone).instant > until:
                return
            yield local

    def _days(self, start: date, first: int, last: int) -> Iterator[int]:
        """Days of the rule (ordinals) from ``first`` or a little before on, never before ``start`` or after ``last``.

        All arithmetic is on ordinals: a date or a time is made only of what is told.
        """
        origin = start.toordinal()
        if self.frequency == "DAILY":
            days: Iterable[int] = self._daily(origin, first, last)
        elif self.frequency == "WEEKLY":
            days = self._weekly(origin, first, last)
        else:
            days = self._monthly(start, first, last)
        for day in days:
            if day > last:
                return
            if day >= origin:
                yield day

    def _daily(self, start: int, first: int, last: int) -> Iterable[int]:
        skipped = max(0, first - start) // self.interval * self.interval
        days: Iterable[int] = range(start + skipped, last + 1, self.interval)
        if self.by_day:
            weekdays = {weekday for _, weekday in self.by_day}
            days = (day for day in days if (day - 1) % 7 in weekdays)  # day 1 was a Monday
        if self.by_month:
            days = (day for day in days if date.fromordinal(day).month in self.by_month)
        if self.by_month_day:
            days = (day for day in days if self._is_month_day(date.fromordinal(day)))
        if self.by_set_pos:  # a period of one day has a first and last day alone
            days = days if {1, -1} & set(self.by_set_pos) else ()
        return days

    def _is_month_day(self, day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        return day.day in self.by_month_day or day.day - length - 1 in self.by_month_day

    def _weekly(self, start: int, first: int, last: int) -> Iterator[int]:
        weekdays = {weekday for _, weekday in self.by_day} or {(start - 1) % 7}
        offsets = sorted((weekday - self.week_start) % 7 for weekday in weekdays)
        origin = start - (start - 1 - self.week_start) % 7
        step = 7 * self.interval
        skipped = max(0, first - origin) // step * step
        if not self.by_month and not self.by_set_pos:
            for week in range(origin + skipped, last + 1, step):
                for offset in offsets:
                    yield week + offset
            return
        for week in range(origin + skipped, last + 1, step):
            days = [week + offset for offset in offsets]
            if self.by_month:
                days = [day for day in days if date.fromordinal(day).month in self.by_month]
            yield from _pick(days, self.by_set_pos) if self.by_set_pos else days

    def _monthly(self, start: date, first: int, last: int) -> Iterator[int]:
        """The days of every so many months or years."""
        unit = 1 if self.frequency == "MONTHLY" else 12
        origin = start.year * 12 + (start.month - 1 if unit == 1 else 0)
        step = unit * self.interval
        begin, end = date.fromordinal(max(first, start.toordinal())), date.fromordinal(last)
        skipped = (begin.year * 12 + begin.month - 1 - origin) // step * step
        for month in range(origin + skipped, end.year * 12 + end.month, step):
            year, number = divmod(month, 12)
            days = self._in_month(year, number + 1, start) if unit == 1 else self._in_year(year, start)
            yield from _pick(days, self.by_set_pos) if self.by_set_pos else days

    def _in_year(self, year: int, start: date) -> list[int]:
        if self.by_week_no or self.by_year_day:
            return self._numbered(year)
        if self.by_day and not self.by_month and not self.by_month_day:
            return _by_day(self.by_day, date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal())
        if self.by_month_day and not self.by_month and any(ordinal for ordinal, _ in self.by_day):
            return [day for day in sorted(self._counted(year)) if self._is_month_day(date.fromordinal(day))]
        if self.by_month:
            months: tuple[int, ...] = tuple(sorted(set(self.by_month)))
        elif self.by_month_day:
            months = tuple(range(1, 13))
        else:
            months = (start.month,)
        return [day for month in months for day in self._in_month(year, month, start)]

    def _in_month(self, year: int, month: int, start: date) -> list[int]:
        if self.by_month and month not in self.by_month:
            return []
        length = calendar.monthrange(year, month)[1]
        first = date(year, month, 1).toordinal()
        if not self.by_month_day:
            if self.by_day:
                return _by_day(self.by_day, first, first + length - 1)
            return [first + start.day - 1] if start.day <= length else []
        numbers = {n if n > 0 else length + 1 + n for n in self.by_month_day}
        days = [first + n - 1 for n in sorted(numbers) if 1 <= n <= length]
        if self.by_day:
            allowed = set(_by_day(self.by_day, first, first + length - 1))
            days = [day for day in days if day in allowed]
        return days

    def _numbered(self, year: int) -> list[int]:
        """Week numbers and days of the year: with them a yearly rule takes nothing from its start but the year."""
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        wanted: list[set[int]] = []
        if self.by_week_no:
            wanted.append(
                {day for week in self._weeks(first, last) for day in range(week, week + 7) if first <= day <= last}
            )
        if self.by_year_day:
            numbers = {n if n > 0 else last - first + 2 + n for n in self.by_year_day}
            wanted.append({first + n - 1 for n in numbers if 1 <= n <= last - first + 1})
        days = sorted(set.intersection(*wanted))
        if any(ordinal for ordinal, _ in self.by_day):
            allowed = self._counted(year)
            days = [day for day in days if day in allowed]
        elif self.by_day:
            weekdays = {weekday for _, weekday in self.by_day}
            days = [day for day in days if (day - 1) % 7 in weekdays]
        if self.by_month:
            days = [day for day in days if date.fromordinal(day).month in self.by_month]
        if self.by_month_day:
            days = [day for day in days if self._is_month_day(date.fromordinal(day))]
        return days

    def _weeks(self, first: int, last: int) -> Iterator[int]:
        """The first days of the weeks by number that reach into [first, last], a year: its neighbours' weeks do too."""
        year = date.fromordinal(first).year
        starts = [self._first_week(each) for each in range(year - 1, year + 3)]
        for begin, following in pairwise(starts):
            count = (following - begin) // 7
            for number in self.by_week_no:
                place = number if number > 0 else count + 1 + number
                week = begin + 7 * (place - 1)
                if 1 <= place <= count and first - 7 < week <= last:
                    yield week

    def _first_week(self, year: int) -> int:
        """The first day of week 1: the one that holds the fourth of January."""
        fourth = date(year, 1, 4).toordinal()
        return fourth - (fourth - 1 - self.week_start) % 7

    def _counted(self, year: int) -> set[int]:
        """The weekdays of a year by ordinal, counted in its months where the rule names some."""
        spans = [(month, month) for month in self.by_month] or [(1, 12)]
        return {
            day
            for begin, end in spans
            for day in _by_day(
                self.by_day,
                date(year, begin, 1).toordinal(),
                date(year, end, calendar.monthrange(year, end)[1]).toordinal(),
            )
        }


def _pick(days: list[int], positions: tuple[int, ...]) -> list[int]:
    chosen = {days[p - 1 if p > 0 else p] for p in positions if -len(days) <= p <= len(days)}
    return sorted(chosen)


def _by_day(by_day: tuple[tuple[int, int], ...], first: int, last: int) -> list[int]:
    """Days of a month or year by weekday; an ordinal counts from its start, a negative one from its end."""
    found: set[int] = set()
    for ordinal, weekday in by_day:
        days = range(first + (weekday - first + 1) % 7, last + 1, 7)
        if ordinal == 0:
            found.update(days)
        elif -len(days) <= ordinal <= len(days):
            found.add(days[ordinal - 1 if ordinal > 0 else ordinal])
    return sorted(found)


def parse(text: str, path: str, zone: tzinfo, start: datetime) -> Rule:
    """The rule in ``text``; raises InvalidInput at ``path`` with the right value where it can be told.

    ``start`` (naive local) and ``zone`` serve to suggest a right ``UNTIL``.
    """
    parts = _split(text, path)
    frequency = parts.pop("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise InvalidInput.at(path, f"FREQ is {frequency or 'missing'}", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
    if "COUNT" in parts and "UNTIL" in parts:
        raise InvalidInput.at(path, "COUNT and UNTIL exclude each other (RFC 5545 section 3.3.10)", "one of the two")
    rule = Rule(
        frequency=frequency,
        interval=_number(parts.get("INTERVAL", "1"), path, "INTERVAL", 1, 1000),
        count=_number(parts["COUNT"], path, "COUNT", 1, _MOST_COUNT) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"], path, zone, start) if "UNTIL" in parts else None,
        by_day=_weekdays(parts.get("BYDAY", ""), path, frequency),
        by_month_day=_numbers(parts.get("BYMONTHDAY", ""), path, "BYMONTHDAY", 31, signed=True),
        by_month=_numbers(parts.get("BYMONTH", ""), path, "BYMONTH", 12),
        by_set_pos=_numbers(parts.get("BYSETPOS", ""), path, "BYSETPOS", 366, signed=True),
        by_week_no=_numbers(parts.get("BYWEEKNO", ""), path, "BYWEEKNO", 53, signed=True),
        by_year_day=_numbers(parts.get("BYYEARDAY", ""), path, "BYYEARDAY", 366, signed=True),
        week_start=_week_start(parts.get("WKST", "MO"), path),
    )
    _check_combination(rule, path)
    return rule


def _split(text: str, path: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    if len(text) > _MOST_TEXT:
        raise InvalidInput.at(path, f"the rule is longer than {_MOST_TEXT} characters")
    for part in text.removeprefix("RRULE:").strip().rstrip(";").upper().split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals or not value:
            raise InvalidInput.at(path, f"{part[:40]!r} is not NAME=VALUE", "for instance FREQ=WEEKLY;BYDAY=TU")
        if name in {"BYHOUR", "BYMINUTE", "BYSECOND"}:
            raise InvalidInput.at(
                path, f"{name} is not taken: a series has one time of day", "one series for each time"
            )
        if name not in _PARTS:
            raise InvalidInput.at(path, f"unknown part {name[:40]!r}", ", ".join(sorted(_PARTS)))
        if name in parts:
            raise InvalidInput.at(path, f"{name} is given twice")
        parts[name] = value
    return parts


def _number(text: str, path: str, name: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,6}", text) or not low <= int(text) <= high:
        raise InvalidInput.at(path, f"{name}={text[:20]} is not a number from {low} to {high}", f"{name}={low}")
    return int(text)


def _numbers(text: str, path: str, name: str, high: int, *, signed: bool = False) -> tuple[int, ...]:
    if not text:
        return ()
    values = tuple(_number(each, path, name, -high if signed else 1, high) for each in text.split(","))
    if 0 in values:
        raise InvalidInput.at(path, f"{name} holds 0, which names no day", f"1 to {high}, or negative from the end")
    return values


def _weekdays(text: str, path: str, frequency: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for each in text.split(",") if text else ():
        match = _ORDINAL_DAY.fullmatch(each)
        if not match or (match[1] and int(match[1]) == 0):
            raise InvalidInput.at(path, f"BYDAY={each[:20]} is not a weekday", "MO, TU, ... or 3SA, -1FR")
        if match[1] and frequency not in {"MONTHLY", "YEARLY"}:
            raise InvalidInput.at(path, f"BYDAY={each} counts weekdays, which only MONTHLY and YEARLY can", match[2])
        found.append((int(match[1] or 0), _DAYS[match[2]]))
    return tuple(found)


def _week_start(text: str, path: str) -> int:
    if text not in _DAYS:
        raise InvalidInput.at(path, f"WKST={text[:20]} is not a weekday", "WKST=MO")
    return _DAYS[text]


def _until(text: str, path: str, zone: tzinfo, start: datetime) -> datetime:
    match = _UNTIL.fullmatch(text)
    try:
        day = datetime.strptime(match[1], "%Y%m%d") if match else None  # noqa: DTZ007 - a local date
        clock = datetime.strptime(match[2], "%H%M%S").time() if match and match[2] else None  # noqa: DTZ007
    except ValueError:
        day = clock = None
    if match is None or day is None or (match[2] and clock is None):
        raise InvalidInput.at(path, f"UNTIL={text[:40]} is not an instant", "UNTIL=20271231T225959Z")
    if match[3]:
        assert clock is not None
        return datetime.combine(day, clock, UTC)
    # A bare date drops the last day in most readers, and a local time is no instant: say what was meant.
    last = datetime.combine(day, clock or max(start.time(), time(23, 59, 59)))
    meant = resolve(last, zone, late=True).instant
    what = "a local time" if clock else "a date"
    raise InvalidInput.at(path, f"UNTIL={text} is {what}, not an instant in UTC", f"UNTIL={meant:%Y%m%dT%H%M%SZ}")


def _check_combination(rule: Rule, path: str) -> None:
    """Refuse what RFC 5545 section 3.3.10 forbids, or what would be read differently by different programs."""
    if rule.by_set_pos and not (
        rule.by_day or rule.by_month_day or rule.by_month or rule.by_week_no or rule.by_year_day
    ):
        raise InvalidInput.at(path, "BYSETPOS needs another BY part to pick from", "for instance BYDAY=MO,TU,WE,TH,FR")
    if rule.by_week_no and rule.frequency != "YEARLY":
        raise InvalidInput.at(path, "BYWEEKNO goes with FREQ=YEARLY alone", "FREQ=YEARLY")
    if rule.by_year_day and rule.frequency != "YEARLY":
        raise InvalidInput.at(path, "BYYEARDAY goes with FREQ=YEARLY alone", "FREQ=YEARLY")
    if rule.by_month_day and rule.frequency == "WEEKLY":
        raise InvalidInput.at(path, "BYMONTHDAY does not go with FREQ=WEEKLY", "FREQ=MONTHLY")
