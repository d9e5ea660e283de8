"""Items that are due become deliveries, with their words fixed: each attempt sends the same bytes and id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from release_mgmt.core.messages import Event
from release_mgmt.formats import messages as words
from release_mgmt.formats.words import Words
from release_mgmt.services import Store, secret, turns
from release_mgmt.services.messages.fanout import event_of
from release_mgmt.services.messages.letters import Desk
from release_mgmt.services.messages.readers import Listener, load
from release_mgmt.store.models.messages import MessageDelivery, MessageEvent, MessageItem, MessageTarget

MOST_ITEMS = 2_000
LONGEST_TURN = timedelta(days=9)  # a week to the next digest, and quiet hours
DIGESTS = frozenset({"daily", "weekly"})


@dataclass(frozen=True, slots=True)
class Office:
    """What letters need of the installation: its address, and the key that signs unsubscribe links."""

    site: str
    secret_key: str

    def unsubscribe_token(self, target: str) -> str:
        """What stands in an unsubscribe link: the target, signed; it opens nothing else and does not end."""
        return self._signer().dumps(target)

    def unsubscribed(self, token: str) -> str | None:
        """The target of a link, None when we did not sign it."""
        try:
            found = self._signer().loads(token)
        except BadSignature:
            return None
        return found if isinstance(found, str) else None

    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret_key, salt="message unsubscribe")


def _waiting(now: datetime) -> tuple[Any, ...]:
    due = turns.due(MessageItem.due_at, now, LONGEST_TURN)
    return MessageItem.delivery_id.is_(None), MessageItem.dropped.is_(None), due


def items_due(store: Store, now: datetime) -> bool:
    """Whether some item is to be put into a delivery."""
    with store.read() as session:
        return session.scalar(select(MessageItem.event_id).where(*_waiting(now)).limit(1)) is not None


def assemble(store: Store, now: datetime, office: Office) -> int:
    """Make the deliveries of everything that is due; how many were made.

    What is due together for one target is one message: all of one calendar at once, a digest whole, a webhook's one by
    one. Whatever is not true any more, or not for these eyes, is dropped here.
    """
    with store.write(lock="messages") as session:
        rows = session.execute(
            select(MessageItem, MessageEvent)
            .join(MessageEvent, MessageEvent.id == MessageItem.event_id)
            .where(*_waiting(now))
            .order_by(MessageItem.target_id, MessageItem.event_id)
            .limit(MOST_ITEMS)
        ).all()
        waiting: dict[str, list[Event]] = {}
        for item, event in rows:
            waiting.setdefault(item.target_id, []).append(event_of(event))
        if not waiting:
            return 0
        if len(rows) == MOST_ITEMS and len(waiting) > 1:
            del waiting[rows[-1][0].target_id]  # perhaps cut in two: the next look has it whole
        desk = Desk(session, now, [one for each in waiting.values() for one in each])
        targets = session.scalars(select(MessageTarget).where(MessageTarget.id.in_(waiting))).all()
        known = {one.target.id: one for one in load(session, now, targets)}
        made = 0
        for target, events in waiting.items():
            listener = known.get(target)
            for group in _groups(listener, events):
                made += _deliver(session, now, office, desk, target, listener, group)
        return made


def _groups(listener: Listener | None, events: Sequence[Event]) -> list[list[Event]]:
    if listener is None or listener.target.mode in DIGESTS:
        return [list(events)]
    if listener.target.channel == "webhook":
        return [[one] for one in events]
    by_calendar: dict[str, list[Event]] = {}
    for one in events:
        by_calendar.setdefault(one.calendar or "", []).append(one)
    return list(by_calendar.values())


def _deliver(
    session: Session, now: datetime, office: Office, desk: Desk, target: str, listener: Listener | None,
    events: Sequence[Event],
) -> int:  # fmt: skip
    mine = (MessageItem.target_id == target, MessageItem.event_id.in_([one.id for one in events]))
    content: tuple[str, dict[str, Any]] | None = None
    if listener is None or listener.target.mode == "off":
        why = "nobody is there"
    else:
        why = "not true any more, or not to be seen"
        content = _content(office, desk, listener, events)
    if content is None:
        session.execute(update(MessageItem).where(*mine).values(dropped=why))
        return 0
    assert listener is not None
    key = secret.identifier("msg")
    session.add(
        MessageDelivery(
            id=key, target_id=target, channel=listener.target.channel, subject=content[0], content=content[1],
            state="waiting", attempts=0, due_at=now, created_at=now,
        )
    )  # fmt: skip
    session.flush()
    session.execute(update(MessageItem).where(*mine).values(delivery_id=key))
    return 1


def _content(
    office: Office, desk: Desk, listener: Listener, events: Sequence[Event]
) -> tuple[str, dict[str, Any]] | None:
    """Subject and content of a delivery, as the channel sends it."""
    row = listener.target
    if row.channel == "webhook":
        body = desk.payload(events[0], listener)
        return (events[0].kind.value, {"body": orjson.dumps(body).decode()}) if body is not None else None
    letter = desk.letter(events, listener, digest=row.mode in DIGESTS)
    if letter is None:
        return None
    say = Words(row.language)
    style = words.Style(say, listener.zone, office.site, f"{office.site}/me/messages", unsubscribe_url(office, row))
    subject = words.subject(letter, say)
    if row.channel == "chat":
        return subject, {"text": words.chat_text(letter, style)}
    attached = desk.attachment(events, listener, say)
    content: dict[str, Any] = {"text": words.mail_text(letter, style), "html": words.mail_html(letter, style)}
    if attached is not None:
        content["calendar"] = attached.decode()
    return subject, content


def unsubscribe_url(office: Office, row: MessageTarget) -> str:
    """The address that switches a target off."""
    return f"{office.site}/messages/unsubscribe/{office.unsubscribe_token(row.id)}"
