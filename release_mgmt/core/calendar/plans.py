"""A plan as the facts that events are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from release_mgmt.core.calendar.facts import ChangeFact, FreezeFact, WindowFact
from release_mgmt.core.planning import Plan
from release_mgmt.core.windows import Exceptions, FreezePeriod


def windows_of(plan: Plan, changes: Mapping[str, ChangeFact], calendar: str | None = None) -> list[WindowFact]:
    """Every window of the plan with its changes; a change that ``changes`` does not know is left out.

    ``changes`` hold states, owners and notes; the level is the one the plan placed it with.
    """
    levels = {placement.change: placement.level.value for placement in plan.placements}
    emergencies = {placement.change for placement in plan.placements if placement.why == "emergency"}
    return [
        WindowFact(
            identity=planned.window.key,
            calendar=calendar or plan.calendar,
            start=planned.window.start,
            end=planned.window.end,
            changes=tuple(
                replace(
                    changes[key],
                    level=levels.get(key, changes[key].level),
                    emergency=changes[key].emergency or key in emergencies,
                )
                for key in planned.changes
                if key in changes
            ),
            cancelled=planned.state == "cancelled",
            environments=planned.window.environments,
            title=planned.window.title,
        )
        for planned in plan.windows
    ]


def freezes_of(periods: Iterable[FreezePeriod], calendar: str) -> list[FreezeFact]:
    """Freezes as events: those given in days stay whole days, others are instants."""
    found = []
    for period in periods:
        freeze, days = period.freeze, period.whole_days
        once = freeze.rule is None
        found.append(
            FreezeFact(
                identity=freeze.id if once else f"{freeze.id}@{period.start:%Y-%m-%dT%H:%MZ}",
                calendar=calendar,
                start=days[0] if days else period.start,
                end=days[1] + timedelta(days=1) if days else period.end,
                hard=freeze.hard,
                reason=freeze.reason,
                repositories=tuple(name for name in freeze.scope.repositories if name != "*"),
                teams=freeze.scope.teams,
                environments=freeze.scope.environments,
                levels=tuple(level.value for level in freeze.scope.levels),
                exempt=freeze.scope.exceptions != Exceptions(),
            )
        )
    return found
