"""Jupyter notebooks: their code, what they install, and whether anything but outputs changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from release_mgmt.core.evidence.bounded import Unreadable, load_json
from release_mgmt.core.evidence.dependencies import installs as commands

NOTEBOOK_BYTES = 24_000_000
"""A notebook above this size is not read: it is nearly all outputs, and its values would fill the memory."""

CELLS = 20_000
SOURCE_CHARACTERS = 4_000_000

LOOKED_UP = 50
"""Lines of code of one notebook whose place in the file is looked for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: ``kind`` is code, markdown or raw, ``language`` that of its code."""

    kind: str
    source: str
    language: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook without its outputs."""

    language: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Install:
    """One library that a cell or a shell line installs; ``ecosystem`` is pypi, conda or cran."""

    name: str
    ecosystem: str


def read_notebook(data: bytes) -> Notebook:
    """The notebook of an ``.ipynb`` file, format 3 or 4; raises ``Unreadable``."""
    if len(data) > NOTEBOOK_BYTES:
        raise Unreadable(f"larger than {NOTEBOOK_BYTES:,} bytes")
    try:
        value = orjson.loads(data)
    except ValueError:
        value = load_json(data, NOTEBOOK_BYTES)
    if not isinstance(value, dict):
        raise Unreadable("not a notebook")
    language = _language(value.get("metadata"))
    cells: list[Cell] = []
    left = SOURCE_CHARACTERS
    for raw in _raw_cells(value):
        source = _source(raw)
        left -= len(source)
        if left < 0 or len(cells) >= CELLS:
            raise Unreadable("too much code for a notebook")
        cells.append(_cell(str(raw.get("cell_type", "raw")), source, language))
    return Notebook(language, tuple(cells))


def _raw_cells(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sheets = value.get("worksheets")
    holders = sheets if isinstance(sheets, list) else [value]
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for raw in cells if isinstance(cells, list) else ():
            if isinstance(raw, dict):
                yield raw


def _source(raw: dict[str, Any]) -> str:
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _language(metadata: object) -> str:
    if not isinstance(metadata, dict):
        return "python"
    kernel, info = metadata.get("kernelspec"), metadata.get("language_info")
    for holder, key in ((info, "name"), (kernel, "language"), (kernel, "name")):
        name = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(name, str) and name:
            lowered = name.lower()
            return "python" if "python" in lowered else "r" if lowered in ("r", "ir") else lowered
    return "python"


# Cell magics whose body is not code of the notebook's own language.
_OTHER = {
    "bash": "shell", "sh": "shell", "script": "shell", "system": "shell", "!": "shell", "r": "r", "sql": "sql",
    "bigquery": "sql", "html": "html", "javascript": "javascript", "js": "javascript", "latex": "markdown",
    "markdown": "markdown", "svg": "html", "perl": "perl", "ruby": "ruby", "cython": "python", "file": "text",
    "writefile": "text",
}  # fmt: skip
_MAGIC = re.compile(r"\s*%%(!|\w+)[^\n]*")


def _cell(kind: str, source: str, language: str) -> Cell:
    if kind != "code":
        return Cell("markdown" if kind in ("markdown", "heading") else "raw", source, "text")
    magic = _MAGIC.match(source)
    if magic:
        other = _OTHER.get(magic.group(1).lower())
        if other == "text" and re.search(r"\.py\b", magic.group()):
            other = "python"
        return Cell("code", source, other or language)
    return Cell("code", source, language)


_LINE_MAGIC = re.compile(r"^([ \t]*)(?:[%!?](?:[^\n\\]|\\[\s\S])*+\\?|[\w.]+\?{1,2}[ \t]*$)", re.MULTILINE)


def code(notebook: Notebook, language: str = "python") -> str:
    """The cells of ``language`` as one source, a blank line between them, magics and shell lines left out."""
    parts = (cell.source for cell in notebook.cells if cell.kind == "code" and cell.language == language)
    if language != "python":
        return "\n\n".join(_MAGIC.sub("", part, count=1) if part.lstrip().startswith("%%") else part for part in parts)
    return "\n\n".join(map(without_commands, parts))


class Places:
    """Where the lines of a notebook's code stand in its file, which holds each as a string of its own. A file that is
    written otherwise tells no line."""

    def __init__(self, data: bytes, code: str) -> None:
        self._data = data
        self._code = code.split("\n")
        self._left = LOOKED_UP if b"\n" in data else 0

    def line(self, number: int | None) -> int | None:
        """The line of the file on which line ``number`` of the code stands."""
        if not self._left or number is None or number > len(self._code):
            return None
        self._left -= 1
        text = self._code[number - 1]
        at = -1
        for _ in range(self._code[:number].count(text)):
            at = self._find(text, at + 1)
            if at < 0:
                self._left = 0  # each look may go through the whole file
                return None
        return self._data.count(b"\n", 0, at) + 1

    def _find(self, text: str, start: int) -> int:
        """Where the string that holds ``text`` and no more begins, from ``start`` on."""
        spelled = json.dumps(text, ensure_ascii=False)[:-1].encode("utf-8", "replace")
        at = self._data.find(spelled, start)
        while at >= 0 and not self._data.startswith((b'"', b'\\n"', b'\\r\\n"'), at + len(spelled)):
            at = self._data.find(spelled, at + 1)
        return at


_TOOLS = frozenset(("pip", "setuptools", "wheel", "conda", "python", "mamba"))


def shell_installs(text: str) -> tuple[Install, ...]:
    """What the install commands in ``text`` install: Python, conda and R libraries."""
    if "install" not in text:
        return ()
    found = commands(text)
    return tuple(dict.fromkeys(Install(one.name, one.ecosystem) for one in found if one.ecosystem in _LIBRARIES))


_LIBRARIES = frozenset(("pypi", "conda", "cran"))


def installs(notebook: Notebook) -> tuple[Install, ...]:
    """What the magics and shell lines of a notebook install."""
    found: dict[Install, None] = {}
    for cell in notebook.cells:
        if cell.kind == "code" and "install" in cell.source:
            lines = cell.source if cell.language == "shell" else "\n".join(text for _, text in commands_of(cell.source))
            found.update(dict.fromkeys(shell_installs(lines)))
    return tuple(found)


def commands_of(source: str) -> Iterator[tuple[int, str]]:
    """The magics and shell lines of a cell, each with its line."""
    for match in _LINE_MAGIC.finditer(source):
        yield source.count("\n", 0, match.start()) + 1, match.group().strip().lstrip("%!")


def without_commands(source: str) -> str:
    """The Python of a cell on the same lines, its magics and shell lines left out."""
    if "%" not in source and "!" not in source and "?" not in source:
        return source
    return _LINE_MAGIC.sub(lambda match: match.group(1) + "pass" + "\n" * match.group().count("\n"), source)
