"""When a message is due: at once, with the next digest, and never in quiet hours. Wall times are the reader's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from release_mgmt.core.windows.localtime import resolve, to_local, zone

MODES = ("immediate", "daily", "weekly", "off")
_DAY = timedelta(days=1)

RETRIES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Waits between attempts, as the Standard Webhooks specification suggests ("Retry schedule"); then it is given up."""


@dataclass(frozen=True, slots=True)
class Preference:
    """How a reader wants to be told. ``digest_day`` counts from Monday 0; quiet hours may pass midnight, half open.

    ``zone`` is an IANA name.
    """

    mode: str = "immediate"
    zone: str = "UTC"
    digest_at: time = time(8)
    digest_day: int = 0
    quiet_from: time | None = None
    quiet_until: time | None = None

    def quiet(self, wall: time) -> bool:
        """Whether a wall time lies in the quiet hours."""
        if self.quiet_from is None or self.quiet_until is None:
            return False
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= wall < self.quiet_until
        return wall >= self.quiet_from or wall < self.quiet_until


def next_digest(preference: Preference, now: datetime) -> datetime:
    """The instant of the next daily or weekly digest after ``now``.

    At clock changes as everywhere: a wall time that is jumped over is the jump, one that comes twice is the first.
    """
    rules = zone(preference.zone)
    today = to_local(now, rules).date()
    for ahead in range(9):
        day = today + ahead * _DAY
        if preference.mode == "weekly" and day.weekday() != preference.digest_day:
            continue
        found = resolve(datetime.combine(day, preference.digest_at), rules).instant
        if found > now:
            return found
    raise AssertionError("a week has every weekday")


def after_quiet(preference: Preference, at: datetime) -> datetime:
    """``at``, or the end of the quiet hours that it falls into."""
    rules = zone(preference.zone)
    local = to_local(at, rules)
    if preference.quiet_until is None or not preference.quiet(local.time()):
        return at
    day = local.date() + (_DAY if local.time() >= preference.quiet_until else timedelta())
    end = datetime.combine(day, preference.quiet_until)
    found = resolve(end, rules).instant
    return found if found >= at else resolve(end, rules, late=True).instant


def due(preference: Preference, now: datetime, *, urgent: bool = False) -> datetime:
    """When something that is to be told now reaches the reader; ``urgent`` waits for no digest."""
    at = now if urgent or preference.mode == "immediate" else next_digest(preference, now)
    return after_quiet(preference, at)


def retry_after(attempts: int, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait after so many failed attempts; None: give up. ``asked`` is a receiver's Retry-After.

    It is obeyed up to a day, and never shortens the wait.
    """
    if attempts > len(RETRIES):
        return None
    return max(RETRIES[attempts - 1], min(asked or timedelta(), _DAY))
