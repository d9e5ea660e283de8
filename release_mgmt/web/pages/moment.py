"""Instants in words: the reader's zone first, the weekday always, "in 4 days" only as a help."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from release_mgmt.web.pages.language import many, say, words


def zone_or_none(name: str | None) -> ZoneInfo | None:
    """The zone of that IANA name, or None when there is none (names come from cookies and forms)."""
    if not name or len(name) > 64:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the zone tree, "Europe"
        return None


def iso(at: datetime) -> str:
    """The instant as ``datetime`` attributes want it, in UTC with ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def relative(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """How far away: minutes and hours within a day, else by the days of the calendar on the reader's wall."""
    gap = at - now
    seconds = abs(gap.total_seconds())
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days
    ahead = gap > timedelta(0)
    if seconds < 60:
        return say("now")
    if seconds < 3600:
        count = int(seconds // 60)
        if ahead:
            return many("in {count} minute", "in {count} minutes", count)
        return many("{count} minute ago", "{count} minutes ago", count)
    if seconds < 6 * 3600 or days == 0:
        count = int(seconds // 3600)
        if ahead:
            return many("in {count} hour", "in {count} hours", count)
        return many("{count} hour ago", "{count} hours ago", count)
    if abs(days) == 1:
        return say("tomorrow") if days > 0 else say("yesterday")
    if abs(days) < 60:
        if ahead:
            return many("in {count} day", "in {count} days", abs(days))
        return many("{count} day ago", "{count} days ago", abs(days))
    count = abs(days) // 30
    if ahead:
        return many("in {count} month", "in {count} months", count)
    return many("{count} month ago", "{count} months ago", count)


@dataclass(frozen=True, slots=True)
class Wall:
    """The clock on the reader's wall: their zone and the present instant (aware, UTC)."""

    zone: ZoneInfo
    now: datetime

    def local(self, at: datetime) -> datetime:
        """The instant on the reader's wall."""
        return at.astimezone(self.zone)

    def today(self) -> date:
        """The reader's date now."""
        return self.local(self.now).date()

    def day_words(self, day: date) -> str:
        """``Tue 24 Nov``, with the year when it is not this one, as the reader's language writes it."""
        return words().short_day(day, year=day.year != self.today().year)

    def words(self, at: datetime, zone: ZoneInfo | None = None) -> str:
        """``Tue 24 Nov, 18:00`` on the reader's wall or on that of ``zone``."""
        there = at.astimezone(zone or self.zone)
        return f"{self.day_words(there.date())}, {there:%H:%M}"

    def span_words(self, start: datetime, end: datetime, zone: ZoneInfo | None = None) -> str:
        """``Tue 24 Nov, 18:00-22:00``; the second day is told when it is another one."""
        begin, stop = start.astimezone(zone or self.zone), end.astimezone(zone or self.zone)
        if begin.date() == stop.date():
            return f"{self.words(start, zone)}\N{EN DASH}{stop:%H:%M}"
        return f"{self.words(start, zone)} \N{EN DASH} {self.words(end, zone)}"

    def ago(self, at: datetime) -> str:
        """``in 4 days``."""
        return relative(at, self.now, self.zone)

    def differs(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether that zone's wall shows another time than the reader's at this instant."""
        return at.astimezone(zone).utcoffset() != self.local(at).utcoffset()

    def time(self, at: datetime, *, help_text: bool = False) -> Markup:
        """A ``<time>`` element, with "in 4 days" behind it when asked."""
        stamp = Markup('<time datetime="{}" title="{}">{}</time>').format(
            iso(at), self.local(at).strftime("%Y-%m-%d %H:%M %Z"), self.words(at)
        )
        return stamp + Markup(' <span class="soft">({})</span>').format(self.ago(at)) if help_text else stamp

    def span(self, start: datetime, end: datetime, zone: ZoneInfo | None = None, *, help_text: bool = False) -> Markup:
        """A window in ``<time>`` elements; the calendar's zone stands beside when its wall shows another time."""
        html = Markup('<time datetime="{}/{}" class="span">{}</time>').format(
            iso(start), iso(end), self.span_words(start, end)
        )
        if help_text:
            html += Markup(' <span class="soft">({})</span>').format(self.ago(start))
        if zone is not None and self.differs(start, zone):
            html += Markup(' <span class="zone">{} {}</span>').format(self.span_words(start, end, zone), zone.key)
        return html

    def day(self, day: date) -> Markup:
        """A whole day in a ``<time>`` element."""
        return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), self.day_words(day))
