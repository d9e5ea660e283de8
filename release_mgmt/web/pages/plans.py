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

PAGE = 50


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
    previous: str | None = None
    next: str | None = None


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
    changed, documents = _changed(chosen.slug, old, new) if history and old != new else ([], ({}, {}))
    first = addresses.first_of_page(len(changed), PAGE)
    at = {one.version: one.made_at for one in history}
    told = say("No plan was made yet.")
    if history:
        between = {"old": old, "then": wall().words(at[old]), "new": new, "now": wall().words(at[new])}
        told = say("Nothing moved between plan {old} ({then}) and plan {new} ({now}).", **between)
        if changed:
            told = many(
                "{count} change went elsewhere between plan {old} ({then}) and plan {new} ({now}).",
                "{count} changes went elsewhere between plan {old} ({then}) and plan {new} ({now}).",
                len(changed),
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
        moves=_moves(changed[first : first + PAGE], *documents),
        previous=addresses.present(page=str(first // PAGE)) if first else None,
        next=addresses.present(page=str(first // PAGE + 2)) if first + PAGE < len(changed) else None,
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


Document = Mapping[str, Any]


def _changed(slug: str, old: int, new: int) -> tuple[list[str], tuple[Document, Document]]:
    """The changes whose place differs between two plans, by their new date, and the two plans."""
    before, after = (service.document(context.store, context.actor, slug, version) for version in (old, new))
    was, now, starts = _places(before), _places(after), {**_starts(before), **_starts(after)}
    differing = [one for one in was.keys() | now.keys() if was.get(one) != now.get(one)]
    return sorted(differing, key=lambda one: (starts.get(now.get(one) or "", ""), one)), (before, after)


def _moves(changed: list[str], before: Document, after: Document) -> tuple[PlanMove, ...]:
    was, now, starts = _places(before), _places(after), {**_starts(before), **_starts(after)}
    told = {one["change"]: one for part in ("placements", "deferrals") for one in after.get(part, ())}
    moved = {one["change"]: one for one in after.get("moves", ())}
    known = {one["change"]: one for plan in (before, after) for one in plan.get("placements", ())}
    found = []
    for change in changed:
        here, there = was.get(change), now.get(change)
        entry = moved.get(change) or told.get(change) or {}
        found.append(
            PlanMove(
                _line(change, known.get(change, {})),
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


def _line(change: str, entry: Mapping[str, Any]) -> ChangeLine:
    """The change as the plans name it."""
    href = url_for("pages.change", change_id=change)
    return ChangeLine(change, entry.get("title") or change, entry.get("level") or "minor", href, "")
