"""A calendar document (YAML or JSON, already loaded) to a ReleaseCalendar, and every fault in it by path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from release_mgmt.core.errors import FieldError, InvalidInput
from release_mgmt.core.text import one_line
from release_mgmt.core.windows import (
    BOTH_LEVELS,
    BusinessDays,
    Policy,
    ReleaseCalendar,
    Retiming,
    WindowSeries,
    original_starts,
    parse,
    shortest_distance,
    zone,
)
from release_mgmt.sources.calendars.fields import Fields, local_day
from release_mgmt.sources.calendars.idle import idle
from release_mgmt.sources.calendars.policies import POLICY_KEYS, read_policy
from release_mgmt.sources.calendars.stops import (
    FREEZE_KEYS,
    Known,
    read_freeze,
    read_levels,
    read_repositories,
    unknown,
)

Holidays = Callable[[str, str | None], Mapping[date, str]]
"""(country or market, subdivision) -> its holidays by day; raises InvalidInput for an unknown one."""

_CALENDAR_KEYS = (
    "calendar", "time_zone", "public", "business_days", "policy", "series", "freezes", "environments", "horizon_days",
    "teams",
)  # fmt: skip
_BUSINESS_KEYS = ("weekend", "cut_off", "holidays", "days_off", "time_zone")
_SERIES_KEYS = (
    "id", "title", "levels", "environments", "repositories", "start", "end", "duration", "rrule", "except", "moved",
    "retimed", "min_duration", "policy",
)  # fmt: skip
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the world a series lives."""

    zone_name: str
    zone: tzinfo


def read(data: object, holidays: Holidays, known: Known | None = None, *, stored: bool = False) -> ReleaseCalendar:
    """The calendar that the document describes.

    ``known`` are the names a scope may hold (None: they cannot be told here); a ``stored`` document may hold values
    without effect, see :mod:`release_mgmt.sources.calendars.idle`. Raises InvalidInput with every fault.
    """
    errors: list[FieldError] = []
    known = known or Known()
    fields = Fields(data, "", errors, _CALENDAR_KEYS)
    name = fields.text("calendar", required=True, limit=120)
    place = _place(fields)
    business = _business_days(fields.part("business_days", _BUSINESS_KEYS), place.zone_name, holidays)
    policy = read_policy(fields.part("policy", POLICY_KEYS), None)
    series = tuple(
        each
        for part in fields.parts("series", (*_SERIES_KEYS, *POLICY_KEYS))
        if (each := _series(part, place, policy, known)) is not None
    )
    calendar = ReleaseCalendar(
        name=name or "calendar",
        time_zone=place.zone_name,
        public=fields.flag("public", False),
        business_days=business,
        policy=policy,
        series=series,
        environments=fields.names("environments"),
        horizon_days=fields.number("horizon_days", 182, 1, 1100) or 182,
        team_business_days=_teams(fields, place, business, holidays, known),
    )
    names = replace(known, environments=calendar.known_environments() or None)
    freezes = [
        freeze
        for part in fields.parts("freezes", FREEZE_KEYS)
        if (freeze := read_freeze(part, place.zone_name, names)) is not None
    ]
    _unique(fields, "series", [each.id for each in series])
    _unique(fields, "freezes", [each.id for each in freezes])
    calendar = replace(calendar, freezes=tuple(freezes))
    if not errors and not stored:
        errors += idle(fields.data, calendar)
    if errors:
        raise InvalidInput(_sentence(errors), errors, code="invalid_calendar", hint=errors[0].allowed)
    return calendar


def _sentence(errors: list[FieldError]) -> str:
    first = f"{errors[0].path}: {errors[0].message}"
    return first if len(errors) == 1 else f"{first} (and {len(errors) - 1} more)"


def _place(fields: Fields) -> _Place:
    name = fields.text("time_zone", required=True, limit=100)
    try:
        return _Place(name, zone(name))
    except InvalidInput as error:
        if name:
            fields.keep(error, "time_zone")
        return _Place("UTC", zone("UTC"))


def _unique(fields: Fields, key: str, ids: list[str]) -> None:
    for index, each in enumerate(ids):
        if each in ids[:index]:
            fields.fault(f"{key}[{index}].id", f"{each!r} is there already", "a name of its own")


def _business_days(fields: Fields, zone_name: str, holidays: Holidays) -> BusinessDays:
    weekend: set[int] = set()
    for index, word in enumerate(fields.names("weekend", ("sat", "sun"))):
        if word.lower()[:3] in _WEEKDAYS:
            weekend.add(_WEEKDAYS.index(word.lower()[:3]))
        else:
            fields.fault(f"weekend[{index}]", f"{word!r} is not a weekday", ", ".join(_WEEKDAYS))
    if len(weekend) == 7:
        fields.fault("weekend", "leaves no business day", "at most six days")
        weekend = {5, 6}
    names: dict[date, str] = dict(_holidays(fields, holidays))
    for index, value in enumerate(fields.values("days_off")):
        day, title = (value.get("date"), value.get("name")) if isinstance(value, Mapping) else (value, None)
        found = local_day(day)
        if found is None:
            fields.fault(f"days_off[{index}]", "is not a date", "for instance 2026-12-24")
        else:
            names[found] = str(title or names.get(found, ""))[:100]
    own_zone = fields.text("time_zone", zone_name)
    try:
        zone(own_zone)
    except InvalidInput as error:
        fields.keep(error, "time_zone")
        own_zone = zone_name
    return BusinessDays(
        time_zone=own_zone,
        weekend=frozenset(weekend),
        cut_off=fields.clock("cut_off", BusinessDays().cut_off),
        days_off=frozenset(names),
        names=tuple(sorted((day, title) for day, title in names.items() if title)),
    )


def _holidays(fields: Fields, holidays: Holidays) -> Mapping[date, str]:
    if not fields.has("holidays"):
        return {}
    before = len(fields.errors)
    part = fields.part("holidays", ("country", "subdivision", "market"))
    code = part.text("country") or part.text("market")
    if not code and (part.has("country") or part.has("market")) and len(fields.errors) > before:
        return {}
    if not code:
        part.fault("country", "is missing", "a country such as DE, or market: XNYS")
        return {}
    try:
        return holidays(code, part.text("subdivision") or None)
    except InvalidInput as error:
        key = "subdivision" if error.code == "unknown_subdivision" else "country" if part.has("country") else "market"
        part.keep(error, key)
        return {}


def _teams(
    fields: Fields, place: _Place, business: BusinessDays, holidays: Holidays, known: Known
) -> tuple[tuple[str, BusinessDays], ...]:
    data = fields.data.get("teams")
    if data is None:
        return ()
    if not isinstance(data, Mapping):
        fields.fault("teams", "is not a mapping", "team: {business_days: {...}}")
        return ()
    found: list[tuple[str, BusinessDays]] = []
    for name, value in data.items():
        if known.teams is not None and str(name) not in known.teams:
            fields.fault(f"teams.{one_line(str(name), 60)}", *unknown(str(name), known.teams))
        part = Fields(value, f"teams.{name}", fields.errors, ("business_days",))
        own = part.part("business_days", _BUSINESS_KEYS)
        days = _business_days(own, place.zone_name, holidays)
        if not own.has("holidays") and not own.has("days_off"):
            days = replace(days, days_off=business.days_off, names=business.names)
        if not own.has("weekend"):
            days = replace(days, weekend=business.weekend)
        if not own.has("cut_off"):
            days = replace(days, cut_off=business.cut_off)
        found.append((str(name)[:100], days))
    return tuple(sorted(found, key=lambda each: each[0]))


def _series(fields: Fields, place: _Place, policy: Policy, known: Known) -> WindowSeries | None:
    before = len(fields.errors)
    identity = fields.text("id", required=True, limit=64)
    if identity and not _ID.fullmatch(identity):
        fields.fault("id", f"{identity!r} is not a name", "letters, digits, dot, dash and underscore")
    levels = read_levels(fields)
    repositories = read_repositories(fields, known, ("*",))
    start, end, length = fields.times()
    own = read_policy(fields.part("policy", POLICY_KEYS), policy) if fields.has("policy") else policy
    own = read_policy(fields, own) if any(fields.has(key) for key in POLICY_KEYS) else own
    if start is None or len(fields.errors) > before:
        return None
    found = WindowSeries(
        id=identity,
        start=start,
        end=end,
        duration=length,
        title=fields.text("title", limit=200),
        levels=levels or BOTH_LEVELS,
        environments=fields.names("environments", ("prod",)),
        repositories=repositories,
        min_duration=fields.duration("min_duration") or timedelta(0),
        policy=own if own is not policy else None,
    )
    if fields.has("rrule"):
        try:
            rule = parse(fields.text("rrule"), fields.at("rrule"), place.zone, start)
        except InvalidInput as error:
            fields.keep(error, "rrule")
            return None
        found = replace(found, rule=rule)
        _check_rule(fields, found, place.zone)
    found = replace(found, retimings=_retimings(fields, found))
    return _exceptions(fields, found, place.zone) if len(fields.errors) == before else None


def _check_rule(fields: Fields, series: WindowSeries, zone: tzinfo) -> None:
    if series.length > _LONGEST:
        fields.fault("end", f"makes windows longer than {_LONGEST.days} days")
    day = series.start.date()
    if series.start not in original_starts(series, day, day, zone):
        later = original_starts(series, day, day + timedelta(days=1500), zone)
        first = next(later, None)
        meant = (
            f"the first start after it is {first:%Y-%m-%dT%H:%M}" if first else "another rule: this one never occurs"
        )
        fields.fault("start", "does not match the rule", meant)
        return
    distance = shortest_distance(series, zone)
    if distance is not None and series.length >= distance:
        key = "duration" if series.duration is not None else "end"
        fields.fault(key, "makes windows that overlap the next one of their own series", f"shorter than {distance}")


def _retimings(fields: Fields, series: WindowSeries) -> tuple[Retiming, ...]:
    found: list[Retiming] = []
    for part in fields.parts("retimed", ("from", "start", "end")):
        since = local_day(part.data.get("from"))
        if since is None:
            part.fault("from", "is not a date", "for instance 2027-01-01")
            continue
        if not part.has("start"):
            part.fault("start", "is missing", 'a time of day such as "19:00"')
            continue
        begin = datetime.combine(series.start.date(), part.clock("start", series.start.time()))
        shift = begin - series.start
        finish = shift
        if part.has("end") and series.end is not None:
            finish = _end_after(begin, part.clock("end", series.end.time()), series.length) - series.end
        found.append(Retiming(since, shift, finish))
    return tuple(sorted(found, key=lambda each: each.since))


def _end_after(begin: datetime, clock: time, length: timedelta) -> datetime:
    """The end at that time of day: as many midnights later as in ``length``, for shorter windows the next one."""
    end = datetime.combine(begin.date() + timedelta(days=length.days), clock)
    return end if end > begin else end + timedelta(days=1)


def _exceptions(fields: Fields, series: WindowSeries, zone: tzinfo) -> WindowSeries:
    def occurrence(value: object, key: str) -> datetime | None:
        start = fields.local_value(value, key)
        if start is None:
            return None
        if start in original_starts(series, start.date(), start.date(), zone):
            return start
        near = original_starts(series, start.date() - timedelta(days=40), start.date() + timedelta(days=40), zone)
        best = min(near, key=lambda each: abs(each - start), default=None)
        fields.fault(
            key, f"{start:%Y-%m-%dT%H:%M} is no start of this series", f"{best:%Y-%m-%dT%H:%M}" if best else None
        )
        return None

    cancelled = [occurrence(value, f"except[{index}]") for index, value in enumerate(fields.values("except"))]
    moves = fields.data.get("moved") or {}
    if not isinstance(moves, Mapping):
        fields.fault("moved", "is not a mapping", "{2026-12-22T18:00: 2026-12-21T18:00}")
        moves = {}
    moved: list[tuple[datetime, datetime]] = []
    for old, new in moves.items():
        original = occurrence(old, f"moved.{old}")
        target = fields.local_value(new, f"moved.{old}")
        if original is not None and target is not None:
            moved.append((original, target))
    return replace(series, cancelled=tuple(sorted(filter(None, cancelled))), moved=tuple(sorted(moved)))
