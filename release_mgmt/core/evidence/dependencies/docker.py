"""Dockerfiles: base images and what their commands install; shell scripts that set a machine up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.dependencies.installs import include_files, installs, r_installs
from release_mgmt.core.evidence.dependencies.model import (
    Group,
    Include,
    Manifest,
    NotManifest,
    Requirement,
    requirement,
)
from release_mgmt.core.evidence.dependencies.scope import beside, group_of_path
from release_mgmt.core.evidence.r import masked_code

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_ARG = re.compile(r"(?:ARG|ENV)\s+(\w+)(?:=|\s+)[\"']?([^\s\"']+)", re.IGNORECASE)
_RUN = re.compile(r"RUN\s+(?:--\S+\s+)*(.*)", re.IGNORECASE | re.DOTALL)
_VARIABLE = re.compile(r"\$\{?(\w+)(?::-([^}]*))?\}?")
_INSTRUCTION = re.compile(
    r"(?:FROM|RUN|CMD|LABEL|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD|STOPSIGNAL|SHELL)\s"
)
_HEREDOC = re.compile(r"(?<![<\w])\d*<<-?[\"']?([A-Za-z_]\w*)[\"']?")
# A here-document that is run: it stands alone or is given to a shell or to R, and not to a file or another program.
_READS_COMMANDS = re.compile(
    r"RUN\b\s*(?:--\S+\s*)*(?:(?:\S*/)?(?:(?:ba|da|z)?sh|R|Rscript)\b[^;&|>]*)?\Z", re.IGNORECASE
)


def read(path: str, data: bytes) -> Manifest:
    """The base images of a Dockerfile and what its ``RUN`` lines install."""
    # What an R package carries in ``inst`` is for its makers: it is checked in these images, not run.
    group = Group.DEVELOPMENT if path.startswith("inst/") else group_of_path(path + ".x")
    values: dict[str, str] = {}
    stages: set[str] = set()
    found: list[Requirement] = []
    includes: list[Include] = []
    for number, instruction in instructions(decode(data, 1_000_000)):
        base, argument, run = _FROM.match(instruction), _ARG.match(instruction), _RUN.match(instruction)
        if base:
            image = _filled(base.group(1), values)
            if image not in stages and image != "scratch":
                found.append(_image(image, group, number))
            if base.group(2):
                stages.add(base.group(2))
        elif argument:
            values.setdefault(argument.group(1), _filled(argument.group(2), values))
        elif run:
            command = _filled(_shell(run.group(1)), values)
            found += installs(command, group, number)
            includes += include_files(command, number)
    return Manifest(path, "docker", tuple(found), tuple(includes))


def instructions(text: str) -> Iterator[tuple[int, str]]:
    """(line, instruction) with continuation lines joined, also what a here-document runs, and comments dropped."""
    start = 0
    until: list[str] = []  # the words that end the here-documents that are open
    runs = False
    parts: list[str] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if until:
            if line == until[0]:
                until.pop(0)
                if not until:
                    yield start, "\n".join(parts)
                    parts = []
            elif runs:
                parts.append(line)
            continue
        if not line or line.startswith("#"):
            continue
        if parts and _INSTRUCTION.match(line):
            yield start, " ".join(parts)  # the line before ends in a backslash by mistake
            parts = []
        if not parts:
            start = number
        documents = _HEREDOC.findall(line)
        if documents and re.match(r"(?:RUN|COPY|ADD)\b", parts[0] if parts else line, re.IGNORECASE):
            until = documents
            parts = [_HEREDOC.sub("", " ".join([*parts, line])).rstrip()]
            runs = _READS_COMMANDS.match(parts[0]) is not None
        elif line.endswith("\\"):
            parts.append(line[:-1])
        else:
            yield start, " ".join([*parts, line])
            parts = []
    if parts:
        yield start, " ".join(parts)


def _shell(command: str) -> str:
    """The command of a ``RUN``, its form as a list of words too."""
    if command.startswith("["):
        try:
            words = json.loads(command)
        except (ValueError, RecursionError):
            return command
        if isinstance(words, list):
            return " ".join(str(word) for word in words)
    return command


def _filled(text: str, values: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(match.group(1), match.group(2) or match.group(0))[:300], text)


def _image(image: str, group: Group, line: int) -> Requirement:
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, ""
    return requirement(
        repository, "docker", group, specifier=tag or digest, version=tag or None, pinned=bool(tag), line=line
    )


def read_script(path: str, data: bytes) -> Manifest:
    """What a shell script that sets a machine up installs."""
    group = group_of_path(path)
    found: list[Requirement] = []
    includes: list[Include] = []
    for number, command in instructions(decode(data, 500_000)):
        found += installs(command, group, number)
        includes += include_files(command, number)
    placed = tuple(Include(beside(path, one.path), line=one.line) for one in includes)
    return Manifest(path, "pypi", tuple(found), placed)


def read_r_script(path: str, data: bytes) -> Manifest:
    """What an R script that sets a machine up installs (``install.R`` of Binder). Raises ``NotManifest`` when it is
    nothing."""
    if b"install" not in data:
        raise NotManifest("installs nothing")
    text = decode(data, 500_000)
    found = r_installs(text, group_of_path(path), masked=masked_code(text))
    if not found:
        raise NotManifest("installs nothing")
    return Manifest(path, "cran", tuple(found))
