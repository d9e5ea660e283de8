"""pyproject.toml: PEP 621, PEP 735, build requirements, Poetry, PDM, Hatch, uv, Pixi and Flit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, decode, load_toml
from release_mgmt.core.evidence.dependencies.model import Group, Include, Manifest, Requirement, normalise, requirement
from release_mgmt.core.evidence.dependencies.pep508 import PLATFORM, parse_all
from release_mgmt.core.evidence.dependencies.scope import beside, group_of_name
from release_mgmt.core.evidence.dependencies.versions import bound

_QUOTED = re.compile(r""""([^"\n]{1,300})"|'([^'\n]{1,300})'""")
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]{0,200}\}\}")
_VALUE = re.compile(r"(?m)(=[ \t]*)\{\{[^{}\n]{0,200}\}\}[ \t]*$")
_STATEMENT = re.compile(r"\{%[^{}\n]{0,300}%\}")
_KEY = re.compile(r"""^\s*["']?([A-Za-z0-9][\w.-]*)["']?\s*=""")


def read(path: str, data: bytes) -> Manifest:
    """What a pyproject.toml declares. Raises ``Unreadable`` when it is no TOML."""
    document = _document(data)
    lines = line_index(decode(data))
    project, tool = table(document, "project"), table(document, "tool")
    found = [
        *_project(project, lines),
        *_groups(table(document, "dependency-groups"), lines),
        *parse_all(items(table(document, "build-system").get("requires")), Group.BUILD, lines=lines),
        *_poetry(table(tool, "poetry"), lines),
        *_tools(tool, lines),
    ]
    name = (
        project.get("name") or table(tool, "poetry").get("name") or table(table(tool, "flit"), "metadata").get("name")
    )
    includes = tuple(
        Include(beside(path, file))
        for file in items(table(table(table(tool, "setuptools"), "dynamic"), "dependencies").get("file"))
        if isinstance(file, str)
    )
    return Manifest(
        path, "pypi", tuple(found), includes, provides=name if isinstance(name, str) and name != "-" else None
    )


def _document(data: bytes) -> dict[str, Any]:
    """The table of the file; in a template of a project its placeholders are blanked."""
    try:
        return load_toml(data)
    except Unreadable:
        if b"{{" not in data and b"{%" not in data:
            raise
        text = _VALUE.sub(r"\1'-'", _STATEMENT.sub("", decode(data)))
        return load_toml(_PLACEHOLDER.sub("-", text).encode())


def table(value: Any, key: str) -> Mapping[str, Any]:
    """The table at ``key``, an empty one when there is none or it is something else."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def items(value: Any) -> list[Any]:
    """A list as it is, one text as a list of one, anything else as nothing."""
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) else []


def line_index(text: str) -> dict[str, int]:
    """The first line on which each quoted text and each key stands."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > 5000:
            continue
        for double, single in _QUOTED.findall(line):
            found.setdefault((double or single).strip(), number)
        key = _KEY.match(line)
        if key:
            found.setdefault(key.group(1), number)
    return found


def _project(project: Mapping[str, Any], lines: dict[str, int]) -> Iterator[Requirement]:
    yield from parse_all(items(project.get("dependencies")), Group.RUNTIME, lines=lines)
    for name, listed in table(project, "optional-dependencies").items():
        yield from parse_all(items(listed), group_of_name(name), extra=name, lines=lines)


def _groups(groups: Mapping[str, Any], lines: dict[str, int]) -> Iterator[Requirement]:
    """PEP 735: never installed with the project, so development unless a group is named for something else."""
    for name, listed in groups.items():
        yield from parse_all(items(listed), group_of_name(name, Group.DEVELOPMENT), extra=name, lines=lines)


def _poetry(poetry: Mapping[str, Any], lines: dict[str, int]) -> Iterator[Requirement]:
    yield from named_table(table(poetry, "dependencies"), Group.RUNTIME, None, lines)
    yield from named_table(table(poetry, "dev-dependencies"), Group.DEVELOPMENT, "dev", lines)
    for name, group in table(poetry, "group").items():
        # Groups other than main "must only contain dependencies you need in your development process" (Poetry's
        # documentation, Dependency groups); code that needs one of them all the same says so by its import.
        optional = isinstance(group, dict) and group.get("optional") is True
        kind = group_of_name(name, Group.OPTIONAL if optional else Group.DEVELOPMENT)
        kind = Group.RUNTIME if name == "main" else kind
        yield from named_table(table(group, "dependencies"), kind, name, lines)


def _tools(tool: Mapping[str, Any], lines: dict[str, int]) -> Iterator[Requirement]:
    for name, listed in table(table(tool, "pdm"), "dev-dependencies").items():
        yield from parse_all(items(listed), Group.DEVELOPMENT, extra=name, lines=lines)
    yield from parse_all(items(table(tool, "uv").get("dev-dependencies")), Group.DEVELOPMENT, extra="dev", lines=lines)
    yield from parse_all(items(table(tool, "uv").get("constraint-dependencies")), Group.CONSTRAINT, lines=lines)
    for name, environment in table(table(tool, "hatch"), "envs").items():
        listed = [*items(table({"e": environment}, "e").get("dependencies"))]
        listed += items(table({"e": environment}, "e").get("extra-dependencies"))
        yield from parse_all(listed, Group.DEVELOPMENT, extra=name, lines=lines)
    flit = table(table(tool, "flit"), "metadata")
    yield from parse_all(items(flit.get("requires")), Group.RUNTIME, lines=lines)
    for name, listed in table(flit, "requires-extra").items():
        yield from parse_all(items(listed), group_of_name(name), extra=name, lines=lines)
    yield from pixi(table(tool, "pixi"), lines)


def pixi(root: Mapping[str, Any], lines: dict[str, int]) -> Iterator[Requirement]:
    """The conda and pypi tables of a Pixi manifest, with those of its features and of single platforms."""
    yield from _pixi(root, Group.RUNTIME, None, lines)
    for name, feature in table(root, "feature").items():
        yield from _pixi(feature, group_of_name(name), name, lines)


def _pixi(held: Any, group: Group, extra: str | None, lines: dict[str, int]) -> Iterator[Requirement]:
    for one in (held, *table(held, "target").values()):
        yield from named_table(table(one, "dependencies"), group, extra, lines, "conda")
        yield from named_table(table(one, "pypi-dependencies"), group, extra, lines)
        for name in ("host-dependencies", "build-dependencies"):
            yield from named_table(table(one, name), Group.BUILD, extra, lines, "conda")


def named_table(
    listed: Mapping[str, Any], group: Group, extra: str | None, lines: dict[str, int], ecosystem: str = "pypi"
) -> Iterator[Requirement]:
    """Requirements as a table of name = specifier, or name = {version, git, optional, markers} (Poetry, Pipfile)."""
    for written, value in listed.items():
        name = written.partition("[")[0]
        forms = value if isinstance(value, list) else [value]
        for form in forms[:50]:
            wanted = form if isinstance(form, dict) else {"version": form}
            if normalise(name, "pypi") in PLATFORM or wanted.get("path"):
                continue
            text = wanted.get("version")
            specifier = text if isinstance(text, str) and text != "*" else ""
            version, pinned = bound(specifier)
            if specifier[:1].isdigit() and ecosystem == "pypi":
                pinned = True
            url = wanted.get("git") or wanted.get("url") or wanted.get("file")
            marker = wanted.get("markers") or wanted.get("python")
            yield requirement(
                name,
                ecosystem,
                Group.OPTIONAL if wanted.get("optional") is True and group is Group.RUNTIME else group,
                extra=extra,
                specifier=specifier,
                version=version,
                pinned=pinned,
                marker=marker if isinstance(marker, str) else None,
                url=url if isinstance(url, str) else None,
                line=lines.get(written),
            )
