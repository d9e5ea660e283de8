"""One window in plain words: what goes out, what it waits for, and what one may do about it."""

from __future__ import annotations

from dataclasses import dataclass

from release_mgmt.core.permissions import Action, allows
from release_mgmt.services import timetable
from release_mgmt.services.timetable import TimedWindow
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import layout, schedule
from release_mgmt.web.pages.moment import plural
from release_mgmt.web.pages.parts import ChangeLine, FreezeBand, Quorum, WindowCard
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class WindowLine:
    """A change in the window, with its approvals and what the reader may do."""

    line: ChangeLine
    quorum: Quorum | None
    lacks: tuple[str, ...]
    can_vote: bool
    can_move: bool


@dataclass(frozen=True, slots=True)
class WindowPage:
    """One window."""

    card: WindowCard
    slug: str
    key: str
    sentence: str
    environment: str
    majors: tuple[WindowLine, ...]
    minors: tuple[WindowLine, ...]
    freezes: tuple[FreezeBand, ...]
    votable: int
    voted: bool
    can_approve: bool
    can_edit: bool
    signed_in: bool


@blueprint.get("/windows/<calendar>/<path:key>")
@needs(Action.READ_PUBLIC)
def window(calendar: str, key: str) -> str:
    """What goes out in one window."""
    return draw("window", window_page(timetable.window(context.store, context.actor, calendar, key)))


def window_page(found: TimedWindow) -> WindowPage:
    """The values of a window's page."""
    slug = found.calendar.slug
    names = schedule.names_of([found])
    card = schedule.card(found, names)
    coming = card.state in {"tentative", "confirmed"}
    can_move = coming and context.actor.signed_in and allows(context.actor, Action.MOVE_CHANGE, calendar=slug)
    can_edit = coming and context.actor.signed_in and allows(context.actor, Action.EDIT_WINDOW, calendar=slug)
    shown = tuple(WindowLine(line, None, (), can_vote=False, can_move=can_move) for line in card.changes)
    freezes = timetable.freezes_over(context.store, context.actor, found.start, found.end)
    return WindowPage(
        card=card,
        slug=slug,
        key=found.key,
        sentence=sentence(card),
        environment=found.environments[0] if found.environments else "prod",
        majors=tuple(one for one in shown if one.line.level == "major"),
        minors=tuple(one for one in shown if one.line.level != "major"),
        freezes=tuple(schedule.band(one, names) for one in freezes if one.calendar.slug == slug),
        votable=0,
        voted=False,
        can_approve=False,
        can_edit=can_edit,
        signed_in=context.actor.signed_in,
    )


def sentence(card: WindowCard) -> str:
    """What goes out, in one sentence or three."""
    if card.state == "cancelled":
        return "This window is cancelled; what it held was placed again."
    verb = "went" if card.state == "released" else "goes" if card.count == 1 else "go"
    if not card.count:
        return "Nothing goes out in this window so far."
    told = f"{plural(card.count, 'change')} {verb} out on {layout.wall().span_words(card.start, card.end)}."
    majors = [line for line in card.changes if line.level == "major"]
    if len(majors) == 1:
        told += f" One is major: {majors[0].title}."
    elif majors:
        told += f" {len(majors)} are major."
    else:
        told += " None is major."
    waiting = card.quorum.waiting_for if card.quorum else ()
    return f"{told} Waiting for: {', '.join(waiting)}." if waiting else told
