"""The planner: changes into windows, with the reasons of every placement, deferral and move.

``order`` says in which order, ``profiles`` which windows could ever take a change, ``bounds`` from when on, ``fit``
finds the first with room, ``standing`` keeps what was announced, ``engine`` runs it and ``report`` tells it.
"""

from release_mgmt.core.planning.bounds import Bounds
from release_mgmt.core.planning.engine import Settings, plan, plan_over
from release_mgmt.core.planning.model import (
    Announced,
    Candidate,
    Conflict,
    Deferral,
    Move,
    Placement,
    Plan,
    PlannedWindow,
    Reason,
    Request,
    Suggestion,
)
from release_mgmt.core.planning.order import in_order, refuse_circles
from release_mgmt.core.planning.profiles import hindrance

__all__ = [
    "Announced",
    "Bounds",
    "Candidate",
    "Conflict",
    "Deferral",
    "Move",
    "Placement",
    "Plan",
    "PlannedWindow",
    "Reason",
    "Request",
    "Settings",
    "Suggestion",
    "hindrance",
    "in_order",
    "plan",
    "plan_over",
    "refuse_circles",
]
