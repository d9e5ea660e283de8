"""Imports of .ics files and holidays into a calendar: the same file twice adds nothing, what is gone is called off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.text import one_line
from release_mgmt.services import Store, calendar_rows, calendars, plans
from release_mgmt.services.plans import Difference
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.calendars import HolidaySource
from release_mgmt.sources.calendars.ics import ImportedEvent, read_ics
from release_mgmt.sources.calendars.remote import fetch
from release_mgmt.store.models.scheduling import ImportRow

BACK, AHEAD = timedelta(days=31), timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or (``dry_run``) would do; the names are ids of freezes (or dates of days off).

    ``left_out`` are the events of the file that no freeze can be made of, and rules that are not read, by their place.
    """

    source: str
    dry_run: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    cancelled: tuple[str, ...]
    unchanged: int
    effects: Difference
    left_out: tuple[FieldError, ...] = ()


def import_ics(
    store: Store,
    actor: Actor,
    now: datetime,
    slug: str,
    content: bytes,
    *,
    source: str,
    hard: bool = True,
    dry_run: bool = False,
) -> Imported:
    """Take the events of an .ics file as freezes; ``source`` names the file, so that its next version can be compared.

    Events that were there before and are gone are called off: their freezes are taken away and the row says when. A
    freeze that somebody took away since comes again; one that somebody edited stays so until its event changes.
    """
    require(actor, Action.EDIT_FREEZE, calendar=slug)
    label = one_line(source, 200)
    with store.read() as session:
        time_zone = calendar_rows.find(session, slug).time_zone
    read, left_out = read_ics(content, now - BACK, now + AHEAD, time_zone)
    events = {each.key: each for each in read}
    names = {key: _name(label, key) for key in events}
    with store.write(lock=plans.LOCK) as session:
        row = calendar_rows.find(session, slug)
        document, identity = dict(row.document), row.id
        known = {
            each.uid: each
            for each in session.scalars(
                select(ImportRow).where(ImportRow.calendar_id == identity, ImportRow.source == label)
            )
        }
        there = {item["id"]: item for item in document.get("freezes") or []}
        active = {uid: each for uid, each in known.items() if each.cancelled_at is None and each.freeze in there}
        added = [key for key in events if key not in active]
        changed = [key for key in events if key in active and active[key].digest != events[key].digest]
        gone = {uid: each.freeze for uid, each in active.items() if uid not in events}
        brought = {each.freeze for each in active.values()}
        freezes = [item for name, item in there.items() if name not in brought]
        told = {*added, *changed}
        freezes += [
            _item(names[key], event, label, hard=hard) if key in told else there[names[key]]
            for key, event in events.items()
        ]
        effects = Difference()
        if added or changed or gone:
            applied = calendars.apply_in(
                session, actor, now, {**document, "freezes": freezes}, slug=slug, reason=f"import of {label}",
                dry_run=dry_run, action=Action.EDIT_FREEZE,
            )  # fmt: skip
            effects = applied.effects
        if not dry_run:
            _keep(session, now, identity, label, events, names, gone)
    return Imported(
        label, dry_run, tuple(names[key] for key in added), tuple(names[key] for key in changed),
        tuple(gone.values()), len(events) - len(added) - len(changed), effects, left_out,
    )  # fmt: skip


def import_url(
    store: Store,
    actor: Actor,
    now: datetime,
    slug: str,
    url: str,
    *,
    allowed: AddressPolicy,
    source: str | None = None,
    hard: bool = True,
    dry_run: bool = False,
) -> Imported:
    """As :func:`import_ics`, of the file at an address. ``source`` names it (default: its host and path): an address
    may hold a password, so it is kept nowhere.

    Raises InvalidInput for an address that may not be called, Unavailable when it does not answer.
    """
    require(actor, Action.EDIT_FREEZE, calendar=slug)
    content = fetch(url, allowed)
    label = source or urlsplit(url)._replace(scheme="", query="", fragment="").geturl().lstrip("/")
    return import_ics(store, actor, now, slug, content, source=label, hard=hard, dry_run=dry_run)


def _name(source: str, key: str) -> str:
    return "ics-" + hashlib.sha256(f"{source}\n{key}".encode()).hexdigest()[:16]


def _item(name: str, event: ImportedEvent, source: str, *, hard: bool) -> dict[str, Any]:
    item: dict[str, Any] = {"id": name, "hard": hard, "reason": event.title or source}
    if event.days is not None:
        return item | {"days": [day.isoformat() for day in event.days]}
    assert event.start is not None
    assert event.end is not None
    # Wall time of UTC: an instant in a repeated hour of a local zone could not be written down.
    start, end = (value.replace(tzinfo=None).isoformat() for value in (event.start, event.end))
    return item | {"time_zone": "UTC", "start": start, "end": end}


def _keep(
    session: Session,
    now: datetime,
    calendar: str,
    source: str,
    events: Mapping[str, ImportedEvent],
    names: Mapping[str, str],
    gone: Iterable[str],
) -> None:
    for key, event in events.items():
        row = session.get(ImportRow, (calendar, source, key))
        if row is None:
            row = ImportRow(calendar_id=calendar, source=source, uid=key, freeze=names[key])
            session.add(row)
        elif row.digest == event.digest and row.cancelled_at is None:
            continue
        row.digest, row.seen_at, row.cancelled_at = event.digest, now, None
    for uid in gone:
        row = session.get(ImportRow, (calendar, source, uid))
        if row is not None:
            row.cancelled_at = now


def import_holidays(
    store: Store,
    actor: Actor,
    now: datetime,
    slug: str,
    country: str,
    *,
    subdivision: str | None = None,
    dry_run: bool = False,
) -> Imported:
    """Write the holidays of a country or market into the calendar's days off, with their names; known days stay."""
    require(actor, Action.EDIT_CALENDAR, calendar=slug)
    found = HolidaySource(now.year)(country, subdivision)
    with store.write(lock=plans.LOCK) as session:
        document = dict(calendar_rows.find(session, slug).document)
        business = dict(document.get("business_days") or {})
        days = list(business.get("days_off") or [])
        there = {str(each["date"] if isinstance(each, dict) else each) for each in days}
        new = [day for day in found if day.isoformat() not in there]
        effects = Difference()
        if new:
            business["days_off"] = [*days, *({"date": day.isoformat(), "name": found[day]} for day in new)]
            applied = calendars.apply_in(
                session, actor, now, {**document, "business_days": business}, slug=slug,
                reason=f"holidays of {country}", dry_run=dry_run,
            )  # fmt: skip
            effects = applied.effects
    added = tuple(day.isoformat() for day in new)
    return Imported(country, dry_run, added, (), (), len(found) - len(new), effects)
