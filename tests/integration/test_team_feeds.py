"""Feeds of what is kept for teams: whom it concerns is told, and nobody else's feed differs by a byte."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.core.permissions import Actor, Role, Scope, Via
from release_mgmt.services import federation, feeds, people, plans, publications, repositories, teams
from release_mgmt.services.actors import SessionLimits, by_login
from release_mgmt.services.feed_events import teams as team_events
from release_mgmt.services.feeds import Feeds, rendering
from release_mgmt.store.models.people import Person, Team, TeamMember
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import know
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, seed

SITE = "https://releases.example"
PEOPLE = {"ada": "fraud", "bob": "secret", "eve": None, "joe": "risk"}


@pytest.fixture
def world(store: Store) -> Store:
    """An open repository, and one kept for the team secret with a change that affects fraud and one that does not."""
    with store.write() as session:
        for slug in ("fraud", "secret", "risk"):
            session.add(Team(slug=slug, name=slug.title(), created_at=NOW, updated_at=NOW))
    seed(store, "m1")
    seed(store, "k1 k2", "hush")
    with store.write() as session:
        session.execute(update(Repository).where(Repository.name == "hush").values(owner_team="secret"))
        session.get_one(Repository, "r_hush").settings = {"teams_only": True}
        session.get_one(Change, "k1").affected_teams = ["fraud"]
    for login, team in PEOPLE.items():
        person = people.add(
            store, OPERATOR, NOW, name=login.title(), login=login, grants=(people.Grant(Role.ENGINEER),)
        )
        if team:
            with store.write() as session:
                session.add(TeamMember(team=team, person_id=person.id))
    apply(store)
    return store


def feed(store: Store, login: str, **filters: object) -> str:
    made = feeds.create(store, by_login(store, login, NOW), NOW, name="x", audience="engineering", filters=filters)
    assert made.token is not None
    return made.token


def read(store: Store, token: str, served: Feeds | None = None) -> str:
    answer = (served or Feeds(store, SITE)).answer(token, "calendar.ics", 1, NOW)
    assert answer is not None
    return answer.body.decode().replace("\r\n ", "").replace(token, "TOKEN")


def titles(store: Store, token: str, served: Feeds | None = None) -> set[str]:
    text = read(store, token, served)
    return {name for name in ("m1", "k1", "k2") if f"Change {name}" in text}


def test_each_feed_holds_what_its_person_may_know_of(world: Store) -> None:
    seen = {login: titles(world, feed(world, login)) for login in PEOPLE}
    assert seen == {"ada": {"m1", "k1"}, "bob": {"m1", "k1", "k2"}, "eve": {"m1"}, "joe": {"m1"}}
    assert titles(world, feed(world, "bob", teams=["secret"])) == {"k1", "k2"}, "a filter by the owning team"
    assert titles(world, feed(world, "ada", teams=["fraud"], calendars=["releases"])) == {"k1"}
    assert titles(world, feed(world, "eve", teams=["fraud"])) == set()
    know(world, NOW, calendars=["elsewhere"])
    assert titles(world, feed(world, "bob", calendars=["elsewhere"])) == set()
    nobody = feeds.create(world, OPERATOR, NOW, name="wall", audience="engineering")
    assert titles(world, nobody.token or "") == {"m1"}, "a feed of no person"


def test_a_preview_counts_for_its_person_only(world: Store) -> None:
    counts = {
        login: feeds.preview(world, by_login(world, login, NOW), NOW, audience="engineering", filters={})[0]
        for login in PEOPLE
    }
    assert counts["eve"] == counts["joe"]
    assert counts["ada"] == counts["eve"] + 1
    assert counts["bob"] == counts["eve"] + 1, "both changes go in one window"


def test_another_persons_feed_does_not_move_by_a_byte(world: Store) -> None:
    """Neither its events nor its dates, whatever becomes of what is kept."""
    served, eve, ada = Feeds(world, SITE), feed(world, "eve"), feed(world, "ada")
    before = read(world, eve, served)
    changed = read(world, ada, served)
    publications.set_internal(world, OPERATOR, NOW, "k1", internal=True, reason="a customer is named")
    with world.write() as session:
        session.get_one(Change, "k1").title = "Change k1, better"
        session.get_one(Change, "k1").updated_at = NOW + timedelta(minutes=1)
    plans.replan(world, OPERATOR, NOW + timedelta(minutes=2), "releases")
    assert read(world, eve, served) == before
    assert read(world, ada, served) != changed
    assert read(world, eve) == before


def test_who_joins_or_leaves_a_team_sees_so_at_once(world: Store) -> None:
    served, token = Feeds(world, SITE), feed(world, "eve")
    assert titles(world, token, served) == {"m1"}
    eve = by_login(world, "eve", NOW).person
    with world.write() as session:
        session.add(TeamMember(team="fraud", person_id=eve))
    assert titles(world, token, served) == {"m1", "k1"}
    with world.write() as session:
        session.execute(delete(TeamMember).where(TeamMember.person_id == eve))
    assert titles(world, token, served) == {"m1"}


@pytest.mark.acceptance("FEED-6")
def test_last_modified_moves_for_who_joins_or_leaves_and_for_nobody_else(world: Store) -> None:
    """Who asks by date alone would keep the team's events for ever; a team that nothing is kept for moves nothing."""
    served, eve, joe = Feeds(world, SITE), feed(world, "eve"), feed(world, "joe")

    def changed(token: str, document: str = "calendar.ics") -> datetime:
        answer = served.answer(token, document, 1, NOW + timedelta(hours=9))
        assert answer is not None
        return answer.last_modified

    first, other = changed(eve), changed(joe)
    for hour, members in ((1, ["eve", "ada"]), (2, ["ada"])):
        teams.change(world, OPERATOR, NOW + timedelta(hours=hour), "fraud", members=members)
        assert changed(eve) == changed(eve, "changelog.atom") == NOW + timedelta(hours=hour)
    teams.change(world, OPERATOR, NOW + timedelta(hours=3), "fraud", name="Fraud desk", members=["ada"])
    teams.change(world, OPERATOR, NOW + timedelta(hours=3), "risk", members=["eve", "joe"])
    assert changed(eve) == NOW + timedelta(hours=2) > first
    assert changed(joe) == other


def test_a_team_by_sign_in_moves_last_modified_once(world: Store) -> None:
    mapping = federation.group_map(["desk=team:fraud"], "engineer")

    def sign_in(hour: int, *groups: str) -> str | None:
        done = federation.sign_in(
            world, NOW + timedelta(hours=hour), issuer="https://id.example", claims={"sub": "zoe", "name": "Zoe"},
            groups=groups, mapping=mapping, limits=SessionLimits(), origin=None,
        )  # fmt: skip
        return done.actor.person

    zoe = sign_in(0)
    with world.write() as session:
        session.get_one(Person, zoe).login = "zoe"
    token, served = feed(world, "zoe"), Feeds(world, SITE)
    for hour, groups, moved in ((1, ["desk"], 1), (2, ["desk"], 1), (3, [], 3)):
        sign_in(hour, *groups)
        answer = served.answer(token, "calendar.ics", 1, NOW + timedelta(hours=9))
        assert answer is not None
        assert answer.last_modified == NOW + timedelta(hours=moved)


def test_who_left_a_team_never_gets_its_events_again_when_rendering_fails(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, token = Feeds(world, SITE), feed(world, "ada")
    assert titles(world, token, served) == {"m1", "k1"}
    teams.change(world, OPERATOR, NOW + timedelta(hours=1), "fraud", members=[])
    monkeypatch.setattr(rendering.Parts, "join", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read(world, token, served)


def test_what_is_no_longer_kept_is_told_to_all_and_called_off_in_the_teams_own_events(world: Store) -> None:
    eve, ada = feed(world, "eve"), feed(world, "ada")
    repositories.edit(world, OPERATOR, NOW + timedelta(minutes=1), "hush", version=None, values={"settings": {}})
    assert titles(world, eve) == {"m1", "k1", "k2"}
    assert read(world, ada).count("STATUS:CANCELLED") == 1
    with world.read() as session:
        rows = session.scalars(select(FeedEventRow).where(FeedEventRow.calendar.contains(team_events.MARK)))
        assert {row.sequence for row in rows if row.cancelled_at} == {1}


@pytest.mark.acceptance("CHG-D4")
def test_what_is_kept_from_now_on_leaves_everybody_s_calendar_at_once(world: Store) -> None:
    eve, ada, at = feed(world, "eve"), feed(world, "ada"), NOW + timedelta(minutes=1)
    with pytest.raises(InvalidInput):
        feed(world, "eve", repositories=["hush"])
    repositories.edit(world, OPERATOR, at, "hush", version=None, values={"settings": {}})
    one = feed(world, "eve", repositories=["hush"])
    assert titles(world, one) >= {"k1", "k2"}
    repositories.edit(world, OPERATOR, at, "hush", version=None, values={"name": "quiet"})
    assert titles(world, one) >= {"k1", "k2"}, "what was chosen by the old name is chosen by the new one"
    repositories.edit(world, OPERATOR, at, "quiet", version=None, values={"settings": {"teams_only": True}})
    assert (titles(world, eve), titles(world, ada)) == ({"m1"}, {"m1", "k1"})


def test_the_events_of_a_team_are_asked_for_by_no_other_door(world: Store) -> None:
    reader = Actor("p", "P", frozenset({Role.READER}), scopes=frozenset({Scope.READ}), via=Via.TOKEN)
    with pytest.raises(NotFound):
        feeds.export_aws(world, reader, NOW, kind="windows", calendar=team_events.own("releases", "fraud"))
    with world.read() as session:
        assert session.scalar(select(FeedEventRow.uid).where(FeedEventRow.calendar.contains(team_events.MARK)))
