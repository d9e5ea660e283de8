"""JSON Schema, OpenAPI and Avro: documents of nested types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from release_mgmt.core.evidence.bounded import DEPTH, Unreadable, load_json, load_yaml
from release_mgmt.core.evidence.schemas.model import SchemaChange, bounded

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_MOST = 2_000


def _table(value: Any, key: str) -> dict[str, Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return {str(name): entry for name, entry in inner.items()} if isinstance(inner, dict) else {}


def _list(value: Any, key: str) -> list[Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []


def schema_changes(old: bytes | None, new: bytes | None) -> Iterator[SchemaChange]:
    """What changed between two JSON Schemas: properties, what is required, types and allowed values."""
    if old is None or new is None:
        yield SchemaChange("schema", "schema added" if old is None else "schema removed", new is None)
        return
    before, after = load_json(old), load_json(new)
    yield from _types(before, after, "", 0)
    for section in ("definitions", "$defs"):
        yield from _named(_table(before, section), _table(after, section))


def _named(before: dict[str, Any], after: dict[str, Any]) -> Iterator[SchemaChange]:
    for name, was in list(before.items())[:_MOST]:
        if name not in after:
            yield SchemaChange(bounded(name), "type removed", True)
        else:
            yield from _types(was, after[name], name, 0)
    for name in after:
        if name not in before:
            yield SchemaChange(bounded(name), "type added", False)


def _shown(value: Any) -> str | None:
    return None if value is None else bounded(str(value))


def _types(before: Any, after: Any, where: str, depth: int) -> Iterator[SchemaChange]:
    """Two schemas of one thing; ``where`` is its path."""
    if before == after or depth > DEPTH or not isinstance(before, dict) or not isinstance(after, dict):
        return
    for key in ("type", "format", "$ref"):
        if before.get(key) != after.get(key) and (key != "format" or after.get(key) is not None):
            wider = key == "type" and _wider(before.get(key), after.get(key))
            yield SchemaChange(
                where or "schema",
                f"{key.strip('$')} changed",
                not wider,
                None,
                _shown(before.get(key)),
                _shown(after.get(key)),
            )
    yield from _values(before, after, where)
    old, new = _table(before, "properties"), _table(after, "properties")
    must_old, must_new = set(map(str, _list(before, "required"))), set(map(str, _list(after, "required")))
    for name, was in old.items():
        here = f"{where}.{name}" if where else name
        if name not in new:
            yield SchemaChange(bounded(here), "property removed", True)
            continue
        if name in must_new and name not in must_old:
            yield SchemaChange(bounded(here), "property is required now", True)
        elif name in must_old and name not in must_new:
            yield SchemaChange(bounded(here), "property is optional now", False)
        yield from _types(was, new[name], here, depth + 1)
    for name in new:
        if name not in old:
            must = name in must_new
            here = f"{where}.{name}" if where else name
            yield SchemaChange(bounded(here), "required property added" if must else "property added", must)
    yield from _types(before.get("items"), after.get("items"), f"{where}[]", depth + 1)
    if before.get("additionalProperties", True) is True and after.get("additionalProperties", True) is False:
        yield SchemaChange(where or "schema", "further properties are refused now", True)


def _wider(old: Any, new: Any) -> bool:
    was = set(old) if isinstance(old, list) and all(isinstance(one, str) for one in old) else {str(old)}
    now = set(new) if isinstance(new, list) and all(isinstance(one, str) for one in new) else {str(new)}
    return was <= now or (was == {"integer"} and now == {"number"})


def _values(before: dict[str, Any], after: dict[str, Any], where: str) -> Iterator[SchemaChange]:
    old, new = [str(one) for one in _list(before, "enum")], [str(one) for one in _list(after, "enum")]
    if not old and new and "enum" not in before:
        yield SchemaChange(where or "schema", "values are restricted now", True, None, None, bounded(", ".join(new)))
        return
    for value in old:
        if value not in new and "enum" in after:
            yield SchemaChange(where or "schema", "value removed", True, None, bounded(value), None)
    for value in new:
        if value not in old:
            yield SchemaChange(where or "schema", "value added", False, None, None, bounded(value))


def openapi_changes(old: bytes | None, new: bytes | None) -> Iterator[SchemaChange]:
    """What changed in an OpenAPI or Swagger document: operations, parameters and named schemas."""
    before, after = _document(old), _document(new)
    operations_old, operations_new = dict(_operations(before)), dict(_operations(after))
    for name, was in operations_old.items():
        now = operations_new.get(name)
        if now is None:
            yield SchemaChange(bounded(name), "operation removed", True)
        else:
            yield from _operation(name, was, now)
    for name in operations_new:
        if name not in operations_old:
            yield SchemaChange(bounded(name), "operation added", False)
    yield from _named(_schemas(before), _schemas(after))


def _document(data: bytes | None) -> dict[str, Any]:
    if data is None:
        return {}
    document = load_json(data) if data.lstrip()[:1] == b"{" else load_yaml(data)
    if not isinstance(document, dict):
        raise Unreadable("not an OpenAPI document")
    return document


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    return _table(_table(document, "components"), "schemas") or _table(document, "definitions")


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in list(_table(document, "paths").items())[:_MOST]:
        for method in _METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if isinstance(operation, dict):
                shared = _list(item, "parameters")
                yield (
                    f"{method.upper()} {path}",
                    {**operation, "parameters": [*shared, *_list(operation, "parameters")]},
                )


def _operation(name: str, was: dict[str, Any], now: dict[str, Any]) -> Iterator[SchemaChange]:
    old, new = _parameters(was), _parameters(now)
    for parameter in old:
        if parameter not in new:
            yield SchemaChange(bounded(f"{name} {parameter}"), "parameter removed", True)
    for parameter, form in new.items():
        must = form.get("required") is True
        if parameter not in old:
            yield SchemaChange(
                bounded(f"{name} {parameter}"), "required parameter added" if must else "parameter added", must
            )
        elif must and old[parameter].get("required") is not True:
            yield SchemaChange(bounded(f"{name} {parameter}"), "parameter is required now", True)
        else:
            yield from _types(old[parameter].get("schema"), form.get("schema"), f"{name} {parameter}", 0)
    for side in ("requestBody", "responses"):
        for where, schema in _bodies(was.get(side), side):
            later = dict(_bodies(now.get(side), side)).get(where)
            if later is None:
                yield SchemaChange(bounded(f"{name} {where}"), "body removed", True)
            else:
                yield from _types(schema, later, f"{name} {where}", 0)


def _parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        str(one.get("name", one.get("$ref"))): one for one in _list(operation, "parameters") if isinstance(one, dict)
    }


def _bodies(value: Any, side: str) -> Iterator[tuple[str, Any]]:
    """(status and content type, schema) of a request body or of responses."""
    entries = {"request": value} if side == "requestBody" else value
    for status, entry in entries.items() if isinstance(entries, dict) else ():
        for content in _table(entry, "content"):
            yield f"{status} {content}", _table(_table(entry, "content"), content).get("schema", {})


def avro_changes(old: bytes | None, new: bytes | None) -> Iterator[SchemaChange]:
    """What changed in an Avro schema: a field without default cannot be added, nor one removed, unnoticed."""
    if old is None or new is None:
        yield SchemaChange("schema", "schema added" if old is None else "schema removed", new is None)
        return
    yield from _avro(load_json(old), load_json(new), "", 0)


def _avro(before: Any, after: Any, where: str, depth: int) -> Iterator[SchemaChange]:
    if before == after or depth > DEPTH:
        return
    if not _is_record(before) or not _is_record(after):
        if _kind(before) != _kind(after):
            wider = isinstance(after, list) and before in after
            yield SchemaChange(where or "schema", "type changed", not wider, None, _shown(before), _shown(after))
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in ("items", "values"):
                yield from _avro(before.get(key), after.get(key), f"{where}[]", depth + 1)
            gone = [one for one in _list(before, "symbols") if one not in _list(after, "symbols")]
            for symbol in gone:
                yield SchemaChange(where or "schema", "value removed", True, None, bounded(str(symbol)), None)
        return
    name = where or str(before.get("name", "record"))
    old, new = _avro_fields(before), _avro_fields(after)
    for field, was in old.items():
        here = f"{name}.{field}"
        if field not in new:
            yield SchemaChange(bounded(here), "field removed", True)
        else:
            yield from _avro(was.get("type"), new[field].get("type"), here, depth + 1)
    for field, form in new.items():
        if field not in old:
            must = "default" not in form
            yield SchemaChange(
                bounded(f"{name}.{field}"), "field added without a default" if must else "field added", must
            )


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "record"


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(sorted(map(_kind, value[:50])))
    return str(value.get("type")) if isinstance(value, dict) else str(value)


def _avro_fields(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {str(one.get("name")): one for one in _list(record, "fields") if isinstance(one, dict)}
