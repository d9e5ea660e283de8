"""Any object of a repository, many at a time, through one ``cat-file``; what trees and commits say."""

from __future__ import annotations

import fcntl
import re
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, NoReturn, TypeVar

from release_mgmt.core.errors import BrokenInvariant
from release_mgmt.sources.git.process import EndedEarly, Process, start
from release_mgmt.sources.git.repository import Repository

FILE_LIMIT = 200_000
"""Bytes of a file above which only its identity is compared."""
TREE = b"40000"
"""The mode of a folder."""
BATCH = 500
"""Objects that are asked for in one go: their names fit a pipe, so that neither side waits for the other."""
_QUESTION = BATCH * 80
"""Bytes that a question may have: the longest names and what is said before them."""
TOGETHER = 2
"""Works that are under way at the same time: one whose answers are looked at, and one that git looks for."""

T = TypeVar("T")
Question = tuple[Literal["contents", "info"], Sequence[str]]
"""What is asked of git, and of which objects (full ids), at most ``BATCH``."""
Work = Generator[Question, Any, T]
"""Something that asks questions as it goes on: it yields one and is sent the answers. See :meth:`Objects.in_turns`."""


class Objects:
    """Any object of a repository, asked and answered; opened when the first is asked for, one process in all."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._opened: Generator[Process, None, None] | None = None
        self._process: Process | None = None
        self._together = TOGETHER

    def _running(self) -> Process:
        if self._process is None:
            self._opened = self._run()
            self._process = next(self._opened)
            # A user who has opened very many pipes is given small ones. A question that does not fit while git is busy
            # with the one before would wait for git, and git for us.
            room = fcntl.fcntl(self._process.stdin.fileno(), fcntl.F_GETPIPE_SZ)
            self._together = TOGETHER if room >= _QUESTION else 1
        return self._process

    def _run(self) -> Generator[Process, None, None]:
        repository = self._repository
        command = ["cat-file", "--batch-command", "--buffer"]
        with start(repository.objects_dir, command, repository.objects_env,
                   time_limit=repository.time_limit) as process:  # fmt: skip
            yield process

    def close(self) -> None:
        """End the process, if one was started; what it still had to say does not matter."""
        opened, self._opened, self._process = self._opened, None, None
        if opened is not None:
            opened.close()

    def _broke_off(self) -> NoReturn:
        """Git ended before it answered: raise for what it said of that."""
        assert self._opened is not None
        opened, self._opened, self._process = self._opened, None, None
        error = EndedEarly("git cat-file ended before it had answered")
        opened.throw(error)
        raise error

    def in_turns(self, works: Iterable[Work[T]]) -> list[T]:
        """What each of many works comes to, a few at a time: git looks for the objects that one asked for while another
        looks at what it was given. No work may ask otherwise than by its questions.
        """
        done: list[T] = []
        waiting: deque[tuple[Work[T], Question]] = deque()

        def go_on(work: Work[T], answers: object) -> None:
            try:
                question = work.send(answers)
            except StopIteration as end:
                done.append(end.value)
            else:
                self._ask(question)
                waiting.append((work, question))

        try:
            for work in works:
                go_on(work, None)
                while len(waiting) >= self._together:
                    answered, question = waiting.popleft()
                    go_on(answered, self._answers(question))
            while waiting:
                answered, question = waiting.popleft()
                go_on(answered, self._answers(question))
        except BaseException:
            for work, _ in waiting:
                work.close()
            self.close()  # what it was asked and did not answer yet is no answer to what others will ask
            raise
        return done

    def _ask(self, question: Question) -> None:
        order, shas = question
        if not "".join(shas).isalnum():
            raise BrokenInvariant(f"not object ids: {shas!r}")
        process = self._running()
        try:
            process.stdin.write("".join([f"{order} {sha}\n" for sha in shas]).encode() + b"flush\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._broke_off()

    def _answers(self, question: Question) -> object:
        """The bytes of each object, or a line of git's about each."""
        order, shas = question
        stdout = self._running().stdout
        if order == "info":
            lines = [*islice(stdout, len(shas))]
            return b"".join(lines) if len(lines) == len(shas) else self._broke_off()
        found: dict[str, bytes | None] = {}
        readline, read = stdout.readline, stdout.read
        for sha in shas:
            header = readline().split()
            if len(header) == 3:
                found[sha] = read(int(header[2]))
                ended = not read(1)
            else:
                found[sha] = None
                ended = not header
            if ended:
                self._broke_off()
        return found

    def read(self, sha: str) -> bytes | None:
        """The bytes of any object given by its full id; None when it is missing."""
        return self.read_all([sha])[sha]

    def read_all(self, shas: Collection[str]) -> dict[str, bytes | None]:
        """The bytes of objects given by their full ids; None for those that are missing."""
        (found,) = self.in_turns([contents(shas)])
        return found

    def at_root(self, commit: str, name: bytes) -> str | None:
        """The id of what stands at the root of a commit's tree under a name; None when nothing does."""
        data = self.read(commit)
        if data is None or not data.startswith(b"tree "):
            return None
        root = data[5 : data.index(b"\n")].decode()
        return next((sha.hex() for _, one, sha in parted(rows(self.read(root) or b"", root)) if one == name), None)


def contents(shas: Iterable[str]) -> Work[dict[str, bytes | None]]:
    """The bytes of objects given by their full ids; None for those that are missing."""
    found: dict[str, bytes | None] = {}
    for part in _parts(shas):
        found.update((yield "contents", part))
    return found


def sizes(shas: Iterable[str]) -> Work[dict[str, int]]:
    """The bytes that objects given by their full ids have, without those that are missing."""
    found: dict[str, int] = {}
    for part in _parts(shas):
        lines: bytes = yield "info", part
        for sha, line in zip(part, lines.split(b"\n"), strict=False):
            words = line.split()
            if len(words) == 3:
                found[sha] = int(words[2])
    return found


def missing(shas: Iterable[str]) -> Work[set[str]]:
    """Those of ``shas`` (full ids) that the repository does not hold."""
    found: set[str] = set()
    for part in _parts(shas):
        lines: bytes = yield "info", part
        if b" missing\n" in lines:
            told = zip(part, lines.split(b"\n"), strict=False)
            found.update(sha for sha, line in told if line.endswith(b" missing"))
    return found


def _parts(shas: Iterable[str]) -> Iterator[Sequence[str]]:
    wanted = list(dict.fromkeys(shas))
    for begin in range(0, len(wanted), BATCH):
        yield wanted[begin : begin + BATCH]


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
