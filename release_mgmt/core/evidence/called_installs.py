"""Libraries that Python code installs by a call of its own: of pip, of a shell, or of a magic, as in a notebook that
was exported as a script."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Iterator
from itertools import islice

from release_mgmt.core.evidence.imports import Guard, calls_in_code, plain
from release_mgmt.core.evidence.notebooks import Install, shell_installs

CALLS = 200
LONGEST = 4_000
"""Calls of one file that are read, and bytes of one."""

_CALL = re.compile(
    rb"(?<![0-9A-Za-z_.\x80-\xff])(?:get_ipython\(\)\s*\.\s*(?:system|getoutput|run_line_magic|run_cell_magic|magic)"
    rb"|os\s*\.\s*(?:system|popen)|(?:(?:subprocess|sp)\s*\.\s*)?(?:check_call|check_output|Popen)"
    rb"|(?:subprocess|sp)\s*\.\s*(?:run|call|getoutput|getstatusoutput)"
    rb"|pip(?:\._internal)?(?:\.cli\.main)?\.main|pip_?main|dbutils\.library\.installPyPI)[ \t]*\("
)
_PART = re.compile(
    rb"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|#[^\n]*|[()\[\]{}]"
)
_OPEN = "$"  # stands for what only the running program knows


def called_installs(data: bytes) -> Iterator[tuple[Install, int, Guard]]:
    """What the calls in a Python source install, each with its line and under what condition it runs."""
    data = plain(data)
    if b"install" not in data:
        return
    for call, line, guard in islice(calls_in_code(data, _CALL, ensuring=True), CALLS):
        arguments = _arguments(data, call.end())
        if "install" in call.group().decode() + arguments:
            for one in shell_installs(_command(call.group().decode(), arguments)):
                yield one, line, guard


def _arguments(data: bytes, start: int) -> str:
    """What stands between the brackets of a call, nothing when it is too long."""
    depth = 1
    for part in _PART.finditer(data, start, start + LONGEST):
        depth += (part.group() in b"([{") - (part.group() in b")]}")
        if not depth:
            return data[start : part.start()].decode("utf-8", "replace")
    return ""


def _command(called: str, arguments: str) -> str:
    """The shell command that a call runs."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call = ast.parse(f"f({arguments})", mode="eval").body
        if not isinstance(call, ast.Call):
            return ""
        given = {one.arg: _text(one.value) for one in call.keywords}
        texts = [_text(one) for one in call.args] or [given.get("args") or given.get("cmd") or ""]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if "installPyPI" in called:
        return f"pip install {texts[0]}" + (f"=={given['version']}" if "version" in given else "")
    if "run_cell_magic" in called:
        return "\n".join(texts)
    if "run_line_magic" in called:
        return " ".join(texts)
    return f"pip {texts[0]}" if "pip" in called else texts[0]


def _text(node: ast.expr) -> str:
    """The words of an expression that is a command, as a text or as a list of words."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(one) for one in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + (" " if isinstance(left, ast.List) else "") + _text(right)
        case ast.BinOp(left=left, op=ast.Mod()):
            return re.sub(r"%\w", _OPEN, _text(left))
        case ast.List(elts=words) | ast.Tuple(elts=words):
            return " ".join(shlex.quote(_text(one)) for one in words)
        case ast.Call(func=ast.Attribute(attr="format", value=text)):
            return re.sub(r"\{[^{}]*\}", _OPEN, _text(text))
        case ast.Call(func=ast.Attribute(attr="split", value=ast.Name()), args=[text, *_]):
            return _text(text)
        case ast.Call(func=ast.Attribute(attr="split", value=text)):
            return _text(text)
        case _:
            return _OPEN
