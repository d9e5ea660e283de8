"""Editing one window: call it off, or give it another date; what moves is shown before anything is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import Conflict, InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars
from release_mgmt.services import windows as service
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms, preview, schedule
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.reverts import undo
from release_mgmt.web.pages.site import blueprint, draw

_LOCAL = "%Y-%m-%dT%H:%M"


@blueprint.get("/windows/<calendar>/<path:key>/edit")
@needs(Action.EDIT_WINDOW)
def window_edit(calendar: str, key: str) -> str | tuple[str, int]:
    """The form: cancel, restore, or another start; the address may ask what one of them would do."""
    return _tried(calendar, key) if forms.text("do") else _page(calendar, key)


def _page(
    calendar: str, key: str, *, error: ReleaseMgmtError | None = None, seen: preview.Preview | None = None
) -> str:
    found = service.detail(context.store, context.actor, calendar, key)
    held = calendars.get(context.store, context.actor, calendar)
    item, start = _series(held, key)
    cancelled = start in {str(one)[:16] for one in item.get("except") or ()}
    return draw(
        "window_edit",
        card=schedule.card(found, schedule.names_of([found])),
        slug=calendar,
        key=key,
        cancelled=cancelled,
        version=(forms.number("version") if seen else None) or held.version,
        start=forms.text("start") or str((item.get("moved") or {}).get(start, start))[:16],
        do=forms.text("do"),
        reason=forms.text("reason"),
        problem=forms.problem_of(error, say("The window was not changed")) if error else None,
        preview=seen,
    )


def _series(held: calendars.CalendarView, key: str) -> tuple[dict[str, Any], str]:
    """The series of a window as the document has it, and the window's original local start."""
    name, _, start = key.rpartition("@")
    for item in held.document.get("series") or ():
        if item.get("id") == name:
            return dict(item), start
    raise NotFound("The series of this window is not in the calendar any more.")


@blueprint.post("/windows/<calendar>/<path:key>/edit")
@needs(Action.EDIT_WINDOW)
def window_change(calendar: str, key: str) -> tuple[str, int] | Response:
    """Show what the edit would do, or keep it."""
    if not forms.text("keep"):
        shown = forms.by_address(
            "pages.window_edit", calendar=calendar, key=key, version=forms.number("version"),
            **{name: forms.text(name) for name in ("do", "start", "reason")},
        )  # fmt: skip
        return shown or _tried(calendar, key)
    try:
        done = _edit(calendar, key, dry_run=False)
    except ReleaseMgmtError as error:
        return _page(calendar, key, error=error), forms.status(error)
    return forms.done(
        say("The window is changed; who subscribes sees it."),
        url_for("pages.calendar", calendar=calendar),
        undo=undo(calendar, done.version),
    )


def _tried(calendar: str, key: str) -> tuple[str, int]:
    """The window with what the edit would do."""
    try:
        done = _edit(calendar, key, dry_run=True)
    except ReleaseMgmtError as error:
        return _page(calendar, key, error=error), forms.status(error)
    return _page(calendar, key, seen=preview.of(done.effects)), 200


def _edit(calendar: str, key: str, *, dry_run: bool) -> calendars.Applied:
    held = calendars.get(context.store, context.actor, calendar)
    item, start = _series(held, key)
    return calendars.edit(
        context.store,
        context.actor,
        context.now,
        calendar,
        "series",
        _edited(item, start),
        identity=str(item["id"]),
        version=(not dry_run and forms.number("version")) or held.version,  # the item was read of it
        reason=forms.text("reason"),
        dry_run=dry_run,
    )


def _edited(item: dict[str, Any], start: str) -> dict[str, Any]:
    do = forms.text("do")
    called_off = [str(one)[:16] for one in item.get("except") or ()]
    moved = {str(old)[:16]: str(new)[:16] for old, new in (item.get("moved") or {}).items()}
    if do == "cancel":
        if start in called_off:
            raise Conflict("This window is cancelled already.")
        called_off.append(start)
    elif do == "restore":
        called_off = [one for one in called_off if one != start]
        moved.pop(start, None)
    elif do == "move":
        wanted = forms.text("start")
        try:
            moved[start] = f"{datetime.fromisoformat(wanted):{_LOCAL}}"
        except ValueError:
            raise InvalidInput.at("start", "this is not a local time", "YYYY-MM-DDTHH:MM") from None
    else:
        raise InvalidInput.at("do", "nothing was chosen", "cancel, restore or move")
    kept = {name: value for name, value in item.items() if name not in {"except", "moved"}}
    return {**kept, **({"except": called_off} if called_off else {}), **({"moved": moved} if moved else {})}
