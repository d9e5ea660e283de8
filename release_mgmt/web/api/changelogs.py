"""Changelogs: what is published of a repository for each audience, its revisions, and what people add to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from release_mgmt.core.audience import Audience
from release_mgmt.core.permissions import Action
from release_mgmt.formats.words import Words, negotiate
from release_mgmt.services import adoption, publications
from release_mgmt.services.audiences import named
from release_mgmt.services.publications import windows as of_windows
from release_mgmt.web import etags
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_changelogs", __name__, url_prefix="/api/v1", description=__doc__)

AUDIENCES = validate.OneOf([audience.value for audience in Audience])
TYPES = {
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "email": "text/html; charset=utf-8",
    "github": "text/markdown; charset=utf-8",
    "gitlab": "text/markdown; charset=utf-8",
}


class WantedSchema(Schema):
    """For whom, in which form. ``github`` and ``gitlab`` are the text of one release, ``email`` a fragment."""

    audience = fields.String(load_default=Audience.BUSINESS.value, validate=AUDIENCES)
    format = fields.String(load_default="json", validate=validate.OneOf(list(TYPES)))
    language = fields.String()
    package = fields.String()
    version = fields.String()
    page = fields.Integer(load_default=1, validate=validate.Range(1, 100_000))


class WindowsWantedSchema(Schema):
    """Which windows of a calendar, for whom, in which form. ``shipped`` windows are over; ``coming`` ones are not."""

    which = fields.String(load_default="all", validate=validate.OneOf(of_windows.WHICH))
    window = fields.String(validate=validate.Length(1, 200))
    team = fields.String(validate=validate.Length(1, 100))
    repository = fields.String(validate=validate.Length(1, 200))
    audience = fields.String(load_default=Audience.BUSINESS.value, validate=AUDIENCES)
    format = fields.String(load_default="json", validate=validate.OneOf(of_windows.FORMS))
    language = fields.String()
    page = fields.Integer(load_default=1, validate=validate.Range(1, 100_000))


class PublicationSchema(Schema):
    """A release as it is published."""

    id = fields.String(required=True)
    repository = fields.String(required=True)
    package = fields.String(allow_none=True)
    version = fields.String(required=True)
    sha = fields.String(required=True)
    state = fields.String(required=True)
    revision = fields.Integer(required=True)
    conflict = fields.String(allow_none=True)
    yanked = fields.String(allow_none=True)
    updated_at = fields.AwareDateTime(required=True)


class PublicationsSchema(Schema):
    """The publications of a repository, newest first."""

    items = fields.List(fields.Nested(PublicationSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class RevisionSchema(Schema):
    """One text of a publication."""

    number = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    person = fields.String(allow_none=True)
    reason = fields.String(required=True)


class RevisionsSchema(Schema):
    """Every text a publication ever had, newest first."""

    items = fields.List(fields.Nested(RevisionSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class ReasonSchema(Schema):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, 500))


class DiffArgs(Schema):
    """Which revisions to compare, for whom."""

    old = fields.Integer(required=True, validate=validate.Range(1, 1_000_000))
    new = fields.Integer(required=True, validate=validate.Range(1, 1_000_000))
    audience = fields.String(load_default=Audience.BUSINESS.value, validate=AUDIENCES)
    language = fields.String(load_default="en")


class DiffSchema(Schema):
    """A unified diff of the Markdown."""

    lines = fields.List(fields.String(), required=True)


class NoteBody(Schema):
    """A business note; an empty text takes it away."""

    language = fields.String(load_default="en")
    text = fields.String(required=True, validate=validate.Length(0, 5_000))
    action = fields.String(allow_none=True, validate=validate.Length(0, 500))


class NoteSchema(Schema):
    """A business note."""

    change = fields.String(required=True)
    language = fields.String(required=True)
    text = fields.String(required=True)
    action = fields.String(allow_none=True)
    person = fields.String(allow_none=True)
    updated_at = fields.AwareDateTime(required=True)
    version = fields.Integer(required=True)


class PublicityBody(Schema):
    """Whether a change is kept from the business, and why."""

    internal = fields.Boolean(required=True)
    reason = fields.String(required=True, validate=validate.Length(1, 500))


class TemplateBody(Schema):
    """A template to try on what is published of a repository."""

    template = fields.String(required=True)
    audience = fields.String(load_default=Audience.BUSINESS.value, validate=AUDIENCES)
    language = fields.String(load_default="en")
    html = fields.Boolean(load_default=True)


class TemplateSchema(Schema):
    """What the template wrote."""

    text = fields.String(required=True)


@blueprint.route("/repositories/<repository>/changelog")
@needs(Action.READ_CHANGELOG)
@blueprint.arguments(WantedSchema, location="query")
@blueprint.response(200, content_type="application/json")
def changelog(query: dict[str, Any], repository: str) -> Response:
    """What is published of a repository, in the form and language asked for (else by ``Accept-Language``)."""
    say = Words(query.get("language") or negotiate(request.headers.get("Accept-Language")))
    content = publications.rendered(
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
    return _answer(content, query["format"], say)


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


def _answer(content: bytes, form: str, say: Words) -> Response:
    response = Response(content, content_type=TYPES[form])
    response.headers["Content-Language"] = say.language
    response.headers["Vary"] = "Accept-Language"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.add_etag()
    response.make_conditional(request)
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


class AdoptBody(Schema):
    """Old release texts: a CHANGELOG.md, or the JSON of a forge's releases. Without ``apply`` nothing is written."""

    form = fields.String(required=True, validate=validate.OneOf(adoption.FORMS))
    text = fields.String(required=True)
    apply = fields.Boolean(load_default=False)


class FoundSchema(Schema):
    """A release of the file."""

    version = fields.String(required=True)
    date = fields.String(allow_none=True)
    changes = fields.Integer(required=True)
    action = fields.String(required=True, metadata={"description": "add or exists"})


class AdoptedSchema(Schema):
    """What the file holds."""

    items = fields.List(fields.Nested(FoundSchema), required=True)
    next = fields.String(allow_none=True, required=True)


@blueprint.route("/repositories/<repository>/adoption", methods=["POST"])
@needs(Action.PUBLISH)
@blueprint.arguments(AdoptBody)
@blueprint.response(200, AdoptedSchema)
def adopt(body: dict[str, Any], repository: str) -> dict[str, Any]:
    """A preview of old release texts or, with ``apply``, take in those that are not there yet."""
    found = adoption.adopt_changelog(context.store, context.actor, context.now, repository, **body)
    return {"items": [asdict(one) for one in found], "next": None}
