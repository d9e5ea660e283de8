"""Approvals count distinct people who were not involved and who saw what will be released."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.approvals import (
    MANAGER,
    Discount,
    Electorate,
    Party,
    PartyKind,
    Policy,
    Proposal,
    Quorum,
    Slot,
    State,
    Status,
    Verdict,
    Vote,
    team_capacity,
)
from release_mgmt.core.approvals.counting import capacities, check_votable, count
from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, Forbidden

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SLOT = Slot("pricing", "weekly@2026-11-24T18:00", datetime(2026, 11, 24, 17, tzinfo=UTC), "prod")
AUTHOR = Party(PartyKind.AUTHOR, "author")
MAJOR = Proposal("c1", "sha-1", Level.MAJOR, SLOT, frozenset({"fraud"}), (AUTHOR,), has_rollback_plan=True)
MINOR = replace(MAJOR, level=Level.MINOR)
TWO_AND_TEAM = Policy(release_managers=2, each_affected_team=True)
PEOPLE = Electorate(
    frozenset({"m1", "m2", "m3", "author"}),
    {"fraud": frozenset({"f1", "m1"}), "risk": frozenset({"r1"})},
    {"deputy": frozenset({"m3"})},
)


def vote(person: str, proposal: Proposal = MAJOR, *, verdict: Verdict = Verdict.APPROVE, **more: object) -> Vote:
    behalf = more.pop("on_behalf_of", None)
    fields = {
        "capacities": PEOPLE.capacities_of(str(behalf or person)), "digest": proposal.digest, "level": proposal.level,
        "slot": proposal.slot, "at": NOW, "on_behalf_of": behalf, **more,
    }  # fmt: skip
    return Vote(f"v-{person}-{behalf}", person, verdict, **fields)  # type: ignore[arg-type]


def tally(*votes: Vote, proposal: Proposal = MAJOR, policy: Policy = TWO_AND_TEAM, **more: object) -> Status:
    return count(
        proposal,
        votes,
        policy,
        more.get("electorate", PEOPLE),
        more.get("now", NOW),  # type: ignore[arg-type]
    )


@pytest.mark.acceptance("SCH-A1")
def test_a_major_needs_two_managers_and_one_of_each_affected_team() -> None:
    assert tally(vote("m2"), vote("m3")).state is State.WAITING
    assert tally(vote("m2"), vote("f1")).managers == Quorum(1, 2)
    done = tally(vote("m2"), vote("m3"), vote("f1"))
    assert done.state is State.APPROVED
    assert done.teams[0].person == "f1"
    assert done.expires_at == NOW + timedelta(days=30)


@pytest.mark.acceptance("SCH-A1")
def test_one_person_in_two_groups_counts_once() -> None:
    status = tally(vote("m1"), vote("m2"))
    assert status.state is State.WAITING
    assert status.managers.have + sum(team.person is not None for team in status.teams) == 2


@pytest.mark.acceptance("SCH-A1")
@given(st.permutations(["m1", "m2", "m3"]))
def test_who_could_fill_two_places_takes_the_one_that_others_cannot(order: list[str]) -> None:
    votes = [vote(person, at=NOW + timedelta(minutes=index)) for index, person in enumerate(order)]
    status = tally(*votes, now=NOW + timedelta(hours=1))
    assert status.state is State.APPROVED
    assert status.teams[0].person == "m1"


@pytest.mark.acceptance("SCH-A2")
@pytest.mark.parametrize("kind", list(PartyKind))
def test_nobody_involved_votes_or_counts_administrators_included(kind: PartyKind) -> None:
    mine = replace(MAJOR, parties=(AUTHOR, Party(kind, "m2")))
    with pytest.raises(Forbidden) as refused:
        capacities(mine, PEOPLE, "m2", None)
    assert refused.value.code == "self_approval"
    status = tally(vote("m2", mine), vote("m3", mine), vote("f1", mine), proposal=mine)
    assert status.discounted == (("v-m2-None", Discount.INVOLVED),)
    assert status.managers == Quorum(1, 2)


@pytest.mark.acceptance("SCH-A2")
def test_who_merely_pressed_the_merge_button_may_vote() -> None:
    assert "merger" not in {kind.value for kind in PartyKind}
    assert MANAGER in capacities(MAJOR, PEOPLE, "m2", None)


@pytest.mark.acceptance("SCH-A2")
@pytest.mark.parametrize("parties", [(), (Party(PartyKind.AUTHOR, None),), (AUTHOR, Party(PartyKind.CO_AUTHOR, None))])
def test_an_author_linked_to_nobody_costs_one_more_vote(parties: tuple[Party, ...]) -> None:
    unknown = replace(MINOR, parties=parties)
    one = Policy(release_managers=1)
    assert tally(vote("m2", unknown), proposal=unknown, policy=one).managers == Quorum(1, 2)
    assert tally(vote("m2", unknown), vote("m3", unknown), proposal=unknown, policy=one).given
    nothing_asked = tally(proposal=unknown, policy=Policy(release_managers=0))
    assert nothing_asked.state is State.NOT_ASKED


@pytest.mark.acceptance("SCH-A2")
def test_an_only_release_manager_is_not_asked_for_a_vote_that_nobody_could_cast() -> None:
    """A fresh installation: one administrator, and a repository whose authors are linked to nobody yet."""
    alone = Electorate(frozenset({"m2"}))
    unknown = replace(MINOR, parties=(), affected_teams=frozenset())
    one = Policy(release_managers=1)
    assert tally(vote("m2", unknown), proposal=unknown, policy=one, electorate=alone).given
    mine = replace(unknown, parties=(Party(PartyKind.AUTHOR, "m2"),))
    assert not tally(vote("m2", mine), proposal=mine, policy=one, electorate=alone).given


@pytest.mark.acceptance("SCH-A4")
@pytest.mark.parametrize(
    ("moved", "why"),
    [
        ({"slot": replace(SLOT, window="w2", start=SLOT.start + timedelta(days=7))}, None),
        ({"slot": replace(SLOT, window="w0", start=SLOT.start - timedelta(days=7))}, Discount.EARLIER),
        ({"slot": replace(SLOT, environment="staging")}, Discount.ENVIRONMENT),
        ({"slot": replace(SLOT, calendar="risk")}, Discount.CALENDAR),
        ({"digest": "sha-2"}, Discount.CONTENT),
        ({"level": Level.MAJOR}, Discount.LEVEL),
    ],
)
def test_a_vote_is_bound_to_content_level_and_slot(moved: dict[str, object], why: Discount | None) -> None:
    one = Policy(release_managers=1)
    status = tally(vote("m2", MINOR), proposal=replace(MINOR, **moved), policy=one)  # type: ignore[arg-type]
    assert [reason for _, reason in status.discounted] == ([why] if why else [])
    assert status.given is (why is None)
    assert [lack.code for lack in status.lacks] == (["stale_approval"] if why else [])


@pytest.mark.acceptance("SCH-A4")
def test_a_level_that_falls_keeps_the_votes() -> None:
    assert tally(vote("m2", MAJOR), proposal=MINOR, policy=Policy(release_managers=1)).given


@pytest.mark.acceptance("SCH-A5")
def test_a_veto_stands_until_it_is_taken_back_whatever_changes() -> None:
    veto = vote("m1", verdict=Verdict.REJECT)
    others = [vote("m2"), vote("m3"), vote("f1")]
    assert tally(veto, *others).state is State.REJECTED
    assert tally(veto, proposal=replace(MAJOR, digest="sha-2")).state is State.REJECTED
    assert tally(veto, now=NOW + timedelta(days=400)).state is State.REJECTED
    assert tally(*others).given


@pytest.mark.acceptance("SCH-A5")
def test_a_vote_expires() -> None:
    votes = [vote("m2"), vote("m3"), vote("f1")]
    assert tally(*votes, now=NOW + timedelta(days=30, seconds=-1)).given
    late = tally(*votes, now=NOW + timedelta(days=30))
    assert {why for _, why in late.discounted} == {Discount.EXPIRED}


@pytest.mark.acceptance("SCH-A5")
def test_joining_a_group_after_the_vote_adds_nothing() -> None:
    early = vote("r1", capacities=frozenset({team_capacity("risk")}))
    promoted = replace(PEOPLE, managers=PEOPLE.managers | {"r1"})
    assert tally(early, vote("m2"), electorate=promoted).managers == Quorum(1, 2)


@pytest.mark.acceptance("SCH-A5")
def test_votes_are_closed_when_the_window_starts() -> None:
    check_votable(MAJOR, Verdict.APPROVE, SLOT.start - timedelta(seconds=1))
    with pytest.raises(Conflict):
        check_votable(MAJOR, Verdict.APPROVE, SLOT.start)


@pytest.mark.acceptance("SCH-A6")
def test_who_left_the_group_no_longer_counts() -> None:
    without = replace(PEOPLE, managers=PEOPLE.managers - {"m3"})
    status = tally(vote("m2"), vote("m3"), vote("f1"), electorate=without)
    assert status.managers == Quorum(1, 2)
    assert "quorum 1/2" in status.lacks[0].message


@pytest.mark.acceptance("SCH-A5")
def test_a_major_without_a_rollback_plan_cannot_be_approved_but_rejected() -> None:
    bare = replace(MAJOR, has_rollback_plan=False)
    with pytest.raises(Conflict) as refused:
        check_votable(bare, Verdict.APPROVE, NOW)
    assert refused.value.code == "no_rollback_plan"
    check_votable(bare, Verdict.REJECT, NOW)
    check_votable(replace(bare, level=Level.MINOR), Verdict.APPROVE, NOW)


@pytest.mark.acceptance("SCH-A1")
def test_a_deputy_votes_in_the_place_of_the_absent_and_never_beside() -> None:
    assert capacities(MAJOR, PEOPLE, "deputy", "m3") == {MANAGER}
    for person, principal in [("deputy", None), ("stranger", "m3"), ("deputy", "m2")]:
        with pytest.raises(Forbidden):
            capacities(MAJOR, PEOPLE, person, principal)
    proxy = vote("deputy", on_behalf_of="m3")
    assert tally(vote("m2"), proxy, vote("f1")).given
    both = tally(vote("m3"), proxy, vote("f1"))
    assert both.discounted == ((proxy.id, Discount.SAME_MANDATE),)
    mine = replace(MAJOR, parties=(Party(PartyKind.AUTHOR, "m3"),))
    with pytest.raises(Forbidden) as refused:
        capacities(mine, PEOPLE, "deputy", "m3")
    assert refused.value.code == "self_approval"


@pytest.mark.acceptance("SCH-A2")
def test_who_is_involved_counts_neither_as_deputy_nor_by_one() -> None:
    """Whoever turns out to have written it after the vote: the deputy who cast it, or the absent for whom it was."""
    proxy = vote("deputy", on_behalf_of="m3")
    for writer in ("deputy", "m3"):
        theirs = replace(MAJOR, parties=(AUTHOR, Party(PartyKind.CO_AUTHOR, writer)))
        assert tally(proxy, proposal=theirs).discounted == ((proxy.id, Discount.INVOLVED),)
    tagged = replace(MAJOR, parties=(AUTHOR, Party(PartyKind.TAGGER, None)))
    assert tally(vote("m2"), vote("m3"), vote("f1"), proposal=tagged).managers == Quorum(2, 2), "the author is known"


@pytest.mark.acceptance("SCH-A1")
def test_a_deputy_who_votes_as_oneself_too_is_one_person() -> None:
    """Two mandates do not make two people: of both votes the own one counts."""
    people = replace(PEOPLE, deputies={"m2": frozenset({"m3"})})
    own, proxy = vote("m2", at=NOW + timedelta(hours=1)), vote("m2", on_behalf_of="m3")
    found = tally(proxy, own, vote("f1"), electorate=people)
    assert (found.managers, found.discounted) == (Quorum(1, 2), ((proxy.id, Discount.SAME_MANDATE),))


@pytest.mark.acceptance("SCH-A6")
def test_a_veto_of_somebody_who_left_no_longer_stands() -> None:
    """Neither that of a release manager who is none any more, nor that of a deputy who is gone."""
    veto = vote("m2", verdict=Verdict.REJECT)
    assert tally(veto).state is State.REJECTED
    left = replace(PEOPLE, managers=PEOPLE.managers - {"m2"})
    assert tally(veto, electorate=left).discounted == ((veto.id, Discount.NOT_IN_GROUP),)
    assert tally(veto, electorate=left).state is State.WAITING
    proxy = vote("deputy", on_behalf_of="m3", verdict=Verdict.REJECT)
    gone = replace(PEOPLE, gone=frozenset({"deputy"}))
    assert tally(proxy, electorate=gone).discounted == ((proxy.id, Discount.NOT_IN_GROUP),)
    assert tally(veto, vote("m3")).managers == Quorum(1, 2), "a veto is no yes"


@pytest.mark.acceptance("SCH-A1")
def test_every_place_is_filled_by_another_person_and_each_team_by_its_own() -> None:
    """Whoever has the only yes for two places fills one; who moves over to a team leaves the manager's place."""
    both = replace(MAJOR, affected_teams=frozenset({"fraud", "risk"}))
    found = tally(vote("m2"), vote("m3"), vote("f1"), vote("r1"), proposal=both)
    assert [(each.team, each.person) for each in found.teams] == [("fraud", "f1"), ("risk", "r1")]
    one = replace(TWO_AND_TEAM, release_managers=1)
    moved = tally(vote("m1"), vote("m2", at=NOW + timedelta(hours=1)), policy=one)
    assert (moved.given, moved.teams[0].person, len(set(moved.counted))) == (True, "m1", 2)
    assert not tally(vote("m1"), policy=one).given


@pytest.mark.acceptance("SCH-A5")
def test_what_is_missing_says_whether_an_old_vote_would_have_filled_it() -> None:
    """An expired vote leaves a stale place for what its voter was, and a missing one elsewhere."""
    old = vote("m2", at=NOW - timedelta(days=31))
    found = tally(old)
    assert [(each.code, each.ref) for each in found.lacks] == [
        ("stale_approval", "release_managers"), ("missing_approval", "team:fraud"),
    ]  # fmt: skip
    assert "One more than usual" not in found.lacks[0].message
    for_ever = replace(TWO_AND_TEAM, expires=None)
    assert tally(old, vote("m3"), vote("f1"), policy=for_ever).expires_at is None
    early = tally(vote("m2", at=NOW - timedelta(days=9)), vote("m3"), vote("f1"))
    assert early.expires_at == NOW + timedelta(days=21), "the first vote to expire ends it"


@pytest.mark.acceptance("SCH-A2")
def test_where_nobody_is_asked_an_unknown_author_asks_for_nobody() -> None:
    """One vote more is asked for where votes are: of two managers the second, with a sign-off of a team the first."""
    unknown = replace(MAJOR, parties=())
    nobody = Policy(release_managers=0)
    assert tally(proposal=unknown, policy=nobody).state is State.NOT_ASKED
    team = tally(vote("f1"), proposal=unknown, policy=replace(nobody, each_affected_team=True))
    assert team.managers == Quorum(0, 1)
    assert "One more than usual is asked for" in team.lacks[0].message
    two = replace(PEOPLE, managers=frozenset({"m2", "m3"}))
    assert tally(vote("m2"), proposal=unknown, policy=Policy(), electorate=two).managers == Quorum(1, 2)
