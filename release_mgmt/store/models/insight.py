"""Tables of insight: what is measured over time."""

from __future__ import annotations

from datetime import datetime

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
