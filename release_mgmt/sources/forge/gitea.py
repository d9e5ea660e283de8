"""Gitea and Forgejo: close to GitHub's form, with differences that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from release_mgmt.core.changes import Labelling, Provider, PullRequest
from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.fields import Json
from release_mgmt.sources.forge.github import GitHub, answer_with, listed_commits, newest_first, read_reviews
from release_mgmt.sources.forge.model import CONTEXT, MOST_EVENTS, Answer, Event, holding, told_labellings
from release_mgmt.sources.forge.transport import Home, Transport


class Gitea:
    """The adapter; it has no state."""

    provider: Provider = "gitea"

    def parse(self, raw: Json) -> PullRequest:
        pull = GitHub().parse(raw)
        return replace(pull, provider=self.provider, draft=fields.truth(raw, "draft"))

    def event(self, headers: Mapping[str, str], payload: Json) -> Event:
        name = headers.get("X-Gitea-Event") or headers.get("X-Forgejo-Event") or headers.get("X-Gogs-Event") or ""
        delivery = headers.get("X-Gitea-Delivery") or headers.get("X-Forgejo-Delivery")
        alike = GitHub().event({"X-GitHub-Event": name, "X-GitHub-Delivery": delivery or ""}, payload)
        pull = replace(alike.pull_request, provider=self.provider) if alike.pull_request else None
        return replace(alike, provider=self.provider, delivery_id=delivery, pull_request=pull)

    def home(self, raw: Json) -> Home | None:
        return GitHub().home(raw)

    def named(self, transport: Transport, repository: str, key: str) -> str | None:
        return GitHub().named(transport, repository, key)  # it took this over, too

    def changed(self, transport: Transport, repository: str, since: datetime | None) -> Iterator[PullRequest]:
        query = {"state": "all", "sort": "recentupdate", "limit": "50"}
        yield from newest_first(transport, self, f"/repos/{repository}/pulls", query, since)

    def one(self, transport: Transport, repository: str, number: int) -> PullRequest:
        raw = transport.get_object(f"/repos/{repository}/pulls/{number}")
        reviews = read_reviews(transport, f"/repos/{repository}/pulls/{number}/reviews", {"limit": "50"})
        return replace(self.parse(raw), reviews=reviews)

    def with_commits(self, transport: Transport, repository: str, pull: PullRequest) -> PullRequest:
        path = f"/repos/{repository}/pulls/{pull.number}/commits"
        query = {"limit": "50", "files": "false", "verification": "false"}
        return holding(pull, listed_commits(transport, path, query))

    def labellings(self, transport: Transport, repository: str, number: int) -> tuple[Labelling, ...] | None:
        return told_labellings(
            (
                fields.line(raw, "label", "name"), fields.line(raw, "user", "login"),
                fields.instant(raw, "created_at"), raw.get("body") == "1",
            )
            for raw in self._timeline(transport, f"/repos/{repository}/issues/{number}/timeline")
            if raw.get("type") == "label"
        )  # fmt: skip

    @staticmethod
    def _timeline(transport: Transport, path: str) -> Iterator[Json]:
        """All of it. The answers tell no next page, and a page is short where the server's own limit is lower or
        entries are hidden from us: one that holds nothing new is the end."""
        seen = set[object]()
        for page in range(1, MOST_EVENTS // 50 + 1):
            listed = transport.get_list(path, {"page": str(page), "limit": "50"})
            fresh = [raw for raw in listed if raw.get("id") not in seen]
            if not fresh:
                return
            yield from fresh
            seen.update(raw.get("id") for raw in fresh)

    def answer(self, transport: Transport, repository: str, pull: PullRequest, answer: Answer) -> None:
        status = {
            "state": answer.state,
            "context": CONTEXT,
            "description": answer.summary[:255],
            "target_url": answer.url or "",
        }
        answer_with(transport, repository, pull, answer.comment, status)
