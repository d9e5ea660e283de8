"""Changelogs: what is published of a repository for each audience, its revisions, and what people add to it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response, request
from flask.views import MethodView

from release_mgmt.core.permissions import Action
from release_mgmt.formats.words import Words, negotiate
from release_mgmt.services import adoption, publications
from release_mgmt.services.audiences import named
from release_mgmt.services.publications import windows as of_windows
from release_mgmt.web import etags
from release_mgmt.web.api.changelog_schemas import (
    TYPES,
    AdoptBody,
    AdoptedSchema,
    DiffArgs,
    DiffSchema,
    NoteBody,
    NoteSchema,
    PublicationSchema,
    PublicationsSchema,
    PublicityBody,
    ReasonSchema,
    RevisionsSchema,
    TemplateBody,
    TemplateSchema,
    WantedSchema,
    WindowsWantedSchema,
)
from release_mgmt.web.api.common import Blueprint
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_changelogs", __name__, url_prefix="/api/v1", description=__doc__)


@blueprint.route("/repositories/<repository>/changelog")
@needs(Action.READ_CHANGELOG)
@blueprint.arguments(WantedSchema, location="query")
@blueprint.response(200, content_type="application/json")
def changelog(query: dict[str, Any], repository: str) -> Response:
    """What is published of a repository, in the form and language asked for (else by ``Accept-Language``)."""
    say = Words(query.get("language") or negotiate(request.headers.get("Accept-Language")))
    document = publications.rendered(
        context.store,
        context.actor,
        repository,
        say=say,
        site=context.settings.site,
        audience=named(query["audience"]),
        form=query["format"],
        package=query.get("package"),
        version=query.get("version"),
        page=query["page"],
    )
    return _answer(document.content, query["format"], say, document.changed)


@blueprint.route("/calendars/<calendar>/changelog")
@needs(Action.READ_PUBLIC)
@blueprint.arguments(WindowsWantedSchema, location="query")
@blueprint.response(200, content_type="application/json")
def of_calendar(query: dict[str, Any], calendar: str) -> Response:
    """What the windows of a calendar brought and will bring, newest window first; nothing counts as released before its
    window is over. Of a public calendar everybody reads what the business does."""
    say = Words(query.get("language") or negotiate(request.headers.get("Accept-Language")))
    scope = of_windows.Scope(
        calendar, query.get("window"), query.get("team"), query.get("repository"), query["which"]
    )  # fmt: skip
    content = of_windows.of_calendar(
        context.store, context.actor, context.now, scope, say=say, site=context.settings.site,
        audience=named(query["audience"]), form=query["format"], page=query["page"],
    )  # fmt: skip
    return _answer(content, query["format"], say)


def _answer(content: bytes, form: str, say: Words, changed: datetime | None = None) -> Response:
    response = Response(content, content_type=TYPES[form])
    response.headers["Content-Language"] = say.language
    response.headers["Vary"] = "Accept-Language"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.last_modified = changed
    response.add_etag()
    etags.save_transfer(response)
    return response


@blueprint.route("/repositories/<repository>/publications")
@needs(Action.READ_CHANGELOG)
@blueprint.response(200, PublicationsSchema)
def of_repository(repository: str) -> dict[str, Any]:
    """The publications of a repository, newest first."""
    found = publications.of_repository(context.store, context.actor, repository)
    return {"items": [asdict(one) for one in found], "next": None}


@blueprint.route("/repositories/<repository>/changelog/template", methods=["POST"])
@needs(Action.READ_CHANGELOG)
@blueprint.arguments(TemplateBody)
@blueprint.response(200, TemplateSchema)
def try_template(body: dict[str, Any], repository: str) -> dict[str, Any]:
    """A preview of a template of one's own, in its sandbox; nothing is written."""
    text = publications.with_template(
        context.store, context.actor, repository, template=body["template"], audience=named(body["audience"]),
        say=Words(body["language"]), html=body["html"],
    )  # fmt: skip
    return {"text": text}


@blueprint.route("/publications/<key>")
@needs(Action.READ_CHANGELOG)
@blueprint.response(200, PublicationSchema)
def one(key: str) -> dict[str, Any]:
    """One publication."""
    return asdict(publications.get(context.store, context.actor, key))


@blueprint.route("/publications/<key>/revisions")
class Revisions(MethodView):
    """The texts of a publication."""

    @needs(Action.READ_CHANGELOG)
    @blueprint.response(200, RevisionsSchema)
    def get(self, key: str) -> dict[str, Any]:
        """Every text it ever had, newest first."""
        return {
            "items": [asdict(one) for one in publications.revisions(context.store, context.actor, key)],
            "next": None,
        }

    @needs(Action.PUBLISH)
    @blueprint.arguments(ReasonSchema)
    @blueprint.response(201, PublicationSchema)
    def post(self, body: dict[str, str], key: str) -> dict[str, Any]:
        """A new text from the notes and marks as they are now."""
        return asdict(publications.revise(context.store, context.actor, context.now, key, reason=body["reason"]))


@blueprint.route("/publications/<key>/diff")
@needs(Action.READ_CHANGELOG)
@blueprint.arguments(DiffArgs, location="query")
@blueprint.response(200, DiffSchema)
def diff(query: dict[str, Any], key: str) -> dict[str, Any]:
    """How one revision differs from another, for an audience."""
    audience = named(query.pop("audience"))
    return {"lines": list(publications.diff(context.store, context.actor, key, audience=audience, **query))}


@blueprint.route("/publications/<key>/publish", methods=["POST"])
@needs(Action.PUBLISH)
@blueprint.response(200, PublicationSchema)
def publish(key: str) -> dict[str, Any]:
    """Publish a draft."""
    return asdict(publications.publish(context.store, context.actor, context.now, key))


@blueprint.route("/publications/<key>/yank", methods=["POST"])
@needs(Action.PUBLISH)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, PublicationSchema)
def yank(body: dict[str, str], key: str) -> dict[str, Any]:
    """Mark a release as withdrawn; it stays, marked."""
    return asdict(publications.yank(context.store, context.actor, context.now, key, reason=body["reason"]))


@blueprint.route("/changes/<path:change>/note")
class Note(MethodView):
    """What people say of a change to the business."""

    @needs(Action.EDIT_CHANGE)
    @etags.guarded
    @blueprint.arguments(NoteBody)
    @blueprint.response(200, NoteSchema)
    def put(self, body: dict[str, Any], change: str) -> Any:
        """Write the note; send the version in ``If-Match``. Feeds that hold the change move on with it."""
        made = publications.set_note(
            context.store, context.actor, context.now, change, version=etags.expected(), **body
        )
        if made is None:
            return Response(status=204)
        return asdict(made), 200, etags.header(made.version)


@blueprint.route("/changes/<path:change>/publicity", methods=["PUT"])
@needs(Action.EDIT_CHANGE)
@blueprint.arguments(PublicityBody)
@blueprint.response(204)
def publicity(body: dict[str, Any], change: str) -> None:
    """Keep a change from the business, or show it again; what was published stays published."""
    publications.set_internal(context.store, context.actor, context.now, change, **body)


@blueprint.route("/repositories/<repository>/adoption", methods=["POST"])
@needs(Action.PUBLISH)
@blueprint.arguments(AdoptBody)
@blueprint.response(200, AdoptedSchema)
def adopt(body: dict[str, Any], repository: str) -> dict[str, Any]:
    """A preview of old release texts or, with ``apply``, take in those that are not there yet."""
    found = adoption.adopt_changelog(context.store, context.actor, context.now, repository, **body)
    return {"items": [asdict(one) for one in found.items], "notes": list(found.notes), "next": None}
