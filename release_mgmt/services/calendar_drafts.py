"""A calendar while it is being written: from YAML and back, and what its windows would be, without saving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import yaml

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.windows import FreezePeriod, Skipped, Window, expand, periods
from release_mgmt.services import Store, calendar_rows
from release_mgmt.sources.calendars import load_yaml, read_document


@dataclass(frozen=True, slots=True)
class Draft:
    """What a document says: the next windows (cancelled ones apart), what rules dropped, and the freezes ahead."""

    name: str
    time_zone: str
    windows: tuple[Window, ...]
    cancelled: tuple[Window, ...]
    skipped: tuple[Skipped, ...]
    freezes: tuple[FreezePeriod, ...]


def parse(text: str) -> dict[str, Any]:
    """The one calendar of a YAML text. Raises InvalidInput naming the line or the field."""
    found = load_yaml(text)
    if len(found) != 1:
        raise InvalidInput.at("file", f"holds {len(found)} calendars", "one document; apply each on its own")
    return dict(found[0])


def write(document: Mapping[str, Any]) -> str:
    """The YAML of a document, as people would write it."""
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def look(
    store: Store, actor: Actor, now: datetime, document: Mapping[str, Any], *, days: int = 400, most: int = 16
) -> Draft:
    """The next occurrences of a document, and those after them that meet a clock change.

    Raises InvalidInput with every fault by its path.
    """
    require(actor, Action.READ_CALENDAR)
    with store.read() as session:
        known = calendar_rows.known_names(session, calendar_rows.named(session, document), now)
    calendar = read_document(document, now.year, known)
    until = now + timedelta(days=days)
    found = expand(calendar, now, until)
    marked = tuple(one for one in found.windows[most:] if one.flags)
    return Draft(
        name=calendar.name,
        time_zone=calendar.time_zone,
        windows=found.windows[:most] + marked[:most],
        cancelled=found.cancelled[:most],
        skipped=found.skipped[:most],
        freezes=tuple(periods(calendar.freezes, now, until))[:most],
    )
