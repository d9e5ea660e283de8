"""The events of feeds follow the plan: called by whoever changes a plan, inside that transaction.

What a plan told of an event is kept as a digest on the release managers' row. So a plan costs one query of digests, and
only events whose digest differs are read, shown to each audience and written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import orjson
from sqlalchemy import Text, cast, inspect, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import (
    ChangeFact,
    FreezeFact,
    Kept,
    Shown,
    WindowFact,
    advance,
    hidden_from,
    show_freeze,
    show_window,
    uid_of,
)
from release_mgmt.services import publicity
from release_mgmt.services.feed_events import heads
from release_mgmt.services.feed_events.facts import fact_of, joined, plain
from release_mgmt.store.models.publishing import FeedEventRow, FeedHeadRow

_CHUNK = 500  # SQLite takes a limited number of values in one statement
_WRITING = b"2"
"""Raise it when the same facts are shown otherwise than before: every event is then looked at once more."""

Fact = WindowFact | FreezeFact


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Where events belong. UIDs come from ``identity``, so that they survive a rename."""

    slug: str
    name: str
    time_zone: str
    identity: str


@dataclass(frozen=True, slots=True)
class _Told:
    """What the plan tells of one event: nothing (``fact`` None) when it is gone."""

    uid: str
    fact: Fact | None
    digest: str | None


def refresh(
    session: Session,
    now: datetime,
    *,
    calendar: str,
    name: str,
    time_zone: str,
    windows: Iterable[WindowFact],
    freezes: Iterable[FreezeFact],
    identity: str | None = None,
) -> int:
    """Bring the feeds of a calendar to its plan; returns how many events changed for some audience.

    ``windows`` and ``freezes`` are all that the plan holds; what a feed showed before, has not ended and is not among
    them was called off. ``identity`` is the calendar's id where that is not ``calendar`` itself.
    """
    place = _Calendar(calendar, name, time_zone, identity or calendar)
    facts: dict[tuple[str, str], Fact] = {("window", fact.identity): fact for fact in windows}
    facts |= {("freeze", fact.identity): fact for fact in freezes}
    labelled = publicity.labelled(session, {change.id for fact in facts.values() for change in _changes(fact)})
    # A plain statement, not entities: ten thousand rows may be read for a plan. What ended before all that it holds is
    # history that it tells nothing of.
    table = inspect(FeedEventRow).local_table.c
    since = min([now, *(_day(fact.end) for fact in facts.values())])
    statement = select(table.kind, table.key, table.uid, table.told, table.ends_at > now).where(
        table.audience == Audience.RELEASE_MANAGER.value, table.calendar == calendar, table.ends_at >= since
    )
    stored = {(kind, key): (uid, last, ahead) for kind, key, uid, last, ahead in session.execute(statement)}
    told: list[_Told] = []
    for key, fact in facts.items():
        digest, before = _digest(fact, labelled), stored.get(key)
        if before is None or before[1] != digest:
            told.append(_Told(before[0] if before else uid_of(place.identity, *key), fact, digest))
    gone = (uid for key, (uid, last, ahead) in stored.items() if ahead and last is not None and key not in facts)
    told += [_Told(uid, None, None) for uid in gone]
    return _move(session, now, place, told)


def rejoin(session: Session, now: datetime, changes: Collection[str]) -> int:
    """Bring the events that hold one of these changes up to date after a note or an internal mark was written."""
    wanted = set(changes)
    statement = select(FeedEventRow.calendar, FeedEventRow.uid, FeedEventRow.told, FeedEventRow.fact).where(
        FeedEventRow.audience == Audience.RELEASE_MANAGER.value,
        FeedEventRow.kind == "window",
        FeedEventRow.ends_at >= now - timedelta(days=90),
    )
    if len(wanted) == 1 and _is_plain(*wanted):  # the database finds the one, rather than sending all
        statement = statement.where(cast(FeedEventRow.fact, Text).contains(*wanted, autoescape=True))
    hit: dict[str, list[_Told]] = {}
    for calendar, uid, digest, fact in session.execute(statement):
        if fact is not None and wanted & {change["id"] for change in fact["changes"]}:
            told = fact_of(fact)  # what was called off stays so
            hit.setdefault(calendar, []).append(_Told(uid, told if digest else replace(told, cancelled=True), digest))
    count = 0
    for calendar, events in hit.items():
        own = session.get(FeedHeadRow, (Audience.RELEASE_MANAGER.value, calendar))
        assert own is not None, "a calendar with events has a head"
        count += _move(session, now, _Calendar(calendar, own.name, own.time_zone, calendar), events)
    return count


def _is_plain(change: str) -> bool:
    """Does the id stand in JSON as it is, whatever wrote the JSON?"""
    return change.isascii() and change.isprintable() and not set(change) & set('"\\')


def _changes(fact: Fact) -> tuple[ChangeFact, ...]:
    return fact.changes if isinstance(fact, WindowFact) else ()


def _digest(fact: Fact, labelled: Collection[str]) -> str:
    """Of what a plan tells of an event, and of the labels that keep its changes from the business. Notes and marks of
    people are not in it: whoever writes one calls ``rejoin``."""
    kept = []
    if labelled:
        kept = [change.id for change in _changes(fact) if change.id in labelled]
    try:
        content = orjson.dumps((fact, kept))
    except TypeError:  # half a surrogate pair, which UTF-8 cannot say
        content = repr((fact, kept)).encode("ascii", "backslashreplace")
    return hashlib.blake2b(content, digest_size=16, key=_WRITING).hexdigest()


def _move(session: Session, now: datetime, place: _Calendar, told: list[_Told]) -> int:
    """Move the events of which something was told on, for every audience.

    What was cancelled long ago leaves the feeds but keeps its row: planned again it goes on from its SEQUENCE."""
    if not told:
        return 0
    rows = {(row.audience, row.uid): row for row in _rows(session, [one.uid for one in told])}
    windows = joined(session, [one.fact for one in told if isinstance(one.fact, WindowFact)])
    full: dict[str, Fact] = {fact.identity: fact for fact in windows}
    count = 0
    for audience in Audience:
        moves = []
        for one in told:
            fact = full.get(one.fact.identity) if isinstance(one.fact, WindowFact) else one.fact
            before = rows.get((audience.value, one.uid))
            moves.append((before, _after(before, fact, one.uid, audience, now), one))
        count += _bring(session, now, audience, place, moves)
    return count


def _rows(session: Session, uids: list[str]) -> Iterator[FeedEventRow]:
    for at in range(0, len(uids), _CHUNK):
        yield from session.scalars(select(FeedEventRow).where(FeedEventRow.uid.in_(uids[at : at + _CHUNK])))


def _after(row: FeedEventRow | None, fact: Fact | None, uid: str, audience: Audience, now: datetime) -> Kept | None:
    """The event as the audience sees it from now on."""
    before = _kept(row) if row else None
    if isinstance(fact, WindowFact):
        return advance(before, show_window(fact, audience), uid, audience.value, now, hidden_from(fact, audience))
    return advance(before, show_freeze(fact) if fact is not None else None, uid, audience.value, now)


def _bring(
    session: Session,
    now: datetime,
    audience: Audience,
    place: _Calendar,
    moves: Iterable[tuple[FeedEventRow | None, Kept | None, _Told]],
) -> int:
    """Write the rows of one audience; returns how many of its events are seen otherwise than before."""
    kept = [(row, after, one) for row, after, one in moves if after is not None]
    visible = [row is None or _kept(row) != after for row, after, _ in kept]
    version = 0
    if any(visible):
        head = heads.lock(session, audience.value)
        version = heads.moved(session, head, place.slug, place.name, place.time_zone, now)
    for (row, after, one), seen in zip(kept, visible, strict=True):
        _store(session, row, after, one, audience, place.slug, version if seen else 0)
    return sum(visible)


def _store(
    session: Session,
    row: FeedEventRow | None,
    kept: Kept,
    told: _Told,
    audience: Audience,
    calendar: str,
    version: int,
) -> None:
    """Write one row; ``version`` 0 means that its audience sees no difference."""
    if row is None:
        row = FeedEventRow(uid=kept.uid, audience=kept.audience, calendar=calendar, kind=kept.shown.kind)
        row.key, row.created_at = kept.shown.identity, kept.created
        session.add(row)
    if version:
        row.shown, row.touched = kept.shown.payload(), version
        row.sequence, row.last_modified, row.cancelled_at = kept.sequence, kept.last_modified, kept.cancelled_at
        row.starts_at, row.ends_at = _instant(kept.shown.start), _instant(kept.shown.end)
    if audience is Audience.RELEASE_MANAGER:
        row.told = told.digest
        if isinstance(told.fact, WindowFact) and told.digest is not None:
            row.fact = plain(told.fact)


def _kept(row: FeedEventRow) -> Kept:
    return Kept(
        row.uid, row.audience, Shown.of(row.shown), row.sequence, row.created_at, row.last_modified, row.cancelled_at
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text) if "T" in text else _day(date.fromisoformat(text))


def _day(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
