"""Reading a nested document field by field: every fault is kept with its path, unknown keys with what was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from math import isfinite

from release_mgmt.core.errors import FieldError, InvalidInput, did_you_mean
from release_mgmt.core.text import one_line

_DURATION = re.compile(r"P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?")
_HOUR = re.compile(r"^(?=\d:)")  # of one digit
_MOST_ITEMS = 2_000
_EARLIEST, _LATEST = 1970, 2199
_QUOTED = 'a text; where it is one, in quotes, such as "NO" or "on"'


def duration(text: str) -> timedelta | None:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds (``PT2H``, ``P1DT12H``); None when it is none."""
    match = _DURATION.fullmatch(text.strip().upper())
    if not match or not any(match.groups()):
        return None
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def local_time(value: object) -> datetime | None:
    """A naive wall time to the minute or second, from text or from what YAML made of it; None when it is none."""
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, str) and "T" in value.strip().replace(" ", "T"):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    else:
        return None
    if found.tzinfo is not None or not _EARLIEST <= found.year <= _LATEST:
        return None
    return found.replace(microsecond=0)


def local_day(value: object) -> date | None:
    """A local date, from text or from what YAML made of it; None when it is none."""
    if isinstance(value, datetime):
        return None
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            return None
    return value if isinstance(value, date) and _EARLIEST <= value.year <= _LATEST else None


class Fields:
    """One mapping of the document at ``path``. Faults go to ``errors``, which all parts of the document share."""

    def __init__(self, data: object, path: str, errors: list[FieldError], allowed: tuple[str, ...]) -> None:
        self.path = path
        self.errors = errors
        self.data: Mapping[str, object] = {}
        if not isinstance(data, Mapping):
            self.fault("", f"is {_kind(data)}, not a mapping", ", ".join(allowed))
            return
        self.data = {str(key): value for key, value in data.items()}
        for key in self.data:
            if key not in allowed:
                self.fault(one_line(key, 60), "unknown key", _meant(key, allowed))

    def at(self, key: str) -> str:
        """The path of a field."""
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def fault(self, key: str, message: str, allowed: str | None = None) -> None:
        """Keep a fault of a field."""
        self.errors.append(FieldError(self.at(key), message, allowed))

    def keep(self, error: InvalidInput, key: str) -> None:
        """Keep the faults of an error raised below, under this field's path."""
        for each in error.errors:
            self.errors.append(FieldError(self.at(key), each.message, each.allowed))

    def has(self, key: str) -> bool:
        """Whether the field is given, and not empty."""
        return self.data.get(key) is not None

    def text(self, key: str, default: str = "", *, required: bool = False, limit: int = 500) -> str:
        """A text, cleaned of controls."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.fault(key, "is missing")
            return default
        endless = isinstance(value, float) and not isfinite(value)  # no JSON, so it could not be kept
        if not isinstance(value, str | int | float) or isinstance(value, bool) or endless:
            self.fault(key, f"is {_kind(value)}, not a text", _QUOTED if isinstance(value, bool) else None)
            return default
        found = one_line(str(value))
        if len(found) > limit:
            self.fault(key, f"is longer than {limit} characters")
        if required and not found:
            self.fault(key, "is empty")
        return found

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        found = self.text(key, default)
        if found not in allowed:
            self.fault(key, f"{found[:40]!r} is not taken", _meant(found.lower(), allowed))
            return default
        return found

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(key, f"is {_kind(value)}, not true or false", "true or false")
            return default
        return value

    def number(self, key: str, default: int | None, low: int, high: int) -> int | None:
        """A whole number in a range."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fault(key, f"is {_kind(value)}, not a whole number from {low} to {high}", f"{low} to {high}")
            return default
        return value

    def duration(self, key: str) -> timedelta | None:
        """An ISO 8601 duration."""
        value = self.data.get(key)
        if value is None:
            return None
        found = duration(value) if isinstance(value, str) else None
        if found is None:
            self.fault(key, f"is {_kind(value)}, not a duration", "for instance PT2H or P1DT12H")
        return found

    def local(self, key: str) -> datetime | None:
        """A wall time of the calendar's zone, without an offset."""
        return None if self.data.get(key) is None else self.local_value(self.data[key], key)

    def local_value(self, value: object, key: str) -> datetime | None:
        """As :meth:`local`, for a value inside a list or mapping."""
        found = local_time(value)
        if found is None:
            aware = isinstance(value, str) and re.search(r"T.*(Z|[+-]\d\d:?\d\d)$", value.strip())
            why = "has an offset: times are local wall time" if aware else f"is {_kind(value)}, not a wall time"
            self.fault(key, why, "for instance 2026-11-24T18:00")
        return found

    def times(self) -> tuple[datetime | None, datetime | None, timedelta | None]:
        """``start`` with either ``end`` (wall time) or ``duration`` (exact), checked against each other."""
        start, end, length = self.local("start"), self.local("end"), self.duration("duration")
        if not self.has("start"):
            self.fault("start", "is missing", "a wall time such as 2026-11-24T18:00")
        if self.has("end") and self.has("duration"):
            self.fault("duration", "stands beside end; one of them is enough", "end or duration")
        elif not self.has("end") and not self.has("duration"):
            self.fault("end", "is missing", "end (a wall time) or duration (PT4H)")
        if start is not None and end is not None and end <= start:
            self.fault("end", "is not after start", f"later than {start:%Y-%m-%dT%H:%M}")
        if length is not None and length <= timedelta(0):
            self.fault("duration", "is not longer than nothing", "for instance PT4H")
        return start, end, length

    def clock(self, key: str, default: time) -> time:
        """A time of day. Other readers of YAML make 960, minutes, of an unquoted 16:00; that is understood."""
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
            return time(value // 60, value % 60)
        try:
            return time.fromisoformat(_HOUR.sub("0", str(value).strip())).replace(tzinfo=None)
        except ValueError:
            self.fault(key, f"is {_kind(value)}, not a time of day", 'for instance "16:00"')
            return default

    def values(self, key: str) -> list[object]:
        """A list (a single value counts as a list of one)."""
        value = self.data.get(key)
        if value is None:
            return []
        found = value if isinstance(value, list) else [value]
        if len(found) > _MOST_ITEMS:
            self.fault(key, f"holds more than {_MOST_ITEMS} items")
            return []
        return found

    def names(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of names."""
        if self.data.get(key) is None:
            return default
        found: list[str] = []
        for index, value in enumerate(self.values(key)):
            if isinstance(value, str) and value.strip() and len(value) <= 200:
                found.append(one_line(value))
            else:
                quoted = _QUOTED if isinstance(value, bool | int) else None
                self.fault(f"{key}[{index}]", f"is {_kind(value)}, not a name", quoted)
        return tuple(dict.fromkeys(found))

    def part(self, key: str, allowed: tuple[str, ...]) -> Fields:
        """A mapping inside this one (an empty one when it is not given)."""
        value = self.data.get(key)
        return Fields({} if value is None else value, self.at(key), self.errors, allowed)

    def parts(self, key: str, allowed: tuple[str, ...]) -> list[Fields]:
        """A list of mappings."""
        return [
            Fields(value, self.at(f"{key}[{index}]"), self.errors, allowed)
            for index, value in enumerate(self.values(key))
        ]


def _kind(value: object) -> str:
    if isinstance(value, str):
        return repr(one_line(value, 40))
    if isinstance(value, bool | int | float):
        return str(value)
    return {list: "a list", dict: "a mapping", type(None): "empty"}.get(type(value), type(value).__name__)


def _meant(found: str, allowed: tuple[str, ...]) -> str:
    return did_you_mean(found, allowed, "one of " + ", ".join(allowed))
