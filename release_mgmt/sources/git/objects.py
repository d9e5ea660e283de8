"""Any object of a repository, many at a time, through one ``cat-file``; what trees and commits say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
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
        process = self._running()
        for begin in range(0, len(shas), BATCH):
            part = shas[begin : begin + BATCH]
            process.stdin.write("".join(f"info {sha}\n" for sha in part).encode() + b"flush\n")
            process.stdin.flush()
            answers = b""
            while answers.count(b"\n") < len(part):
                more = process.stdout.read1(1 << 16)  # type: ignore[attr-defined]  # a pipe has it
                if not more:
                    break
                answers += more
            if b" missing\n" in answers:
                lines = answers.split(b"\n")
                found.update(sha for sha, line in zip(part, lines, strict=False) if line.endswith(b" missing"))
        return found

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
            for sha in part:
                header = process.stdout.readline().split()
                found[sha] = process.stdout.read(int(header[2]) + 1)[:-1] if len(header) == 3 else None
        return found

    def at_root(self, commit: str, name: bytes) -> str | None:
        """The id of what stands at the root of a commit's tree under a name; None when nothing does."""
        data = self.read(commit)
        if data is None or not data.startswith(b"tree "):
            return None
        root = data[5 : data.index(b"\n")].decode()
        return next((sha.hex() for _, one, sha in entries(self.read(root) or b"", root) if one == name), None)


Found = tuple[bytes, bytes, bytes]
"""An entry of a tree: its mode, its name and the id of what stands there, in bytes."""

_ENTRIES = {size: re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}


def entries(tree: bytes, like: str) -> list[Found]:
    """What stands in a tree, in a repository whose full ids look ``like`` this one."""
    return _ENTRIES[len(like) // 2].findall(tree)


@contextmanager
def objects_of(repository: Repository) -> Iterator[Objects]:
    """All objects of a repository; no process is started before one is asked for."""
    objects = Objects(repository)
    try:
        yield objects
    finally:
        objects.close()


def head_of(data: bytes | None) -> tuple[str, list[str]] | None:
    """The tree and the parents of a commit."""
    if data is None or not data.startswith(b"tree "):
        return None
    lines = data.partition(b"\n\n")[0].decode("ascii", "replace").split("\n")
    return lines[0][5:], [line[7:] for line in lines if line.startswith("parent ")]
