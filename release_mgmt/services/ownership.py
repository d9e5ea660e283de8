"""Who answers for a change (its Owner) and which teams it affects: found by rules at each reading, kept by people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Forbidden, InvalidInput, NotFound
from release_mgmt.core.owners import CodeOwners, TeamRule, affected, code_owners_of, owner_of, parse_codeowners
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, Identity, Role, require
from release_mgmt.services import audit, parties, people, proposals, teams
from release_mgmt.sources.git import Repository as Source
from release_mgmt.store.models.approvals import ChangePeopleRow
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, ChangeCommit, PullRequestRow, Repository
from release_mgmt.store.session import Store

OPEN = ("draft", "announced", "approved")
PLACES = ("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")
MOST_PATHS = 5_000
"""Paths of one change that rules look at: enough for any change that people read."""


def read_codeowners(source: Source, head: str | None) -> tuple[CodeOwners, ...]:
    """The CODEOWNERS file at ``head``, from the first place that has one."""
    if head is None:
        return ()
    there = {entry.path: entry.sha for entry in source.tree(head) if entry.path in PLACES and entry.kind == "blob"}
    chosen = next((there[place] for place in PLACES if place in there), None)
    if chosen is None:
        return ()
    for _, content in source.read_blobs([chosen]):
        if isinstance(content, bytes):
            return parse_codeowners(content.decode("utf-8", "replace"))
    return ()


def assign(store: Store, actor: Actor, now: datetime, repository: str, source: Source) -> int:
    """Find teams and Owner of every open change of a repository (by name); returns how many changed."""
    require(actor, Action.SYNC_REPOSITORY)
    with store.read() as session:
        row = session.scalar(select(Repository).where(Repository.name == repository))
        if row is None:
            raise NotFound("There is no such repository.")
        commits = session.execute(
            select(ChangeCommit.change_id, ChangeCommit.sha)
            .join(Change, Change.id == ChangeCommit.change_id)
            .where(Change.repository_id == row.id, Change.state.in_(OPEN))
        ).all()
    paths = _paths(source, [(change, sha) for change, sha in commits])
    lines = read_codeowners(source, row.head_sha)
    with store.write() as session:
        rules = teams.rules_of(session)
        lead = session.scalar(select(Team.lead).where(Team.slug == row.owner_team)) if row.owner_team else None
        moved = 0
        for change in session.scalars(
            select(Change).where(Change.repository_id == row.id, Change.state.in_(OPEN)).order_by(Change.id)
        ):
            owners = _people_of(session, row.provider, code_owners_of(lines, paths.get(change.id, ())))
            moved += _put(session, now, change, row, rules, paths.get(change.id, ()), owners, lead)
        return moved


def _paths(source: Source, commits: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The paths that each change touches, read in one go."""
    of_commit: dict[str, set[str]] = {}
    shas = sorted({sha for _, sha in commits})
    for commit in source.log(shas, files=True, merges="first-parent", renames="exact", walk=False):
        of_commit[commit.sha] = {one for file in commit.files for one in (file.path, file.old_path)}
    found: dict[str, set[str]] = {}
    for change, sha in commits:
        found.setdefault(change, set()).update(of_commit.get(sha, ()))
    return {change: tuple(sorted(paths)[:MOST_PATHS]) for change, paths in found.items()}


def _people_of(session: Session, provider: str, owners: Iterable[str]) -> list[str | None]:
    """Persons behind the names of a CODEOWNERS file: ``@login``, ``@organisation/team`` (its lead), an address."""
    found: list[str | None] = []
    for owner in owners:
        if owner.startswith("@") and "/" in owner:
            slug = owner.rpartition("/")[2].lower()
            found.append(session.scalar(select(Team.lead).where(Team.slug == slug)))
        else:
            one = Identity(provider, owner[1:].lower()) if owner.startswith("@") else parties.identity_of(owner)
            found.append(people.recognise(session, {owner: one})[owner])
    return found


def _labels(session: Session, change: Change) -> tuple[str, ...]:
    if change.provider is None or change.number is None:
        return ()
    row = session.get(PullRequestRow, (change.repository_id, change.provider, change.number))
    labels = (row.record or {}).get("labels") if row is not None else None
    return tuple(label for label in labels if isinstance(label, str)) if isinstance(labels, list) else ()


def _put(
    session: Session, now: datetime, change: Change, repository: Repository, rules: Sequence[TeamRule],
    paths: Sequence[str], code_owners: Sequence[str | None], lead: str | None,
) -> bool:  # fmt: skip
    kept = session.get(ChangePeopleRow, change.id)
    labels = _labels(session, change)
    slugs = {one.team for one in affected(rules, repository=repository.name, paths=paths, labels=labels)}
    slugs |= set(kept.added_teams) if kept is not None else set()
    slugs |= {repository.owner_team} if repository.owner_team else set()
    handed = kept.owner if kept is not None and kept.owner_rule == "handed_over" else None
    found = owner_of(
        handed_over_to=handed, code_owners=code_owners, author=parties.author_of(session, change), team_lead=lead
    )
    person = found.person if found is not None else None
    rule = found.rule if found is not None else None
    if kept is None:
        session.add(ChangePeopleRow(change_id=change.id, owner=person, owner_rule=rule, updated_at=now, added_teams=[]))
    elif (kept.owner, kept.owner_rule) != (person, rule):
        kept.owner, kept.owner_rule, kept.updated_at = person, rule, now
    if (change.owner, change.affected_teams) == (person, sorted(slugs)):
        return False
    change.owner, change.affected_teams, change.updated_at = person, sorted(slugs), now
    return True


def _row(session: Session, change: Change, now: datetime) -> ChangePeopleRow:
    row = session.get(ChangePeopleRow, change.id)
    if row is None:
        row = ChangePeopleRow(change_id=change.id, owner=change.owner, updated_at=now, added_teams=[])
        session.add(row)
    return row


def hand_over(store: Store, actor: Actor, now: datetime, change: str, *, to: str, reason: str) -> str:
    """Make somebody else answer for a change: by its Owner, a release manager of its calendar or an administrator.

    A change without an Owner may be taken by any engineer. Returns the new Owner's id.
    """
    require(actor, Action.HAND_OVER)
    if not reason.strip():
        raise InvalidInput.at("reason", "must not be empty")
    with store.write() as session:
        found = proposals.find_change(session, change, actor)
        calendar = session.scalar(select(Repository.calendar).where(Repository.id == found.repository_id))
        trusted = Role.ADMINISTRATOR in actor.roles or actor.manages(calendar or EVERYWHERE)
        if not trusted and found.owner not in {None, actor.person}:
            raise Forbidden("Only its Owner, a release manager or an administrator hands a change over.")
        person = people.find(session, to, active=True)
        if person.kind != "person":
            raise InvalidInput.at("person", "is a service account: a person answers for a change")
        row, before = _row(session, found, now), found.owner
        row.owner, row.owner_rule, row.updated_at = person.id, "handed_over", now
        found.owner, found.updated_at = person.id, now
        audit.record(
            session, actor, now, action=Action.HAND_OVER, subject=f"change:{change}", reason=reason,
            before={"owner": before}, after={"owner": person.id},
        )  # fmt: skip
        return person.id


def add_teams(store: Store, actor: Actor, now: datetime, change: str, *, added: Sequence[str]) -> list[str]:
    """Say which teams a change affects besides those that the rules find; teams found by rules cannot be taken away.

    Returns all affected teams.
    """
    require(actor, Action.EDIT_CHANGE)
    with store.write() as session:
        found = proposals.find_change(session, change, actor)
        known = set(session.scalars(select(Team.slug).where(Team.slug.in_(added), Team.archived_at.is_(None))))
        unknown = sorted(set(added) - known)
        if unknown:
            raise InvalidInput.at("added", f"there is no team {unknown[0]}")
        row = _row(session, found, now)
        before = list(row.added_teams)
        by_rules = set(found.affected_teams or ()) - set(before)
        row.added_teams, row.updated_at = sorted(known), now
        found.affected_teams, found.updated_at = sorted(by_rules | known), now
        audit.record(
            session, actor, now, action=Action.EDIT_CHANGE, subject=f"change:{change}",
            before={"added_teams": before}, after={"added_teams": sorted(known)},
        )  # fmt: skip
        return list(found.affected_teams)
