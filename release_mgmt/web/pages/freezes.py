"""Freezes: what is frozen, and what a new freeze would hit before it is saved."""

from __future__ import annotations

from datetime import timedelta

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action
from release_mgmt.services import timetable
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import schedule
from release_mgmt.web.pages.moment import plural
from release_mgmt.web.pages.site import blueprint, draw

AHEAD = timedelta(days=370)


@blueprint.get("/freezes")
@needs(Action.READ_CALENDAR)
def freezes() -> str:
    """The freezes of the coming year."""
    found = timetable.freezes_over(context.store, context.actor, context.now, context.now + AHEAD)
    names = schedule.names_of([])
    bands = [schedule.band(one, names) for one in found]
    holding = [one for one in bands if one.start <= context.now < one.end]
    told = f"{plural(len(bands), 'freeze')} ahead." if bands else "No freeze ahead."
    if holding:
        told = f"Frozen now: {', '.join(one.title for one in holding)}."
    return draw("freezes", freezes=bands, sentence=told)


@blueprint.get("/freezes/<calendar>/<identity>")
@needs(Action.READ_CALENDAR)
def freeze(calendar: str, identity: str) -> str:
    """One freeze: when it holds, and the windows that it closes."""
    start, end = context.now - AHEAD, context.now + AHEAD
    seen = timetable.between(context.store, context.actor, start, end, calendar=calendar)
    found = [one for one in seen.freezes if one.period.freeze.id == identity]
    if not found:
        raise NotFound("There is no such freeze in the year around today.")
    names = schedule.names_of([])
    bands = [schedule.band(one, names) for one in found]
    ahead = [one for one in bands if one.end > context.now] or bands[-1:]
    closed = [
        schedule.card(window, names)
        for window in seen.windows
        if any(window.start < band.end and window.end > band.start for band in ahead)
    ]
    return draw("freeze", first=ahead[0], bands=ahead, closed=closed, slug=calendar, identity=identity)
