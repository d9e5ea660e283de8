"""Release windows, freezes and business days: local wall time in, instants in UTC out.

``localtime`` holds the rules at clock changes, ``recurrence`` the rules of RFC 5545, ``occurrences`` and ``freezes``
make concrete intervals of them, ``businessdays`` counts notice, ``model`` holds the values. All intervals are
half-open: at its start a window is open, at its end it is closed.
"""

from release_mgmt.core.windows.businessdays import BusinessDays, Notice
from release_mgmt.core.windows.freezes import in_scope, periods, subtract, union, usable
from release_mgmt.core.windows.localtime import Resolved, ZoneOf, resolve, start_of_day, to_local, zone
from release_mgmt.core.windows.model import (
    BOTH_LEVELS,
    ApprovalPolicy,
    ApprovalRule,
    Capacity,
    Default,
    Exceptions,
    Freeze,
    FreezePeriod,
    Policy,
    Promotion,
    ReleaseCalendar,
    Retiming,
    Scope,
    Skipped,
    Target,
    Window,
    WindowSeries,
    matches,
    taken,
    window_key,
)
from release_mgmt.core.windows.occurrences import Occurrences, expand, original_starts, shortest_distance
from release_mgmt.core.windows.reach import around
from release_mgmt.core.windows.recurrence import Rule, parse

__all__ = [
    "BOTH_LEVELS",
    "ApprovalPolicy",
    "ApprovalRule",
    "BusinessDays",
    "Capacity",
    "Default",
    "Exceptions",
    "Freeze",
    "FreezePeriod",
    "Notice",
    "Occurrences",
    "Policy",
    "Promotion",
    "ReleaseCalendar",
    "Resolved",
    "Retiming",
    "Rule",
    "Scope",
    "Skipped",
    "Target",
    "Window",
    "WindowSeries",
    "ZoneOf",
    "around",
    "expand",
    "in_scope",
    "matches",
    "original_starts",
    "parse",
    "periods",
    "resolve",
    "shortest_distance",
    "start_of_day",
    "subtract",
    "taken",
    "to_local",
    "union",
    "usable",
    "window_key",
    "zone",
]
