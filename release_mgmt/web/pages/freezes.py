"""Freezes: what is frozen, what a new one would hit before it is saved, and lifting one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action, allows
from release_mgmt.services import calendars, reverting, windows
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms, preview, schedule
from release_mgmt.web.pages.language import many, say
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.preview import Preview
from release_mgmt.web.pages.reverts import undo
from release_mgmt.web.pages.site import blueprint, draw

AHEAD = timedelta(days=370)
_FIELDS = ("calendar", "id", "start", "end", "hard", "reason", "repositories", "teams", "environments", "except_teams")


@blueprint.get("/freezes")
@needs(Action.READ_CALENDAR)
def freezes() -> str:
    """The freezes of the coming year."""
    now = context.now
    seen = schedule.picture(now, now + AHEAD, freezes_only=True)
    bands = seen.freezes
    holding = [one for one in bands if one.start <= now < one.end]
    told = many("{count} freeze ahead.", "{count} freezes ahead.", len(bands)) if bands else say("No freeze ahead.")
    if holding:
        told = say("Frozen now: {freezes}.", freezes=", ".join(one.title for one in holding))
    return draw("freezes", freezes=bands, sentence=told)


@blueprint.get("/freezes/<calendar>/<identity>")
@needs(Action.READ_CALENDAR)
def freeze(calendar: str, identity: str) -> str:
    """One freeze: when it holds, and the windows that it touches."""
    start, end = context.now - AHEAD, context.now + AHEAD
    found = [
        one
        for one in windows.freezes_between(context.store, context.actor, context.now, start, end, calendar=calendar)
        if one.id == identity
    ]
    if not found:
        raise NotFound("There is no such freeze in the year around today.")
    names = schedule.names_of([])
    bands = [schedule.band(one, names, {}) for one in found]
    ahead = [one for one in bands if one.end > context.now] or bands[-1:]
    inside = windows.between(context.store, context.actor, ahead[0].start, ahead[-1].end, calendar=calendar)
    closed = [
        schedule.card(one, names)
        for one in inside
        if any(one.start < band.end and one.end > band.start for band in ahead)
    ]
    editable = context.actor.signed_in and allows(context.actor, Action.EDIT_FREEZE, calendar=calendar)
    last = reverting.last_edit(context.store, context.actor, calendar, "freezes", identity) if editable else None
    return draw(
        "freeze", first=ahead[0], bands=ahead, closed=closed, slug=calendar, identity=identity, editable=editable,
        undo=undo(calendar, last) if last else None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FreezeForm:
    """The form, what is wrong with it, and what it would hit."""

    form: Mapping[str, str]
    calendars: tuple[tuple[str, str], ...]
    editing: bool
    action: str
    lift_action: str
    version: int | None
    problem: Problem | None
    errors: Mapping[str, str]
    preview: Preview | None
    lifting: Preview | None
    lift_reason: str


def _choices() -> tuple[tuple[str, str], ...]:
    actor = context.actor
    return tuple(
        (one.slug, one.name)
        for one in calendars.every(context.store, actor)
        if allows(actor, Action.EDIT_FREEZE, calendar=one.slug)
    )


@blueprint.get("/freezes/new")
@needs(Action.EDIT_FREEZE)
def new_freeze() -> str | tuple[str, int]:
    """An empty form; the address may fill some of it, and ask what it would hit."""
    given = _typed()
    if forms.text("do") == "preview":
        return _tried(given, editing=False)
    return _form_page({**given, "hard": given["hard"] or "1"}, editing=False)


@blueprint.get("/freezes/<calendar>/<identity>/edit")
@needs(Action.EDIT_FREEZE)
def edit_freeze(calendar: str, identity: str) -> str | tuple[str, int]:
    """The form of a freeze that is there; the address may ask what an edit, or lifting it, would do."""
    do = forms.text("do")
    if do == "preview":
        return _tried(_typed(calendar, identity), editing=True)
    if do == "lift":
        return _lift_tried(calendar, identity)
    held = calendars.get(context.store, context.actor, calendar)
    return _form_page(_given(calendar, _item_of(held, identity)), editing=True, version=held.version)


def _typed(calendar: str | None = None, identity: str | None = None) -> dict[str, str]:
    """What was typed; a freeze that is there keeps its calendar and its name."""
    given = {name: forms.text(name) for name in _FIELDS}
    return given if calendar is None or identity is None else {**given, "calendar": calendar, "id": identity}


def _item_of(held: calendars.CalendarView, identity: str) -> Mapping[str, Any]:
    item: Mapping[str, Any] | None = next(
        (one for one in held.document.get("freezes") or () if one.get("id") == identity), None
    )
    if item is None:
        raise NotFound("There is no such freeze.")
    return item


def _given(calendar: str, item: Mapping[str, Any]) -> dict[str, str]:
    days = [str(one) for one in item.get("days") or ()]
    scope = item.get("scope") or {}
    spared = scope.get("except") or {}
    return {
        "calendar": calendar,
        "id": str(item.get("id", "")),
        "start": days[0] if days else str(item.get("start", ""))[:10],
        "end": days[-1] if days else str(item.get("end", ""))[:10],
        "hard": "1" if item.get("hard", True) else "0",
        "reason": str(item.get("reason", "")),
        **{name: ", ".join(scope.get(name) or ()) for name in ("repositories", "teams", "environments")},
        "except_teams": ", ".join(spared.get("teams") or ()),
    }


def _form_page(
    given: Mapping[str, str],
    *,
    editing: bool,
    version: int | None = None,
    error: ReleaseMgmtError | None = None,
    seen: preview.Preview | None = None,
    lifting: preview.Preview | None = None,
) -> str:
    slug, identity = given["calendar"], given["id"]
    again = url_for("pages.save_freeze_again", calendar=slug, identity=identity) if editing else ""
    view = FreezeForm(
        form=given,
        calendars=tuple(one for one in _choices() if not editing or one[0] == slug),
        editing=editing,
        action=again or url_for("pages.save_freeze"),
        lift_action=url_for("pages.lift_freeze", calendar=slug, identity=identity) if editing else "",
        version=version,
        problem=forms.problem_of(error, say("The freeze was not saved"), refilled=True) if error else None,
        errors={**forms.errors_of(error), **({"start": e} if (e := forms.errors_of(error).get("days")) else {})},
        preview=seen,
        lifting=lifting,
        lift_reason=forms.text("reason") if lifting else "",
    )
    return draw("freeze_form", view)


@blueprint.post("/freezes/new")
@needs(Action.EDIT_FREEZE)
def save_freeze() -> tuple[str, int] | Response:
    """Show what a new freeze would hit, or save it."""
    given = _typed()
    if forms.text("do") != "save":
        return forms.by_address("pages.new_freeze", **given, do="preview") or _tried(given, editing=False)
    return _save(given, editing=False)


@blueprint.post("/freezes/<calendar>/<identity>/edit")
@needs(Action.EDIT_FREEZE)
def save_freeze_again(calendar: str, identity: str) -> tuple[str, int] | Response:
    """Show what the edit would do, or save it."""
    given = _typed(calendar, identity)
    if forms.text("do") != "save":
        fields = {name: value for name, value in given.items() if name not in {"calendar", "id"}}
        shown = forms.by_address(
            "pages.edit_freeze", calendar=calendar, identity=identity, version=forms.number("version"), do="preview",
            **fields,
        )  # fmt: skip
        return shown or _tried(given, editing=True)
    return _save(given, editing=True)


def _tried(given: Mapping[str, str], *, editing: bool) -> tuple[str, int]:
    """The form with what it would hit as things are; saving asks whether somebody else was quicker."""
    version = forms.number("version")
    try:
        done = _edit(given, None, dry_run=True)
    except ReleaseMgmtError as error:
        return _form_page(given, editing=editing, version=version, error=error), forms.status(error)
    return _form_page(given, editing=editing, version=version, seen=_hits(given, done)), 200


def _save(given: Mapping[str, str], *, editing: bool) -> tuple[str, int] | Response:
    slug, identity, version = given["calendar"], given["id"], forms.number("version")
    try:
        done = _edit(given, version, dry_run=False)
    except ReleaseMgmtError as error:
        return _form_page(given, editing=editing, version=version, error=error), forms.status(error)
    return forms.done(
        say("Frozen: {freezes}.", freezes=given["reason"] or identity),
        url_for("pages.freeze", calendar=slug, identity=identity),
        undo=undo(slug, done.version),
    )


def _edit(given: Mapping[str, str], version: int | None, *, dry_run: bool) -> calendars.Applied:
    if not given["id"]:
        raise InvalidInput.at("id", "a short name is needed", "such as year-end")
    return calendars.edit(
        context.store, context.actor, context.now, given["calendar"], "freezes", _item(given), identity=given["id"],
        version=version, reason=given["reason"], dry_run=dry_run,
    )  # fmt: skip


def _hits(given: Mapping[str, str], done: calendars.Applied) -> preview.Preview:
    return preview.of(
        done.effects,
        say("{first} to {last}", first=given["start"], last=given["end"]) if given["start"] != given["end"] else "",
    )


def _item(given: Mapping[str, str]) -> dict[str, Any]:
    for name in ("start", "end"):
        try:
            date.fromisoformat(given[name])
        except ValueError:
            raise InvalidInput.at(name, "this is not a day", "YYYY-MM-DD") from None
    if given["end"] < given["start"]:
        raise InvalidInput.at("end", "must not lie before the first day")
    scope: dict[str, Any] = {
        name: list(forms.words(name)) for name in ("repositories", "teams", "environments") if given[name]
    }
    if given["except_teams"]:
        scope["except"] = {"teams": list(forms.words("except_teams"))}
    item: dict[str, Any] = {
        "days": [given["start"], given["end"]],
        "hard": given["hard"] != "0",
        "reason": given["reason"],
    }
    return {**item, "scope": scope} if scope else item


@blueprint.post("/freezes/<calendar>/<identity>/lift")
@needs(Action.EDIT_FREEZE)
def lift_freeze(calendar: str, identity: str) -> tuple[str, int] | Response:
    """Show what taking a freeze away would do, or do it; what it moved stays, and the board suggests going back."""
    reason, version = forms.text("reason"), forms.number("version")
    if forms.text("do") != "lift":
        shown = forms.by_address(
            "pages.edit_freeze", calendar=calendar, identity=identity, version=version, do="lift", reason=reason
        )
        return shown or _lift_tried(calendar, identity)
    try:
        done = _lift(calendar, identity, dry_run=False)
    except ReleaseMgmtError as error:
        return _lift_page(calendar, identity, error=error), forms.status(error)
    told = say("The freeze is lifted. The board suggests what could go earlier.")
    return forms.done(told, url_for("pages.freezes"), undo=undo(calendar, done.version))


def _lift(calendar: str, identity: str, *, dry_run: bool) -> calendars.Applied:
    return calendars.edit(
        context.store, context.actor, context.now, calendar, "freezes", None, identity=identity,
        version=None if dry_run else forms.number("version"), reason=forms.text("reason"), dry_run=dry_run,
    )  # fmt: skip


def _lift_tried(calendar: str, identity: str) -> tuple[str, int]:
    """The freeze with what lifting it would do."""
    try:
        done = _lift(calendar, identity, dry_run=True)
    except ReleaseMgmtError as error:
        return _lift_page(calendar, identity, error=error), forms.status(error)
    return _lift_page(calendar, identity, seen=preview.of(done.effects)), 200


def _lift_page(
    calendar: str, identity: str, *, seen: Preview | None = None, error: ReleaseMgmtError | None = None
) -> str:
    held = calendars.get(context.store, context.actor, calendar)
    given = _given(calendar, _item_of(held, identity))
    return _form_page(given, editing=True, version=held.version, lifting=seen, error=error)
