"""Tables of approvals: votes, plans for when it goes wrong, break-glass permissions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base

_STANDING = text("ended_at IS NULL")


def _change() -> Mapped[str]:
    return mapped_column(ForeignKey("changes.id", ondelete="CASCADE"))


class VoteRow(Base):
    """One person's word on one change for one environment, bound to what was seen: content, level and slot.

    ``capacities`` are those the person had then (``manager``, ``team:<slug>``). A vote is never edited: it stands until
    ``ended_at`` (``ended_why``: withdrawn, superseded or resubmitted). One standing vote a person, by a unique index.
    """

    __tablename__ = "votes"

    id: Mapped[str] = mapped_column(primary_key=True)
    change_id: Mapped[str] = _change()
    environment: Mapped[str]
    person_id: Mapped[str] = mapped_column(ForeignKey("persons.id"))
    on_behalf_of: Mapped[str | None]
    verdict: Mapped[str]
    capacities: Mapped[list[str]]
    reason: Mapped[str | None]
    digest: Mapped[str]
    level: Mapped[str]
    calendar: Mapped[str]
    window: Mapped[str]
    slot_start: Mapped[datetime]
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None]
    ended_by: Mapped[str | None]

    __table_args__ = (
        Index(
            "uq_votes_standing",
            "change_id",
            "environment",
            "person_id",
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
        Index(None, "person_id", "at"),
    )


class RollbackPlanRow(Base):
    """What to do when a change goes wrong: how to take it back, and who is called (a person's id)."""

    __tablename__ = "rollback_plans"

    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True)
    how: Mapped[str]
    contact: Mapped[str | None]
    updated_by: Mapped[str | None]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class ChangePeopleRow(Base):
    """Who answers for a change and whom it concerns beyond the rules.

    ``owner_rule`` is handed_over, codeowners, author or team_lead; only a handed-over owner survives the next reading.
    ``added_teams`` are affected besides those that the rules find. Both results are kept on the change itself too.
    """

    __tablename__ = "change_people"

    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True)
    owner: Mapped[str | None]
    owner_rule: Mapped[str | None]
    added_teams: Mapped[list[str]] = mapped_column(default=list)
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class BreakGlassRow(Base):
    """A permission that names what it breaks: one change, one environment, four hours at most.

    ``blockers`` is a list of ``{"code", "ref"}``. Requested, then granted or refused, then reviewed afterwards.
    """

    __tablename__ = "break_glass"

    id: Mapped[str] = mapped_column(primary_key=True)
    change_id: Mapped[str] = _change()
    environment: Mapped[str]
    calendar: Mapped[str]
    blockers: Mapped[list[Any]]
    reason: Mapped[str]
    ticket: Mapped[str]
    minutes: Mapped[int]
    requested_by: Mapped[str | None]
    requested_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    granted: Mapped[bool | None]
    decision_note: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    review_due_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    review_note: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class
    __table_args__ = (Index(None, "change_id", "environment"), Index(None, "calendar", "review_due_at"))

    @property
    def ended_at(self) -> datetime | None:
        """When it is over: after its minutes, or earlier by its review. None: it was not granted."""
        if not self.granted or self.expires_at is None:
            return None
        return min(self.expires_at, self.reviewed_at) if self.reviewed_at is not None else self.expires_at

    def holds(self, at: datetime) -> bool:
        """Whether it is in force then."""
        return self.starts_at is not None and self.ended_at is not None and self.starts_at <= at < self.ended_at
