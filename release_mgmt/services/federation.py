"""Signing in by OpenID Connect: from the provider's claims to a person, with the roles and teams that groups give.

The provider is the organisation's own and is believed: an address that it says is verified belongs to the person. What
groups give is kept apart (``source`` ``oidc``) and replaced at each sign-in; what an administrator gave stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError, Forbidden, InvalidInput
from release_mgmt.core.permissions import EVERYWHERE, Role
from release_mgmt.core.text import one_line
from release_mgmt.services import audit, people, signin
from release_mgmt.services.actors import SessionLimits
from release_mgmt.services.feed_events import teams as team_feeds
from release_mgmt.services.people import Grant
from release_mgmt.services.signin import SignedIn
from release_mgmt.store.models.people import IdentityRow, Person, Team, TeamMember
from release_mgmt.store.session import Store

SOURCE = "oidc"


@dataclass(frozen=True, slots=True)
class GroupMap:
    """What each group of the provider gives: roles and teams; ``default`` is what everybody gets."""

    grants: Mapping[str, tuple[Grant, ...]]
    teams: Mapping[str, tuple[str, ...]]
    default: tuple[Grant, ...] = ()


def group_map(words: Iterable[str], default_role: str = "none") -> GroupMap:
    """The settings ``oidc_groups`` (``GROUP=ROLE``, ``GROUP=release_manager:CALENDAR``, ``GROUP=team:SLUG``) as a map.

    Raises InvalidInput naming each entry that is none of these.
    """
    grants: dict[str, tuple[Grant, ...]] = {}
    teams: dict[str, tuple[str, ...]] = {}
    faults = []
    for index, word in enumerate(words):
        group, _, gives = word.rpartition("=")
        kind, _, what = gives.partition(":")
        if group and kind == "team" and what:
            teams[group] = (*teams.get(group, ()), what)
        elif group and kind in set(Role) and bool(what) == (kind == Role.RELEASE_MANAGER):
            grants[group] = (*grants.get(group, ()), Grant(Role(kind), what or EVERYWHERE))
        else:
            allowed = "GROUP=reader, GROUP=release_manager:CALENDAR or GROUP=team:SLUG"
            faults.append(FieldError(f"oidc_groups[{index}]", "cannot be understood", allowed))
    if faults:
        raise InvalidInput("The setting oidc_groups is wrong.", faults)
    return GroupMap(grants, teams, () if default_role == "none" else (Grant(Role(default_role)),))


def groups_in(claims: Mapping[str, object], claim: str) -> tuple[str, ...]:
    """The groups that a claim lists; some providers send one text instead of a list."""
    found = claims.get(claim)
    if isinstance(found, str):
        return (found,)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def sign_in(
    store: Store,
    now: datetime,
    *,
    issuer: str,
    claims: Mapping[str, object],
    groups: tuple[str, ...],
    mapping: GroupMap,
    limits: SessionLimits,
    origin: str | None,
    agent: str | None = None,
) -> SignedIn:
    """Sign in whoever the verified ``claims`` describe; a person not seen before is added.

    Raises Forbidden when the account is disabled here, or when no group and no default gives a role.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise InvalidInput.at("sub", "is missing in what the provider said")
    with store.write(people.ACCOUNTS) as session:
        person = _person(session, now, f"{issuer} {subject}", claims)
        if person.disabled_at is not None or person.erased_at is not None:
            raise Forbidden("This account is disabled.", code="account_disabled")
        before = people.view(session, person, full=False)
        _apply(session, person.id, groups, mapping)
        after = people.view(session, person, full=False)
        if not after.grants:
            raise Forbidden(
                "Your account has no role here.", code="no_role", hint="Ask an administrator to give you one."
            )
        team_feeds.members_moved(session, now, [person.id], set(before.teams) ^ set(after.teams))
        done = signin.open_session(session, person, now, method=SOURCE, limits=limits, origin=origin, agent=agent)
        if (before.grants, before.teams) != (after.grants, after.teams):
            audit.record(
                session, done.actor, now, action="person.groups", subject=f"person:{person.id}",
                before={"grants": people.grants_json(before.grants), "teams": list(before.teams)},
                after={"grants": people.grants_json(after.grants), "teams": list(after.teams)},
            )  # fmt: skip
        return done


def _email(claims: Mapping[str, object]) -> str | None:
    email = claims.get("email")
    return email.strip().lower() if isinstance(email, str) and claims.get("email_verified") is True else None


def _person(session: Session, now: datetime, key: str, claims: Mapping[str, object]) -> Person:
    email = _email(claims)
    row = session.get(IdentityRow, (SOURCE, key))
    by_email = session.get(IdentityRow, ("email", email)) if email else None
    known = row or by_email
    person = session.get(Person, known.person_id) if known is not None else None
    if person is not None and (person.kind != "person" or (row is None and _signs_in_otherwise(session, person, key))):
        # An address that was given to somebody else meanwhile must not open the account of who had it before.
        raise Forbidden(
            "Your address belongs to another account here.",
            code="address_taken",
            hint="Ask an administrator to unlink the address from that account.",
        )
    if person is None:
        name = claims.get("name") or claims.get("preferred_username") or email or "unnamed"
        login = email if email and people.LOGIN.fullmatch(email) else None
        if login and session.scalar(select(Person.id).where(Person.login == login)):
            login = None  # a local account of that login may be somebody else's: an administrator links them
        person = people.insert(session, now, name=one_line(str(name), 120) or "unnamed", login=login)
    if row is None:
        session.add(IdentityRow(kind=SOURCE, value=key, person_id=person.id, source=SOURCE, verified_at=now))
    if email and by_email is None:
        session.add(IdentityRow(kind="email", value=email, person_id=person.id, source=SOURCE, verified_at=now))
    session.flush()
    return person


def _signs_in_otherwise(session: Session, person: Person, key: str) -> bool:
    """Whether the person is known to the same provider as somebody else than ``key`` says."""
    issuer = key.partition(" ")[0]
    held = select(IdentityRow.value).where(
        IdentityRow.kind == SOURCE,
        IdentityRow.person_id == person.id,
        IdentityRow.value.startswith(f"{issuer} ", autoescape=True),
    )
    return session.scalar(held.limit(1)) is not None


def _apply(session: Session, person: str, groups: tuple[str, ...], mapping: GroupMap) -> None:
    grants = mapping.default + tuple(grant for group in groups for grant in mapping.grants.get(group, ()))
    people.put_grants(session, person, grants, SOURCE)
    session.execute(delete(TeamMember).where(TeamMember.person_id == person, TeamMember.source == SOURCE))
    wanted = {team for group in groups for team in mapping.teams.get(group, ())}
    held = set(session.scalars(select(TeamMember.team).where(TeamMember.person_id == person)))
    there = set(session.scalars(select(Team.slug).where(Team.slug.in_(wanted), Team.archived_at.is_(None))))
    session.add_all(TeamMember(team=team, person_id=person, source=SOURCE) for team in sorted((wanted & there) - held))
    session.flush()
