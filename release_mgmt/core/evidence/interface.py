"""The public interface of Python modules and R packages: names and signatures that others may rely on."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from release_mgmt.core.evidence.bounded import Unreadable, decode

_LIMIT = 1_000_000
_EXPORT = re.compile(r"^[ \t]*export(?:Pattern|Classes|Methods)?\(([^)]*)\)", re.MULTILINE)
_S3 = re.compile(r"^[ \t]*S3method\(([^)]*)\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class InterfaceChange:
    """One public thing that a caller may notice: ``what`` in words, ``breaks`` whether an old call can fail.

    ``line`` is of the new file, or of the old one where the thing is gone.
    """

    name: str
    what: str
    breaks: bool
    line: int | None
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: ``kind`` is positional, either, named, many (``*args``) or options (``**kwargs``)."""

    name: str
    kind: str
    required: bool


@dataclass(frozen=True, slots=True)
class Public:
    """One public function, class or value; ``parameters`` is None for what is not called."""

    name: str
    line: int
    sort: str
    parameters: tuple[Parameter, ...] | None = None
    shown: str = ""


def is_public_module(path: str) -> bool:
    """Whether a Python file can be imported by others: no part of its path starts with an underscore."""
    return path.endswith(".py") and not any(
        part.startswith(("_", ".")) and part != "__init__.py" for part in path.split("/")
    )


def public_names(data: bytes) -> dict[str, Public]:
    """The public names of Python source. Raises ``Unreadable`` when it cannot be parsed.

    ``__all__`` decides where it is a plain list; else every name without a leading underscore that the module
    defines (imports are not its own). Methods and class attributes are named ``Class.method``.
    """
    text = decode(data, _LIMIT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"not Python that can be parsed: {type(error).__name__}") from None
    listed = _all(tree)
    found: dict[str, Public] = {}
    for one in _defined(tree.body, ""):
        top = one.name.partition(".")[0]
        if (top in listed) if listed is not None else not top.startswith("_"):
            found[one.name] = one
    return found


def changes(path: str, old: bytes | None, new: bytes | None) -> tuple[InterfaceChange, ...]:
    """What changed in the public interface of the file at ``path``; a removed file removes all its names.
    Raises ``Unreadable`` when either side cannot be parsed."""
    if path.rpartition("/")[2] == "NAMESPACE":
        return _exports(old, new)
    before = public_names(old) if old is not None else {}
    after = public_names(new) if new is not None else {}
    found: list[InterfaceChange] = []
    for name, was in before.items():
        now = after.get(name)
        if now is None:
            if name.partition(".")[0] in after or "." not in name:
                found.append(InterfaceChange(name, f"{was.sort} removed", True, was.line, was.shown, None))
        else:
            found.extend(_compared(was, now))
    found.extend(
        InterfaceChange(name, f"{now.sort} added", False, now.line, None, now.shown)
        for name, now in after.items()
        if name not in before and (name.partition(".")[0] in before or "." not in name)
    )
    return tuple(found)


def _all(tree: ast.Module) -> frozenset[str] | None:
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, (ast.List, ast.Tuple)):
            continue
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets):
            texts = [one.value for one in node.value.elts if isinstance(one, ast.Constant)]
            if len(texts) == len(node.value.elts):
                return frozenset(text for text in texts if isinstance(text, str))
    return None


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[Public]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _function(node, prefix)
        elif isinstance(node, ast.ClassDef) and not (prefix and node.name.startswith("_")):
            yield Public(prefix + node.name, node.lineno, "class", None, f"class {node.name}")
            if not prefix:
                yield from _defined(node.body, f"{node.name}.")
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield Public(prefix + target.id, node.lineno, "value", None, target.id)
        elif isinstance(node, (ast.If, ast.Try)) and not prefix:
            yield from _defined(node.body, prefix)
            yield from _defined(node.orelse, prefix)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> Iterator[Public]:
    if prefix and node.name.startswith("_") and node.name not in ("__init__", "__call__"):
        return
    decorators = {_name(one) for one in node.decorator_list}
    if decorators & {"overload", "setter", "deleter"}:
        return
    if decorators & {"property", "cached_property"}:
        yield Public(prefix + node.name, node.lineno, "property", None, node.name)
        return
    given = _parameters(node.args)
    if prefix and "staticmethod" not in decorators:
        given = given[1:]
    yield Public(prefix + node.name, node.lineno, "function", given, f"{node.name}({_shown(given)})"[:200])


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _parameters(given: ast.arguments) -> tuple[Parameter, ...]:
    plain = [(one, "positional") for one in given.posonlyargs] + [(one, "either") for one in given.args]
    first_default = len(plain) - len(given.defaults)
    found = [Parameter(one.arg, kind, index < first_default) for index, (one, kind) in enumerate(plain)]
    if given.vararg:
        found.append(Parameter(given.vararg.arg, "many", False))
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found.append(Parameter(one.arg, "named", default is None))
    if given.kwarg:
        found.append(Parameter(given.kwarg.arg, "options", False))
    return tuple(found)


def _shown(given: tuple[Parameter, ...]) -> str:
    shown = []
    for one in given:
        default = "" if one.required or one.kind in _OPEN else "=..."
        shown.append(f"{_OPEN.get(one.kind, '')}{one.name}{default}")
    return ", ".join(shown)


def _compared(was: Public, now: Public) -> Iterator[InterfaceChange]:
    """What a caller may notice of one name that is still there."""
    told: list[tuple[str, bool]] = []
    if was.sort != now.sort:
        told.append((f"{was.sort} became {now.sort}", not {was.sort, now.sort} <= {"value", "property"}))
    elif was.parameters is not None and now.parameters is not None and was.parameters != now.parameters:
        told.extend(_calls(was.parameters, now.parameters))
    for what, breaks in told:
        yield InterfaceChange(was.name, what, breaks, now.line, was.shown, now.shown)


_OPEN = {"many": "*", "options": "**"}


def _calls(was: tuple[Parameter, ...], now: tuple[Parameter, ...]) -> Iterator[tuple[str, bool]]:
    """(what, whether an old call can fail) for two lists of parameters."""
    old = {one.name: one for one in was if one.kind not in _OPEN}
    new = {one.name: one for one in now if one.kind not in _OPEN}
    kinds = {one.kind for one in now}
    for name, one in old.items():
        later = new.get(name)
        if later is None:
            yield f"parameter {name} removed", "options" not in kinds
        elif later.required and not one.required:
            yield f"parameter {name} has no default any more", True
        elif one.kind == "either" and later.kind != "either":
            yield f"parameter {name} is {later.kind} only", True
    for name, one in new.items():
        if name not in old:
            yield f"parameter {name} added" + (" without a default" if one.required else ""), one.required
    kept = [name for name in _positional(was) if name in new]
    if kept and _positional(now)[: len(kept)] != kept and set(kept) <= set(_positional(now)):
        yield "positional parameters in another order", True
    for one in was:
        if one.kind in _OPEN and one.kind not in kinds:
            yield f"{_OPEN[one.kind]} parameters not taken any more", True


def _positional(given: tuple[Parameter, ...]) -> list[str]:
    return [one.name for one in given if one.kind in ("positional", "either")]


def _exports(old: bytes | None, new: bytes | None) -> tuple[InterfaceChange, ...]:
    before, after = (_exported(decode(data, _LIMIT)) if data is not None else {} for data in (old, new))
    gone = [
        InterfaceChange(name, "export removed", True, line, name, None)
        for name, line in before.items()
        if name not in after
    ]
    come = [
        InterfaceChange(name, "export added", False, line, None, name)
        for name, line in after.items()
        if name not in before
    ]
    return tuple(gone + come)


def _exported(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for match in _EXPORT.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        for name in match.group(1).split(","):
            bare = name.strip().strip("\"'`")
            if bare:
                found.setdefault(bare, line)
    for match in _S3.finditer(text):
        bare = ".".join(part.strip().strip("\"'`") for part in match.group(1).split(",")[:2])
        found.setdefault(bare, text.count("\n", 0, match.start()) + 1)
    return found
