"""What the resources share: how requests are read, instants, and what lists have in the description."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import flask_smorest
import orjson
from flask import Request, abort
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from webargs import missing
from webargs.flaskparser import FlaskParser

from release_mgmt.services.paging import LIMIT, MOST
from release_mgmt.web import described_headers


class Parser(FlaskParser):
    """Reads bodies and queries; nothing that was sent is passed over.

    A body that is no JSON is refused by its type (415), and so is a parameter that is not known: a filter or a
    ``dry_run`` with a typo would have been left out. orjson refuses what no text or number can be (half a surrogate
    pair, NaN) and what is nested without end.
    """

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as the base class has it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
    }

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 - the base class gives it
        """The value of the body, or ``missing`` when there is none."""
        body = req.get_data(cache=True)
        if not req.is_json and (body or req.content_length or req.form or req.files):  # a form may have been read
            abort(415, "The body must be JSON: send it with Content-Type: application/json.")
        if not body:
            return missing
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            abort(400, f"The body is no JSON: {error.msg} (line {error.lineno}, column {error.colno}).")


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc] # flask-smorest has no types
    """flask-smorest's, whose arguments are read by :class:`Parser`; the headers that operations read are described."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._prepare_doc_cbks.append(described_headers.described)


class Instant(fields.AwareDateTime):
    """An instant, with any offset on the way in and in UTC (``Z``) on the way out."""

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value is not None else None

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> datetime:
        found: datetime = super()._deserialize(value, *args, **more)
        try:
            return found.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("is before the year 1 or after 9999 in UTC") from error


class PageQuery(Schema):
    """Which page of a list."""

    cursor = fields.String(validate=validate.Length(1, 500), metadata={"description": "`next` of the page before."})
    limit = fields.Integer(
        validate=validate.Range(1, MOST), metadata={"description": f"Items on a page; {LIMIT} by default."}
    )


def page_of(item: type[Schema]) -> type[Schema]:
    """The schema of a page of ``item``."""
    made: dict[str, Any] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next": fields.String(allow_none=True, required=True, metadata={"description": "Cursor of the next page."}),
    }
    return Schema.from_dict(made, name=item.__name__.removesuffix("Schema") + "PageSchema")


def instant(doc: str, *, required: bool = True) -> Instant:
    """An instant in UTC, or null."""
    return Instant(allow_none=True, required=required, metadata={"description": doc})


def text(doc: str = "", *, null: bool = True) -> fields.String:
    """A text of an answer."""
    return fields.String(allow_none=null, required=True, metadata={"description": doc} if doc else {})
