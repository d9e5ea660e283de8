"""From events to a letter: what is true of them now, for one reader. What is no longer so is not told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import FeedHead, Kept, Shown, write
from release_mgmt.core.messages import Event, Kind, Letter, Line, folded, sorted_lines
from release_mgmt.core.permissions import Role
from release_mgmt.formats import ical
from release_mgmt.formats.words import Words
from release_mgmt.services.messages.readers import Listener, Sight
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.publishing import FeedEventRow, NoteRow
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, PlacementRow, WindowRow

_WAITING = frozenset({Kind.APPROVAL_NEEDED, Kind.SIGN_OFF_ASKED})
_DATED = frozenset({Kind.ANNOUNCED, Kind.MOVED, Kind.APPROVED, Kind.TOMORROW})
_MOST_EVENTS = 20


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def change_path(change: str) -> str:
    """The page of a change."""
    return f"/changes/{quote(change, safe='')}"


class Desk:
    """What letters of one look are written from: loaded once, used for every reader."""

    def __init__(self, session: Session, now: datetime, events: Sequence[Event]) -> None:
        self.session, self.now = session, now
        ids = {one.change for one in events if one.change}
        ids |= {each for one in events for each in one.facts.get("changes", ())}
        self.changes: dict[str, tuple[Change, str]] = {
            change.id: (change, name)
            for change, name in session.execute(
                select(Change, Repository.name)
                .join(Repository, Repository.id == Change.repository_id)
                .where(Change.id.in_(ids))
            )
        }
        placed = session.scalars(select(PlacementRow).where(PlacementRow.change_id.in_(ids)))
        self.placements = {one.change_id: one for one in placed}
        self.calendars = {one.slug: one for one in session.scalars(select(CalendarRow))}
        self.notes: dict[str, dict[str, str]] = {}
        for note in session.scalars(select(NoteRow).where(NoteRow.change_id.in_(ids))):
            self.notes.setdefault(note.change_id, {})[note.language] = note.text
        self.sight = Sight(session, frozenset(self.changes))

    def letter(self, events: Sequence[Event], listener: Listener, *, digest: bool = False) -> Letter | None:
        """What the reader is told of these events; None when nothing of it holds any more."""
        groups: dict[str, list[Event]] = {}
        for one in sorted(events, key=lambda each: each.id):
            groups.setdefault(one.fold, []).append(one)
        found = [event for group in groups.values() if (event := folded(group)) is not None]
        seen = self.sight.of(listener)
        lines = [line for event in found if (line := self._line(event, seen, listener)) is not None]
        if not lines:
            return None
        slugs = {event.calendar for event in found}
        row = self.calendars.get(next(iter(slugs)) or "") if len(slugs) == 1 else None
        return Letter(sorted_lines(lines), row.name if row is not None else None, digest)

    def _line(self, event: Event, seen: frozenset[str], listener: Listener) -> Line | None:
        calendar = self.calendars.get(event.calendar or "")
        zone = calendar.time_zone if calendar is not None else None
        start, end = _instant(event.facts.get("start")), _instant(event.facts.get("end"))
        if event.change is None:
            return self._of_no_change(event, seen, Line(event.kind, "", "", start=start, end=end, zone=zone))
        known = self.changes.get(event.change)
        if known is None or event.change not in seen or self._stale(event, known[0]):
            return None
        change, repository = known
        placement = self.placements.get(change.id)
        if event.kind not in {Kind.ANNOUNCED, Kind.MOVED} and placement is not None:
            start, end = placement.starts_at, placement.ends_at
        notes = self.notes.get(change.id, {})
        note = notes.get(listener.target.language) or notes.get("en")
        return Line(
            event.kind, change.title or "", change_path(change.id), change.level, repository, note, start, end,
            _instant(event.facts.get("from_start")), zone, event.facts,
        )  # fmt: skip

    def _stale(self, event: Event, change: Change) -> bool:
        if event.kind in _WAITING:
            return change.state != "announced"
        if event.kind is Kind.APPROVED:
            return change.state not in {"approved", "released"}
        if event.kind is Kind.BREAK_GLASS_ASKED:
            row = self.session.get(BreakGlassRow, event.facts.get("break_glass"))
            return row is None or row.granted is not None
        if event.kind is Kind.BREAK_GLASS_OVERDUE:
            row = self.session.get(BreakGlassRow, event.facts.get("break_glass"))
            return row is None or row.reviewed_at is not None
        return False

    def _of_no_change(self, event: Event, seen: frozenset[str], line: Line) -> Line | None:
        facts = event.facts
        if event.kind is Kind.TOMORROW:
            row = self.calendars.get(event.calendar or "")
            window = self.session.get(WindowRow, (row.id, facts["window"])) if row is not None else None
            if window is None or window.state == "cancelled" or window.starts_at <= self.now:
                return None
            titles = [self.changes[one][0].title for one in facts["changes"] if one in seen and one in self.changes]
            path = f"/windows/{quote(event.calendar or '')}/{quote(window.key)}"
            told = replace(line, title=window.title, path=path, start=window.starts_at, end=window.ends_at)
            return replace(told, facts={"titles": titles}) if titles else None
        if event.kind is Kind.FREEZE_ADDED:
            path = f"/freezes/{quote(event.calendar or '')}/{quote(str(facts['freeze']))}"
            return replace(line, title=str(facts["reason"]), path=path, facts=facts)
        if event.kind is Kind.JOB_DEAD:
            return replace(
                line, title=f"{facts['kind']} {facts['subject']}", path="/admin/jobs?state=dead", facts=facts
            )
        return None

    def attachment(self, events: Sequence[Event], listener: Listener, say: Words) -> bytes | None:
        """The windows that the letter speaks of as a calendar file, as the reader's own feed shows them."""
        keys = {
            (one.calendar, one.facts.get("window")) for one in events if one.kind in _DATED and one.facts.get("window")
        }
        entries = []
        for calendar, key in sorted((str(a), str(b)) for a, b in keys)[:_MOST_EVENTS]:
            row = self.session.scalar(
                select(FeedEventRow).where(
                    and_(FeedEventRow.calendar == calendar, FeedEventRow.key == key, FeedEventRow.kind == "window"),
                    FeedEventRow.audience == _audience(listener).value,
                )
            )
            shown = Shown.of(row.shown) if row is not None else None
            if row is None or shown is None or shown.empty:
                continue
            kept = Kept(row.uid, row.audience, shown, row.sequence, row.created_at, row.last_modified, row.cancelled_at)
            entries.append(write(kept, say, None))
        if not entries:
            return None
        head = FeedHead(say("Release window"), "", max(one.last_modified for one in entries))
        return ical.render(head, entries, say).content

    def payload(self, event: Event, listener: Listener) -> Mapping[str, Any] | None:
        """The body of a webhook: the event with what is known of its change; None when the reader may not know."""
        seen = self.sight.of(listener)
        facts = dict(event.facts)
        data: dict[str, Any] = {"id": event.id, "calendar": event.calendar}
        if event.change is not None:
            if event.change not in seen:
                return None
            change, repository = self.changes[event.change]
            data["change"] = {
                "id": change.id, "title": change.title, "repository": repository, "level": change.level,
                "state": change.state, "teams": sorted(change.affected_teams or ()), "owner": change.owner,
            }  # fmt: skip
        elif "changes" in facts:
            facts["changes"] = [one for one in facts["changes"] if one in seen]
            if not facts["changes"]:
                return None
        facts.pop("people", None)
        return {
            "type": event.kind.value,
            "timestamp": event.at.isoformat().replace("+00:00", "Z"),
            "data": data | facts,
        }


def _audience(listener: Listener) -> Audience:
    if Role.RELEASE_MANAGER in listener.actor.roles or Role.ADMINISTRATOR in listener.actor.roles:
        return Audience.RELEASE_MANAGER
    return Audience.BUSINESS if listener.business else Audience.ENGINEERING
