"""Conditional requests and encodings (RFC 9110), as small functions over header values."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

_TAG = re.compile(r'(?:W/)?("[^"]*")')


@lru_cache(maxsize=1024)
def http_date(value: datetime) -> str:
    """An HTTP date (section 5.6.7)."""
    return format_datetime(value.astimezone(UTC), usegmt=True)


def not_modified(if_none_match: str | None, if_modified_since: str | None, tag: str, changed: datetime) -> bool:
    """Has the client what we would send? If-None-Match is compared weakly and wins over the date (13.1.2, 13.1.3)."""
    if if_none_match is not None:
        if if_none_match.strip() == "*":
            return True
        return tag in _TAG.findall(if_none_match)
    if if_modified_since is None:
        return False
    try:
        since = parsedate_to_datetime(if_modified_since)
    except (TypeError, ValueError, OverflowError):  # an offset of a million years is no date
        return False
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return changed.replace(microsecond=0) <= since


def accepts_gzip(header: str | None) -> bool:
    """May the body be sent with gzip (12.5.3)? ``*`` counts unless gzip itself is refused."""
    if not header:
        return False
    if header in ("gzip", "gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd"):
        return True
    weights: dict[str, float] = {}
    for part in header.split(","):
        name, _, rest = part.strip().partition(";")
        try:
            weights[name.strip().lower()] = float(rest.partition("=")[2]) if rest.strip() else 1.0
        except ValueError:
            weights[name.strip().lower()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0
