"""The bytes of a calendar feed, from stored events."""

from __future__ import annotations

import hashlib
import json
from bisect import insort
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import KEEP_CANCELLED, FeedHead, Kept, Shown, write
from release_mgmt.core.errors import NotFound
from release_mgmt.formats import ical
from release_mgmt.formats.words import Words
from release_mgmt.services.feed_events import heads, teams
from release_mgmt.services.feeds.subscriptions import Filters
from release_mgmt.store.models.publishing import FeedEventRow, FeedHeadRow, SubscriptionRow

BACK, AHEAD = timedelta(days=90), timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Feed:
    """A subscription as it is rendered. ``key`` is the same for feeds with the same events and texts.

    ``calendars`` are those whose events it may hold, the own ones of its reader's teams among them;
    ``edited_at`` is when its owner last changed it, or joined or left a team that something is kept for.
    """

    key: str
    name: str
    audience: Audience
    say: Words
    filters: Filters
    site: str
    time_zone: str
    changed_at: datetime
    calendars: tuple[str, ...] = ()
    edited_at: datetime = heads.START


@dataclass(frozen=True, slots=True)
class Rendered:
    """All after the head."""

    components: bytes
    left_out: int
    last_modified: datetime


def feed_of(session: Session, subscription: str, site: str, mine: tuple[str, ...] = ()) -> Feed:
    """The feed of a subscription, whose person is in the teams ``mine``."""
    row = session.get(SubscriptionRow, subscription)
    if row is None:
        raise NotFound("There is no such feed.")
    filters = Filters.of(row.filters)
    own = [
        head
        for head in session.scalars(
            select(FeedHeadRow).where(FeedHeadRow.audience == row.audience).order_by(FeedHeadRow.calendar)
        )
        if head.calendar
        and head.calendar != heads.CHANGELOG
        and teams.is_readable(head.calendar, mine)
        and (not filters.calendars or head.calendar.partition(teams.MARK)[0] in filters.calendars)
    ]
    theirs = tuple(team for team in mine if any(head.calendar.endswith(teams.MARK + team) for head in own))
    zone = own[0].time_zone if own else "UTC"
    changed = max((head.changed_at for head in own), default=heads.START)
    named = json.dumps([row.audience, row.language, asdict(filters), site, zone, row.name, theirs], sort_keys=True)
    key = hashlib.sha256(named.encode()).hexdigest()
    return Feed(
        key, row.name, Audience(row.audience), Words(row.language), filters, site, zone, changed,
        tuple(head.calendar for head in own), row.edited_at or heads.START,
    )  # fmt: skip


def head_of(feed: Feed, last_modified: datetime, source: str | None) -> FeedHead:
    """What the feed says of itself."""
    return FeedHead(
        name=feed.name,
        description=feed.say("Release windows and freezes: what changes for you, and when."),
        last_modified=last_modified,
        time_zone=feed.time_zone,
        url=f"{feed.site}/calendar",
        source=source,
    )


def whole(feed: Feed, rendered: Rendered, source: str) -> bytes:
    """The whole body; its head names the address it was fetched from."""
    head = head_of(feed, rendered.last_modified, source)
    return ical.opening(head, feed.say, rendered.left_out) + rendered.components


class Parts:
    """The rendered events of one feed on one day, in order; brought up to date by what changed since."""

    def __init__(self, epoch: int, day: date) -> None:
        self.epoch = epoch
        self.day = day
        self._version = -1
        self._order: list[tuple[datetime, str]] = []
        self._events: dict[str, tuple[datetime, bytes, datetime | None]] = {}
        self._bytes = 0

    @property
    def size(self) -> int:
        """About how many bytes of memory these events take: their texts, and what stands around each."""
        return self._bytes + 500 * len(self._events)

    @property
    def _midnight(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)

    def bring(self, session: Session, feed: Feed) -> int:
        """Render what changed since the last call; returns how many events that were."""
        inside = and_(FeedEventRow.ends_at >= self._midnight - BACK, FeedEventRow.starts_at < self._midnight + AHEAD)
        statement = select(
            FeedEventRow.uid, FeedEventRow.shown, FeedEventRow.sequence, FeedEventRow.created_at,
            FeedEventRow.last_modified, FeedEventRow.cancelled_at, FeedEventRow.starts_at, FeedEventRow.touched, inside,
        ).where(
            FeedEventRow.audience == feed.audience.value,
            FeedEventRow.touched > self._version,
            FeedEventRow.calendar.in_(feed.calendars),
        )  # fmt: skip
        if not self._events:  # what moved out of the span is to be dropped
            statement = statement.where(inside)
        count = 0
        zone = _local_zone(feed)
        for uid, payload, sequence, created, modified, cancelled, starts, touched, held in session.execute(statement):
            self._version = max(self._version, touched)
            self._drop(uid)
            shown = Shown.of(payload)
            if not held or not feed.filters.take(shown):
                continue
            kept = Kept(uid, feed.audience.value, shown, sequence, created, modified, cancelled)
            entry = write(kept, feed.say, _page(feed.site, shown))
            content = ical.event(entry, zone, feed.filters.alarm_minutes)
            self._events[uid] = (starts, content, cancelled)
            self._bytes += len(content)
            insort(self._order, (starts, uid))
            count += 1
        return count

    def _drop(self, uid: str) -> None:
        before = self._events.pop(uid, None)
        if before is not None:
            self._order.remove((before[0], uid))
            self._bytes -= len(before[1])

    def join(self, session: Session, feed: Feed) -> Rendered:
        """The components of the feed as they are now."""
        parts: list[tuple[datetime | date, bytes]] = []
        moments = [feed.changed_at, self._left(session, feed)]
        for starts, uid in self._order:
            _, content, cancelled = self._events[uid]
            if cancelled is not None and _day_after(cancelled + KEEP_CANCELLED) <= self._midnight:
                moments.append(_day_after(cancelled + KEEP_CANCELLED))
                continue
            parts.append((starts, content))
        moments += [_day_after(starts - AHEAD) for starts, _ in parts[-1:] if isinstance(starts, datetime)]
        last_modified = max(moments)
        zones = b""
        if _local_zone(feed) and any(b";TZID=" in content for _, content in parts):
            years = [starts.year for starts, _ in parts if isinstance(starts, datetime)]
            zones = ical.vtimezone(feed.time_zone, min(years), max(years) + 1)
        content, _, left = ical.components(head_of(feed, last_modified, None), parts, feed.say, zones)
        return Rendered(content, left, last_modified)

    def _left(self, session: Session, feed: Feed) -> datetime:
        """The midnight at which the last past event left the span."""
        ended: Any = session.scalar(
            select(func.max(FeedEventRow.ends_at)).where(
                FeedEventRow.audience == feed.audience.value,
                FeedEventRow.ends_at < self._midnight - BACK,
                FeedEventRow.calendar.in_(feed.calendars),
            )
        )
        return heads.START if ended is None else _day_after(ended + BACK)


def _local_zone(feed: Feed) -> str | None:
    """The zone whose local times the feed is written in; None for UTC."""
    return feed.time_zone if feed.filters.local_times and feed.time_zone != "UTC" else None


def _day_after(value: datetime) -> datetime:
    return datetime.combine(value.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def _page(site: str, shown: Shown) -> str:
    if shown.kind == "freeze":
        return f"{site}/calendar"
    return f"{site}/windows/{quote(shown.calendar, safe='')}/{quote(shown.identity, safe='@:-')}"
