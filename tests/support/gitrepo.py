"""Real repositories for tests, written in one go by ``git fast-import``: milliseconds for hundreds of commits."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

START = 1_700_000_000
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann Author",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
}


def git(folder: Path, *arguments: str, feed: bytes | None = None) -> str:
    """Run git as a user would, without the machine's configuration."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder, env=ENVIRONMENT, input=feed, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@dataclass
class Builder:
    """Collects commits and tags, then makes the bare repository; marks stand for commits until it is built.

    A commit without ``files`` adds one line to a file of its own, so that no two commits have the same patch; a merge
    without ``files`` brings in what its other parents' side changed.
    ``when`` is in seconds since 1970; by default each commit is a minute younger than the one before.
    """

    path: Path
    head: str = "main"
    stream: list[bytes] = field(default_factory=list)
    refs: list[tuple[str, str, str | None]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    shas: dict[str, str] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed: dict[str, dict[str, str | bytes | None]] = field(default_factory=dict)

    def commit(
        self,
        message: str,
        *parents: str,
        files: dict[str, str | bytes | None] | None = None,
        author: str = "Ann Author <ann@example.org>",
        when: int | None = None,
        branch: str | None = None,
        mark: str | None = None,
        encoding: str | None = None,
        raw_message: bytes | None = None,
    ) -> str:
        """Add a commit on ``parents`` (marks) and give its mark; ``branch`` points there at the end."""
        number = len(self.marks) + 1
        name = mark or f"c{number}"
        self.marks.append(name)
        seconds = START + 60 * number if when is None else when
        text = message.encode() if raw_message is None else raw_message
        lines = [f"commit refs/build/{number}\nmark :{number}\nauthor {author} {seconds} +0000\n".encode()]
        lines.append(f"committer {author} {seconds} +0000\n".encode())
        if encoding:
            lines.append(f"encoding {encoding}\n".encode())
        lines.append(b"data %d\n%s\n" % (len(text), text))
        for at, parent in enumerate(parents):
            lines.append(f"{'merge' if at else 'from'} :{self.marks.index(parent) + 1}\n".encode())
        if files is None:
            files = self._brought_in(parents) if len(parents) > 1 else {f"files/{name}.txt": f"{name}\n"}
        self.parents[name], self.changed[name] = parents, files
        for path, content in files.items():
            if content is None:
                lines.append(f"D {path}\n".encode())
                continue
            data = content.encode() if isinstance(content, str) else content
            lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
        self.stream.append(b"".join(lines))
        if branch:
            self.branch(branch, name)
        return name

    def ancestors(self, *marks: str) -> set[str]:
        """The commits of ``marks`` and all before them."""
        seen: set[str] = set()
        ahead = list(marks)
        while ahead:
            mark = ahead.pop()
            if mark not in seen:
                seen.add(mark)
                ahead.extend(self.parents[mark])
        return seen

    def _brought_in(self, parents: tuple[str, ...]) -> dict[str, str | bytes | None]:
        new = self.ancestors(*parents[1:]) - self.ancestors(parents[0])
        files: dict[str, str | bytes | None] = {}
        for mark in self.marks:
            if mark in new:
                files.update(self.changed[mark])
        return files

    def branch(self, name: str, mark: str) -> None:
        """Let a branch point at a commit."""
        self.refs.append((f"refs/heads/{name}", mark, None))

    def tag(self, name: str, mark: str, message: str | None = None) -> None:
        """A lightweight tag, or with a ``message`` an annotated one."""
        self.refs.append((f"refs/tags/{name}", mark, message))

    def build(self) -> Path:
        """Write the repository; afterwards ``shas`` maps marks to full shas."""
        self.path.mkdir(parents=True, exist_ok=True)
        git(self.path, "init", "-q", "--bare", f"--initial-branch={self.head}", ".")
        stream = list(self.stream)
        for at, (name, mark, message) in enumerate(self.refs):
            number = self.marks.index(mark) + 1
            if message is None:
                stream.append(f"reset {name}\nfrom :{number}\n\n".encode())
            else:
                text = message.encode()
                who = f"tagger Ann Author <ann@example.org> {START + 10_000 + at} +0000"
                stream.append(
                    f"tag {name.removeprefix('refs/tags/')}\nfrom :{number}\n{who}\n".encode()
                    + b"data %d\n%s\n" % (len(text), text)
                )
        marks = self.path / "marks"
        git(self.path, "fast-import", "--quiet", "--force", f"--export-marks={marks}", feed=b"".join(stream))
        if marks.exists():
            for line in marks.read_text().splitlines():
                number, _, sha = line[1:].partition(" ")
                self.shas[self.marks[int(number) - 1]] = sha
            marks.unlink()
        kept = git(self.path, "for-each-ref", "--format=delete %(refname)", "refs/build")
        git(self.path, "update-ref", "--stdin", feed=f"{kept}\n".encode() if kept else b"")
        return self.path
