"""Exports of a calendar's events for other programs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import Kept, Shown, write
from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.formats import aws
from release_mgmt.formats.words import Words
from release_mgmt.services.feed_events import teams
from release_mgmt.services.feeds.rendering import AHEAD
from release_mgmt.store.models.publishing import FeedEventRow, FeedHeadRow
from release_mgmt.store.session import Store


def export_aws(
    store: Store, actor: Actor, now: datetime, *, kind: Literal["freezes", "windows"], calendar: str
) -> bytes:
    """The coming year of a calendar as an AWS Change Calendar document. Raises TooLarge over 64 KB."""
    require(actor, Action.READ_CALENDAR)
    audience = Audience.BUSINESS.value
    say = Words()
    with store.read() as session:
        head = session.get(FeedHeadRow, (audience, calendar)) if teams.is_readable(calendar, ()) and calendar else None
        if head is None:
            raise NotFound("There is no such calendar, or it has no events yet.")
        rows = session.scalars(
            select(FeedEventRow).where(
                FeedEventRow.audience == audience,
                FeedEventRow.calendar == calendar,
                FeedEventRow.ends_at > now,
                FeedEventRow.starts_at < now + AHEAD,
            )
        )
        entries = [write(_kept(row), say) for row in rows]
        name, zone = head.name, head.time_zone
    return aws.document(entries, kind, say("Release calendar {name}", name=name), zone)


def _kept(row: FeedEventRow) -> Kept:
    return Kept(
        row.uid, row.audience, Shown.of(row.shown), row.sequence, row.created_at, row.last_modified, row.cancelled_at
    )
