"""The cells of what is kept as plain text: documents of R Markdown, Quarto and Sweave, Markdown of jupytext and MyST,
sources of Databricks."""

from __future__ import annotations

import re

from release_mgmt.core.evidence.dependencies.model import word_set
from release_mgmt.core.evidence.r import Chunk, chunks

RUN = word_set("bash c conda fs julia octave perl rcpp ruby run sas scala shell sql stan stata")
"""What runs beside Python and R. Other cells show something: a diagram, a style, a text."""

_FRONT = re.compile(rb"---[ \t]*\r?\n(?:(?!---)[^\n]*\n){0,200}?[ \t]*(?:jupytext|kernelspec):")
_FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[ \t]*(?:(?P<directive>\{code-cell\})[^\n]*|(?P<language>[A-Za-z]+)(?P<header>[^\n`]*))\n"
    r"(?P<code>(?:(?![ \t]*(?P=fence)[ \t]*$)[^\n]*\n?)*)",
    re.MULTILINE,
)
_OPTIONS = re.compile(r"\A(?:---[ \t]*\n(?:(?!---)[^\n]*\n)*---[ \t]*\n|(?::[^\n]*\n)+)")
_MAGIC = re.compile(r"^# MAGIC ?([^\n]*)$", re.MULTILINE)
_CELL = re.compile(r"(?:^# MAGIC[^\n]*(?:\n|\Z))+", re.MULTILINE)
_CALLED = re.compile(r"\s*%([a-z]+)")
_LANGUAGES = {"sh": "shell", "bash": "shell", "pip": "shell", "conda": "shell", "md": "markdown"}


def is_notebook(data: bytes) -> bool:
    """Whether Markdown is a notebook of jupytext or MyST: its header says with what it runs."""
    return _FRONT.match(data.removeprefix(b"\xef\xbb\xbf")) is not None


def is_databricks(data: bytes) -> bool:
    """Whether a script is a source of Databricks with cells of other languages."""
    return b"# MAGIC %" in data


def cells(text: str, written: str) -> tuple[Chunk, ...]:
    """The cells of a text that is ``written`` as a document, as markdown, or as the language of a Databricks source."""
    if written == "document":
        return chunks(text)
    return _markdown(text) if written == "markdown" else _databricks(text, written)


def _markdown(text: str) -> tuple[Chunk, ...]:
    kernel = re.search(r"^[ \t]*(?:name|language): *(ir|R|julia)\b", text[:8_000], re.MULTILINE)
    own = ("julia" if kernel.group(1) == "julia" else "r") if kernel else "python"
    myst = "{code-cell}" in text
    found: list[Chunk] = []
    line, counted = 1, 0
    for match in _FENCE.finditer(text):
        start = match.start("code")
        line += text.count("\n", counted, start)
        counted = start
        header = match.group("header") or ""
        if myst == (match.group("directive") is not None) and ".noeval" not in header:
            language = own if myst else match.group("language").lower()
            code = _OPTIONS.sub(lambda options: "\n" * options.group().count("\n"), match.group("code"))
            found.append(Chunk(_LANGUAGES.get(language, language), code, line, header))
    return tuple(found)


def _databricks(text: str, main: str) -> tuple[Chunk, ...]:
    """The cells of other languages, which stand in comments, and the rest in one."""
    found = [Chunk(main, _MAGIC.sub("", text), 1, "")]
    line, counted = 1, 0
    for match in _CELL.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        code = _MAGIC.sub(r"\1", match.group())
        called = _CALLED.match(code)
        name = called.group(1) if called else ""
        if name in ("python", "r") and called is not None:
            code = code[: called.start(1) - 1] + code[called.end() :]
        found.append(Chunk(_LANGUAGES.get(name, name), code, line, ""))
    return tuple(found)
