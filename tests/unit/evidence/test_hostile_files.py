"""Nothing that a repository can hold crashes a reader or keeps it busy: bounded time and memory, or `unreadable`."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release_mgmt.core.classification import ChangedFile, ChangeInput, Tree, classify, read_blob
from release_mgmt.core.evidence import edits, notebooks, r, words
from release_mgmt.core.evidence.imports import find_imports
from release_mgmt.services.classify import default_rules

RULES = default_rules()
SIZE = 120_000
PATHS = [
    "a.py", "a.ipynb", "a.R", "a.Rmd", "a.qmd", "a.Rnw", "params.yaml", "a.json", "a.toml", "a.ini", ".env",
    "a.sql", "a.sh",
    "a.stan", "requirements.txt", "DESCRIPTION", "renv.lock", "environment.yml", "NEWS.md", "CHANGELOG.rst",
    "Snakefile",
    "setup.py", "pyproject.toml", "poetry.lock", "Dockerfile", "NAMESPACE",
]  # fmt: skip
FRAGMENTS = st.sampled_from(
    [
        b"import a\n", b"from x import (", b'"""', b"'''", b"'", b'"', b"\\\n", b"#", b"\0", b"\xff\xfe",
        b"\xef\xbb\xbf", b"\r\n",
        b"\r", b"library(x)", b"p_load(", b"c(", b")", b"```{r}\n", b"```\n", b"---\n", b"<<>>=\n",
        b"a: &x [*x]\n", b"- ", b"{", b"}",
        b"[" * 300, b"<<<<<<< HEAD\n", b"BREAKING CHANGE: x\n", b"## 1.0\n", b"x = 1\n", b"def f(a=1):\n",
        b"  return f(1, b=2)\n",
        b'{"cells": [', b'{"cell_type": "code", "source": ["import b"]}', b"]}", b"%pip install q\n", b"`r x::y`",
        b"\xc3\x28",
        "é\u202e\U0001f600".encode(), b"Imports: x\n", b"numpy==1\n", b"[tool.poetry]\n", b"=" * 100, b"\t", b"\x0c",
    ]
)  # fmt: skip
BYTES = st.one_of(st.binary(max_size=400), st.lists(FRAGMENTS, max_size=30).map(b"".join))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PATHS), BYTES, BYTES, st.text(max_size=200))
def test_any_change_of_any_bytes_gets_a_verdict(path: str, old: bytes, new: bytes, message: str) -> None:
    tree = Tree()
    before = read_blob(path, old)
    tree.put(path, before)
    verdict = classify(ChangeInput((ChangedFile(path, path, old, new),), message), tree, RULES)
    assert verdict.level.value in ("minor", "major")
    assert tree.files[path] is before


HUGE = {
    "quotes": b"\"'" * 200_000,
    "triple quotes": b'"""' * 200_001,
    "open string": b"x = '" + b"a" * 900_000,
    "backslashes": b"\\" * 400_000 + b"\n",
    "continuations": b"\\\n" * 200_000 + b"import a",
    "brackets": b"(" * 300_000,
    "imports": b"import a\n" * 60_000,
    "open import": b"from a import (" + b"b," * 200_000,
    "comments with brackets": b"from a import (" + b"b, # )\n" * 50_000,
    "one line": b"x = 1; " * 120_000,
    "imports in one line": b'x="a";import b;' * 60_000,
    "imports in long lines": (b'x="a";import b;' * 300 + b"\n") * 200,
    "calls in one line": b'__import__("a");' * 60_000,
    "calls": b'__import__("a")\n' * 60_000,
    "Python from R": b'reticulate::import("a")\n' * 40_000,
    "nested blocks": b"".join(b" " * (n % 900) + b"if x:\n" for n in range(2_000)) + b" " * 901 + b"import a\n",
    "library calls": b"library(a)\n" * 60_000,
    "open calls": b"p_load(" * 20_000,
    "colons": b"a::b;" * 100_000,
    "fences": b"```{r}\n" * 60_000,
    "tildes": b"~~~~" * 100_000,
    "inline": b"`r x::y` " * 60_000,
    "headings": b"# x\n" * 100_000,
    "spaces": b" " * 900_000,
    "newlines": b"\n" * 900_000,
    "equals": b"a=b\n" * 100_000,
    "yaml lists": b"- " * 200_000,
    "install": b"pip install " * 40_000,
    "not quite a marker": b"breaking " * 60_000,
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("path", ["a.py", "a.R", "a.Rmd", "a.yaml", "NEWS.md", "a.sql"])
def test_huge_files_cost_bounded_time(path: str, name: str) -> None:
    data = HUGE[name][:SIZE]
    old = data[: len(data) // 2]
    started = time.process_time()
    tree = Tree()
    tree.put(path, read_blob(path, old))
    classify(ChangeInput((ChangedFile(path, path, old, data),), data[:100_000].decode("utf-8", "replace")), tree, RULES)
    assert time.process_time() - started < 20  # a hang, not a speed: the worst takes about two seconds


def test_a_change_of_fifty_thousand_lines_is_judged() -> None:
    old = "".join(f"x{n} = f({n})\n" for n in range(50_000))
    new = "".join(f"x{n} = f({n + 1})\n" for n in range(50_000))
    started = time.process_time()
    edit = edits.compare(old, new, "python")
    assert edit.weight is edits.Weight.PARAMETERS
    assert time.process_time() - started < 30


def test_a_notebook_of_a_hundred_megabytes_is_refused_without_being_read_whole() -> None:
    data = b'{"cells": [{"cell_type": "code", "source": "import a", "outputs": ["' + b"A" * 100_000_000 + b'"]}]}'
    tracemalloc.start()
    blob = read_blob("a.ipynb", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blob.facts.unreadable is not None
    assert peak < 10_000_000


def test_what_cannot_be_read_needs_a_look() -> None:
    change = ChangeInput((ChangedFile("a.ipynb", "a.ipynb", b"{}", b'{"cells": ['),))
    verdict = classify(change, Tree(), RULES)
    assert verdict.needs_review
    assert "unreadable" in {one.rule for one in verdict.evidence}


def test_links_and_submodules_are_no_source() -> None:
    change = ChangeInput((ChangedFile(None, "vendored.py", None, b"../import torch", link=True),))
    assert not classify(change, Tree(), RULES).new_libraries


def test_deep_notebooks_and_documents_end() -> None:
    deep = json.dumps({"cells": []}).replace("[]", "[" * 900 + "]" * 900)
    assert read_blob("a.ipynb", deep.encode()).facts.asked == ()
    assert r.find_uses("f(" * 50_000 + "library(a)") != ()
    assert notebooks.shell_installs("pip install " + "a " * 100_000) != ()
    assert list(words.of_message("x" * 1_000_000)) == []
    assert [one.module for one in find_imports(b"import a\0\nimport b")] == ["a", "b"]
