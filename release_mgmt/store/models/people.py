"""Tables of people: persons, identities, teams, roles, tokens, sessions, one-time links and the audit log.

Names and addresses of people stand here and nowhere else; every other table holds person ids. Secrets are kept as
hashes only: passwords by argon2, tokens, sessions and links (128 bits of chance and more) by SHA-256.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from release_mgmt.store.models.base import Base


def _person(*, primary_key: bool = False, index: bool = False) -> Mapped[str]:
    return mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), primary_key=primary_key, index=index)


class Person(Base):
    """Somebody, or (``kind`` ``service``) a machine's account, which has no password and no vote.

    ``login`` is lower case. An erased person keeps the row, blanked, so that ids elsewhere still point at something.
    """

    __tablename__ = "persons"

    id: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(default="person")
    password_hash: Mapped[str | None]
    preferences: Mapped[dict[str, Any]] = mapped_column(default=dict)
    delegate: Mapped[str | None]
    delegate_from: Mapped[datetime | None]
    delegate_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class IdentityRow(Base):
    """A verified e-mail address or forge login; each belongs to one person at most.

    ``kind`` is ``email``, a forge's name or ``oidc`` (then ``value`` is issuer and subject); ``value`` is lower case
    save for ``oidc``.
    """

    __tablename__ = "identities"

    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _person(index=True)
    source: Mapped[str]
    verified_at: Mapped[datetime]


class Team(Base):
    """A business or engineering group. ``lead`` is a person's id."""

    __tablename__ = "teams"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(default="engineering")
    lead: Mapped[str | None]
    time_zone: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class TeamMember(Base):
    """Who belongs to a team; ``source`` is ``local`` or ``oidc`` (then group claims rule at each sign-in)."""

    __tablename__ = "team_members"

    team: Mapped[str] = mapped_column(ForeignKey("teams.slug", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[str] = _person(primary_key=True)
    source: Mapped[str] = mapped_column(default="local")

    __table_args__ = (Index(None, "person_id"),)


class TeamPattern(Base):
    """A rule that a change affects a team: repository (glob on the name) and, where given, a path (glob) or a label."""

    __tablename__ = "team_patterns"

    id: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str] = mapped_column(ForeignKey("teams.slug", ondelete="CASCADE"), index=True)
    repository: Mapped[str] = mapped_column(default="*")
    path: Mapped[str | None]
    label: Mapped[str | None]


class RoleRow(Base):
    """A role of a person; ``calendar`` is a slug for release managers, else ``*``."""

    __tablename__ = "roles"

    person_id: Mapped[str] = _person(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    calendar: Mapped[str] = mapped_column(primary_key=True, default="*")
    source: Mapped[str] = mapped_column(default="local")

    __table_args__ = (Index(None, "role", "calendar"),)


class ApiToken(Base):
    """A token for machines, shown once and kept as its hash; ``hint`` is its last four characters."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = _person(index=True)
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_from: Mapped[str | None]
    revoked_at: Mapped[datetime | None]


class SessionRow(Base):
    """A browser signed in. ``id`` names it to its owner; the cookie's secret is kept as ``hash`` only."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[str] = _person(index=True)
    method: Mapped[str]
    origin: Mapped[str | None]
    agent: Mapped[str | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class OneTimeLink(Base):
    """A link that lets somebody set a password once: ``purpose`` ``first_administrator``, ``invite`` or ``reset``."""

    __tablename__ = "one_time_links"

    hash: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("persons.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInThrottle(Base):
    """Failed sign-ins of a login or an address, whether it exists or not (``key`` is a hash of either)."""

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


class AuditRow(Base):
    """One write, chained by ``hash`` to the row before it. ``before`` and ``after`` are canonical JSON text."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str | None]
    actor_name: Mapped[str | None]
    via: Mapped[str]
    origin: Mapped[str | None]
    action: Mapped[str]
    subject: Mapped[str]
    reason: Mapped[str | None]
    before: Mapped[str | None]
    after: Mapped[str | None]
    hash: Mapped[str]

    __table_args__ = (Index(None, "actor", "number"), Index(None, "subject", "number"), Index(None, "action", "number"))


class AuditHead(Base):
    """The one row that says where the chain ends and (after retention) where it starts; writers lock it."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str]
    start_number: Mapped[int] = mapped_column(default=0)
    start_hash: Mapped[str]

    __table_args__ = (CheckConstraint("id = 1", name="single"),)
