"""For what the requirements of a file are needed, as its name and folder tell."""

from __future__ import annotations

import re
from posixpath import basename, dirname, normpath
from posixpath import join as joined

from release_mgmt.core.evidence.dependencies.model import Group, word_set

_SPLIT = re.compile(r"[-_.\s]+")
_DEVELOPMENT = word_set(
    """
    asv bench benchmark benchmarks black check checks ci code-style codespace codespaces codestyle contributing
    contributors coverage demo demos dev devcontainer devel develop developer development doc docs documentation
    example examples flake8 format lint linter
    linting mkdocs mypy notebook-tests nox packaging precommit publish pylint pytest qa quality readthedocs
    release rtd sphinx style test testing tests tooling tools tox types typing unittest
    """
)
_BUILD = word_set(
    """
    build wheel
    """
)
_CONSTRAINT = frozenset(("constraint", "constraints"))
_DEVELOPMENT_FOLDERS = word_set(
    """
    .azure-pipelines .binder .ci .circleci .devcontainer .github .gitlab .readthedocs _tools asv_bench benchmark
    benchmarks binder ci doc docs documentation site test testing tests tools website
    """
)
_TEST_FOLDER = re.compile(
    r"(?:acceptance|e2e|end[-_]to[-_]end|functional|integ\w*|load|performance|regression|smoke|system|unit)[-_]?tests?\Z"
)
_OPTIONAL = word_set(
    """
    extra extras opt optional recommended
    """
)


def words(text: str) -> list[str]:
    """The words of a file or group name, in lower case."""
    return [word for word in _SPLIT.split(text.lower()) if word]


def group_of_path(path: str) -> Group:
    """The group of what a requirements or environment file at ``path`` lists."""
    parts = [part.lower() for part in dirname(path).split("/") if part]
    named = words(basename(path).rsplit(".", 1)[0])
    if any(word in _CONSTRAINT for word in named):
        return Group.CONSTRAINT
    if any(part in _DEVELOPMENT_FOLDERS or _TEST_FOLDER.match(part) for part in parts):
        return Group.DEVELOPMENT
    if any(word in _DEVELOPMENT for word in named):
        return Group.DEVELOPMENT
    if any(word in _BUILD for word in named):
        return Group.BUILD
    if any(word in _OPTIONAL for word in named):
        return Group.OPTIONAL
    return Group.RUNTIME


def group_of_name(name: str, otherwise: Group = Group.OPTIONAL) -> Group:
    """The group of an extra or dependency group called ``name``."""
    named = words(name)
    if any(word in _DEVELOPMENT for word in named):
        return Group.DEVELOPMENT
    if any(word in _BUILD for word in named):
        return Group.BUILD
    return otherwise


def beside(path: str, other: str) -> str:
    """``other`` as ``path`` names it, seen from the root of the repository."""
    found = normpath(joined(dirname(path), other[:500]))
    return found.lstrip("/")
