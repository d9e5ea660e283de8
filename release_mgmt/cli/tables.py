"""Plans and edits of calendars as tables that a person reads."""

from __future__ import annotations

from datetime import datetime

import click

from release_mgmt.core.planning import Plan
from release_mgmt.core.text import counted
from release_mgmt.core.windows import ReleaseCalendar, to_local, zone
from release_mgmt.services.calendars import Applied
from release_mgmt.services.plans import Difference


def _local(value: datetime, time_zone: str) -> str:
    return to_local(value, zone(time_zone)).strftime("%a %Y-%m-%d %H:%M")


def print_plan(made: Plan, calendar: ReleaseCalendar) -> None:
    """Windows with their changes, then what found no window, each with its reasons."""
    reasons = {each.change: each for each in made.placements}
    click.echo(f"{calendar.name} ({calendar.time_zone}), planned at {_local(made.now, calendar.time_zone)}")
    shown = [each for each in made.windows if each.changes]
    if not shown:
        click.echo("\nNo change waits for a window.")
    for planned in shown:
        window = planned.window
        points = window.policy.capacity.points
        room = f"{planned.used} of {points} points" if points is not None else counted(planned.used, "point")
        flags = f", {', '.join(window.flags)}" if window.flags else ""
        end = to_local(window.end, zone(calendar.time_zone))
        click.echo(f"\n{_local(window.start, calendar.time_zone)} to {end:%H:%M}  {window.series}  ({room}{flags})")
        for change in planned.changes:
            placement = reasons[change]
            click.echo(f"  {placement.level.value:<5}  {placement.title}")
            for reason in placement.reasons:
                click.echo(f"         not before: {reason.message}")
    if made.deferrals:
        click.echo("\nWithout a window:")
        for deferral in made.deferrals:
            click.echo(f"  {deferral.level.value:<5}  {deferral.title}")
            for reason in deferral.reasons:
                click.echo(f"         {reason.message}")


def print_applied(applied: Applied) -> None:
    """What an edit of a calendar changes, and what that does to the plan."""
    verb = "would be " if applied.dry_run else ""
    if applied.created:
        click.echo(f"{applied.slug}: {verb}made")
    elif not applied.edits:
        click.echo(f"{applied.slug}: nothing to change")
    else:
        told = counted(len(applied.edits), "difference")
        click.echo(f"{applied.slug}: {told}{' (nothing was written)' * applied.dry_run}")
        for edit in applied.edits:
            sign = "+" if edit.before is None else "-" if edit.after is None else "~"
            click.echo(f"  {sign} {edit.path}: {_short(edit.before)} -> {_short(edit.after)}")
    print_effects(applied.effects)


def print_effects(effects: Difference) -> None:
    """Which changes go elsewhere."""
    for hit in effects.hits:
        told = " (announced)" if hit.announced else ""
        click.echo(f"  {hit.title}: {hit.window or 'no window'} -> {hit.to or 'no window'}{told}")
        for reason in hit.reasons:
            click.echo(f"      {reason['message']}")
    for conflict in effects.conflicts:
        click.echo(f"  conflict: {conflict['change'] or conflict['window']}: {conflict['message']}")
    if effects.teams:
        click.echo(f"  teams to be told: {', '.join(effects.teams)}")


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
