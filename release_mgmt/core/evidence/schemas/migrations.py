"""Migrations written in Python: Alembic and Django, read without running them."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from release_mgmt.core.evidence.bounded import Unreadable, decode
from release_mgmt.core.evidence.schemas.model import SchemaChange, bounded

_LIMIT = 500_000

_ALEMBIC = {
    "drop_table": ("table removed", True),
    "drop_column": ("column removed", True),
    "rename_table": ("table renamed", True),
    "create_table": ("table added", False),
    "add_column": ("column added", False),
    "alter_column": ("column changed", True),
}
_DJANGO = {
    "DeleteModel": ("table removed", True),
    "RemoveField": ("column removed", True),
    "RenameModel": ("table renamed", True),
    "RenameField": ("column renamed", True),
    "AlterField": ("column changed", True),
    "CreateModel": ("table added", False),
    "AddField": ("column added", False),
}


def changes(old: bytes | None, new: bytes | None) -> Iterator[SchemaChange]:
    """What a new or edited migration does when it is applied (``upgrade``, ``operations``)."""
    known = {(one.subject, one.what) for one in _read(old)} if old is not None else set()
    for one in _read(new) if new is not None else ():
        if (one.subject, one.what) not in known:
            yield one


def _read(data: bytes) -> list[SchemaChange]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(decode(data, _LIMIT))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"not Python that can be parsed: {type(error).__name__}") from None
    back = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "downgrade"
        for node in ast.walk(function)
    }
    return [
        found
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and id(node) not in back
        for found in _operation(node, node.func.attr)
    ]


def _operation(call: ast.Call, name: str) -> Iterator[SchemaChange]:
    known = _ALEMBIC.get(name) or _DJANGO.get(name)
    if known is None:
        return
    what, breaks = known
    keywords = {one.arg: one.value for one in call.keywords if one.arg}
    names = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    names += [
        str(keywords[key].value)  # type: ignore[attr-defined]
        for key in ("model_name", "name", "old_name")
        if isinstance(keywords.get(key), ast.Constant)
    ]
    column = next((one for one in call.args if isinstance(one, ast.Call)), None)
    if column is not None and column.args and isinstance(column.args[0], ast.Constant):
        names.append(str(column.args[0].value))
    if name == "alter_column":
        breaks = bool(keywords.keys() & {"type_", "new_column_name"}) or _is(keywords.get("nullable"), False)
    elif name == "add_column" and column is not None:
        given = {one.arg: one.value for one in column.keywords}
        if _is(given.get("nullable"), False) and "server_default" not in given:
            what, breaks = "column added that must be filled", True
    subject = ".".join(names[:2]) or name
    yield SchemaChange(bounded(subject), what, breaks, call.lineno)


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
