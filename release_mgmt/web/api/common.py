"""What lists share in the description."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from release_mgmt.services.paging import LIMIT, MOST


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


def instant(doc: str, *, required: bool = True) -> fields.AwareDateTime:
    """An instant in UTC, or null."""
    return fields.AwareDateTime(format="iso", allow_none=True, required=required, metadata={"description": doc})


def text(doc: str = "", *, null: bool = True) -> fields.String:
    """A text of an answer."""
    return fields.String(allow_none=null, required=True, metadata={"description": doc} if doc else {})
