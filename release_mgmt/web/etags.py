"""Optimistic locking over HTTP: the version of a row as its ETag, and If-Match on the way back (RFC 9110, 13.1.1)."""

from __future__ import annotations

from flask import request

from release_mgmt.core.errors import StaleVersion


def header(version: int) -> dict[str, str]:
    """The header that tells a version."""
    return {"ETag": f'"{version}"'}


def expected() -> int | None:
    """The version that the client saw, or None when it does not say or takes any (``*``).

    Raises StaleVersion when the tag is none of ours: then it cannot be what is stored.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    text = given.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise StaleVersion("If-Match names no version of this.", hint="Send the ETag that came with it.")
    return int(text)
