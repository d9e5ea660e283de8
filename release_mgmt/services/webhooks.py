"""Webhook deliveries: accepted into a table first, made something of by a job, replayable.

A delivery is a prompt to read again, never the truth itself: its effect is to keep the pull request it tells of and
to make the repository due for a sync. The effect and the row's status change in one transaction, so that a crash
between them is impossible and a second processing has nothing left to do.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from requests.structures import CaseInsensitiveDict
from sqlalchemy import and_, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from release_mgmt.core.changes import Provider
from release_mgmt.core.errors import Conflict, InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import audit, commands, forges, pull_requests, renames, turns
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.sources.forge import FORGES, forge
from release_mgmt.sources.forge.fields import loads
from release_mgmt.sources.forge.model import Event
from release_mgmt.sources.forge.signatures import WebhookSecret, sender, verify
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store

PROVIDERS: dict[str, Provider] = {one.provider: one.provider for one in FORGES.values()}
LIMIT = 25 * 1024 * 1024  # bytes; GitHub sends no larger body
MAX_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=30)
LOOK_AGAIN = timedelta(minutes=10)  # between two looks whether a commented pull request is merged
WAIT_FOR_NAME = timedelta(days=1)  # for the forge's word on a repository that goes by another name
WAIT_FOR_MERGE = timedelta(days=25)  # below the time for which deliveries are kept
_MOST_FIELDS = 20  # of a form
STATUSES = ("waiting", "done", "ignored", "failed")
# Headers worth keeping; signatures and tokens are not among them.
KEPT_HEADERS = (
    "X-GitHub-Event", "X-GitHub-Delivery", "X-Gitea-Event", "X-Gitea-Delivery", "X-Forgejo-Event",
    "X-Forgejo-Delivery", "X-Gogs-Event", "X-Gitlab-Event", "X-Gitlab-Event-UUID", "Idempotency-Key", "webhook-id",
    "X-Event-Key", "X-Request-UUID", "X-Request-Id", "X-Hook-UUID",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it is shown; ``seen`` counts how often the forge sent it."""

    id: str
    provider: str
    event: str
    action: str | None
    forge_slug: str | None
    status: str
    attempts: int
    seen: int
    error: str | None
    received_at: datetime
    processed_at: datetime | None


def shared_secret(value: str, *, plain_token: bool = False) -> WebhookSecret | None:
    """The secret of a setting; None when none is set, and then every delivery is refused.

    Raises:
        InvalidInput: it is too short to be one.
    """
    return WebhookSecret(value, plain_token=plain_token) if value else None


def accept(
    store: Store,
    now: datetime,
    provider: Provider,
    sent: Iterable[tuple[str, str]],
    body: bytes,
    secret: WebhookSecret | None,
) -> Delivery:
    """Store a genuine delivery for processing; the same one again is counted, not stored twice.

    Raises:
        Unauthenticated: the signature is missing or wrong, or no secret is set. Nothing is stored.
        InvalidInput: the body is no JSON object, or another forge sent it.
    """
    headers = CaseInsensitiveDict(sent)
    verify(provider, headers, body, secret, now)
    found = sender(headers)
    if found is not None and found != provider:
        raise InvalidInput.at("forge", f"this delivery comes from {found}", f"send it to /webhooks/{found}")
    content = _content(headers, body)
    event = _event(provider, headers, _payload(content))
    useful = event.kind in {"pull_request", "tag", "push", "release", "comment", "renamed"}
    columns = {
        "id": f"w_{secrets.token_hex(8)}",
        "provider": provider,
        "delivery_key": one_line(event.delivery_id or hashlib.sha256(body).hexdigest(), 200),
        "event": one_line(event.name, 100),
        "action": one_line(event.action, 100) if event.action else None,
        "forge_slug": event.repository,
        "headers": {name: one_line(headers[name], 300) for name in KEPT_HEADERS if name in headers},
        "body": content if useful else None,
        "status": "waiting" if useful else "ignored",
        "attempts": 0,
        "seen": 1,
        "received_at": now,
        "due_at": now if useful else None,
        "processed_at": None if useful else now,
    }
    return store.transact(lambda session: _insert_once(session, columns))


def _content(headers: Mapping[str, str], body: bytes) -> bytes:
    """The JSON of a body that was signed: itself, or the field ``payload`` of a form (what GitHub and Gitea send unless
    told otherwise). Nothing is unpacked: no forge compresses what it sends, and a small body could unpack to any size.
    """
    packed = headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in {"", "identity"}:
        raise InvalidInput.at("Content-Encoding", "the body is compressed", "send it as it is")
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return body
    try:
        form = parse_qs(body, max_num_fields=_MOST_FIELDS)
    except ValueError:
        form = {}
    if len(form.get(b"payload", ())) != 1:
        raise InvalidInput.at("body", "the form has no field payload", "choose application/json in the forge")
    return form[b"payload"][0]


def _payload(body: bytes) -> Mapping[str, object]:
    try:
        payload = loads(body)
    except ValueError:
        raise InvalidInput.at("body", "the body is no JSON", "choose application/json in the forge") from None
    if not isinstance(payload, dict):
        raise InvalidInput.at("body", "the body is no JSON object")
    return payload


def event_of(row: WebhookDelivery) -> Event:
    """What a stored delivery tells."""
    return forge(row.provider).event(row.headers, _payload(row.body or b"{}"))


def _event(provider: Provider, headers: Mapping[str, str], payload: Mapping[str, object]) -> Event:
    try:
        return forge(provider).event(headers, payload)
    except InvalidInput:
        # A known event with a pull request that has no number: nothing to make of it, and no reason to answer 4xx
        # (GitLab switches a hook off after four of those).
        return Event(provider, "other", "unreadable", None)


def _insert_once(session: Session, columns: Mapping[str, object]) -> Delivery:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = WebhookDelivery
    failed = row.status == "failed"
    statement = (
        dialect.insert(row)
        .values(columns)
        .on_conflict_do_update(
            index_elements=[row.provider, row.delivery_key],
            set_={
                "seen": row.seen + 1,
                "status": case((failed, "waiting"), else_=row.status),
                "attempts": case((failed, 0), else_=row.attempts),
                "due_at": case((failed, columns["received_at"]), else_=row.due_at),
            },
        )
        .returning(row.id)
    )
    return _shown(session.get_one(row, session.scalar(statement), populate_existing=True))


def due(store: Store, now: datetime, limit: int = 100) -> tuple[str, ...]:
    """The ids of the deliveries that wait to be processed, oldest first."""
    row = WebhookDelivery
    with store.read() as session:
        query = select(row.id).where(row.status == "waiting", turns.due(row.due_at, now, forges.LONGEST_TURN))
        return tuple(session.scalars(query.order_by(row.received_at, row.id).limit(limit)))


def process(store: Store, now: datetime, delivery_id: str) -> bool:
    """Make what is to be made of one delivery; True when it was done now. Failures are noted and tried again later."""
    try:
        if not _obey(store, now, delivery_id):
            return False
        return store.transact(lambda session: _apply(session, now, delivery_id))
    except Exception as error:  # noqa: BLE001 - one delivery must not stop the others: noted, tried again, shown
        message = error.message if isinstance(error, ReleaseMgmtError) else f"{type(error).__name__} in processing"
        store.transact(lambda session: _failed(session, now, delivery_id, message))
        return False


def _obey(store: Store, now: datetime, delivery_id: str) -> bool:
    """Carry out a comment's command before the delivery counts as done; False while it must wait for a merge.

    Carrying it out twice is harmless: the level is that one already.
    """
    with store.read() as session:
        row = session.get(WebhookDelivery, delivery_id)
        if row is None or row.status != "waiting" or row.body is None:
            return row is not None and row.status == "waiting"
        event = event_of(row)
        repositories = [one.id for one in _repositories(session, event)]
        received = row.received_at
        elsewhere = [] if repositories or now - received > WAIT_FOR_NAME else renames.known(session, event)
    if elsewhere:
        store.transact(lambda session: _ask_for_name(session, now, delivery_id, elsewhere))
        return False
    if event.comment is None:
        return True
    for repository in repositories:
        try:
            commands.obey(store, now, repository, event.provider, event.comment, received)
        except commands.NotYet as waiting:
            if now - received > WAIT_FOR_MERGE:
                raise
            message = waiting.message
            store.transact(lambda session: _postpone(session, now, delivery_id, message))  # noqa: B023 - called at once
            return False
    return True


def _postpone(session: Session, now: datetime, delivery_id: str, message: str) -> None:
    row = session.get_one(WebhookDelivery, delivery_id)
    row.due_at, row.error = now + LOOK_AGAIN, message


def _apply(session: Session, now: datetime, delivery_id: str) -> bool:
    row = WebhookDelivery
    claimed = session.scalar(
        update(row)
        .where(row.id == delivery_id, row.status == "waiting")
        .values(status="done", processed_at=now, due_at=None, error=None)
        .returning(row.id)
    )
    if claimed is None:
        return False
    delivery = session.get_one(row, delivery_id, populate_existing=True)
    event = event_of(delivery)
    repositories = _repositories(session, event)
    if not repositories:
        delivery.status = "ignored"
        delivery.error = "no repository here has this address on its forge"
        for one in _named(session, event):  # another has the name of ours: its forge tells where ours is
            forges.hasten(session, one.id, now)
            delivery.error = "another repository has this name on its forge now"
        return True
    for repository in repositories:
        if event.pull_request is not None:
            changed = pull_requests.keep(session, repository.id, [event.pull_request], event.at)
            if changed and event.pull_request.state == "merged":
                forges.hasten(session, repository.id, now)  # who reviewed it, who labelled it
        repository.sync_due_at = min(repository.sync_due_at or now, now)
    return True


def _ask_for_name(session: Session, now: datetime, delivery_id: str, repositories: Iterable[str]) -> None:
    """A delivery of a repository that has another name here: its forge is asked before anything is believed."""
    for one in repositories:
        forges.hasten(session, one, now)
    _postpone(session, now, delivery_id, "the repository has another name here; its forge is asked")


def _repositories(session: Session, event: Event) -> list[Repository]:
    """Those that a delivery is about: of its name, unless they are known to be another repository of the forge."""
    found = _named(session, event)
    keys = {one.id: renames.forge_id(session, one.id) for one in found}
    return [one for one in found if event.home_id is None or keys[one.id] in {None, event.home_id}]


def _named(session: Session, event: Event) -> list[Repository]:
    if event.repository is None:
        return []
    query = select(Repository).where(
        Repository.provider == event.provider,
        func.lower(Repository.forge_slug) == event.repository.lower(),
        Repository.archived_at.is_(None),
    )
    return list(session.scalars(query.order_by(Repository.id)))


def _failed(session: Session, now: datetime, delivery_id: str, message: str) -> None:
    delivery = session.get(WebhookDelivery, delivery_id)
    if delivery is None or delivery.status != "waiting":
        return
    delivery.attempts += 1
    delivery.error = one_line(message, 500)
    if delivery.attempts >= MAX_ATTEMPTS:
        delivery.status, delivery.due_at = "failed", None
    else:
        delivery.due_at = now + FIRST_WAIT * 2 ** (delivery.attempts - 1)


def replay(store: Store, actor: Actor, now: datetime, delivery_id: str) -> Delivery:
    """Process a delivery once more. Conflict when its body is no longer kept."""
    require(actor, Action.MANAGE_JOBS)
    with store.write() as session:
        delivery = session.get(WebhookDelivery, delivery_id)
        if delivery is None:
            raise NotFound("There is no such delivery.")
        if delivery.body is None:
            raise Conflict("The body of this delivery is not kept any more.", hint="Send it again from the forge.")
        delivery.status, delivery.due_at, delivery.attempts, delivery.error = "waiting", now, 0, None
        audit.record(session, actor, now, action="delivery.replay", subject=f"delivery:{delivery_id}")
        return _shown(delivery)


def deliveries(
    store: Store,
    actor: Actor,
    *,
    forge_slug: str | None = None,
    status: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Delivery]:
    """Deliveries, newest first."""
    require(actor, Action.MANAGE_JOBS)
    row, size = WebhookDelivery, bounded(limit)
    query = select(row).order_by(row.received_at.desc(), row.id.desc()).limit(size + 1)
    query = query.where(func.lower(row.forge_slug) == forge_slug.lower()) if forge_slug else query
    query = query.where(row.status == status) if status else query
    if cursor is not None:
        instant, last = values(cursor, datetime, str)
        query = query.where(or_(row.received_at < instant, and_(row.received_at == instant, row.id < last)))
    with store.read() as session:
        found = [_shown(one) for one in session.scalars(query)]
    return page(found, size, lambda one: (one.received_at, one.id))


def latest(store: Store, actor: Actor) -> dict[str, Delivery]:
    """The newest delivery of each forge that sent any."""
    require(actor, Action.MANAGE_JOBS)
    row = WebhookDelivery
    newest = select(row.provider, func.max(row.received_at).label("at")).group_by(row.provider).subquery()
    query = select(row).join(newest, (newest.c.provider == row.provider) & (newest.c.at == row.received_at))
    with store.read() as session:
        return {one.provider: _shown(one) for one in session.scalars(query.order_by(row.id))}


def delivery(store: Store, actor: Actor, delivery_id: str) -> Delivery:
    """One delivery by id."""
    require(actor, Action.MANAGE_JOBS)
    with store.read() as session:
        row = session.get(WebhookDelivery, delivery_id)
        if row is None:
            raise NotFound("There is no such delivery.")
        return _shown(row)


def forget(store: Store, now: datetime, days: int) -> int:
    """Drop deliveries older than ``days``; how many went. Their ids go with them, so keep this above any replay."""
    with store.write() as session:
        old = WebhookDelivery.received_at < now - timedelta(days=days)
        gone = session.scalars(delete(WebhookDelivery).where(old).returning(WebhookDelivery.id))
        return len(gone.all())


def _shown(row: WebhookDelivery) -> Delivery:
    return Delivery(
        row.id, row.provider, row.event, row.action, row.forge_slug, row.status, row.attempts, row.seen, row.error,
        row.received_at, row.processed_at,
    )  # fmt: skip
