"""Plan history: what moved between two plans of a calendar, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request, url_for

from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, directory
from release_mgmt.services import plans as service
from release_mgmt.services.plans import PlanView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, grids, schedule
from release_mgmt.web.pages.language import many, say
from release_mgmt.web.pages.layout import wall
from release_mgmt.web.pages.parts import ChangeLine, Chip, ChipGroup, PlanMove, Reason
from release_mgmt.web.pages.site import blueprint, draw

MOST_MOVES = 150


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan in the history."""

    version: int
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlansPage:
    """The difference between two plans."""

    sentence: str
    groups: tuple[ChipGroup, ...]
    versions: tuple[PlanLine, ...]
    slug: str
    old: int
    new: int
    moves: tuple[PlanMove, ...]
    more: int = 0


@blueprint.get("/plans")
@needs(Action.READ_PLAN)
def plans() -> str:
    """What moved since Monday, or between any two plans."""
    store, actor = context.store, context.actor
    known = calendars.every(store, actor)
    if not known:
        return draw("plans", PlansPage(say("There is no calendar yet."), (), (), "", 0, 0, ()))
    chosen = next((one for one in known if one.slug == request.args.get("calendar")), known[0])
    history = service.history(store, actor, chosen.slug)
    names = directory.look_up(store, actor, [one.made_by for one in history])
    new = _asked("to", history, history[0].version if history else 0)
    old = _asked("from", history, _since_monday(history))
    moves = _moves(chosen.slug, old, new) if history and old != new else ()
    at = {one.version: one.made_at for one in history}
    told = say("No plan was made yet.")
    if history:
        between = {"old": old, "then": wall().words(at[old]), "new": new, "now": wall().words(at[new])}
        told = say("Nothing moved between plan {old} ({then}) and plan {new} ({now}).", **between)
        if moves:
            told = many(
                "{count} change went elsewhere between plan {old} ({then}) and plan {new} ({now}).",
                "{count} changes went elsewhere between plan {old} ({then}) and plan {new} ({now}).",
                len(moves),
                **between,
            )
    since_monday = Chip(say("since Monday"), url_for("pages.plans", calendar=chosen.slug), "from" not in request.args)
    view = PlansPage(
        sentence=told,
        groups=(
            addresses.group(say("Calendar"), "calendar", [(one.slug, one.name) for one in known if len(known) > 1]),
            ChipGroup(say("Time"), (since_monday,)),
        ),
        versions=tuple(
            PlanLine(one.version, one.made_at, names.person(one.made_by) or one.made_by, one.reason or "")
            for one in history
        ),
        slug=chosen.slug,
        old=old,
        new=new,
        moves=moves[:MOST_MOVES],
        more=max(0, len(moves) - MOST_MOVES),
    )
    return draw("plans", view)


def _asked(name: str, history: list[PlanView], otherwise: int) -> int:
    text = request.args.get(name, "")
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise
    return wanted if any(one.version == wanted for one in history) else otherwise


def _since_monday(history: list[PlanView]) -> int:
    """The plan that was in force when this week began, else the oldest that is kept."""
    start, _ = grids.bounds(grids.monday_of(wall().today()), wall().today(), wall().zone)
    before = [one.version for one in history if one.made_at < start]
    return before[0] if before else history[-1].version if history else 0


def _moves(slug: str, old: int, new: int) -> tuple[PlanMove, ...]:
    store, actor = context.store, context.actor
    before, after = (service.document(store, actor, slug, version) for version in (old, new))
    places, starts = (_places(one) for one in (before, after)), {**_starts(before), **_starts(after)}
    was, now = places
    told = {one["change"]: one for part in ("placements", "deferrals") for one in after.get(part, ())}
    moved = {one["change"]: one for one in after.get("moves", ())}
    found = []
    for change in sorted(was.keys() | now.keys(), key=lambda one: (starts.get(now.get(one) or "", ""), one)):
        here, there = was.get(change), now.get(change)
        if here == there:
            continue
        entry = moved.get(change) or told.get(change) or {}
        found.append(
            PlanMove(
                _line(change, before, after),
                _kind(here, there, change in told),
                _instant(starts.get(here or "")),
                _instant(starts.get(there or "")),
                schedule.reasons(entry.get("reasons", ()))[:3] or _left(change in told),
            )
        )
    return tuple(found)


def _kind(here: str | None, there: str | None, listed: bool) -> Any:
    if here and there:
        return "moved"
    if there:
        return "placed"
    return "unplaced" if listed else "withdrawn"


def _left(listed: bool) -> tuple[Reason, ...]:
    return (
        () if listed else (Reason("gone", say("It is released, withdrawn or no longer planned here."), blocks=False),)
    )


def _places(plan: Mapping[str, Any]) -> dict[str, str]:
    return {one["change"]: one["window"] for one in plan.get("placements", ())}


def _starts(plan: Mapping[str, Any]) -> dict[str, str]:
    return {one["key"]: one["start"] for one in plan.get("windows", ())}


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _line(change: str, *documents: Mapping[str, Any]) -> ChangeLine:
    """The change as the plans name it."""
    title, level = change, "minor"
    for one in (entry for plan in documents for entry in plan.get("placements", ()) if entry["change"] == change):
        title, level = one.get("title") or title, one.get("level") or level
    return ChangeLine(change, title, level, url_for("pages.change", change_id=change), "")
