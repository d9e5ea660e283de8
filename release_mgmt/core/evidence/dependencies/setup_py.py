"""setup.py read without running it: names, lists, sums, returned values and files opened beside it, as far as they are
constants."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, decode
from release_mgmt.core.evidence.dependencies.model import Group, Include, Manifest, Requirement
from release_mgmt.core.evidence.dependencies.pep508 import PLATFORM, parse
from release_mgmt.core.evidence.dependencies.scope import beside, group_of_name

_LIMIT = 400_000
_DEPTH = 40
_STEPS = 20_000
_FILE = re.compile(r"[\w./-]*(?:req|constraint|depend)[\w./-]*\.(?:txt|in|pip)\Z", re.IGNORECASE)

# Old setup.py files print: enough is repaired for the rest to be read.
_PRINT = re.compile(r"^([ \t]*)print[ \t]+(?!\().*$", re.MULTILINE)

_KEYWORDS = {
    "install_requires": Group.RUNTIME,
    "requires": Group.RUNTIME,
    "setup_requires": Group.BUILD,
    "tests_require": Group.DEVELOPMENT,
}

Text = tuple[str, int]


def read(path: str, data: bytes) -> Manifest:
    """What the ``setup(...)`` call of a setup.py asks for. Raises ``Unreadable`` when it cannot be parsed."""
    tree = parse_python(decode(data, _LIMIT))
    reader = _Reader(tree)
    call = next((node for node in reader.nodes if isinstance(node, ast.Call) and _is_setup(node)), None)
    found: list[Requirement] = []
    name = None
    if call is not None:
        given = reader.keywords(call)
        for keyword, group in _KEYWORDS.items():
            found += _parsed(reader.texts(given.get(keyword)), group, None)
        for extra, listed in reader.table(given.get("extras_require")):
            found += _parsed(reader.texts(listed), group_of_name(extra), extra)
        named = reader.texts(given.get("name"))
        name = named[0][0] if named else None
    includes = tuple(Include(beside(path, file), line=line) for file, line in reader.files())
    return Manifest(path, "pypi", tuple(found), includes, provides=name)


def parse_python(text: str) -> ast.Module:
    """The syntax tree of Python source, with the warnings of its author's mistakes kept quiet."""
    for attempt in (text, _PRINT.sub(r"\1pass", text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(attempt)
        except (SyntaxError, ValueError):
            continue
        except (RecursionError, MemoryError):
            break
    raise Unreadable("not Python that can be parsed")


def _is_setup(node: ast.Call) -> bool:
    called = node.func
    return (isinstance(called, ast.Name) and called.id == "setup") or (
        isinstance(called, ast.Attribute) and called.attr == "setup"
    )


def _parsed(texts: list[Text], group: Group, extra: str | None) -> list[Requirement]:
    found = []
    for text, line in texts:
        for row in text.split("\n"):
            one = parse(row.split(" #")[0], group, extra=extra, line=line)
            if one and one.key not in PLATFORM:
                found.append(one)
    return found


class _Reader:
    """Constant values of names, as far as reading tells them."""

    def __init__(self, tree: ast.Module) -> None:
        self.steps = 0
        self.nodes = list(ast.walk(tree))
        self.names: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._name(target, node.value)
            elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
                self._name(node.target, node.value)
            elif isinstance(node, ast.Call):
                self._appended(node)
        for function in tree.body:
            if isinstance(function, ast.FunctionDef):
                returns = (node.value for node in ast.walk(function) if isinstance(node, ast.Return))
                self.names[f"{function.name}()"] = [value for value in returns if value is not None]

    def _name(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.names.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            pair = ast.Dict(keys=[target.slice], values=[value])
            self.names.setdefault(target.value.id, []).append(pair)

    def _appended(self, call: ast.Call) -> None:
        """``names.append(...)`` and ``names.extend(...)``."""
        method = call.func
        if isinstance(method, ast.Attribute) and method.attr in ("append", "extend") and call.args:
            self._name(method.value, call.args[0])

    def keywords(self, call: ast.Call) -> dict[str, ast.expr]:
        """The keyword arguments, those in a ``**dict(...)`` or ``**{...}`` too."""
        given: dict[str, ast.expr] = {}
        for keyword in call.keywords:
            if keyword.arg:
                given[keyword.arg] = keyword.value
            else:
                given |= dict(self.table(keyword.value))
        return given

    def texts(self, node: ast.expr | None, depth: int = 0) -> list[Text]:
        """Every text that an expression holds, in order."""
        self.steps += 1
        if node is None or depth > _DEPTH or self.steps > _STEPS:
            return []
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, str):
                return []
            self.steps += len(node.value) // 10  # a long text that many names repeat is as much work each time
            return [(node.value, node.lineno)]
        if isinstance(node, ast.Name):
            return [text for value in self.names.get(node.id, [])[:50] for text in self.texts(value, depth + 8)]
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [text for item in node.elts for text in self.texts(item, depth + 1)]
        if isinstance(node, ast.BinOp):
            return self._sum(node, depth)
        if isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
            return [("".join(map(str, parts)), node.lineno)]
        return self._wrapped(node, depth)

    def _wrapped(self, node: ast.expr, depth: int) -> list[Text]:
        """What stands inside a call, a choice, a star or a subscript of a table."""
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        if isinstance(node, ast.IfExp):
            return self.texts(node.body, depth + 1) + self.texts(node.orelse, depth + 1)
        if isinstance(node, ast.Starred):
            return self.texts(node.value, depth + 1)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return [
                text
                for key, value in self.table(node.value, depth + 1)
                if key == node.slice.value
                for text in self.texts(value, depth + 1)
            ]
        return []

    def _called(self, node: ast.Call, depth: int) -> list[Text]:
        """What a call passes on: its arguments, the text of a method, what a function of the script returns."""
        called = node.func
        inner = [*node.args] if _keeps(node) else []
        if isinstance(called, ast.Attribute) and called.attr in ("split", "splitlines", "copy", "strip"):
            inner.append(called.value)
        found = [text for item in inner for text in self.texts(item, depth + 1)]
        if isinstance(called, ast.Attribute) and called.attr == "split":
            given = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            separator = given if isinstance(given, str) else None
            if separator or not node.args:
                return [(part, line) for text, line in found for part in text.split(separator)]
        if isinstance(called, ast.Name):
            returned = self.names.get(f"{called.id}()", [])[:50]
            found += [text for value in returned for text in self.texts(value, depth + 8)]
        return found

    def _sum(self, node: ast.BinOp, depth: int) -> list[Text]:
        left, right = self.texts(node.left, depth + 1), self.texts(node.right, depth + 1)
        if isinstance(node.op, ast.Add):
            joins = not any(isinstance(side, (ast.List, ast.Tuple)) for side in (node.left, node.right))
            if joins and len(left) == len(right) == 1 and not _is_name_of_list(self, node):
                return [(left[0][0] + right[0][0], left[0][1])]
            return left + right
        return [(re.sub(r"%\w", "", text), line) for text, line in left]

    def table(self, node: ast.expr | None, depth: int = 0) -> list[tuple[str, ast.expr]]:
        """The pairs of a dictionary with text keys."""
        self.steps += 1
        if node is None or depth > _DEPTH or self.steps > _STEPS:
            return []
        if isinstance(node, ast.Name):
            return [pair for value in self.names.get(node.id, [])[:50] for pair in self.table(value, depth + 8)]
        if isinstance(node, ast.Dict):
            pairs: list[tuple[str, ast.expr]] = []
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None:
                    pairs += self.table(value, depth + 1)
                elif isinstance(key, ast.Constant):
                    pairs.append((str(key.value), value))
            return pairs
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            return [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
        return []

    def files(self) -> list[Text]:
        """Names of requirement files that the script mentions, in the order in which they stand."""
        found: dict[str, int] = {}
        for node in self.nodes:
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and len(text) < 200 and _FILE.match(text):
                found.setdefault(text, getattr(node, "lineno", 1))
        return sorted(found.items(), key=lambda pair: pair[1])


def _keeps(call: ast.Call) -> bool:
    """Whether a call passes the texts of its arguments on: ``list``, ``sorted``, not ``open`` or ``read``."""
    called: Any = call.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return name in ("list", "sorted", "set", "tuple", "dedent", "deps_list", "deps")


def _is_name_of_list(reader: _Reader, node: ast.BinOp) -> bool:
    """``base + extra`` where either name stands for a list."""
    sides = [side for side in (node.left, node.right) if isinstance(side, ast.Name)]
    lists = (ast.List, ast.Tuple, ast.BinOp, ast.Call)
    return any(isinstance(value, lists) for side in sides for value in reader.names.get(side.id, []))
