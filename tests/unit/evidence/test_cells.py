"""Notebooks that are kept as plain text: sources of Databricks, Markdown of jupytext and MyST."""

from __future__ import annotations

import pytest

from release_mgmt.core.classification import ChangedFile, ChangeInput, Tree, classify, read_blob
from release_mgmt.core.classification.facts import file_facts
from release_mgmt.services.classify import default_rules

DATABRICKS = """# Databricks notebook source
# MAGIC %md
# MAGIC import nothing, pip install nothing

# COMMAND ----------

# MAGIC %pip install -q \\
# MAGIC   shap \\
# MAGIC   optuna
# MAGIC nothing

# COMMAND ----------

import json
import polars

# COMMAND ----------

# MAGIC %r
# MAGIC library(sparklyr)

# COMMAND ----------

# MAGIC %sh
# MAGIC pip install umap-learn

# COMMAND ----------

# MAGIC %sql
# MAGIC select 1
# COMMAND ----------
# MAGIC %run ./setup
"""
JUPYTEXT = """---
jupyter:
  jupytext:
    formats: ipynb,md
  kernelspec:
    name: python3
---

Run `pip install nothing`.

```python tags=["a"]
!pip install shap
import polars
```

```python .noeval
import nothing
```

```bash
pip install umap-learn
```

```yaml
import: nothing
```
"""
MYST = """---
kernelspec:
  name: python3
---

```{code-cell} ipython3
---
tags: [remove-cell]
---
%pip install shap
import polars
```

```{code-cell}
:tags: [hide]
import jax
```

```python
import nothing
```
"""
MYST_OF_R = MYST.replace("python3", "ir").replace("import polars", "library(dplyr)").replace("import jax", "1")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", DATABRICKS, {("shap", 7), ("optuna", 7), ("polars", 15), ("sparklyr", 20), ("umap-learn", 25)}),
        ("a.md", JUPYTEXT, {("shap", 12), ("polars", 13), ("umap-learn", 21)}),
        ("a.md", MYST, {("shap", 10), ("polars", 11), ("jax", 16)}),
        ("a.md", MYST_OF_R, {("dplyr", 11)}),
        ("a.md", JUPYTEXT.replace("jupytext", "title").replace("kernelspec", "date"), set()),
        ("README.md", JUPYTEXT, set()),
        ("docs/a.md", JUPYTEXT, set()),
        (
            "a.qmd",
            "```{python}\n#| eval: false\n!pip install no\n```\n```{python}\n!pip install shap\n```\n",
            {("shap", 6)},
        ),
        ("a.r", "# MAGIC %python\n# MAGIC import polars\nlibrary(dplyr)\n", {("polars", 2), ("dplyr", 3)}),
    ],
)
def test_what_the_cells_of_a_text_ask_for(path: str, text: str, expected: set[tuple[str, int]]) -> None:
    """Each cell in its own language, with the line of the file; what only tells something asks for nothing."""
    assert {(one.name, one.line) for one in file_facts(path, text.encode()).asked} == expected


def test_a_source_of_databricks_names_what_python_brings() -> None:
    """The standard library is told as for every script."""
    assert file_facts("a.py", DATABRICKS.encode()).familiar == (("json", 14),)


@pytest.mark.parametrize(
    ("path", "text", "old", "new", "kind"),
    [
        ("a.py", DATABRICKS, "select 1", "select 2", "code_logic"),
        ("a.py", DATABRICKS, "./setup", "./start", "code_logic"),
        ("a.py", DATABRICKS, "import nothing", "import something", "docs_only"),
        ("a.md", MYST, "import jax", "import jax\nrate = f(2)", "code_logic"),
        ("a.md", MYST.replace("import jax", "rate = 1"), "rate = 1", "rate = 2", "parameter_only"),
        ("a.md", MYST, "hide", "show", "docs_only"),
        ("a.md", "# A\n\n```python\nx = 1\n```\n", "x = 1", "x = f(2)", "docs_only"),
        ("a.Rmd", "```{stan}\nreal x;\n```\n", "real", "int", "code_logic"),
        ("a.qmd", "```{mermaid}\na --> b\n```\n", "b", "c", "docs_only"),
    ],
)
def test_what_an_edit_of_a_cell_is(path: str, text: str, old: str, new: str, kind: str) -> None:
    """An edit of a cell that runs is one of the program, of every other one that of a text."""
    before, after = text.encode(), text.replace(old, new).encode()
    tree = Tree()
    tree.put(path, read_blob(path, before))
    assert classify(ChangeInput((ChangedFile(path, path, before, after),)), tree, default_rules()).kind == kind
