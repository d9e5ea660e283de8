"""How an event moves on: its UID for ever, its SEQUENCE and LAST-MODIFIED only with what its audience sees.

RFC 5545 3.8.7.4 and RFC 5546 2.1.4: clients take an edit for one when the UID is the same and the sequence is higher.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from release_mgmt.core.calendar.facts import Name, Shown

KEEP_CANCELLED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Kept:
    """An event with its history: what an audience saw last, since when, and how often that changed."""

    uid: str
    audience: str
    shown: Shown
    sequence: int
    created: datetime
    last_modified: datetime
    cancelled_at: datetime | None = None


def uid_of(*identity: str) -> str:
    """A UID from what an event is: the database identity of its calendar and its key there, never from texts."""
    name = "\x1f".join(identity).encode("utf-8", "replace")
    return f"{hashlib.sha256(name).hexdigest()[:32]}@release-mgmt"


def advance(
    before: Kept | None, shown: Shown | None, uid: str, audience: str, now: datetime, hidden: Collection[Name] = ()
) -> Kept | None:
    """The event after a change of plan; ``before`` itself when its audience sees no difference.

    ``shown`` None means that the window or freeze is gone. What nobody ever saw leaves no trace; what was seen stays as
    cancelled. A window that lost its last visible change is called off too: nothing goes out on that date. A cancelled
    event tells what it told last, without ``hidden``: what the audience may not read any more.
    """
    if before is None:
        if shown is None or shown.status == "cancelled":
            return None
        return Kept(uid, audience, shown, 0, now, now)
    last = before.shown.without(hidden) if hidden else before.shown
    after = shown if shown is not None else last.cancelled
    off = before.shown.status == "cancelled"
    if off and (after.status == "cancelled" or after.empty):
        after = last
    elif after.empty and after.kind == "window" and not before.shown.empty:
        after = replace(last, status="cancelled")
    if after.digest == before.shown.digest:
        return before if after == before.shown else replace(before, shown=after)
    # Two edits within one second still need two modification times, or a client would keep the first.
    moment = max(now, before.last_modified + timedelta(seconds=1))
    gone = (before.cancelled_at if off else moment) if after.status == "cancelled" else None
    return replace(before, shown=after, sequence=before.sequence + 1, last_modified=moment, cancelled_at=gone)


def is_due(kept: Kept, now: datetime) -> bool:
    """Has a cancelled event been shown long enough?"""
    return kept.cancelled_at is not None and kept.cancelled_at + KEEP_CANCELLED <= now
