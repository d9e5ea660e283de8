"""Optimistic locking over HTTP: the version of a row as its ETag, and If-Match on the way back (RFC 9110, 13.1.1)."""

from __future__ import annotations

from flask import Response, request

from release_mgmt.core.errors import StaleVersion
from release_mgmt.web.described_headers import takes

guarded = takes("If-Match", "The ETag that was read; 412 when somebody else changed it since.")
"""Marks an operation that asks for :func:`expected`, so that its description says it."""


def header(version: int) -> dict[str, str]:
    """The header that tells a version."""
    return {"ETag": f'"{version}"'}


def expected() -> int | None:
    """The version that the client saw, or None when it does not say or takes any (``*``).

    Of several it is the newest: versions count up, so no older one can be what is stored. Weak tags match nothing. One
    without its quotes is no tag, but can mean one thing only, and is compared like any other (RFC 9110, 2.4).
    Raises StaleVersion when no tag is one of ours: then none can be what is stored.
    """
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    tags = request.if_match.as_set()
    versions = [int(tag) for tag in tags if tag and tag.isascii() and tag.isdigit() and len(tag) <= 12]
    if not versions:
        raise StaleVersion("If-Match names no version of this.", hint="Send the ETag that came with it.")
    return max(versions)


def save_transfer(response: Response) -> None:
    """Answer a client that has the same bytes already with 304. If-Match is for edits: reading passes it over."""
    response.make_conditional({name: value for name, value in request.environ.items() if name != "HTTP_IF_MATCH"})
