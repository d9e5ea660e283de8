"""What an edit would do to the plan, told before it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import url_for

from release_mgmt.services.plans import Difference, Hit
from release_mgmt.web.pages import schedule
from release_mgmt.web.pages.moment import plural
from release_mgmt.web.pages.parts import ChangeLine, PlanMove, Reason, WindowCard


@dataclass(frozen=True, slots=True)
class Preview:
    """A sentence, and every change that would go elsewhere."""

    sentence: str
    moves: tuple[PlanMove, ...]
    conflicts: tuple[Reason, ...] = ()
    windows: tuple[WindowCard, ...] = ()


def of(effects: Difference, when: str = "") -> Preview:
    """The preview of a what-if."""
    shown = tuple(move(one) for one in effects.hits)
    moved = sum(one.kind == "moved" for one in shown)
    lost = sum(one.kind == "unplaced" for one in shown)
    placed = sum(one.kind == "placed" for one in shown)
    told = [f"{when}:"] if when else []
    parts = [
        text
        for number, text in (
            (moved, f"{plural(moved, 'change')} would move"),
            (lost, f"{plural(lost, 'change')} would lose the window"),
            (placed, f"{plural(placed, 'change')} would find a window"),
            (len(effects.conflicts), f"{plural(len(effects.conflicts), 'conflict')} would need your decision"),
        )
        if number
    ]
    told.append((", ".join(parts) if parts else "Nothing that is planned would move") + ".")
    told.append("Nothing is written yet.")
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
