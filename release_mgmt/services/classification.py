"""The level of stored changes: what the rules say of them; what people corrected is in ``overrides``.

The level in force is kept on the change: the newest override that is not withdrawn, else the verdict of the rules.
Verdicts are cached in the database by content, so that a sync costs only what is new and a change of the rules only
the judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Classification, Level, Rules
from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store, audit
from release_mgmt.services.classify import Progress, classify_revisions, default_rules
from release_mgmt.services.verdicts import as_json, code_version, key_of
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    ClassificationCache,
    ClassificationRow,
    Commit,
    PullRequestRow,
    Repository,
)

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


def _repository(session: Session, name: str) -> Repository:
    found = session.scalar(select(Repository).where(Repository.name == name))
    if found is None:
        raise NotFound("There is no such repository.")
    return found
