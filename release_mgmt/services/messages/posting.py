"""What the worker does for messages: from events to items, from items to deliveries; and dropping what is old."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import delete, exists
from sqlalchemy.orm import Session

from release_mgmt.services import Store
from release_mgmt.services.messages import assembly, fanout
from release_mgmt.services.messages.assembly import Office
from release_mgmt.services.messages.delivery import OPEN, Post
from release_mgmt.services.opening import secret_key
from release_mgmt.settings import Settings
from release_mgmt.sources.channels.mail import MailServer
from release_mgmt.store.models.messages import MessageDelivery, MessageEvent, MessageItem


def sender_of(settings: Settings) -> str:
    """Who mails come from: as set, else us at the host of our address."""
    return settings.mail_from or f"release-mgmt <release-mgmt@{urlsplit(settings.site).hostname or 'localhost'}>"


def server_of(settings: Settings) -> MailServer | None:
    """The mail server, None when none is set."""
    if not settings.smtp_host:
        return None
    return MailServer(
        settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, settings.smtp_password,
        sender_of(settings),
    )  # fmt: skip


def post_of(settings: Settings) -> Post:
    """What sending needs of the settings."""
    hosts = tuple(one.lower() for one in settings.message_hosts)
    return Post(Office(settings.site, secret_key(settings)), server_of(settings), hosts)


def tell(store: Store, now: datetime, post: Post, settle: int) -> dict[str, int]:
    """Fan out what came to rest and make deliveries of what is due."""
    items = fanout.fan_out(store, now, timedelta(seconds=settle), mail=post.server is not None)
    return {"items": items, "deliveries": assembly.assemble(store, now, post.office)}


def forget_before(session: Session, instant: datetime) -> int:
    """Retention: drop deliveries that ended, and events that nothing waits for, made before ``instant``."""
    row, item = MessageDelivery, MessageItem
    ended = session.execute(delete(row).where(row.created_at < instant, row.state.not_in(OPEN)))
    waits = exists().where(item.event_id == MessageEvent.id, item.delivery_id.is_(None), item.dropped.is_(None))
    sent = exists().where(item.event_id == MessageEvent.id, item.delivery_id.is_not(None))
    gone = session.execute(
        delete(MessageEvent).where(MessageEvent.at < instant, MessageEvent.state != "waiting", ~waits, ~sent)
    )
    return int(ended.rowcount + gone.rowcount)  # type: ignore[attr-defined] # they are CursorResults
