"""The level of stored changes: what the rules say of them; what people corrected is in ``overrides``.

The level in force is kept on the change: the newest override that is not withdrawn, else the verdict of the rules.
What the contents say is cached in the database, so that a sync costs only what is new and a change of the rules only
the judging of what it touches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Classification, Fact, Level, Rules, judge
from release_mgmt.core.classification.advised import advise
from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store, audit
from release_mgmt.services.advisories import Known
from release_mgmt.services.classify import Progress, default_rules, observe_revisions
from release_mgmt.services.evidence_cache import code_version
from release_mgmt.services.evidence_rows import DatabaseCache
from release_mgmt.services.stored_history import digest
from release_mgmt.services.verdicts import as_json
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    ClassificationRow,
    Commit,
    PullRequestRow,
    Repository,
)

RULES_SETTING = "classification_rules"
"""The key in a repository's settings that holds its own rules (TOML text)."""
AT_ONCE = 500
"""Changes whose verdicts are kept in one transaction: others write between two of them."""


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
    """What a classification did, or with ``dry_run`` would do: the changes that got another level, and how many kept
    theirs, ``retold`` of these with another kind or another word on whether a person should look."""

    judged: int
    unchanged: int
    retold: int
    moved: tuple[Moved, ...]
    dry_run: bool


def rules_of(repository: Repository) -> Rules:
    """The rules in force for a repository: its own before ours."""
    own = (repository.settings or {}).get(RULES_SETTING)
    return default_rules(own if isinstance(own, str) else None)


def basis(store: Store, name: str, known: Known | None = None) -> str:
    """What the verdicts on a repository follow from, beside our own code: another one when any of them may differ."""
    with store.read() as session:
        repository = _repository(session, name)
        own = (repository.settings or {}).get(RULES_SETTING)
        return digest((repository.sync_cursor or {}).get("seen"), own, known.digest if known else None)


def stored(store: Store, repository_id: str) -> int:
    """How many verdicts on a repository's changes are kept."""
    with store.read() as session:
        query = select(func.count()).select_from(ClassificationRow)
        query = query.join(Change, Change.id == ClassificationRow.change_id)
        return session.scalar(query.where(Change.repository_id == repository_id)) or 0


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
    known: Known | None = None,
) -> Reclassified:
    """Judge every change of a repository whose content, rules or code are new, and keep the verdicts.

    ``source`` is the repository on disk. Overrides stay as they are. Verdicts are kept in portions. With ``dry_run``
    nothing is written, with ``unreleased`` only what is not in a release yet is judged. What is ``known`` of libraries
    is told with the changes that bring them, and told anew when it differs.
    """
    require(actor, Action.SYNC_REPOSITORY)
    with store.read() as session:
        repository = _repository(session, name)
        repository_id = repository.id
        rules = rules or rules_of(repository)
        wanted = _stale(session, repository_id, rules, known, unreleased=unreleased)
    labels = {sha: one.labels for one in wanted.values() for sha in one.shas if one.labels}
    shas = list(dict.fromkeys(sha for one in wanted.values() for sha in one.shas))
    kept = DatabaseCache(store, now, dry_run=dry_run)
    observed = observe_revisions(source, shas, rules, kept, labels=labels, processes=processes, progress=progress)
    told = {sha: (_judged(facts, rules, known), frozenset(fact.fact for fact in facts)) for sha, facts in observed}
    verdicts = {}
    for change_id, one in wanted.items():
        verdict = weightiest(told[sha][0] for sha in one.shas)
        about = frozenset().union(*(told[sha][1] for sha in one.shas))
        verdicts[change_id] = _Verdict(verdict, about, one.content, policy_of(rules, about, known))
    moved: list[Moved] = []
    retold = 0
    for start in range(0, len(verdicts), AT_ONCE):
        portion = dict(islice(verdicts.items(), start, start + AT_ONCE))
        with store.read() if dry_run else store.write() as session:
            now_moved, now_retold = _keep(session, portion, None if dry_run else now)
            again = [one for one in now_moved if one.before is not None]
            if again and not dry_run:
                audit.record(
                    session, actor, now, action="change.reclassify", subject=f"repository:{repository_id}",
                    before={one.change: one.before for one in again}, after={one.change: one.after for one in again},
                )  # fmt: skip
        moved += now_moved
        retold += now_retold
    return Reclassified(len(wanted), len(wanted) - len(moved), retold, tuple(moved), dry_run)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the rules say of a change, of facts of which names, by which content and policy."""

    said: Classification
    about: frozenset[str]
    content: str
    policy: str


def _keep(session: Session, verdicts: Mapping[str, _Verdict], now: datetime | None) -> tuple[list[Moved], int]:
    """Compare verdicts with the stored ones, and store them unless ``now`` is None; what moved, and how many were
    retold."""
    rows = session.scalars(select(ClassificationRow).where(ClassificationRow.change_id.in_(verdicts)))
    stored = {row.change_id: row for row in rows}
    moved: list[Moved] = []
    retold = 0
    for change in session.scalars(select(Change).where(Change.id.in_(verdicts)).order_by(Change.id)):
        verdict, before = verdicts[change.id], stored.get(change.id)
        said, level = verdict.said, verdict.said.level.value
        if before is None or before.level != level:
            in_force = change.level if change.overridden and change.level else level
            old = before.level if before else None
            moved.append(Moved(change.id, change.title, old, level, said.kind, said.rule, in_force))
        elif (before.kind, before.needs_review) != (said.kind, said.needs_review):
            retold += 1
        if now is not None:
            _store(session, change, verdict, before or ClassificationRow(change_id=change.id), now)
    return moved, retold


def _store(session: Session, change: Change, verdict: _Verdict, row: ClassificationRow, now: datetime) -> None:
    """Store what the rules say of a change; what is in force follows unless a person decided otherwise."""
    said = verdict.said
    shown = as_json("", said)
    row.content, row.policy, row.about = verdict.content, verdict.policy, " ".join(sorted(verdict.about))
    row.level, row.kind, row.needs_review = said.level.value, said.kind, said.needs_review
    row.rule, row.new_libraries, row.evidence = said.rule, shown["new_libraries"], shown["evidence"]
    row.classified_at = now
    session.add(row)
    change.kind = said.kind
    if not change.overridden:
        change.level, change.needs_review = said.level.value, said.needs_review


@dataclass(frozen=True, slots=True)
class _Wanted:
    shas: tuple[str, ...]
    labels: tuple[str, ...]
    content: str


def _judged(facts: Collection[Fact], rules: Rules, known: Known | None) -> Classification:
    verdict = judge(facts, rules)
    return advise(verdict, known.advisories) if known else verdict


def policy_of(rules: Rules, about: Collection[str], known: Known | None = None) -> str:
    """What a verdict on facts of these names was made with, beside the content of the change: advisories are about
    libraries alone."""
    told = f"-{known.digest}" if known and any(name.startswith("library_") for name in about) else ""
    return f"{rules.signature(about)}-{code_version()}{told}"


def _stale(
    session: Session, repository_id: str, rules: Rules, known: Known | None, *, unreleased: bool = False
) -> dict[str, _Wanted]:
    """The changes to judge: those without a verdict on this content by the rules about what they hold."""
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
    policies = cache(lambda about: policy_of(rules, about.split(), known))
    stored = {
        change_id: content if policies(about) == policy else None
        for change_id, content, policy, about in session.execute(
            select(
                ClassificationRow.change_id,
                ClassificationRow.content,
                ClassificationRow.policy,
                ClassificationRow.about,
            )
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
        if stored.get(change_id) != content:
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


def _repository(session: Session, name: str) -> Repository:
    found = session.scalar(select(Repository).where(Repository.name == name))
    if found is None:
        raise NotFound("There is no such repository.")
    return found
