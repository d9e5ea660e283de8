"""How long a forge wants us to wait, read from its answers in the documented order, and never longer than a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

LONGEST_ASKED = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try again; seconds."""

    attempts: int = 5
    longest_wait: float = 120.0
    first_wait: float = 60.0


def wait(answer: requests.Response | None, attempt: int, now: datetime, patience: Patience) -> float | None:
    """Seconds to wait before the next try; None when the answer counts. ``attempt`` counts from 0.

    Retry-After first, then the reset of an exhausted limit, then 60 s x 2^n (GitHub's rate limit documentation).
    """
    if answer is None or answer.status_code in {500, 502, 503, 504}:
        asked = retry_after(answer.headers.get("Retry-After"), now) if answer is not None else None
        return asked if asked is not None else min(2.0**attempt, patience.longest_wait)
    exhausted = calls_left(answer) == 0
    asked = retry_after(answer.headers.get("Retry-After"), now)
    limited = exhausted or asked is not None or _tells_of_a_limit(answer)
    if answer.status_code != 429 and not (answer.status_code == 403 and limited):
        return None
    if asked is not None:
        return asked
    reset = number(answer.headers.get("X-RateLimit-Reset") or answer.headers.get("RateLimit-Reset"))
    if exhausted and reset is not None:
        return min(max(0.0, reset - now.timestamp()) + 1.0, LONGEST_ASKED)
    return patience.first_wait * 2.0**attempt


def calls_left(answer: requests.Response) -> int | None:
    """How many calls the account has left, where the forge tells."""
    return number(answer.headers.get("X-RateLimit-Remaining") or answer.headers.get("RateLimit-Remaining"))


def _tells_of_a_limit(answer: requests.Response) -> bool:
    """Whether a refusal is one for now: GitHub's secondary limits come as a 403 that says so in its words only."""
    words = answer.content[:4096].lower()
    return b"rate limit" in words or b"abuse detection" in words


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds of a Retry-After header, a number or a date (RFC 9110 section 10.2.3); a day at most."""
    if value is None:
        return None
    seconds = number(value)
    if seconds is not None:
        return min(float(seconds), LONGEST_ASKED)
    until = moment(value)
    return None if until is None else min(max(0.0, (until - now).total_seconds()), LONGEST_ASKED)


def moment(value: str | None) -> datetime | None:
    """The instant of a date in a header; None when it is none."""
    try:
        found = parsedate_to_datetime(value or "")
        # "-0000": a date in UTC of which no zone is told (RFC 5322 section 3.3)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def number(value: str | None) -> int | None:
    """The whole number of a header; None when it is none, or absurdly long."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
