"""Azure DevOps Repos. ``repository`` is ``organisation/project/repository``; the base address has no organisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, unquote

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Review, WorkItem
from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.counting import Counted
from release_mgmt.sources.forge.fields import Json
from release_mgmt.sources.forge.github import require_number
from release_mgmt.sources.forge.model import (
    CONTEXT,
    MARKER,
    MOST_COMMITS,
    Answer,
    Comment,
    Event,
    EventKind,
    TagChange,
    holding,
    linked_items,
)
from release_mgmt.sources.forge.speaking import edit_one_comment, say
from release_mgmt.sources.forge.transport import Home, Transport

State = Literal["open", "closed", "merged"]
_STATES: dict[str, State] = {"active": "open", "completed": "merged", "abandoned": "closed"}
_STATUS = {"success": "succeeded", "pending": "pending", "failure": "failed"}
VERSION = "7.2-preview"
PAGE = 100
LIST_CUT = 400


def _vote(vote: int | None) -> str | None:
    """Votes are 10 approved, 5 approved with suggestions, 0 none, -5 waiting for the author, -10 rejected."""
    if vote is None or vote == 0:
        return None
    return "approved" if vote >= 5 else "changes_requested"


def _after(page: Json, start: int) -> int | None:
    count = len(fields.children(page, "value") or ())
    return start + count if count == PAGE else None


class Azure:
    """The adapter; it has no state."""

    provider: Provider = "azure"

    def parse(self, raw: Json) -> PullRequest:
        # Only `status` tells a merge: `mergeStatus` is about the test merge and says "queued" on completed ones.
        # It tells no instant of updates: an edited, voted on or reactivated one has only the dates that it had.
        state = _STATES.get(fields.line(raw, "status") or "", "open")
        title, text = fields.line(raw, "title") or "", fields.body(raw, "description")
        labels = fields.children(raw, "labels")
        reviewers = fields.children(raw, "reviewers")
        number = require_number(fields.whole(raw, "pullRequestId"), "pullRequestId")
        home = fields.line(raw, "repository", "webUrl") or fields.line(raw, "repository", "remoteUrl")
        return PullRequest(
            provider=self.provider,
            number=number,
            title=title,
            state=state,
            body="" if text is None else text,  # left out when empty
            author=fields.line(raw, "createdBy", "uniqueName"),
            author_id=fields.line(raw, "createdBy", "id"),
            labels=None if labels is None else fields.present(fields.line(label, "name") for label in labels),
            base_ref=fields.branch(fields.line(raw, "targetRefName")),
            head_ref=fields.branch(fields.line(raw, "sourceRefName")),
            head_sha=fields.sha(raw, "lastMergeSourceCommit", "commitId"),
            merge_sha=fields.sha(raw, "lastMergeCommit", "commitId") if state == "merged" else None,
            created_at=fields.instant(raw, "creationDate"),
            merged_at=fields.instant(raw, "closedDate") if state == "merged" else None,
            merged_by=fields.line(raw, "closedBy", "uniqueName") if state == "merged" else None,
            reviews=None if reviewers is None else self._reviews(reviewers),
            requested_reviewers=None
            if reviewers is None
            else fields.present(fields.line(item, "uniqueName") for item in reviewers if item.get("vote") == 0),
            work_items=self._items(raw, title, text),
            draft=fields.truth(raw, "isDraft"),
            url=f"{_without_user(home)}/pullrequest/{number}" if home else None,
        )

    @staticmethod
    def _items(raw: Json, title: str, text: str | None) -> tuple[WorkItem, ...] | None:
        refs = fields.children(raw, "workItemRefs")
        if refs is None:
            return linked_items(title, text) or None  # only what the words say; the forge may know more
        told = tuple(WorkItem(f"AB#{key}", fields.line(ref, "url")) for ref in refs if (key := fields.line(ref, "id")))
        known = {item.key for item in told}
        return told + tuple(item for item in linked_items(title, text) if item.key not in known)

    @staticmethod
    def _reviews(reviewers: tuple[Json, ...]) -> tuple[Review, ...]:
        found = {
            fields.line(item, "uniqueName") or "": word
            for item in reviewers
            if item.get("isContainer") is not True and (word := _vote(fields.whole(item, "vote")))
        }
        return tuple(Review(name, found[name]) for name in sorted(found) if name)

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:  # noqa: ARG002 - all is in the body
        name = fields.line(payload, "eventType") or "unknown"
        resource = payload.get("resource")
        kind: EventKind = "other"
        pull, tags, comment = None, tuple[TagChange, ...](), None
        if name == "ms.vss-code.git-pullrequest-comment-event":
            comment = self._comment(resource)
            kind = "comment" if comment else "other"
        elif name.startswith("git.pullrequest.") and isinstance(resource, Mapping):
            kind, pull = "pull_request", self.parse(resource)
        elif name == "git.push":
            tags = tuple(self._tags(resource))
            kind = "tag" if tags else "push"
        holder = resource if fields.get(resource, "repository") else fields.get(resource, "pullRequest")
        return Event(
            self.provider, kind, name, self._repository(holder), fields.line(payload, "id"),
            name.rpartition(".")[2], pull, tags, comment, fields.key(holder, "repository", "id"),
            fields.instant(payload, "createdDate"),
        )  # fmt: skip

    @staticmethod
    def _repository(holder: object) -> str | None:
        """``organisation/project/repository``, the organisation taken from the remote address, which lists leave out:
        then from that of the API where it begins with it, so that the new name of a project whose old one still works
        is known."""
        project = fields.line(holder, "repository", "project", "name")
        name = fields.line(holder, "repository", "name")
        told = fields.line(holder, "repository", "remoteUrl")
        remote = _without_user(told or fields.line(holder, "repository", "url") or "")
        host, *path = unquote(remote.partition("://")[2].partition("/_git/")[0]).split("/")
        if host.endswith(".visualstudio.com"):
            path = [host.split(".")[0]]
        elif host == "dev.azure.com":
            path = path[:1]
        elif told is None:
            path.clear()
        elif len(path) > 1 and path[-1] == project:  # a server of one's own; left out where the repository is called so
            path.pop()
        organisation = path[-1] if path else None
        return f"{organisation}/{project}/{name}" if organisation and project and name else None

    @staticmethod
    def _tags(resource: object) -> Iterator[TagChange]:
        for update in fields.children(resource, "refUpdates") or ():
            tag = fields.tag_name(update.get("name"))
            new = fields.sha(update, "newObjectId")
            if tag:
                yield TagChange(tag, new, deleted=new is None)

    @staticmethod
    def _comment(resource: object) -> Comment | None:
        number = fields.whole(resource, "pullRequest", "pullRequestId")
        author = fields.line(resource, "comment", "author", "uniqueName")
        if number is None or author is None:
            return None
        at = fields.instant(resource, "comment", "publishedDate")
        return Comment(number, author, fields.body(resource, "comment", "content") or "", at)

    def home(self, raw: Json) -> Home | None:
        key = fields.key(raw, "repository", "id")
        return Home(key, self._repository(raw)) if key else None

    def named(self, transport: Transport, repository: str, key: str) -> str | None:
        organisation, _, rest = repository.partition("/")
        path = self._path(f"{organisation}/{rest.partition('/')[0]}/{key}")
        found = transport.get_object(path, {"api-version": f"{VERSION}.1"})
        project, name = fields.line(found, "project", "name"), fields.line(found, "name")
        return f"{organisation}/{project}/{name}" if fields.key(found, "id") == key and project and name else None

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        yield from self._listed(transport, repository, "completed", since)
        yield from self._listed(transport, repository, "abandoned", since)
        # Active ones tell no instant of their last update, so all of them are read.
        yield from self._listed(transport, repository, "active", None)

    def _listed(
        self, transport: Transport, repository: str, status: str, since: datetime | None
    ) -> Iterator[PullRequest]:
        query = {"searchCriteria.status": status, "$top": str(PAGE), "api-version": f"{VERSION}.2"}
        if since is not None:
            query["searchCriteria.queryTimeRangeType"] = "closed"
            query["searchCriteria.minTime"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        following = Counted("$skip", "value", "pullRequestId", _after)  # one that changes its status leaves the list
        for page in transport.body_pages(f"{self._path(repository)}/pullrequests", query, following):
            for pull in transport.readable(self, fields.children(page, "value") or ()):
                # Lists cut a description at 400 characters: such a text is not the whole one. They tell no work items.
                body = pull.body if len(pull.body or "") < LIST_CUT else None
                yield replace(pull, body=body, work_items=None)

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        path = f"{self._path(repository)}/pullrequests/{number}"
        query = {"includeWorkItemRefs": "true", "api-version": f"{VERSION}.2"}
        raw = transport.get_object(path, query)
        labels_at = f"{self._path(repository)}/pullRequests/{number}/labels"
        labels = next(transport.body_pages(labels_at, {"api-version": f"{VERSION}.1"}, lambda _: None))
        found = fields.children(labels, "value") or ()
        return replace(self.parse(raw), labels=fields.present(fields.line(label, "name") for label in found))

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        path = f"{self._path(repository)}/pullRequests/{pull.number}/commits"
        query = {"$top": str(MOST_COMMITS), "api-version": f"{VERSION}.1"}
        page = next(transport.body_pages(path, query, lambda _: None))
        listed = (
            (fields.sha(raw, "commitId"), fields.body(raw, "comment"), fields.line(raw, "author", "name", limit=200))
            for raw in fields.children(page, "value") or ()
        )
        return holding(pull, listed)

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:  # noqa: ARG002 - the protocol's form
        return None  # its history of a pull request names no labels

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        base = f"{self._path(repository)}/pullRequests/{pull.number}"
        status: dict[str, object] = {
            "state": _STATUS[answer.state],
            "description": answer.summary[:255],
            "context": {"name": CONTEXT, "genre": "release"},
        }
        if answer.url:
            status["targetUrl"] = answer.url
        say(
            lambda: transport.send("POST", f"{base}/statuses?api-version={VERSION}.1", status),
            lambda: self._comment_once(transport, base, f"{MARKER}\n{answer.comment}"),
        )

    @staticmethod
    def _comment_once(transport: Transport, base: str, wanted: str) -> None:
        version = f"?api-version={VERSION}.1"
        try:
            threads = fields.children(transport.get_object(f"{base}/threads{version}"), "value") or ()
        except NotFound:
            threads = ()
        found = (
            (
                f"{base}/threads/{fields.whole(thread, 'id')}/comments/{fields.whole(comment, 'id')}",
                str(comment.get("content", "")),
            )
            for thread in threads
            for comment in fields.children(thread, "comments") or ()
            if comment.get("isDeleted") is not True
        )
        comments: list[object] = [{"parentCommentId": 0, "content": wanted, "commentType": "text"}]
        edit_one_comment(
            found,
            wanted,
            lambda where: transport.send("PATCH", where + version, {"content": wanted}),
            lambda: transport.send("POST", f"{base}/threads{version}", {"comments": comments, "status": "closed"}),
        )

    @staticmethod
    def _path(repository: str) -> str:
        parts = repository.split("/")
        if len(parts) != 3 or not all(parts):
            raise InvalidInput.at("repository", "Azure DevOps needs organisation/project/repository")
        organisation, project, name = (quote(part, safe="") for part in parts)
        return f"/{organisation}/{project}/_apis/git/repositories/{name}"


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
