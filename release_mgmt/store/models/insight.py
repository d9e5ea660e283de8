"""Tables of insight: what is measured over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


class IncidentRow(Base):
    """An incident of a repository as somebody's tracker told it; ``key`` is its id there.

    ``change_id`` or ``release`` (a version or tag of the repository) says what caused it, as far as that is known.
    """

    __tablename__ = "incidents"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    change_id: Mapped[str | None] = mapped_column(ForeignKey("changes.id", ondelete="SET NULL"))
    release: Mapped[str | None]
    url: Mapped[str | None]
    reported_by: Mapped[str]
    reported_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index(None, "repository_id", "opened_at"), Index(None, "opened_at"))


class RequestRow(Base):
    """A business request: what is asked, who answers for it, and the effect expected of it.

    ``expected_*`` are the metric's values before and after as people write them. ``team`` keeps it for one team.
    ``link`` is the ticket or work item elsewhere.
    """

    __tablename__ = "requests"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str | None]
    link: Mapped[str | None]
    owner: Mapped[str | None]
    team: Mapped[str | None]
    metric: Mapped[str | None]
    expected_from: Mapped[str | None]
    expected_to: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class
    __table_args__ = (Index(None, "made_at", "id"),)


class RequestChangeRow(Base):
    """A change that answers a request."""

    __tablename__ = "request_changes"

    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True, index=True)


class ObservationRow(Base):
    """An effect that was observed and reported; ``key`` is the reporter's id of it."""

    __tablename__ = "observations"

    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    observed_at: Mapped[datetime]
    note: Mapped[str | None]
    reported_by: Mapped[str]
    reported_at: Mapped[datetime]


class MaturityRow(Base):
    """How far a repository had come on a day: ``verdicts`` are its areas with steps and evidence, ``facts`` what the
    service knew. ``judged_at`` is the date of the commit ``sha``; ``day`` is the (UTC) day of the snapshot."""

    __tablename__ = "maturity"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    sha: Mapped[str]
    judged_at: Mapped[datetime]
    verdicts: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    notes: Mapped[list[str]]


class PracticeRow(Base):
    """A monitor that watches what a repository runs, or a load test of it (``kind``), as its tool reports it."""

    __tablename__ = "practices"

    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str | None]
    seen_at: Mapped[datetime]
    reported_by: Mapped[str]
