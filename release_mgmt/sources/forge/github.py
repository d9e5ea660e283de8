"""GitHub, and GitHub Enterprise with another base address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Review
from release_mgmt.core.errors import InvalidInput
from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.fields import Json
from release_mgmt.sources.forge.model import (
    CONTEXT,
    Answer,
    Comment,
    Event,
    EventKind,
    TagChange,
    holding,
    linked_items,
    told_labellings,
)
from release_mgmt.sources.forge.speaking import comment_once, say
from release_mgmt.sources.forge.transport import Home, Reader, Transport

State = Literal["open", "closed", "merged"]


def require_number(number: int | None, where: str) -> int:
    """``number``, or InvalidInput: a pull request without one that the database can hold has no identity."""
    if number is None or not 0 < number < 2**31:
        raise InvalidInput.at(where, "a pull request needs a number above 0 and below 2^31")
    return number


def latest_reviews(raw: tuple[Json, ...] | None) -> tuple[Review, ...] | None:
    """The latest word of each reviewer; a later comment does not take an approval back, a dismissal does."""
    if raw is None:
        return None
    states = {"APPROVED": "approved", "CHANGES_REQUESTED": "changes_requested", "REQUEST_CHANGES": "changes_requested"}
    latest: dict[str, Review] = {}
    for item in raw:
        who = fields.line(item, "user", "login")
        state = (fields.line(item, "state") or "").upper()
        at = fields.instant(item, "submitted_at")
        if who is None:
            continue
        if state == "DISMISSED" or item.get("dismissed") is True:
            latest.pop(who, None)
        elif state in states:
            latest[who] = Review(who, states[state], at)
        elif who not in latest and state in {"COMMENTED", "COMMENT"}:
            latest[who] = Review(who, "commented", at)
    return tuple(latest[who] for who in sorted(latest))


class GitHub:
    """The adapter; it has no state."""

    provider: Provider = "github"

    def parse(self, raw: Json) -> PullRequest:
        merged_at = fields.instant(raw, "merged_at")
        state: State = "open" if raw.get("state") == "open" else "closed"
        if merged_at is not None or raw.get("merged") is True:
            state = "merged"
        labels = fields.children(raw, "labels")
        requested = fields.children(raw, "requested_reviewers")
        milestone = raw.get("milestone", ...)
        title, text = fields.line(raw, "title") or "", fields.body(raw, "body")
        return PullRequest(
            provider=self.provider,
            number=require_number(fields.whole(raw, "number"), "number"),
            title=title,
            state=state,
            body=text,
            author=fields.line(raw, "user", "login"),
            author_id=str(fields.whole(raw, "user", "id")) if fields.whole(raw, "user", "id") else None,
            labels=None if labels is None else fields.present(fields.line(label, "name") for label in labels),
            base_ref=fields.line(raw, "base", "ref"),
            head_ref=fields.line(raw, "head", "ref"),
            head_sha=fields.sha(raw, "head", "sha"),
            # On a pull request that is not merged this field names GitHub's test merge.
            merge_sha=fields.sha(raw, "merge_commit_sha") if state == "merged" else None,
            created_at=fields.instant(raw, "created_at"),
            merged_at=merged_at,
            merged_by=fields.line(raw, "merged_by", "login"),
            updated_at=fields.instant(raw, "updated_at"),
            requested_reviewers=None
            if requested is None
            else fields.present(fields.line(person, "login") for person in requested),
            milestone="" if milestone is None else fields.line(raw, "milestone", "title"),
            work_items=None if text is None else linked_items(title, text),
            draft=fields.truth(raw, "draft"),
            url=fields.line(raw, "html_url"),
        )

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:
        name = headers.get("X-GitHub-Event", "")
        kind: EventKind = "other"
        pull, tags, comment = None, tuple[TagChange, ...](), None
        if name == "ping":
            kind = "ping"
        elif isinstance(payload.get("pull_request"), Mapping) and name.startswith("pull_request"):
            kind, pull = "pull_request", self.parse(payload["pull_request"])
        elif name in {"create", "delete"} and payload.get("ref_type") == "tag":
            tag = fields.line(payload, "ref")
            kind = "tag"
            tags = (TagChange(tag, fields.sha(payload, "sha"), deleted=name == "delete"),) if tag else ()
        elif name == "push":
            tag = fields.tag_name(payload.get("ref"))
            kind = "tag" if tag else "push"
            gone = payload.get("deleted") is True or fields.sha(payload, "after") is None
            tags = (TagChange(tag, None if gone else fields.sha(payload, "after"), deleted=gone),) if tag else ()
        elif name == "release":
            tag = fields.line(payload, "release", "tag_name")
            kind = "release"
            tags = (TagChange(tag, None),) if tag else ()
        elif name == "issue_comment" and payload.get("action") == "created":
            comment = self._comment(payload)
            kind = "comment" if comment else "other"
        elif name == "repository" and payload.get("action") in {"renamed", "transferred"}:
            kind = "renamed"
        return Event(
            self.provider, kind, name or "unknown", fields.line(payload, "repository", "full_name"),
            headers.get("X-GitHub-Delivery"), fields.line(payload, "action"), pull, tags, comment,
            fields.key(payload, "repository", "id"),
        )  # fmt: skip

    @staticmethod
    def _comment(payload: Json) -> Comment | None:
        number = fields.whole(payload, "issue", "number")
        author = fields.line(payload, "comment", "user", "login")
        if number is None or author is None or fields.get(payload, "issue", "pull_request") is None:
            return None
        at = fields.instant(payload, "comment", "created_at")
        return Comment(number, author, fields.body(payload, "comment", "body") or "", at)

    def home(self, raw: Json) -> Home | None:
        return github_home(fields.get(raw, "base", "repo"))

    def named(self, transport: Transport, repository: str, key: str) -> str | None:  # noqa: ARG002 - the protocol's form
        found = github_home(transport.get_object(f"/repositories/{quote(key, safe='')}"))
        return found.name if found and found.id == key else None

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        # The API has no `since` and no sort by merge for pull requests (a wrong sort is answered 422).
        query = {"state": "all", "sort": "updated", "direction": "desc", "per_page": "100"}
        yield from newest_first(transport, self, f"/repos/{repository}/pulls", query, since)

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        raw = transport.get_object(f"/repos/{repository}/pulls/{number}")
        reviews = read_reviews(transport, f"/repos/{repository}/pulls/{number}/reviews", {"per_page": "100"})
        return replace(self.parse(raw), reviews=reviews)

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        path = f"/repos/{repository}/pulls/{pull.number}/commits"
        return holding(pull, listed_commits(transport, path, {"per_page": "100"}))

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:
        words = {"labeled": True, "unlabeled": False}
        return told_labellings(
            (
                fields.line(raw, "label", "name"), fields.line(raw, "actor", "login"),
                fields.instant(raw, "created_at"), words.get(fields.line(raw, "event") or ""),
            )
            for page in transport.pages(f"/repos/{repository}/issues/{number}/events", {"per_page": "100"})
            for raw in page
        )  # fmt: skip

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        status = {
            "state": answer.state,
            "context": CONTEXT,
            "description": answer.summary[:140],  # the API's limit
        }
        if answer.url:
            status["target_url"] = answer.url
        answer_with(transport, repository, pull, answer.comment, status)


def github_home(raw: object) -> Home | None:
    """A repository as GitHub's API shows it, and Gitea's."""
    key = fields.key(raw, "id")
    return Home(key, fields.line(raw, "full_name")) if key else None


def newest_first(
    transport: Transport,
    reader: Reader,
    path: str,
    query: Mapping[str, str],
    since: datetime | None,
) -> Iterator[PullRequest]:
    """The pull requests of a list sorted by update, newest first, down to those updated before ``since``."""
    for page in transport.pages(path, query, conditional=True):
        for pull in transport.readable(reader, page):
            if since is not None and pull.updated_at is not None and pull.updated_at < since:
                return
            yield pull


def read_reviews(transport: Transport, path: str, query: Mapping[str, str]) -> tuple[Review, ...] | None:
    """The latest word of each reviewer, from all pages."""
    return latest_reviews(tuple(review for page in transport.pages(path, query) for review in page))


def listed_commits(
    transport: Transport, path: str, query: Mapping[str, str]
) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Id, message and author's name of each commit of a pull request."""
    for page in transport.pages(path, query):
        for raw in page:
            author = fields.line(raw, "commit", "author", "name", limit=200)
            yield fields.sha(raw, "sha"), fields.body(raw, "commit", "message"), author


def answer_with(
    transport: Transport, repository: str, pull: PullRequest, comment: str, status: Mapping[str, object]
) -> None:
    """Set a status on the head of a pull request and write our comment below it; Gitea took both over from GitHub."""

    def set_status() -> None:
        if pull.head_sha is not None:
            transport.send("POST", f"/repos/{repository}/statuses/{pull.head_sha}", status)

    comments = f"/repos/{repository}/issues/{pull.number}/comments"
    say(set_status, lambda: comment_once(transport, "PATCH", comments, f"/repos/{repository}/issues/comments", comment))
