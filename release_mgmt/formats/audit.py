"""The audit log as CSV and as JSON Lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import StringIO

from release_mgmt.core.audit import AuditEntry

COLUMNS = (
    "number", "at", "actor", "actor_name", "via", "origin", "action", "subject", "reason", "before", "after", "hash",
)  # fmt: skip


def instant(value: datetime) -> str:
    """ISO 8601 in UTC with ``Z`` and microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def record(entry: AuditEntry, digest: str, name: str) -> dict[str, object]:
    """One row as JSON holds it; ``name`` is how the actor is called today."""
    return {
        "number": entry.number,
        "at": instant(entry.at),
        "actor": entry.actor,
        "actor_name": name,
        "via": entry.via,
        "origin": entry.origin,
        "action": entry.action,
        "subject": entry.subject,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
        "hash": digest,
    }


def json_lines(rows: Iterable[tuple[AuditEntry, str, str]]) -> Iterator[str]:
    """One JSON object a line."""
    for row in rows:
        yield json.dumps(record(*row), ensure_ascii=False, sort_keys=True) + "\n"


def comma_separated(rows: Iterable[tuple[AuditEntry, str, str]]) -> Iterator[str]:
    """CSV (RFC 4180) with a header; cells that a spreadsheet would run as a formula get an apostrophe in front."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        yield _taken(buffer)
        fields = record(*row)
        writer.writerow([_cell(fields[name]) for name in COLUMNS])
    yield _taken(buffer)


def _cell(value: object) -> object:
    if value is None or isinstance(value, int):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _taken(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
