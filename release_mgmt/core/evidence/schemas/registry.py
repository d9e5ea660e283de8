"""Which comparison a path asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from posixpath import basename

from release_mgmt.core.evidence.schemas import json_schema, migrations, protobuf, sql
from release_mgmt.core.evidence.schemas.lines import line_of
from release_mgmt.core.evidence.schemas.model import SchemaChange

Compare = Callable[[bytes | None, bytes | None], Iterable[SchemaChange]]

_MOST = 200
_MIGRATION = re.compile(r"(?:^|/)(?:migrations?|versions)/(?:[\w.-]+/)*[\w.-]+\.py\Z")
_JSON_SCHEMA = re.compile(r"(?:[\w.-]*[-_.])?schema(?:[-_.][\w-]+)*\.json\Z", re.IGNORECASE)
_OPENAPI = re.compile(r"(?:[\w.-]*[-_.])?(?:openapi|swagger)(?:[-_.][\w-]+)*\.(?:json|ya?ml)\Z", re.IGNORECASE)


def _found(path: str) -> Compare | None:
    name = basename(path)
    lowered = name.lower()
    if lowered.endswith(".sql"):
        return sql.changes
    if lowered.endswith(".proto"):
        return protobuf.changes
    if lowered.endswith(".avsc"):
        return json_schema.avro_changes
    if _OPENAPI.fullmatch(name):
        return json_schema.openapi_changes
    if _JSON_SCHEMA.fullmatch(name) or (lowered.endswith(".json") and "/schemas/" in f"/{path}"):
        return json_schema.schema_changes
    return migrations.changes if _MIGRATION.search(path) and name != "__init__.py" else None


def is_schema(path: str) -> bool:
    """Whether the file at ``path`` gives data its shape, as its name tells."""
    return _found(path) is not None


def changes(path: str, old: bytes | None, new: bytes | None) -> tuple[SchemaChange, ...]:
    """What the change of the file at ``path`` does to the shape of data, at most 200 entries.

    Raises ``Unreadable`` when a side cannot be read.
    """
    compare = _found(path)
    if compare is None or (old is None and new is None):
        return ()
    found: list[SchemaChange] = []
    for one in compare(old, new):
        side = old if new is None or one.what.endswith("removed") else new
        found.append(one if one.line is not None else replace(one, line=line_of(one.subject, side)))
        if len(found) >= _MOST:
            break
    return tuple(found)
