"""GitLab: merge requests are pull requests, and ``iid`` is the number that people know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Review
from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.sources.forge import fields
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
    told_labellings,
)
from release_mgmt.sources.forge.speaking import comment_once, say
from release_mgmt.sources.forge.transport import Home, Transport

State = Literal["open", "closed", "merged"]
_STATES: dict[str, State] = {"opened": "open", "locked": "open", "closed": "closed", "merged": "merged"}
_STATUS = {"success": "success", "pending": "pending", "failure": "failed"}


def _labels(raw: Json) -> tuple[str, ...] | None:
    """The API gives strings, a hook gives objects with a title."""
    found = raw.get("labels")
    if not isinstance(found, list):
        return None
    return fields.present(
        fields.line({"label": label}, "label") if isinstance(label, str) else fields.line(label, "title")
        for label in found[: fields.LIST_LIMIT]
    )


class GitLab:
    """The adapter; it has no state."""

    provider: Provider = "gitlab"

    def parse(self, raw: Json) -> PullRequest:
        state = _STATES.get(fields.line(raw, "state") or "", "closed")
        title, text = fields.line(raw, "title") or "", fields.body(raw, "description")
        # A merge has a merge commit, a squash a squash commit; a fast-forward has neither and keeps its own head.
        merge = fields.sha(raw, "merge_commit_sha") or fields.sha(raw, "squash_commit_sha") or self._head(raw)
        requested = fields.children(raw, "reviewers")
        draft = fields.truth(raw, "draft")
        milestone = raw.get("milestone", ...)
        return PullRequest(
            provider=self.provider,
            number=require_number(fields.whole(raw, "iid"), "iid"),
            title=title,
            state=state,
            body=text,
            author=fields.line(raw, "author", "username"),
            author_id=str(fields.whole(raw, "author", "id") or fields.whole(raw, "author_id") or "") or None,
            labels=_labels(raw),
            base_ref=fields.line(raw, "target_branch"),
            head_ref=fields.line(raw, "source_branch"),
            head_sha=self._head(raw),
            merge_sha=merge if state == "merged" else None,
            created_at=fields.instant(raw, "created_at"),
            merged_at=fields.instant(raw, "merged_at"),
            merged_by=fields.line(raw, "merge_user", "username") or fields.line(raw, "merged_by", "username"),
            updated_at=fields.instant(raw, "updated_at"),
            requested_reviewers=None
            if requested is None
            else fields.present(fields.line(person, "username") for person in requested),
            milestone="" if milestone is None else fields.line(raw, "milestone", "title"),
            work_items=None if text is None else linked_items(title, text),
            draft=fields.truth(raw, "work_in_progress") if draft is None else draft,
            url=fields.line(raw, "web_url") or fields.line(raw, "url"),
        )

    @staticmethod
    def _head(raw: Json) -> str | None:
        return (
            fields.sha(raw, "sha") or fields.sha(raw, "diff_refs", "head_sha") or fields.sha(raw, "last_commit", "id")
        )

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:
        name = fields.line(payload, "object_kind") or headers.get("X-Gitlab-Event", "")
        action = fields.line(payload, "object_attributes", "action")
        kind: EventKind = "other"
        pull, tags, comment = None, tuple[TagChange, ...](), None
        if name == "merge_request":
            kind, pull = "pull_request", self._hooked(payload, action)
        elif name == "tag_push":
            tag = fields.tag_name(payload.get("ref"))
            after = fields.sha(payload, "after")
            kind = "tag"
            # `after` is the tag object of an annotated tag, `checkout_sha` the commit.
            known = fields.sha(payload, "checkout_sha") or after
            tags = (TagChange(tag, known if after else None, deleted=after is None),) if tag else ()
        elif name == "push":
            kind = "push"
        elif name == "release":
            tag = fields.line(payload, "tag")
            kind = "release"
            tags = (TagChange(tag, fields.sha(payload, "commit", "id")),) if tag else ()
        elif name == "note" and fields.get(payload, "merge_request", "iid") is not None:
            comment = self._comment(payload)
            kind = "comment" if comment else "other"
        delivery = headers.get("webhook-id") or headers.get("Idempotency-Key") or headers.get("X-Gitlab-Event-UUID")
        return Event(
            self.provider, kind, name or "unknown", fields.line(payload, "project", "path_with_namespace"),
            delivery, action, pull, tags, comment, fields.key(payload, "project", "id"),
        )  # fmt: skip

    def _hooked(self, payload: Json, action: str | None) -> PullRequest:
        attributes = fields.get(payload, "object_attributes")
        pull = self.parse(attributes if isinstance(attributes, Mapping) else {})
        merged_at = pull.merged_at
        if pull.state == "merged" and merged_at is None and action == "merge":
            merged_at = pull.updated_at  # a hook has no merged_at
        return replace(pull, labels=_labels(payload) if pull.labels is None else pull.labels, merged_at=merged_at)

    @staticmethod
    def _comment(payload: Json) -> Comment | None:
        number = fields.whole(payload, "merge_request", "iid")
        author = fields.line(payload, "user", "username")
        # Whoever edits a comment is named, and may be somebody else than who wrote it.
        if number is None or author is None or fields.line(payload, "object_attributes", "action") == "update":
            return None
        at = fields.instant(payload, "object_attributes", "created_at")
        return Comment(number, author, fields.body(payload, "object_attributes", "note") or "", at)

    def home(self, raw: Json) -> Home | None:
        key = fields.key(raw, "target_project_id")
        path, mark, _ = (fields.line(raw, "references", "full") or "").rpartition("!")
        return Home(key, path if mark else None) if key else None

    def named(self, transport: Transport, repository: str, key: str) -> str | None:  # noqa: ARG002 - the protocol's form
        found = transport.get_object(self._project(key))
        return fields.line(found, "path_with_namespace") if fields.key(found, "id") == key else None

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        query = {"state": "all", "scope": "all", "order_by": "updated_at", "sort": "desc", "per_page": "100"}
        if since is not None:
            query["updated_after"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for page in transport.pages(f"{self._project(repository)}/merge_requests", query):
            for pull in transport.readable(self, page):
                yield replace(pull, work_items=None)  # it is told which issues it closes, and here only the words

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        path = f"{self._project(repository)}/merge_requests/{number}"
        pull = self.parse(transport.get_object(path))
        approved = fields.children(transport.get_object(f"{path}/approvals"), "approved_by") or ()
        closes = transport.get_list(f"{path}/closes_issues", {"per_page": "100"})
        items = linked_items(
            " ".join(f"closes #{fields.whole(issue, 'iid')}" for issue in closes), pull.title, pull.body
        )
        names = fields.present(fields.line(entry, "user", "username") for entry in approved)
        return replace(pull, reviews=tuple(Review(name, "approved") for name in sorted(names)), work_items=items)

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        path = f"{self._project(repository)}/merge_requests/{pull.number}/commits"
        listed = (
            (fields.sha(raw, "id"), fields.body(raw, "message"), fields.line(raw, "author_name", limit=200))
            for page in transport.pages(path, {"per_page": "100"})
            for raw in page
        )
        return holding(pull, listed)

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:
        path = f"{self._project(repository)}/merge_requests/{number}/resource_label_events"
        words = {"add": True, "remove": False}
        return told_labellings(
            (
                fields.line(raw, "label", "name"), fields.line(raw, "user", "username"),
                fields.instant(raw, "created_at"), words.get(fields.line(raw, "action") or ""),
            )
            for page in transport.pages(path, {"per_page": "100"})
            for raw in page
        )  # fmt: skip

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        notes = f"{self._project(repository)}/merge_requests/{pull.number}/notes"
        say(
            lambda: self._status(transport, repository, pull, answer),
            lambda: comment_once(transport, "PUT", notes, notes, answer.comment),
        )

    def _status(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        if pull.head_sha is None:
            return
        status: dict[str, object] = {
            "state": _STATUS[answer.state],
            "name": CONTEXT,
            "description": answer.summary[:255],
        }
        if answer.url:
            status["target_url"] = answer.url
        try:
            transport.send("POST", f"{self._project(repository)}/statuses/{pull.head_sha}", status)
        except ReleaseMgmtError as error:
            # "Cannot transition status via :enqueue from :pending": it says so already.
            if answer.state != "pending" or error.details.get("answered") != 400:
                raise

    @staticmethod
    def _project(repository: str) -> str:
        return f"/projects/{quote(repository, safe='')}"
