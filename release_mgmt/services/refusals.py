"""What somebody asked for on the forge and was not granted: a label or a comment's command without the right to it.

Worked out from what is stored whenever it is shown, so that a right given later, or a label taken off, ends the refusal
by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Forbidden, ReleaseMgmtError
from release_mgmt.core.text import one_line
from release_mgmt.services import classification, commands, overrides, tags, webhooks
from release_mgmt.sources.pull_requests import from_json
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.repositories import Change, ClassificationRow, OverrideRow, PullRequestRow, Repository

MOST = 20  # comments that are looked at, the newest first
_COMMENTS = (
    "issue_comment", "note", "pullrequest:comment_created", "pr:comment:added",
    "ms.vss-code.git-pullrequest-comment-event",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """``by`` is the login on the forge, ``asked`` the label or the command, ``why`` our answer, ``at`` when it was said
    in UTC."""

    by: str
    asked: str
    why: str
    at: datetime


def of_change(session: Session, now: datetime, change_id: str) -> tuple[Refusal, ...]:
    """The refusals of one change that still hold, the newest first."""
    pull = PullRequestRow
    joined = and_(
        pull.repository_id == Change.repository_id, pull.provider == Change.provider, pull.number == Change.number
    )
    found = session.execute(
        select(Change, Repository, pull)
        .join(Repository, Repository.id == Change.repository_id)
        .outerjoin(pull, joined)
        .where(Change.id == change_id, Change.number.is_not(None))
    ).first()
    if found is None:
        return ()
    change, repository = found[0], found[1]
    row: PullRequestRow | None = found[2]
    labels = _labels(session, now, repository, change, row) if row is not None and row.state == "merged" else ()
    told = [*labels, *of_comments(session, repository, change.number or 0)]
    return tuple(sorted(told, key=lambda one: one.at, reverse=True))


def _labels(
    session: Session, now: datetime, repository: Repository, change: Change, row: PullRequestRow
) -> Iterator[Refusal]:
    told = from_json(row.record).labellings
    wishes = tags.wishes_of(session, change.id, told, classification.rules_of(repository).tags) if told else ()
    for wish in wishes:
        if wish.level is not None and change.level == wish.level.value:
            return
        try:
            _ask(session, now, repository.provider, change, wish)
        except Forbidden as refusal:
            asked = wish.said.label if wish.level is not None else f"-{wish.said.label}"
            yield Refusal(wish.said.by, asked, refusal.message, wish.said.at)
        else:
            return  # the next sync carries it out


def _ask(session: Session, now: datetime, provider: str, change: Change, wish: tags.Wish) -> None:
    """Return when the wish may be carried out."""
    actor = commands.speaker(session, provider, wish.said.by, now, "label")
    if wish.level is not None:
        overrides.may_set(session, actor, change, wish.level.value)
        return
    made = session.get(OverrideRow, wish.identifier)
    if made is None or made.made_by != actor.person:
        verdict = session.get(ClassificationRow, change.id)
        overrides.may_set(session, actor, change, verdict.level if verdict else "minor")


def of_comments(session: Session, repository: Repository, number: int) -> list[Refusal]:
    """Commands in comments on one pull request that were not carried out, as long as their deliveries are kept."""
    if repository.forge_slug is None:
        return []
    row = WebhookDelivery
    query = (
        select(row)
        .where(
            row.status.in_(("waiting", "failed")), row.attempts > 0, row.event.in_(_COMMENTS), row.body.is_not(None),
            row.provider == repository.provider,
            func.lower(row.forge_slug) == repository.forge_slug.lower(),
        )
        .order_by(row.received_at.desc(), row.id)
        .limit(MOST)
    )  # fmt: skip
    found = []
    for delivery in session.scalars(query):
        try:
            comment = webhooks.event_of(delivery).comment
        except ReleaseMgmtError:
            continue
        command = commands.read(comment.body) if comment is not None else None
        if comment is None or command is None or comment.number != number:
            continue
        asked = f"/release-mgmt {command.level}"
        why = one_line(delivery.error or "", 500)
        found.append(Refusal(comment.author, asked, why, comment.at or delivery.received_at))
    return found
