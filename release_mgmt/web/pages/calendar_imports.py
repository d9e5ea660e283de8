"""Freezes from an .ics calendar, by its address or as a file: shown first, then taken."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, imports, repositories
from release_mgmt.services.imports import Imported
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms, preview
from release_mgmt.web.pages.language import many, say
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw

MOST_BYTES = 4 * 1024 * 1024  # of an upload; the reader of calendars refuses less
_MOST_LEFT_OUT = 20


@dataclass(frozen=True, slots=True)
class ImportPage:
    """The form, and what an import would do."""

    slug: str
    title: str
    url: str
    name: str
    soft: bool
    problem: Problem | None = None
    effects: preview.Preview | None = None
    told: str = ""


@blueprint.get("/admin/calendars/<slug>/import")
@needs(Action.EDIT_FREEZE)
def calendar_import(slug: str) -> str:
    """The form."""
    return draw("calendar_import", _page(slug))


@blueprint.post("/admin/calendars/<slug>/import")
@needs(Action.EDIT_FREEZE)
def import_calendar(slug: str) -> tuple[str, int] | Response:
    """Show what would come in, or take it."""
    try:
        done = _import(slug, dry_run=forms.text("do") != "save")
    except ReleaseMgmtError as error:
        problem = forms.problem_of(error, say("Nothing was taken in"))
        return draw("calendar_import", _page(slug, problem=problem)), forms.status(error)
    if done.dry_run:
        return draw("calendar_import", _page(slug, effects=preview.of(done.effects), told=_told(done))), 200
    return forms.done(_told(done), url_for("pages.calendar", calendar=slug))


def _import(slug: str, *, dry_run: bool) -> Imported:
    name, hard, file = forms.optional("name", 200), not forms.text("soft"), request.files.get("file")
    if file is not None and file.filename:
        return imports.import_ics(
            context.store, context.actor, context.now, slug, file.stream.read(MOST_BYTES), source=name or file.filename,
            hard=hard, dry_run=dry_run,
        )  # fmt: skip
    url, chosen = forms.text("url"), context.settings
    if not url:
        raise InvalidInput.at("url", "is missing", "an https address, or a file")
    allowed = repositories.policy((), chosen.repository_hosts, allow_http=chosen.allow_plain_http)
    return imports.import_url(
        context.store, context.actor, context.now, slug, url, allowed=allowed, source=name, hard=hard, dry_run=dry_run
    )


def _told(done: Imported) -> str:
    counts = (
        many("{count} freeze is new", "{count} freezes are new", len(done.added)),
        many("{count} freeze changes", "{count} freezes change", len(done.changed)),
        many("{count} freeze is lifted", "{count} freezes are lifted", len(done.cancelled)),
        many("{count} is as before", "{count} are as before", done.unchanged),
    )
    told = ", ".join(counts) + "."
    if done.left_out:
        told += " " + many(
            "{count} part of the file is left out:", "{count} parts of the file are left out:", len(done.left_out)
        )
        told += " " + "; ".join(again(one.message) for one in done.left_out[:_MOST_LEFT_OUT]) + "."
    return told


def _page(
    slug: str, *, problem: Problem | None = None, effects: preview.Preview | None = None, told: str = ""
) -> ImportPage:
    held = calendars.get(context.store, context.actor, slug)
    return ImportPage(
        slug, held.name, forms.text("url"), forms.text("name"), bool(forms.text("soft")), problem, effects, told
    )
