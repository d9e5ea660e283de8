"""The first page: what is coming for my teams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import request, url_for

from release_mgmt.core.permissions import Action, may_somewhere
from release_mgmt.services import changes, waiting
from release_mgmt.services.changes import Filter
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, grids, layout, schedule
from release_mgmt.web.pages.grid_parts import MonthGrid
from release_mgmt.web.pages.language import listing, many, say
from release_mgmt.web.pages.parts import ChipGroup, PlanMove, WindowCard
from release_mgmt.web.pages.site import blueprint, draw

SOON = timedelta(days=14)
FAR = timedelta(days=42)


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that waits for the reader."""

    text: str
    href: str
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class HomePage:
    """What is coming."""

    sentence: str
    who: str
    next: WindowCard | None
    groups: tuple[ChipGroup, ...]
    month: MonthGrid
    coming: tuple[WindowCard, ...]
    moved: tuple[PlanMove, ...]
    empty: bool
    tasks: tuple[Task, ...] = ()


@blueprint.get("/")
@needs(Action.READ_PUBLIC)
def home() -> str:
    """What is coming for my teams, what waits for me, the calendar, and what moved."""
    with context.store.together():
        return draw("home", _page())


def _page() -> HomePage:
    wall = layout.wall()
    team = request.args.get("team")
    mine = frozenset({team}) if team else context.actor.teams
    first = grids.monday_of(wall.today())
    last = first + timedelta(days=34)
    start, end = grids.bounds(first, last, wall.zone)
    seen = schedule.picture(start, max(end, wall.now + FAR))
    shown = [schedule.for_teams(card, mine) for card in seen.windows]
    ahead = [card for card in shown if card.end > wall.now and card.state not in {"cancelled", "released"}]
    coming = [card for card in ahead if card.count]
    soon = [card for card in coming if card.start < wall.now + SOON]
    count = sum(card.count for card in soon)
    who = listing(seen.team_name(slug) for slug in sorted(mine))
    empty = not seen.calendars
    return HomePage(
        sentence=schedule.not_shown() if empty and not context.actor.signed_in else _sentence(count, who),
        who=who,
        next=coming[0] if coming else None,
        groups=(addresses.group(say("Team"), "team", [(one.slug, one.name) for one in seen.teams]),),
        month=grids.weeks_grid(wall, first, last, shown, seen.freezes, seen.holidays),
        coming=schedule.with_facts(coming[:6], listed=8),
        moved=schedule.recent_moves(mine, wall.now - SOON),
        empty=empty,
        tasks=_tasks(),
    )


def _sentence(count: int, who: str) -> str:
    """How much is coming: for these teams, or at all."""
    if not who:
        if not count:
            return say("Nothing goes out in the next 14 days.")
        return many(
            "{count} change goes out in the next 14 days.", "{count} changes go out in the next 14 days.", count
        )
    if not count:
        return say("Nothing reaches {teams} in the next 14 days.", teams=who)
    return many(
        "{count} change reaches {teams} in the next 14 days.",
        "{count} changes reach {teams} in the next 14 days.",
        count,
        teams=who,
    )


def _tasks() -> tuple[Task, ...]:
    """What waits for this reader: windows to approve, changes of theirs to look at."""
    store, actor = context.store, context.actor
    if actor.person is None:
        return ()
    found = [
        Task(
            many("{count} change waits for your approval", "{count} changes wait for your approval", len(one.changes)),
            schedule.window_href(one.calendar, one.window),
            one.start,
        )
        for one in waiting.for_actor(store, actor, context.now)[:6]
    ]
    if may_somewhere(actor, Action.EDIT_CHANGE):
        mine = changes.search(store, actor, Filter(mine=(actor.person, actor.name), needs_review=True, unreleased=True))
        if mine.items:
            text = many("{count} change of yours needs review", "{count} changes of yours need review", len(mine.items))
            found.append(Task(text, url_for("pages.mine")))
    return tuple(found)
