"""Which reader a path asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from posixpath import basename

from release_mgmt.core.evidence.bounded import PATHS, Unreadable
from release_mgmt.core.evidence.dependencies import (
    binder,
    conda,
    conda_locks,
    dbt,
    docker,
    glue,
    julia,
    node_locks,
    npm,
    pipfile,
    pyproject,
    python_locks,
    r,
    requirements_txt,
    setup_cfg,
    setup_py,
)
from release_mgmt.core.evidence.dependencies.model import Manifest, NotManifest

Reader = Callable[[str, bytes], Manifest]
"""(path from the root of the repository, the file's bytes) -> what it declares; may raise ``Unreadable``, and
``NotManifest`` when the content shows that the file only bears the name of one."""

_BY_NAME: dict[str, tuple[str, Reader]] = {
    "DESCRIPTION": ("cran", r.read_description),
    "JuliaManifest.toml": ("julia", julia.read_manifest),
    "JuliaProject.toml": ("julia", julia.read_project),
    "Manifest.toml": ("julia", julia.read_manifest),
    "NAMESPACE": ("cran", r.read_namespace),
    "Pipfile": ("pypi", pipfile.read),
    "Pipfile.lock": ("pypi", pipfile.read_lock),
    "Project.toml": ("julia", julia.read_project),
    "apt.txt": ("apt", binder.read_apt),
    "bun.lock": ("npm", npm.read_bun),
    "conda-lock.yaml": ("conda", conda_locks.read_conda_lock),
    "conda-lock.yml": ("conda", conda_locks.read_conda_lock),
    "dependencies.yml": ("dbt", dbt.read),
    "meta.yaml": ("conda", conda.read_recipe),
    "meta.yml": ("conda", conda.read_recipe),
    "npm-shrinkwrap.json": ("npm", npm.read_lock),
    "package-lock.json": ("npm", npm.read_lock),
    "package.json": ("npm", npm.read_package),
    "packages.yml": ("dbt", dbt.read),
    "packrat.lock": ("cran", r.read_packrat),
    "pdm.lock": ("pypi", python_locks.read_pdm),
    "pixi.lock": ("conda", conda_locks.read_pixi_lock),
    "pixi.toml": ("conda", conda.read_pixi),
    "pnpm-lock.yaml": ("npm", node_locks.read_pnpm),
    "poetry.lock": ("pypi", python_locks.read_poetry),
    "pylock.toml": ("pypi", python_locks.read_pylock),
    "pyproject.toml": ("pypi", pyproject.read),
    "recipe.yaml": ("conda", conda.read_recipe),
    "renv.lock": ("cran", r.read_renv),
    "runtime.txt": ("platform", binder.read_runtime),
    "setup.cfg": ("pypi", setup_cfg.read),
    "setup.py": ("pypi", setup_py.read),
    "uv.lock": ("pypi", python_locks.read_uv),
    "yarn.lock": ("npm", node_locks.read_yarn),
}

_REQUIREMENTS = re.compile(
    r"(?:.*[-_.])?(?:requirements?|requires|reqs?|constraints?|deps|dependencies)(?:[-_.\d].*)?\.(?:txt|in|pip)\Z"
    r"|requirements(?:[-_]\w+)?\.lock\Z"
    r"|requirements?(?:[-_][\w-]+)?\Z",
    re.IGNORECASE,
)
_PERHAPS = re.compile(
    r"(?:pip[-_]?requires|(?:python|pip|py)[-_]?(?:packages|modules|libs|libraries|deps)|packages|libs|libraries|modules"
    r"|install[-_]?requires|pip|prod|production|base|common|runtime[-_]deps|local|minimal|full|gpu|cpu|dev|test|docs)"
    r"\.(?:txt|pip|in)\Z",
    re.IGNORECASE,
)
_REQUIREMENTS_FOLDER = re.compile(r"(?:.*/)?(?:requirements?|reqs|constraints)/[^/]+\.(?:txt|in|pip)\Z", re.IGNORECASE)

_PATTERNS: tuple[tuple[re.Pattern[str], str, Reader], ...] = tuple(
    (re.compile(rf"(?:.*/)?{pattern}\Z", re.IGNORECASE), ecosystem, reader)
    for pattern, ecosystem, reader in (
        (r"pylock\.[^/]+\.toml", "pypi", python_locks.read_pylock),
        (r"(?:(?:Dockerfile|Containerfile)(?:[._-][^/]*)?|[^/]+\.dockerfile)", "docker", docker.read),
        (
            r"[^/]*(?:environment|conda|dependencies|(?<![a-z])envs?(?![a-z]))[^/]*\.ya?ml",
            "conda",
            conda.read_environment,
        ),
        (r"(?:conda|envs?|environments?|conda[-_]envs?)/[^/]+\.ya?ml", "conda", conda.read_environment),
        (r"(?:install|setup|bootstrap|postbuild|post_build|provision)[\w-]*\.(?:sh|bash)", "pypi", docker.read_script),
        (
            r"(?:[\w-]*[_-])?(?:deps|dependencies|env|environment|prerequisites)\.(?:sh|bash)",
            "pypi",
            docker.read_script,
        ),
        (r"postbuild", "pypi", docker.read_script),
        (r"(?:install|packages|requirements|dependencies|setup)[\w-]*\.r", "cran", docker.read_r_script),
        (r"(?:conda|spec)[-_]?(?:list|file|packages)?\.txt", "conda", conda.read_list),
        (r"conda-[\w-]+\.lock|[^/]*explicit[^/]*\.(?:txt|lock)", "conda", conda.read_list),
        (r"[^/]*(?:linux|osx|win)[-_](?:64|arm64|aarch64|ppc64le)[^/]*\.(?:txt|lock)", "conda", conda.read_list),
        (r"[^/]+\.tf", "pypi", glue.read),
        (r"(?:[^/]*glue[^/]*|[^/]*(?:template|stack|cloudformation)[^/]*)\.(?:ya?ml|json)", "pypi", glue.read),
        (r"[^/]*glue[^/]*/(?:[^/]+/)*[^/]+\.(?:ya?ml|json)", "pypi", glue.read),
    )
)

# Copies of other people's projects: what they ask for is not asked for by this one.
_FOREIGN = re.compile(
    r"(?:^|/)(?:node_modules|site-packages|vendor|vendored|_vendor|third[_-]?party|bower_components|renv/library"
    r"|packrat/(?:src|lib[^/]*)|\.venv|venv)/",
    re.IGNORECASE,
)


def manifest_kind(path: str) -> Reader | None:
    """The reader of the manifest at ``path``, None when that is no manifest (or one of a vendored project)."""
    found = _found(path)
    return found[1] if found else None


def ecosystem_of(path: str) -> str | None:
    """The ecosystem of the manifest at ``path``, as its name tells, None when it is none."""
    found = _found(path)
    return found[0] if found else None


@lru_cache(maxsize=PATHS)
def _found(path: str) -> tuple[str, Reader] | None:
    if len(path) > 1000 or _FOREIGN.search(path):
        return None
    name = basename(path)
    by_name = _BY_NAME.get(name)
    if by_name:
        return by_name
    if _REQUIREMENTS.match(name) or _REQUIREMENTS_FOLDER.match(path):
        return "pypi", requirements_txt.read
    for pattern, ecosystem, reader in _PATTERNS:
        if pattern.match(path):
            return ecosystem, reader
    return ("pypi", requirements_txt.read_unnamed) if _PERHAPS.match(name) else None


def read(path: str, data: bytes) -> Manifest | None:
    """The manifest at ``path``, None when it is none. Never raises: what cannot be read says why."""
    found = _found(path)
    return _read(path, data, *found) if found else None


def read_included(path: str, data: bytes) -> Manifest | None:
    """A file that a manifest takes in, whatever its name: read as its name says, else as a requirements file."""
    return _read(path, data, *(_found(path) or ("pypi", requirements_txt.read)))


def _read(path: str, data: bytes, ecosystem: str, reader: Reader) -> Manifest | None:
    try:
        return reader(path, data)
    except NotManifest:
        return None
    except Unreadable as error:
        return Manifest(path, ecosystem, unreadable=error.message)
    except RecursionError:
        return Manifest(path, ecosystem, unreadable="nested too deeply")
