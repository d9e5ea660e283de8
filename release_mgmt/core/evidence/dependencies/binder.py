"""What Binder reads beside the manifests of languages: apt.txt and runtime.txt, the latter also Heroku's."""

from __future__ import annotations

import re

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.dependencies.installs import installs
from release_mgmt.core.evidence.dependencies.model import Manifest, NotManifest, requirement
from release_mgmt.core.evidence.dependencies.scope import group_of_path

_PYTHON = re.compile(r"(?:(python|pypy)-?(?=\d)|(?=[23]\.))(\d+(?:\.\d+)*(?:-\d+(?:\.\d+)*)?)(?:\.[x*])?\Z")
_R = re.compile(r"r(?:-(\d+(?:\.\d+)*))?(?:-(\d{4}-\d\d-\d\d))?\Z")


def read_apt(path: str, data: bytes) -> Manifest:
    """The Debian packages of an apt.txt, those that carry a library of Python or R as that library. Raises
    ``NotManifest`` when it names none."""
    group = group_of_path(path)
    found = [
        one
        for number, line in enumerate(decode(data, 500_000).split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#")
        for one in installs(f"apt-get install {line}", group, number)
    ]
    if not found:
        raise NotManifest("names no packages")
    return Manifest(path, "apt", tuple(found))


def read_runtime(path: str, data: bytes) -> Manifest:
    """The language of a runtime.txt with its version (``python-3.11.4``, a bare ``3.11`` is Python's too) and for R the
    day on which CRAN is looked at (``r-4.1-2022-01-01``). Raises ``NotManifest`` when the file says anything else."""
    lines = [(number, line.strip()) for number, line in enumerate(decode(data, 500_000).split("\n"), 1) if line.strip()]
    given = _languages(lines[0][1].lower()) if len(lines) == 1 else []
    if not given:
        raise NotManifest("names no version of a language")
    group = group_of_path(path)
    found = [
        requirement(name, "platform", group, specifier=version, version=version, pinned=True, line=lines[0][0])
        for name, version in given
    ]
    return Manifest(path, "platform", tuple(found))


def _languages(text: str) -> list[tuple[str, str]]:
    python, r = _PYTHON.match(text), _R.match(text)
    if python:
        return [("PyPy" if python[1] == "pypy" else "Python", python[2])]
    return [(name, version) for name, version in zip(("R", "CRAN"), r.groups(), strict=True) if version] if r else []
