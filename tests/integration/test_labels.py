"""Labels that set a level: who put them on, who may, and what is left of it when they go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from release_mgmt.core.changes import Labelling, PullRequest
from release_mgmt.core.classification import load_rules
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import changes, forges, overrides, people, pull_requests, tags
from release_mgmt.services.actors import by_login
from release_mgmt.services.classify import default_rules
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.repositories import Change, ClassificationRow, Repository
from release_mgmt.store.session import Store
from tests.integration.test_ingest import line
from tests.loopback import Reply, Server

OPERATOR = trusted("operator", Via.CLI)
MAJOR, MINOR = "level: major", "Level: Minor"


@pytest.fixture
def place(store: Store, now: datetime) -> Store:
    """A merged change that the rules call minor; an engineer, a manager and somebody who may nothing."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location="https://git.example.org/acme/models", provider="github",
                forge_slug="acme/models", adopted_at=now - timedelta(days=90), created_at=now, updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Change(
                id="c_1", repository_id="r_1", key="pr-7", title="Tune", author="mira", provider="github", number=7,
                state="draft", level="minor", kind="parameter_only", needs_review=False, happened_at=now,
                created_at=now, updated_at=now, rank=1,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            ClassificationRow(
                change_id="c_1", level="minor", kind="parameter_only", needs_review=False, rule="parameter",
                new_libraries=[], evidence=[], classified_at=now, content="x", policy="x",
            )
        )  # fmt: skip
    for login, role in (("noor", Role.ENGINEER), ("max", Role.RELEASE_MANAGER), ("rae", Role.READER)):
        grant = people.Grant(role, "*") if role is Role.RELEASE_MANAGER else people.Grant(role)
        person = people.add(store, OPERATOR, now, name=login.title(), login=login, grants=(grant,))
        people.link(store, OPERATOR, now, person.id, kind="github", value=f"{login}-hub")
    return store


class Life:
    """The labels of pull request 7 over time, an hour between two words, told to the store when asked."""

    def __init__(self, store: Store, now: datetime) -> None:
        self.store, self.now, self.told = store, now, list[Labelling]()

    def say(self, who: str, label: str, *, on: bool = True) -> Life:
        self.now += timedelta(hours=1)
        self.told.append(Labelling(label, f"{who}-hub", self.now, on))
        return self

    def settle(self) -> tags.Settled:
        record = PullRequest("github", 7, "Tune", "merged", merged_at=self.now, updated_at=self.now,
                             labellings=tuple(self.told))  # fmt: skip
        with self.store.write() as session:
            pull_requests.keep(session, "r_1", [record])
        return tags.settle(self.store, self.now + timedelta(minutes=30), "r_1")

    @property
    def level(self) -> tuple[str | None, bool]:
        with self.store.read() as session:
            change = session.get_one(Change, "c_1")
            return change.level, change.overridden


@pytest.fixture
def life(place: Store, now: datetime) -> Life:
    return Life(place, now - timedelta(days=2))


def test_a_label_by_an_engineer_is_an_override_with_who_and_when(life: Life) -> None:
    assert life.say("noor", MAJOR).settle() == tags.Settled(set=1)
    (made,) = changes.get(life.store, OPERATOR, "c_1").overrides
    person = by_login(life.store, "noor", life.now).person
    assert (made.level, made.source, made.made_by, made.made_at) == ("major", "label", person, life.now)
    assert made.reason == "label level: major on github"
    assert life.level == ("major", True)
    assert [life.settle() for _ in range(3)] == [tags.Settled()] * 3, "told again it is nothing new"


def test_a_label_by_somebody_without_the_right_or_unknown_stays_evidence(life: Life) -> None:
    life.say("rae", MAJOR).say("nobody", MAJOR)
    assert life.settle() == tags.Settled(refused=("nobody-hub: level: major",))
    assert life.level == ("minor", False)
    life.say("noor", MAJOR, on=False).say("rae", MAJOR)
    assert life.settle().refused == ("rae-hub: level: major",)
    life.say("noor", "bug").settle()
    assert life.level == ("minor", False)


def test_a_refused_label_leaves_the_word_to_the_one_before(life: Life) -> None:
    life.say("noor", MAJOR).say("rae", MINOR)
    assert life.settle() == tags.Settled(set=1, refused=("rae-hub: Level: Minor",))
    assert life.level == ("major", True)
    life.say("max", MINOR, on=False).say("max", MINOR)
    assert life.settle().set == 1
    assert life.level == ("minor", True)


def test_a_refused_label_is_shown_with_the_change_until_it_is_granted_or_taken_off(life: Life) -> None:
    def shown() -> list[tuple[str, str, str]]:
        found = changes.get(life.store, OPERATOR, "c_1", life.now).refusals
        return [(one.by, one.asked, one.why) for one in found]

    life.say("rae", MAJOR).settle()
    assert shown() == [("rae-hub", MAJOR, "Your role does not allow this.")]
    rae = by_login(life.store, "rae", life.now).person
    people.change(life.store, OPERATOR, life.now, rae or "", grants=(people.Grant(Role.ENGINEER),))
    assert shown() == [], "the next sync carries it out"
    life.settle()
    assert (shown(), life.level) == ([], ("major", True))
    life.say("nobody", MINOR).settle()
    assert shown() == [("nobody-hub", MINOR, "Nobody here is known as nobody-hub on github.")]
    life.say("noor", MINOR, on=False).settle()
    assert shown() == []
    life.say("nobody", MAJOR, on=False).settle()
    assert [one[:2] for one in shown()] == [("nobody-hub", f"-{MAJOR}")]


def test_taking_a_label_off_gives_the_level_back_and_both_are_on_record(life: Life) -> None:
    life.say("noor", MAJOR).settle()
    life.say("rae", MAJOR, on=False)
    assert life.settle() == tags.Settled(refused=("rae-hub: level: major",)), "a reader takes nothing back"
    assert life.level == ("major", True)
    life.say("noor", MAJOR).say("noor", MAJOR, on=False)
    assert life.settle() == tags.Settled(withdrawn=1), "who put it on may take it off"
    assert life.level == ("minor", False)
    (made,) = changes.get(life.store, OPERATOR, "c_1").overrides
    assert made.withdrawn_at == life.now
    with life.store.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.subject == "change:c_1").order_by(AuditRow.number))
        assert [(row.action, row.reason) for row in rows] == [
            ("level.raise", "label level: major on github"),
            ("level.withdraw", "label level: major on github taken off"),
        ]


def test_a_later_decision_by_a_person_is_not_undone_by_an_older_label(life: Life) -> None:
    life.say("noor", MAJOR)
    manager = by_login(life.store, "max", life.now)
    overrides.override(life.store, manager, life.now + timedelta(minutes=1), "c_1", "minor", "Only a report reads it")
    assert life.settle() == tags.Settled()
    assert life.level == ("minor", True)


@pytest.mark.acceptance("ING-6")
@pytest.mark.parametrize("stepwise", [True, False])
def test_however_often_and_in_whatever_order_labels_are_told_the_end_is_the_same(
    life: Life, now: datetime, stepwise: bool
) -> None:
    """Settled after each word, or only at the end; then told again, twice and shuffled."""
    words = [("noor", MAJOR, True), ("noor", MAJOR, False), ("max", MINOR, True), ("noor", MAJOR, True),
             ("max", MINOR, False)]  # fmt: skip
    for who, label, on in words:
        life.say(who, label, on=on)
        if stepwise:
            life.settle()
    chance = random.Random(4)
    for _ in range(5):
        life.settle()
        chance.shuffle(life.told)
        life.told += life.told[:2]
    (newest,) = [one for one in changes.get(life.store, OPERATOR, "c_1").overrides if one.withdrawn_at is None]
    assert newest.made_by == by_login(life.store, "noor", now).person
    assert (newest.level, newest.made_at) == ("major", life.now - timedelta(hours=1))
    assert life.level == ("major", True)


def test_which_labels_set_a_level_is_in_the_rules(life: Life) -> None:
    assert set(default_rules().tags) == {"level: major", "level: minor"}
    assert set(default_rules('[tags]\nmajor = ["Breaks others"]\n').tags) == {"breaks others", "level: minor"}
    assert default_rules("[tags]\nmajor = []\n").digest == default_rules().digest, "no verdict depends on them"
    for wrong in ('[tags]\nhuge = ["x"]\n', "[tags]\nmajor = 'x'\n", '[tags]\nmajor = [""]\n'):
        with pytest.raises(InvalidInput, match="line 2"):
            load_rules(wrong)


@pytest.fixture
def hub(life: Life, now: datetime) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]], Server]]:
    """GitHub with pull request 7 and its events."""
    pull: dict[str, Any] = {
        "number": 7, "title": "Tune", "state": "closed", "merged_at": now.isoformat(), "body": "", "labels": [],
        "updated_at": now.isoformat(), "merge_commit_sha": "a" * 40, "user": {"login": "mira"},
    }  # fmt: skip
    events: list[dict[str, Any]] = []

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        match path.partition("?")[0].split("/")[4:]:
            case ["pulls"]:
                return 200, {}, [pull]
            case ["pulls", "7"]:
                return 200, {}, pull
            case ["issues", "7", "events"]:
                return 200, {}, events
        return 200, {}, []

    server = Server(reply)
    forges.connect(life.store, OPERATOR, now, "models", provider="github", forge_slug="a/b", api_url=server.url)
    yield pull, events, server
    server.stop()


def test_the_forge_is_asked_who_put_a_label_on_only_when_there_is_one_and_something_changed(
    life: Life, hub: tuple[dict[str, Any], list[dict[str, Any]], Server], now: datetime
) -> None:
    pull, events, server = hub

    def poll(minutes: int) -> tuple[int, str | None]:
        at = now + timedelta(minutes=minutes)
        before = len([one for one in server.seen if "/events" in one[1]])
        assert forges.poll(life.store, line(at), "r_1").error is None
        tags.settle(life.store, at, "r_1")
        return len([one for one in server.seen if "/events" in one[1]]) - before, life.level[0]

    def event(name: str, minutes: int) -> None:
        at = (now + timedelta(minutes=minutes)).isoformat()
        events.append({"event": name, "actor": {"login": "noor-hub"}, "label": {"name": MAJOR}, "created_at": at})
        pull.update(updated_at=at, labels=[{"name": MAJOR}] if name == "labeled" else [])

    assert poll(0) == (0, "minor")
    event("labeled", 1)
    assert poll(2) == (1, "major")
    assert poll(3) == (0, "major")
    event("unlabeled", 4)
    assert poll(5) == (1, "minor")
    assert poll(6) == (0, "minor")


def test_a_webhook_has_the_forge_asked_at_once(life: Life, now: datetime) -> None:
    later = now + timedelta(minutes=5)
    forges.connect(life.store, OPERATOR, later, "models", provider="github", forge_slug="a/b")
    assert forges.due(life.store, now) == ()
    with life.store.write() as session:
        forges.hasten(session, "r_1", now)
    assert forges.due(life.store, now) == ("r_1",)


def test_a_forge_that_asked_us_to_wait_is_not_asked_sooner(life: Life, now: datetime) -> None:
    forges.connect(
        life.store, OPERATOR, now, "models", provider="github", forge_slug="a/b", api_url="http://127.0.0.1:9"
    )
    forges.poll(life.store, replace(line(now)), "r_1")
    with life.store.write() as session:
        forges.hasten(session, "r_1", now)
    assert forges.due(life.store, now) == ()
