"""The level of stored changes: what the rules say of them, and what people corrected.

The level in force is kept on the change: the newest override that is not withdrawn, else the verdict of the rules.
Verdicts are cached in the database by content, so that a sync costs only what is new and a change of the rules only
the judging.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Classification, Level, Rules
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, Identity, require
from release_mgmt.core.text import clean
from release_mgmt.services import Store, audit, parties
from release_mgmt.services.classify import Progress, classify_revisions, default_rules
from release_mgmt.services.verdicts import as_json, code_version, key_of
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    ClassificationCache,
    ClassificationRow,
    Commit,
    OverrideRow,
    PullRequestRow,
    Repository,
)

LONGEST_REASON = 2_000
SHORTEST_REASON = 3
RULES_SETTING = "classification_rules"
"""The key in a repository's settings that holds its own rules (TOML text)."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A change whose verdict differs from the stored one; levels are None where there was none.

    ``in_force`` is the level that counts afterwards: an override keeps its level whatever the rules say.
    """

    change: str
    title: str
    before: str | None
    after: str
    kind: str
    rule: str
    in_force: str


@dataclass(frozen=True, slots=True)
class Reclassified:
    """What a classification did, or with ``dry_run`` would do; ``unchanged`` were judged or known and say the same."""

    judged: int
    unchanged: int
    moved: tuple[Moved, ...]
    dry_run: bool


class DatabaseCache:
    """Verdicts by content in the database; every process shares them and rows may be deleted at any time."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store = store
        self._now = now

    def load(self, rules: str, revisions: Sequence[str], labels: Mapping[str, tuple[str, ...]]) -> dict[str, bytes]:
        """The packed verdicts that are known."""
        keys = {key_of(rules, sha, labels).hex(): sha for sha in revisions}
        found: dict[str, bytes] = {}
        wanted = list(keys)
        with self._store.read() as session:
            for at in range(0, len(wanted), 500):
                rows = session.execute(
                    select(ClassificationCache.key, ClassificationCache.value).where(
                        ClassificationCache.key.in_(wanted[at : at + 500])
                    )
                )
                found.update((keys[key], value) for key, value in rows)
        return found

    def save(self, rules: str, packed: Mapping[str, bytes], labels: Mapping[str, tuple[str, ...]]) -> None:
        """Keep verdicts."""
        with self._store.write() as session:
            for sha, value in packed.items():
                session.merge(ClassificationCache(key=key_of(rules, sha, labels).hex(), value=value, used_at=self._now))


def rules_of(repository: Repository) -> Rules:
    """The rules in force for a repository: its own before ours."""
    own = (repository.settings or {}).get(RULES_SETTING)
    return default_rules(own if isinstance(own, str) else None)


def classify_repository(
    store: Store,
    actor: Actor,
    now: datetime,
    name: str,
    source: GitRepository,
    *,
    rules: Rules | None = None,
    dry_run: bool = False,
    processes: int = 1,
    progress: Progress | None = None,
    unreleased: bool = False,
) -> Reclassified:
    """Judge every change of a repository whose content, rules or code are new, and keep the verdicts.

    ``source`` is the repository on disk. Overrides stay as they are. With ``dry_run`` nothing is written,
    with ``unreleased`` only what is not in a release yet is judged.
    """
    require(actor, Action.SYNC_REPOSITORY)
    with store.read() as session:
        repository = _repository(session, name)
        repository_id = repository.id
        rules = rules or rules_of(repository)
        policy = f"{rules.digest}-{code_version()}"
        wanted = _stale(session, repository_id, policy, unreleased=unreleased)
    labels = {sha: one.labels for one in wanted.values() for sha in one.shas if one.labels}
    shas = list(dict.fromkeys(sha for one in wanted.values() for sha in one.shas))
    cache = DatabaseCache(store, now)
    verdicts = dict(
        classify_revisions(
            source, shas, rules, None if dry_run else cache, labels=labels, processes=processes, progress=progress
        )
    )
    moved: list[Moved] = []
    with store.read() if dry_run else store.write() as session:
        for change_id, one in wanted.items():
            verdict = weightiest(verdicts[sha] for sha in one.shas)
            change = session.get(Change, change_id)
            if change is None:
                continue
            before = session.get(ClassificationRow, change_id)
            if before is None or before.level != verdict.level.value:
                in_force = change.level if change.overridden and change.level else verdict.level.value
                moved.append(
                    Moved(change_id, change.title, before.level if before else None, verdict.level.value,
                          verdict.kind, verdict.rule, in_force)
                )  # fmt: skip
            if not dry_run:
                keep_verdict(session, change, verdict, content=one.content, policy=policy, now=now)
        again = [one for one in moved if one.before is not None]
        if again and not dry_run:
            audit.record(
                session, actor, now, action="change.reclassify", subject=f"repository:{repository_id}",
                before={one.change: one.before for one in again}, after={one.change: one.after for one in again},
            )  # fmt: skip
    return Reclassified(len(wanted), len(wanted) - len(moved), tuple(moved), dry_run)


@dataclass(frozen=True, slots=True)
class _Wanted:
    shas: tuple[str, ...]
    labels: tuple[str, ...]
    content: str


def _stale(session: Session, repository_id: str, policy: str, *, unreleased: bool = False) -> dict[str, _Wanted]:
    """The changes to judge: those without a verdict on this content by these rules."""
    rows = session.execute(
        select(ChangeCommit.change_id, ChangeCommit.sha, Commit.parents, Change.provider, Change.number)
        .join(Change, Change.id == ChangeCommit.change_id)
        .join(Commit, (Commit.sha == ChangeCommit.sha) & (Commit.repository_id == ChangeCommit.repository_id))
        .where(ChangeCommit.repository_id == repository_id, Change.release_id.is_(None) if unreleased else true())
        .order_by(ChangeCommit.change_id, ChangeCommit.position)
    ).all()
    labels = {
        (provider, number): tuple(str(label) for label in (record or {}).get("labels") or ())
        for provider, number, record in session.execute(
            select(PullRequestRow.provider, PullRequestRow.number, PullRequestRow.record).where(
                PullRequestRow.repository_id == repository_id
            )
        )
    }
    known = {
        change_id: (content, seen)
        for change_id, content, seen in session.execute(
            select(ClassificationRow.change_id, ClassificationRow.content, ClassificationRow.policy)
            .join(Change, Change.id == ClassificationRow.change_id)
            .where(Change.repository_id == repository_id)
        )
    }
    commits: dict[str, list[tuple[str, str]]] = {}
    said: dict[str, tuple[str, ...]] = {}
    for change_id, sha, parents, provider, number in rows:
        commits.setdefault(change_id, []).append((sha, parents))
        said[change_id] = labels.get((provider, number), ())
    found = {}
    for change_id, listed in commits.items():
        shas = judged(listed)
        content = " ".join((*shas, *said[change_id]))[:2000]
        if known.get(change_id) != (content, policy):
            found[change_id] = _Wanted(shas, said[change_id], content)
    return found


def judged(commits: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The commits (sha, parents) that stand for a change: its merge, which brings in the rest, else all."""
    listed = list(commits)
    merges = [sha for sha, parents in listed if len(parents.split()) > 1]
    return (merges[0],) if merges else tuple(sha for sha, _ in listed)


def weightiest(verdicts: Iterable[Classification]) -> Classification:
    """The verdict on several commits of one change: the first major one, else the first that wants a look."""
    return max(verdicts, key=lambda verdict: (verdict.level is Level.MAJOR, verdict.needs_review))


def keep_verdict(
    session: Session, change: Change, verdict: Classification, *, content: str, policy: str, now: datetime
) -> None:
    """Store what the rules say of ``change``; what is in force follows unless a person decided otherwise."""
    shown = as_json("", verdict)
    row = session.get(ClassificationRow, change.id) or ClassificationRow(change_id=change.id)
    row.content, row.policy = content, policy
    row.level, row.kind, row.needs_review = verdict.level.value, verdict.kind, verdict.needs_review
    row.rule, row.new_libraries, row.evidence = verdict.rule, shown["new_libraries"], shown["evidence"]
    row.classified_at = now
    session.add(row)
    change.kind = verdict.kind
    if not change.overridden:
        change.level, change.needs_review = verdict.level.value, verdict.needs_review


def override(
    store: Store,
    actor: Actor,
    now: datetime,
    change_id: str,
    level: str,
    reason: str,
    *,
    source: str = "api",
    version: int | None = None,
) -> int:
    """Set the level of a change by hand and return the change's new version.

    Any engineer may raise it; only a release manager of its calendar who is not its author may lower it. ``version``
    is the one the person saw. Raises NotFound, Forbidden, InvalidInput, Conflict (it is at that level already) and
    StaleVersion.
    """
    wanted = _level(level)
    told = _reason(reason)
    with store.write() as session:
        change = _change(session, change_id, version)
        before = change.level
        if before == wanted.value and change.overridden:
            raise Conflict(f"The change is {wanted.value} already, set by a person.", code="same_level")
        _may_set(session, actor, change, wanted.value)
        _withdraw_present(session, change_id, actor, now)
        session.add(
            OverrideRow(
                id=f"o_{secrets.token_urlsafe(12)}", change_id=change_id, level=wanted.value, previous_level=before,
                reason=told, source=source, made_by=actor.person or actor.name, made_at=now,
                withdrawn_by=None, withdrawn_at=None,
            )
        )  # fmt: skip
        change.level, change.overridden, change.needs_review = wanted.value, True, False
        change.updated_at, change.version = now, change.version + 1
        action = Action.RAISE_LEVEL if wanted is Level.MAJOR else Action.LOWER_LEVEL
        audit.record(
            session, actor, now, action=action, subject=f"change:{change_id}", reason=told,
            before={"level": before}, after={"level": wanted.value},
        )  # fmt: skip
        return change.version


def withdraw_override(
    store: Store, actor: Actor, now: datetime, change_id: str, reason: str, *, version: int | None = None
) -> int:
    """Take back the override in force, so that the rules' verdict counts again; who may depends on where that leads."""
    told = _reason(reason)
    with store.write() as session:
        change = _change(session, change_id, version)
        if not change.overridden:
            raise Conflict("No person set this level.", code="no_override")
        verdict = session.get(ClassificationRow, change_id)
        after = verdict.level if verdict else Level.MINOR.value
        before = change.level
        _may_set(session, actor, change, after)
        _withdraw_present(session, change_id, actor, now)
        change.level, change.overridden = after, False
        change.needs_review = verdict.needs_review if verdict else True
        change.updated_at, change.version = now, change.version + 1
        audit.record(
            session, actor, now, action="level.withdraw", subject=f"change:{change_id}", reason=told,
            before={"level": before}, after={"level": after},
        )  # fmt: skip
        return change.version


def _withdraw_present(session: Session, change_id: str, actor: Actor, now: datetime) -> None:
    for row in session.scalars(
        select(OverrideRow).where(OverrideRow.change_id == change_id, OverrideRow.withdrawn_at.is_(None))
    ):
        row.withdrawn_at, row.withdrawn_by = now, actor.person or actor.name


def _may_set(session: Session, actor: Actor, change: Change, level: str) -> None:
    """Whether ``actor`` may bring ``change`` to ``level``: raising is anybody's, lowering a release manager's."""
    if level == Level.MAJOR.value or change.level in (None, Level.MINOR.value):
        require(actor, Action.RAISE_LEVEL)
        return
    repository = session.get(Repository, change.repository_id)
    require(actor, Action.LOWER_LEVEL, calendar=(repository.calendar if repository else None) or EVERYWHERE)
    if _is_author(session, actor, change):
        raise Forbidden(
            "An author may not lower the level of the own change.",
            code="own_change",
            hint="Ask another release manager of this calendar.",
        )


def _is_author(session: Session, actor: Actor, change: Change) -> bool:
    if actor.person is None:
        return False
    if actor.person in {party.person for party in parties.of(session, change)}:
        return True
    names = {change.author, change.owner}
    rows = session.execute(
        select(Commit.author, Commit.author_key)
        .join(ChangeCommit, (ChangeCommit.sha == Commit.sha) & (ChangeCommit.repository_id == Commit.repository_id))
        .where(ChangeCommit.change_id == change.id)
    )
    for name, key in rows:
        names |= {name, key}
    pull = session.get(PullRequestRow, (change.repository_id, change.provider or "", change.number or 0))
    if pull is not None:
        names |= {(pull.record or {}).get("author"), (pull.record or {}).get("author_id")}
    known = {one.casefold() for one in names if one}
    return bool(known & {actor.person.casefold(), actor.name.casefold(), *(_spelled(one) for one in actor.identities)})


def _spelled(one: Identity) -> str:
    return one.value.casefold()


def _level(text: str) -> Level:
    if text not in {one.value for one in Level}:
        raise InvalidInput.at("level", f"cannot be {text[:40]!r}", "minor or major")
    return Level(text)


def _reason(text: str) -> str:
    told = clean(text, LONGEST_REASON).strip()
    if len(told) < SHORTEST_REASON:
        raise InvalidInput.at("reason", "say why", f"at least {SHORTEST_REASON} characters")
    return told


def _change(session: Session, change_id: str, version: int | None) -> Change:
    change = session.get(Change, change_id)
    if change is None:
        raise NotFound("There is no such change.")
    if version is not None and change.version != version:
        raise StaleVersion("Somebody else changed this in the meantime.", hint="Load it again and repeat the edit.")
    return change


def _repository(session: Session, name: str) -> Repository:
    found = session.scalar(select(Repository).where(Repository.name == name))
    if found is None:
        raise NotFound("There is no such repository.")
    return found
