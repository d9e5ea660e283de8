"""Administration of calendars: a form and the YAML side by side, with the next windows as one types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action, allows, may_somewhere
from release_mgmt.resources import folder
from release_mgmt.services import calendar_drafts, calendars, directory
from release_mgmt.services.calendar_drafts import Draft
from release_mgmt.services.calendars import CalendarView, Edit
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms, preview
from release_mgmt.web.pages.language import say, term
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.reverts import undo
from release_mgmt.web.pages.schedule import FLAGS
from release_mgmt.web.pages.site import blueprint, draw

# name of the field -> where it stands in the document, and how it is read
_NUMBERS = {
    "notice_minor": ("policy", "notice", "minor"),
    "notice_major": ("policy", "notice", "major"),
    "points": ("policy", "capacity", "points"),
    "cost_minor": ("policy", "capacity", "minor"),
    "cost_major": ("policy", "capacity", "major"),
    "most_major": ("policy", "capacity", "most_major"),
    "managers_minor": ("policy", "approvals", "minor", "release_managers"),
    "managers_major": ("policy", "approvals", "major", "release_managers"),
}
_TEXTS = {"calendar": ("calendar",), "time_zone": ("time_zone",), "cut_off": ("business_days", "cut_off")}
_SWITCHES = {"public": ("public",), "teams_major": ("policy", "approvals", "major", "each_affected_team")}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One window of the preview; ``local`` is the wall time of the calendar."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    title: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a rule dropped."""

    when: str
    series: str
    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The preview of a draft."""

    occurrences: tuple[Occurrence, ...]
    dropped: tuple[Dropped, ...]
    freezes: tuple[tuple[str, datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version of the calendar."""

    version: int
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class EditorPage:
    """The editor of one calendar, or of a new one."""

    slug: str | None
    title: str
    text: str
    version: int | None
    form: Mapping[str, Any]
    looked: Looked | None
    problem: Problem | None
    errors: Mapping[str, str]
    edits: tuple[Edit, ...]
    effects: preview.Preview | None
    versions: tuple[VersionLine, ...]
    action: str
    reason: str


@blueprint.get("/admin/calendars")
@needs(Action.EDIT_CALENDAR)
def admin_calendars() -> str:
    """Every calendar that one may edit."""
    found = [
        one
        for one in calendars.every(context.store, context.actor)
        if allows(context.actor, Action.EDIT_CALENDAR, calendar=one.slug)
    ]
    return draw("admin_calendars", items=found, may_create=may_somewhere(context.actor, Action.CREATE_CALENDAR))


@blueprint.get("/admin/calendars/new")
@needs(Action.CREATE_CALENDAR)
def new_calendar() -> str:
    """A new calendar, begun from the example."""
    text = (folder("config") / "calendar.example.yaml").read_text("utf-8")
    return draw("admin_calendar", _editor(None, text))


@blueprint.get("/admin/calendars/<slug>")
@needs(Action.EDIT_CALENDAR)
def admin_calendars_one(slug: str) -> str:
    """One calendar."""
    held = calendars.get(context.store, context.actor, slug)
    return draw("admin_calendar", _editor(held, calendar_drafts.write(held.document)))


@blueprint.post("/admin/calendars/new")
@needs(Action.CREATE_CALENDAR)
def make_calendar() -> tuple[str, int] | Response:
    """Preview or make it."""
    return _edit(None)


@blueprint.post("/admin/calendars/<slug>")
@needs(Action.EDIT_CALENDAR)
def edit_calendar(slug: str) -> tuple[str, int] | Response:
    """Preview or save it."""
    return _edit(calendars.get(context.store, context.actor, slug))


def _edit(held: CalendarView | None) -> tuple[str, int] | Response:
    text, do = request.form.get("yaml", "")[:600_000], forms.text("do")
    version = forms.number("version")
    try:
        if forms.text("preview"):
            return draw("admin_calendar", _editor(held, text, version=version)), 200
        document = calendar_drafts.parse(text)
        if do == "form":
            text = calendar_drafts.write(_with_form(document))
            return draw("admin_calendar", _editor(held, text, version=version)), 200
        done = calendars.apply(
            context.store,
            context.actor,
            context.now,
            document,
            slug=held.slug if held else None,
            version=version,
            reason=forms.optional("reason"),
            dry_run=do != "save",
        )
    except ReleaseMgmtError as error:
        return draw("admin_calendar", _editor(held, text, version=version, error=error)), forms.status(error)
    if done.dry_run:
        shown = _editor(held, text, version=version, edits=done.edits, effects=preview.of(done.effects))
        return draw("admin_calendar", shown), 200
    return forms.done(
        say("The calendar is saved and planned again."),
        url_for("pages.calendar", calendar=done.slug),
        undo=None if done.created else undo(done.slug, done.version),
    )


def _editor(
    held: CalendarView | None,
    text: str,
    *,
    version: int | None = None,
    error: ReleaseMgmtError | None = None,
    edits: tuple[Edit, ...] = (),
    effects: preview.Preview | None = None,
) -> EditorPage:
    document: Mapping[str, Any] = {}
    looked: Looked | None = None
    try:
        document = calendar_drafts.parse(text)
        looked = _looked(calendar_drafts.look(context.store, context.actor, context.now, document))
    except InvalidInput as fault:
        error = error or fault
    return EditorPage(
        slug=held.slug if held else None,
        title=held.name if held else say("New calendar"),
        text=text,
        version=version if version is not None else held.version if held else None,
        form={name: _at(document, path) for name, path in (_NUMBERS | _TEXTS | _SWITCHES).items()},
        looked=looked,
        problem=forms.problem_of(error, say("This calendar cannot be used as it is"), refilled=True) if error else None,
        errors=forms.errors_of(error),
        edits=edits,
        effects=effects,
        versions=_versions(held),
        action=url_for("pages.edit_calendar", slug=held.slug) if held else url_for("pages.make_calendar"),
        reason=forms.text("reason"),
    )


def _versions(held: CalendarView | None) -> tuple[VersionLine, ...]:
    if held is None:
        return ()
    found = calendars.versions(context.store, context.actor, held.slug)[:12]
    names = directory.look_up(context.store, context.actor, [one.made_by for one in found])
    return tuple(
        VersionLine(one.version, names.person(one.made_by) or one.made_by, one.made_at, one.reason or "")
        for one in found
    )


def _looked(draft: Draft) -> Looked:
    zone = ZoneInfo(draft.time_zone)
    return Looked(
        tuple(
            Occurrence(
                one.start,
                one.end,
                zone,
                one.title or one.series,
                tuple(say(FLAGS[flag]) for flag in one.flags if flag in FLAGS),
            )
            for one in draft.windows
        ),
        tuple(Dropped(f"{one.original_start:%Y-%m-%d %H:%M}", one.series, term(one.reason)) for one in draft.skipped),
        tuple((one.freeze.reason or one.freeze.id, one.start, one.end) for one in draft.freezes),
    )


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _with_form(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the fields of the form put in; what the form does not show stays."""
    made = dict(document)
    for name, path in _TEXTS.items():
        if forms.text(name):
            _put(made, path, forms.text(name))
    for name, path in _NUMBERS.items():
        given = forms.text(name, 20)
        if given:
            _put(made, path, int(given) if given.isascii() and given.isdigit() else given)
    for name, path in _SWITCHES.items():
        _put(made, path, bool(forms.text(name)))
    return made


def _put(document: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    here = document
    for name in path[:-1]:
        inner = here.get(name)
        here[name] = dict(inner) if isinstance(inner, Mapping) else {}
        here = here[name]
    here[path[-1]] = value
