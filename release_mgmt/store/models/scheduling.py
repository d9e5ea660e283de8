"""Tables of scheduling: calendars, windows, plans, placements, moves, stages, leases and gate decisions.

A calendar's ``document`` is the truth (the form of a calendar file); everything else is worked out from it and from
the changes, and kept so that lists, pages and feeds need no planning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


def _calendar(*, primary_key: bool = False) -> Mapped[str]:
    return mapped_column(ForeignKey("calendars.id", ondelete="CASCADE"), primary_key=primary_key)


def _change(*, primary_key: bool = False) -> Mapped[str]:
    return mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=primary_key)


class CalendarRow(Base):
    """A release calendar. ``plan_version`` is that of its newest plan, ``tzdata`` the zone data that plan was made by.

    ``planned_at`` is when it was last planned, with or without a new version.
    """

    __tablename__ = "calendars"

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    public: Mapped[bool] = mapped_column(default=False)
    document: Mapped[dict[str, Any]]
    plan_version: Mapped[int] = mapped_column(default=0)
    plan_digest: Mapped[str | None]
    planned_at: Mapped[datetime | None]
    tzdata: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class CalendarVersion(Base):
    """What a calendar said at each of its versions."""

    __tablename__ = "calendar_versions"

    calendar_id: Mapped[str] = _calendar(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    reason: Mapped[str | None]


class PlanRow(Base):
    """A plan as it was made: ``document`` is ``release-mgmt/plan/1``."""

    __tablename__ = "plans"

    calendar_id: Mapped[str] = _calendar(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]
    document: Mapped[dict[str, Any]]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    reason: Mapped[str | None]


class WindowRow(Base):
    """A window as the newest plan has it; past ones stay. ``original_start`` is naive local text, part of the key."""

    __tablename__ = "windows"

    calendar_id: Mapped[str] = _calendar(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    series: Mapped[str]
    original_start: Mapped[str]
    title: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[str]
    flags: Mapped[list[str]] = mapped_column(default=list)
    levels: Mapped[list[str]] = mapped_column(default=list)
    environments: Mapped[list[str]] = mapped_column(default=list)
    points: Mapped[int | None]
    most_major: Mapped[int | None]
    used: Mapped[int] = mapped_column(default=0)
    majors: Mapped[int] = mapped_column(default=0)
    frozen: Mapped[list[str]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (Index(None, "calendar_id", "starts_at"), Index(None, "ends_at"))


class PlacementRow(Base):
    """Where the newest plan has a change (``window`` None: deferred). The ``announced_*`` columns bind the future.

    ``position`` is its place in the window's order of release. ``origin`` is the window a rule moved it away from.
    ``requested_*`` is a release manager's own choice of window.
    """

    __tablename__ = "placements"

    change_id: Mapped[str] = _change(primary_key=True)
    environment: Mapped[str] = mapped_column(primary_key=True)
    calendar_id: Mapped[str] = _calendar()
    window: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    position: Mapped[int] = mapped_column(default=0)
    why: Mapped[str]
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    announced_at: Mapped[datetime | None]
    announced_window: Mapped[str | None]
    announced_start: Mapped[datetime | None]
    announced_version: Mapped[int | None]
    announced_level: Mapped[str | None]
    origin: Mapped[str | None]
    requested_window: Mapped[str | None]
    requested_by: Mapped[str | None]
    requested_reason: Mapped[str | None]
    suggestion: Mapped[str | None]
    conflicts: Mapped[list[Any]] = mapped_column(default=list)
    updated_at: Mapped[datetime]

    __table_args__ = (Index(None, "calendar_id", "window"),)


class MoveRow(Base):
    """An announced change that went to another window or time; ``actor`` is a person's id or the rule's name."""

    __tablename__ = "moves"

    id: Mapped[str] = mapped_column(primary_key=True)
    calendar_id: Mapped[str] = _calendar()
    plan_version: Mapped[int]
    change_id: Mapped[str] = _change()
    from_window: Mapped[str]
    from_start: Mapped[datetime | None]
    to_window: Mapped[str | None]
    to_start: Mapped[datetime | None]
    reasons: Mapped[list[Any]]
    actor: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "calendar_id", "at"), Index(None, "change_id", "at"))


class DependencyRow(Base):
    """``change_id`` needs ``needs_id`` first."""

    __tablename__ = "dependencies"

    change_id: Mapped[str] = _change(primary_key=True)
    needs_id: Mapped[str] = _change(primary_key=True)
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class ChangeTerms(Base):
    """What people say about when and how a change goes: minutes needed, points, earliest date, deadline."""

    __tablename__ = "change_terms"

    change_id: Mapped[str] = _change(primary_key=True)
    points: Mapped[int | None]
    minutes: Mapped[int | None]
    earliest: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class StageRow(Base):
    """A report that a change passed (or failed) a stage in an environment; ``done`` of ``total`` for a roll-out.

    ``position`` counts a change's reports: several may come within one second.
    """

    __tablename__ = "stages"

    id: Mapped[str] = mapped_column(primary_key=True)
    change_id: Mapped[str] = _change()
    position: Mapped[int]
    stage: Mapped[str]
    environment: Mapped[str]
    state: Mapped[str]
    done: Mapped[int | None]
    total: Mapped[int | None]
    note: Mapped[str | None]
    reported_by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "change_id", "at"),)


class LeaseRow(Base):
    """A permission to run that was taken before something closed; it is renewed and released by its id."""

    __tablename__ = "leases"

    id: Mapped[str] = mapped_column(primary_key=True)
    change_id: Mapped[str] = _change()
    environment: Mapped[str]
    holder: Mapped[str]
    taken_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    released_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "change_id", "environment"),)


class GateDecisionRow(Base):
    """A decision of the gate, kept for a time so that "who let this through?" has an answer."""

    __tablename__ = "gate_decisions"

    id: Mapped[str] = mapped_column(primary_key=True)
    calendar_id: Mapped[str | None]
    repository: Mapped[str]
    change_id: Mapped[str | None]
    environment: Mapped[str]
    at: Mapped[datetime]
    evaluated_at: Mapped[datetime] = mapped_column(index=True)
    decision: Mapped[str]
    reasons: Mapped[list[Any]]
    plan_version: Mapped[int | None]
    asked_by: Mapped[str]

    __table_args__ = (Index(None, "change_id", "evaluated_at"),)


class ImportRow(Base):
    """One thing that came from an .ics file or a holiday list, so that the same file twice adds nothing."""

    __tablename__ = "imports"

    calendar_id: Mapped[str] = _calendar(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(primary_key=True)
    freeze: Mapped[str]
    digest: Mapped[str]
    seen_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
