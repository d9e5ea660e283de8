"""Teams: who belongs to them, who leads them, and by which rules a change affects them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, FieldError, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.owners import LONGEST_PATTERN, TeamRule, affected
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import audit, people, secret
from release_mgmt.services.feed_events import teams as team_feeds
from release_mgmt.store.models.people import Team, TeamMember, TeamPattern
from release_mgmt.store.session import Store

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
KINDS = ("business", "engineering")
MOST_RULES = 200


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team as shown. ``lead`` and ``members`` are ids of people."""

    slug: str
    name: str
    kind: str
    lead: str | None
    time_zone: str | None
    members: tuple[str, ...]
    rules: tuple[TeamRule, ...]
    archived: bool
    version: int


def _view(session: Session, team: Team) -> TeamView:
    return _views(session, [team])[0]


def _views(session: Session, teams: Sequence[Team]) -> list[TeamView]:
    """Teams with members and rules, with as many queries as for one."""
    slugs = [one.slug for one in teams]
    members: dict[str, list[str]] = {}
    for row in session.scalars(select(TeamMember).where(TeamMember.team.in_(slugs)).order_by(TeamMember.person_id)):
        members.setdefault(row.team, []).append(row.person_id)
    rules: dict[str, list[TeamRule]] = {}
    for rule in session.scalars(select(TeamPattern).where(TeamPattern.team.in_(slugs)).order_by(TeamPattern.id)):
        rules.setdefault(rule.team, []).append(TeamRule(rule.team, rule.repository, rule.path, rule.label))
    return [
        TeamView(
            one.slug, one.name, one.kind, one.lead, one.time_zone, tuple(members.get(one.slug, ())),
            tuple(rules.get(one.slug, ())), one.archived_at is not None, one.version,
        )
        for one in teams
    ]  # fmt: skip


def _find(session: Session, slug: str) -> Team:
    team = session.get(Team, slug)
    if team is None:
        raise NotFound("There is no such team.")
    return team


def get(store: Store, actor: Actor, slug: str) -> TeamView:
    """One team."""
    require(actor, Action.READ_TEAM)
    with store.read() as session:
        return _view(session, _find(session, slug))


def every(store: Store, actor: Actor, *, archived: bool = False) -> list[TeamView]:
    """All teams by name (an organisation has tens of them), without archived ones unless asked for."""
    require(actor, Action.READ_TEAM)
    with store.read() as session:
        statement = select(Team).order_by(Team.name, Team.slug)
        if not archived:
            statement = statement.where(Team.archived_at.is_(None))
        return _views(session, session.scalars(statement).all())


def _checked(kind: str | None, time_zone: str | None) -> None:
    if kind is not None and kind not in KINDS:
        raise InvalidInput.at("kind", "is not known", " or ".join(KINDS))
    if time_zone:
        try:
            ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            raise InvalidInput.at("time_zone", "is not known", "an IANA name such as Europe/Berlin") from None


def add(
    store: Store, actor: Actor, now: datetime, *, slug: str, name: str, kind: str = "engineering",
    time_zone: str | None = None,
) -> TeamView:  # fmt: skip
    """A new team without members."""
    require(actor, Action.MANAGE_TEAMS)
    if not SLUG.fullmatch(slug):
        raise InvalidInput.at("slug", "cannot be used", "small letters, digits and -, at most 60")
    _checked(kind, time_zone)
    with store.write() as session:
        if session.get(Team, slug) is not None:
            raise Conflict("This team exists.", code="team_exists")
        team = Team(
            slug=slug, name=one_line(name, 100) or slug, kind=kind, time_zone=time_zone or None, created_at=now,
            updated_at=now,
        )  # fmt: skip
        session.add(team)
        audit.record(session, actor, now, action=Action.MANAGE_TEAMS, subject=f"team:{slug}", after={"kind": kind})
        return _view(session, team)


def change(
    store: Store, actor: Actor, now: datetime, slug: str, *, version: int | None = None, name: str | None = None,
    kind: str | None = None, time_zone: str | None = None, lead: str | None = None,
    members: Sequence[str] | None = None, rules: Sequence[TeamRule] | None = None, archived: bool | None = None,
) -> TeamView:  # fmt: skip
    """Edit a team; ``members`` and ``rules`` replace those of before. The lead becomes a member."""
    require(actor, Action.MANAGE_TEAMS)
    _checked(kind, time_zone)
    checked = _checked_rules(slug, rules) if rules is not None else None
    with store.write() as session:
        team = _find(session, slug)
        if version is not None and version != team.version:
            raise StaleVersion("Somebody else changed this team in the meantime.")
        before = _view(session, team)
        team.name = (one_line(name, 100) if name is not None else "") or team.name
        team.kind = kind or team.kind
        team.time_zone = (time_zone or None) if time_zone is not None else team.time_zone
        if archived is not None:
            team.archived_at = (team.archived_at or now) if archived else None
        if members is not None:
            _put_members(session, slug, members)
        if lead is not None:
            team.lead = people.find(session, lead, active=True).id if lead else None
            if team.lead and session.get(TeamMember, (slug, team.lead)) is None:
                session.add(TeamMember(team=slug, person_id=team.lead))
        if checked is not None:
            session.execute(delete(TeamPattern).where(TeamPattern.team == slug))
            session.add_all(
                TeamPattern(id=secret.identifier("r"), team=slug, repository=r.repository, path=r.path, label=r.label)
                for r in checked
            )
        team.updated_at = now
        session.flush()
        after = _view(session, team)
        team_feeds.members_moved(session, now, set(before.members) ^ set(after.members), [slug])
        audit.record(
            session, actor, now, action=Action.MANAGE_TEAMS, subject=f"team:{slug}", before=_json(before),
            after=_json(after),
        )  # fmt: skip
        return after


def _json(team: TeamView) -> dict[str, object]:
    rules = [[rule.repository, rule.path, rule.label] for rule in team.rules]
    return {"lead": team.lead, "members": list(team.members), "rules": rules, "archived": team.archived}


def _put_members(session: Session, slug: str, members: Sequence[str]) -> None:
    wanted = {people.find(session, member, active=True).id for member in members}
    held = {row.person_id: row for row in session.scalars(select(TeamMember).where(TeamMember.team == slug))}
    for person in held.keys() - wanted:
        session.delete(held[person])
    session.add_all(TeamMember(team=slug, person_id=person) for person in sorted(wanted - held.keys()))
    session.flush()


def _checked_rules(slug: str, rules: Sequence[TeamRule]) -> list[TeamRule]:
    faults = []
    if len(rules) > MOST_RULES:
        faults.append(FieldError("rules", "are too many", f"at most {MOST_RULES}"))
    for index, rule in enumerate(rules[:MOST_RULES]):
        for field in ("repository", "path", "label"):
            value = getattr(rule, field)
            if value is not None and not 0 < len(value) <= LONGEST_PATTERN:
                faults.append(FieldError(f"rules[{index}].{field}", "is empty or too long"))
    if faults:
        raise InvalidInput("These rules cannot be used.", faults)
    return [TeamRule(slug, rule.repository, rule.path, rule.label) for rule in rules]


def rules_of(session: Session) -> list[TeamRule]:
    """Every rule of every team that is not archived, in a steady order."""
    rows = session.scalars(
        select(TeamPattern)
        .join(Team, Team.slug == TeamPattern.team)
        .where(Team.archived_at.is_(None))
        .order_by(TeamPattern.team, TeamPattern.id)
    )
    return [TeamRule(row.team, row.repository, row.path, row.label) for row in rows]


def affected_by(
    session: Session, *, repository: str, owner_team: str | None, paths: Iterable[str], labels: Iterable[str]
) -> list[str]:
    """The slugs of the teams that a change affects by the rules, and its repository's owner team, sorted."""
    found = {one.team for one in affected(rules_of(session), repository=repository, paths=paths, labels=labels)}
    return sorted(found | ({owner_team} if owner_team else set()))
