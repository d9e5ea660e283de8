"""Who answers for a change (its Owner) and which teams it affects: found by rules at each reading, kept by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Forbidden, InvalidInput, NotFound
from release_mgmt.core.owners import CodeOwners, affected, code_owners_of, owner_of, parse_codeowners
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, Identity, Role, require
from release_mgmt.services import audit, parties, people, proposals, teams
from release_mgmt.sources.git import Repository as Source
from release_mgmt.store.models.approvals import ChangePeopleRow
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, ChangeCommit, PullRequestRow, Release, Repository
from release_mgmt.store.session import Store

OPEN = ("draft", "announced", "approved")
PLACES = ("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")
MOST_PATHS = 5_000
"""Paths of one change that rules look at: enough for any change that people read."""
AT_ONCE = 500
"""Changes that are looked at in one transaction: others write between two of them."""


def concerned(session: Session, repository: Repository) -> tuple[frozenset[str], frozenset[str]]:
    """The teams that every change of a repository affects (its own, and those of rules without a path and a label), and
    those that its changes still to go affect."""
    always = teams.affected_by(
        session, repository=repository.name, owner_team=repository.owner_team, paths=(), labels=()
    )
    ahead = session.scalars(
        select(Change.affected_teams)
        .outerjoin(Release, Release.id == Change.release_id)
        .where(
            Change.repository_id == repository.id,
            Change.state.in_(OPEN),
            or_(Change.release_id.is_(None), Release.released_at > repository.adopted_at),
        )
    )
    return frozenset(always), frozenset[str]().union(*ahead)


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
            select(Change.id, ChangeCommit.sha)
            .outerjoin(ChangeCommit, ChangeCommit.change_id == Change.id)
            .where(Change.repository_id == row.id, Change.state.in_(OPEN))
            .order_by(Change.id)
        ).all()
    if not commits:
        return 0
    changes = list(dict.fromkeys(change for change, _ in commits))
    paths = _paths(source, [(change, sha) for change, sha in commits if sha])  # some have none
    lines = read_codeowners(source, row.head_sha)
    moved = 0
    for start in range(0, len(changes), AT_ONCE):
        with store.write() as session:
            moved += _Assignment(session, now, row, lines).put(changes[start : start + AT_ONCE], paths)
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


class _Assignment:
    """Teams and Owners of some changes of a repository, in one transaction; what they share is read once."""

    def __init__(self, session: Session, now: datetime, repository: Repository, lines: Sequence[CodeOwners]) -> None:
        self._session, self._now = session, now
        self._repository, self._lines = repository, lines
        self._rules = teams.rules_of(session)
        self._lead = self._lead_of(repository.owner_team) if repository.owner_team else None
        self._known: dict[str, str | None] = {}

    def put(self, ids: Sequence[str], paths: Mapping[str, Sequence[str]]) -> int:
        """Keep what is found for those changes that are open still; returns how many changed."""
        session = self._session
        changes = session.scalars(select(Change).where(Change.id.in_(ids), Change.state.in_(OPEN))).all()
        rows = session.scalars(select(ChangePeopleRow).where(ChangePeopleRow.change_id.in_(ids)))
        kept = {row.change_id: row for row in rows}
        labels, involved = self._labels(changes), parties.of_all(session, changes)
        moved = 0
        for change in changes:
            row, touched = kept.get(change.id), paths.get(change.id, ())
            found = owner_of(
                handed_over_to=row.owner if row is not None and row.owner_rule == "handed_over" else None,
                code_owners=[self._person(name) for name in code_owners_of(self._lines, touched)],
                author=parties.author_among(involved[change.id]),
                team_lead=self._lead,
            )
            person, rule = (found.person, found.rule) if found is not None else (None, None)
            affects = self._affected(touched, labels.get(change.id, ()), row)
            self._keep(change.id, row, person, rule)
            if (change.owner, change.affected_teams) != (person, affects):
                change.owner, change.affected_teams, change.updated_at = person, affects, self._now
                moved += 1
        return moved

    def _affected(self, paths: Sequence[str], labels: Sequence[str], row: ChangePeopleRow | None) -> list[str]:
        own = self._repository
        slugs = {one.team for one in affected(self._rules, repository=own.name, paths=paths, labels=labels)}
        slugs |= set(row.added_teams) if row is not None else set()
        return sorted(slugs | ({own.owner_team} if own.owner_team else set()))

    def _keep(self, change: str, row: ChangePeopleRow | None, person: str | None, rule: str | None) -> None:
        if row is None:
            self._session.add(
                ChangePeopleRow(change_id=change, owner=person, owner_rule=rule, updated_at=self._now, added_teams=[])
            )
        elif (row.owner, row.owner_rule) != (person, rule):
            row.owner, row.owner_rule, row.updated_at = person, rule, self._now

    def _lead_of(self, team: str) -> str | None:
        return self._session.scalar(select(Team.lead).where(Team.slug == team))

    def _person(self, owner: str) -> str | None:
        """The person behind a name of a CODEOWNERS file: ``@login``, ``@organisation/team`` (its lead), an address."""
        if owner not in self._known:
            if owner.startswith("@") and "/" in owner:
                self._known[owner] = self._lead_of(owner.rpartition("/")[2].lower())
            else:
                login = Identity(self._repository.provider, owner[1:].lower())
                one = login if owner.startswith("@") else parties.identity_of(owner)
                self._known[owner] = people.recognise(self._session, {owner: one})[owner]
        return self._known[owner]

    def _labels(self, changes: Sequence[Change]) -> dict[str, tuple[str, ...]]:
        """Change -> the labels of its pull request."""
        row, own = PullRequestRow, self._repository.id
        numbers = {change.number for change in changes if change.number is not None}
        rows = self._session.execute(
            select(row.provider, row.number, row.record).where(row.repository_id == own, row.number.in_(numbers))
        )
        told = {}
        for provider, number, record in rows:
            labels = (record or {}).get("labels")
            told[provider, number] = (
                tuple(one for one in labels if isinstance(one, str)) if isinstance(labels, list) else ()
            )
        return {change.id: told.get((change.provider or "", change.number or 0), ()) for change in changes}


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
