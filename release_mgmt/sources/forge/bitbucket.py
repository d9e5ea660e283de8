"""Bitbucket Cloud: no labels, no milestone, no merge date, and merge commits of 12 characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Review
from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.fields import Json
from release_mgmt.sources.forge.github import github_home, require_number
from release_mgmt.sources.forge.model import (
    CONTEXT,
    MARKER,
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
_STATES: dict[str, State] = {"OPEN": "open", "MERGED": "merged", "DECLINED": "closed", "SUPERSEDED": "closed"}
_STATUS = {"success": "SUCCESSFUL", "pending": "INPROGRESS", "failure": "FAILED"}


def _next(page: Json) -> str | None:
    following = page.get("next")
    return following if isinstance(following, str) else None


def _name(author: str | None) -> str | None:
    """The name in ``Name <address>``."""
    return author.partition(" <")[0] if author else None


def _as_github(raw: object) -> Json:
    return {"id": fields.get(raw, "uuid"), "full_name": fields.get(raw, "full_name")}


class Bitbucket:
    """The adapter; it has no state."""

    provider: Provider = "bitbucket"

    def parse(self, raw: Json) -> PullRequest:
        state = _STATES.get(fields.line(raw, "state") or "", "closed")
        title = fields.line(raw, "title") or ""
        text = fields.body(raw, "description")
        people = fields.children(raw, "participants")
        requested = fields.children(raw, "reviewers")
        return PullRequest(
            provider=self.provider,
            number=require_number(fields.whole(raw, "id"), "id"),
            title=title,
            state=state,
            body=text,
            # Since 2019 (GDPR) accounts have no public user name.
            author=fields.line(raw, "author", "display_name"),
            author_id=fields.line(raw, "author", "account_id"),
            base_ref=fields.line(raw, "destination", "branch", "name"),
            head_ref=fields.line(raw, "source", "branch", "name"),
            head_sha=fields.sha(raw, "source", "commit", "hash"),
            merge_sha=fields.sha(raw, "merge_commit", "hash") if state == "merged" else None,
            created_at=fields.instant(raw, "created_on"),
            merged_at=fields.instant(raw, "updated_on") if state == "merged" else None,
            merged_by=fields.line(raw, "closed_by", "display_name") if state == "merged" else None,
            updated_at=fields.instant(raw, "updated_on"),
            reviews=None if people is None else self._reviews(people),
            requested_reviewers=None
            if requested is None
            else fields.present(fields.line(person, "display_name") for person in requested),
            work_items=None if text is None else linked_items(title, text),
            draft=fields.truth(raw, "draft"),
            url=fields.line(raw, "links", "html", "href"),
        )

    @staticmethod
    def _reviews(people: tuple[Json, ...]) -> tuple[Review, ...]:
        names = fields.present(
            fields.line(person, "user", "display_name") for person in people if person.get("approved") is True
        )
        return tuple(Review(name, "approved") for name in sorted(names))

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:
        name = headers.get("X-Event-Key", "")
        kind: EventKind = "other"
        pull, tags, comment = None, tuple[TagChange, ...](), None
        if name == "pullrequest:comment_created":
            comment = self._comment(payload)
            kind = "comment" if comment else "other"
        elif name.startswith("pullrequest:") and isinstance(payload.get("pullrequest"), Mapping):
            kind, pull = "pull_request", self.parse(payload["pullrequest"])
        elif name == "repo:push":
            tags = tuple(self._tags(payload))
            kind = "tag" if tags else "push"
        elif name == "repo:updated":
            kind = "renamed"
        elif name == "diagnostics:ping":
            kind = "ping"
        return Event(
            self.provider, kind, name or "unknown", fields.line(payload, "repository", "full_name"),
            headers.get("X-Request-UUID"), name.partition(":")[2] or None, pull, tags, comment,
            fields.key(payload, "repository", "uuid"),
        )  # fmt: skip

    @staticmethod
    def _tags(payload: Json) -> Iterator[TagChange]:
        for change in fields.children(payload, "push", "changes") or ():
            gone = change.get("new") is None
            side = "old" if gone else "new"
            tag = fields.line(change, side, "name")
            if fields.get(change, side, "type") == "tag" and tag:
                yield TagChange(tag, None if gone else fields.sha(change, "new", "target", "hash"), deleted=gone)

    @staticmethod
    def _comment(payload: Json) -> Comment | None:
        number = fields.whole(payload, "pullrequest", "id")
        author = fields.line(payload, "actor", "account_id")  # a name is whatever somebody calls himself today
        if number is None or author is None:
            return None
        at = fields.instant(payload, "comment", "created_on")
        return Comment(number, author, fields.body(payload, "comment", "content", "raw") or "", at)

    def home(self, raw: Json) -> Home | None:
        return github_home(_as_github(fields.get(raw, "destination", "repository")))

    def named(self, transport: Transport, repository: str, key: str) -> str | None:  # noqa: ARG002 - the protocol's form
        # A workspace may be left empty where the repository goes by its id.
        found = github_home(_as_github(transport.get_object(f"/2.0/repositories/%7B%7D/{quote(key, safe='')}")))
        return found.name if found and found.id == key else None

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        # Without a state the API lists open ones only; `q` may name several.
        wanted = '(state="MERGED" OR state="OPEN" OR state="DECLINED" OR state="SUPERSEDED")'
        if since is not None:
            wanted += f" AND updated_on>={since.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S+00:00')}"
        query = {"q": wanted, "sort": "-updated_on", "pagelen": "50"}
        for page in transport.body_pages(f"/2.0/repositories/{repository}/pullrequests", query, _next):
            yield from transport.readable(self, fields.children(page, "values") or ())

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        return self.parse(transport.get_object(f"/2.0/repositories/{repository}/pullrequests/{number}"))

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        path = f"/2.0/repositories/{repository}/pullrequests/{pull.number}/commits"
        listed = (
            (fields.sha(raw, "hash"), fields.body(raw, "message"), _name(fields.line(raw, "author", "raw", limit=400)))
            for page in transport.body_pages(path, {"pagelen": "100"}, _next)
            for raw in fields.children(page, "values") or ()
        )
        return holding(pull, listed)

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:  # noqa: ARG002 - the protocol's form
        return None  # it has no labels

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        base = f"/2.0/repositories/{repository}"
        say(
            lambda: self._status(transport, base, pull, answer),
            lambda: self._comment_once(
                transport, f"{base}/pullrequests/{pull.number}/comments", f"{MARKER}\n{answer.comment}"
            ),
        )

    @staticmethod
    def _status(transport: Transport, base: str, pull: PullRequest, answer: Answer) -> None:
        if pull.head_sha is None:
            return
        status: dict[str, object] = {
            "key": CONTEXT,
            "state": _STATUS[answer.state],
            "description": answer.summary[:255],
            "url": answer.url or pull.url or "",
        }
        transport.send("POST", f"{base}/commit/{pull.head_sha}/statuses/build", status)

    @staticmethod
    def _comment_once(transport: Transport, comments: str, text: str) -> None:
        wanted = {"content": {"raw": text}}
        found = (
            (fields.whole(raw, "id"), str(fields.get(raw, "content", "raw") or ""))
            for page in transport.body_pages(comments, {"pagelen": "100"}, _next)
            for raw in fields.children(page, "values") or ()
            if raw.get("deleted") is not True  # its text stays in the list
        )
        edit_one_comment(
            found,
            text,
            lambda key: transport.send("PUT", f"{comments}/{key}", wanted),
            lambda: transport.send("POST", comments, wanted),
        )
