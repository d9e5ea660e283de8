"""What is sent for a token: whole bodies, kept by version in the process and shared between processes by the database.

An unchanged feed costs the look-up of its token. A changed one costs the events that changed: rendered events are kept
by version, joined again, and the joined components stored for the other processes.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound, ReleaseMgmtError
from release_mgmt.services.feeds import changelogs, rendering
from release_mgmt.services.feeds.lookup import Ticket, look_up
from release_mgmt.services.feeds.rendering import Parts
from release_mgmt.services.feeds.shelf import Shelf
from release_mgmt.store.models.publishing import FeedBodyRow
from release_mgmt.store.session import Store

log = structlog.get_logger(__name__)

ROOM = 64_000_000
"""How many bytes of bodies a process keeps, and as many again of rendered events: people make feeds and choose their
filters, so a number of feeds would bound nothing."""
KEEP_BODIES = timedelta(days=2)
MOST_BODIES = 200
"""How many bodies processes share by the database; none is larger than a feed may be."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A whole body, ready to be sent. ``stamp`` is what it was rendered for."""

    stamp: tuple[object, ...]
    body: bytes
    etag: str
    packed_etag: str
    last_modified: datetime
    content_type: str
    file_name: str

    @classmethod
    def of(
        cls, stamp: tuple[object, ...], body: bytes, last_modified: datetime, content_type: str, file_name: str
    ) -> Answer:
        """The answer of a body; its tag is made of its bytes, so all processes agree."""
        digest = hashlib.sha256(body).hexdigest()[:32]
        return cls(stamp, body, f'"{digest}"', f'"{digest}-gzip"', last_modified, content_type, file_name)

    @cached_property
    def packed(self) -> bytes:
        """The body with gzip, made when it is first sent."""
        return gzip.compress(self.body, 6, mtime=0)


class Feeds:
    """The feeds of one store, as one process serves them. ``site`` is the address that people use. Thread-safe."""

    def __init__(self, store: Store, site: str) -> None:
        self._store = store
        self._site = site
        self._answers: Shelf[tuple[str, str], Answer] = Shelf(ROOM)
        self._parts: Shelf[str, Parts] = Shelf(ROOM)

    def answer(self, token: str, document: str, page: int, now: datetime) -> Answer | None:
        """What to send for ``calendar.ics`` or ``changelog.atom``; None when the token is not (or no longer) good.

        The token is checked every time. What was sent last is sent again when the token holds and something newer
        cannot be made: a calendar program copes better with yesterday's plan than with none. Raises Unavailable when
        the database is away, NotFound for a page beyond the last.
        """
        ticket = look_up(self._store, token)
        if ticket is None:
            return None
        day = now.astimezone(UTC).date().isoformat()
        stamp = (ticket.edit, ticket.version, ticket.epoch, ticket.team_names, day)
        # Only what has pages is kept by page: an address with a number behind it is the same calendar.
        place = (token, document if document == "calendar.ics" else f"{document}:{page}")
        kept = self._answers.get(place)
        if kept is not None and kept.stamp == stamp:
            return kept
        try:
            made = self._make(ticket, token, document, page, now, stamp)
        except NotFound:
            raise
        except Exception:
            if kept is None or kept.stamp[:1] + kept.stamp[2:4] != (ticket.edit, ticket.epoch, ticket.team_names):
                raise  # nothing was sent yet, or its filters or its reader's rights were others
            log.exception("feed_kept", document=document)
            return kept
        self._answers.put(place, made, 2 * len(made.body) + 2_000)  # the body packed may come to it
        return made

    def _make(
        self, ticket: Ticket, token: str, document: str, page: int, now: datetime, stamp: tuple[object, ...]
    ) -> Answer:
        if document == "changelog.atom":
            with self._store.read() as session:
                body, changed = changelogs.atom_page(
                    session, ticket.subscription, self._site, token, page, ticket.teams
                )
            return Answer.of(stamp, body, changed, "application/atom+xml; charset=utf-8", "changelog.atom")
        return self._calendar(ticket, token, now, stamp)

    def _calendar(self, ticket: Ticket, token: str, now: datetime, stamp: tuple[object, ...]) -> Answer:
        with self._store.read() as session:
            feed = rendering.feed_of(session, ticket.subscription, self._site, ticket.teams)
            mark = f"{ticket.version}:{ticket.epoch}:{stamp[-1]}"
            shared = session.scalar(select(FeedBodyRow).where(FeedBodyRow.key == feed.key, FeedBodyRow.stamp == mark))
            if shared is not None:
                rendered = rendering.Rendered(shared.body, shared.left_out, shared.last_modified)
            else:
                rendered = self._render(session, feed, ticket, now)
        if shared is None:
            self._share(feed.key, mark, rendered, now)
        rendered = replace(rendered, last_modified=max(rendered.last_modified, feed.edited_at))  # of this feed alone
        body = rendering.whole(feed, rendered, f"{self._site}/feeds/{token}/calendar.ics")
        return Answer.of(stamp, body, rendered.last_modified, "text/calendar; charset=utf-8", "calendar.ics")

    def _render(self, session: Session, feed: rendering.Feed, ticket: Ticket, now: datetime) -> rendering.Rendered:
        parts = self._parts.take(feed.key)
        if parts is None or parts.epoch != ticket.epoch or parts.day != now.astimezone(UTC).date():
            parts = Parts(ticket.epoch, now.astimezone(UTC).date())
        parts.bring(session, feed)
        rendered = parts.join(session, feed)
        self._parts.put(feed.key, parts, parts.size)
        return rendered

    def _share(self, key: str, mark: str, rendered: rendering.Rendered, now: datetime) -> None:
        """Give the components to the other processes; a busy database only means that they render them too."""
        try:
            with self._store.write() as session:
                others = select(FeedBodyRow.key, FeedBodyRow.made_at).where(FeedBodyRow.key != key)
                held = session.execute(others.order_by(FeedBodyRow.made_at.desc()))
                old = [one for at, (one, made) in enumerate(held) if at > MOST_BODIES - 2 or made < now - KEEP_BODIES]
                session.execute(delete(FeedBodyRow).where(FeedBodyRow.key.in_([key, *old])))
                session.add(
                    FeedBodyRow(
                        key=key, stamp=mark, left_out=rendered.left_out, last_modified=rendered.last_modified,
                        body=rendered.components, made_at=now,
                    )
                )  # fmt: skip
        except ReleaseMgmtError:
            return
