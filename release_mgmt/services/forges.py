"""Reading each repository's forge: polling is what makes pull requests complete, webhooks only make them timely.

A poll reads what was updated since the start of the last whole poll, less an overlap, and keeps it batch by batch;
the cursor moves only at the end, so a poll that breaks off is simply done again. Every source has its own back-off,
and one that fails long is shown as degraded and never stops the others.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from release_mgmt.core.changes import PullRequest
from release_mgmt.core.errors import InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import audit, forge_details, pull_requests, renames, turns, visibility
from release_mgmt.services.classification import rules_of
from release_mgmt.sources.addresses import AddressPolicy, Resolver, parse, resolve
from release_mgmt.sources.forge import PUBLIC_API, PUBLIC_HOSTS, auth_headers, forge
from release_mgmt.sources.forge.limits import Patience
from release_mgmt.sources.forge.transport import RateLimited, Transport
from release_mgmt.sources.outgoing import HeldSession
from release_mgmt.store.models.ingest import ForgeSource, ForgeValidator
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store

OVERLAP = timedelta(minutes=10)  # forges stamp an update some time before they list it
BATCH = 100
DEGRADED_AFTER = 3
LONGEST_TURN = timedelta(days=1)  # no forge asks for more
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class SourceState:
    """How the forge of a repository is read; ``lag`` is the time since the last whole poll, None before the first."""

    repository: str
    provider: str
    api_url: str
    answers: bool
    polled_at: datetime | None
    lag: timedelta | None
    due_at: datetime | None
    failures: int
    degraded_at: datetime | None
    error: str | None
    calls_left: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did."""

    seen: int
    changed: int
    requests: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """How to reach forges: the tokens by forge, and the clock and patience of the caller."""

    tokens: dict[str, str]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    every: timedelta = timedelta(minutes=5)
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    patience: Patience = field(default_factory=Patience)
    resolver: Resolver = socket.getaddrinfo

    def to(self, store: Store, provider: str, api_url: str) -> Transport:
        """A transport to one forge. InvalidInput when its address is none we may call."""
        address = parse(api_url, self.policy)
        resolve(address, self.policy, self.resolver)
        token = self.tokens.get(provider)
        if token and address.host != PUBLIC_HOSTS.get(provider) and address.host not in self.policy.allowed_hosts:
            raise InvalidInput.at(
                "api_url",
                f"the token of {provider} is not sent to {address.host}",
                "the forge's public host, or one that the operator named in repository_hosts",
            )
        headers = auth_headers(provider, token)
        session = HeldSession(self.policy, self.resolver)
        return Transport(api_url, headers, self.now, self.sleep, StoredValidators(store), self.patience, session)


class StoredValidators:
    """ETags of the answers of forges, in the database, so that every worker shares them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, account: str, url: str) -> tuple[str | None, str | None]:
        """See :class:`release_mgmt.sources.forge.transport.Validators`."""
        with self._store.read() as session:
            row = session.get(ForgeValidator, (account, url))
            return (row.etag, row.last_modified) if row else (None, None)

    def put(self, account: str, url: str, etag: str | None, last_modified: str | None) -> None:
        """See :class:`release_mgmt.sources.forge.transport.Validators`."""
        with self._store.write() as session:
            session.merge(ForgeValidator(account=account, url=url, etag=etag, last_modified=last_modified))


def connect(
    store: Store,
    actor: Actor,
    now: datetime,
    repository: str,
    *,
    provider: str,
    forge_slug: str,
    api_url: str | None = None,
    answers: bool = False,
) -> SourceState:
    """Say where a repository's pull requests are read: the forge, its name there, and the API's address."""
    require(actor, Action.MANAGE_REPOSITORIES)
    forge(provider)
    address = api_url or PUBLIC_API.get(provider)
    if address is None:
        raise InvalidInput.at("api_url", f"{provider} has no public address", "the API's address, with https://")
    renames.checked_slug(forge_slug)
    with store.write() as session:
        row = _repository(session, repository)
        before = {"provider": row.provider, "forge_slug": row.forge_slug}
        row.provider, row.forge_slug, row.updated_at = provider, forge_slug, now
        source = session.get(ForgeSource, row.id) or ForgeSource(repository_id=row.id, failures=0, requests=0)
        another = source.estranged_at is not None  # then who connects it again means the one of its name
        if another or (source.api_url, before) != (address, {"provider": provider, "forge_slug": forge_slug}):
            source.cursor = source.forge_id = source.estranged_at = None  # another list: read all of it
        source.api_url, source.answers, source.due_at = address, answers, now
        session.add(source)
        session.flush()
        after = {"provider": provider, "forge_slug": forge_slug, "api_url": address, "answers": answers}
        audit.record(
            session, actor, now, action="repository.connect", subject=f"repository:{row.id}", before=before, after=after
        )
        return _state(row, source, now)


def known_state(store: Store, actor: Actor, now: datetime, repository: str) -> SourceState | None:
    """How one repository's forge is read; None when it is connected to none, or not for this actor to know of."""
    require(actor, Action.READ_REPOSITORY)
    query = (
        select(Repository, ForgeSource)
        .join(ForgeSource, ForgeSource.repository_id == Repository.id)
        .where(Repository.name == repository, visibility.repositories(actor))
    )
    with store.read() as session:
        found = session.execute(query).first()
        return None if found is None else _state(found[0], found[1], now)


def state(store: Store, actor: Actor, now: datetime, repository: str) -> SourceState:
    """As :func:`known_state`. NotFound when there is nothing to tell."""
    found = known_state(store, actor, now, repository)
    if found is None:
        raise NotFound(f"{repository} is not connected to a forge.", hint="Connect it with its name on the forge.")
    return found


def states(store: Store, actor: Actor, now: datetime) -> list[SourceState]:
    """How every repository's forge is read, by name."""
    require(actor, Action.READ_REPOSITORY)
    with store.read() as session:
        rows = session.execute(
            select(Repository, ForgeSource)
            .join(ForgeSource, ForgeSource.repository_id == Repository.id)
            .where(visibility.repositories(actor))
            .order_by(Repository.name)
        )
        return [_state(repository, source, now) for repository, source in rows]


def due(store: Store, now: datetime, limit: int = 100) -> tuple[str, ...]:
    """The ids of the repositories whose forge is to be read now, longest due first."""
    query = (
        select(ForgeSource.repository_id)
        .join(Repository, Repository.id == ForgeSource.repository_id)
        .where(turns.due(ForgeSource.due_at, now, LONGEST_TURN), Repository.archived_at.is_(None))
        .order_by(ForgeSource.due_at, ForgeSource.repository_id)
        .limit(limit)
    )
    with store.read() as session:
        return tuple(session.scalars(query))


def poll(store: Store, line: Line, repository_id: str) -> Polled:
    """Read what is new on one repository's forge. Never raises for the forge's sake: its state tells how it went."""
    started = line.now()
    with store.read() as session:
        row, source = session.get(Repository, repository_id), session.get(ForgeSource, repository_id)
        if row is None or source is None or row.forge_slug is None:
            raise NotFound("This repository has no forge to read.")
        provider, slug, adopted = row.provider, row.forge_slug, row.adopted_at
        api_url, cursor, tags = source.api_url, source.cursor, frozenset(rules_of(row).tags)
        known = source.forge_id
    transport: Transport | None = None
    found = _Found()
    try:
        transport = line.to(store, provider, api_url)
        transport.home_id = known
        batch: list[PullRequest] = []
        for pull in forge(provider).changed(transport, slug, None if cursor is None else cursor - OVERLAP):
            found.seen += 1
            batch.append(pull)
            if pull.merged_at is not None and pull.merged_at >= adopted:
                found.planned.add(pull.number)
            if len(batch) == BATCH:
                found.changes |= _keep(store, repository_id, batch, line.now(), transport.began)
                batch = []
        found.changes |= _keep(store, repository_id, batch, line.now(), transport.began)
        renames.note(store, line.now(), repository_id, transport, slug)
        wanted = sorted(
            forge_details.without_reviews(store, repository_id, provider, found.planned) | found.changes & found.planned
        )
        for number in wanted[-forge_details.MOST_DETAILS :]:
            one = forge(provider).one(transport, slug, number)
            _keep(store, repository_id, [one], line.now(), transport.began)
        for pull in forge_details.without_commits(store, repository_id):
            _keep(store, repository_id, [forge_details.with_commits(transport, slug, pull)], line.now())
        for pull in forge_details.with_tags(store, repository_id, provider, found.planned, tags):
            told = forge_details.labellings(transport, slug, pull, tags)
            if told is not None:
                _keep(store, repository_id, [replace(pull, labellings=told)], line.now())
    except RateLimited as limit:
        return _end(store, line, repository_id, transport, found.told(limit.message), until=limit.until)
    except ReleaseMgmtError as error:
        return _not_read(store, line, repository_id, transport, slug, found, error)
    if len(wanted) > forge_details.MOST_DETAILS:  # the same list once more, for the rest
        return _end(store, line, repository_id, transport, found.told(None), until=line.now() + line.every)
    transport.settle()
    unread = f"{transport.skipped} pull requests could not be read" if transport.skipped else None
    # Updates have the forge's own instants, and its clock may be behind ours.
    cursor = min(started, transport.began or started)
    return _end(store, line, repository_id, transport, found.told(unread), cursor=cursor)


def _not_read(
    store: Store,
    line: Line,
    repository_id: str,
    transport: Transport | None,
    slug: str,
    found: _Found,
    error: ReleaseMgmtError,
) -> Polled:
    """What comes of a poll that broke off: once more at once where the repository was found under another name."""
    if renames.look_for(store, line.now(), repository_id, transport, slug, error):
        return _end(store, line, repository_id, transport, found.told(None), until=line.now())
    return _end(store, line, repository_id, transport, found.told(error.message))


@dataclass(slots=True)
class _Found:
    """What a poll came by: how many it read, whose records changed, and those that may be placed (reviews count)."""

    seen: int = 0
    changes: set[int] = field(default_factory=set)
    planned: set[int] = field(default_factory=set)

    def told(self, error: str | None) -> Polled:
        return Polled(self.seen, len(self.changes), 0, error)


def _keep(
    store: Store, repository_id: str, pulls: list[PullRequest], now: datetime, told: datetime | None = None
) -> set[int]:
    """Keep a batch; the numbers whose record changed, and then the repository is due for a sync."""
    if not pulls:
        return set()

    def work(session: Session) -> set[int]:
        changed = set(pull_requests.keep(session, repository_id, pulls, told))
        if changed:
            row = session.get_one(Repository, repository_id)
            row.sync_due_at = min(row.sync_due_at or now, now)
        return changed

    return store.transact(work)


def hasten(session: Session, repository_id: str, now: datetime) -> None:
    """Have a repository's forge read at once, unless it must be waited for."""
    source = ForgeSource
    healthy = (source.repository_id == repository_id, source.error.is_(None), source.due_at > now)
    session.execute(update(source).where(*healthy).values(due_at=now))


def _end(
    store: Store,
    line: Line,
    repository_id: str,
    transport: Transport | None,
    polled: Polled,
    *,
    cursor: datetime | None = None,
    until: datetime | None = None,
) -> Polled:
    now = line.now()
    made = transport.requests_made if transport else 0
    with store.write() as session:
        source = session.get_one(ForgeSource, repository_id)
        source.requests += made
        source.calls_left = transport.calls_left if transport else source.calls_left
        source.error = one_line(polled.error, 500) if polled.error else None
        if cursor is not None:
            source.cursor, source.polled_at, source.failures, source.degraded_at = cursor, now, 0, None
            source.due_at = now + line.every
        elif until is not None:  # asked to wait is not failed
            source.due_at = until
        else:
            source.failures += 1
            source.due_at = now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(source.failures - 1, 12))
            if source.failures >= DEGRADED_AFTER:
                source.degraded_at = source.degraded_at or now
    return Polled(polled.seen, polled.changed, made, polled.error)


def _repository(session: Session, name: str) -> Repository:
    row = session.scalar(select(Repository).where(Repository.name == name))
    if row is None:
        raise NotFound(f"There is no repository {name}.")
    return row


def _state(row: Repository, source: ForgeSource, now: datetime) -> SourceState:
    return SourceState(
        repository=row.name,
        provider=row.provider,
        api_url=source.api_url,
        answers=source.answers,
        polled_at=source.polled_at,
        lag=None if source.polled_at is None else now - source.polled_at,
        due_at=source.due_at,
        failures=source.failures,
        degraded_at=source.degraded_at,
        error=source.error,
        calls_left=source.calls_left,
        requests=source.requests,
    )
