"""Every figure there is: what it means, in which unit, whose definition it follows and what must be sent for it.

``docs/metrics.md`` explains each; a test compares its list with this one both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release_mgmt.core.errors import NotFound

DORA = "DORA, https://dora.dev/guides/dora-metrics-four-keys/"
OWN = "release-mgmt"


class Better(StrEnum):
    """In which direction it gets better."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure. ``over`` names what its population counts, ``send`` what to do when it is empty, a sentence each."""

    id: str
    title: str
    group: str
    unit: str
    better: Better
    over: str
    meaning: str
    send: tuple[str, ...]
    source: str = OWN


_STAGES = (
    "Report deployments: POST /api/v1/changes/{change}/stages with stage deploy and state done, failed or rolled_back."
)
_INCIDENTS = "Report incidents with their change: PUT /api/v1/repositories/{repository}/incidents/{your id}."
_TAGS = "Tag what you release with a version, and let the repository be read."
_WINDOWS = "Give the repository a calendar: changes are then placed in windows and their dates announced."

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "deployment_frequency", "Deployment frequency", "delivery", "per week", Better.MORE, "deployments",
        "Deployments that were done in production, for each seven days.", (_STAGES,), DORA,
    ),
    Definition(
        "lead_time", "Lead time for changes", "delivery", "hours", Better.LESS, "changes",
        "From a change's oldest commit to its first deployment in production; the median.", (_STAGES,), DORA,
    ),
    Definition(
        "change_failure_rate", "Change failure rate", "delivery", "percent", Better.LESS, "deployments",
        "Deployments in production that failed, were rolled back or caused an incident, of all.",
        (_STAGES, _INCIDENTS), DORA,
    ),
    Definition(
        "recovery_time", "Failed deployment recovery time", "delivery", "hours", Better.LESS, "failed deployments",
        "From the failure of a deployment in production until it was put right; the median.",
        (_STAGES, _INCIDENTS), DORA,
    ),
    Definition(
        "release_frequency", "Release frequency", "delivery", "per week", Better.MORE, "version tags",
        "Version tags, for each seven days.", (_TAGS,),
    ),
    Definition(
        "lead_time_to_release", "Lead time to a release", "delivery", "hours", Better.LESS, "changes",
        "From a change's oldest commit to the first version tag that holds it; the median.", (_TAGS,),
    ),
    Definition(
        "dates_kept", "Announced dates kept", "predictability", "percent", Better.MORE, "announced dates",
        "Changes that reached production in the window that was announced first, of those announced for it.",
        (_WINDOWS, _STAGES),
    ),
    Definition(
        "notice_given", "Notice given", "predictability", "days", Better.MORE, "announced dates",
        "From the announcement of a date to that date; the median.", (_WINDOWS,),
    ),
    Definition(
        "notice_met", "Notice as agreed", "predictability", "percent", Better.MORE, "announced dates",
        "Dates announced at least as early as the calendar's notice asks, of all.", (_WINDOWS,),
    ),
    Definition(
        "moves", "Moves", "predictability", "moves", Better.LESS, "moves",
        "Announced dates that moved, by the first reason recorded.", (_WINDOWS,),
    ),
    Definition(
        "majors_coordinated", "Majors coordinated in time", "predictability", "percent", Better.MORE, "major changes",
        "Major changes that had their notice and every approval and sign-off before their window began, of all.",
        (_WINDOWS,),
    ),
    Definition(
        "freezes_respected", "Freezes respected", "predictability", "percent", Better.MORE, "changes deployed",
        "Changes that reached production outside every hard freeze that held them, of all.", (_STAGES, _WINDOWS),
    ),
    Definition(
        "gate_respected", "Gate respected", "predictability", "percent", Better.MORE, "changes deployed",
        "Changes whose last answer of the gate before production was not a denial, of those that asked.",
        ("Ask the gate before each deployment: release-mgmt gate, or GET /api/v1/gate.",),
    ),
    Definition(
        "break_glass", "Break-glass permissions", "predictability", "permissions", Better.LESS, "permissions",
        "Permissions to break named blockers that were granted.",
        ("Nothing: an empty count means that nobody needed one.",),
    ),
    Definition(
        "level_overrides", "Levels corrected", "predictability", "percent", Better.LESS, "classified changes",
        "Changes merged whose level a person corrected, of all that were classified.",
        ("Let the repository be read: its changes are then classified.",),
    ),
)  # fmt: skip

_BY_ID = {one.id: one for one in DEFINITIONS}


def find(identity: str) -> Definition:
    """The definition with that id. Raises NotFound."""
    if identity not in _BY_ID:
        raise NotFound("There is no such figure.", hint=f"There are: {', '.join(_BY_ID)}.")
    return _BY_ID[identity]
