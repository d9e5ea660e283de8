"""Deliveries on their way: claimed, sent, and what came of it kept; at least once, and never again once it was taken.

A claim holds for :data:`LEASE`. A worker that dies between the claim and the record leaves the delivery to be sent
again then, under the same id, by which receivers know it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.messages import after_quiet, retry_after
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, turns
from release_mgmt.services.messages.assembly import Office, unsubscribe_url
from release_mgmt.services.messages.readers import load
from release_mgmt.services.messages.sealing import Sealer
from release_mgmt.sources.channels import Outcome, chat, hooks
from release_mgmt.sources.channels.hooks import Hook
from release_mgmt.sources.channels.mail import Mail, Mailer, MailServer
from release_mgmt.store.models.messages import MessageAttempt, MessageDelivery, MessageItem, MessageTarget
from release_mgmt.store.models.people import IdentityRow

LEASE = timedelta(minutes=2)
"""Longer than any one attempt may take."""
LONGEST_TURN = timedelta(days=2)
"""Longer than any wait for the next try, with the quiet hours that it may meet."""
MOST = 200
"""Deliveries of one job; the next look makes the next job."""
MAIL = "email"
OPEN = ("waiting", "sending")

Send = Callable[["Parcel", datetime], Outcome]


class Clock(Protocol):
    """What tells the time."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Post:
    """What the senders need of the settings."""

    office: Office
    server: MailServer | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that was claimed, with where it goes. ``secrets`` are unsealed; newest first."""

    id: str
    channel: str
    subject: str
    content: Mapping[str, Any]
    address: str | None
    secrets: tuple[str, ...]
    unsubscribe: str | None
    made_at: datetime
    attempt: int


def _ready(now: datetime) -> tuple[Any, ...]:
    return MessageDelivery.state.in_(OPEN), turns.due(MessageDelivery.due_at, now, LONGEST_TURN)


def subjects_due(store: Store, now: datetime) -> list[str]:
    """What there is to deliver now, one job each: all mail, and every other target by itself, so that none waits for
    another that is slow."""
    row = MessageDelivery
    query = select(row.channel, row.target_id).where(*_ready(now)).distinct()
    with store.read() as session:
        return sorted({MAIL if channel == MAIL else target for channel, target in session.execute(query)})


def deliver(store: Store, clock: Clock, subject: str, post: Post, report: Callable[[int], None] | None = None) -> int:
    """Send what is due for a subject of :func:`subjects_due`; how many were taken."""
    taken = 0
    with ExitStack() as stack:
        send = _sender(post, stack)
        for done, key in enumerate(_due(store, clock(), subject)):
            parcel = _claim(store, clock(), key, post)
            if parcel is None:
                continue
            began = time.monotonic()
            outcome = send(parcel, clock())
            _record(store, clock(), parcel, outcome, int((time.monotonic() - began) * 1000))
            taken += outcome.taken
            if report is not None:
                report(done + 1)
    return taken


def _sender(post: Post, stack: ExitStack) -> Send:
    mailer, why = None, "no mail server is set (smtp_host)"
    try:
        mailer = stack.enter_context(Mailer(post.server)) if post.server is not None else None
    except ReleaseMgmtError as error:
        why = f"mail_from: {error.message}"

    def send(parcel: Parcel, now: datetime) -> Outcome:
        content = parcel.content
        if parcel.channel == "webhook":
            hook = Hook(parcel.id, parcel.address or "", content["body"].encode(), parcel.secrets)
            return hooks.post(hook, now, post.hosts)
        if parcel.channel == "chat":
            return chat.send(parcel.secrets[0], parcel.subject, content["text"], post.hosts)
        if mailer is None:
            return Outcome(False, error=why)
        if parcel.address is None:
            return Outcome(False, error="there is no verified mail address", final=True)
        mail = Mail(
            parcel.id, parcel.address, parcel.subject, content["text"], content["html"], parcel.made_at,
            content.get("calendar"), parcel.unsubscribe,
        )  # fmt: skip
        return mailer.send(mail)

    return send


def _due(store: Store, now: datetime, subject: str) -> list[str]:
    row = MessageDelivery
    where = row.channel == MAIL if subject == MAIL else row.target_id == subject
    query = select(row.id).where(*_ready(now), where)
    with store.read() as session:
        return list(session.scalars(query.order_by(row.created_at, row.id).limit(MOST)))


def _claim(store: Store, now: datetime, key: str, post: Post) -> Parcel | None:
    """Take a delivery for one attempt; None when another took it, or it cannot be sent at all."""
    with store.write() as session:
        row = MessageDelivery
        mine = session.execute(
            update(row)
            .where(row.id == key, *_ready(now))
            .values(state="sending", due_at=now + LEASE, attempts=row.attempts + 1)
        )
        if not mine.rowcount:  # type: ignore[attr-defined] # an UPDATE's result is a CursorResult
            return None
        found = session.get_one(row, key, populate_existing=True)
        target = session.get_one(MessageTarget, found.target_id)
        if target.mode == "off":
            found.state, found.error = "dropped", "switched off before it was sent"
            return None
        awake = _awake(session, now, found, target)
        if awake > now:
            found.state, found.due_at, found.attempts = "waiting", awake, found.attempts - 1
            return None
        session.add(MessageAttempt(delivery_id=key, number=_next_number(session, key), at=now))
        try:
            secrets = _secrets(target, now, Sealer(post.office.secret_key))
        except ReleaseMgmtError as error:
            found.state, found.error = "failed", one_line(error.message, 300)
            return None
        return Parcel(
            key, found.channel, found.subject, found.content, _address(session, target), secrets,
            unsubscribe_url(post.office, target) if found.channel == MAIL else None, found.created_at, found.attempts,
        )  # fmt: skip


def _awake(session: Session, now: datetime, found: MessageDelivery, target: MessageTarget) -> datetime:
    """Now, or when the quiet hours of the target end: what waited for a server or a worker may meet them. A test was
    asked for and is not held."""
    told = exists().where(MessageItem.delivery_id == found.id)
    if target.quiet_from is None or found.channel == "webhook" or not session.scalar(select(told)):
        return now
    return max((after_quiet(one.preference, now) for one in load(session, now, [target])), default=now)


def _next_number(session: Session, key: str) -> int:
    numbers = session.scalars(select(MessageAttempt.number).where(MessageAttempt.delivery_id == key))
    return max(numbers, default=0) + 1


def _secrets(target: MessageTarget, now: datetime, sealer: Sealer) -> tuple[str, ...]:
    kept = [target.sealed] if target.sealed else []
    if target.sealed_before and target.before_until is not None and now < target.before_until:
        kept.append(target.sealed_before)
    return tuple(sealer.unseal(one) for one in kept)


def _address(session: Session, target: MessageTarget) -> str | None:
    """Where a target's messages go: a person's mail to the address that was verified first."""
    if target.channel != MAIL or target.person_id is None:
        return target.address
    query = select(IdentityRow.value).where(IdentityRow.person_id == target.person_id, IdentityRow.kind == MAIL)
    return session.scalar(query.order_by(IdentityRow.verified_at, IdentityRow.value).limit(1))


def _record(store: Store, now: datetime, parcel: Parcel, outcome: Outcome, milliseconds: int) -> None:
    """Keep what came of an attempt. Tried again on a busy database: forgetting it would send the message twice."""

    def keep(session: Session) -> None:
        row = session.get_one(MessageDelivery, parcel.id)
        number = _next_number(session, parcel.id) - 1
        attempt = session.get_one(MessageAttempt, (parcel.id, number))
        attempt.milliseconds, attempt.status, attempt.error = milliseconds, outcome.status, outcome.error
        target = session.get_one(MessageTarget, row.target_id)
        wait = None if outcome.final else retry_after(parcel.attempt, outcome.wait)
        if outcome.taken:
            row.state, row.sent_at, row.error = "sent", now, None
        elif wait is None:
            row.state, row.error = "failed", outcome.error
        else:
            row.state, row.error, row.due_at = "waiting", outcome.error, now + wait
        values: dict[str, Any] = {"failing_since": None, "last_error": None}
        if not outcome.taken:
            values = {"failing_since": target.failing_since or now, "last_error": outcome.error}
        if outcome.gone:
            values |= {"mode": "off", "last_error": "switched off: the receiver answered 410"}
        # No version: what came of an attempt must not disturb somebody who edits the target.
        session.execute(update(MessageTarget).where(MessageTarget.id == target.id).values(**values))

    store.transact(keep)
