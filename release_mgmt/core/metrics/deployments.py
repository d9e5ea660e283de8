"""From reports on single changes to deployments, and which of them failed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from release_mgmt.core.metrics.facts import (
    DateFact,
    GateFact,
    GlassFact,
    IncidentFact,
    LevelFact,
    MoveFact,
    Report,
    ShippedFact,
    TagFact,
)

TOGETHER = timedelta(minutes=5)
"""A pipeline that ships several changes reports them one after another: reports of one repository, environment and
outcome no later than this after the first of them are one deployment."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment in production, or the attempt at one (``failed``); ``at`` is its first report."""

    repository: str
    environment: str
    at: datetime
    failed: bool
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A deployment that failed: when that began to hurt, and when it was put right (None: not yet)."""

    deployment: Deployment
    began: datetime
    restored: datetime | None


def deployments(reports: Iterable[Report]) -> tuple[Deployment, ...]:
    """The deployments behind the reports, oldest first. The order of the reports does not matter."""
    found: list[tuple[Report, list[str]]] = []
    latest: dict[tuple[str, str, str], tuple[Report, list[str]]] = {}
    for report in sorted(reports, key=lambda one: (one.at, one.repository, one.environment, one.state, one.change)):
        if report.state not in {"done", "failed"}:
            continue
        key = (report.repository, report.environment, report.state)
        group = latest.get(key)
        if group is None or report.at - group[0].at > TOGETHER:
            group = latest[key] = (report, [])
            found.append(group)
        if report.change not in group[1]:
            group[1].append(report.change)
    return tuple(
        Deployment(first.repository, first.environment, first.at, first.state == "failed", tuple(sorted(changes)))
        for first, changes in found
    )


def failures(
    made: Iterable[Deployment], reports: Iterable[Report], incidents: Iterable[IncidentFact]
) -> tuple[Failure, ...]:
    """The deployments that failed, each once.

    A failed attempt is put right by the next deployment that is done there. One that was rolled back, by the rollback.
    One that caused an incident, when the last of its incidents was closed. An incident or a rollback belongs to the
    last deployment of its change before it; with several causes the first beginning and the last end count.
    """
    every = sorted(made, key=lambda one: (one.at, one.repository, one.environment, one.failed))
    done = _Done(every)
    causes: dict[int, list[tuple[datetime, datetime | None]]] = {}
    for place, one in enumerate(every):
        if one.failed:
            causes[place] = [(one.at, done.following(one))]
    for report in reports:
        if report.state == "rolled_back":
            for place in done.last({report.change}, report.at, report):
                causes.setdefault(place, []).append((every[place].at, report.at))
    for incident in incidents:
        for place in done.last(incident.changes, incident.opened_at):
            causes.setdefault(place, []).append((incident.opened_at, incident.closed_at))
    return tuple(_failure(every[place], found) for place, found in sorted(causes.items()))


def _failure(deployment: Deployment, causes: list[tuple[datetime, datetime | None]]) -> Failure:
    ends = [end for _, end in causes if end is not None]
    return Failure(deployment, min(begin for begin, _ in causes), max(ends) if len(ends) == len(causes) else None)


class _Done:
    """The deployments that were done, by where and by change, so that many failures do not cost each other's time."""

    def __init__(self, every: Sequence[Deployment]) -> None:
        self.every = every
        self.times: dict[tuple[str, str], list[datetime]] = {}
        self.places: dict[str, list[int]] = {}
        for place, one in enumerate(every):
            if not one.failed:
                self.times.setdefault((one.repository, one.environment), []).append(one.at)
                for change in one.changes:
                    self.places.setdefault(change, []).append(place)

    def following(self, failed: Deployment) -> datetime | None:
        """When the next one was done where this one failed, at the same instant at the earliest."""
        times = self.times.get((failed.repository, failed.environment), [])
        place = bisect_left(times, failed.at)
        return times[place] if place < len(times) else None

    def last(self, changes: Iterable[str], at: datetime, report: Report | None = None) -> list[int]:
        """The places of the last one until ``at`` of any of the changes; one each repository and environment."""
        found: dict[tuple[str, str], int] = {}
        for change in changes:
            for place in self.places.get(change, ()):
                one = self.every[place]
                where = (one.repository, one.environment)
                if one.at <= at and (report is None or where == (report.repository, report.environment)):
                    found[where] = max(place, found.get(where, place))
        return sorted(found.values())


@dataclass(frozen=True)
class Facts:
    """Everything that is known about what may be seen. ``reporting``: whether a deploy was ever reported; ``tagging``:
    whether a version was ever tagged.
    """

    reporting: bool = False
    reports: tuple[Report, ...] = ()
    shipped: tuple[ShippedFact, ...] = ()
    tags: tuple[TagFact, ...] = ()
    incidents: tuple[IncidentFact, ...] = ()
    dates: tuple[DateFact, ...] = ()
    moves: tuple[MoveFact, ...] = ()
    gates: tuple[GateFact, ...] = ()
    glasses: tuple[GlassFact, ...] = ()
    levels: tuple[LevelFact, ...] = ()
    tagging: bool = False

    @cached_property
    def deployments(self) -> tuple[Deployment, ...]:
        """The deployments behind the reports."""
        return deployments(self.reports)

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """Those that failed."""
        return failures(self.deployments, self.reports, self.incidents)
