"""Recurrence rules (RFC 5545 section 3.3.10) in local wall time, by arithmetic on dates.

Only whole-day frequencies: a series starts at one local time of day. The usual parts are counted directly, so a
rule that began years ago costs nothing for the years in between; week numbers and days of the year are left to
dateutil. ``UNTIL`` is an instant and inclusive; ``COUNT`` counts local starts, those that a clock change swallows too.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.rrule import rrulestr

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows.localtime import resolve

_DAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_PARTS = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST", "BYWEEKNO", "BYYEARDAY",
}  # fmt: skip
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_ORDINAL_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
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
    text: str = ""

    def local_starts(self, start: datetime, first: date, last: date, zone: tzinfo) -> Iterator[datetime]:
        """Naive local starts on days from ``first`` to ``last``, both included, ascending.

        ``start`` is the naive local start of the whole series (DTSTART); ``zone`` is needed for ``UNTIL`` alone.
        """
        at, combine = start.time(), datetime.combine
        if self.count is None and self.until is None:
            for day in self._days(start.date(), first, last):
                if day >= first:
                    yield combine(day, at)
            return
        jump_to = first if self.count is None else start.date()
        for seen, day in enumerate(self._days(start.date(), jump_to, last), 1):
            if self.count is not None and seen > self.count:
                return
            local = combine(day, at)
            if self.until is not None and resolve(local, zone).instant > self.until:
                return
            if day >= first:
                yield local

    def _days(self, start: date, first: date, last: date) -> Iterator[date]:
        """Days of the rule from about ``first`` on, never before ``start``, never after ``last``."""
        if self.by_week_no or self.by_year_day:
            yield from self._days_by_dateutil(start, last)
            return
        if self.frequency == "WEEKLY" and not self.by_set_pos and not self.by_month:
            yield from self._weekly(start, first, last)
            return
        if self.frequency == "DAILY" and not (self.by_month or self.by_day or self.by_month_day or self.by_set_pos):
            yield from self._periods(start, first, last)
            return
        for period in self._periods(start, first, last):
            days = self._in_period(period, start)
            if self.by_set_pos:
                days = _pick(days, self.by_set_pos)
            for day in days:
                if day > last:
                    return
                if day >= start:
                    yield day

    def _weekly(self, start: date, first: date, last: date) -> Iterator[date]:
        """The commonest rules: some weekdays of every so many weeks."""
        weekdays = {weekday for _, weekday in self.by_day} or {start.weekday()}
        offsets = sorted((weekday - self.week_start) % 7 for weekday in weekdays)
        low, high = start.toordinal(), last.toordinal()
        for week in self._periods(start, first, last):
            monday = week.toordinal()
            for offset in offsets:
                day = monday + offset
                if low <= day <= high:
                    yield date.fromordinal(day)

    def _periods(self, start: date, first: date, last: date) -> Iterator[date]:
        """The first day of each period (day, week, month, year) of the rule that may hold days in the range."""
        first = max(first, start)
        if self.frequency in {"DAILY", "WEEKLY"}:
            unit = 1 if self.frequency == "DAILY" else 7
            origin = start - timedelta(days=(start.weekday() - self.week_start) % 7) if unit == 7 else start
            step = unit * self.interval
            ordinal = origin.toordinal() + (first - origin).days // step * step
            for each in range(ordinal, last.toordinal() + 1, step):
                yield date.fromordinal(each)
            return
        unit = 1 if self.frequency == "MONTHLY" else 12
        origin_month = start.year * 12 + (start.month - 1 if unit == 1 else 0)
        step = unit * self.interval
        skip = (first.year * 12 + first.month - 1 - origin_month) // step * step
        for month in range(origin_month + skip, last.year * 12 + last.month, step):
            yield date(month // 12, month % 12 + 1, 1)

    def _in_period(self, period: date, start: date) -> list[date]:
        if self.frequency == "DAILY":
            return [period] if self._allows(period) else []
        if self.frequency == "WEEKLY":
            wanted = {weekday for _, weekday in self.by_day} or {start.weekday()}
            week = (period + timedelta(days=offset) for offset in range(7))
            return [day for day in week if day.weekday() in wanted and self._month_allows(day)]
        if self.frequency == "MONTHLY":
            if self.by_month and period.month not in self.by_month:
                return []
            return self._in_month(period.year, period.month, start)
        return self._in_year(period.year, start)

    def _in_year(self, year: int, start: date) -> list[date]:
        if self.by_day and not self.by_month and not self.by_month_day:
            return _by_day(self.by_day, date(year, 1, 1), date(year, 12, 31))
        if self.by_month:
            months: tuple[int, ...] = tuple(sorted(set(self.by_month)))
        elif self.by_month_day:
            months = tuple(range(1, 13))
        else:
            months = (start.month,)
        return [day for month in months for day in self._in_month(year, month, start)]

    def _in_month(self, year: int, month: int, start: date) -> list[date]:
        length = calendar.monthrange(year, month)[1]
        if self.by_month_day:
            numbers = {n if n > 0 else length + 1 + n for n in self.by_month_day}
            days = [date(year, month, n) for n in sorted(numbers) if 1 <= n <= length]
            if self.by_day:
                allowed = set(_by_day(self.by_day, date(year, month, 1), date(year, month, length)))
                days = [day for day in days if day in allowed]
            return days
        if self.by_day:
            return _by_day(self.by_day, date(year, month, 1), date(year, month, length))
        return [date(year, month, start.day)] if start.day <= length else []

    def _month_allows(self, day: date) -> bool:
        return not self.by_month or day.month in self.by_month

    def _allows(self, day: date) -> bool:
        if not self._month_allows(day):
            return False
        if self.by_day and day.weekday() not in {weekday for _, weekday in self.by_day}:
            return False
        if self.by_month_day:
            length = calendar.monthrange(day.year, day.month)[1]
            return day.day in self.by_month_day or day.day - length - 1 in self.by_month_day
        return True

    def _days_by_dateutil(self, start: date, last: date) -> Iterator[date]:
        text = ";".join(part for part in self.text.split(";") if not part.startswith(("UNTIL=", "COUNT=")))
        rule = rrulestr(f"{text};UNTIL={last:%Y%m%d}", dtstart=datetime.combine(start, time()))
        for each in rule:
            yield each.date()


def _pick(days: list[date], positions: tuple[int, ...]) -> list[date]:
    chosen = {days[p - 1 if p > 0 else p] for p in positions if -len(days) <= p <= len(days)}
    return sorted(chosen)


def _by_day(by_day: tuple[tuple[int, int], ...], first: date, last: date) -> list[date]:
    """Days of a month or year by weekday; an ordinal counts from its start, a negative one from its end."""
    found: set[date] = set()
    for ordinal, weekday in by_day:
        days = range(first.toordinal() + (weekday - first.weekday()) % 7, last.toordinal() + 1, 7)
        if ordinal == 0:
            found.update(map(date.fromordinal, days))
        elif -len(days) <= ordinal <= len(days):
            found.add(date.fromordinal(days[ordinal - 1 if ordinal > 0 else ordinal]))
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
        text=";".join([f"FREQ={frequency}", *(f"{name}={value}" for name, value in parts.items())]),
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
