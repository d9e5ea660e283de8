"""Libraries that a job of AWS Glue installs: the argument ``--additional-python-modules`` in templates, Terraform and
code, and the magic ``%additional_python_modules`` of its notebooks (AWS Glue, Using Python libraries)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.dependencies.model import Group, Manifest, NotManifest, Requirement
from release_mgmt.core.evidence.dependencies.pep508 import parse
from release_mgmt.core.evidence.dependencies.scope import group_of_path

ARGUMENT = "additional-python-modules"
_MOST = 200

# The value beside the key in YAML, JSON, HCL and Python, or behind the option of a command. Without quotes it is one of
# YAML or of a shell: beside a quoted key it states versions, or else it is a variable.
_PLAIN = r"[A-Za-z][^\s\"',}\])]*(?:,[ ]?[A-Za-z][^\s\"',}\])]*)*"
_GIVEN = re.compile(
    r"([\"'])?--additional-python-modules(?(1)\1)\]?[ \t]*(?:[:=,]\s*)?"
    rf"(?:\"([^\"\n]{{1,4000}})\"|'([^'\n]{{1,4000}})'|(?<=[:=\s])(?(1)(?={_PLAIN}[=<>~])|)({_PLAIN}))"
)
_MAGIC = re.compile(r"^%additional_python_modules[ \t]+([^\n]{1,4000})", re.MULTILINE)


def modules(text: str, group: Group = Group.RUNTIME) -> Iterator[Requirement]:
    """The libraries that the arguments and magics in ``text`` name, each with its line. Archives in a bucket are told
    by the name of their file."""
    for pattern in (_GIVEN, _MAGIC):
        line, counted = 1, 0
        for match in islice(pattern.finditer(text), _MOST):
            line += text.count("\n", counted, match.start())
            counted = match.start()
            listed = next(part for part in reversed(match.groups()) if part is not None)
            for name in listed.strip("\"' ").split(","):
                one = parse(_plain(name.strip().strip("\"'")), group, line=line)
                if one is not None:
                    yield one


_WHEEL = re.compile(r"s3://[^\s]*/([A-Za-z0-9][\w.]*)-(\d[\w.!+]*)(?:-[^/]*\.whl|\.tar\.gz)\Z")


def _plain(name: str) -> str:
    archive = _WHEEL.match(name)
    return f"{archive.group(1)}=={archive.group(2)}" if archive else name


def read(path: str, data: bytes) -> Manifest:
    """What the jobs in a template or in Terraform install. Raises ``NotManifest`` when they install nothing."""
    if ARGUMENT.encode() not in data:
        raise NotManifest("no job of Glue that installs libraries")
    return Manifest(path, "pypi", tuple(modules(decode(data, 2_000_000), group_of_path(path))))
