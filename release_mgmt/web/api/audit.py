"""The audit log: search, check of the chain, export. For release managers (reading) and administrators (all)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, stream_with_context
from marshmallow import Schema, fields, validate

from release_mgmt.core.audit import AuditEntry
from release_mgmt.core.permissions import Action, require
from release_mgmt.formats import audit as rendered
from release_mgmt.services import audit, paging
from release_mgmt.services.audit import Query
from release_mgmt.web.api.common import Blueprint, Instant
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_audit", __name__, url_prefix="/api/v1/audit", description=__doc__)
TYPES = {"csv": ("text/csv", rendered.comma_separated), "jsonl": ("application/jsonl", rendered.json_lines)}


class AuditEntrySchema(Schema):
    """One write: who, when, what, why, from where, and the hash that chains it to the one before."""

    number = fields.Integer(required=True)
    at = fields.String(required=True)
    actor = fields.String(allow_none=True)
    actor_name = fields.String(required=True)
    via = fields.String(required=True)
    origin = fields.String(allow_none=True)
    action = fields.String(required=True)
    subject = fields.String(required=True)
    reason = fields.String(allow_none=True)
    before = fields.Dict(allow_none=True)
    after = fields.Dict(allow_none=True)
    hash = fields.String(required=True)


class AuditEntriesSchema(Schema):
    """A page of the log, newest first."""

    items = fields.List(fields.Nested(AuditEntrySchema), required=True)
    next = fields.String(allow_none=True, required=True)


class FilterSchema(Schema):
    """What to look for; instants need an offset."""

    actor = fields.String(validate=validate.Length(max=200))
    action = fields.String(validate=validate.Length(max=200))
    subject = fields.String(validate=validate.Length(max=500))
    q = fields.String(data_key="q", attribute="text", validate=validate.Length(max=200))
    since = Instant()
    until = Instant()


class SearchSchema(FilterSchema):
    """What to look for, and the page."""

    cursor = fields.String(validate=validate.Length(max=300))
    limit = fields.Integer(validate=validate.Range(1, paging.MOST))


class ExportSchema(FilterSchema):
    """What to export, and in which form."""

    format = fields.String(load_default="jsonl", validate=validate.OneOf(list(TYPES)))


class AuditVerificationSchema(Schema):
    """What checking the chain found; ``fault`` tells the first row that does not fit."""

    sound = fields.Boolean(required=True)
    checked = fields.Integer(required=True)
    last = fields.Integer(required=True)
    hash = fields.String(required=True)
    fault = fields.Dict(allow_none=True, required=True)


@blueprint.route("")
@needs(Action.READ_AUDIT)
@blueprint.arguments(SearchSchema, location="query")
@blueprint.response(200, AuditEntriesSchema)
def search(query: dict[str, Any]) -> dict[str, Any]:
    """Rows that match, newest first."""
    cursor, limit = query.pop("cursor", None), paging.bounded(query.pop("limit", None))
    before = paging.values(cursor, int)[0] if cursor else None
    assert before is None or isinstance(before, int)
    found, more = audit.search(context.store, context.actor, Query(**query), before=before, limit=limit)
    items = [rendered.record(one.entry, one.hash, one.name) for one in found]
    return {"items": items, "next": paging.cursor(more) if more else None}


@blueprint.route("/verification")
@needs(Action.READ_AUDIT)
@blueprint.response(200, AuditVerificationSchema)
def verification() -> dict[str, Any]:
    """Check every row against the chain."""
    found = audit.verify_chain(context.store, context.actor)
    fault = found.fault
    told = {"number": fault.number, "kind": fault.kind, "message": fault.message} if fault else None
    return {"sound": found.sound, "checked": found.checked, "last": found.last, "hash": found.hash, "fault": told}


@blueprint.route("/export")
@needs(Action.EXPORT_AUDIT)
@blueprint.arguments(ExportSchema, location="query")
@blueprint.response(200)
def export(query: dict[str, Any]) -> Response:
    """All rows that match as CSV or JSON Lines, newest first."""
    require(context.actor, Action.EXPORT_AUDIT)
    mimetype, render = TYPES[query.pop("format")]
    store, actor, wanted = context.store, context.actor, Query(**query)

    def rows() -> Iterator[tuple[AuditEntry, str, str]]:
        for one in audit.everything(store, actor, wanted):
            yield one.entry, one.hash, one.name

    answer = Response(stream_with_context(render(rows())), mimetype=mimetype)
    answer.headers["Content-Disposition"] = f"attachment; filename=audit.{'csv' if 'csv' in mimetype else 'jsonl'}"
    return answer
