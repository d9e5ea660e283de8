"""Break-glass: a permission for one change and one environment that names what it breaks, for four hours at most.

It must be granted by somebody else as soon as the calendar has a second active release manager, and is reviewed
afterwards, within one business day. What it breaks, and that it is over, the gate says (``core.gate.BreakGlass``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from release_mgmt.core.errors import FieldError, Forbidden, InvalidInput

LONGEST = timedelta(hours=4)
UNBREAKABLE = frozenset({"withdrawn", "override_expired"})
"""What no permission breaks: there is nothing to release, or the permission itself is over."""


@dataclass(frozen=True, slots=True, order=True)
class Blocker:
    """What stands in the way, as the gate names it: a reason's code and, where there is one, its reference."""

    code: str
    ref: str | None = None


def check_request(blockers: Iterable[Blocker], reason: str, ticket: str, duration: timedelta) -> None:
    """Raise InvalidInput, naming every fault, unless a permission may be asked for like this."""
    faults = []
    named = list(blockers)
    if not named:
        faults.append(FieldError("blockers", "must name what is broken", "the reasons that the gate gives"))
    for index, blocker in enumerate(named):
        if blocker.code in UNBREAKABLE:
            faults.append(FieldError(f"blockers[{index}].code", "cannot be broken"))
        if blocker.code == "freeze" and not blocker.ref:
            faults.append(FieldError(f"blockers[{index}].ref", "is needed", "the id of the freeze"))
    if not reason.strip():
        faults.append(FieldError("reason", "must not be empty"))
    if not ticket.strip():
        faults.append(FieldError("ticket", "must not be empty", "where the emergency is written down"))
    if not timedelta(minutes=1) <= duration <= LONGEST:
        faults.append(FieldError("minutes", "is out of range", f"1 to {int(LONGEST.total_seconds()) // 60}"))
    if faults:
        raise InvalidInput("This cannot be asked for.", faults)


def check_grant(granter: str, requester: str | None, involved: Iterable[str], managers: frozenset[str]) -> None:
    """Raise Forbidden when ``granter`` asked for it, or made the change, while another active manager could decide."""
    others = managers - {granter}
    if others and (granter == requester or granter in set(involved)):
        raise Forbidden(
            "Nobody grants their own emergency while the calendar has another release manager.", code="self_approval"
        )
