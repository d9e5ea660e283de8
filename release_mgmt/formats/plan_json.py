"""A plan as JSON: the schema ``release-mgmt/plan/1``. The same plan gives the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from release_mgmt.core.planning import Plan, PlannedWindow, Reason

SCHEMA = "release-mgmt/plan/1"


def instant(value: datetime) -> str:
    """An instant in UTC with ``Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reason(value: Reason) -> dict[str, Any]:
    """A reason; ``from`` and ``to`` are the keys of the first and last window that it holds for."""
    return {
        "code": value.code,
        "ref": value.ref,
        "message": value.message,
        "from": value.first or None,
        "to": value.last or None,
    }


def window(value: PlannedWindow) -> dict[str, Any]:
    """A window with what it holds."""
    each = value.window
    return {
        "key": each.key,
        "series": each.series,
        "original_start": each.original_start.strftime("%Y-%m-%dT%H:%M"),
        "start": instant(each.start),
        "end": instant(each.end),
        "state": value.state,
        "flags": list(each.flags),
        "title": each.title,
        "levels": [level.value for level in each.levels],
        "environments": list(each.environments),
        "capacity": {
            "points": each.policy.capacity.points,
            "used": value.used,
            "majors": value.majors,
            "most_major": each.policy.capacity.most_major,
        },
        "frozen_by": list(value.frozen),
        "changes": list(value.changes),
    }


def document(plan: Plan) -> dict[str, Any]:
    """The whole plan."""
    return {
        "schema": SCHEMA,
        "calendar": plan.calendar,
        "version": plan.version,
        "now": instant(plan.now),
        "digest": plan.digest,
        "windows": [window(each) for each in plan.windows],
        "skipped": [
            {
                "series": each.series,
                "original_start": each.original_start.strftime("%Y-%m-%dT%H:%M"),
                "reason": each.reason,
            }
            for each in plan.skipped
        ],
        "placements": [
            {
                "change": each.change,
                "title": each.title,
                "level": each.level.value,
                "window": each.window,
                "why": each.why,
                "reasons": [reason(one) for one in each.reasons],
            }
            for each in plan.placements
        ],
        "deferrals": [
            {
                "change": each.change,
                "title": each.title,
                "level": each.level.value,
                "reasons": [reason(one) for one in each.reasons],
            }
            for each in plan.deferrals
        ],
        "moves": [
            {
                "change": each.change,
                "from": each.origin,
                "to": each.to,
                "reasons": [reason(one) for one in each.reasons],
            }
            for each in plan.moves
        ],
        "suggestions": [{"change": each.change, "from": each.present, "to": each.to} for each in plan.suggestions],
        "conflicts": [
            {"change": each.change or None, "window": each.window, **reason(each.reason)} for each in plan.conflicts
        ],
    }


def dumps(plan: Plan) -> bytes:
    """The whole plan as indented JSON with a newline at its end."""
    return orjson.dumps(document(plan), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
