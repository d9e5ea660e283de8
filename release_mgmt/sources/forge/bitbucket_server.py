"""Bitbucket Server and Data Center: instants in milliseconds, and the merge commit among the properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Review
from release_mgmt.core.errors import InvalidInput
from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.counting import Counted
from release_mgmt.sources.forge.fields import Json
from release_mgmt.sources.forge.github import require_number
from release_mgmt.sources.forge.model import (
    CONTEXT,
    Answer,
    Comment,
    Event,
    EventKind,
    TagChange,
    holding,
    linked_items,
)
from release_mgmt.sources.forge.transport import Home, Transport

State = Literal["open", "closed", "merged"]
_STATES: dict[str, State] = {"OPEN": "open", "MERGED": "merged", "DECLINED": "closed"}
_WORDS = {"APPROVED": "approved", "NEEDS_WORK": "changes_requested"}
_STATUS = {"success": "SUCCESSFUL", "pending": "INPROGRESS", "failure": "FAILED"}


def _next(page: Json) -> Mapping[str, str] | None:
    start = fields.whole(page, "nextPageStart")
    return None if page.get("isLastPage") is not False or start is None else {"start": str(start)}


def _after(page: Json, start: int) -> int | None:  # noqa: ARG001 - the page tells where it ends
    return None if page.get("isLastPage") is not False else fields.whole(page, "nextPageStart")


def _home(raw: object) -> Home | None:
    key, project, slug = fields.key(raw, "id"), fields.line(raw, "project", "key"), fields.line(raw, "slug")
    return Home(key, f"{project}/{slug}" if project and slug else None) if key else None


class BitbucketServer:
    """The adapter; it has no state."""

    provider: Provider = "bitbucket_server"

    def parse(self, raw: Json) -> PullRequest:
        state = _STATES.get(fields.line(raw, "state") or "", "closed")
        title, text = fields.line(raw, "title") or "", fields.body(raw, "description")
        reviewers = fields.children(raw, "reviewers")
        links = fields.children(raw, "links", "self") or ()
        author_id = fields.whole(raw, "author", "user", "id")
        return PullRequest(
            provider=self.provider,
            number=require_number(fields.whole(raw, "id"), "id"),
            title=title,
            state=state,
            body="" if text is None else text,  # the server leaves an empty description out
            author=fields.line(raw, "author", "user", "slug"),
            author_id=None if author_id is None else str(author_id),
            base_ref=fields.line(raw, "toRef", "displayId"),
            head_ref=fields.line(raw, "fromRef", "displayId"),
            head_sha=fields.sha(raw, "fromRef", "latestCommit"),
            merge_sha=fields.sha(raw, "properties", "mergeCommit", "id") if state == "merged" else None,
            created_at=fields.instant(raw, "createdDate"),
            merged_at=fields.instant(raw, "closedDate") if state == "merged" else None,
            updated_at=fields.instant(raw, "updatedDate"),
            reviews=None if reviewers is None else self._reviews(reviewers),
            requested_reviewers=None
            if reviewers is None
            else fields.present(
                fields.line(item, "user", "slug") for item in reviewers if item.get("status") == "UNAPPROVED"
            ),
            work_items=linked_items(title, text),
            draft=fields.truth(raw, "draft"),
            url=fields.line(links[0], "href") if links else None,
        )

    @staticmethod
    def _reviews(reviewers: tuple[Json, ...]) -> tuple[Review, ...]:
        found = {
            fields.line(item, "user", "slug") or "": word
            for item in reviewers
            if (word := _WORDS.get(fields.line(item, "status") or ""))
        }
        return tuple(Review(name, found[name]) for name in sorted(found) if name)

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:
        name = headers.get("X-Event-Key") or fields.line(payload, "eventKey") or ""
        kind: EventKind = "other"
        pull, tags, comment = None, tuple[TagChange, ...](), None
        repository = fields.get(payload, "repository") or fields.get(payload, "pullRequest", "toRef", "repository")
        if name == "pr:comment:added":
            comment = self._comment(payload)
            kind = "comment" if comment else "other"
        elif name.startswith("pr:") and isinstance(payload.get("pullRequest"), Mapping):
            kind, pull = "pull_request", self.parse(payload["pullRequest"])
            if name == "pr:deleted" and pull.state == "open":  # told as it was, and no list tells it again
                pull = replace(pull, state="closed")
        elif name == "repo:refs_changed":
            tags = tuple(self._tags(payload))
            kind = "tag" if tags else "push"
        elif name == "repo:modified":
            kind, repository = "renamed", fields.get(payload, "new")
        elif name == "diagnostics:ping":
            kind = "ping"
        key, slug = fields.line(repository, "project", "key"), fields.line(repository, "slug")
        return Event(
            self.provider, kind, name or "unknown", f"{key}/{slug}" if key and slug else None,
            headers.get("X-Request-Id"), name.partition(":")[2] or None, pull, tags, comment,
            fields.key(repository, "id"), fields.instant(payload, "date"),
        )  # fmt: skip

    @staticmethod
    def _tags(payload: Json) -> Iterator[TagChange]:
        for change in fields.children(payload, "changes") or ():
            tag = fields.tag_name(fields.get(change, "ref", "id") or change.get("refId"))
            gone = change.get("type") == "DELETE"
            if tag:
                yield TagChange(tag, None if gone else fields.sha(change, "toHash"), deleted=gone)

    @staticmethod
    def _comment(payload: Json) -> Comment | None:
        number = fields.whole(payload, "pullRequest", "id")
        author = fields.line(payload, "actor", "slug") or fields.line(payload, "actor", "name")
        if number is None or author is None:
            return None
        at = fields.instant(payload, "comment", "createdDate")
        return Comment(number, author, fields.body(payload, "comment", "text") or "", at)

    def home(self, raw: Json) -> Home | None:
        return _home(fields.get(raw, "toRef", "repository"))

    def named(self, transport: Transport, repository: str, key: str) -> str | None:
        found = _home(transport.get_object(self._path(repository)))  # it sends on from an old name, and knows no id
        return found.name if found and found.id == key else None

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        query = {"state": "ALL", "order": "NEWEST", "limit": "100"}
        following = Counted("start", "values", "id", _after)  # one that is deleted moves the others up
        for page in transport.body_pages(f"{self._path(repository)}/pull-requests", query, following):
            for pull in transport.readable(self, fields.children(page, "values") or ()):
                # The list is ordered by creation, so an old update says nothing of those below it.
                if since is None or pull.updated_at is None or pull.updated_at >= since:
                    yield pull

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        return self.parse(transport.get_object(f"{self._path(repository)}/pull-requests/{number}"))

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        path = f"{self._path(repository)}/pull-requests/{pull.number}/commits"
        listed = (
            (fields.sha(raw, "id"), fields.body(raw, "message"), fields.line(raw, "author", "name", limit=200))
            for page in transport.body_pages(path, {"limit": "100"}, _next)
            for raw in fields.children(page, "values") or ()
        )
        return holding(pull, listed)

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:  # noqa: ARG002 - the protocol's form
        return None  # it has no labels

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:  # noqa: ARG002 - the protocol's form
        # The server has no comments that can be found again by a marker without paging all activity;
        # the build status carries the whole answer and its link.
        if pull.head_sha is not None:
            status: dict[str, object] = {
                "key": CONTEXT,
                "state": _STATUS[answer.state],
                "description": answer.summary[:255],
                "url": answer.url or pull.url or "",
            }
            transport.send("POST", f"/rest/build-status/1.0/commits/{pull.head_sha}", status)

    @staticmethod
    def _path(repository: str) -> str:
        project, _, slug = repository.partition("/")
        if not slug:
            raise InvalidInput.at("repository", "Bitbucket Server needs PROJECT/slug", "for example PRC/models")
        return f"/rest/api/1.0/projects/{project}/repos/{slug}"
