"""The freezes of a calendar document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import InvalidInput, did_you_mean
from release_mgmt.core.windows import Exceptions, Freeze, Rule, Scope, matches, parse, zone
from release_mgmt.sources.calendars.fields import Fields, local_day

FREEZE_KEYS = (
    "id", "days", "start", "end", "duration", "rrule", "hard", "reason", "scope", "time_zone", "overrun", "except",
)  # fmt: skip
_SCOPE_KEYS = ("repositories", "teams", "environments", "levels")
_NEAR = timedelta(days=40)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Known:
    """The names that a scope may hold; None where they cannot be told (a calendar file without a server).

    Repositories may be given by a pattern too, which must match one of them.
    """

    repositories: frozenset[str] | None = None
    teams: frozenset[str] | None = None
    environments: frozenset[str] | None = None


def read_freeze(fields: Fields, calendar_zone: str, known: Known) -> Freeze | None:
    """One freeze; None when it holds a fault (kept in ``fields``)."""
    before = len(fields.errors)
    identity = fields.text("id", required=True, limit=64)
    if identity and not _ID.fullmatch(identity):
        fields.fault("id", f"{identity!r} is not a name", "letters, digits, dot, dash and underscore")
    zone_name = fields.text("time_zone", calendar_zone)
    try:
        rules = zone(zone_name)
    except InvalidInput as error:
        fields.keep(error, "time_zone")
        return None
    days = _days(fields) if fields.has("days") else None
    start, end, length = (None, None, None) if fields.has("days") else fields.times()
    begin = datetime.combine(days[0], datetime.min.time()) if days else start
    rule = None
    if fields.has("rrule") and begin is not None:
        try:
            rule = parse(fields.text("rrule"), fields.at("rrule"), rules, begin)
        except InvalidInput as error:
            fields.keep(error, "rrule")
        else:
            if begin not in rule.local_starts(begin, begin.date(), begin.date(), rules):
                fields.fault("days" if days else "start", "does not match the rule")
    scope = _scope(fields, known)
    overrun: Literal["allow", "deny"] = "deny"
    if fields.choice("overrun", ("allow", "deny"), "deny") == "allow":
        overrun = "allow"
    cancelled = _exceptions(fields, begin, rule, rules, whole_days=days is not None)
    if begin is None or len(fields.errors) > before:
        return None
    return Freeze(
        id=identity,
        time_zone=zone_name,
        hard=fields.flag("hard", True),
        reason=fields.text("reason", limit=500),
        scope=scope,
        days=days,
        start=start,
        end=end,
        duration=length,
        rule=rule,
        overrun=overrun,
        cancelled=cancelled,
    )


def _exceptions(
    fields: Fields, begin: datetime | None, rule: Rule | None, zone: tzinfo, *, whole_days: bool
) -> tuple[datetime, ...]:
    """The local starts at which a recurring freeze does not hold; a date will do for one of whole days."""
    found: set[datetime] = set()
    for index, value in enumerate(fields.values("except")):
        day = local_day(value) if whole_days else None
        start = datetime.combine(day, time()) if day else fields.local_value(value, f"except[{index}]")
        if start is None or begin is None:
            continue
        if rule is None:
            near: list[datetime] = [begin]
        else:
            near = list(rule.local_starts(begin, start.date() - _NEAR, start.date() + _NEAR, zone))
        if start in near:
            found.add(start)
            continue
        best = min(near, key=lambda each: abs(each - start), default=None)
        said = f"{start:%Y-%m-%dT%H:%M} is no start of this freeze"
        fields.fault(f"except[{index}]", said, f"{best:%Y-%m-%dT%H:%M}" if best else None)
    return tuple(sorted(found))


def _days(fields: Fields) -> tuple[date, date] | None:
    if fields.has("start") or fields.has("end") or fields.has("duration"):
        fields.fault("days", "stands beside start, end or duration; one form is enough")
    values = fields.values("days")
    found = [local_day(value) for value in values]
    if not 1 <= len(found) <= 2 or None in found:
        fields.fault("days", "is not one date or the first and the last", "[2026-12-24, 2027-01-01]")
        return None
    first, last = found[0], found[-1]
    assert first is not None
    assert last is not None
    if last < first:
        fields.fault("days[1]", "is before the first day", f"{first} or later")
        return None
    return first, last


def _scope(fields: Fields, known: Known) -> Scope:
    part = fields.part("scope", (*_SCOPE_KEYS, "except"))
    own = part.part("except", _SCOPE_KEYS)
    return Scope(
        repositories=read_repositories(part, known, ("*",)),
        teams=_any_of(part, "teams", known.teams),
        environments=_any_of(part, "environments", known.environments),
        levels=read_levels(part),
        exceptions=Exceptions(
            repositories=read_repositories(own, known),
            teams=_known(own, "teams", known.teams),
            environments=_known(own, "environments", known.environments),
            levels=tuple(Level(each) for each in _known(own, "levels", frozenset(Level))),
        ),
    )


def read_levels(fields: Fields) -> tuple[Level, ...]:
    """The field ``levels``: minor, major or both; nothing when it asks for all."""
    return tuple(Level(each) for each in _any_of(fields, "levels", frozenset(Level)))


def read_repositories(fields: Fields, known: Known, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The field ``repositories``: names and patterns."""
    return _known(fields, "repositories", known.repositories, default, patterns=True)


def _any_of(fields: Fields, key: str, known: frozenset[str] | None) -> tuple[str, ...]:
    """Names of a part in which ``*`` means all, as leaving it out does."""
    return () if "*" in fields.names(key) else _known(fields, key, known)


def _known(
    fields: Fields, key: str, known: frozenset[str] | None, default: tuple[str, ...] = (), *, patterns: bool = False
) -> tuple[str, ...]:
    """Names, each of which must be known: an unknown one, or a pattern without a match, would hold nothing."""
    names = fields.names(key, default)
    if known is None:
        return names
    good: list[str] = []
    for index, name in enumerate(names):
        if name in known or (patterns and (name == "*" or any(matches((name,), each) for each in known))):
            good.append(name)
        else:
            fields.fault(f"{key}[{index}]", *unknown(name, known))
    return tuple(good)


def unknown(name: str, known: frozenset[str]) -> tuple[str, str]:
    """What is wrong with a name that is not known, and what is allowed instead."""
    none = "none is known yet: add it before the calendar that names it"
    otherwise = "one of " + ", ".join(sorted(known)[:20]) if known else none
    return f"{name[:60]!r} is not known", did_you_mean(name, sorted(known), otherwise)
