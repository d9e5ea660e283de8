"""Two changes that go in each other's place, after a preview and with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import directory, swapping
from release_mgmt.services import windows as service
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms, preview, schedule
from release_mgmt.web.pages.board import HORIZON
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.layout import wall
from release_mgmt.web.pages.parts import ChangeLine, PlanMove, Reason
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class SwapPage:
    """A swap before it is kept."""

    line: ChangeLine
    other: ChangeLine | None
    options: tuple[tuple[str, str], ...]
    sentence: str
    reasons: tuple[Reason, ...]
    moves: tuple[PlanMove, ...]
    refused: bool
    needs_override: bool
    board: str


@blueprint.get("/changes/<change_id>/swap")
@needs(Action.MOVE_CHANGE)
def swap_changes(change_id: str) -> str:
    """What a swap would do: which checks it breaks, and what else goes elsewhere."""
    return _swap_page(change_id, request.args.get("other", "")[:200])


def _swap_page(change_id: str, other: str, error: ReleaseMgmtError | None = None) -> str:
    store, actor, now = context.store, context.actor, context.now
    place = next((one for one in service.of_change(store, actor, change_id) if one.window), None)
    if place is None:
        raise NotFound("This change has no window.", hint="Move it to one instead.")
    found = service.between(store, actor, now, now + HORIZON, calendar=place.calendar)
    coming = [one for one in found if one.start > now and one.state not in {"cancelled", "frozen"}]
    others = {each.id: each for one in coming for each in one.changes if one.key != place.window}
    names = directory.look_up(store, actor, [place.owner, *(each.owner for each in others.values())])
    told = wall()
    options = tuple((each.id, f"{told.words(each.start)}: {each.title}") for each in others.values() if each.start)
    line, back = schedule.placed_line(place, names), url_for("pages.board", calendar=place.calendar)
    if other not in others:
        return draw("swap", SwapPage(line, None, options, *preview.Trial(""), back))
    trial = preview.trial(
        lambda: swapping.swap(store, actor, now, change_id, other, reason="preview", override=True, dry_run=True), error
    )
    page = SwapPage(line, schedule.placed_line(others[other], names), options, *trial, back)
    return draw("swap", page)


@blueprint.post("/changes/<change_id>/swap")
@needs(Action.MOVE_CHANGE)
def swap_changes_now(change_id: str) -> tuple[str, int] | Response:
    """Keep the swap; everybody it concerns sees it with the reason."""
    store, actor, other = context.store, context.actor, forms.text("other")
    try:
        swapping.swap(
            store, actor, context.now, change_id, other, reason=forms.text("reason"),
            override=bool(forms.text("override")),
        )  # fmt: skip
    except ReleaseMgmtError as error:
        return _swap_page(change_id, other, error), forms.status(error)
    calendar = service.of_change(store, actor, change_id)[0].calendar
    return forms.done(say("Swapped."), url_for("pages.board", calendar=calendar))
