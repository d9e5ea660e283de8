"""What the files of a change are for, as far as a verdict asks."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from posixpath import basename

from release_mgmt.core.evidence.bounded import PATHS
from release_mgmt.core.evidence.words import is_change_log


class Purpose(StrEnum):
    """What a file is for."""

    CODE = "code"
    TESTS = "tests"
    DOCUMENTATION = "documentation"
    EXAMPLES = "examples"
    CI = "ci"
    VENDORED = "vendored"
    TOOLING = "tooling"


_VENDORED = re.compile(
    r"(?:^|/)(?:node_modules|site-packages|vendor|vendored|_vendor|third[_-]?party|bower_components|renv/library"
    r"|packrat/(?:src|lib[^/]*)|\.venv|venv)/|(?:^|/)(?:renv/activate\.R|versioneer\.py|packrat/init\.R|ez_setup\.py)\Z"
    r"|(?:^|/)RcppExports\.(?:R|cpp)\Z|\.min\.(?:js|css)\Z",
    re.IGNORECASE,
)
_CI = re.compile(
    r"(?:^|/)(?:\.github|\.circleci|\.gitlab|\.?azure[-_]?(?:pipelines?|devops)|\.pipelines|\.ci|ci|\.buildkite|\.tekton|\.travis)/"
    r"|(?:^|/)(?:\.travis\.ya?ml|\.gitlab-ci[^/]*\.ya?ml|appveyor\.ya?ml|azure-pipelines[^/]*\.ya?ml|Jenkinsfile[^/]*"
    r"|\.pre-commit-config\.ya?ml|\.pre-commit-hooks\.yaml|renovate\.json5?|\.renovaterc(?:\.json)?|dependabot\.ya?ml"
    r"|\.codecov\.ya?ml|codecov\.ya?ml|cloudbuild\.ya?ml|bitbucket-pipelines\.yml|\.drone\.yml|\.readthedocs\.ya?ml"
    r"|\.lintr|\.flake8|\.pylintrc|tox\.ini|noxfile\.py|\.coveragerc|sonar-project\.properties|\.editorconfig"
    r"|\.markdownlint[^/]*|\.yamllint[^/]*|\.sourcery\.ya?ml|\.deepsource\.toml"
    r"|[._]?typos\.toml|\.cruft\.json|\.?mypy\.ini|pytest\.ini|\.isort\.cfg|\.?ruff\.toml|pyrightconfig\.json"
    r"|\.prettierrc[^/]*|\.eslintrc[^/]*|\.pydocstyle|\.bandit|\.hadolint\.yaml)\Z|(?:^|/)\.(?:claude|cursor)/"
)
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|testing|testthat|(?:unit|functional|integ[a-z]*|e2e|smoke|system|acceptance|regression)[-_]?tests?"
    r"|__tests__|spec|touchstone|bench(?:marks?)?|asv_bench)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|tests|testing_utils)\.(?:py|pyx|R|r)\Z|(?:^|/)test-[^/]*\.[Rr]\Z",
    re.IGNORECASE,
)
_DOCUMENTATION = re.compile(
    r"(?:^|/)(?:docs?|docs[-_][\w-]+|documentation|man|vignettes|pkgdown|website|site|\.devcontainer|sphinx)/"
    r"|(?:^|/)(?:README|CONTRIBUTING|LICEN[CS]E|COPYING|AUTHORS|CODE_OF_CONDUCT|SECURITY|CITATION|NOTICE|MAINTAINERS|CODEOWNERS"
    r"|SUPPORT|ROADMAP|GOVERNANCE|FAQ|INSTALL|HISTORY|TODO)(?:\.[^/]*)?\Z"
    r"|(?:^|/)(?:_toctree\.yml|_?pkgdown\.yml|mkdocs\.ya?ml)\Z",
    re.IGNORECASE,
)
_PROSE = frozenset(
    ("md", "rst", "txt", "adoc", "org", "tex", "bib", "png", "jpg", "jpeg", "gif", "svg", "pdf", "webp", "ico", "rd",
     "drawio", "html", "css")
)  # fmt: skip
_EXAMPLES = re.compile(
    r"(?:^|/)(?:examples?|tutorials?|demos?|samples?|cookbook|tools|inst/(?:dev|examples?|doc|tutorials?))/"
    r"|(?:^|/)examples?\.(?:r|py)\Z",
    re.IGNORECASE,
)
_DEVELOPMENT = re.compile(
    r"(?:^|/)(?:data-raw|inst/dev|dev|tooling|\.github|hooks|maintenance|release)/"
    r"|(?:^|/)(?:setup|fabfile|tasks|dodo|noxfile|conftest|versioneer|setupegg)\.py\Z|(?:^|/)(?:\.Rprofile|codemeta\.R)\Z"
    r"|(?:^|/)(?:hex[-_]?(?:sticker|logo)|make[-_]?hex[^/]*|sticker|hexlogo|logo)[^/]*\.[Rr]\Z"
)


@lru_cache(maxsize=PATHS)
def purpose(path: str) -> Purpose:
    """What the file at ``path`` is for, as its name tells."""
    if _VENDORED.search(path):
        return Purpose.VENDORED
    if _CI.search(path):
        return Purpose.CI
    if _TESTS.search(path) and not path.lower().endswith(".ipynb"):
        return Purpose.TESTS
    if _DOCUMENTATION.search(path) or is_change_log(path):
        return Purpose.DOCUMENTATION
    if _DEVELOPMENT.search(path):
        return Purpose.TOOLING
    if _EXAMPLES.search(path):
        return Purpose.EXAMPLES
    return Purpose.CODE


def counts_at_run_time(path: str, library: bool) -> bool:
    """Whether what the code at ``path`` asks for is needed at run time: notebooks and analysis scripts too, and
    examples unless the repository is a library."""
    found = purpose(path)
    return found is Purpose.CODE or (found is Purpose.EXAMPLES and not library)


def is_prose(path: str) -> bool:
    """Whether a file only tells or shows something to people."""
    name = basename(path)
    return "." in name and name.rpartition(".")[2].lower() in _PROSE
