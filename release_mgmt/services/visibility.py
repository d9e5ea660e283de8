"""What somebody may learn of: conditions that every list, count, search and page of changes puts into its query.

A repository whose settings say ``{"teams_only": true}`` is kept for its owner team, the teams that a change of it
affects (that change only), the release managers of its calendar, administrators and our own jobs. To everybody else it
does not exist: the conditions stand in the queries, so counts, pages and searches cannot tell of it either. All other
repositories are open to everybody who is signed in.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, cast, or_, true

from release_mgmt.core.permissions import EVERYWHERE, Actor, Role
from release_mgmt.store.models.repositories import Change, Repository

KEPT = "teams_only"


def _open(actor: Actor) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [~cast(Repository.settings, String).contains(f'"{KEPT}": true', autoescape=True)]
    if actor.teams:
        found.append(Repository.owner_team.in_(sorted(actor.teams)))
    if Role.RELEASE_MANAGER in actor.roles and actor.calendars:
        found.append(Repository.calendar.in_(sorted(actor.calendars)))
    return found


def _sees_all(actor: Actor) -> bool:
    everything = Role.RELEASE_MANAGER in actor.roles and EVERYWHERE in actor.calendars
    return Role.ADMINISTRATOR in actor.roles or everything


def repositories(actor: Actor) -> ColumnElement[bool]:
    """The repositories that ``actor`` may know of, for queries over ``Repository``."""
    return true() if _sees_all(actor) else or_(*_open(actor))


def changes(actor: Actor) -> ColumnElement[bool]:
    """The changes that ``actor`` may know of, for queries over ``Change`` joined to its ``Repository``."""
    if _sees_all(actor):
        return true()
    theirs = [
        cast(Change.affected_teams, String).contains(f'"{team}"', autoescape=True) for team in sorted(actor.teams)
    ]
    own = [Change.owner == actor.person] if actor.person else []
    return or_(*_open(actor), *theirs, *own)
