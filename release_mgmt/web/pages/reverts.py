"""Taking a freeze, an edit of a calendar or a move back: a new edit with its own reason, after a preview."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import Conflict, InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, reverting
from release_mgmt.services.calendars import Edit
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms, layout, preview
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.parts import PlanMove, Problem, Reason
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw

LOOK = "preview"
"""The reason of a preview, which is kept nowhere."""


@dataclass(frozen=True, slots=True)
class RevertPage:
    """What taking something back would do; ``problem`` says why it cannot be."""

    title: str
    sentence: str
    action: str
    back: str
    edits: tuple[Edit, ...] = ()
    moves: tuple[PlanMove, ...] = ()
    reasons: tuple[Reason, ...] = ()
    version: int | None = None
    needs_override: bool = False
    problem: Problem | None = None


@blueprint.get("/calendars/<slug>/versions/<int:version>/revert")
@needs(Action.EDIT_FREEZE)
def revert_edit(slug: str, version: int) -> str:
    """What taking back that version's edit would do."""
    return draw("revert", _edit_page(slug, version))


def _edit_page(slug: str, version: int, error: ReleaseMgmtError | None = None) -> RevertPage:
    store, actor = context.store, context.actor
    held = calendars.get(store, actor, slug)
    kept = next((one for one in calendars.versions(store, actor, slug) if one.version == version), None)
    title = say(
        "Take back: {title}", title=(kept.reason if kept else None) or say("version {version}", version=version)
    )
    address = url_for("pages.revert_edit_now", slug=slug, version=version)
    back = url_for("pages.calendar", calendar=slug)
    try:
        done = reverting.revert_edit(store, actor, context.now, slug, version, reason=LOOK, dry_run=True)
    except (Conflict, InvalidInput) as refused:
        problem = forms.problem_of(error or refused, say("It cannot be taken back"))
        return RevertPage(title, "", address, back, problem=problem)
    seen = preview.of(done.effects)
    problem_now = forms.problem_of(error, say("It was not taken back")) if error else None
    return RevertPage(
        title, seen.sentence, address, back, done.edits, seen.moves, seen.conflicts, held.version, problem=problem_now
    )


@blueprint.post("/calendars/<slug>/versions/<int:version>/revert")
@needs(Action.EDIT_FREEZE)
def revert_edit_now(slug: str, version: int) -> tuple[str, int] | Response:
    """Take it back as a new version; who subscribes sees what moves."""
    try:
        done = reverting.revert_edit(
            context.store, context.actor, context.now, slug, version, reason=forms.text("reason"),
            seen=forms.number("version"),
        )  # fmt: skip
    except ReleaseMgmtError as error:
        return draw("revert", _edit_page(slug, version, error)), forms.status(error)
    return forms.done(say("Taken back."), url_for("pages.calendar", calendar=slug), undo=undo(slug, done.version))


def undo(slug: str, version: int) -> str:
    """Where the edit of that version can be taken back."""
    return url_for("pages.revert_edit", slug=slug, version=version)


@blueprint.get("/moves/<move>/revert")
@needs(Action.MOVE_CHANGE)
def revert_move(move: str) -> str:
    """What putting the change back would do."""
    return draw("revert", _move_page(move))


def _move_page(move: str, error: ReleaseMgmtError | None = None) -> RevertPage:
    store, actor, wall = context.store, context.actor, layout.wall()
    kept = reverting.move_of(store, actor, move)
    title = say("Take back: {title}", title=kept.title)
    if kept.from_start:
        title = say("Back to {when}: {title}", when=wall.words(kept.from_start), title=kept.title)
    address = url_for("pages.revert_move_now", move=move)
    back = url_for("pages.change", change_id=kept.change)
    try:
        seen = reverting.revert_move(store, actor, context.now, move, reason=LOOK, override=True, dry_run=True)
    except ReleaseMgmtError as refused:
        return RevertPage(title, "", address, back, problem=forms.problem_of(refused, say("It cannot be taken back")))
    shown = preview.of(seen.effects)
    checks = tuple(
        Reason(one.code, again(one.message), one.ref or None, blocks=not one.overridable) for one in seen.checks
    )
    problem = forms.problem_of(error, say("It was not taken back")) if error else None
    if any(one.blocks for one in checks):
        problem = Problem(say("It cannot be taken back"), " ".join(one.message for one in checks if one.blocks))
    return RevertPage(
        title, shown.sentence, address, back, (), shown.moves, checks, needs_override=bool(checks), problem=problem
    )


@blueprint.post("/moves/<move>/revert")
@needs(Action.MOVE_CHANGE)
def revert_move_now(move: str) -> tuple[str, int] | Response:
    """Put it back; everybody it concerns sees it with the reason."""
    try:
        done = reverting.revert_move(
            context.store, context.actor, context.now, move, reason=forms.text("reason"),
            override=bool(forms.text("override")),
        )  # fmt: skip
    except ReleaseMgmtError as error:
        return draw("revert", _move_page(move, error)), forms.status(error)
    return forms.done(say("Taken back."), url_for("pages.change", change_id=done.change))
