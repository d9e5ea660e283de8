"""The room in windows as somebody may know of it: counts and plans without the changes that are hidden from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.classification import Level
from release_mgmt.core.permissions import Actor
from release_mgmt.core.windows import Capacity
from release_mgmt.services import calendar_rows, visibility
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.models.scheduling import CalendarRow, ChangeTerms, PlacementRow, WindowRow

_CHUNK = 500  # SQLite takes a limited number of values in one statement

Room = tuple[int, int]
"""Points used and major changes."""


def seen(
    session: Session, actor: Actor, windows: Sequence[tuple[WindowRow, CalendarRow]]
) -> dict[tuple[str, str], Room]:
    """The room used in each window, by (calendar's id, key): as planned, less what is hidden from ``actor``."""
    found = {(calendar.id, window.key): (window.used, window.majors) for window, calendar in windows}
    calendars = {calendar.id for _, calendar in windows}
    hidden = visibility.hidden(session, actor) if windows else frozenset()
    if not hidden:
        return found
    content: dict[tuple[str, str], list[tuple[str, str]]] = {}
    touched: set[tuple[str, str]] = set()
    rows = session.execute(
        select(PlacementRow.calendar_id, WindowRow.key, Change.id, Change.level)
        .join(Change, Change.id == PlacementRow.change_id)
        .join(WindowRow, (WindowRow.calendar_id == PlacementRow.calendar_id) & (WindowRow.key == PlacementRow.window))
        .where(PlacementRow.calendar_id.in_(calendars))
    )
    for calendar_id, key, change, level in rows:
        if change in hidden:
            touched.add((calendar_id, key))
        else:
            content.setdefault((calendar_id, key), []).append((change, level or ""))
    for window, calendar in windows:
        place = (calendar.id, window.key)
        if place in touched:
            found[place] = _room(session, _capacity(calendar, window), content.get(place, []))
    return found


def seen_document(session: Session, actor: Actor, row: CalendarRow, document: dict[str, Any]) -> dict[str, Any]:
    """A plan's document without the changes hidden from ``actor``; the stored one is left as it is.

    A reason that names a hidden change keeps its code and loses the name.
    """
    hidden = visibility.hidden(session, actor)
    if not hidden:
        return document
    levels = _levels(session, document)
    shown = dict(document)
    for part in ("placements", "deferrals", "moves", "suggestions", "conflicts"):
        shown[part] = [_without_names(one, hidden) for one in document[part] if one["change"] not in hidden]
    shown["shipped"] = [one for one in document.get("shipped", ()) if one["change"] not in hidden]
    shown["windows"] = []
    reduced = set()
    for window in document["windows"]:
        left = [change for change in window["changes"] if change not in hidden]
        if len(left) < len(window["changes"]):
            reduced.add(window["key"])
            capacity = _capacity_of(row, window["series"])
            used, majors = _room(session, capacity, [(change, levels.get(change, "")) for change in left])
            less = {"changes": left, "capacity": window["capacity"] | {"used": used, "majors": majors}}
            shown["windows"].append(window | less)
        else:
            shown["windows"].append(window)
    # That a window is overbooked would tell, in numbers, what the window no longer does.
    shown["conflicts"] = [one for one in shown["conflicts"] if one["change"] or one["window"] not in reduced]
    return shown


def _levels(session: Session, document: dict[str, Any]) -> dict[str, str]:
    """Change -> level, of all that the windows of a plan hold: as it was placed, for what shipped as it is."""
    found: dict[str, str] = {one["change"]: one["level"] for one in document["placements"]}
    shipped = sorted({change for window in document["windows"] for change in window["changes"]} - set(found))
    for at in range(0, len(shipped), _CHUNK):
        rows = session.execute(select(Change.id, Change.level).where(Change.id.in_(shipped[at : at + _CHUNK])))
        found.update({change: level or "" for change, level in rows})
    return found


def _without_names(one: dict[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    def clean(reason: dict[str, Any]) -> dict[str, Any]:
        return reason | {"ref": "", "message": ""} if reason["ref"] in hidden else reason

    if "reasons" in one:
        return one | {"reasons": [clean(reason) for reason in one["reasons"]]}
    return clean(one) if "ref" in one else one


def _capacity(calendar: CalendarRow, window: WindowRow) -> Capacity:
    return _capacity_of(calendar, window.series)


def _capacity_of(row: CalendarRow, series: str) -> Capacity:
    calendar = calendar_rows.value(row, row.updated_at)
    return calendar.policy_of(series).capacity


def _room(session: Session, capacity: Capacity, content: Sequence[tuple[str, str]]) -> Room:
    ids = [change for change, _ in content]
    terms = select(ChangeTerms.change_id, ChangeTerms.points).where(ChangeTerms.change_id.in_(ids))
    points = {change: own for change, own in session.execute(terms) if own is not None}
    judged = [(change, Level.MINOR if level == Level.MINOR.value else Level.MAJOR) for change, level in content]
    used = sum(points.get(change, capacity.cost(level)) for change, level in judged)
    return used, sum(level is Level.MAJOR for _, level in judged)
