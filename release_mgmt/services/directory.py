"""Names of people and teams by id, for whoever shows them: one query each, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select

from release_mgmt.core.permissions import Actor
from release_mgmt.services import Store
from release_mgmt.store.models.people import Person, Team


@dataclass(frozen=True, slots=True)
class TeamName:
    """A team that is not archived; ``kind`` is business or engineering."""

    slug: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Directory:
    """Names by id and by slug; what is not known here is called by its id."""

    people: dict[str, str] = field(default_factory=dict)
    teams: dict[str, TeamName] = field(default_factory=dict)

    def person(self, key: str | None) -> str | None:
        """The name of a person, or the key itself (an author's name, a job) when it is nobody's id."""
        return self.people.get(key, key) if key else None

    def team(self, slug: str) -> str:
        """The name of a team."""
        found = self.teams.get(slug)
        return found.name if found else slug


def look_up(store: Store, actor: Actor, people: Iterable[str | None] = ()) -> Directory:
    """All teams and these people; nothing for somebody who is not signed in (names are not public)."""
    if not actor.signed_in:
        return Directory()
    wanted = sorted({one for one in people if one and one.startswith("p_")})
    with store.read() as session:
        teams = session.execute(
            select(Team.slug, Team.name, Team.kind).where(Team.archived_at.is_(None)).order_by(Team.name)
        ).all()
        names = session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted))).all() if wanted else []
    return Directory(
        {one.id: one.name for one in names}, {slug: TeamName(slug, name, kind) for slug, name, kind in teams}
    )
