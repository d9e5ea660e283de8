"""R code, notebooks and words: what they use, install and say."""

from __future__ import annotations

import json

import pytest

from release_mgmt.core.evidence import words
from release_mgmt.core.evidence.imports import Guard
from release_mgmt.core.evidence.notebooks import code, installs, read_notebook
from release_mgmt.core.evidence.r import Use, chunks, find_uses


def document_uses(text: str) -> list[Use]:
    return [use for chunk in chunks(text) if chunk.language == "r" for use in find_uses(chunk.code, chunk.line)]


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("library(dplyr)", {"dplyr"}),
        ('library("dplyr"); require(tidyr)', {"dplyr", "tidyr"}),
        ("suppressPackageStartupMessages({\n  library(arrow)\n})", {"arrow"}),
        ("x <- data.table::fread('a'); y <- ccao:::hidden()", {"data.table", "ccao"}),
        ("# library(no)\nx <- 'library(no)'\ny <- \"a::b\"", set()),
        ('r"(library(no))"', set()),
        ("pacman::p_load(dplyr, 'tidyr', char = c('sf', 'terra'))", {"pacman", "dplyr", "tidyr", "sf", "terra"}),
        ("box::use(dplyr[filter], ./own, r = purrr)", {"box", "dplyr", "purrr"}),
        ("import::from(magrittr, `%>%`)", {"import", "magrittr"}),
        ("librarian::shelf(a, user/b)", {"librarian", "a", "b"}),
        ("tar_option_set(packages = c('a', 'b'))", {"a", "b"}),
        ("pkgs <- c('a', 'b')\nlapply(pkgs, library, character.only = TRUE)", {"a", "b"}),
        ("library(x, character.only = TRUE)", set()),
        ("library('sf', character.only = TRUE)", {"sf"}),
        ("for (p in c('a', 'b')) library(p, character.only = TRUE)", {"a", "b"}),
        ("for (p in c('a', 'b')) print(p)\n\nlibrary(d, character.only = TRUE)", set()),
        ("pkg <- 'a'\nother <- 'b'\nlibrary(pkg, character.only = TRUE)", {"a"}),
        ("pacman::p_load_gh('user/a', \"user/b@v1\")", {"pacman", "a", "b"}),
        ("use('dplyr', c('filter'))\nuse(x)\nmodules::use('R/a.R')", {"dplyr", "modules"}),
        ("model$library(x)", set()),
        ("library(dplyr) # why\nx::y", {"dplyr", "x"}),
        ("::::", set()),
    ],
)
def test_what_r_code_uses(source: str, packages: set[str]) -> None:
    assert {one.package for one in find_uses(source)} == packages


def test_r_that_asks_first_is_optional_and_lines_count_from_one() -> None:
    found = find_uses('if (requireNamespace("sf", quietly = TRUE)) {\n  sf::st_read("a")\n}\nlibrary(dplyr)')
    assert {(one.package, one.line, one.guard) for one in found} == {
        ("sf", 1, Guard.OPTIONAL), ("sf", 2, Guard.OPTIONAL), ("dplyr", 4, Guard.NONE),
    }  # fmt: skip


def test_chunks_of_documents() -> None:
    text = "library(no)\n\n```{r setup, include=FALSE}\nlibrary(a)\n```\n\n```r\nlibrary(no)\n```\n`r b::c(1)`\n"
    text += "~~~~{python}\nimport d\n~~~~\n"
    assert {one.package for one in document_uses(text)} == {"a", "b"}
    assert [(one.language, one.line) for one in chunks(text)] == [("r", 4), ("python", 12), ("r", 10)]
    assert {one.package for one in document_uses("<<a>>=\nlibrary(sweave)\n@\n")} == {"sweave"}


def notebook(*cells: object, language: str = "python") -> bytes:
    shown = [{"cell_type": "code", "source": cell, "outputs": ["import no"]} for cell in cells]
    return json.dumps({"metadata": {"language_info": {"name": language}}, "cells": shown}).encode()


def test_notebook_code_leaves_out_magics_and_outputs() -> None:
    found = read_notebook(notebook(["import a\n", "%matplotlib inline\n", "x = !ls"], "%%bash\nimport no", "b?"))
    source = code(found)
    assert "import a" in source
    assert "no" not in source
    assert "matplotlib" not in source


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("%pip install -q 'optuna>=3' shap[all]==0.4", {"optuna", "shap"}),
        ("!pip3 install --upgrade pip wheel lightgbm", {"lightgbm"}),
        ("!python -m pip install -r requirements.txt -e . x", {"x"}),
        ("! {sys.executable} -m pip install torch --index-url https://h/whl", {"torch"}),
        ("!pip install git+https://github.com/a/bee.git@main", {"bee"}),
        ("!conda install -y -c conda-forge gdal", {"gdal"}),
        ("!pip install -q \\\n  lightgbm>=3 \\\n  'optuna<4'\nimport no", {"lightgbm", "optuna"}),
        ("%pip install shap \\", {"shap"}),
        ("%%bash\npip install umap-learn && echo pip install", {"umap-learn"}),
        ("# !pip install no\nx = 'pip install no'", set()),
    ],
)
def test_what_a_cell_installs(cell: str, names: set[str]) -> None:
    assert {one.name for one in installs(read_notebook(notebook(cell)))} == names


def test_old_notebooks_and_r_notebooks() -> None:
    old = json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["import a"]}]}]}).encode()
    assert code(read_notebook(old)) == "import a"
    assert "library(a)" in code(read_notebook(notebook("library(a)", language="R")), "r")


@pytest.mark.parametrize(
    ("message", "breaking"),
    [
        ("feat!: drop v1", True),
        ("feat(api)!: drop v1", True),
        ("fix: x\n\nBREAKING CHANGE: the file is gone", True),
        ("fix: x\n\nBREAKING-CHANGE: gone", True),
        ("Change the result\n\nThis is a breaking change.", True),
        ("[BREAKING] new schema", True),
        ("fix: no breaking change here", False),
        ("Avoid breaking changes in the API", False),
        ("Adapt to breaking changes in pandas 2", False),
        ("Move f\n\nBREAKING: this is not considered as a breaking change", True),
        ("Bump x from 1 to 2\n\n## Breaking Changes\n- this is a breaking change", False),
        ("Fix line breaking", False),
        ("> This is a breaking change.\n\nAnswer: it was not", False),
    ],
)
def test_what_a_message_marks(message: str, breaking: bool) -> None:
    assert any(one.says == "breaking" for one in words.of_message(message)) is breaking


def test_labels_and_change_logs() -> None:
    assert [one.text for one in words.of_labels(["Breaking Change", "non-breaking", "bug", "semver:major"])] == [
        "Breaking Change", "semver:major",
    ]  # fmt: skip
    text = "# 2.0\n\n## Breaking changes\n\n* f is gone\n\n## Fixes\n\n* g\n"
    assert [one.line for one in words.of_change_log("NEWS.md", [(5, "* f is gone")], text)] == [5]
    assert not list(words.of_change_log("NEWS.md", [(9, "* g")], text))
    said = (
        "* Move f. This is *not* considered as a breaking change\n* Since the core team made a breaking change, pin\n"
    )
    assert not list(words.of_change_log("NEWS.md", enumerate(said.splitlines(), 1), said))
    assert words.is_change_log("NEWS.md")
    assert words.is_change_log("doc/release_notes.rst")
    assert not words.is_change_log("src/news.py")


def test_a_reworded_line_of_a_change_log_is_no_new_break() -> None:
    """What a removed line said already is told again only when the new wording is what marks the break."""
    text = (
        "# 2.0\n\n## Breaking changes\n\n*  `f` takes a list of prices now\n\n## Fixes\n\n* BREAKING: g gives a table\n"
    )
    under, marked = (5, "*  `f` takes a list of prices now"), (9, "* BREAKING: g gives a table")

    def lines(added: tuple[int, str], *removed: str) -> list[int | None]:
        return [one.line for one in words.of_change_log("NEWS.md", [added], text, removed)]

    assert lines(under) == [5]
    assert lines(under, "- ``f`` takes a list of prices") == []
    assert lines(under, "- h is gone") == [5]
    assert lines(marked, "* BREAKING: g gives a tables") == []
    assert lines(marked, "* g gives a table") == [9]
