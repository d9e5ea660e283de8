"""Approvals: votes on a change in its window, and the permission to break the rules with a trace.

``model`` holds the words, ``counting`` says what votes come to, ``breakglass`` who may break the
rules and for how long.
"""

from release_mgmt.core.approvals.breakglass import Blocker
from release_mgmt.core.approvals.model import (
    MANAGER,
    Discount,
    Electorate,
    Lack,
    Party,
    PartyKind,
    Policy,
    Proposal,
    Quorum,
    Slot,
    State,
    Status,
    TeamSignOff,
    Verdict,
    Vote,
    team_capacity,
)

__all__ = [
    "MANAGER",
    "Blocker",
    "Discount",
    "Electorate",
    "Lack",
    "Party",
    "PartyKind",
    "Policy",
    "Proposal",
    "Quorum",
    "Slot",
    "State",
    "Status",
    "TeamSignOff",
    "Verdict",
    "Vote",
    "team_capacity",
]
