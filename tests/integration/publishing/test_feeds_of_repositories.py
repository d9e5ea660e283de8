"""Feeds of releases when a repository is renamed, kept for its teams, opened again or deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest

from release_mgmt.core.audience import Audience
from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Role
from release_mgmt.formats.words import Words
from release_mgmt.services import feeds, people, publications, repositories, teams
from release_mgmt.services.actors import by_login
from release_mgmt.services.feeds import Answer, Feeds
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import OPERATOR, know, put
from tests.unit.publishing.samples import annotations, record
from tests.unit.publishing.test_calendar import change, window

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SITE = "https://releases.example"


@pytest.fixture
def world(store: Store) -> Store:
    """A repository of the team secret with two releases; bob is of that team, eve of none."""
    with store.write() as session:
        session.add(Team(slug="secret", name="Secret", created_at=NOW, updated_at=NOW))
        session.add(
            Repository(
                id="r_1", name="risk-models", location="/nowhere", adopted_at=NOW, created_at=NOW, updated_at=NOW,
                owner_team="secret", settings={}, diagnostics=[],
            )
        )  # fmt: skip
        publications.ingest(session, OPERATOR, NOW, record(), annotations())
    for login in ("bob", "eve"):
        people.add(store, OPERATOR, NOW, name=login, login=login, grants=(people.Grant(Role.READER),))
    teams.change(store, OPERATOR, NOW, "secret", members=["bob"])
    return store


def token_of(store: Store, login: str, **filters: object) -> str:
    made = feeds.create(store, by_login(store, login, NOW), NOW, name="x", filters=filters)
    assert made.token is not None
    return made.token


def fetch(served: Feeds, token: str) -> Answer:
    found = served.answer(token, "changelog.atom", 1, NOW)
    assert found is not None
    return found


def ids(answer: Answer) -> list[str]:
    return [entry.id for entry in feedparser.parse(answer.body).entries]


def edit(store: Store, at: datetime, **values: Any) -> None:
    repositories.edit(store, OPERATOR, at, "risk-models", version=None, values=values)


def kept(wanted: bool = True) -> Mapping[str, bool]:
    return {"teams_only": True} if wanted else {}


@pytest.mark.acceptance("FEED-6")
@pytest.mark.acceptance("CHG-D4")
def test_a_repository_that_is_kept_or_opened_moves_last_modified_of_feeds_that_lose_or_gain_it(world: Store) -> None:
    """Who asks by date alone would keep its releases for ever, and a process that kept the answer would send it on."""
    served = Feeds(world, SITE)
    bob, eve = token_of(world, "bob"), token_of(world, "eve")
    know(world, NOW, repositories=["other"])
    elsewhere = token_of(world, "eve", repositories=["other"])
    first = {token: fetch(served, token) for token in (bob, eve, elsewhere)}
    assert ids(first[eve]) == ids(first[bob]) != []
    edit(world, NOW + timedelta(hours=1), settings=kept())
    assert ids(fetch(served, eve)) == []
    assert fetch(served, eve).last_modified == NOW + timedelta(hours=1)
    edit(world, NOW + timedelta(hours=2), description="Models of risk")
    edit(world, NOW + timedelta(hours=3), settings=kept(False))
    assert ids(fetch(served, eve)) == ids(first[eve])
    assert fetch(served, eve).last_modified == NOW + timedelta(hours=3)
    edit(world, NOW + timedelta(hours=4), settings=kept())
    edit(world, NOW + timedelta(hours=5), owner_team=None)
    assert ids(fetch(served, bob)) == []
    assert fetch(served, bob).last_modified == NOW + timedelta(hours=5)
    assert fetch(served, eve).last_modified == NOW + timedelta(hours=4), "nothing more was taken from it"
    edit(world, NOW + timedelta(hours=6), owner_team="secret")
    again = fetch(served, bob)
    assert ids(again) == ids(first[bob])
    assert (fetch(served, elsewhere).etag, fetch(served, elsewhere).last_modified) == (
        first[elsewhere].etag, first[elsewhere].last_modified,
    )  # fmt: skip


@pytest.mark.acceptance("CHG-D3")
@pytest.mark.acceptance("FEED-3")
def test_a_renamed_repository_keeps_the_ids_of_its_releases_and_the_feeds_that_chose_it(world: Store) -> None:
    served = Feeds(world, SITE)
    all_of, one = token_of(world, "eve"), token_of(world, "eve", repositories=["risk-models"])
    before = fetch(served, all_of)
    by_api = feedparser.parse(api(world, "risk-models"))
    edit(world, NOW + timedelta(hours=1), name="credit-models")
    for token in (all_of, one):
        after = fetch(served, token)
        assert ids(after) == ids(before)
        assert b"credit-models 1.1" in after.body
        assert b"risk-models 1.1" not in after.body
        assert after.last_modified == NOW + timedelta(hours=1)
    chosen = {made.filters.repositories for made in feeds.of(world, by_login(world, "eve", NOW))}
    assert chosen == {(), ("credit-models",)}
    assert [entry.id for entry in feedparser.parse(api(world, "credit-models")).entries] == ids(before)
    assert [entry.id for entry in by_api.entries] == ids(before)


@pytest.mark.acceptance("FEED-5")
def test_a_renamed_repository_takes_no_cancelled_event_from_the_feeds_that_chose_it(world: Store) -> None:
    held = window(change(repository="risk-models"), change("c2", repository="other"))
    put(world, [held], at=NOW)
    put(world, [replace(held, changes=(), cancelled=True)], at=NOW + timedelta(minutes=1))
    token, served = token_of(world, "eve", repositories=["risk-models"]), Feeds(world, SITE)

    def events() -> list[bytes]:
        found = served.answer(token, "calendar.ics", 1, NOW + timedelta(hours=2))
        assert found is not None
        return re.findall(rb"BEGIN:VEVENT.*?END:VEVENT", found.body, re.DOTALL)

    before = events()
    assert len(before) == 1
    assert b"STATUS:CANCELLED" in before[0]
    edit(world, NOW + timedelta(hours=1), name="credit-models")
    assert events() == before


@pytest.mark.acceptance("FEED-13")
@pytest.mark.acceptance("CHG-D3")
def test_a_feed_chosen_by_team_holds_the_releases_with_a_change_that_affects_it(world: Store) -> None:
    """As the calendar of the same feed does, which asks the same."""
    newest = record().releases[0]
    with world.write() as session:
        publications.ingest(session, OPERATOR, NOW, record(), {})  # as releases are read: no text names a team
        session.add(
            Change(
                id=newest.entries[0].id, repository_id="r_1", key="1", title="x", state="released", level="minor",
                happened_at=NOW, created_at=NOW, updated_at=NOW, affected_teams=["secret"],
            )
        )  # fmt: skip
    know(world, NOW, teams=["elsewhere"])
    served = Feeds(world, SITE)
    titles = {
        team: [
            entry.title for entry in feedparser.parse(fetch(served, token_of(world, "eve", teams=[team])).body).entries
        ]
        for team in ("secret", "elsewhere")
    }
    assert titles == {"secret": [f"risk-models {newest.version}"], "elsewhere": []}


def api(store: Store, name: str) -> bytes:
    return publications.rendered(
        store, OPERATOR, name, say=Words("en"), site=SITE, audience=Audience.BUSINESS, form="atom"
    ).content


@pytest.mark.acceptance("CHG-D4")
def test_a_kept_repository_is_not_deleted_while_its_texts_would_be_open_to_everybody(world: Store) -> None:
    eve, served = token_of(world, "eve"), Feeds(world, SITE)
    edit(world, NOW, settings=kept())
    repositories.archive(world, OPERATOR, NOW, "risk-models")
    with pytest.raises(Conflict, match="kept for its teams"):
        repositories.remove(world, OPERATOR, NOW, "risk-models")
    assert ids(fetch(served, eve)) == []
    edit(world, NOW, settings=kept(False))
    repositories.remove(world, OPERATOR, NOW, "risk-models")
    assert len(ids(fetch(served, eve))) == 2
