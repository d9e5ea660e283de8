"""Each function that reads a stranger's bytes or text is tried by itself with the same set of spoilt files.

The functions are found by their signatures, so a new reader is tried without anybody thinking of it; one for which no
good file is known fails. Each answers or raises ``Unreadable`` within bounds of time and memory; what is nested too
deeply may end in ``RecursionError``, which those who call a reader of manifests take as that.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release_mgmt.core import classification, evidence
from release_mgmt.core.evidence.bounded import Unreadable
from release_mgmt.core.evidence.dependencies import Group, manifest_kind
from release_mgmt.core.evidence.edits import Statement

SECONDS = 40
"""A hang, not a speed: what takes longest takes about two seconds of the processor."""
MEGABYTES = 400
LONG = 100_000

CASES = Path(__file__).parents[2] / "cases" / "manifests"
MANIFESTS = {
    path.relative_to(folder).as_posix(): path.read_bytes()
    for folder in CASES.glob("*/*")
    for path in folder.rglob("*")
    if path.is_file() and path.name != "expected.txt"
}
PYTHON = b"import os\nfrom a import (b, c)\n\nclass A:\n    def f(self, x=1): ...\n__all__ = ['A']\n"
JSON = b'{"a": {"b": [1, 2.5, null]}, "type": "object", "properties": {"c": {"enum": [1]}}}'
YAML = b"a: &x {b: 1}\nc: *x\npaths: {/p: {get: {responses: {}}}}\n"
SQL = b"CREATE TABLE t (a int, b text); ALTER TABLE t DROP b;\n"
SHELL = b"pip install -q 'torch==2' && conda install gdal; Rscript -e \"install.packages('sf')\"\n"
R = b"library(dplyr)\nx <- data.table::fread('a')\nreticulate::import('os')\n"
MARKDOWN = b"# 2.0\n\n## Breaking changes\n\n* `f` is gone\n\n```{r}\nlibrary(a)\n```\n"
CALLS = (
    b"import os\nos.system('pip install a')\n# MAGIC %pip install b\nsubprocess.run(['pip', 'install', f'{c}==1'])\n"
)
CELLS = (
    b"---\njupytext: {}\n---\n\n```{code-cell} ipython3\n:tags: [x]\nimport a\n```\n\n```python\n!pip install b\n```\n"
)
# Module -> (path, a good file); modules of manifests have theirs in ``tests/cases/manifests``.
GOOD: dict[str, tuple[str, bytes]] = {
    "advisories": ("a.json", JSON),
    "artefacts": ("data.csv.dvc", b"outs:\n- {md5: a, size: 1, path: data.csv}\n"),
    "bounded": ("a.yaml", YAML),
    "dependencies.conda": ("environment.yml", b"numpy >=1.2"),
    "dependencies.docker": ("Dockerfile", b"FROM a\nRUN pip install b \\\n  c\n"),
    "dependencies.glue": ("jobs.tf", b'"--additional-python-modules" = "a==1,b"\n'),
    "dependencies.installs": ("a.sh", SHELL),
    "dependencies.pep508": ("a.txt", b"a[b]>=1; python_version < '3.9'"),
    "dependencies.pyproject": ("pyproject.toml", b"[project]\ndependencies = ['a>=1']\n"),
    "dependencies.r": ("DESCRIPTION", b"Package: a\nImports: b (>= 1),\n    c\n"),
    "dependencies.registry": ("requirements.txt", b"a==1\n-r b.txt\n"),
    "dependencies.requirements_txt": ("requirements.txt", b"a==1 \\\n  --hash=sha256:0\n"),
    "dependencies.scope": ("a.txt", b"requirements-dev.txt"),
    "dependencies.setup_py": ("setup.py", b"from setuptools import setup\nsetup(install_requires=['a'])\n"),
    "called_installs": ("a.py", CALLS),
    "cells": ("a.md", CELLS),
    "distributions": ("a.txt", b"google.cloud.storage"),
    "edits": ("a.py", PYTHON),
    "edits.lexing": ("a.py", PYTHON),
    "edits.regions": ("a.py", PYTHON),
    "imports": ("a.py", PYTHON),
    "interface": ("pkg/a.py", PYTHON),
    "metrics": ("metrics.json", JSON),
    "notebooks": ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": ["import a"]}]}'),
    "parameters": ("params.yaml", YAML),
    "r": ("a.Rmd", R + MARKDOWN),
    "schemas.json_schema": ("a.schema.json", JSON),
    "schemas.lines": ("a.schema.json", JSON),
    "schemas.migrations": ("migrations/1.py", b"def upgrade():\n    op.drop_column('a', 'b')\n"),
    "schemas.protobuf": ("a.proto", b"message A { int32 a = 1; enum E { X = 0; } }\n"),
    "schemas.registry": ("openapi.yaml", YAML),
    "schemas.sql": ("schema.sql", SQL),
    "value_lines": ("params.ini", b"[a]\nb = 1\n"),
    "words": ("NEWS.md", MARKDOWN),
    "facts": ("a.py", PYTHON),
    "tree": ("libs.list", b"a==1\n"),
    "verdict": ("a.py", PYTHON),
}
TEXTS = ("text", "command", "message", "source", "module")
# Texts of the product itself, written by nobody else: its tables of words, its rules.
OURS = {"dependencies.model.word_set", "schemas.model.bounded", "rules.load_rules"}
GIVEN: dict[str, Any] = {
    "group": Group.RUNTIME, "language": "python", "pattern": re.compile(rb"import"), "masked": LONG * " ", "start": 0,
    "written": "markdown", "line": 1, "ecosystem": "pypi", "subject": "a", "added": [(1, "a")],
    "statement": Statement((), 1, 0, LONG),
}  # fmt: skip


def readers() -> Iterator[tuple[str, Callable[..., object]]]:
    for package in (evidence, classification):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            loaded = importlib.import_module(module.name)
            place = module.name.removeprefix(f"{package.__name__}.")
            for name, function in sorted(vars(loaded).items()):
                own = inspect.isfunction(function) and function.__module__ == module.name and not name.startswith("_")
                if own and f"{place}.{name}" not in OURS and any(map(_strange, _parameters(function))):
                    yield f"{place}.{name}", function


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _strange(one: inspect.Parameter) -> bool:
    """Whether a parameter takes what a stranger wrote."""
    return one.annotation in ("bytes", "bytes | None") or (
        one.annotation == "str" and one.name in (*TEXTS, "old", "new")
    )


READERS = dict(readers())


def good_file(name: str) -> tuple[str, bytes]:
    for path, data in MANIFESTS.items():
        if manifest_kind(path) is READERS[name]:
            return path, data
    return GOOD[name.rpartition(".")[0]]


def call(name: str, path: str, data: bytes, good: bytes) -> None:
    """Ask one reader about ``data``; of two sides the other one is ``good``."""

    def value(one: inspect.Parameter, bad: bytes) -> Any:
        if one.annotation in ("bytes", "bytes | None"):
            return bad
        if one.annotation == "str" and one.name in (*TEXTS, "old", "new"):
            return bad.decode("utf-8", "replace")
        return path if one.name == "path" else GIVEN[one.name]

    parameters = [one for one in _parameters(READERS[name]) if one.default is one.empty]
    sides = [one.name for one in parameters if _strange(one)]
    for odd in sides:
        given = {one.name: value(one, data if one.name == odd else good) for one in parameters}
        try:
            answer = READERS[name](**given)
            if isinstance(answer, Iterator):
                list(answer)
        except (Unreadable, RecursionError):
            continue


def spoilt(good: bytes) -> Iterator[tuple[str, bytes]]:
    """What goes wrong with files, each made of a good one where that matters."""
    chance = random.Random(good)
    yield "nothing", b""
    yield "random", chance.randbytes(20_000)
    yield "null bytes", good.replace(b"a", b"\0") + b"\0" * 50
    yield "byte order mark", b"\xef\xbb\xbf" + good
    yield "UTF-16", good.decode("utf-8", "replace").encode("utf-16")
    yield "Latin-1", good.replace(b"a", b"\xe4")
    yield "carriage returns", good.replace(b"\n", b"\r\n")
    yield "old line ends", good.replace(b"\n", b"\r")
    yield "half a character", good[: len(good) // 2] + b"\xf0\x9f"
    for part in range(1, 8):
        yield f"cut off at {part}/8", good[: len(good) * part // 8]
    for part in range(6):
        at = chance.randrange(len(good) + 1)
        yield f"damaged {part}", good[:at] + chance.choice(DIRT) + good[at + chance.randrange(4) :]
    yield "many times", (good + b"\n") * (LONG // (len(good) + 1) + 1)
    yield "one line", good.replace(b"\n", b" ") * (LONG // (len(good) + 1) + 1)
    for word in (b"[", b"{", b"(", b"<", b"a.", b"\\\n", b"- ", b"a:\n ", b"\"'", b"/*", b"\n", b" ", b"=", b"`", b"#"):
        yield f"{word!r} and so on", word * (LONG // len(word))
    yield "deep", b"".join(b" " * depth + b"a:\n" for depth in range(400))
    yield (
        "aliases",
        b"a0: &a0 [x, x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)),
    )


DIRT = (b"\0", b"\xff", b"&a *a", b"!!python/object:os.system ", b"[", b'"""', b"'", b"{{", b"\t", b"\\", b"\r", b"@@")


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_reader_takes_whatever_comes(name: str) -> None:
    """Nothing but an answer or a reason, in bounded time, whatever the file holds."""
    path, good = good_file(name)
    call(name, path, good, good)
    for what, data in spoilt(good):
        started = time.process_time()
        call(name, path, data, good)
        assert time.process_time() - started < SECONDS, what


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_reader_needs_bounded_memory(name: str) -> None:
    """What a reader holds at once stays within bounds, far below what a bomb would ask for."""
    path, good = good_file(name)
    call(name, path, good, good)
    for what in ("many times", "b'[' and so on", "aliases"):
        data = dict(spoilt(good))[what]
        tracemalloc.start()
        try:
            call(name, path, data, good)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < MEGABYTES * 1_000_000, what


def test_every_reader_of_a_manifest_is_tried() -> None:
    """The readers of manifests that paths lead to are among those that are tried, and there are many others."""
    tried = set(READERS.values())
    assert {reader for path in MANIFESTS if (reader := manifest_kind(path))} <= tried
    assert len(tried) > 60
