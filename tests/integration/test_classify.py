"""What the level of a change is, on real repositories: one parent, one change, one verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from release_mgmt.core.classification import Classification, Level
from release_mgmt.services.classify import SHORTEST, classify_revisions, default_rules, stretches
from release_mgmt.services.evidence_cache import FileCache
from release_mgmt.sources.git import Repository, open_repository
from release_mgmt.sources.git.blobs import BlobReader
from tests.conftest import GitRepo
from tests.support.gitrepo import Builder

Files = dict[str, str | bytes | None]


def bun(asked: dict[str, str], pinned: dict[str, str]) -> str:
    """A bun.lock of one project, with the commas that Bun writes after the last of a list."""
    rows = "".join(f'    "{name}": ["{name}@{version}", "", {{}}, ""],\n' for name, version in pinned.items())
    wanted = "".join(f'        "{name}": "{range_}",\n' for name, range_ in asked.items())
    root = f'    "": {{\n      "dependencies": {{\n{wanted}      }},\n    }},\n'
    return f'{{\n  "lockfileVersion": 1,\n  "workspaces": {{\n{root}  }},\n  "packages": {{\n{rows}  }}\n}}\n'


def notebook(*cells: str, outputs: str = "") -> str:
    return json.dumps(
        {
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
            "cells": [
                {"cell_type": "code", "source": cell, "outputs": [{"text": outputs}], "execution_count": 1}
                for cell in cells
            ],
        }
    )


@dataclass
class Case:
    """``before`` and ``after`` are two trees; the rest is the verdict on the step."""

    name: str
    before: Files
    after: Files
    level: str
    kind: str
    libraries: set[str] = field(default_factory=set)
    message: str = "Work"


ENVIRONMENT = "name: a\ndependencies:\n  - pandas\n  - gdal\n"
CONFLICT = "name: a\ndependencies:\n<<<<<<< HEAD\n  - pandas\n=======\n  - gdal\n>>>>>>> other\n"

CASES = [
    Case("requirement", {"requirements.txt": "numpy\n"}, {"requirements.txt": "numpy\nLightGBM>=4\n"},
         "major", "new_library", {"LightGBM"}),
    Case("import without manifest", {"a.py": "import os\n"}, {"a.py": "import os\nimport xgboost as xgb\n"},
         "major", "new_library", {"xgboost"}),
    Case("import of what a manifest has", {"requirements.txt": "scikit-learn\n", "a.py": ""},
         {"a.py": "from sklearn import svm\n"}, "minor", "code_logic"),
    Case("manifest line for what is imported", {"a.py": "import yaml\n"}, {"requirements.txt": "PyYAML\n"},
         "major", "late_declaration", {"PyYAML"}),
    Case("standard library", {"a.py": "x = 1\n"}, {"a.py": "import csv\nx = 1\n"}, "minor", "import_of_stdlib"),
    Case("own package under src", {"src/shop/__init__.py": "", "src/shop/price.py": "", "run.py": ""},
         {"run.py": "from shop.price import *\n"}, "minor", "import_of_own_package"),
    Case("sibling script", {"scripts/helpers.py": "", "scripts/run.py": ""},
         {"scripts/run.py": "import helpers\n"}, "minor", "import_of_own_package"),
    Case("guarded import", {"a.py": ""},
         {"a.py": "try:\n    import cupy as np\nexcept ImportError:\n    cupy = None\n"},
         "minor", "optional_dependency"),
    Case("for type checkers only", {"a.py": ""},
         {"a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polars\n"}, "minor", "code_logic"),
    Case("in a comment and a string", {"a.py": "x = 1\n"},
         {"a.py": "x = 1\n# import torch\ny = '''\nimport jax\n'''\n"}, "minor", "parameter_only"),
    Case("R attaches", {"fit.R": "library(dplyr)\n"}, {"fit.R": "library(dplyr)\nlibrary(xgboost)\n"},
         "major", "new_library", {"xgboost"}),
    Case("R reaches in", {"fit.R": "x <- 1\n"}, {"fit.R": "x <- data.table::fread('a')\n"},
         "major", "new_library", {"data.table"}),
    Case("R DESCRIPTION", {"DESCRIPTION": "Package: shop\nImports: dplyr\n"},
         {"DESCRIPTION": "Package: shop\nImports: dplyr, purrr\n"}, "major", "new_library", {"purrr"}),
    Case("R Suggests", {"DESCRIPTION": "Package: shop\nImports: dplyr\n"},
         {"DESCRIPTION": "Package: shop\nImports: dplyr\nSuggests: ggplot2\n"}, "minor", "optional_dependency"),
    Case("base R", {"fit.R": "x <- 1\n"}, {"fit.R": "library(stats)\nx <- utils::head(1)\n"},
         "minor", "import_of_own_package"),
    Case("R Markdown chunk", {"r.Rmd": "text\n"}, {"r.Rmd": "text\n\n```{r}\nlibrary(brms)\n```\n"},
         "major", "new_library", {"brms"}),
    Case("R Markdown prose", {"r.Rmd": "text\n\n```{r}\nx <- 1\n```\n"},
         {"r.Rmd": "text, and library(brms) is only told of\n\n```{r}\nx <- 1\n```\n"}, "minor", "docs_only"),
    Case("notebook import", {"a.ipynb": notebook("x = 1")}, {"a.ipynb": notebook("import shap")},
         "major", "new_library", {"shap"}),
    Case("notebook install", {"a.ipynb": notebook("x = 1")}, {"a.ipynb": notebook("%pip install -q optuna==3.1")},
         "major", "new_library", {"optuna"}),
    Case("notebook outputs", {"a.ipynb": notebook("x = 1")}, {"a.ipynb": notebook("x = 1", outputs="import shap")},
         "minor", "notebook_output_only"),
    Case("parameter in YAML", {"params.yaml": "train:\n  lr: 0.1\n"}, {"params.yaml": "train:\n  lr: 0.2\n"},
         "minor", "parameter_only"),
    Case("constant", {"train.py": "EPOCHS = 10\n"}, {"train.py": "EPOCHS = 20\n"}, "minor", "parameter_only"),
    Case("keyword argument", {"train.py": "fit(x, trees=100)\n"}, {"train.py": "fit(x, trees=200)\n"},
         "minor", "parameter_only"),
    Case("R argument", {"fit.R": "m <- fit(x, trees = 100)\n"}, {"fit.R": "m <- fit(x, trees = 200)\n"},
         "minor", "parameter_only"),
    Case("logic", {"train.py": "y = fit(x)\n"}, {"train.py": "y = fit(clean(x))\n"}, "minor", "code_logic"),
    Case("major bump", {"requirements.txt": "pandas==1.5.3\n"}, {"requirements.txt": "pandas==2.0.0\n"},
         "major", "library_major_bump"),
    Case("minor bump", {"requirements.txt": "pandas==1.5.2\n"}, {"requirements.txt": "pandas==1.5.3\n"},
         "minor", "library_minor_bump"),
    Case("marked break", {"a.py": "x = f(1)\n"}, {"a.py": "x = f(1) + g\n"}, "major", "breaking_change", set(),
         "feat!: Drop v1"),
    Case("footer", {"a.py": "x = f(1)\n"}, {"a.py": "x = f(1) + g\n"}, "major", "breaking_change", set(),
         "fix: x\n\nBREAKING CHANGE: the file is gone"),
    Case("test library", {"requirements.txt": "numpy\n"}, {"requirements.txt": "numpy\npytest\n"},
         "minor", "dev_dependency_only"),
    Case("import in tests", {"setup.py": "", "tests/test_a.py": ""}, {"tests/test_a.py": "import responses\n"},
         "minor", "code_logic"),
    Case("documentation", {"README.md": "a"}, {"README.md": "import torch\npip install torch"}, "minor", "docs_only"),
    Case("called by its name", {"a.py": "import importlib\n"},
         {"a.py": "import importlib\nm = importlib.import_module('torch.nn')\n# __import__('jax')\n"
                  "s = \"import_module('dask')\"\n"},
         "major", "new_library", {"torch"}),
    Case("called by its name if there", {"a.py": ""},
         {"a.py": "try:\n    m = __import__('torch')\nexcept ImportError:\n    m = None\n"},
         "minor", "optional_dependency"),
    Case("Python from R", {"fit.R": "library(reticulate)\n"},
         {"fit.R": "library(reticulate)\nos <- import('os')\nshap <- import(\"shap\")\n"},
         "major", "new_library", {"shap"}),
    Case("Python from an R chunk", {"r.Rmd": "```{r}\nx <- reticulate::py_config()\n```\n"},
         {"r.Rmd": "```{r}\nx <- reticulate::import('shap', delay_load = TRUE)\n```\n"},
         "major", "new_library", {"shap"}),
    Case("a file that rio imports", {"fit.R": "library(reticulate)\nlibrary(rio)\n"},
         {"fit.R": "library(reticulate)\nlibrary(rio)\nx <- import('data.csv')\n"}, "minor", "code_logic"),
    Case("lazy, and told when missing", {"a.py": ""},
         {"a.py": "def f():\n    try:\n        import rdata\n    except ImportError:\n"
                  "        raise ValueError('install rdata')\n"},
         "minor", "optional_dependency"),
    Case("needed at once, and told when missing", {"a.py": ""},
         {"a.py": "try:\n    import rdata\nexcept ImportError:\n    raise SystemExit('install rdata')\n"},
         "major", "new_library", {"rdata"}),
    Case("a private module that is not there", {"a.py": ""}, {"a.py": "from _helpers import tidy\n"},
         "minor", "import_of_own_package"),
    Case("an own module with a slip", {"shop/manual_prices.py": "", "a.py": ""},
         {"a.py": "import shop.manual_prices\nimport maunal_prices\n"}, "minor", "import_of_own_package"),
    Case("a word for an own module that is not there", {"train.py": ""},
         {"train.py": "from utils import tidy\nfrom model import Net\n"}, "minor", "import_of_own_package"),
    Case("such a word that a manifest names", {"requirements.txt": "numpy\n", "train.py": ""},
         {"requirements.txt": "numpy\nfunc>=1\n", "train.py": "import func\n"}, "major", "new_library", {"func"}),
    Case("a group of Poetry", {"pyproject.toml": "[tool.poetry.dependencies]\nnumpy = '*'\n"},
         {"pyproject.toml": "[tool.poetry.dependencies]\nnumpy = '*'\n[tool.poetry.group.carbon.dependencies]\n"
                            "dash = '^2'\n"}, "minor", "dev_dependency_only"),
    Case("a group of Poetry whose library the code needs",
         {"pyproject.toml": "[tool.poetry.dependencies]\nnumpy = '*'\n", "a.py": ""},
         {"pyproject.toml": "[tool.poetry.dependencies]\nnumpy = '*'\n[tool.poetry.group.app.dependencies]\n"
                            "dash = '^2'\n", "a.py": "import dash\n"}, "major", "new_library", {"dash"}),
    Case("requirements of a test of the whole", {"requirements.txt": "numpy\n"},
         {"code/integration-test/model/requirements.txt": "numpy\ncloudpickle==2.0\n"},
         "minor", "dev_dependency_only"),
    Case("the project itself from its repository", {"setup.py": "from setuptools import setup\nsetup(name='shop')\n",
         "a.ipynb": notebook("x = 1")}, {"a.ipynb": notebook("!pip install git+https://h/a/Shop-Library.git")},
         "minor", "import_of_own_package"),
    Case("a change log set anew",
         {"a.py": "x = f(1)\n", "NEWS.md": "# 2\n\n## Breaking changes\n\n- ``f`` wants a list\n"},
         {"a.py": "x = f(g(1))\n", "NEWS.md": "# 2\n\n## Breaking changes\n\n-   `f` wants a list\n"},
         "minor", "code_logic"),
    Case("settings where environments are kept", {"conf/envs/dev.yaml": "lr: 0.1\n", "environment.yaml": "a: 1\n"},
         {"conf/envs/dev.yaml": "lr: 0.2\n"}, "minor", "parameter_only"),
    Case("a lock of yarn brings a major version",
         {"package.json": '{"dependencies": {"d3": "^6.0.0"}}', "yarn.lock": 'd3@^6.0.0:\n  version "6.7.0"\n'},
         {"package.json": '{"dependencies": {"d3": ">=6"}}', "yarn.lock": 'd3@>=6:\n  version "7.9.0"\n'},
         "major", "library_major_bump"),
    Case("a lock of yarn brings another version for another",
         {"package.json": '{"dependencies": {"d3": "^6.0.0"}}', "yarn.lock": 'd3@^6.0.0:\n  version "6.7.0"\n'},
         {"yarn.lock": 'd3@^6.0.0:\n  version "6.7.0"\n\nd3@^7.0.0:\n  version "7.9.0"\n'},
         "minor", "library_minor_bump"),
    Case("a lock of pnpm moves what others need",
         {"pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {}\n"},
         {"pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  a@2.0.0:\n    resolution: {}\n"},
         "minor", "lockfile_only_transitive"),
    Case("a lock of Bun brings a major version of what is asked for",
         {"bun.lock": bun({"d3": "^6.0.0"}, {"d3": "6.7.0", "d3-path": "1.0.9"})},
         {"bun.lock": bun({"d3": ">=6"}, {"d3": "7.9.0", "d3-path": "1.0.9"})}, "major", "library_major_bump"),
    Case("a lock of Bun moves what others need",
         {"bun.lock": bun({"d3": "^6.0.0"}, {"d3": "6.7.0", "d3-path": "1.0.9"})},
         {"bun.lock": bun({"d3": "^6.0.0"}, {"d3": "6.7.0", "d3-path": "3.1.0"})}, "minor", "lockfile_only_transitive"),
    Case("a library among Debian's packages", {"apt.txt": "graphviz\n"}, {"apt.txt": "graphviz\nr-cran-sf\n"},
         "major", "new_library", {"sf"}),
    Case("a job of Glue in Terraform",
         {"jobs.tf": 'default_arguments = {\n  "--job-language" = "python"\n}\n'},
         {"jobs.tf": 'default_arguments = {\n  "--additional-python-modules" = "awswrangler==3.4,pyarrow"\n}\n'},
         "major", "new_library", {"awswrangler", "pyarrow"}),
    Case("a job of Glue in code", {"deploy.py": "a = {}\n"},
         {"deploy.py": "a = {'--additional-python-modules': 'xgboost==2.0.3'}\n"}, "major", "new_library", {"xgboost"}),
    Case("a constant that names the argument of Glue", {"a.py": ""},
         {"a.py": "import os\nARGUMENT = '--additional-python-modules'\nOTHER = {ARGUMENT: x}\n"},
         "minor", "import_of_stdlib"),
    Case("a variable for the argument of Glue", {"jobs.tf": "a = {\n}\n"},
         {"jobs.tf": 'a = {\n  "--additional-python-modules" = var.modules\n}\n'}, "minor", "code_logic"),
    Case("a manifest with the marks of a conflict", {"environment.yml": ENVIRONMENT, "a.py": "import pandas\n"},
         {"environment.yml": CONFLICT}, "minor", "code_logic"),
    Case("a manifest without marks of a conflict any more", {"environment.yml": CONFLICT, "a.py": "import pandas\n"},
         {"environment.yml": ENVIRONMENT}, "minor", "code_logic"),
    Case("Python in UTF-16", {"a.py": "x = 1\n"}, {"a.py": "import jax\n".encode("utf-16")},
         "major", "new_library", {"jax"}),
    Case("a notebook of Glue", {"a.ipynb": notebook("x = 1")},
         {"a.ipynb": notebook("%additional_python_modules shap,s3://b/bee-1.0-py3-none-any.whl")},
         "major", "new_library", {"shap", "bee"}),
    Case("other settings of a job of Glue",
         {"glue/job.json": '{"--additional-python-modules": "shap", "workers": 2}'},
         {"glue/job.json": '{"--additional-python-modules": "shap", "workers": 4}'}, "minor", "parameter_only"),
    Case("a script of R that installs", {"binder/a": "", "install.R": "install.packages('sf')\n"},
         {"install.R": "install.packages(c('sf', 'terra'))\n"}, "major", "new_library", {"terra"}),
    Case("other words in a script of R that installs", {"setup.R": "install.packages('sf')\nx <- 1\n"},
         {"setup.R": "install.packages('sf')\nx <- 2\n"}, "minor", "parameter_only"),
    Case("what names the version of the project",
         {"setup.cfg": "[metadata]\nname = shop\nversion = 1.2.0\n", "image.json": '{"image": "h/shop:1.2.0"}'},
         {"setup.cfg": "[metadata]\nname = shop\nversion = 1.3.0\n", "image.json": '{"image": "h/shop:1.3.0"}'},
         "minor", "version_bump_release"),
    Case("another number beside a bump",
         {"setup.cfg": "[metadata]\nname = shop\nversion = 1.2.0\n", "params.yaml": "rate: 1.2\n"},
         {"setup.cfg": "[metadata]\nname = shop\nversion = 1.3.0\n", "params.yaml": "rate: 1.3\n"},
         "minor", "parameter_only"),
    Case("settings of the documents", {"docs/conf.py": "extensions = ['a']\n"},
         {"docs/conf.py": "extensions = ['a', 'b']\n"}, "minor", "docs_only"),
    Case("a pipeline of Azure", {"azure-pipelines/train.yml": "trigger: main\n"},
         {"azure-pipelines/train.yml": "trigger: dev\n"}, "minor", "ci_only"),
    Case("a package of R by its name of conda", {"envs/a.yaml": "dependencies:\n  - r-base\n", "fit.R": "x <- 1\n"},
         {"envs/a.yaml": "dependencies:\n  - r-base\n  - bioconductor-biocparallel =1.6\n",
          "fit.R": "library(BiocParallel)\n"}, "major", "new_library", {"bioconductor-biocparallel"}),
    Case("tools of an analysis", {"tools/train.py": ""}, {"tools/train.py": "import torch\n"},
         "major", "new_library", {"torch"}),
    Case("tools of a library", {"setup.py": "", "tools/release.py": ""}, {"tools/release.py": "import rich\n"},
         "minor", "code_logic"),
    Case("a namespace alone", {"a.py": "from google.cloud import storage\n"},
         {"a.py": "import google\nfrom google.cloud import storage\n"}, "minor", "code_logic"),
    Case("a higher bound on newer Pythons crosses for these", {"requirements.txt": "numpy~=1.21\n"},
         {"requirements.txt": "numpy~=1.21; python_version <= '3.9'\nnumpy~=2.1; python_version > '3.9'\n"},
         "major", "library_major_bump"),
    Case("another's change log", {"a.py": "x = f(1)\n"},
         {"a.py": "x = f(g(1))\n", "renv/library/pkg/NEWS.md": "# pkg 2\n\n## Breaking changes\n\n* All new\n"},
         "minor", "code_logic"),
    Case("import in benchmarks", {"setup.py": "", "bench/a.py": ""}, {"bench/a.py": "import asv\n"},
         "minor", "code_logic"),
    Case("a list that is taken in", {"requirements.txt": "-r libs.list\n", "libs.list": "numpy\n"},
         {"libs.list": "numpy\ntorch\n"}, "major", "new_library", {"torch"}),
    Case("a list that is taken in now",
         {"requirements.txt": "numpy\n", "conf/libs.list": "torch\n-r more\n", "conf/more": "jax"},
         {"requirements.txt": "numpy\n-r conf/libs.list\n"}, "major", "new_library", {"torch", "jax"}),
    Case("a list that nothing takes in", {"requirements.txt": "numpy\n", "libs.list": "numpy\n"},
         {"libs.list": "numpy\ntorch\n"}, "minor", "code_logic"),
    Case("a list that comes with its line", {"requirements.txt": "numpy\n"},
         {"requirements.txt": "numpy\n-r libs.list\n", "libs.list": "torch\n-r requirements.txt\n-r libs.list\n"},
         "major", "new_library", {"torch"}),
    Case("a list for development", {"requirements-dev.txt": "-r libs.list\n", "libs.list": "numpy\n"},
         {"libs.list": "numpy\ntorch\n"}, "minor", "code_logic"),
    Case("a list of bounds", {"requirements.txt": "numpy\n-c limits.list\n", "limits.list": "numpy<2\n"},
         {"limits.list": "numpy<3\ntorch<3\n"}, "minor", "library_minor_bump"),
    Case("a list that is left out", {"requirements.txt": "numpy\n-r libs.list\n", "libs.list": "torch\n"},
         {"requirements.txt": "numpy\n"}, "minor", "library_removed"),
    Case("a list that goes", {"requirements.txt": "numpy\n-r libs.list\n", "libs.list": "torch\n"},
         {"requirements.txt": "numpy\ntorch\n", "libs.list": None}, "minor", "code_logic"),
    Case("own package without __init__ whose distribution is known", {"setup.py": "setup(name='taming-transformers')"},
         {"taming/models/vqgan.py": "from taming.modules import encoder\n"}, "minor", "import_of_own_package"),
    Case("one of a family beside its head", {"a.py": ""},
         {"requirements.txt": "azureml-sdk\n", "a.py": "from azureml.core import Workspace\n"},
         "major", "new_library", {"azureml-sdk"}),
    Case("apex as its repository calls it",
         {"requirements.txt": "git+https://github.com/NVIDIA/apex.git\n", "environment.yml": "dependencies:\n- jax\n"},
         {"train.py": "from apex import amp\n", "environment.yml": "dependencies:\n- jax\n- nvidia-apex\n"},
         "minor", "code_logic"),
    Case("what a function of the setup script returns",
         {"setup.py": "def needs():\n    return ['numpy']\nsetup(install_requires=needs())\n"},
         {"setup.py": "def needs():\n    return ['numpy', 'xarray']\nsetup(install_requires=needs())\n"},
         "major", "new_library", {"xarray"}),
    Case("a tool that environments list among the rest", {"environment.yml": "dependencies:\n- numpy\n"},
         {"environment.yml": "dependencies:\n- numpy\n- diff-cover\n- codespell\n"}, "minor", "dev_dependency_only"),
    Case("requirement moved", {"requirements.txt": "numpy\npandas>=1\n"},
         {"requirements.txt": None, "deps/requirements.txt": "numpy\npandas>=1\n"}, "minor", "rename_move"),
    Case("syntax error", {"a.py": "x = 1\n"}, {"a.py": "def broken(:\nimport torchvision\n"},
         "major", "new_library", {"torchvision"}),
    Case("Python 2", {"a.py": "print 'a'\n"}, {"a.py": "print 'a'\nimport urllib2, requests\n"},
         "major", "new_library", {"requests"}),
    Case("a test that becomes code", {"tests/test_a.py": "import polars\n", "a.py": ""},
         {"tests/test_a.py": None, "shop/a.py": "import polars\n"}, "major", "new_library", {"polars"}),
    Case("a test that becomes code and is edited", {"tests/testthat/test-a.R": "library(sf)\nx <- 1\ny <- 2\nz <- 3\n"},
         {"tests/testthat/test-a.R": None, "R/a.R": "library(sf)\nx <- 1\ny <- 2\nz <- 4\n"},
         "major", "new_library", {"sf"}),
    Case("an example of a library that becomes a part of it",
         {"setup.py": "", "examples/e.py": "import polars\n", "shop/__init__.py": ""},
         {"examples/e.py": None, "shop/e.py": "import polars\n"}, "major", "new_library", {"polars"}),
    Case("a text that becomes a script", {"fit.py.txt": "import polars\n"},
         {"fit.py.txt": None, "fit.py": "import polars\n"}, "major", "new_library", {"polars"}),
    Case("code that only moves", {"a.py": "import polars\nimport b\nimport csv\n", "b.py": ""},
         {"a.py": None, "lib/a.py": "import polars\nimport b\nimport csv\n"}, "minor", "rename_move"),
    Case("a test that becomes code and asks for nothing new",
         {"tests/test_a.py": "import numpy\nimport shop.b\n", "shop/b.py": "import numpy\n"},
         {"tests/test_a.py": None, "shop/a.py": "import numpy\nimport shop.b\n"}, "minor", "rename_move"),
    Case("copied code of others asks for more", {"a.py": ""}, {"third_party/wave/__init__.py": "import duckdb\n"},
         "minor", "vendored"),
    Case("a script without an ending", {"scripts/join": "#!/bin/sh\nls\n"},
         {"scripts/join": "#!/usr/bin/env python3\nimport polars\n"}, "major", "new_library", {"polars"}),
    Case("a script of R without an ending", {"bin/fit": "#!/usr/bin/env Rscript\nx <- 1\n"},
         {"bin/fit": "#!/usr/bin/env Rscript\nlibrary(sf)\nx <- 1\n"}, "major", "new_library", {"sf"}),
    Case("a value in a script without an ending", {"bin/fit": "#!/usr/bin/python -u\nn = 1\n"},
         {"bin/fit": "#!/usr/bin/python -u\nn = 2\n"}, "minor", "parameter_only"),
    Case("words of a shell in a script without an ending", {"bin/run": ""}, {"bin/run": "#!/bin/sh\nimport polars\n"},
         "minor", "code_logic"),
    Case("relative import", {"shop/__init__.py": "", "shop/a.py": "x = 1\n"},
         {"shop/a.py": "from . import b\nfrom ..other.c import d\nx = 1\n"}, "minor", "import_of_own_package"),
]  # fmt: skip


def judge(repo: GitRepo, case: Case) -> Classification:
    repo.commit("Begin", case.before)
    sha = repo.commit(case.message, case.after)
    ((found, verdict),) = classify_revisions(open_repository(repo.path), [sha])
    assert found == sha
    return verdict


@pytest.mark.acceptance("CHG-C1")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_level_follows_from_what_the_change_contains(git_repo: GitRepo, case: Case) -> None:
    verdict = judge(git_repo, case)
    assert (verdict.level.value, verdict.kind) == (case.level, case.kind)
    assert {one.name for one in verdict.new_libraries} == case.libraries


@pytest.mark.acceptance("CHG-C1")
def test_evidence_names_rule_file_line_and_both_values(git_repo: GitRepo) -> None:
    case = Case(
        "", {"conf/params.yaml": "a: 1\ntrain:\n  lr: 0.1\n"}, {"conf/params.yaml": "a: 1\ntrain:\n  lr: 0.2\n"}, "", ""
    )
    (one,) = judge(git_repo, case).evidence
    assert (one.path, one.line, one.subject, one.old, one.new) == ("conf/params.yaml", 3, "train.lr", "0.1", "0.2")
    assert (one.rule, one.level) == ("parameters", "minor")


PROSE = "---\ntitle: a\nparams:\n  n: {n}\n---\n" + "text\n" * 20


@pytest.mark.acceptance("CHG-C1")
@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("r.Rmd", PROSE.format(n=1) + "```{r}\nx <- 1\n```\n", PROSE.format(n=2) + "```{r}\nx <- 1\n```\n",
         ("params.n", 4)),
        ("r.Rmd", PROSE + "```{r}\nx <- 1\n```\n", PROSE + "more\n\n```{r}\nx <- 2\n```\n", ("x", 29)),
        ("r.qmd", PROSE + "```{r}\na <- `r b`\n```\n```{python}\n\nx = 1\n```\n",
         PROSE + "```{r}\na <- `r b`\n```\n```{python}\n\nx = 2\n```\n", ("x", 31)),
        ("r.qmd", PROSE + "```{r, echo=TRUE}\nx <- 1\n```\n", PROSE + "```{r, echo=FALSE}\nx <- 1\n```\n",
         ("chunk options", 26)),
        ("a.ipynb", '{"cells": [\n{"cell_type": "code", "source": [\n"y = f(x)\\n",\n"n = 1"\n]}]}',
         '{"cells": [\n{"cell_type": "code", "source": [\n"y = f(x)\\n",\n"n = 2"\n]}]}', ("n", 4)),
        ("a.ipynb", '{"cells": [\n{"cell_type": "code", "source": ["n = 1"]}]}',
         '{"cells": [\n{"cell_type": "code", "source": [\n"import shap\\n",\n"n = 1"]}]}', ("shap", 3)),
        ("a.ipynb", '{"cells": [{"cell_type": "code", "source": "n = 1\\nm = 1"}]}',
         '{"cells": [{"cell_type": "code", "source": "n = 1\\nm = 2"}]}', ("m", None)),
        ("a.py", "x = f(1)\n\ny = g(x)\n", "x = f(1)\n\ny = h(x)\n", ("y = h(x)", 3)),
    ],
)  # fmt: skip
def test_the_line_is_that_of_the_file_whatever_holds_the_code(
    git_repo: GitRepo, path: str, before: str, after: str, expected: tuple[str, int | None]
) -> None:
    verdict = judge(git_repo, Case("", {path: before}, {path: after}, "", ""))
    assert expected in [(one.subject, one.line) for one in verdict.evidence]


@pytest.mark.acceptance("CHG-C2")
def test_the_version_of_a_locked_library_is_not_the_projects(git_repo: GitRepo) -> None:
    lock = '[[package]]\nname = "six"\nversion = "{}"\n'
    before = {"uv.lock": lock.format("1.2.0"), "params.yaml": "model: 1.2.0\n"}
    verdict = judge(
        git_repo, Case("", before, {"uv.lock": lock.format("1.3.0"), "params.yaml": "model: 1.3.0\n"}, "", "")
    )
    assert {one.rule for one in verdict.evidence} == {"transitive-lock-entries", "household", "parameters"}


@pytest.mark.acceptance("CHG-C1")
def test_imports_that_no_library_brings_name_their_line(git_repo: GitRepo) -> None:
    case = Case("", {"shop/a.py": "x = 1\n"}, {"shop/a.py": "# first\nimport csv\nfrom .b import c\nx = 1\n"}, "", "")
    found = {one.rule: (one.line, one.subject) for one in judge(git_repo, case).evidence if one.kind == "import"}
    assert found == {"standard-library-import": (2, "csv"), "own-import": (3, ".b")}


def test_a_runtime_and_system_packages_are_told_with_both_versions(git_repo: GitRepo) -> None:
    """What Binder reads says the language and what lies below it; that is evidence, and no library."""
    case = Case("", {"runtime.txt": "r-4.1-2022-01-01\n", "apt.txt": "gdal-bin=3.4\n"},
                {"runtime.txt": "r-4.2-2023-04-01\n", "apt.txt": "gdal-bin=3.6\n"}, "", "")  # fmt: skip
    verdict = judge(git_repo, case)
    told = {(one.rule, one.path, one.line, one.subject, one.old, one.new) for one in verdict.evidence}
    assert (verdict.level, verdict.new_libraries) == ("minor", ())
    assert told >= {
        ("platform", "runtime.txt", 1, "R", "4.1", "4.2"),
        ("platform", "runtime.txt", 1, "CRAN", "2022-01-01", "2023-04-01"),
        ("platform", "apt.txt", 1, "gdal-bin", "3.4", "3.6"),
    }


def test_a_merge_is_judged_by_what_it_brings_to_its_first_parent(git_repo: GitRepo) -> None:
    git_repo.commit("Begin", {"a.py": "x = 1\n"})
    git_repo.branch("side")
    git_repo.commit("Add", {"b.py": "import torch\n"})
    git_repo.switch("main")
    git_repo.commit("Other", {"c.py": "import jax\n"})
    sha = git_repo.merge("side", "Merge side")
    ((_, verdict),) = classify_revisions(open_repository(git_repo.path), [sha])
    assert [one.name for one in verdict.new_libraries] == ["torch"]


def test_revisions_are_answered_in_the_order_asked_and_a_library_is_new_once(git_repo: GitRepo) -> None:
    first = git_repo.commit("One", {"a.py": "import torch\n"})
    second = git_repo.commit("Two", {"b.py": "import torch\n"})
    third = git_repo.commit("Three", {"b.py": None})
    results = list(classify_revisions(open_repository(git_repo.path), [third, first, second, first]))
    assert [sha for sha, _ in results] == [third, first, second, first]
    assert [verdict.level for _, verdict in results] == [Level.MINOR, Level.MAJOR, Level.MINOR, Level.MAJOR]


def test_a_second_run_reads_nothing_again_whatever_the_rules(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shas = [
        git_repo.commit(f"Step {n}", {"a.py": f"import lib{n}\nx = {n}\n", "requirements.txt": f"lib{n}\n"})
        for n in range(4)
    ]
    cache = FileCache(tmp_path / "cache" / "evidence.sqlite")
    repository, milder = open_repository(git_repo.path), default_rules("[policy]\nlibrary_new = 'minor'\n")
    fresh = list(classify_revisions(repository, shas, cache=cache))
    expected = list(classify_revisions(repository, shas, milder))
    monkeypatch.setattr(Repository, "log", None)
    monkeypatch.setattr(Repository, "blobs", None)
    assert list(classify_revisions(repository, shas, cache=cache)) == fresh
    assert list(classify_revisions(repository, shas, milder, cache)) == expected != fresh


def test_what_is_new_costs_only_itself_and_a_pair_of_blobs_is_read_once(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same edit on another branch, or under other development tools, is taken from the cache by its blobs."""
    base = {f"m{n}.py": f"import lib{n}\n" for n in range(5)} | {"setup.py": "setup(install_requires=['lib0'])\n"}
    first = git_repo.commit("Begin", {**base, "a.py": "import torch\n", "conf.yaml": "lr: 1\n", "CHANGELOG.md": "x\n"})
    edit = {"a.py": "import torch, jax\n", "conf.yaml": "lr: 2\n", "CHANGELOG.md": "x\n- BREAKING CHANGE: y\n"}
    second = git_repo.commit("Edit", edit)
    cache = FileCache(tmp_path / "evidence.sqlite")
    repository = open_repository(git_repo.path)
    before = dict(classify_revisions(repository, [first, second], cache=cache))
    read = _blobs_read(monkeypatch)
    git_repo.git("commit", "--amend", "--message", "Edit again")
    picked = git_repo.git("rev-parse", "HEAD")
    ((_, verdict),) = classify_revisions(repository, [picked], cache=cache)
    assert (verdict, read) == (before[second], [])
    tools = default_rules('[policy]\ndevelopment_tools = ["jax"]\n')
    ((_, verdict),) = classify_revisions(repository, [picked], tools, cache)
    assert (verdict.new_libraries, read) == ((), [])
    third = git_repo.commit("Next", {"a.py": "import torch, jax, numpy\n"})
    ((_, verdict),) = classify_revisions(repository, [third], cache=cache)
    assert [one.name for one in verdict.new_libraries] == ["numpy"]
    assert sorted(read) == sorted(git_repo.git("rev-parse", f"{sha}:a.py") for sha in (picked, third))


def _blobs_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the ids of the blobs that are read from here on."""
    seen: list[str] = []
    ask, read = BlobReader.ask, Repository.read_blobs

    def asked(self: BlobReader, blob: str) -> object:
        seen.append(blob)
        return ask(self, blob)

    def streamed(self: Repository, ids: Iterable[str], *limit: int) -> object:
        wanted = list(ids)
        seen.extend(wanted)
        return read(self, wanted, *limit)

    monkeypatch.setattr(BlobReader, "ask", asked)
    monkeypatch.setattr(Repository, "read_blobs", streamed)
    return seen


def test_lists_are_followed_alike_on_a_walk_and_alone(git_repo: GitRepo, tmp_path: Path) -> None:
    steps: list[Files] = [
        {"requirements.txt": "-r a.list\n", "a.list": "numpy\n", "b.list": "jax\n"},
        {"a.list": "numpy\n-r b.list\n"},
        {"b.list": "jax\n-r a.list\ntorch\n"},
        {"a.list": None, "c.list": "numpy\n-r b.list\n", "requirements.txt": "-r c.list\n"},
        {"requirements.txt": "numpy\n"},
        {"b.list": "dask\n"},
        {"requirements.txt": "numpy\n-r b.list\n"},
    ]
    shas = [git_repo.commit(f"Step {number}", step) for number, step in enumerate(steps)]
    repository = open_repository(git_repo.path)
    walked = list(classify_revisions(repository, shas, cache=FileCache(tmp_path / "evidence.sqlite")))
    names = [{one.name for one in verdict.new_libraries} for _, verdict in walked]
    assert names == [{"numpy"}, {"jax"}, {"torch"}, set(), set(), set(), {"dask"}]
    for one in walked:
        assert list(classify_revisions(repository, [one[0]])) == [one]
    assert list(classify_revisions(repository, shas, cache=FileCache(tmp_path / "evidence.sqlite"))) == walked
    back = list(classify_revisions(repository, shas[::-1]))
    assert back == walked[::-1]


def test_a_broken_cache_is_an_empty_one(git_repo: GitRepo, tmp_path: Path) -> None:
    sha = git_repo.commit("Begin", {"a.py": "import torch\n"})
    (tmp_path / "evidence.sqlite").write_bytes(b"no database" * 100)
    ((_, verdict),) = classify_revisions(
        open_repository(git_repo.path), [sha], cache=FileCache(tmp_path / "evidence.sqlite")
    )
    assert verdict.level is Level.MAJOR


def test_the_command_prints_one_object_a_revision(git_repo: GitRepo, tmp_path: Path) -> None:
    shas = [git_repo.commit(f"Step {n}", {"a.py": f"x = {n}\n"}) for n in range(3)]
    command = [sys.executable, "-m", "release_mgmt", "classify", "--repo", str(git_repo.path), "--format", "jsonl"]
    environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "--stdin"], input="\n".join(shas), capture_output=True, text=True, env=environment, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["sha"] for line in lines] == shas
    assert {"sha", "level", "kind", "needs_review", "new_libraries", "evidence"} <= lines[0].keys()
    done = subprocess.run([*command, f"{shas[0]}..HEAD"], capture_output=True, text=True, env=environment, check=True)
    assert [json.loads(line)["sha"] for line in done.stdout.splitlines()] == [shas[2], shas[1]]
    wrong = subprocess.run([*command, "nonsense"], capture_output=True, text=True, env=environment, check=False)
    assert wrong.returncode == 2
    assert "nonsense" in wrong.stderr


def test_several_processes_give_the_same_verdicts_on_branching_history(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "many.git")
    tips = [builder.commit("Begin", files={"a.py": "import os\n"})]
    for number in range(320):
        parents = [tips[-1]] if number % 7 else [tips[-1], *tips[-4:-3]]
        parents = parents if len(set(parents)) == len(parents) else parents[:1]
        source = "import os\n" + "".join(f"import lib{one}\n" for one in range(number % 11)) + f"x = {number}\n"
        tips.append(builder.commit(f"Step {number}", *parents, files={f"m{number % 5}.py": source}))
    builder.branch("main", tips[-1])
    repository = open_repository(builder.build())
    shas = [commit.sha for commit in repository.log([repository.resolve("HEAD")])]
    alone = list(classify_revisions(repository, shas))
    assert list(classify_revisions(repository, shas, processes=2)) == alone
    one_by_one = [next(iter(classify_revisions(repository, [sha]))) for sha in shas[:40]]
    assert one_by_one == alone[:40]


def test_stretches_of_history_are_whole_newest_first_and_ever_shorter() -> None:
    """Each revision is in one stretch, the last to be taken are short, and none is too short to be worth it."""
    for count in (0, 1, SHORTEST, 301, 5_531):
        for processes in (2, 3, 8):
            order = [str(number) for number in range(count)]
            parts = stretches(order, processes)
            assert [sha for part in reversed(parts) for sha in part] == order
            sizes = [len(part) for part in parts]
            assert sizes == sorted(sizes, reverse=True)
            assert all(size >= SHORTEST for size in sizes[:-1])
            assert count < 10 * SHORTEST or sizes[0] <= count / (2 * processes)


def test_blobs_that_are_missing_need_a_look_and_stop_nothing(git_repo: GitRepo) -> None:
    git_repo.commit("Begin", {"a.py": "import os\n", "b.py": "x = 1\n"})
    sha = git_repo.commit("Edit", {"a.py": "import os, torch\n", "b.py": "x = 2\n"})
    blob = git_repo.git("rev-parse", "HEAD:a.py")
    (git_repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    ((_, verdict),) = classify_revisions(open_repository(git_repo.path), [sha])
    assert verdict.needs_review
    assert {(one.rule, one.path) for one in verdict.evidence} == {("unreadable", "a.py"), ("parameters", "b.py")}


def test_links_submodules_and_odd_names_are_taken(git_repo: GitRepo) -> None:
    git_repo.commit("Begin", {"a.py": "import os\n"})
    (git_repo.path / "link.py").symlink_to("/etc/passwd")
    head = git_repo.git("rev-parse", "HEAD")
    git_repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    (git_repo.path / "1_🏠 Home\t.py").write_bytes(b"import streamlit\n")
    git_repo.git("add", "link.py", "1_🏠 Home\t.py")
    git_repo.git("commit", "-q", "-m", "Odd")
    sha = git_repo.git("rev-parse", "HEAD")
    ((_, verdict),) = classify_revisions(open_repository(git_repo.path), [sha])
    assert [(one.name, one.path) for one in verdict.new_libraries] == [("streamlit", "1_🏠 Home\t.py")]


def test_a_file_that_takes_the_place_of_a_link_is_new_and_one_that_gives_way_is_gone(git_repo: GitRepo) -> None:
    """What stands behind a link was never read; whatever the walk, the same is known of it."""
    git_repo.commit("Begin", {"requirements.txt": "dask\n", "b.py": "import os\n"})
    steps = [
        ("a.py", "b.py"),
        ("a.py", "import polars\n"),
        ("requirements.txt", "b.py"),
        ("requirements.txt", "dask\nshap\n"),
    ]
    for path, text in steps:
        file = git_repo.path / path
        file.unlink(missing_ok=True)
        if text == "b.py":
            file.symlink_to(text)
        else:
            file.write_text(text, encoding="utf-8")
        git_repo.git("add", path)
        git_repo.git("commit", "-q", "-m", path)
    shas = git_repo.git("rev-list", "--reverse", "HEAD").split()[1:]
    found = [verdict for _, verdict in classify_revisions(open_repository(git_repo.path), shas)]
    assert [sorted(one.name for one in verdict.new_libraries) for verdict in found] == [
        [],
        ["polars"],
        [],
        ["dask", "shap"],
    ]
    assert "library-removed" in {one.rule for one in found[2].evidence}
    for sha, verdict in zip(shas, found, strict=True):
        assert list(classify_revisions(open_repository(git_repo.path), [sha])) == [(sha, verdict)]


def test_the_order_in_which_a_tree_came_to_be_does_not_matter(git_repo: GitRepo) -> None:
    git_repo.commit("Example", {"examples/e.py": "import torch\n", "a.py": "x = 1\n"})
    git_repo.commit("Library", {"setup.py": "from setuptools import setup\nsetup(name='shop')\n"})
    sha = git_repo.commit("Use", {"a.py": "import torch\nx = 1\n"})
    repository = open_repository(git_repo.path)
    history = [commit.sha for commit in repository.log([sha])]
    walked = dict(classify_revisions(repository, history))[sha]
    ((_, alone),) = classify_revisions(repository, [sha])
    assert walked == alone
    assert [one.name for one in alone.new_libraries] == ["torch"]
