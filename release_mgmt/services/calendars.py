"""Release calendars: apply a document (with a preview), list, look at, and what each said at each version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import InvalidInput, NotFound, StaleVersion
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import clean
from release_mgmt.core.windows import ReleaseCalendar, periods
from release_mgmt.services import Store, audit, calendar_rows, outbox, plans, secret
from release_mgmt.services.calendar_rows import find, known_names, named
from release_mgmt.services.plans import Difference
from release_mgmt.sources.calendars import keep_identities, read_document
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import CalendarRow, CalendarVersion

FREEZES_AHEAD = timedelta(days=731)
"""How far a freeze that was added may lie ahead and still be told of."""


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A calendar as it is shown; ``document`` has the form of a calendar file, ``version`` is the ETag."""

    id: str
    slug: str
    name: str
    time_zone: str
    public: bool
    plan_version: int
    planned_at: datetime | None
    updated_at: datetime
    version: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference between two versions of a calendar: ``before`` None: added; ``after`` None: taken away."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a document did, or (``dry_run``) would do: its edits and what they do to the plan."""

    slug: str
    created: bool
    dry_run: bool
    edits: tuple[Edit, ...]
    effects: Difference
    version: int


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a calendar; ``made_by`` is a person's id or the name of what acted."""

    version: int
    made_by: str
    made_at: datetime
    reason: str | None


def _view(row: CalendarRow) -> CalendarView:
    return CalendarView(
        row.id, row.slug, row.name, row.time_zone, row.public, row.plan_version, row.planned_at, row.updated_at,
        row.version, row.document,
    )  # fmt: skip


def every(store: Store, actor: Actor) -> list[CalendarView]:
    """All calendars by name; the public ones for somebody who is not signed in."""
    require(actor, Action.READ_CALENDAR if actor.signed_in else Action.READ_PUBLIC)
    with store.read() as session:
        statement = select(CalendarRow).order_by(CalendarRow.name, CalendarRow.slug)
        if not actor.signed_in:
            statement = statement.where(CalendarRow.public.is_(True))
        return [_view(row) for row in session.scalars(statement)]


def get(store: Store, actor: Actor, slug: str) -> CalendarView:
    """One calendar with its document."""
    require(actor, Action.READ_CALENDAR)
    with store.read() as session:
        return _view(find(session, slug))


def versions(store: Store, actor: Actor, slug: str) -> list[VersionView]:
    """Who changed the calendar when and why, newest first."""
    require(actor, Action.READ_CALENDAR)
    with store.read() as session:
        row = find(session, slug)
        found = session.scalars(
            select(CalendarVersion)
            .where(CalendarVersion.calendar_id == row.id)
            .order_by(CalendarVersion.version.desc())
            .limit(200)
        )
        return [VersionView(one.version, one.made_by, one.made_at, one.reason) for one in found]


def apply(
    store: Store,
    actor: Actor,
    now: datetime,
    document: Mapping[str, Any],
    *,
    slug: str | None = None,
    version: int | None = None,
    reason: str | None = None,
    dry_run: bool = False,
    action: Action = Action.EDIT_CALENDAR,
) -> Applied:
    """Make or replace a calendar by its document, then plan again; with ``dry_run`` tell what that would do.

    ``slug`` names the calendar to replace (else the name in the document does); ``version`` is the one that was seen.
    Raises InvalidInput with every fault by path, StaleVersion when somebody else edited it in between.
    """
    with store.write(lock=plans.LOCK) as session:
        return apply_in(
            session, actor, now, document, slug=slug, version=version, reason=reason, dry_run=dry_run, action=action
        )  # fmt: skip


def apply_in(
    session: Session,
    actor: Actor,
    now: datetime,
    document: Mapping[str, Any],
    *,
    slug: str | None = None,
    version: int | None = None,
    reason: str | None = None,
    dry_run: bool = False,
    action: Action = Action.EDIT_CALENDAR,
    reverts: int | None = None,
) -> Applied:
    """As :func:`apply`, inside the caller's transaction, which holds :data:`plans.LOCK`; a ``dry_run`` rolls it back.

    ``reverts`` is the version whose edit this takes back.
    """
    plain = json.loads(json.dumps(document, default=str))
    row = find(session, slug) if slug is not None else named(session, plain)
    known = known_names(session, row, now)
    calendar = read_document(plain, now.year, known)
    if row is None:
        require(actor, Action.CREATE_CALENDAR)
    else:
        require(actor, action, calendar=row.slug)
        if version is not None and version != row.version:
            raise StaleVersion("Somebody else changed this calendar in the meantime.")
    before = row.document if row is not None else {}
    if row is not None and before != plain:
        plain = keep_identities(calendar_rows.value(row, now), plain, calendar, now)
        calendar = read_document(plain, now.year, known)
    edits = tuple(difference(before, plain))
    if dry_run:
        effects = plans.effects(session, now, row, calendar) if row is not None else Difference()
        session.rollback()
        return Applied(row.slug if row else calendar.slug, row is None, True, edits, effects, row.version if row else 0)
    created = row is None
    stay: list[str] = []
    if row is None:
        stay = _stay_with_the_only_one(session, now)
        row = CalendarRow(
            id=secret.identifier("cal"), slug=calendar.slug, created_at=now, document={}, plan_version=0, version=0
        )  # fmt: skip
        session.add(row)
    elif not edits:
        return Applied(row.slug, False, False, (), Difference(), row.version)
    row.name, row.time_zone, row.public = calendar.name, calendar.time_zone, calendar.public
    calendar_rows.keep(session, actor, now, row, plain, clean(reason, 2000) if reason else None)
    effects = plans.make(session, actor, now, row, calendar, reason=reason)
    if not created:
        _tell_freezes(session, actor, now, row.slug, calendar, edits)
    told: dict[str, object] = {"version": row.version, "edits": [edit.path for edit in edits][:100]}
    if stay:
        told["repositories_that_stay"] = stay[:100]
    if reverts is not None:
        told["reverts"] = reverts
    audit.record(
        session, actor, now, action=Action.CREATE_CALENDAR if created else action,
        subject=f"calendar:{row.slug}", reason=reason,
        after=told,
    )  # fmt: skip
    return Applied(row.slug, created, False, edits, effects, row.version)


def _stay_with_the_only_one(session: Session, now: datetime) -> list[str]:
    """Write down where the repositories go that name no calendar, before there is a second one: what was announced in
    the only calendar there was must not lose its date because somebody makes another."""
    present = session.scalars(select(CalendarRow.slug).limit(2)).all()
    if len(present) != 1:
        return []
    staying = session.scalars(
        select(Repository).where(Repository.calendar.is_(None)).order_by(Repository.name).with_for_update()
    ).all()
    for each in staying:
        each.calendar, each.updated_at = present[0], now
    session.flush()
    return [each.name for each in staying]


def _tell_freezes(
    session: Session, actor: Actor, now: datetime, slug: str, calendar: ReleaseCalendar, edits: tuple[Edit, ...]
) -> None:
    """Tell of freezes that were added and are not over yet."""
    added = {one.path.removeprefix("freezes[").removesuffix("]") for one in edits if one.before is None}
    for freeze in calendar.freezes:
        period = next(iter(periods([freeze], now, now + FREEZES_AHEAD)), None) if freeze.id in added else None
        if period is None:
            continue
        facts = {
            "freeze": freeze.id, "reason": freeze.reason, "hard": freeze.hard, "start": outbox.iso(period.start),
            "end": outbox.iso(period.end), "days": [day.isoformat() for day in period.whole_days or ()],
            "teams": sorted(freeze.scope.teams),
        }  # fmt: skip
        fold = f"freeze:{slug}:{freeze.id}"
        outbox.tell(session, now, Kind.FREEZE_ADDED, fold=fold, facts=facts, actor=actor, calendar=slug)


def difference(before: Any, after: Any, path: str = "") -> list[Edit]:
    """What differs between two documents, part by part; lists of things with an ``id`` are matched by it."""
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        return [
            edit
            for key in keys
            for edit in difference(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        ]
    named_before, named_after = _by_id(before), _by_id(after)
    if (named_before or named_after) and named_before is not None and named_after is not None:
        ids = [*named_before, *(key for key in named_after if key not in named_before)]
        return [edit for key in ids for edit in _item(f"{path}[{key}]", named_before.get(key), named_after.get(key))]
    return [Edit(path, before, after)]


def _item(path: str, before: Any, after: Any) -> list[Edit]:
    if before is None or after is None:
        return [Edit(path, before, after)]
    return difference(before, after, path)


def _by_id(items: Any) -> dict[str, Any] | None:
    if items is None:
        return {}
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and "id" in item for item in items):
        return None
    return {str(item["id"]): item for item in items}


def edit(
    store: Store,
    actor: Actor,
    now: datetime,
    slug: str,
    part: str,
    item: Mapping[str, Any] | None,
    *,
    identity: str,
    version: int | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> Applied:
    """Add, replace or (``item`` None) take away one series or freeze of a calendar: ``part`` is series or freezes.

    Without a ``version`` what others edit at the same time stays as they left it.
    """
    action = Action.EDIT_FREEZE if part == "freezes" else Action.EDIT_WINDOW
    with store.write(lock=plans.LOCK) as session:
        document = dict(find(session, slug).document)
        items = [dict(each) for each in document.get(part) or []]
        places = [index for index, each in enumerate(items) if str(each.get("id")) == identity]
        if item is None:
            if not places:
                raise NotFound("There is no such thing in this calendar.")
            del items[places[0]]
        elif places:
            items[places[0]] = {**item, "id": identity}
        else:
            items.append({**item, "id": identity})
        document[part] = items
        try:
            return apply_in(
                session, actor, now, document, slug=slug, version=version, reason=reason, dry_run=dry_run,
                action=action,
            )  # fmt: skip
        except InvalidInput as error:
            raise _relative(error, part, places[0] if places else len(items) - 1) from error


def _relative(error: InvalidInput, part: str, index: int) -> InvalidInput:
    """Paths as the sender of one item knows them: ``freezes[3].days`` becomes ``days``."""
    prefix = f"{part}[{index}]."
    faults = [type(each)(each.path.removeprefix(prefix), each.message, each.allowed) for each in error.errors]
    return InvalidInput(error.message.removeprefix(prefix), faults, code=error.code, hint=error.hint)
