"""The log of deliveries: what was sent where, each attempt, sending once more; and the numbers for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.core.permissions import Action, Actor, allows, require
from release_mgmt.services import Store, audit, secret
from release_mgmt.services.messages import targets
from release_mgmt.services.messages.assembly import Office
from release_mgmt.services.messages.delivery import OPEN
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.messages import MessageAttempt, MessageDelivery, MessageEvent, MessageTarget

STATES = ("waiting", "sending", "sent", "failed", "dropped")


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as shown; ``target_name`` is what its target is called. Instants are UTC."""

    id: str
    target: str
    target_name: str
    channel: str
    subject: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try; ``error`` None: it was taken, or its worker died before it could say."""

    number: int
    at: datetime
    milliseconds: int | None
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with what it says and each attempt."""

    delivery: DeliveryView
    content: Mapping[str, Any]
    attempts: tuple[AttemptView, ...]


_COLUMNS = (
    MessageDelivery.id, MessageDelivery.target_id, MessageTarget.name, MessageDelivery.channel, MessageDelivery.subject,
    MessageDelivery.state, MessageDelivery.attempts, MessageDelivery.created_at, MessageDelivery.due_at,
    MessageDelivery.sent_at, MessageDelivery.error,
)  # fmt: skip


def _query(actor: Actor) -> Any:
    query = select(*_COLUMNS).join(MessageTarget, MessageTarget.id == MessageDelivery.target_id)
    if allows(actor, Action.MANAGE_MESSAGES):
        # What people are told is theirs: an administrator sees that it was sent, and reads only what is nobody's own.
        return query
    return query.where(MessageTarget.person_id == actor.person)


def search(
    store: Store, actor: Actor, *, state: str | None = None, target: str | None = None, cursor: str | None = None,
    limit: int | None = None,
) -> Page[DeliveryView]:  # fmt: skip
    """Deliveries, the newest first: one's own, or all for administrators. Raises NotFound for a target that is not
    there or not to be seen."""
    require(actor, Action.MANAGE_SELF)
    size = bounded(limit)
    query = _query(actor).order_by(MessageDelivery.created_at.desc(), MessageDelivery.id.desc()).limit(size + 1)
    if state is not None:
        query = query.where(MessageDelivery.state == state)
    if target is not None:
        query = query.where(MessageDelivery.target_id == target)
    if cursor is not None:
        at, key = values(cursor, datetime, str)
        query = query.where(
            or_(MessageDelivery.created_at < at, and_(MessageDelivery.created_at == at, MessageDelivery.id < key))
        )
    with store.read() as session:
        if target is not None:
            targets.require_there(session, actor, target)
        rows = [DeliveryView(*row) for row in session.execute(query)]
    return page(rows, size, lambda one: (one.created_at, one.id))


def get(store: Store, actor: Actor, key: str) -> DeliveryDetail:
    """One delivery with its attempts; what it says only to the person it is for, or when it is nobody's own."""
    require(actor, Action.MANAGE_SELF)
    with store.read() as session:
        found = session.execute(
            _query(actor).add_columns(MessageDelivery.content, MessageTarget.person_id).where(MessageDelivery.id == key)
        ).first()
        if found is None:
            raise NotFound("There is no such message.")
        *columns, content, person = found
        attempts = session.scalars(
            select(MessageAttempt).where(MessageAttempt.delivery_id == key).order_by(MessageAttempt.number)
        ).all()
    shown = dict(content) if person is None or person == actor.person else {}
    tried = tuple(AttemptView(one.number, one.at, one.milliseconds, one.status, one.error) for one in attempts)
    return DeliveryDetail(DeliveryView(*columns), shown, tried)


def replay(store: Store, actor: Actor, now: datetime, key: str) -> DeliveryView:
    """Send a delivery once more, under its id and with its words, its failures forgotten."""
    require(actor, Action.MANAGE_MESSAGES)
    with store.write() as session:
        row = session.get(MessageDelivery, key)
        if row is None:
            raise NotFound("There is no such message.")
        if row.state in OPEN:
            raise Conflict("The message is on its way already.")
        target = session.get_one(MessageTarget, row.target_id)
        if target.mode == "off":
            raise Conflict("Its place is switched off.", hint="Switch it on first.")
        row.state, row.due_at, row.attempts, row.error = "waiting", now, 0, None
        audit.record(session, actor, now, action="message.replay", subject=f"message:{key}")
        return DeliveryView(
            row.id, row.target_id, target.name, row.channel, row.subject, row.state, row.attempts, row.created_at,
            row.due_at, row.sent_at, row.error,
        )  # fmt: skip


def test(store: Store, actor: Actor, now: datetime, key: str, office: Office) -> str:
    """Put a message into the queue of a target that says only that it is a test; its id."""
    require(actor, Action.MANAGE_SELF)
    with store.write() as session:
        row = session.get(MessageTarget, key)
        if row is None or row.person_id is None or row.person_id != actor.person:
            require(actor, Action.MANAGE_MESSAGES)
        if row is None:
            raise NotFound("There is no such place for messages.")
        if row.mode == "off":
            raise Conflict("It is switched off.", hint="Switch it on first.")
        said = "This is a test of release-mgmt. Nothing happened."
        body = {"type": "test", "timestamp": now.isoformat().replace("+00:00", "Z"), "data": {"message": said}}
        content = {
            "webhook": {"body": orjson.dumps(body).decode()},
            "chat": {"text": said},
            "email": {"text": f"{said}\n\n{office.site}/me/messages\n", "html": f"<p>{said}</p>"},
        }[row.channel]
        made = secret.identifier("msg")
        session.add(
            MessageDelivery(
                id=made, target_id=key, channel=row.channel, subject="Test of release-mgmt", content=content,
                state="waiting", attempts=0, due_at=now, created_at=now,
            )
        )  # fmt: skip
        audit.record(session, actor, now, action="message.test", subject=f"messages:{key}", after={"message": made})
        return made


def gauges(session: Session, now: datetime) -> dict[str, tuple[str, dict[tuple[tuple[str, str], ...], float]]]:
    """Numbers for ``/metrics``: name -> (help, labels -> value)."""
    row = MessageDelivery
    waiting = session.execute(
        select(row.channel, row.state, func.count())
        .where(row.state.in_((*OPEN, "failed")))
        .group_by(row.channel, row.state)
    )
    oldest = session.scalar(select(func.min(MessageEvent.at)).where(MessageEvent.state == "waiting"))
    late = session.scalar(select(func.min(row.created_at)).where(row.state.in_(OPEN)))
    failing = session.scalar(select(func.count()).where(MessageTarget.failing_since.is_not(None)))
    return {
        "release_mgmt_messages": (
            "Messages on their way or given up, by channel and state",
            {(("channel", channel), ("state", state)): float(n) for channel, state, n in waiting},
        ),
        "release_mgmt_message_targets_failing": ("Places that took no message lately", {(): float(failing or 0)}),
        "release_mgmt_outbox_lag_seconds": ("Age of the oldest event that is not told", {(): _age(oldest, now)}),
        "release_mgmt_message_lag_seconds": ("Age of the oldest message on its way", {(): _age(late, now)}),
    }


def _age(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0
