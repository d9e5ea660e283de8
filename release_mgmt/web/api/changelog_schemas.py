"""What the addresses of changelogs take and answer."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from release_mgmt.core.audience import Audience
from release_mgmt.services import adoption
from release_mgmt.services.publications import windows as of_windows
from release_mgmt.web.api.common import Instant

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
    updated_at = Instant(required=True)


class PublicationsSchema(Schema):
    """The publications of a repository, newest first."""

    items = fields.List(fields.Nested(PublicationSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class RevisionSchema(Schema):
    """One text of a publication."""

    number = fields.Integer(required=True)
    at = Instant(required=True)
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
    updated_at = Instant(required=True)
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
    """What the file holds, and what of it is not taken in."""

    items = fields.List(fields.Nested(FoundSchema), required=True)
    notes = fields.List(
        fields.String(), required=True, metadata={"description": "what is not taken in, each with its line"}
    )
    next = fields.String(allow_none=True, required=True)
