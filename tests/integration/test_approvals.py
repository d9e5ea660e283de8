"""Votes and break-glass on real databases: what is stored, who is refused, and what happens all at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from release_mgmt.core.approvals import Blocker, State, Status, Verdict
from release_mgmt.core.errors import Conflict, Forbidden, NotFound, ReleaseMgmtError, StaleVersion
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Actor, Identity, Role, Via, trusted
from release_mgmt.services import (
    actors,
    approvals,
    audit,
    breakglass,
    feeds,
    parties,
    people,
    personal_data,
    plans,
    rollback_plans,
    teams,
    window_votes,
)
from release_mgmt.store.models.approvals import VoteRow
from release_mgmt.store.models.base import Base
from release_mgmt.store.models.messages import MessageEvent
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.publishing import SubscriptionRow
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    Commit,
    PullRequestRow,
    Release,
    Repository,
    Tag,
)
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow
from release_mgmt.store.session import Store, TryAgain

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = datetime(2026, 11, 24, 17, tzinfo=UTC)
KEY = "weekly@2026-11-24T18:00"
OPERATOR = trusted("operator", Via.CLI)
DOCUMENT = {
    "calendar": "Pricing", "time_zone": "Europe/Berlin",
    "business_days": {"weekend": ["sat", "sun"], "cut_off": "16:00"},
    "policy": {
        "approvals": {
            "minor": {"release_managers": 1},
            "major": {"release_managers": 2, "each_affected_team": True},
            "expire_days": 30,
        }
    },
    "series": [
        {"id": "weekly", "levels": ["minor", "major"], "environments": ["prod", "staging"],
         "start": "2026-11-24T18:00", "end": "2026-11-24T22:00", "rrule": "FREQ=WEEKLY"}
    ],
}  # fmt: skip


@dataclass
class Town:
    """A small organisation: people by login, one calendar, changes in one window."""

    store: Store
    ids: dict[str, str]

    def actor(self, login: str, now: datetime = NOW) -> Actor:
        return actors.by_login(self.store, login, now, via=Via.CLI)

    def change(
        self, change: str, *, level: str = "minor", author: str | None = "author@example.org", **more: Any
    ) -> str:
        """A change of one commit, placed in the window in prod."""
        with self.store.write() as session:
            session.add(
                Change(
                    id=change,
                    repository_id="r1",
                    key=change,
                    title=f"Change {change}",
                    state="announced",
                    level=level,
                    head_sha=f"{change}-1",
                    happened_at=NOW,
                    created_at=NOW,
                    updated_at=NOW,
                    affected_teams=more.pop("teams", []),
                    **more,
                )
            )
            session.add(
                Commit(
                    repository_id="r1",
                    sha=f"{change}-1",
                    position=0,
                    parents="",
                    author="A",
                    author_key=author,
                    subject="s",
                    body=None,
                )
            )
            session.flush()
            session.add(ChangeCommit(change_id=change, sha=f"{change}-1", repository_id="r1", position=0))
            session.add(
                PlacementRow(
                    change_id=change,
                    environment="prod",
                    calendar_id="c1",
                    window=KEY,
                    starts_at=START,
                    ends_at=START + timedelta(hours=4),
                    why="first_fit",
                    updated_at=NOW,
                )
            )
        return change

    def vote(self, login: str, change: str, verdict: Verdict = Verdict.APPROVE, **more: Any) -> Any:
        now = more.pop("now", NOW)
        reason = more.pop("reason", "because" if verdict is Verdict.REJECT else None)
        return approvals.vote(self.store, self.actor(login, now), now, change, "prod", verdict, reason=reason, **more)

    def status(self, change: str, now: datetime = NOW) -> Status:
        with self.store.read() as session:
            return approvals.status(session, change, "prod", now)

    def state(self, change: str) -> str | None:
        with self.store.read() as session:
            return session.scalar(select(Change.state).where(Change.id == change))

    def move(self, change: str, start: datetime, key: str = "weekly@2026-12-01T18:00") -> None:
        with self.store.write() as session:
            row = session.get(PlacementRow, (change, "prod"))
            assert row is not None
            row.window, row.starts_at = key, start


@pytest.fixture
def town(one_store: Store) -> Town:
    """The organisation on SQLite."""
    return settled(one_store)


@pytest.fixture
def both(store: Store) -> Town:
    """The organisation, once on SQLite and once on PostgreSQL."""
    return settled(store)


def settled(store: Store) -> Town:
    """An organisation with its people, calendar, repository and window."""
    ids = {}
    for login, grant in {
        "m1": people.Grant(Role.RELEASE_MANAGER, "pricing"), "m2": people.Grant(Role.RELEASE_MANAGER, "pricing"),
        "m3": people.Grant(Role.RELEASE_MANAGER, "*"), "other": people.Grant(Role.RELEASE_MANAGER, "risk"),
        "author": people.Grant(Role.ENGINEER), "f1": people.Grant(Role.READER),
        "root": people.Grant(Role.ADMINISTRATOR),
    }.items():  # fmt: skip
        ids[login] = people.add(store, OPERATOR, NOW, name=login.upper(), login=login, grants=(grant,)).id
    people.link(store, OPERATOR, NOW, "author", kind="email", value="author@example.org")
    teams.add(store, OPERATOR, NOW, slug="fraud", name="Fraud", kind="business")
    teams.change(store, OPERATOR, NOW, "fraud", members=["f1", "m1"])
    with store.write() as session:
        session.add(
            CalendarRow(
                id="c1",
                slug="pricing",
                name="Pricing",
                time_zone="Europe/Berlin",
                document=DOCUMENT,
                created_at=NOW,
                updated_at=NOW,
            )
        )
        session.add(
            Repository(
                id="r1",
                name="pricing",
                location="/nowhere",
                adopted_at=NOW,
                created_at=NOW,
                updated_at=NOW,
                calendar="pricing",
            )
        )
        session.flush()
        session.add(
            WindowRow(
                calendar_id="c1",
                key=KEY,
                series="weekly",
                original_start="2026-11-24T18:00",
                title="",
                starts_at=START,
                ends_at=START + timedelta(hours=4),
                state="planned",
            )
        )
    return Town(store, ids)


def refused(kind: type[ReleaseMgmtError], code: str, act: Callable[[], object]) -> None:
    with pytest.raises(kind) as found:
        act()
    assert found.value.code == code


@pytest.mark.acceptance("SCH-A1")
@pytest.mark.acceptance("SCH-A2")
def test_a_major_takes_two_managers_and_the_team_and_never_its_author(both: Town) -> None:
    town = both
    town.change("big", level="major", teams=["fraud"])
    refused(Conflict, "no_rollback_plan", lambda: town.vote("m1", "big"))
    rollback_plans.put(town.store, town.actor("author"), NOW, "big", how="Deploy the tag before.", contact="on call")
    town.vote("m2", "big")
    town.vote("m3", "big")
    assert town.status("big").state is State.WAITING
    town.vote("f1", "big")
    assert town.status("big").state is State.APPROVED
    for login, code in [("author", "self_approval"), ("other", "not_a_voter"), ("root", "not_a_voter")]:
        refused(Forbidden, code, lambda login=login: town.vote(login, "big"))  # type: ignore[misc]


@pytest.mark.acceptance("SCH-A2")
def test_administrators_who_are_authors_are_refused_too(town: Town) -> None:
    everything = (people.Grant(Role.ADMINISTRATOR), people.Grant(Role.RELEASE_MANAGER))
    people.change(town.store, OPERATOR, NOW, "author", grants=everything)
    town.change("own")
    refused(Forbidden, "self_approval", lambda: town.vote("author", "own"))


@pytest.mark.acceptance("SCH-A2")
def test_co_author_tagger_and_an_author_by_the_forge_login_are_recognised(town: Town) -> None:
    town.change("together")
    with town.store.write() as session:
        commit = session.get(Commit, ("r1", "together-1"))
        assert commit is not None
        commit.body = "Text.\n\nCo-authored-by: M One <12+M1Login@users.noreply.github.com>\n"
        session.add(Release(id="rel", repository_id="r1", version="1.0", tag="v1.0", sha="together-1", position=0))
        session.add(Tag(repository_id="r1", name="v1.0", sha="together-1", seen_at=NOW, tagger_key="m2@example.org"))
        change = session.get(Change, "together")
        assert change is not None
        change.release_id = "rel"
    people.link(town.store, OPERATOR, NOW, "m1", kind="github", value="m1login")
    people.link(town.store, OPERATOR, NOW, "m2", kind="email", value="m2@example.org")
    refused(Forbidden, "self_approval", lambda: town.vote("m1", "together"))
    refused(Forbidden, "self_approval", lambda: town.vote("m2", "together"))
    town.vote("m3", "together")
    assert town.status("together").given


@pytest.mark.acceptance("SCH-A2")
def test_an_author_at_bitbucket_is_known_by_the_account_and_not_by_a_name(town: Town) -> None:
    """Anybody may call himself Ada there; the account id, which holds a colon, is what stays."""
    town.change("theirs", author="unknown@example.com")
    with town.store.write() as session:
        change = session.get_one(Change, "theirs")
        change.provider, change.number = "bitbucket", 7
        record = {"provider": "bitbucket", "number": 7, "title": "x", "state": "merged", "author": "m2",
                  "author_id": "557058:0A1B-2c"}  # fmt: skip
        session.add(
            PullRequestRow(repository_id="r1", provider="bitbucket", number=7, state="merged", title="x", record=record)
        )
    people.link(town.store, OPERATOR, NOW, "m1", kind="bitbucket", value="557058:0a1b-2c")
    people.link(town.store, OPERATOR, NOW, "m2", kind="bitbucket", value="m2")
    refused(Forbidden, "self_approval", lambda: town.vote("m1", "theirs"))
    town.vote("m2", "theirs")


@pytest.mark.acceptance("SCH-A2")
@pytest.mark.parametrize(
    ("address", "opener", "need", "kept"),
    [
        ("m1@example.org", "m2login", 2, "m1"),  # m2, whose login nobody linked, writes as m1 to vote alone
        ("author@example.org", "m2login", 2, "author"),
        ("9+m1login@users.noreply.github.com", "m2login", 2, "m1"),  # what stands in for an address is typed alike
        ("m1@example.org", None, 2, "m1"),  # the account was deleted
        ("m1@example.org", "authorlogin", 1, "m1"),  # both are kept from voting; one of them is known for certain
        ("elsewhere@example.com", "authorlogin", 1, "author"),  # the opener's own under another name
    ],
)
def test_an_address_in_a_commit_makes_the_rule_stricter_and_never_looser(
    town: Town, address: str, opener: str | None, need: int, kept: str
) -> None:
    """Anybody types any address into a commit; who opened the pull request is what the forge vouches for."""
    town.change("forged", author=address)
    with town.store.write() as session:
        change = session.get_one(Change, "forged")
        change.provider, change.number = "github", 7
        record = {"provider": "github", "number": 7, "title": "x", "state": "merged"}
        record |= {"author": opener} if opener else {}
        session.add(
            PullRequestRow(repository_id="r1", provider="github", number=7, state="merged", title="x", record=record)
        )
    people.link(town.store, OPERATOR, NOW, "m1", kind="email", value="m1@example.org")
    people.link(town.store, OPERATOR, NOW, "m1", kind="github", value="m1login")
    people.link(town.store, OPERATOR, NOW, "author", kind="github", value="authorlogin")
    everything = (people.Grant(Role.RELEASE_MANAGER),)
    people.change(town.store, OPERATOR, NOW, "author", grants=everything)
    refused(Forbidden, "self_approval", lambda: town.vote(kept, "forged"))
    town.vote("m2", "forged")
    found = town.status("forged")
    assert (found.managers.need, found.given) == (need, need == 1)
    said = [lack.message.partition("). ")[2] for lack in found.lacks]
    assert said == ["One more than usual is asked for: who wrote it cannot be told."] * (need == 2)
    town.vote("m3", "forged")
    assert town.status("forged").given


@pytest.mark.parametrize(
    ("address", "kind", "value"),
    [
        ("12+Ada@users.noreply.github.com", "github", "ada"),
        ("7-zip@users.noreply.github.com", "github", "7-zip"),
        ("12-ada@users.noreply.gitlab.com", "gitlab", "ada"),
        ("12-7-zip@users.noreply.gitlab.com", "gitlab", "7-zip"),
        ("12+ada@users.noreply.github.com.evil.example", "email", "12+ada@users.noreply.github.com.evil.example"),
    ],
)
def test_a_no_reply_address_names_the_login_as_its_forge_writes_it(address: str, kind: str, value: str) -> None:
    assert parties.identity_of(address) == Identity(kind, value)


@pytest.mark.acceptance("SCH-A2")
def test_an_author_linked_to_nobody_needs_one_more_vote(town: Town) -> None:
    town.change("stranger", author="stranger@example.com")
    town.vote("m1", "stranger")
    assert town.status("stranger").managers.need == 2
    people.link(town.store, OPERATOR, NOW, "author", kind="email", value="stranger@example.com")
    assert town.status("stranger").given


@pytest.mark.acceptance("SCH-A1")
def test_one_click_on_a_window_votes_for_what_the_voter_may_approve(town: Town) -> None:
    town.change("a1")
    town.change("b2", author="m1@example.org")
    people.link(town.store, OPERATOR, NOW, "m1", kind="email", value="m1@example.org")
    town.change("c3", level="major")
    found = window_votes.vote(town.store, town.actor("m1"), NOW, "pricing", KEY)
    assert [(one.change, one.vote is not None, one.code) for one in found] == [
        ("a1", True, None), ("b2", False, "self_approval"), ("c3", False, "no_rollback_plan"),
    ]  # fmt: skip
    with town.store.read() as session:
        statuses = window_votes.status(session, "pricing", KEY, NOW)
    assert {key: status.given for key, status in statuses.items()} == {
        "a1/prod": True, "b2/prod": False, "c3/prod": False,
    }  # fmt: skip
    refused(Forbidden, "not_a_voter", lambda: window_votes.vote(town.store, town.actor("other"), NOW, "pricing", KEY))


@pytest.mark.acceptance("SCH-A1")
def test_a_planned_change_is_approved_by_votes_and_announced_again_without(both: Town) -> None:
    """The whole way: planned, announced, voted on, shown as approved, taken back; the gate says the same."""
    both.change("real", merged_at=NOW - timedelta(days=1), ready=True)
    with both.store.write() as session:
        session.execute(delete(PlacementRow))
        session.execute(update(Change).values(state="draft"))
        session.execute(delete(WindowRow))
    plans.replan(both.store, OPERATOR, NOW, "pricing")
    with both.store.read() as session:
        placed = session.execute(select(PlacementRow.window, PlacementRow.starts_at)).one()
    assert tuple(placed) == (KEY, START)
    assert both.state("real") == "announced"
    cast = both.vote("m1", "real")
    assert both.state("real") == "approved"
    approvals.withdraw(both.store, both.actor("m1"), NOW, "real", cast.id)
    assert both.state("real") == "announced"
    both.vote("m1", "real")
    people.change(both.store, OPERATOR, NOW, "m1", grants=(people.Grant(Role.READER),))
    plans.replan(both.store, OPERATOR, NOW, "pricing")
    assert both.state("real") == "announced", "who left the group no longer counts"


@pytest.mark.acceptance("SCH-A4")
def test_a_later_slot_keeps_votes_and_an_earlier_one_or_other_content_does_not(town: Town) -> None:
    town.change("x1")
    town.vote("m1", "x1")
    town.move("x1", START + timedelta(days=7))
    assert town.status("x1").given
    town.move("x1", START - timedelta(days=7))
    assert [lack.code for lack in town.status("x1").lacks] == ["stale_approval"]
    town.move("x1", START, KEY)
    with town.store.write() as session:
        change = session.get(Change, "x1")
        assert change is not None
        change.head_sha = "x1-2"
    assert [lack.code for lack in town.status("x1").lacks] == ["stale_approval"]
    town.vote("m1", "x1")
    assert town.status("x1").given, "the stale vote was superseded by a new one"


@pytest.mark.acceptance("SCH-A4")
def test_a_voter_who_saw_other_content_is_told(town: Town) -> None:
    town.change("x1")
    seen = approvals.view(town.store, town.actor("m1"), NOW, "x1", "prod")
    assert seen.may_vote
    with town.store.write() as session:
        change = session.get(Change, "x1")
        assert change is not None
        change.head_sha = "x1-2"
    with pytest.raises(StaleVersion):
        town.vote("m1", "x1", digest=seen.digest)


@pytest.mark.acceptance("SCH-A5")
def test_a_veto_stands_until_resubmitted_and_who_resubmits_may_not_vote(town: Town) -> None:
    people.change(town.store, OPERATOR, NOW, "m2", grants=(people.Grant(Role.RELEASE_MANAGER, "pricing"),))
    town.change("v1")
    town.vote("m1", "v1", Verdict.REJECT)
    town.vote("m3", "v1")
    assert town.status("v1").state is State.REJECTED
    assert approvals.resubmit(town.store, town.actor("m2"), NOW, "v1", reason="cleared up") == 1
    assert town.status("v1").given
    refused(Forbidden, "self_approval", lambda: town.vote("m2", "v1"))
    refused(
        Conflict, "not_rejected", lambda: approvals.resubmit(town.store, town.actor("author"), NOW, "v1", reason="x")
    )


@pytest.mark.acceptance("SCH-A5")
def test_a_vote_is_taken_back_until_the_window_starts(town: Town) -> None:
    town.change("w1")
    cast = town.vote("m1", "w1")
    refused(Forbidden, "not_your_vote", lambda: approvals.withdraw(town.store, town.actor("m2"), NOW, "w1", cast.id))
    refused(Conflict, "voting_closed", lambda: approvals.withdraw(town.store, town.actor("m1"), START, "w1", cast.id))
    refused(Conflict, "voting_closed", lambda: town.vote("m2", "w1", now=START))
    approvals.withdraw(town.store, town.actor("m1"), NOW, "w1", cast.id)
    assert not town.status("w1").given
    town.vote("m1", "w1")


@pytest.mark.acceptance("SCH-A6")
def test_who_loses_the_role_no_longer_counts(town: Town) -> None:
    town.change("l1")
    town.vote("m1", "l1")
    people.change(town.store, OPERATOR, NOW, "m1", grants=(people.Grant(Role.READER),))
    assert town.status("l1").managers.have == 0
    town.vote("m2", "l1")
    people.change(town.store, OPERATOR, NOW, "m2", active=False)
    assert "quorum 0/1" in town.status("l1").lacks[0].message


@pytest.mark.acceptance("SCH-A7")
def test_a_vote_is_found_under_its_own_change_only(town: Town) -> None:
    town.change("one")
    town.change("two")
    cast = town.vote("m1", "one")
    refused(NotFound, "not_found", lambda: approvals.withdraw(town.store, town.actor("m1"), NOW, "two", cast.id))


@pytest.mark.acceptance("SCH-A3")
def test_twenty_votes_at_once_count_one_a_person(both: Town) -> None:
    """Four people click five times each, all at the same instant: four votes, sixteen times 409, a sound log."""
    both.change("rush")
    voters = [both.actor(login) for login in ("m1", "m2", "m3")]
    extra = people.add(
        both.store, OPERATOR, NOW, name="M4", login="m4", grants=(people.Grant(Role.RELEASE_MANAGER, "pricing"),)
    )
    voters.append(both.actor(extra.id))

    def click(actor: Actor) -> str:
        for _ in range(40):
            try:
                approvals.vote(both.store, actor, NOW, "rush", "prod", Verdict.APPROVE)
            except Conflict as error:
                return error.code
            except TryAgain:
                continue
            else:
                return "voted"
        return "starved"

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(click, voters * 5))
    assert answers.count("voted") == 4
    assert set(answers) <= {"voted", "already_voted", "conflict"}
    with both.store.read() as session:
        counted = session.execute(
            select(VoteRow.person_id, func.count()).where(VoteRow.ended_at.is_(None)).group_by(VoteRow.person_id)
        ).all()
    assert sorted(number for _, number in counted) == [1, 1, 1, 1]
    assert audit.verify_chain(both.store, OPERATOR).sound


def test_a_deputy_votes_for_somebody_absent_visibly(town: Town) -> None:
    town.change("d1")
    with town.store.write() as session:
        absent = session.get(Person, town.ids["m1"])
        assert absent is not None
        absent.delegate, absent.delegate_from = town.ids["f1"], NOW - timedelta(days=1)
        absent.delegate_until = NOW + timedelta(days=1)
    cast = town.vote("f1", "d1", on_behalf_of=town.ids["m1"])
    assert (cast.person, cast.on_behalf_of) == (town.ids["f1"], town.ids["m1"])
    assert town.status("d1").given
    people.change(town.store, OPERATOR, NOW, town.ids["f1"], active=False)
    assert not town.status("d1").given, "the vote of somebody whose account was closed counts no more"
    people.change(town.store, OPERATOR, NOW, town.ids["f1"], active=True)
    assert town.status("d1").given
    late = NOW + timedelta(days=2)
    town.change("d2")
    refused(Forbidden, "not_a_deputy", lambda: town.vote("f1", "d2", on_behalf_of=town.ids["m1"], now=late))


def test_programs_do_not_vote(town: Town) -> None:
    robot = people.add(
        town.store, OPERATOR, NOW, name="R", login="robot", kind="service",
        grants=(people.Grant(Role.RELEASE_MANAGER, "pricing"),),
    )  # fmt: skip
    town.change("p1")
    refused(Forbidden, "not_a_person", lambda: town.vote(robot.id, "p1"))
    refused(Forbidden, "not_a_person", lambda: approvals.vote(town.store, OPERATOR, NOW, "p1", "prod", Verdict.APPROVE))


@pytest.mark.acceptance("SCH-A8")
def test_break_glass_is_asked_for_granted_by_another_and_reviewed(both: Town) -> None:
    town = both
    town.change("fire")
    asked = breakglass.request(
        town.store, town.actor("m1"), NOW, change="fire", environment="prod",
        blockers=[Blocker("freeze", "year-end"), Blocker("outside_window")], reason="Prices are wrong", ticket="OPS-1",
        minutes=120,
    )  # fmt: skip
    assert asked.state == "requested"
    with town.store.read() as session:
        assert breakglass.for_gate(session, "fire", "prod") == ()
    decide = breakglass.decide
    refused(Forbidden, "self_approval", lambda: decide(town.store, town.actor("m1"), NOW, asked.id, grant=True))
    with pytest.raises(Forbidden):
        decide(town.store, town.actor("other"), NOW, asked.id, grant=True)
    given = decide(town.store, town.actor("m2"), NOW, asked.id, grant=True)
    assert (given.state, given.expires_at) == ("active", NOW + timedelta(minutes=120))
    # Friday 15:00 Berlin ends the permission; the first business day after it is Monday, cut-off 16:00 Berlin.
    assert given.review_due_at == datetime(2026, 11, 23, 15, tzinfo=UTC)
    with town.store.read() as session:
        (glass,) = breakglass.for_gate(session, "fire", "prod")
        assert set(glass.blockers) == {"freeze:year-end", "outside_window"}
        assert breakglass.for_gate(session, "fire", "staging") == ()
    refused(Conflict, "already_decided", lambda: decide(town.store, town.actor("m3"), NOW, asked.id, grant=False))
    late = NOW + timedelta(days=5)
    overdue = breakglass.search(town.store, town.actor("m3"), late, to_review=True)
    assert [(one.id, one.state, one.review_overdue) for one in overdue] == [(asked.id, "over", True)]
    refused(
        Forbidden, "self_approval",
        lambda: breakglass.review(town.store, town.actor("m2"), late, asked.id, note="fine"),
    )  # fmt: skip
    done = breakglass.review(town.store, town.actor("m3"), late, asked.id, note="It was the cache.")
    assert done.state == "reviewed"


@pytest.mark.acceptance("SCH-A8")
def test_a_program_neither_grants_nor_reviews_an_emergency(town: Town) -> None:
    robot = people.add(
        town.store, OPERATOR, NOW, name="R", login="robot", kind="service",
        grants=(people.Grant(Role.RELEASE_MANAGER, "pricing"),),
    )  # fmt: skip
    town.change("fire")
    asked = breakglass.request(
        town.store, town.actor("m1"), NOW, change="fire", environment="prod", blockers=[Blocker("outside_window")],
        reason="Prices are wrong", ticket="OPS-1",
    )  # fmt: skip
    decide, program = breakglass.decide, town.actor(robot.id)
    refused(Forbidden, "not_a_person", lambda: decide(town.store, program, NOW, asked.id, grant=True))
    decide(town.store, town.actor("m2"), NOW, asked.id, grant=True)
    refused(
        Forbidden, "not_a_person", lambda: breakglass.review(town.store, program, NOW, asked.id, note="All is well.")
    )


@pytest.mark.acceptance("SCH-A8")
def test_an_overdue_review_is_told_once_on_each_business_day_until_it_is_done(town: Town) -> None:
    town.change("fire")
    asked = breakglass.request(
        town.store, town.actor("m1"), NOW, change="fire", environment="prod", blockers=[Blocker("outside_window")],
        reason="Prices are wrong", ticket="OPS-1", minutes=60,
    )  # fmt: skip
    given = breakglass.decide(town.store, town.actor("m2"), NOW, asked.id, grant=True)
    assert given.review_due_at is not None

    def reminded(*moments: datetime) -> int:
        for moment in moments:
            breakglass.tell_overdue(town.store, moment, ["pricing"])
        with town.store.read() as session:
            query = select(MessageEvent).where(MessageEvent.kind == Kind.BREAK_GLASS_OVERDUE.value)
            found = session.scalars(query).all()
            assert all((one.change_id, one.calendar) == ("fire", "pricing") for one in found)
            return len(found)

    due, day = given.review_due_at, timedelta(days=1)  # on a Monday
    assert reminded(due - timedelta(seconds=1)) == 0
    assert reminded(due, due + timedelta(hours=1)) == 1
    assert reminded(*(due + n * day for n in range(1, 7))) == 5, "nobody is reminded at the weekend"
    breakglass.review(town.store, town.actor("m3"), due + 7 * day, asked.id, note="It was the cache.")
    assert reminded(due + 7 * day) == 5


@pytest.mark.acceptance("SCH-A8")
def test_a_calendar_with_one_manager_lets_that_one_act_alone(town: Town) -> None:
    for login in ("m2", "m3"):
        people.change(town.store, OPERATOR, NOW, login, active=False)
    town.change("fire")
    asked = breakglass.request(
        town.store, town.actor("m1"), NOW, change="fire", environment="prod",
        blockers=[Blocker("outside_window")], reason="Alone", ticket="OPS-2",
    )  # fmt: skip
    assert breakglass.decide(town.store, town.actor("m1"), NOW, asked.id, grant=True).state == "active"


@pytest.mark.acceptance("SCH-A10")
def test_every_step_is_in_the_log_and_the_log_cannot_be_changed(both: Town) -> None:
    town = both
    town.change("a1")
    cast = town.vote("m1", "a1", reason="looks right")
    approvals.withdraw(town.store, town.actor("m1"), NOW, "a1", cast.id, reason="wrong button")
    rows, _ = audit.search(town.store, OPERATOR, audit.Query(subject="change:a1"))
    assert [(row.entry.action, row.entry.actor, row.entry.reason) for row in rows] == [
        ("approval.withdraw", town.ids["m1"], "wrong button"), ("approval.vote", town.ids["m1"], "looks right"),
    ]  # fmt: skip
    for statement in ("UPDATE audit_log SET reason = 'x'", "DELETE FROM audit_log"):
        with pytest.raises((Conflict, DBAPIError)) as stopped, town.store.write() as session:
            session.execute(text(statement))
        assert "append-only" in f"{stopped.value} {stopped.value.__cause__}"
    assert audit.verify_chain(town.store, OPERATOR).sound


def test_an_export_holds_every_row_that_names_a_person_and_no_secret(both: Town) -> None:
    town, key = both, both.ids["m1"]
    town.change("a1")
    town.vote("m1", "a1")
    feed = feeds.create(town.store, town.actor("m1"), NOW, name="mine")
    held = personal_data.export_of(town.store, town.actor("m1"), key)
    records = held["records"]
    assert isinstance(records, dict)
    assert [row["change_id"] for row in records["votes"]["rows"]] == ["a1"]
    assert [row["name"] for row in records["subscriptions"]["rows"]] == ["mine"]
    assert str(feed.token) not in str(held)
    assert "hash" not in str(held)
    with pytest.raises(NotFound):
        personal_data.export_of(town.store, town.actor("m2"), key)
    personal_data.erase(town.store, OPERATOR, NOW, "m1", reason="asked for it")
    with town.store.read() as session:
        assert session.scalars(select(SubscriptionRow.person_id)).all() == []


def test_every_column_that_holds_a_person_is_known_to_the_export() -> None:
    """Whatever points at people; a new column must be called so that it is found."""
    strangers = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if any(key.column.table.name == "persons" for key in column.foreign_keys)
        and not personal_data.names_a_person(column.name)
    ]
    assert strangers == []


@pytest.mark.acceptance("SCH-A10")
def test_retention_and_erasing_leave_the_chain_sound(both: Town) -> None:
    town = both
    later = NOW + timedelta(days=800)
    town.change("a1")
    town.vote("m1", "a1")
    personal_data.erase(town.store, OPERATOR, later, "m1", reason="asked for it")
    dropped = audit.drop_before(town.store, OPERATOR, later, NOW + timedelta(days=1))
    assert dropped > 5
    found = audit.verify_chain(town.store, OPERATOR)
    assert (found.sound, found.checked) == (True, 2)
    with town.store.read() as session:
        everything = str(session.execute(text("SELECT * FROM audit_log")).all())
        person = session.execute(select(Person.name, Person.login).where(Person.id == town.ids["m1"])).one()
    assert tuple(person) == ("(erased)", None)
    assert "M1" not in everything
