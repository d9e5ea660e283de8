"""Where messages may go: every target as a reader with what it may know; people's mail targets come by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.messages import Kind, Preference, Reader
from release_mgmt.core.permissions import EVERYWHERE, Actor, Role, Scope, Via
from release_mgmt.services import actors, publicity, visibility
from release_mgmt.store.models.messages import MessageTarget
from release_mgmt.store.models.people import IdentityRow, Person, RoleRow, Team, TeamMember
from release_mgmt.store.models.repositories import Change, Repository

DEEP = frozenset({Role.ENGINEER, Role.RELEASE_MANAGER, Role.ADMINISTRATOR})
"""Who reads what is kept from the business."""


_STRANGER = Actor(None, "stranger", frozenset({Role.READER}), via=Via.TOKEN)
"""Somebody signed in with no team, calendar or change: sees what is kept for nobody."""


@dataclass
class Listener:
    """A target with the reader behind it and who that is when the database is asked what may be seen."""

    target: MessageTarget
    reader: Reader
    actor: Actor
    zone: str
    business: bool

    @property
    def preference(self) -> Preference:
        """When this one wants to be told."""
        row = self.target
        return Preference(
            row.mode, self.zone, _wall(row.digest_at) or time(8), row.digest_day, _wall(row.quiet_from),
            _wall(row.quiet_until),
        )  # fmt: skip


@dataclass
class Sight:
    """What may be seen of some changes: asked of the database only where a repository is kept for its teams."""

    session: Session
    changes: frozenset[str]

    @cached_property
    def _kept(self) -> frozenset[str]:
        return self.changes - self._asked(self.changes, _STRANGER)

    @cached_property
    def _internal(self) -> frozenset[str]:
        return frozenset(change for change, marked in publicity.marks(self.session, self.changes).items() if marked)

    def of(self, listener: Listener) -> frozenset[str]:
        """The changes that a listener may be told of."""
        seen = self.changes - self._kept
        if self._kept:
            seen |= self._asked(self._kept, listener.actor)
        return seen - self._internal if listener.business else seen

    def _asked(self, changes: frozenset[str], actor: Actor) -> frozenset[str]:
        joined = select(Change.id).join(Repository, Repository.id == Change.repository_id)
        return frozenset(self.session.scalars(joined.where(Change.id.in_(changes), visibility.changes(actor))))


def _wall(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None


def mail_target(person: str) -> str:
    """The id of a person's mail target: there is one."""
    return f"mt_mail_{person}"


def concerned_people(
    session: Session, owners: Iterable[str], teams: Iterable[str], calendars: Iterable[str]
) -> set[str]:
    """Everybody active whom something may be told: Owners, members, release managers and administrators."""
    found = set(owners)
    found |= set(session.scalars(select(TeamMember.person_id).where(TeamMember.team.in_(set(teams)))))
    managing = and_(RoleRow.role == Role.RELEASE_MANAGER.value, RoleRow.calendar.in_({*calendars, EVERYWHERE}))
    found |= set(
        session.scalars(select(RoleRow.person_id).where(or_(managing, RoleRow.role == Role.ADMINISTRATOR.value)))
    )
    active = select(Person.id).where(Person.disabled_at.is_(None), Person.erased_at.is_(None), Person.kind == "person")
    return {person for person in session.scalars(active) if person in found}


def ensure_mail(session: Session, now: datetime, people: Iterable[str]) -> None:
    """Make the mail target of those who have a verified address and none yet, with what suits most."""
    wanted = set(people)
    known = set(session.scalars(select(MessageTarget.person_id).where(MessageTarget.channel == "email")))
    rows = session.scalars(select(IdentityRow.person_id).where(IdentityRow.kind == "email").distinct())
    for person in sorted(wanted & set(rows) - known):
        session.add(fresh_mail_target(person, now))
    session.flush()


def fresh_mail_target(person: str, now: datetime) -> MessageTarget:
    """The mail target that a person has who never chose anything."""
    return MessageTarget(
        id=mail_target(person), person_id=person, channel="email", name="E-mail", calendars=[], mode="immediate",
        digest_at="08:00", digest_day=0, language="en", created_at=now, updated_at=now, version=1,
    )  # fmt: skip


def listeners(session: Session, now: datetime, people: Iterable[str], *, mail: bool) -> list[Listener]:
    """Every target of these people, of teams and of the installation that is not switched off."""
    if mail:
        ensure_mail(session, now, people)
    theirs = or_(MessageTarget.person_id.is_(None), MessageTarget.person_id.in_(set(people)))
    query = select(MessageTarget).where(theirs, MessageTarget.mode != "off").order_by(MessageTarget.id)
    return load(session, now, session.scalars(query if mail else query.where(MessageTarget.channel != "email")).all())


def load(session: Session, now: datetime, targets: Sequence[MessageTarget]) -> list[Listener]:
    """The listeners behind these targets; those of people who left are left out."""
    teams = {one.slug: one for one in session.scalars(select(Team))}
    found = []
    for target in targets:
        kinds = frozenset(Kind(one) for one in target.events if one in set(Kind)) if target.events is not None else None
        calendars = frozenset(target.calendars or ())
        if target.person_id is not None:
            person = session.get(Person, target.person_id)
            if person is None or person.disabled_at is not None or person.erased_at is not None:
                continue
            actor = actors.load(session, person, now, via=Via.TOKEN, scopes=frozenset({Scope.READ}))
            reader = Reader(
                person.id, actor.teams, actor.calendars, Role.ADMINISTRATOR in actor.roles, kinds, calendars
            )
            zones = [teams[slug].time_zone for slug in sorted(actor.teams) if slug in teams]
            business = not actor.roles & DEEP
        else:
            slugs = frozenset({target.team}) if target.team else frozenset()
            actor = Actor(None, target.name, frozenset({Role.READER}), teams=slugs, via=Via.TOKEN)
            reader = Reader(teams=slugs, kinds=kinds, calendars=calendars, everything=not target.team)
            zones = [teams[slug].time_zone for slug in slugs if slug in teams]
            business = any(teams[slug].kind == "business" for slug in slugs if slug in teams)
        zone = target.zone or next((one for one in zones if one), None) or "UTC"
        found.append(Listener(target, reader, actor, zone, business))
    return found
