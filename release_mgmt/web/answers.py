"""Answers of lists: frozen values straight to JSON by orjson, no schema in between."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from flask import Response

from release_mgmt.services.paging import Page
from release_mgmt.web import etags


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``value`` (dataclasses, instants and plain values) as JSON."""
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    response = Response(body, status=status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def page_answer(page: Page[Any]) -> Response:
    """A page of a list, with an ETag of its bytes, so that asking again for the same costs no transfer."""
    response = json_answer(page)
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    etags.save_transfer(response)
    return response
