"""What is coming of a repository by a calendar file: what is not tagged yet, or tagged after ``now``, in windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from release_mgmt.core.audience import Annotation
from release_mgmt.core.calendar import ChangeFact
from release_mgmt.core.calendar.plans import freezes_of, windows_of
from release_mgmt.core.changelog import Changelog, Entry
from release_mgmt.core.classification import Level
from release_mgmt.core.planning import Candidate, Plan, plan
from release_mgmt.core.windows import ReleaseCalendar, matches, periods
from release_mgmt.services.candidates import environment_of
from release_mgmt.services.site.building import Upcoming

AHEAD = timedelta(days=365)


def coming(
    record: Changelog, calendars: Sequence[ReleaseCalendar], annotations: Mapping[str, Annotation], now: datetime
) -> tuple[Upcoming, dict[str, Annotation]]:
    """The coming windows of the repository (in the calendar of :func:`calendar_for`), and each change's window."""
    calendar = calendar_for(calendars, record.repository)
    entries = to_place(record, now)
    made = plan_of(record, calendar, now)
    facts = {entry.id: _fact(entry, record.repository, annotations.get(entry.id, Annotation())) for entry in entries}
    frozen = freezes_of(periods(calendar.freezes, now, now + AHEAD), calendar.slug)
    upcoming = Upcoming(calendar.name, calendar.time_zone, now, tuple(windows_of(made, facts)), tuple(frozen))
    return upcoming, _with_windows(made, annotations)


def calendar_for(calendars: Sequence[ReleaseCalendar], repository: str) -> ReleaseCalendar:
    """The calendar that takes the repository by name, else the first that takes any."""
    named = (one for one in calendars if any(repository in series.repositories for series in one.series))
    taking = (one for one in calendars if any(matches(series.repositories, repository) for series in one.series))
    return next(named, None) or next(taking, calendars[0])


def plan_of(record: Changelog, calendar: ReleaseCalendar, now: datetime) -> Plan:
    """Every change that no release before ``now`` holds, placed; the oldest change comes first."""
    entries = to_place(record, now)
    environment = environment_of(calendar)
    made = [
        Candidate(
            id=entry.id,
            title=entry.title,
            repository=record.repository,
            level=Level(entry.level) if entry.level else Level.MINOR,
            # Entries stand newest first and carry no instant of their own: keep their order before ``now``.
            ready_at=now - timedelta(seconds=index),
            accepted_at=now - timedelta(seconds=index),
            environment=environment,
        )
        for index, entry in enumerate(entries)
    ]
    return plan(calendar, made, now)


def to_place(record: Changelog, now: datetime) -> list[Entry]:
    """The changes that are not shipped: what no tag holds, and what a tag after ``now`` holds; each once."""
    found = {entry.id: entry for entry in record.unreleased.entries}
    for section in record.releases:
        if section.date is not None and datetime.fromisoformat(section.date).astimezone(UTC) > now:
            found |= {entry.id: entry for entry in section.entries}
    return list(found.values())


def _fact(entry: Entry, repository: str, known: Annotation) -> ChangeFact:
    verdict = known.classification
    return ChangeFact(
        id=entry.id,
        title=entry.title,
        level=entry.level or "minor",
        state="announced",
        repository=repository,
        kind=verdict.kind if verdict else entry.kind,
        teams=known.teams,
        owner=known.owner,
        notes=known.notes,
        libraries=tuple(library.name for library in verdict.new_libraries) if verdict else (),
        internal=known.internal,
    )


def _with_windows(made: Plan, annotations: Mapping[str, Annotation]) -> dict[str, Annotation]:
    slots = {planned.window.key: (planned.window.start, planned.window.end) for planned in made.windows}
    known = dict(annotations)
    for placement in made.placements:
        before = known.get(placement.change, Annotation())
        risk = tuple(reason.message for reason in placement.reasons)
        known[placement.change] = replace(before, window=slots.get(placement.window), state="announced", moves=risk)
    for deferral in made.deferrals:
        before = known.get(deferral.change, Annotation())
        known[deferral.change] = replace(before, missing=tuple(reason.message for reason in deferral.reasons))
    return known
