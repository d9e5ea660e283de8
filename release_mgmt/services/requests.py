"""Business requests: what was asked, what was expected of it, and which changes answer it.

A request kept for a team exists only for that team, its owner, who asked, and administrators. Whoever sees a request
sees of its changes only those he may know of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, true
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError, Forbidden, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import Action, Actor, Role, require
from release_mgmt.core.text import clean, one_line
from release_mgmt.services import Store, audit, outcomes, people, secret, visibility
from release_mgmt.services.feed_events import heads
from release_mgmt.services.outcomes import Effect, Step
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.insight import ObservationRow, RequestChangeRow, RequestRow
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change

LONGEST, LONGEST_TEXT, MOST_CHANGES = 300, 10_000, 200
_KEEPERS = (Role.ADMINISTRATOR, Role.RELEASE_MANAGER)


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as a list shows it; ``owner`` is a person's id."""

    id: str
    title: str
    text: str | None
    link: str | None
    owner: str | None
    team: str | None
    metric: str | None
    expected_from: str | None
    expected_to: str | None
    closed_at: datetime | None
    made_by: str
    made_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Journey:
    """A request from the question to production: what was asked, and what came of it (:class:`outcomes.Outcome`)."""

    request: RequestView
    steps: tuple[Step, ...]
    effects: tuple[Effect, ...]
    measured: str | None


def _seen(actor: Actor) -> ColumnElement[bool]:
    if Role.ADMINISTRATOR in actor.roles:
        return true()
    mine: list[ColumnElement[bool]] = [RequestRow.team.is_(None), RequestRow.team.in_(sorted(actor.teams))]
    if actor.person:
        mine += [RequestRow.owner == actor.person, RequestRow.made_by == actor.person]
    return or_(*mine)


def _find(session: Session, actor: Actor, key: str) -> RequestRow:
    row = session.scalar(select(RequestRow).where(RequestRow.id == key, _seen(actor)))
    if row is None:
        raise NotFound("There is no such request.")
    return row


def _view(row: RequestRow) -> RequestView:
    return RequestView(
        row.id, row.title, row.text, row.link, row.owner, row.team, row.metric, row.expected_from, row.expected_to,
        row.closed_at, row.made_by, row.made_at, row.version,
    )  # fmt: skip


def _cleaned(session: Session, given: dict[str, Any], owner: str | None = None) -> dict[str, Any]:
    """What was given, as it is kept; ``owner`` is who answers for it so far, and may stay when gone from here."""
    found: dict[str, Any] = {}
    for name in ("title", "link", "owner", "team", "metric", "expected_from", "expected_to"):
        if name in given:
            found[name] = (one_line(str(given[name]), LONGEST) or None) if given[name] is not None else None
    if "text" in given:
        found["text"] = clean(given["text"], LONGEST_TEXT).strip() or None if given["text"] else None
    faults = []
    if "title" in found and not found["title"]:
        faults.append(FieldError("title", "is needed"))
    if found.get("link") and not found["link"].startswith(("https://", "http://")):
        faults.append(FieldError("link", "is no address of a page", "https://..."))
    if found.get("team") and session.get(Team, found["team"]) is None:
        faults.append(FieldError("team", "is no team"))
    if faults:
        raise InvalidInput("This cannot be a request.", faults)
    if found.get("owner") and found["owner"] != owner:
        try:
            found["owner"] = people.find(session, found["owner"], active=True).id
        except NotFound as error:
            raise InvalidInput.at("owner", error.message, "a login, or the id of a person") from error
    return found


def create(store: Store, actor: Actor, now: datetime, **given: Any) -> RequestView:
    """Write a request; who writes it answers for it until somebody else is named."""
    require(actor, Action.WRITE_REQUEST)
    with store.write() as session:
        kept = _cleaned(session, {"title": "", **given})
        kept.setdefault("owner", actor.person)
        by = actor.person or actor.name
        row = RequestRow(id=secret.identifier("rq"), made_by=by, made_at=now, updated_at=now, **kept)
        session.add(row)
        session.flush()
        audit.record(session, actor, now, action=Action.WRITE_REQUEST, subject=f"request:{row.id}", after=kept)
        return _view(row)


def edit(
    store: Store, actor: Actor, now: datetime, key: str, *, version: int | None = None, closed: bool | None = None,
    **given: Any,
) -> RequestView:  # fmt: skip
    """Edit a request, close it or open it again. Raises StaleVersion when somebody was faster."""
    require(actor, Action.WRITE_REQUEST)
    with store.write() as session:
        row = _mine(session, actor, key)
        if version is not None and version != row.version:
            raise StaleVersion("Somebody else changed this in the meantime.", hint="Load it again and repeat the edit.")
        kept = _cleaned(session, given, row.owner)
        if closed is not None:
            kept["closed_at"] = (row.closed_at or now) if closed else None
        before = {name: getattr(row, name) for name in kept}
        for name, value in kept.items():
            setattr(row, name, value)
        row.updated_at = now
        heads.changelogs_moved(session, now)
        session.flush()
        subject = f"request:{key}"
        audit.record(session, actor, now, action=Action.WRITE_REQUEST, subject=subject, before=before, after=kept)
        return _view(row)


def _mine(session: Session, actor: Actor, key: str) -> RequestRow:
    """The request when the actor may edit it: who asked, its owner, release managers and administrators."""
    row = _find(session, actor, key)
    if actor.person not in {row.owner, row.made_by} and not actor.roles & set(_KEEPERS):
        raise Forbidden("Only who asked, its owner, a release manager or an administrator edits a request.")
    return row


def link(store: Store, actor: Actor, now: datetime, key: str, change: str, *, linked: bool = True) -> Journey:
    """Say that a change answers the request, or that it does not; by who edits it, or by an engineer."""
    require(actor, Action.WRITE_REQUEST)
    with store.write() as session:
        row = _find(session, actor, key) if Role.ENGINEER in actor.roles else _mine(session, actor, key)
        visibility.require_seen_in(session, actor, changes_of=[change])
        if session.get(Change, change) is None:
            raise NotFound("There is no such change.")
        found = session.get(RequestChangeRow, (key, change))
        if linked and found is None:
            held = session.scalars(select(RequestChangeRow.change_id).where(RequestChangeRow.request_id == key)).all()
            if len(held) >= MOST_CHANGES:
                raise InvalidInput.at("change", "is one too many", f"{MOST_CHANGES} changes a request")
            session.add(RequestChangeRow(request_id=key, change_id=change))
        elif not linked and found is not None:
            session.delete(found)
        if linked == (found is None):
            row.updated_at = now
            heads.changelogs_moved(session, now)
            audit.record(
                session, actor, now, action=Action.WRITE_REQUEST, subject=f"request:{key}",
                after={"change": change, "linked": linked},
            )  # fmt: skip
        session.flush()
        return _journey(session, actor, row)


def observe(
    store: Store, actor: Actor, now: datetime, key: str, observation: str, *, value: str, at: datetime,
    note: str | None = None,
) -> Journey:  # fmt: skip
    """Keep an observed effect under the reporter's own id; the same told again changes nothing."""
    require(actor, Action.POST_EVENTS)
    if one_line(observation, 200) != observation:
        raise InvalidInput.at("observation", "cannot be an id", "one line of 200 characters at most")
    if not one_line(value, LONGEST):
        raise InvalidInput.at("value", "is needed")
    if at > now:
        raise InvalidInput.at("at", "lies in the future", "an instant that has passed")
    with store.write() as session:
        row = _find(session, actor, key)
        wanted = {"value": one_line(value, LONGEST), "observed_at": at, "note": clean(note, 2000) if note else None}
        found = session.get(ObservationRow, (key, observation))
        before = {name: getattr(found, name) for name in wanted} if found is not None else None
        if found is None:
            by = actor.person or actor.name
            session.add(ObservationRow(request_id=key, key=observation, reported_by=by, reported_at=now, **wanted))
        else:
            for name, new in wanted.items():
                setattr(found, name, new)
        if before != wanted:
            if found is not None:
                found.reported_at = now
            heads.changelogs_moved(session, now)
            subject = f"request:{key}"
            audit.record(session, actor, now, action=Action.POST_EVENTS, subject=subject, before=before, after=wanted)
        session.flush()
        return _journey(session, actor, row)


def get(store: Store, actor: Actor, key: str) -> Journey:
    """A request with its changes on their way and what was measured."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        return _journey(session, actor, _find(session, actor, key))


def search(
    store: Store, actor: Actor, *, change: str | None = None, open_only: bool = False, cursor: str | None = None,
    limit: int | None = None,
) -> Page[RequestView]:  # fmt: skip
    """Requests, the newest first; ``change``: those that it answers. Raises NotFound for a change that is not there or
    not to be seen."""
    require(actor, Action.READ_CHANGE)
    size = bounded(limit)
    query = _listed(actor, change)
    if open_only:
        query = query.where(RequestRow.closed_at.is_(None))
    if cursor is not None:
        at, key = values(cursor, datetime, str)
        query = query.where(or_(RequestRow.made_at < at, (RequestRow.made_at == at) & (RequestRow.id < key)))
    with store.read() as session:
        rows = [_view(row) for row in session.scalars(query.limit(size + 1))]
        if change is not None and not rows and not visibility.seen_of(session, actor, [change]):
            raise NotFound("There is no such change.")
    return page(rows, size, lambda one: (one.made_at, one.id))


def answered_by(store: Store, actor: Actor, change: str) -> list[RequestView]:
    """The requests that a change answers, the newest first; for who was shown the change already."""
    require(actor, Action.READ_CHANGE)
    with store.read() as session:
        return [_view(row) for row in session.scalars(_listed(actor, change))]


def _listed(actor: Actor, change: str | None) -> Select[RequestRow]:
    """The requests to be seen, the newest first; with a ``change`` those that it answers."""
    answered = select(RequestChangeRow.request_id).where(RequestChangeRow.change_id == change)
    wanted = (_seen(actor), true() if change is None else RequestRow.id.in_(answered))
    return select(RequestRow).where(*wanted).order_by(RequestRow.made_at.desc(), RequestRow.id.desc())


def _journey(session: Session, actor: Actor, row: RequestRow) -> Journey:
    found = outcomes.of_request(session, actor, row)
    return Journey(_view(row), found.steps, found.effects, found.measured)
