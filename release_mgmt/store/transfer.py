"""Everything that is stored as JSON Lines, and back: for backups, and for moving between SQLite and PostgreSQL.

One snapshot, so it is consistent while the installation runs. The first line names format and revision, the last the
number of rows and the SHA-256 of everything before it. Loading is one transaction: whole or nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, Table, delete, func, insert, select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, InvalidInput
from release_mgmt.store import migrate
from release_mgmt.store.models import Base
from release_mgmt.store.models.base import UtcDateTime
from release_mgmt.store.session import Store

FORMAT = "release-mgmt/export/1"
SEEDED = {"audit_head"}
"""Tables that a fresh installation has rows in."""
PASSING = {
    "sessions",
    "one_time_links",
    "sign_in_throttles",
    "workers",
    "idempotency_keys",
    "classification_cache",
    "rate_counts",
}
"""Tables that are of no use elsewhere, or that would let somebody in."""
BATCH = 500


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.name not in PASSING]


def _plain(column: Column[Any], value: Any) -> Any:
    if value is None or isinstance(column.type, JSON):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _stored(column: Column[Any], value: Any) -> Any:
    if value is None or isinstance(column.type, JSON):
        return value
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value)
    return value


def dump(store: Store) -> Iterator[bytes]:
    """Every row as a line, in an order that :func:`load` can insert in."""
    digest, rows = hashlib.sha256(), 0

    def line(value: object) -> bytes:
        made = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        digest.update(made)
        return made

    with store.read() as session:
        yield line({"format": FORMAT, "revision": migrate.revision_of(session.connection())})
        for table in _tables():
            columns = list(table.columns)
            order = list(table.primary_key.columns)
            query = select(table).order_by(*order).execution_options(yield_per=BATCH)
            for row in session.execute(query):
                rows += 1
                given = {one.name: _plain(one, value) for one, value in zip(columns, row, strict=True)}
                yield line({"table": table.name, "row": given})
    end = {"end": rows, "sha256": digest.hexdigest()}
    yield json.dumps(end, separators=(",", ":")).encode() + b"\n"


def load(session: Session, lines: Iterable[bytes]) -> int:
    """Insert what :func:`dump` gave into an installation that holds nothing yet; the number of rows.

    :raises InvalidInput: for anything but a whole, unchanged export.
    :raises Conflict: when there is something already, or the export is of another schema.
    """
    source = iter(lines)
    digest = hashlib.sha256()
    _check_header(session, _parsed(next(source, b""), digest))
    _check_empty(session)
    tables = {table.name: table for table in _tables()}
    for name in SEEDED:
        session.execute(delete(tables[name]))
    batch: list[dict[str, Any]] = []
    current: Table | None = None
    for rows, raw in enumerate(source):
        before = digest.hexdigest()
        told = _parsed(raw, digest)
        if "end" in told:
            _flush(session, current, batch)
            if told["end"] != rows or told.get("sha256") != before:
                raise _broken("its end does not match what came before")
            if next(source, None) is not None:
                raise _broken("something follows its end")
            return rows
        table = tables.get(told.get("table", ""))
        if table is None or not isinstance(told.get("row"), dict):
            raise _broken(f"line {rows + 2} names no table")
        if table is not current or len(batch) >= BATCH:
            _flush(session, current, batch)
            current, batch = table, []
        try:
            batch.append({one.name: _stored(one, told["row"][one.name]) for one in table.columns})
        except (KeyError, ValueError, TypeError):
            raise _broken(f"line {rows + 2} is not a row of {table.name}") from None
    raise _broken("it has no end")


def _parsed(raw: bytes, digest: Any) -> dict[str, Any]:
    digest.update(raw)
    try:
        told = json.loads(raw)
    except ValueError:
        raise _broken("a line is not JSON") from None
    if not isinstance(told, dict):
        raise _broken("a line is not an object")
    return told


def _broken(why: str) -> InvalidInput:
    return InvalidInput.at("file", f"this is no whole export: {why}. Nothing was changed.")


def _flush(session: Session, table: Table | None, batch: list[dict[str, Any]]) -> None:
    if table is not None and batch:
        session.execute(insert(table), batch)


def _check_header(session: Session, header: dict[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise _broken(f"its first line does not say {FORMAT}")
    here = migrate.revision_of(session.connection())
    if header.get("revision") != here:
        raise Conflict(
            f"The export is of revision {header.get('revision')}, this database of {here}.",
            code="other_revision",
            hint="Load it with the version that made it, then upgrade.",
        )


def _check_empty(session: Session) -> None:
    for table in _tables():
        if table.name not in SEEDED and session.scalar(select(func.count()).select_from(table)):
            raise Conflict(
                f"This installation holds something already (table {table.name}).",
                code="not_empty",
                hint="Load it into a new database: set database_url, then `release-mgmt db upgrade`.",
            )
