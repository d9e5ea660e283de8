"""The same library under its several names: import, distribution, conda package, GPU build, another spelling."""

from __future__ import annotations

import re
from functools import lru_cache

from release_mgmt.core.evidence import distribution_tables as tables

Identity = tuple[str, str]
"""(family, canonical name): family ``python`` for pypi and conda, ``r`` for cran (in lower case, as conda and Debian
write its names; CRAN takes no two that differ in case alone), else the ecosystem itself."""

_TOOLS: frozenset[str] = frozenset(tables.DEVELOPMENT_TOOLS.split())
_TOOL_PATTERN = re.compile(
    r"(?:pytest|flake8|pylint|sphinx|sphinxcontrib|mkdocs|mkdocstrings|types|mypy|nox|tox)-.+|.+-stubs"
)
_R_TOOLS: frozenset[str] = frozenset(tables.R_DEVELOPMENT_TOOLS.split())

_RUNS = re.compile(r"[-_.]+")


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split() for line in text.strip().splitlines())


IMPORTS: dict[str, str] = _pairs(tables.IMPORTS)
"""Import name (dotted where the first part is shared, as ``google.cloud.storage``) -> distribution as it is spelled."""

_SAME: dict[str, str] = {
    other: names[0] for names in (line.split() for line in tables.SAME.strip().splitlines()) for other in names[1:]
}
_FROM_CONDA: dict[str, str] = _pairs(tables.CONDA)
_SPELLING: dict[str, str] = {_RUNS.sub("-", name).lower(): name for name in tables.SPELLING.split()}
_SPELLING.update({_RUNS.sub("-", name).lower(): name for name in IMPORTS.values()})

R_BASE: frozenset[str] = frozenset(tables.R_BASE.split())
"""Packages that are R itself: always there, never declared as third-party."""

R_RECOMMENDED: frozenset[str] = frozenset(tables.R_RECOMMENDED.split())
"""Packages that usually come with R but are third-party for a manifest."""

# A client library is often called after what it talks to, with the language before or after: tavily-python, py-x.
_AFFIX = re.compile(r"\A(?:python|py)-(?=.)|(?<=.)-(?:python3?|py|lib|library|python-lib)\Z")


def distribution(module: str) -> str:
    """The distribution that provides an imported module: the longest known dotted prefix, else the first part.

    ``sklearn.linear_model`` gives ``scikit-learn``, ``google.cloud.storage.blob`` gives ``google-cloud-storage``.
    """
    parts = module.split(".")
    for length in range(min(len(parts), 4), 0, -1):
        known = IMPORTS.get(".".join(parts[:length]))
        if known:
            return known
    return spelled(parts[0])


def spelled(name: str) -> str:
    """A Python distribution's name as its registry spells it, where we know; else as given."""
    return _SPELLING.get(_RUNS.sub("-", name).lower(), name)


@lru_cache(maxsize=20_000)
def identity(ecosystem: str, name: str) -> Identity:
    """What a requirement is, whatever it is called: pypi and conda names of one library, its CPU, GPU and headless
    builds and its old spellings are one identity."""
    if ecosystem in ("conda", "pypi"):
        key = _RUNS.sub("-", name).lower()
        if ecosystem == "conda":
            if key.startswith(("r-", "bioconductor-")) and key not in ("r-base", "r-essentials"):
                return "r", key.split("-", 1)[1].replace("-", ".")
            key = _FROM_CONDA.get(key, key.removesuffix("-base"))
        return "python", _AFFIX.sub("", _SAME.get(key, key))
    if ecosystem == "cran":
        return "r", name.lower()
    return ecosystem, name


def is_development_tool(who: Identity) -> bool:
    """Whether a library serves to test, format, document or package code, whatever file lists it."""
    family, key = who
    if family == "python":
        return key in _TOOLS or _TOOL_PATTERN.fullmatch(key) is not None
    return family == "r" and key in _R_TOOLS


def import_identity(module: str) -> Identity:
    """The identity of the distribution that provides an imported Python module."""
    return identity("pypi", distribution(module))
