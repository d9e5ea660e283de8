"""What an edit would do to the plan, told before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from flask import url_for

from release_mgmt.core.errors import Conflict, ReleaseMgmtError
from release_mgmt.services.placing import Moved
from release_mgmt.services.plans import Difference, Hit
from release_mgmt.services.swapping import Swapped
from release_mgmt.web.pages import schedule
from release_mgmt.web.pages.language import many, say
from release_mgmt.web.pages.parts import ChangeLine, PlanMove, Reason, WindowCard
from release_mgmt.web.pages.sentences import again


@dataclass(frozen=True, slots=True)
class Preview:
    """A sentence, and every change that would go elsewhere."""

    sentence: str
    moves: tuple[PlanMove, ...]
    conflicts: tuple[Reason, ...] = ()
    windows: tuple[WindowCard, ...] = ()


class Trial(NamedTuple):
    """What came of trying an edit: the checks it breaks, what else goes elsewhere, and whether it can be kept."""

    sentence: str
    reasons: tuple[Reason, ...] = ()
    moves: tuple[PlanMove, ...] = ()
    refused: bool = False
    needs_override: bool = False


def trial(attempt: Callable[[], Moved | Swapped], error: ReleaseMgmtError | None) -> Trial:
    """Try an edit dry; ``error`` is why it could not be kept a moment ago, and is told instead of what it would do."""
    try:
        seen = attempt()
    except Conflict as conflict:
        found = Trial(
            again(conflict.message),
            (Reason(conflict.code, again(conflict.hint or conflict.message)),),
            refused=True,
        )
    else:
        shown = of(seen.effects)
        refused = any(not one.overridable for one in seen.checks)
        found = Trial(
            shown.sentence,
            tuple(
                Reason(one.code, again(one.message), one.ref or None, blocks=not one.overridable) for one in seen.checks
            ),
            shown.moves,
            refused,
            bool(seen.checks) and not refused,
        )
    return found if error is None else found._replace(sentence=again(error.message))


def of(effects: Difference, when: str = "") -> Preview:
    """The preview of a what-if."""
    shown = tuple(move(one) for one in effects.hits)
    moved = sum(one.kind == "moved" for one in shown)
    lost = sum(one.kind == "unplaced" for one in shown)
    placed = sum(one.kind == "placed" for one in shown)
    told = [f"{when}:"] if when else []
    decisions = len(effects.conflicts)
    parts = [
        text
        for number, text in (
            (moved, many("{count} change would move", "{count} changes would move", moved)),
            (lost, many("{count} change would lose the window", "{count} changes would lose the window", lost)),
            (placed, many("{count} change would find a window", "{count} changes would find a window", placed)),
            (
                decisions,
                many(
                    "{count} conflict would need your decision", "{count} conflicts would need your decision", decisions
                ),
            ),
        )
        if number
    ]
    told.append((", ".join(parts) if parts else say("Nothing that is planned would move")) + ".")
    told.append(say("Nothing is written yet."))
    conflicts = tuple(
        Reason(str(one.get("code", "conflict")), schedule.told(one), str(one.get("ref") or "") or None)
        for one in effects.conflicts
    )
    return Preview(" ".join(told), shown, conflicts)


def move(hit: Hit) -> PlanMove:
    """One change of a what-if."""
    line = ChangeLine(hit.change, hit.title, hit.level, url_for("pages.change", change_id=hit.change), hit.repository)
    kind: Literal["moved", "placed", "unplaced"] = "unplaced"
    if hit.to:
        kind = "moved" if hit.window else "placed"
    return PlanMove(line, kind, hit.start, hit.to_start, schedule.reasons(hit.reasons))
