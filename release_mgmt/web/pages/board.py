"""The board: coming windows side by side; a change moves by drag, by keys or by a form, after a preview."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action, allows
from release_mgmt.services import calendars, directory, placing
from release_mgmt.services import windows as service
from release_mgmt.services.windows import PlacedChange
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms, preview, schedule
from release_mgmt.web.pages.language import many, plural, say
from release_mgmt.web.pages.layout import wall
from release_mgmt.web.pages.parts import ChangeLine, ChipGroup, FreezeBand, PlanMove, Quorum, Reason, WindowCard
from release_mgmt.web.pages.site import blueprint, draw

COLUMNS = 8
CARDS = 12
"""Cards of a window that the board shows; its page has the rest."""
LOST = 24
TOLD = 6
"""Conflicts that are told above the board; each window's page has its own."""
SUGGESTED = 20
HORIZON = timedelta(days=182)


@dataclass(frozen=True, slots=True)
class Column:
    """A window on the board; ``key`` and ``card`` are None for what has no window. ``more`` is where the ``left``
    changes are that it does not show."""

    key: str | None
    label: str
    card: WindowCard | None
    cards: tuple[ChangeLine, ...]
    freezes: tuple[FreezeBand, ...] = ()
    closed: bool = False
    count: int = 0
    left: int = 0
    more: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that could go earlier again."""

    change: ChangeLine
    old: datetime | None
    new: datetime | None
    href: str


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The board of one calendar."""

    sentence: str
    groups: tuple[ChipGroup, ...]
    columns: tuple[Column, ...]
    conflicts: tuple[Reason, ...]
    suggestions: tuple[Suggestion, ...]
    movable: bool
    slug: str
    untold: int = 0


@blueprint.get("/board")
@needs(Action.MOVE_CHANGE)
def board() -> str:
    """The coming windows of a calendar."""
    store, actor, now = context.store, context.actor, context.now
    known = [one for one in calendars.every(store, actor) if allows(actor, Action.MOVE_CHANGE, calendar=one.slug)]
    if not known:
        return draw("board", BoardPage(say("There is no calendar of yours yet."), (), (), (), (), False, ""))
    chosen = next((one for one in known if one.slug == request.args.get("calendar")), known[0])
    held = service.between(store, actor, now, now + HORIZON, calendar=chosen.slug)
    found = [one for one in held if one.state != "cancelled"][:COLUMNS]
    lost = service.deferred(store, actor, calendar=chosen.slug)
    names = directory.look_up(store, actor, [line.owner for one in found for line in one.changes])
    end = found[-1].end if found else now
    called = {chosen.slug: chosen.name}
    bands = [
        schedule.band(one, names, called)
        for one in service.freezes_between(store, actor, now, now, end, calendar=chosen.slug)
    ]
    cards = schedule.with_facts((schedule.card(one, names) for one in found), listed=CARDS)
    columns = [_column(one, card, bands) for one, card in zip(found, cards, strict=True)]
    if lost:
        columns.append(_lost(lost, names))
    conflicts = tuple(conflict for column in columns if column.card for conflict in column.card.conflicts)
    starts = {one.key: one.start for one in held}
    everything = [line for one in held for line in one.changes]
    view = BoardPage(
        sentence=_sentence(columns, lost, conflicts),
        groups=(addresses.group(say("Calendar"), "calendar", [(one.slug, one.name) for one in known]),)
        if len(known) > 1
        else (),
        columns=tuple(columns),
        conflicts=conflicts[:TOLD],
        suggestions=tuple(
            _suggestion(one, names, starts) for one in [one for one in everything if one.suggestion][:SUGGESTED]
        ),
        movable=True,
        slug=chosen.slug,
        untold=len(conflicts[TOLD:]),
    )
    return draw("board", view)


def _column(found: service.WindowView, card: WindowCard, bands: list[FreezeBand]) -> Column:
    settled = sum(one.state in {"approved", "released"} for one in found.changes)
    card = replace(card, quorum=Quorum(settled, len(found.changes)) if found.changes else None)
    label = wall().span_words(found.start, found.end)
    inside = tuple(one for one in bands if one.start < found.end and one.end > found.start)
    return Column(
        found.key,
        label,
        card,
        card.changes[:CARDS],
        inside,
        closed=found.state in {"frozen", "open"},
        count=len(found.changes),
        left=len(found.changes[CARDS:]),
        more=card.href,
    )


def _lost(lost: list[PlacedChange], names: directory.Directory) -> Column:
    """What has no window, page by page."""
    first = addresses.first_of_page(len(lost), LOST)
    shown = lost[first : first + LOST]
    after = len(lost) - first - len(shown)
    return Column(
        None,
        say("no window"),
        None,
        tuple(schedule.placed_line(one, names) for one in shown),
        closed=True,
        count=len(lost),
        left=after or first,
        more=f"{addresses.present(page=str(first // LOST + 2) if after else None)}#no-window",
    )


def _suggestion(found: PlacedChange, names: directory.Directory, starts: dict[str, datetime]) -> Suggestion:
    href = url_for("pages.move_change", change_id=found.id, to=found.suggestion)
    return Suggestion(schedule.placed_line(found, names), found.start, starts.get(found.suggestion or ""), href)


def _sentence(columns: list[Column], lost: list[PlacedChange], conflicts: tuple[Reason, ...]) -> str:
    windows = [one for one in columns if one.card]
    if not windows:
        return say("No window is coming.")
    changes = sum(one.count for one in windows)
    waiting = sum(
        one.card.quorum is not None and not one.card.quorum.met for one in windows if one.card and one.card.state
    )
    told = say(
        "{changes} in the next {windows}", changes=plural(changes, "change"), windows=plural(len(windows), "window")
    )
    parts = []
    if waiting:
        parts.append(many("{count} window waits for approvals", "{count} windows wait for approvals", waiting))
    if conflicts:
        parts.append(many("{count} conflict needs you", "{count} conflicts need you", len(conflicts)))
    if lost:
        parts.append(many("{count} change without a window", "{count} changes without a window", len(lost)))
    return "; ".join([told, *parts]) + "."


@dataclass(frozen=True, slots=True)
class MovePage:
    """A move before it is kept."""

    line: ChangeLine
    options: tuple[tuple[str, str], ...]
    to: str
    target: WindowCard | None
    sentence: str
    reasons: tuple[Reason, ...]
    moves: tuple[PlanMove, ...]
    refused: bool
    needs_override: bool
    board: str


@blueprint.get("/changes/<change_id>/move")
@needs(Action.MOVE_CHANGE)
def move_change(change_id: str) -> str:
    """What a move would do: which checks it breaks, and what else goes elsewhere."""
    return _move_page(change_id, request.args.get("to", "")[:200])


def _move_page(change_id: str, to: str, error: ReleaseMgmtError | None = None) -> str:
    store, actor, now = context.store, context.actor, context.now
    places = service.of_change(store, actor, change_id)
    if not places:
        raise NotFound("No calendar plans this change.")
    place = places[0]
    names = directory.look_up(store, actor, [place.owner])
    windows = [
        one
        for one in service.between(store, actor, now, now + HORIZON, calendar=place.calendar)
        if one.start > now and one.state not in {"cancelled", "frozen"} and one.key != place.window
    ]
    at = wall()
    options = tuple((one.key, at.span_words(one.start, one.end)) for one in windows)
    target = next((one for one in windows if one.key == to), None)
    line = schedule.placed_line(place, names)
    back = url_for("pages.board", calendar=place.calendar)
    if target is None:
        return draw("move", MovePage(line, options, to, None, *preview.Trial(""), back))
    trial = preview.trial(
        lambda: placing.move(store, actor, now, change_id, to, reason="preview", override=True, dry_run=True), error
    )
    page = MovePage(line, options, to, schedule.card(target, names), *trial, back)
    return draw("move", page)


@blueprint.post("/changes/<change_id>/move")
@needs(Action.MOVE_CHANGE)
def move_change_now(change_id: str) -> tuple[str, int] | Response:
    """Keep the move; everybody it concerns sees it with the reason."""
    to = forms.text("to")
    try:
        done = placing.move(
            context.store,
            context.actor,
            context.now,
            change_id,
            to,
            reason=forms.text("reason"),
            override=bool(forms.text("override")),
        )
    except ReleaseMgmtError as error:
        return _move_page(change_id, to, error), forms.status(error)
    others = sum(one.change != change_id for one in done.effects.hits)
    also = many("{count} other change moved with it.", "{count} other changes moved with it.", others)
    calendar = service.of_change(context.store, context.actor, change_id)[0].calendar
    kept = service.moves(context.store, context.actor, change=change_id, limit=1)
    undo = schedule.undo_of(kept[0]) if kept and kept[0].to_window == to else None
    told = f"{say('Moved.')} {also}" if others else say("Moved.")
    return forms.done(told, url_for("pages.board", calendar=calendar), undo=undo)
