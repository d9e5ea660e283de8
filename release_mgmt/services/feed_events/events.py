"""The events of feeds follow the plan: called by whoever changes a plan, inside that transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import (
    ChangeFact,
    FreezeFact,
    Kept,
    Shown,
    WindowFact,
    advance,
    is_due,
    show_freeze,
    show_window,
    uid_of,
)
from release_mgmt.services import publicity
from release_mgmt.services.feed_events import heads
from release_mgmt.store.models.publishing import FeedEventRow, FeedHeadRow, NoteRow

_CHUNK = 500  # SQLite takes a limited number of values in one statement


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
    them was called off. ``identity`` is the calendar's id where that is not ``calendar`` itself: UIDs come from it, so
    that they survive a rename.
    """
    facts = _joined(session, list(windows))
    frozen = {fact.identity: fact for fact in freezes}
    changed = 0
    for audience in Audience:
        shown: dict[tuple[str, str], tuple[Shown, WindowFact | None]] = {
            ("window", fact.identity): (show_window(fact, audience), fact) for fact in facts
        }
        shown |= {("freeze", fact.identity): (show_freeze(fact), None) for fact in frozen.values()}
        changed += _bring(session, now, audience, calendar, name, time_zone, shown, identity or calendar)
    return changed


def rejoin(session: Session, now: datetime, changes: Collection[str]) -> int:
    """Bring the events that hold one of these changes up to date after a note or an internal mark was written."""
    wanted = set(changes)
    rows = session.scalars(
        select(FeedEventRow).where(
            FeedEventRow.audience == Audience.RELEASE_MANAGER.value,
            FeedEventRow.kind == "window",
            FeedEventRow.ends_at >= now - timedelta(days=90),
        )
    )
    hit: dict[str, list[WindowFact]] = {}
    for row in rows:
        if row.fact is not None and wanted & {change["id"] for change in row.fact["changes"]}:
            hit.setdefault(row.calendar, []).append(_fact(row.fact))
    count = 0
    for calendar, facts in hit.items():
        own = session.get(FeedHeadRow, (Audience.RELEASE_MANAGER.value, calendar))
        assert own is not None, "a calendar with events has a head"
        joined = _joined(session, facts)
        for audience in Audience:
            shown: dict[tuple[str, str], tuple[Shown, WindowFact | None]] = {
                ("window", fact.identity): (show_window(fact, audience), fact) for fact in joined
            }
            count += _bring(session, now, audience, calendar, own.name, own.time_zone, shown, calendar, only=True)
    return count


def _bring(
    session: Session,
    now: datetime,
    audience: Audience,
    calendar: str,
    name: str,
    time_zone: str,
    shown: Mapping[tuple[str, str], tuple[Shown, WindowFact | None]],
    identity: str,
    *,
    only: bool = False,
) -> int:
    """Move the rows of one audience on; ``only`` those that are in ``shown``."""
    rows = {
        (row.kind, row.key): row
        for row in session.scalars(
            select(FeedEventRow).where(FeedEventRow.audience == audience.value, FeedEventRow.calendar == calendar)
        )
    }
    moves: list[tuple[FeedEventRow | None, Kept, WindowFact | None]] = []
    for key, (seen, fact) in shown.items():
        row = rows.get(key)
        before = _kept(row) if row else None
        after = advance(before, seen, row.uid if row else uid_of(identity, *key), audience.value, now)
        if after is not None and (after is not before or (row is not None and _differs(row, fact, audience))):
            moves.append((row, after, fact))
    dropped = []
    for key, row in rows.items():
        before = _kept(row)
        if is_due(before, now):
            dropped.append(row)
        elif not only and key not in shown and row.ends_at > now:
            after = advance(before, None, row.uid, audience.value, now)
            if after is not None and after is not before:
                moves.append((row, after, None))
    if not moves and not dropped:
        return 0
    visible = [move for move in moves if move[0] is None or _kept(move[0]) != move[1]]
    version = 0
    if visible or dropped:
        head = heads.lock(session, audience.value)
        version = heads.moved(session, head, calendar, name, time_zone, now)
        head.epoch += bool(dropped)
    for gone in dropped:
        session.delete(gone)
    for row, after, fact in moves:
        _store(session, row, after, fact, calendar, version)
    return len(visible) + len(dropped)


def _differs(row: FeedEventRow, fact: WindowFact | None, audience: Audience) -> bool:
    return audience is Audience.RELEASE_MANAGER and fact is not None and row.fact != _plain(fact)


def _store(
    session: Session,
    row: FeedEventRow | None,
    kept: Kept,
    fact: WindowFact | None,
    calendar: str,
    version: int,
) -> None:
    if row is None:
        row = FeedEventRow(uid=kept.uid, audience=kept.audience, calendar=calendar, kind=kept.shown.kind)
        row.key, row.created_at = kept.shown.identity, kept.created
        session.add(row)
    row.shown = kept.shown.payload()
    row.sequence, row.last_modified, row.cancelled_at = kept.sequence, kept.last_modified, kept.cancelled_at
    row.starts_at, row.ends_at = _instant(kept.shown.start), _instant(kept.shown.end)
    if version:
        row.touched = version
    if fact is not None and kept.audience == Audience.RELEASE_MANAGER.value:
        row.fact = _plain(fact)


def _kept(row: FeedEventRow) -> Kept:
    return Kept(
        row.uid, row.audience, Shown.of(row.shown), row.sequence, row.created_at, row.last_modified, row.cancelled_at
    )


def _instant(text: str) -> datetime:
    if "T" in text:
        return datetime.fromisoformat(text)
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def _joined(session: Session, facts: list[WindowFact]) -> list[WindowFact]:
    """The windows with the business notes and internal marks of their changes."""
    ids = sorted({change.id for fact in facts for change in fact.changes})
    notes: dict[str, dict[str, str]] = {}
    internal = publicity.marks(session, ids)
    for at in range(0, len(ids), _CHUNK):
        some = ids[at : at + _CHUNK]
        for note in session.scalars(select(NoteRow).where(NoteRow.change_id.in_(some))):
            notes.setdefault(note.change_id, {})[note.language] = note.text
    return [
        replace(
            fact,
            changes=tuple(
                replace(
                    change,
                    notes=notes.get(change.id, change.notes),
                    internal=internal.get(change.id, change.internal),
                )
                for change in fact.changes
            ),
        )
        for fact in facts
    ]


def _plain(fact: WindowFact) -> dict[str, object]:
    return asdict(
        replace(
            fact,
            start=fact.start.isoformat(),  # type: ignore[arg-type] # JSON has no instants
            end=fact.end.isoformat(),  # type: ignore[arg-type]
            changes=tuple(replace(change, notes={}) for change in fact.changes),
        )
    ) | {"changes": [_plain_change(change) for change in fact.changes], "environments": list(fact.environments)}


def _plain_change(change: ChangeFact) -> dict[str, object]:
    return asdict(change) | {"notes": {}, "teams": list(change.teams), "libraries": list(change.libraries)}


def _fact(data: Mapping[str, object]) -> WindowFact:
    values = dict(data)
    changes = values.pop("changes")
    assert isinstance(changes, list)
    made = tuple(
        ChangeFact(**{**change, "teams": tuple(change["teams"]), "libraries": tuple(change["libraries"])})
        for change in changes
    )
    start, end = (datetime.fromisoformat(str(values.pop(name))) for name in ("start", "end"))
    environments = values.pop("environments")
    assert isinstance(environments, list)
    return WindowFact(**values, start=start, end=end, changes=made, environments=tuple(environments))  # type: ignore[arg-type]
