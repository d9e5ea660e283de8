"""The calendar file of a plan that was made without server or database."""

from __future__ import annotations

from datetime import timedelta

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import (
    ChangeFact,
    FeedHead,
    FreezeFact,
    WindowFact,
    advance,
    show_freeze,
    show_window,
    uid_of,
    write,
)
from release_mgmt.core.calendar.plans import freezes_of, windows_of
from release_mgmt.core.changelog import Changelog, Entry
from release_mgmt.core.planning import Plan
from release_mgmt.core.windows import ReleaseCalendar, periods
from release_mgmt.formats import ical
from release_mgmt.formats.words import Words
from release_mgmt.services.site import to_place

AHEAD = timedelta(days=365)


def calendar_file(record: Changelog, calendar: ReleaseCalendar, made: Plan) -> bytes:
    """The plan's windows that hold changes, and the freezes, as iCalendar."""

    def fact(entry: Entry) -> ChangeFact:
        return ChangeFact(entry.id, entry.title, entry.level or "minor", "announced", record.repository, entry.kind)

    facts = {entry.id: fact(entry) for entry in to_place(record, made.now)}
    windows: list[WindowFact] = list(windows_of(made, facts))
    frozen: list[FreezeFact] = list(freezes_of(periods(calendar.freezes, made.now, made.now + AHEAD), calendar.slug))
    say, audience = Words("en"), Audience.ENGINEERING
    shown = [(uid_of(calendar.slug, "window", one.identity), show_window(one, audience)) for one in windows]
    shown += [(uid_of(calendar.slug, "freeze", one.identity), show_freeze(one)) for one in frozen]
    kept = [advance(None, one, uid, audience.value, made.now) for uid, one in shown]
    known = [one for one in kept if one is not None and not one.shown.empty]
    entries = [write(one, say, None) for one in sorted(known, key=lambda one: (one.shown.start, one.uid))]
    name = say("Release calendar {name}", name=calendar.name)
    about = say("Release windows and freezes: what changes for you, and when.")
    return ical.render(FeedHead(name, about, made.now, calendar.time_zone, None, None), entries, say).content
