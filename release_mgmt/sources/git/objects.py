"""Any object of a repository, many at a time, through one ``cat-file``; what trees and commits say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.sources.git.process import Process, start
from release_mgmt.sources.git.repository import Repository

FILE_LIMIT = 200_000
"""Bytes of a file above which only its identity is compared."""
TREE = b"40000"
"""The mode of a folder."""
BATCH = 500
"""Objects that are asked for in one go: their names fit a pipe, so that neither side waits for the other."""


class Objects:
    """Any object of a repository, asked and answered; opened when the first is asked for, one process in all."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._opened: Iterator[Process] | None = None
        self._process: Process | None = None

    def _running(self) -> Process:
        if self._process is None:
            self._opened = self._run()
            self._process = next(self._opened)
        return self._process

    def _run(self) -> Iterator[Process]:
        repository = self._repository
        command = ["cat-file", "--batch-command", "--buffer"]
        with start(repository.objects_dir, command, repository.objects_env,
                   time_limit=repository.time_limit, check=False) as process:  # fmt: skip
            yield process

    def close(self) -> None:
        """End the process, if one was started."""
        if self._opened is not None:
            next(self._opened, None)
            self._opened = self._process = None

    def missing(self, shas: Sequence[str]) -> set[str]:
        """Those of ``shas`` (full ids) that the repository does not hold."""
        found: set[str] = set()
        for part, answers in self._described(shas):
            if b" missing\n" in answers:
                lines = answers.split(b"\n")
                found.update(sha for sha, line in zip(part, lines, strict=False) if line.endswith(b" missing"))
        return found

    def sizes(self, shas: Sequence[str]) -> dict[str, int]:
        """The bytes that objects given by their full ids have, without those that are missing."""
        found: dict[str, int] = {}
        for part, answers in self._described(shas):
            for sha, line in zip(part, answers.split(b"\n"), strict=False):
                words = line.split()
                if len(words) == 3:
                    found[sha] = int(words[2])
        return found

    def _described(self, shas: Sequence[str]) -> Iterator[tuple[Sequence[str], bytes]]:
        """What git says of objects without giving them: so many ids, and a line for each."""
        for begin in range(0, len(shas), BATCH):
            process, part = self._running(), shas[begin : begin + BATCH]
            process.stdin.write("".join([f"info {sha}\n" for sha in part]).encode() + b"flush\n")
            process.stdin.flush()
            answers = b""
            while answers.count(b"\n") < len(part):
                more = process.stdout.read1(1 << 16)  # type: ignore[attr-defined]  # a pipe has it
                if not more:
                    break
                answers += more
            yield part, answers

    def read(self, sha: str) -> bytes | None:
        """The bytes of any object given by its full id; None when it is missing."""
        return self.read_all([sha])[sha]

    def read_all(self, shas: Collection[str]) -> dict[str, bytes | None]:
        """The bytes of objects given by their full ids; None for those that are missing."""
        found: dict[str, bytes | None] = {}
        process, wanted = self._running(), list(dict.fromkeys(shas))
        for begin in range(0, len(wanted), BATCH):
            part = wanted[begin : begin + BATCH]
            if not "".join(part).isalnum():
                raise BrokenInvariant(f"not object ids: {part!r}")
            process.stdin.write("".join([f"contents {sha}\n" for sha in part]).encode() + b"flush\n")
            process.stdin.flush()
            readline, read = process.stdout.readline, process.stdout.read
            for sha in part:
                header = readline().split()
                if len(header) == 3:
                    found[sha] = read(int(header[2]))
                    read(1)
                else:
                    found[sha] = None
        return found

    def at_root(self, commit: str, name: bytes) -> str | None:
        """The id of what stands at the root of a commit's tree under a name; None when nothing does."""
        data = self.read(commit)
        if data is None or not data.startswith(b"tree "):
            return None
        root = data[5 : data.index(b"\n")].decode()
        return next((sha.hex() for _, one, sha in parted(rows(self.read(root) or b"", root)) if one == name), None)


Found = tuple[bytes, bytes, bytes]
"""An entry of a tree: its mode, its name and the id of what stands there, in bytes."""

_ROW = {size: re.compile(rb"[0-7]+ [^\0]+\0.{%d}" % size, re.DOTALL) for size in (20, 32)}


def rows(tree: bytes, like: str) -> list[bytes]:
    """The entries of a tree as they are written, in a repository whose full ids look ``like`` this one."""
    return _ROW[len(like) // 2].findall(tree)


def parted(written: Iterable[bytes]) -> Iterator[Found]:
    """The parts of what :func:`rows` gives."""
    for row in written:
        mode, _, rest = row.partition(b" ")
        name, _, blob = rest.partition(b"\0")
        yield mode, name, blob


@contextmanager
def objects_of(repository: Repository) -> Iterator[Objects]:
    """All objects of a repository; no process is started before one is asked for."""
    objects = Objects(repository)
    try:
        yield objects
    finally:
        objects.close()


Head = tuple[str, Sequence[str]]
"""Of a commit the id of its tree and those of its parents."""


def head_of(data: bytes | None) -> Head | None:
    """The tree and the parents of a commit."""
    if data is None or not data.startswith(b"tree "):
        return None
    lines = data.partition(b"\n\n")[0].decode("ascii", "replace").split("\n")
    return lines[0][5:], [line[7:] for line in lines if line.startswith("parent ")]
