"""Starting git: one environment for every process, time limits, errors in our own words."""

from __future__ import annotations

import _thread
import fcntl
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from release_mgmt.core.errors import BrokenInvariant, ReleaseMgmtError, RepositoryRefused, TooLarge, Unavailable
from release_mgmt.core.text import one_line

TIME_LIMIT = 600.0
"""Seconds that one process may take unless the caller says otherwise."""

_PIPE = 4_096
"""Bytes that an empty pipe takes without anybody reading, on every system (``PIPE_BUF`` and page size of Linux)."""

_AHEAD = 1 << 20
"""Bytes that git may print before they are read: what any user may ask of Linux for one pipe."""

# What a repository's own configuration may say is not trusted: these win over it, since the environment is read last.
# Verified signatures and file system monitors would start programs that the repository names.
_SETTINGS: Mapping[str, str] = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.quotePath": "false",
    "protocol.allow": "never",
    "transfer.fsckObjects": "true",
    # Faults that old programs left in honest histories (Flask's, for one) and that harm no reader; the forges let
    # them pass too. Everything else that git finds wrong in an object is refused.
    "fetch.fsck.zeroPaddedFilemode": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.badDateOverflow": "ignore",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "log.showSignature": "false",
    "log.mailmap": "true",
    "mailmap.blob": "HEAD:.mailmap",
    "mailmap.file": "",
    "gpg.program": "/bin/false",
    "gpg.ssh.program": "/bin/false",
    "gpg.x509.program": "/bin/false",
    "advice.graftFileDeprecated": "false",
    "diff.renameLimit": "1000",
    "i18n.logOutputEncoding": "UTF-8",
    "credential.helper": "",
}

_MISSING_OBJECT = re.compile(
    r"bad object|[Cc]ould not read|unable to read|missing (?:blob|tree|commit)|bad tree object|unable to find"
    r"|did not receive expected object|unable to parse commit|promisor remote|not a valid object|invalid object",
)

_DAMAGED = re.compile(
    r"is corrupt|corrupt (?:loose|or missing)|inflate: |garbage at end of loose object|unable to unpack|bad packed"
    r"|packed object .* corrupt|file .*\.pack .*(?:corrupt|mismatch|truncated)|failed to apply delta"
)
_TALKING = ("fetch", "ls-remote")
"""Of these, such words are about what came over the network, which may come whole the next time."""

_HINTS = re.compile(r"^(?:remote: )?hint:.*\n?", re.MULTILINE)  # git's advice comes first and would be all that is kept


def environment(
    safe_directories: Iterable[str] = (),
    *,
    protocols: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment of a git process: nothing of ours but PATH, nothing of the user's configuration.

    ``protocols`` names what may be talked (``https``, ``ssh``, ``file``); with none, as for all reading, git
    can reach nothing, so that a partial clone never fetches behind our back.
    """
    values = dict(_SETTINGS)
    for protocol in protocols:
        values[f"protocol.{protocol}.allow"] = "always"
    values.update(settings or {})
    pairs = [*values.items(), *(("safe.directory", folder) for folder in safe_directories)]
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        "HOME": "/nonexistent",
        "XDG_CONFIG_HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_GRAFT_FILE": "/dev/null",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_FLUSH": "0",
        "GIT_PAGER": "cat",
        "GIT_CONFIG_COUNT": str(len(pairs)),
    }
    for number, (key, value) in enumerate(pairs):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found


class GitFailed(ReleaseMgmtError):
    """Git ended with an error; ``details["stderr"]`` holds its bounded words."""

    code = "git_failed"


class EndedEarly(BrokenInvariant):
    """Git ended before it had answered. Raised inside :func:`start`, it becomes what git said of that, if it did."""


@dataclass(slots=True)
class Process:
    """A running git with pipes; ``timed_out`` is set by the watchdog before it kills the process group."""

    popen: subprocess.Popen[bytes]
    timed_out: bool = False

    @property
    def stdin(self) -> IO[bytes]:
        """Where to write."""
        assert self.popen.stdin is not None
        return self.popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Where to read."""
        assert self.popen.stdout is not None
        return self.popen.stdout

    def kill(self) -> None:
        """End the whole process group: git starts children of its own."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@contextmanager
def start(
    git_dir: Path,
    arguments: Sequence[str],
    env: Mapping[str, str],
    *,
    time_limit: float = TIME_LIMIT,
    feed: bytes | None = None,
    source: IO[bytes] | None = None,
    check: bool = True,
) -> Iterator[Process]:
    """Run ``git <arguments>`` on ``git_dir`` and give its pipes; on leaving, wait, and raise when git failed.

    ``feed`` is written to standard input, by a thread when it is too long for the pipe, so that it cannot block;
    ``source`` is another process's output to read from. Leaving early (an
    exception or a reader that stops) kills the group. Raises :class:`Unavailable` when the time limit passed.
    """
    command = ["git", f"--git-dir={git_dir}", "--no-pager", "--no-replace-objects", *arguments]
    # Standard error goes to an unnamed file of the kernel: a pipe that nobody drains could block git.
    errors = os.memfd_create("git-stderr")
    popen = subprocess.Popen(
        command,
        cwd=git_dir,
        env=dict(env),
        stdin=source or subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        bufsize=1 << 16,
    )
    process = Process(popen)
    _widen(process.stdout)
    done = threading.Event()

    def watch() -> None:
        if not done.wait(time_limit):
            process.timed_out = True
            process.kill()

    _thread.start_new_thread(watch, ())  # which threading's start would wait for, while git starts on the same cores
    feeder = None
    if feed is not None and len(feed) <= _PIPE:
        _write_all(process.stdin, feed)
    elif feed is not None:
        feeder = threading.Thread(target=_write_all, args=(process.stdin, feed), daemon=True)
        feeder.start()
    finished, early = False, None
    try:
        yield process
        finished = True
    except EndedEarly as error:
        early = error
    finally:
        if not finished:
            process.kill()
        if feeder is not None:
            feeder.join()
        if popen.stdin is not None:
            _write_all(popen.stdin, b"")
        process.stdout.close()
        code = popen.wait()
        done.set()
        words = _said(errors)
    if process.timed_out:
        raise Unavailable(f"git {arguments[0]} took longer than {time_limit:g} s and was stopped", code="git_timeout")
    if (check or early) and code != 0:
        raise failure(arguments[0], words) from early
    if early:
        raise early


def _widen(pipe: IO[bytes]) -> None:
    """Let git write ahead while its last words are being read; where the system allows no more, it waits as usual."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # a user's share of memory for pipes is used up
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _AHEAD)


def _write_all(pipe: IO[bytes], data: bytes) -> None:
    try:
        pipe.write(data)
        pipe.close()
    except (BrokenPipeError, ValueError, OSError):
        return  # git ended early; its exit code tells why


def _said(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    words = os.read(descriptor, 8192).decode("utf-8", "replace")
    os.close(descriptor)
    return words


def failure(command: str, stderr: str) -> ReleaseMgmtError:
    """What git's words mean: a repository that is damaged or lacks objects is refused, anything else is a failure."""
    words = scrub(_HINTS.sub("", stderr))
    if command not in _TALKING and _DAMAGED.search(stderr):
        return RepositoryRefused(
            f"the repository is damaged ({words})",
            code="repository_damaged",
            hint="git fsck --full names what is damaged   (then clone again, or restore the repository)",
            details={"stderr": words},
        )
    if _MISSING_OBJECT.search(stderr):
        return RepositoryRefused(
            f"the repository lacks objects that its history needs ({words})",
            code="repository_incomplete",
            hint="git fetch --refetch --no-filter origin   (or clone again without --depth and --filter)",
            details={"stderr": words},
        )
    return GitFailed(f"git {command} failed: {words}", details={"stderr": words})


def scrub(text: str) -> str:
    """Git's words on one bounded line, with whatever stands before an ``@`` in a URL removed."""
    return one_line(re.sub(r"://[^/\s@]*@", "://", text), 400)


def git_version() -> str:
    """What ``git --version`` says; empty when there is no git."""
    try:
        done = subprocess.run(
            ["git", "--version"], env=environment(), capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def run(
    git_dir: Path,
    arguments: Sequence[str],
    env: Mapping[str, str],
    *,
    time_limit: float = TIME_LIMIT,
    feed: bytes | None = None,
    most: int | None = None,
) -> bytes:
    """Run git to its end and give what it printed; TooLarge when that is more than ``most`` bytes."""
    with start(git_dir, arguments, env, time_limit=time_limit, feed=feed) as process:
        printed = process.stdout.read() if most is None else process.stdout.read(most + 1)
        if most is not None and len(printed) > most:
            raise TooLarge(f"git {arguments[0]} says more than {most // 2**20} MB", code="too_many_refs")
        return printed
