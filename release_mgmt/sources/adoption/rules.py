"""Recurrence rules of foreign calendars in the form of ours, and what becomes of one that changes on its way."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from release_mgmt.core.windows.localtime import resolve
from release_mgmt.core.windows.recurrence import Rule, parse

_DAY = timedelta(days=1)
_FAR = timedelta(days=366 * 8)


def kept(text: str, start: date, zone: tzinfo, theirs: tzinfo) -> str:
    """The rule with an UNTIL in UTC: a day is meant whole, a local time is one of ``theirs`` (RFC 5545 section 3.3.10
    has the first for events of whole days). Raises InvalidInput for what a calendar cannot hold."""
    found = re.search(r"UNTIL=(\d{8})(?:T(\d{6}))?(?=;|$)", text.upper())
    if found:
        day = datetime.strptime(found[1], "%Y%m%d")  # noqa: DTZ007 - a local date
        clock = datetime.strptime(found[2], "%H%M%S").time() if found[2] else time(23, 59, 59)  # noqa: DTZ007
        last = resolve(datetime.combine(day, clock), theirs, late=True).instant
        text = text[: found.start()] + _until(last) + text[found.end() :]
    parse(text, "rrule", zone, _naive(start))
    return text


def first(text: str, start: date, zone: tzinfo) -> date | None:
    """The first occurrence that the rule names, at or after the start; None when there is none for years."""
    at = _naive(start)
    rule = parse(text, "rrule", zone, at)
    found = next(rule.local_starts(at, at.date(), at.date() + _FAR, zone), None)
    return found.date() if found is not None and not isinstance(start, datetime) else found


def names(text: str, start: date, at: date, zone: tzinfo) -> bool:
    """Whether the rule names this occurrence."""
    began, asked = _naive(start), _naive(at)
    rule = parse(text, "rrule", zone, began)
    return asked in rule.local_starts(began, asked.date(), asked.date(), zone)


def less(text: str, times: int) -> str | None:
    """The rule with that many fewer occurrences; None when nothing is left. A rule without COUNT stays."""
    found = re.search(r"COUNT=(\d+)", text.upper())
    if found is None:
        return text
    left = int(found[1]) - times
    return f"{text[: found.start()]}COUNT={left}{text[found.end() :]}" if left > 0 else None


def before(text: str, start: date, original: date, zone: tzinfo) -> str | None:
    """The rule up to an occurrence, without it; None when that is the first."""
    if _naive(original) <= _naive(start):
        return None
    last = resolve(_naive(original), zone).instant - timedelta(seconds=1)
    rest = [part for part in text.split(";") if not part.upper().startswith(("COUNT=", "UNTIL="))]
    return ";".join([*rest, _until(last)])


def after(text: str, start: date, original: date, moved: date, zone: tzinfo) -> str | None:
    """The rule from an occurrence on when that one, and each later by as much, takes place at another time (RFC 5545
    section 3.2.13). None where no rule says that, or the rule does not name the occurrence."""
    began, at, to = _naive(start), _naive(original), _naive(moved)
    rule = parse(text, "rrule", zone, began)
    if at.date() != to.date() and (rule.frequency not in ("DAILY", "WEEKLY") or _is_narrowed(rule)):
        return None
    if not names(text, start, original, zone):
        return None
    if rule.until is not None:
        shifted = _until(max(rule.until + (to - at), resolve(to, zone).instant))
        return re.sub(r"UNTIL=[0-9TZ]+", shifted, text.upper())
    earlier = () if rule.count is None else rule.local_starts(began, began.date(), at.date() - _DAY, zone)
    return less(text, sum(1 for _ in earlier))


def _is_narrowed(rule: Rule) -> bool:
    return bool(rule.by_day or rule.by_month or rule.by_month_day or rule.by_set_pos)


def _naive(at: date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time())


def _until(at: datetime) -> str:
    return f"UNTIL={at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
