"""What a read of the API costs: no more queries with ten times as many changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select

from release_mgmt.store.models.people import Team
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from tests.support.bulk import fill

NOT_HERE = {
    "api_breakglass.one": "nobody broke the glass here",
    "api_jobs.Job": "no job ran here",
    "api_messages.OneTarget": "no place where messages go is here",
    "api_messages.delivery": "no message left here",
    "api_requests.OneRequest": "nobody asked for anything here",
    "api_sources.Delivery": "no webhook came here",
    "api_feeds.Subscription": "nobody subscribed here",
    "api_changelogs.one": "nothing was published here",
    "api_changelogs.diff": "nothing was published here",
    "api_changelogs.Revisions": "nothing was published here",
    "api_sources.Source": "no repository is connected to a forge here",
}
"""Reads of one thing that the installation does not have, and why."""
MORE = {
    "gate": "repository=fraud-scoring&environment=prod&change=c0",
    "exports/aws-change-calendar": "calendar=releases&kind=windows",
}
"""What a read must be told."""


class Reader:
    """Somebody who asks one installation, with the number of queries of each answer."""

    def __init__(self, client: FlaskClient, store: Store, cookie: tuple[str, str]) -> None:
        self.client, self.store, self.seen = client, store, 0
        client.set_cookie(*cookie)
        event.listen(store.engine, "before_cursor_execute", self._count)
        with store.read() as session:
            window = session.scalars(select(PlacementRow.window).where(PlacementRow.window.is_not(None))).first()
            team = session.scalars(select(Team.slug)).first()
        self.named = {
            "calendar": "releases", "change": "c0", "repository": "pricing-model", "person": "mia", "version": "1.1.0",
            "figure": "release_frequency", "provider": "github", "window": window, "key": window, "team": team,
        }  # fmt: skip

    def _count(self, *_: object) -> None:
        self.seen += 1

    def address(self, rule: str, arguments: set[str]) -> str:
        """A rule with its arguments filled in."""
        path = rule.replace("<path:", "<")
        for name in arguments:
            path = path.replace(f"<{name}>", str(self.named[name]))
        more = MORE.get(rule.removeprefix("/api/v1/"))
        return f"{path}?{more}" if more else path

    def queries(self, address: str) -> int:
        """How many one read makes, when what a process reads once is warm."""
        for _ in range(2):
            self.seen = 0
            with self.client.get(address) as answer:
                assert answer.status_code == 200, (address, answer.text[:300])  # what is streamed is read whole
        return self.seen


@pytest.fixture(scope="module")
def readers(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, Reader]]:
    """Of an installation with some changes, and of one with ten times as many."""
    made = []
    for changes in (40, 400):
        path = tmp_path_factory.mktemp(f"costs-{changes}")
        shutil.copy(sqlite_template, path / "release-mgmt.db")
        app, store, cookie = fill(path, changes)
        made.append(Reader(app.test_client(), store, cookie))
    yield made[0], made[1]
    for one in made:
        one.store.close()


def test_no_read_of_the_api_makes_more_queries_for_more_changes(readers: tuple[Reader, Reader]) -> None:
    few, many = readers
    asked = set()
    grown = {}
    for rule in few.client.application.url_map.iter_rules():
        if not str(rule).startswith("/api/v1") or "GET" not in (rule.methods or ()) or rule.endpoint in NOT_HERE:
            continue
        before = few.queries(few.address(str(rule), rule.arguments))
        after = many.queries(many.address(str(rule), rule.arguments))
        asked.add(rule.endpoint)
        if after > before:
            grown[str(rule)] = (before, after)
    assert grown == {}
    assert len(asked) > 40
