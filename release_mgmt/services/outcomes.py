"""Business requests: what was asked, which changes answer it, what was expected and what was measured.

A request kept for a team exists only for that team, its owner, who asked, and administrators. Whoever sees a request
sees of its changes only those he may know of.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Promise
from release_mgmt.core.errors import FieldError, Forbidden, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.permissions import Action, Actor, Role, require
from release_mgmt.core.text import clean, one_line
from release_mgmt.services import Store, audit, people, secret, visibility
from release_mgmt.services.feed_events import heads
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.insight import ObservationRow, RequestChangeRow, RequestRow
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, ClassificationRow, Release, Repository
from release_mgmt.store.models.scheduling import PlacementRow, StageRow

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
class Step:
    """A change on its way: its window, the stages it passed, and the release that holds it."""

    change: str
    title: str
    repository: str
    state: str
    window: tuple[datetime, datetime] | None
    stage: str | None
    deployed_at: datetime | None
    release: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """An observed value; ``source`` is ``reported`` or the metrics file of ``change``."""

    value: str
    source: str
    at: datetime | None
    change: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Journey:
    """A request from the question to production: its changes, and what was observed, newest first. ``measured`` is the
    newest value of after the first release; one of before it is where it began."""

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


def _cleaned(session: Session, given: dict[str, Any]) -> dict[str, Any]:
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
    if found.get("owner"):
        found["owner"] = people.find(session, found["owner"], active=True).id
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
        kept = _cleaned(session, given)
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
    linked = session.execute(
        select(Change, Repository.name, Release.version)
        .join(RequestChangeRow, RequestChangeRow.change_id == Change.id)
        .join(Repository, Repository.id == Change.repository_id)
        .outerjoin(Release, Release.id == Change.release_id)
        .where(RequestChangeRow.request_id == row.id, visibility.changes(actor))
        .order_by(Change.happened_at, Change.id)
    ).all()
    ids = [change.id for change, _, _ in linked]
    placed = {
        one.change_id: one for one in session.scalars(select(PlacementRow).where(PlacementRow.change_id.in_(ids)))
    }
    stages: dict[str, StageRow] = {}
    deployed: dict[str, datetime] = {}
    reports = select(StageRow).where(StageRow.change_id.in_(ids)).order_by(StageRow.position)
    for report in session.scalars(reports):
        stages[report.change_id] = report
        if report.stage == "deploy" and report.state == "done":
            deployed[report.change_id] = report.at
    steps = []
    for change, repository, release in linked:
        slot, last = placed.get(change.id), stages.get(change.id)
        window = (slot.starts_at, slot.ends_at) if slot and slot.window and slot.starts_at and slot.ends_at else None
        stage = f"{last.stage} {last.state}" if last is not None else None
        steps.append(
            Step(change.id, change.title, repository, change.state, window, stage, deployed.get(change.id), release)
        )
    changes = [change for change, _, _ in linked]
    effects = _effects(session, row, changes, deployed)
    return Journey(_view(row), tuple(steps), effects, _measured(session, changes, effects))


def _effects(
    session: Session, row: RequestRow, changes: Collection[Change], deployed: dict[str, datetime]
) -> tuple[Effect, ...]:
    """What was reported, newest first, then what the metrics files of released changes say."""
    reported = session.scalars(
        select(ObservationRow)
        .where(ObservationRow.request_id == row.id)
        .order_by(ObservationRow.observed_at.desc(), ObservationRow.key)
    )
    found = [Effect(one.value, "reported", one.observed_at, None, one.note) for one in reported]
    released = [one.id for one in changes if one.state == "released"]
    if row.metric and released:
        verdicts = session.scalars(select(ClassificationRow).where(ClassificationRow.change_id.in_(released))).all()
        files = [(verdict.change_id, fact) for verdict in verdicts for fact in verdict.evidence]
        moved = [
            Effect(str(fact["new"]), str(fact["path"]), deployed.get(change), change, None)
            for change, fact in files
            if str(fact["kind"]).startswith("metric") and fact["new"] is not None and _same(row.metric, fact["subject"])
        ]
        order = {change: place for place, change in enumerate(released)}
        found += sorted(moved, key=lambda one: order[one.change or ""], reverse=True)
    return tuple(found)


def _measured(session: Session, changes: Collection[Change], effects: Collection[Effect]) -> str | None:
    """The newest effect of after the first release: its deployment, else its tag. A released change of which neither
    is known counts as released before all."""
    released = [one.id for one in changes if one.state == "released"]
    if not released:
        return None
    deploys = (StageRow.change_id.in_(released), StageRow.stage == "deploy", StageRow.state == "done")
    deployed: dict[str, datetime] = {}
    for change, at in session.execute(select(StageRow.change_id, StageRow.at).where(*deploys)):
        deployed[change] = min(at, deployed.get(change, at))
    tags = select(Change.id, Release.released_at).join(Release, Release.id == Change.release_id)
    tagged = {change: at for change, at in session.execute(tags.where(Change.id.in_(released)))}  # noqa: C416 - rows
    moments = [deployed.get(one) or tagged.get(one) for one in released]
    since = None if None in moments else min(at for at in moments if at is not None)
    for one in effects:
        if since is None or one.change is not None or (one.at is not None and one.at >= since):
            return one.value
    return None


def _same(asked: str, subject: str) -> bool:
    """Whether a metrics file's entry (``test.rmse``) is the metric asked for (``RMSE``)."""
    wanted, told = asked.casefold(), subject.casefold()
    return told == wanted or told.endswith((f".{wanted}", f"/{wanted}"))


def promises(session: Session, changes: Collection[str]) -> dict[str, tuple[Promise, ...]]:
    """Change -> what requests expect of it and what was measured; requests kept for a team are in no changelog."""
    if not changes:
        return {}
    rows = session.execute(
        select(RequestChangeRow.change_id, RequestRow)
        .join(RequestRow, RequestRow.id == RequestChangeRow.request_id)
        .where(RequestRow.team.is_(None), RequestRow.metric.is_not(None))
        .order_by(RequestRow.made_at, RequestRow.id)
    ).all()
    found: dict[str, tuple[Promise, ...]] = {}
    for change_id, row in rows:
        change = session.get(Change, change_id) if change_id in changes else None
        if change is None or row.metric is None:
            continue
        effects = _effects(session, row, [change], {}) if change.state == "released" else ()
        measured = _measured(session, [change], effects)
        promise = Promise(row.title, row.metric, row.expected_from, row.expected_to, measured)
        found[change_id] = (*found.get(change_id, ()), promise)
    return found


def told_at(session: Session, changes: Collection[str]) -> dict[str, datetime]:
    """Change -> when what :func:`promises` tells of it last changed."""
    linked = (
        select(RequestChangeRow.change_id, RequestRow.updated_at, func.max(ObservationRow.reported_at))
        .join(RequestRow, RequestRow.id == RequestChangeRow.request_id)
        .outerjoin(ObservationRow, ObservationRow.request_id == RequestRow.id)
        .where(RequestRow.team.is_(None), RequestRow.metric.is_not(None))
        .group_by(RequestChangeRow.change_id, RequestRow.id, RequestRow.updated_at)
    )
    found: dict[str, datetime] = {}
    for change, *moments in session.execute(linked):
        if change in changes:
            found[change] = max(at for at in (*moments, found.get(change)) if at is not None)
    return found
