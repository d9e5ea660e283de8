"""Answers on pull requests: what is wanted is worked out and kept, what differs from what was said is delivered.

Level-triggered: an answer is due while its wanted digest differs from the said one, so that a lost delivery, a failed
forge or a restart only delays it. Nothing here ever holds up reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.changes import PullRequest
from release_mgmt.core.classification import Classification, Level, NewLibrary
from release_mgmt.core.errors import NotFound, ReleaseMgmtError
from release_mgmt.core.evidence.model import Evidence
from release_mgmt.core.text import one_line
from release_mgmt.formats.answer import Outlook, comment, summary
from release_mgmt.services import calendar_rows, mirrored, previews, refusals, turns
from release_mgmt.services.advisories import Known
from release_mgmt.services.forges import LONGEST_TURN, Line
from release_mgmt.services.mirrored import Sources
from release_mgmt.services.refusals import Refusal
from release_mgmt.sources.addresses import resolve
from release_mgmt.sources.forge import forge
from release_mgmt.sources.forge.model import Answer
from release_mgmt.sources.forge.transport import RateLimited
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.sources.git.mirrors import fetch_refs
from release_mgmt.sources.pull_requests import from_json
from release_mgmt.store.models.ingest import ForgeAnswer, ForgeSource
from release_mgmt.store.models.repositories import Change, ClassificationRow, PullRequestRow, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow
from release_mgmt.store.session import Store

ANSWERING = frozenset({"github", "gitlab", "gitea", "azure", "bitbucket", "bitbucket_server"})
HEADS = {
    "github": "refs/pull/{}/head", "gitea": "refs/pull/{}/head", "gitlab": "refs/merge-requests/{}/head",
    "azure": "refs/pull/{}/merge", "bitbucket_server": "refs/pull-requests/{}/from",
}  # fmt: skip
MOST = 50  # pull requests that are answered for one repository at a time, newest update first
FRESH = timedelta(days=60)  # an open pull request that was left alone for longer is not answered again
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)


def prepare(
    store: Store, sources: Sources, now: datetime, repository_id: str, site: str, known: Known | None = None
) -> int:
    """Work out what is to be said on a repository's pull requests; how many answers became due.

    Nothing where answers are switched off. A pull request whose commits cannot be had is left for the next time.
    """
    with store.read() as session:
        row = session.get(Repository, repository_id)
        source = session.get(ForgeSource, repository_id)
        if row is None or source is None or not source.answers or row.provider not in ANSWERING:
            return 0
        pulls = _open(session, row, now)
    mirror = mirrored.opened(sources, repository_id)
    _fetch_heads(sources, row, mirror, pulls)
    judged = {pull.number: found for pull in pulls if (found := previews.judge(row, mirror, pull, known))}
    due = 0
    with store.write() as session:
        for pull in pulls:
            if pull.number in judged:
                verdict, paths = judged[pull.number]
                url = f"{site}/repositories/{row.name}"
                outlook = previews.outlook(session, now, row, pull, verdict, paths, url)
                refused = _told(refusals.of_comments(session, row, pull.number))
                due += _want(session, now, row, pull, replace(outlook, refused=refused))
        for change, pull in _merged(session, row):
            placed = _placed(session, now, change, site)
            if placed is not None:
                due += _want(session, now, row, pull, placed)
    return due


def _open(session: Session, row: Repository, now: datetime) -> list[PullRequest]:
    query = (
        select(PullRequestRow.record)
        .where(
            PullRequestRow.repository_id == row.id,
            PullRequestRow.state == "open",
            PullRequestRow.head_sha.is_not(None),
            PullRequestRow.updated_at >= now - FRESH,
        )
        .order_by(PullRequestRow.updated_at.desc(), PullRequestRow.number)
        .limit(MOST)
    )
    return [from_json(record) for record in session.scalars(query)]


def _merged(session: Session, row: Repository) -> list[tuple[Change, PullRequest]]:
    """Changes on their way to a window, with the pull request they came by."""
    query = (
        select(Change, PullRequestRow.record)
        .join(
            PullRequestRow,
            (PullRequestRow.repository_id == Change.repository_id) & (PullRequestRow.number == Change.number),
        )
        .where(
            Change.repository_id == row.id,
            Change.state.in_(("draft", "announced", "approved")),
            PullRequestRow.provider == row.provider,
            Change.provider.in_((row.provider, "unknown")),
            PullRequestRow.state == "merged",
            Change.id.in_(select(PlacementRow.change_id)),
        )
        .order_by(Change.rank.desc())
        .limit(MOST)
    )
    return [(change, from_json(record)) for change, record in session.execute(query)]


def _fetch_heads(sources: Sources, row: Repository, mirror: GitRepository, pulls: list[PullRequest]) -> None:
    form = HEADS.get(row.provider)
    absent = mirror.missing([pull.head_sha for pull in pulls if pull.head_sha and len(pull.head_sha) in {40, 64}])
    names = [form.format(pull.number) for pull in pulls if form and pull.head_sha in absent]
    if not names:
        return
    address = mirrored.address_of(row.location, sources.policy)
    token = sources.token(address.host) if address.host else None
    path = mirrored.mirror_path(sources, row.id)
    fetch_refs(path, address, resolve(address, sources.policy), token, names)


def _placed(session: Session, now: datetime, change: Change, site: str) -> Outlook | None:
    """What is planned for a merged change, from the stored plan."""
    verdict = session.get(ClassificationRow, change.id)
    placement = session.scalar(select(PlacementRow).where(PlacementRow.change_id == change.id))
    if verdict is None or placement is None:
        return None
    row = session.get_one(CalendarRow, placement.calendar_id)
    calendar = calendar_rows.value(row, now)
    level = Level(change.level or verdict.level)
    needs = previews.needed(session, calendar, placement.window or "", level, list(change.affected_teams or ()))
    why = " ".join(str(reason.get("message", "")) for reason in placement.reasons[:3] if isinstance(reason, dict))
    return Outlook(
        verdict=_stored(verdict),
        time_zone=row.time_zone,
        start=placement.starts_at,
        end=placement.ends_at,
        hindrance=why.strip() or None,
        needs=() if change.state == "approved" else needs,
        announced=placement.announced_at is not None,
        overridden=level if change.overridden else None,
        url=f"{site}/changes/{change.id}",
        refused=_told(refusals.of_change(session, now, change.id)),
    )


def _told(found: Sequence[Refusal]) -> tuple[tuple[str, str, str], ...]:
    return tuple((one.by, one.asked, one.why) for one in found)


def _stored(row: ClassificationRow) -> Classification:
    return Classification(
        Level(row.level),
        row.kind,
        row.needs_review,
        row.rule,
        tuple(NewLibrary(one["name"], one["ecosystem"], one["path"]) for one in row.new_libraries),
        tuple(Evidence(**one) for one in row.evidence),
    )


def _want(session: Session, now: datetime, row: Repository, pull: PullRequest, outlook: Outlook) -> bool:
    """Keep what is to be said; True when that is not what was said last."""
    wanted: dict[str, Any] = {
        # A status tells whether somebody has to act: pending while something is missing, never a failure, since
        # merging is the team's own business.
        "state": "pending" if outlook.needs or outlook.start is None else "success",
        "summary": summary(outlook),
        "comment": comment(outlook),
        "url": outlook.url,
    }
    text = json.dumps([wanted, pull.head_sha], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    answer = session.get(ForgeAnswer, (row.id, pull.number))
    if answer is None:
        answer = ForgeAnswer(repository_id=row.id, number=pull.number, attempts=0)
        session.add(answer)
    elif answer.wanted_digest == digest:
        return False
    answer.wanted, answer.wanted_digest, answer.head_sha = wanted, digest, pull.head_sha
    answer.attempts, answer.error = 0, None
    answer.due_at = now if answer.said_digest != digest else None
    return answer.due_at is not None


def due(store: Store, now: datetime, limit: int = 50) -> tuple[tuple[str, int], ...]:
    """(repository's id, number) of the answers that are to be delivered now."""
    query = (
        select(ForgeAnswer.repository_id, ForgeAnswer.number)
        .where(turns.due(ForgeAnswer.due_at, now, LONGEST_TURN))
        .order_by(ForgeAnswer.due_at, ForgeAnswer.repository_id, ForgeAnswer.number)
        .limit(limit)
    )
    with store.read() as session:
        return tuple((repository, number) for repository, number in session.execute(query))


def deliver(store: Store, line: Line, repository_id: str, number: int) -> bool:
    """Say one answer on its forge; True when it was said. A failure is noted and tried again later."""
    with store.read() as session:
        row = session.get(Repository, repository_id)
        source = session.get(ForgeSource, repository_id)
        answer = session.get(ForgeAnswer, (repository_id, number))
        if row is None or source is None or answer is None or row.forge_slug is None:
            raise NotFound("There is no such answer.")
        provider, slug, api_url = row.provider, row.forge_slug, source.api_url
        record = session.get(PullRequestRow, (repository_id, provider, number))
        # Of the head that was looked at: one pushed since says nothing until it was, too.
        pull = replace(from_json(record.record), head_sha=answer.head_sha) if record else None
        wanted, digest = dict(answer.wanted), answer.wanted_digest
        switched_on, estranged = source.answers, source.estranged_at is not None
    error: str | None = None
    until: datetime | None = None
    if pull is not None and switched_on and estranged:
        error = "another repository has this name on its forge now"
    elif pull is not None and switched_on:
        try:
            said = Answer(wanted["state"], wanted["summary"], wanted["comment"], wanted["url"])
            forge(provider).answer(line.to(store, provider, api_url), slug, pull, said)
        except RateLimited as limit:
            error, until = limit.message, limit.until
        except ReleaseMgmtError as failure:
            error = failure.message
    now = line.now()
    with store.write() as session:
        answer = session.get_one(ForgeAnswer, (repository_id, number))
        if error is None:
            answer.said_digest, answer.said_at, answer.attempts, answer.error = digest, now, 0, None
            answer.due_at = now if answer.wanted_digest != digest else None  # it changed while we spoke
        else:
            answer.attempts += 1
            answer.error = one_line(error, 500)
            answer.due_at = until or now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(answer.attempts - 1, 12))
    return error is None
