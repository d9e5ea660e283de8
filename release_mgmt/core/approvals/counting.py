"""Counting votes: who may vote, which votes still count, and whether they suffice.

One person counts once, whatever groups they are in: requirements (so many release managers, one of each affected team)
are filled by distinct people, in the way that fills most of them (maximum bipartite matching).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from release_mgmt.core.approvals.model import (
    MANAGER,
    STALE,
    Discount,
    Electorate,
    Lack,
    Policy,
    Proposal,
    Quorum,
    State,
    Status,
    TeamSignOff,
    Verdict,
    Vote,
    team_capacity,
)
from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, Forbidden


def capacities(proposal: Proposal, electorate: Electorate, person: str, on_behalf_of: str | None) -> frozenset[str]:
    """As what ``person`` (for an absent principal, where named) may vote on ``proposal``.

    Raises Forbidden: ``self_approval`` for author, co-author, tagger and requester, also through a deputy and for
    administrators too; ``not_a_voter`` for everybody who is neither release manager nor of an affected team.
    """
    excluded = proposal.excluded
    for involved in (person, on_behalf_of):
        if involved is not None and involved in excluded:
            raise Forbidden(
                f"Nobody approves what they are {excluded[involved].value.replace('_', '-')} of.",
                code="self_approval",
                hint="Somebody else has to look at it.",
                details={"as": excluded[involved].value},
            )
    if on_behalf_of is not None and on_behalf_of not in electorate.deputies.get(person, frozenset()):
        raise Forbidden("You do not stand in for this person now.", code="not_a_deputy")
    held = electorate.capacities_of(on_behalf_of or person)
    useful = {MANAGER} | {team_capacity(team) for team in proposal.affected_teams}
    if not held & useful:
        raise Forbidden(
            "Only release managers of the calendar and members of affected teams vote on this.", code="not_a_voter"
        )
    return held & useful


def check_votable(proposal: Proposal, verdict: Verdict, now: datetime) -> None:
    """Raise Conflict when no vote is possible: the window has started, or a major change has no rollback plan."""
    if now >= proposal.slot.start:
        raise Conflict("The window has started; votes are closed.", code="voting_closed")
    if verdict is Verdict.APPROVE and proposal.level is Level.MAJOR and not proposal.has_rollback_plan:
        raise Conflict(
            "A major change needs a plan for when it goes wrong before it can be approved.",
            code="no_rollback_plan",
            hint="Write how to take it back and who is called.",
        )


def discount(vote: Vote, proposal: Proposal, policy: Policy, electorate: Electorate, now: datetime) -> Discount | None:
    """Why ``vote`` does not count for ``proposal`` now, or None when it does.

    A vote is bound to the content, the level and the slot that were seen. It survives a move to a later time and a
    lower level; an earlier time, other content, another environment or calendar and a higher level make it stale.
    A veto is bound to nothing: it stands until it is withdrawn or the change resubmitted.
    """
    if vote.person in proposal.excluded or vote.principal in proposal.excluded:
        return Discount.INVOLVED
    if vote.person in electorate.gone or not vote.capacities & electorate.capacities_of(vote.principal):
        return Discount.NOT_IN_GROUP
    if vote.verdict is Verdict.REJECT:
        return None
    tests = (
        (vote.digest != proposal.digest, Discount.CONTENT),
        (vote.level is Level.MINOR and proposal.level is Level.MAJOR, Discount.LEVEL),
        (vote.slot.environment != proposal.slot.environment, Discount.ENVIRONMENT),
        (vote.slot.calendar != proposal.slot.calendar, Discount.CALENDAR),
        (proposal.slot.start < vote.slot.start, Discount.EARLIER),
        (policy.expires is not None and now >= vote.at + policy.expires, Discount.EXPIRED),
    )
    return next((why for holds, why in tests if holds), None)


def required(proposal: Proposal, policy: Policy, electorate: Electorate) -> tuple[int, tuple[str, ...]]:
    """How many release managers and which teams are asked for.

    One more release manager where it cannot be told who wrote it: otherwise an author with two names could approve. A
    calendar with a single release manager has nobody to ask for that vote (docs/decisions/one-release-manager.md).
    """
    teams = tuple(sorted(proposal.affected_teams)) if policy.each_affected_team else ()
    managers = policy.release_managers
    if proposal.author_unknown and (managers or teams) and len(electorate.managers) > 1:
        managers += 1
    return managers, teams


def _fill(slots: Sequence[str], votes: Sequence[tuple[Vote, frozenset[str]]]) -> dict[int, int]:
    """Slot index -> vote index, as many slots as possible (augmenting paths; both lists are short)."""
    taken: dict[int, int] = {}

    def place(vote: int, seen: set[int]) -> bool:
        for slot, capacity in enumerate(slots):
            if capacity in votes[vote][1] and slot not in seen:
                seen.add(slot)
                if slot not in taken or place(taken[slot], seen):
                    taken[slot] = vote
                    return True
        return False

    for index in range(len(votes)):
        place(index, set())
    return taken


def count(proposal: Proposal, votes: Iterable[Vote], policy: Policy, electorate: Electorate, now: datetime) -> Status:
    """What the standing ``votes`` (not withdrawn, not superseded) come to at ``now``."""
    managers, teams = required(proposal, policy, electorate)
    valid: list[tuple[Vote, frozenset[str]]] = []
    discounted: list[tuple[Vote, Discount]] = []
    principals: set[str] = set()
    people: set[str] = set()
    for vote in sorted(votes, key=lambda one: (one.on_behalf_of is not None, one.at, one.id)):
        why = discount(vote, proposal, policy, electorate, now)
        if why is None and (vote.principal in principals or vote.person in people):
            why = Discount.SAME_MANDATE
        if why is not None:
            discounted.append((vote, why))
            continue
        principals.add(vote.principal)
        people.add(vote.person)
        valid.append((vote, vote.capacities & electorate.capacities_of(vote.principal)))
    vetoes = [vote for vote, _ in valid if vote.verdict is Verdict.REJECT]
    yes = [(vote, held) for vote, held in valid if vote.verdict is Verdict.APPROVE]
    slots = [MANAGER] * managers + [team_capacity(team) for team in teams]
    filled = _fill(slots, yes)
    have = sum(1 for slot in filled if slot < managers)
    signed = {team: yes[filled[managers + i]][0].person for i, team in enumerate(teams) if managers + i in filled}
    counted = [yes[index][0] for index in sorted(filled.values())]
    missing = [team for team in teams if team not in signed]
    lacks = _lacks(vetoes, Quorum(have, managers), missing, discounted, one_more=managers > policy.release_managers)
    return Status(
        state=_state(vetoes, slots, lacks),
        managers=Quorum(have, managers),
        teams=tuple(TeamSignOff(team, signed.get(team)) for team in teams),
        lacks=lacks,
        counted=tuple(vote.id for vote in counted),
        discounted=tuple((vote.id, why) for vote, why in discounted),
        expires_at=min((vote.at + policy.expires for vote in counted), default=None) if policy.expires else None,
    )


def _state(vetoes: Sequence[Vote], slots: Sequence[str], lacks: Sequence[Lack]) -> State:
    if vetoes:
        return State.REJECTED
    if not slots:
        return State.NOT_ASKED
    return State.WAITING if lacks else State.APPROVED


_WHY: Mapping[Discount, str] = {
    Discount.CONTENT: "the content changed after the vote",
    Discount.LEVEL: "the level was raised after the vote",
    Discount.EARLIER: "the change was moved earlier after the vote",
    Discount.ENVIRONMENT: "the vote was for another environment",
    Discount.CALENDAR: "the vote was for another calendar",
    Discount.EXPIRED: "the vote expired",
}


def _lacks(
    vetoes: Sequence[Vote],
    managers: Quorum,
    missing: Sequence[str],
    discounted: Sequence[tuple[Vote, Discount]],
    *,
    one_more: bool,
) -> tuple[Lack, ...]:
    """What is missing; ``stale_approval`` where a vote that was given once would have filled the place.

    ``one_more``: a release manager more is asked for than the calendar says, and the lack says why.
    """
    lacks = [Lack("missing_approval", f"vote:{vote.id}", "Rejected; it waits to be resubmitted.") for vote in vetoes]
    old = [(vote, why) for vote, why in discounted if why in STALE or why is Discount.EXPIRED]

    def lack(capacity: str, ref: str, message: str) -> Lack:
        stale = next((why for vote, why in old if capacity in vote.capacities), None)
        if stale is None:
            return Lack("missing_approval", ref, message)
        return Lack("stale_approval", ref, f"{message} Votes no longer count: {_WHY[stale]}.")

    if managers.have < managers.need:
        told = (
            f"Release managers: {managers.have} of {managers.need} approved (quorum {managers.have}/{managers.need})."
        )
        if one_more:
            told += " One more than usual is asked for: who wrote it cannot be told."
        lacks.append(lack(MANAGER, "release_managers", told))
    lacks.extend(lack(team_capacity(team), f"team:{team}", f"The sign-off of {team} is missing.") for team in missing)
    return tuple(lacks)
