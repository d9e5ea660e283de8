"""Taking an edit back: a new edit of its own, previewed, reasoned and audited like any other. Nothing is erased.

What a version of a calendar changed (a freeze, a series, the policy) is changed back in the document of today, part by
part; where somebody changed the same part since, it is refused and named. A move is taken back by a move to where the
change was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import Store, calendars, placing, plans, windows
from release_mgmt.services.calendar_rows import find
from release_mgmt.services.calendars import Applied
from release_mgmt.services.placing import Moved
from release_mgmt.services.windows import MoveView
from release_mgmt.store.models.scheduling import CalendarRow, CalendarVersion

_GONE: Any = object()
"""In place of a value that is not there."""


def revert_edit(
    store: Store,
    actor: Actor,
    now: datetime,
    slug: str,
    version: int,
    *,
    reason: str,
    seen: int | None = None,
    dry_run: bool = False,
) -> Applied:
    """Take back what one version of a calendar changed, and plan again; ``seen`` is the version that was looked at.

    Raises NotFound, InvalidInput without a reason, and Conflict: ``first_version`` (there is nothing before it),
    ``edited_since`` (somebody changed the same part since), ``nothing_to_revert``.
    """
    with store.write(lock=plans.LOCK) as session:
        row = find(session, slug)
        before, after = _around(session, row, version)
        current = dict(row.document)
        action = _action(calendars.difference(before, after))
        require(actor, action, calendar=slug)
        if not reason.strip():
            raise InvalidInput.at("reason", "must not be empty", "why the edit is taken back")
        document = _back(after, before, current, "")
        if document == current:
            raise Conflict("What this version changed is as it was before already.", code="nothing_to_revert")
        return calendars.apply_in(
            session, actor, now, document, slug=slug, version=seen, reason=reason, dry_run=dry_run, action=action,
            reverts=version,
        )  # fmt: skip


def last_edit(store: Store, actor: Actor, slug: str, part: str, identity: str) -> int | None:
    """The newest version that edited one freeze or series, among the latest fifty; None when none of them did."""
    require(actor, Action.READ_CALENDAR)
    with store.read() as session:
        row = find(session, slug)
        kept = session.execute(
            select(CalendarVersion.version, CalendarVersion.document)
            .where(CalendarVersion.calendar_id == row.id)
            .order_by(CalendarVersion.version.desc())
            .limit(50)
        ).all()
    for (version, document), (_, earlier) in pairwise(kept):
        if _item(document, part, identity) != _item(earlier, part, identity):
            return int(version)
    return None


def _item(document: Mapping[str, Any], part: str, identity: str) -> Any:
    return next((one for one in document.get(part) or () if str(one.get("id")) == identity), None)


def _around(session: Session, row: CalendarRow, version: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The document before a version and at it."""
    kept = session.get(CalendarVersion, (row.id, version))
    if kept is None:
        raise NotFound("This calendar has no such version.")
    earlier = session.get(CalendarVersion, (row.id, version - 1))
    if earlier is None:
        raise Conflict("There is nothing before this version.", code="first_version")
    return earlier.document, kept.document


def _action(edits: list[calendars.Edit]) -> Action:
    """What one must be allowed to do: the least that covers every part."""
    if all(one.path.startswith("freezes") for one in edits):
        return Action.EDIT_FREEZE
    return Action.EDIT_WINDOW if all(one.path.startswith("series") for one in edits) else Action.EDIT_CALENDAR


def _back(after: Any, before: Any, current: Any, path: str) -> Any:
    """``current`` with what went from ``before`` to ``after`` undone; things with an ``id`` are matched by it."""
    if after == before:
        return current
    if current == after:
        return before
    if current == before:
        return current
    parts = [_parts(one) for one in (after, before, current)]
    if any(one is None for one in parts):
        raise Conflict(f"{path or 'It'} was edited again since.", code="edited_since", hint="Edit it by hand instead.")
    named_after, named_before, named_current = (one or {} for one in parts)
    made: dict[str, Any] = {}
    for name in [*named_current, *(key for key in named_before if key not in named_current)]:
        here = f"{path}.{name}" if path else str(name)
        value = _back(named_after.get(name, _GONE), named_before.get(name, _GONE), named_current.get(name, _GONE), here)
        if value is not _GONE:
            made[name] = value
    return made if isinstance(current, Mapping) else list(made.values())


def _parts(value: Any) -> dict[str, Any] | None:
    """The named parts of a mapping or of a list of things with an id; None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list) and all(isinstance(one, Mapping) and "id" in one for one in value):
        return {str(one["id"]): one for one in value}
    return None


def revert_move(
    store: Store,
    actor: Actor,
    now: datetime,
    move: str,
    *,
    reason: str,
    override: bool = False,
    dry_run: bool = False,
) -> Moved:
    """Put a change back into the window that a move took it from; the rules of a move hold.

    Raises NotFound and Conflict: ``moved_since`` when it is not where the move put it any more, and those of a move.
    """
    kept = move_of(store, actor, move)
    require(actor, Action.MOVE_CHANGE, calendar=kept.calendar)
    if kept.to_window not in {one.window for one in windows.of_change(store, actor, kept.change)}:
        raise Conflict("The change went elsewhere since.", code="moved_since", hint="Move it by hand instead.")
    return placing.move(
        store, actor, now, kept.change, kept.from_window, reason=reason, override=override, dry_run=dry_run,
        reverts=move,
    )  # fmt: skip


def move_of(store: Store, actor: Actor, move: str) -> MoveView:
    """One move. Raises NotFound."""
    found = windows.moves(store, actor, move=move)
    if not found:
        raise NotFound("There is no such move.")
    return found[0]
