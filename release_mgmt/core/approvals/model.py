"""The words of approvals: votes, what they are bound to, what is asked for, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from release_mgmt.core.classification import Level

MANAGER = "manager"
"""The capacity of a release manager of the calendar."""


def team_capacity(team: str) -> str:
    """The capacity of a member of ``team``."""
    return f"team:{team}"


class Verdict(StrEnum):
    """What a vote says."""

    APPROVE = "approve"
    REJECT = "reject"


class PartyKind(StrEnum):
    """Why somebody cannot vote on a change."""

    AUTHOR = "author"
    CO_AUTHOR = "co_author"
    TAGGER = "tagger"
    REQUESTER = "requester"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who made or asked for a change; ``person`` is None when the identity is linked to nobody."""

    kind: PartyKind
    person: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a change stands: the window (calendar and key), its start in UTC, and the environment."""

    calendar: str
    window: str
    start: datetime
    environment: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is decided on: a change with this content (``digest``) at this level in this slot."""

    change: str
    digest: str
    level: Level
    slot: Slot
    affected_teams: frozenset[str] = frozenset()
    parties: tuple[Party, ...] = ()
    has_rollback_plan: bool = False

    @property
    def excluded(self) -> Mapping[str, PartyKind]:
        """Who cannot vote, and as what each is involved."""
        return {party.person: party.kind for party in reversed(self.parties) if party.person is not None}

    @property
    def author_unknown(self) -> bool:
        """Whether who wrote it cannot be told: an author or co-author is linked to nobody, or none is known at all."""
        authors = [party for party in self.parties if party.kind in {PartyKind.AUTHOR, PartyKind.CO_AUTHOR}]
        return not authors or any(party.person is None for party in authors)


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's word, bound to what was seen. ``capacities`` are those of then, ``on_behalf_of`` who is absent."""

    id: str
    person: str
    verdict: Verdict
    capacities: frozenset[str]
    digest: str
    level: Level
    slot: Slot
    at: datetime
    on_behalf_of: str | None = None
    reason: str | None = None

    @property
    def principal(self) -> str:
        """Whose mandate the vote uses: an absent manager's vote is one, whoever casts it."""
        return self.on_behalf_of or self.person


@dataclass(frozen=True, slots=True)
class Policy:
    """What a calendar asks for at one level; ``expires`` is how long a vote lasts."""

    release_managers: int = 1
    each_affected_team: bool = False
    expires: timedelta | None = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who is what today: release managers of the calendar, members of each team, and who may stand in for whom.

    ``deputies`` maps a deputy to the principals who named this person for the present time. ``gone`` are people who
    voted for somebody absent and have no account any more.
    """

    managers: frozenset[str]
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    deputies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    def capacities_of(self, person: str) -> frozenset[str]:
        """What ``person`` may say yes as."""
        own = {team_capacity(team) for team, members in self.teams.items() if person in members}
        return frozenset(own | ({MANAGER} if person in self.managers else set()))


class Discount(StrEnum):
    """Why a vote does not count."""

    CONTENT = "content_changed"
    LEVEL = "level_raised"
    EARLIER = "moved_earlier"
    ENVIRONMENT = "other_environment"
    CALENDAR = "other_calendar"
    EXPIRED = "expired"
    INVOLVED = "involved"
    NOT_IN_GROUP = "not_in_group"
    SAME_MANDATE = "same_mandate"


STALE = frozenset({Discount.CONTENT, Discount.LEVEL, Discount.EARLIER, Discount.ENVIRONMENT, Discount.CALENDAR})
"""The discounts after which the same person would have to look again."""


class State(StrEnum):
    """What comes of the votes."""

    NOT_ASKED = "not_asked"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many release managers said yes and how many are asked for."""

    have: int
    need: int


@dataclass(frozen=True, slots=True)
class TeamSignOff:
    """An affected team and who signed off for it (a person's id), or None while it is missing."""

    team: str
    person: str | None


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing, as the gate tells it: ``missing_approval`` or ``stale_approval``."""

    code: str
    ref: str
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """The approval of a change in its slot, with every reason. The gate asks only ``given`` and ``lacks``."""

    state: State
    managers: Quorum
    teams: tuple[TeamSignOff, ...] = ()
    lacks: tuple[Lack, ...] = ()
    counted: tuple[str, ...] = ()
    discounted: tuple[tuple[str, Discount], ...] = ()
    expires_at: datetime | None = None

    @property
    def given(self) -> bool:
        """Whether nothing is missing."""
        return self.state in {State.APPROVED, State.NOT_ASKED}
