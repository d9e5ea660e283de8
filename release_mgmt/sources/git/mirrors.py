"""Bare mirrors of our own: the only repositories that the service reads.

A mirror is made empty (no template, so no hooks of anybody), filled by fetches of explicit refspecs, and never checked
out; submodules stay names. A first fetch happens beside the final place and is moved there when it is whole; a later
one that fails or is stopped leaves every ref where it was, because git moves refs last.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release_mgmt import resources
from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError, RepositoryRefused, TooLarge, Unavailable
from release_mgmt.sources.addresses import Address, pin
from release_mgmt.sources.git.copies import copy_objects, write_refs
from release_mgmt.sources.git.process import GitFailed, Process, environment, run, start
from release_mgmt.sources.git.repository import open_repository

INCOMPLETE = "repository_incomplete"
REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_PULL_REF = re.compile(r"refs/(?:pull|merge-requests|pull-requests)/[1-9]\d{0,8}/(?:head|merge|from)")
_LONGEST_LISTING = 64 * 2**20  # bytes of what the other side says it has
_WATCH_EVERY = 0.5  # seconds between two looks at the size


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mirror may cost."""

    seconds: float = 1_800.0
    size: int = 4 * 1024**3  # bytes
    refs: int = 200_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did: ``changed`` is False when every ref stood where the other side has it."""

    path: Path
    changed: bool
    refs: int


def update(
    path: Path, address: Address, ips: Sequence[str], token: str | None, limits: Limits | None = None
) -> Fetched:
    """Bring the mirror at ``path`` up to ``address``; made when missing, made anew when it is damaged.

    ``ips`` are the addresses that were judged (:func:`release_mgmt.sources.addresses.resolve`); git is held to them.

    Raises:
        TooLarge: over a limit of size or refs; nothing moved.
        Unavailable: the other side does not answer, or not in time.
        RepositoryRefused: the other side is no repository, or is shallow.
    """
    limits = limits or Limits()
    with _alone(path):
        if address.kind == "path":
            open_repository(address.url)  # refuses what is shallow or unreadable, with the command that mends it
        theirs, head = _listing(path.parent, address, ips, token, limits)
        if path.is_dir():
            try:
                if _ours(path) == theirs:
                    return Fetched(path, False, len(theirs))
                _fill(path, address, ips, token, limits, theirs)
                _point_head(path, head)
                return Fetched(path, True, len(theirs))
            except (GitFailed, RepositoryRefused, NotADirectoryError):
                # Damaged (a full disk, a lost file): what is here can be had again.
                if not _damaged(path):
                    raise
        _make(path, address, ips, token, limits, head, theirs)
        return Fetched(path, True, len(theirs))


def fetch_refs(
    path: Path,
    address: Address,
    ips: Sequence[str],
    token: str | None,
    names: Sequence[str],
    limits: Limits | None = None,
) -> tuple[str, ...]:
    """Fetch some other refs (``refs/pull/7/head``) into a mirror that is there; the names that the other side has.

    Raises:
        InvalidInput: a name is none that forges give to the heads of pull requests.
    """
    limits = limits or Limits()
    for name in names:
        if not _PULL_REF.fullmatch(name):
            raise InvalidInput.at("ref", f"{name[:100]!r} is not the head of a pull request")
    with _alone(path):
        command = ["ls-remote", "--end-of-options", address.url, *names]
        env = _environment(path.parent, address, ips, token)
        listed = run(path.parent, command, env, time_limit=120.0, most=_LONGEST_LISTING)
        theirs = tuple(text.partition("\t")[2] for text in listed.decode("utf-8", "replace").splitlines())
        wanted = tuple(name for name in names if name in theirs)
        if wanted:
            _fetch(path, address, ips, token, limits, [f"+{name}:{name}" for name in wanted], prune=False)
        return wanted


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One fetch a mirror at a time, among all processes of this machine; told in a sentence where there is no place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        raise Unavailable(
            f"Mirrors cannot be written to {path.parent}: {error.strerror or error}.",
            hint="Make the folder writable for who runs this, and see that its disk has room.",
        ) from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("this repository is being fetched already", details={"retry_after": 10}) from None
        yield


def _fill(
    path: Path, address: Address, ips: Sequence[str], token: str | None, limits: Limits, theirs: Mapping[str, str]
) -> None:
    """Fetch; from a folder that lacks objects, which git cannot send, take over the files that it has."""
    try:
        _fetch(path, address, ips, token, limits)
    except RepositoryRefused as error:
        if error.code != INCOMPLETE or address.kind != "path":
            raise
        source = open_repository(address.url)
        objects = run(source.git_dir, ["rev-parse", "--git-path", "objects"], source.env).decode().strip()
        copy_objects((source.git_dir / objects).resolve(), path, limits.size)
        write_refs(path, _ours(path), theirs)


def _make(
    path: Path,
    address: Address,
    ips: Sequence[str],
    token: str | None,
    limits: Limits,
    head: str | None,
    theirs: Mapping[str, str],
) -> None:
    fresh = path.with_name(path.name + ".new")
    old = path.with_name(path.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        # Ids of 64 digits are of SHA-256; git fetches only between repositories of one kind.
        kind = "sha256" if any(len(sha) == 64 for sha in theirs.values()) else "sha1"
        made = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", f"--object-format={kind}"]
        run(fresh, made, environment())
        _fill(fresh, address, ips, token, limits, theirs)
        _point_head(fresh, head)
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        fresh.rename(path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _environment(folder: Path, address: Address, ips: Sequence[str], token: str | None) -> dict[str, str]:
    settings = {"fetch.writeCommitGraph": "true", "fetch.recurseSubmodules": "false"}
    if ips and address.kind in {"https", "http"}:
        settings["http.curloptResolve"] = pin(address, ips)
    trusted = resources.authorities()
    if trusted is not None:
        settings["http.sslCAInfo"] = str(Path(trusted).resolve())
    if token and address.kind == "https":
        # By the environment and for this host only: arguments and URLs are seen by other users of the machine.
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings[f"http.https://{address.host}:{address.port}/.extraHeader"] = f"Authorization: Basic {basic}"
    found = environment(protocols=("file" if address.kind == "path" else address.kind,), settings=settings)
    if address.kind == "path":
        # git drops GIT_CONFIG_COUNT for the upload-pack it starts in the other repository, so that the owner of a
        # configured folder must be named in a file.
        names = "".join(f"\tdirectory = {_quoted(name)}\n" for name in (address.url, f"{address.url}/.git"))
        found["GIT_CONFIG_GLOBAL"] = str(_kept(folder, f"[safe]\n{names}"))
    return found


def _kept(folder: Path, text: str) -> Path:
    """A file that holds ``text``, named by it: fetches of several repositories at a time have files of their own."""
    path = folder / f"trusted-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    return path


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listing(
    folder: Path, address: Address, ips: Sequence[str], token: str | None, limits: Limits
) -> tuple[dict[str, str], str | None]:
    """The heads and tags of the other side, and the ref its HEAD points to."""
    command = ["ls-remote", "--symref", "--end-of-options", address.url, "HEAD", "refs/heads/*", "refs/tags/*"]
    try:
        env = _environment(folder, address, ips, token)
        listed = run(folder, command, env, time_limit=min(120.0, limits.seconds), most=_LONGEST_LISTING)
    except (GitFailed, RepositoryRefused) as error:
        raise _told(error, address) from error
    refs: dict[str, str] = {}
    head = None
    for text in listed.decode("utf-8", "replace").splitlines():
        left, _, name = text.partition("\t")
        if left.startswith("ref: ") and name == "HEAD":
            head = left.removeprefix("ref: ")
        # "HEAD" also matches the end of other names, such as refs/remotes/origin/HEAD.
        elif name.startswith(("refs/heads/", "refs/tags/")) and not name.endswith("^{}"):
            refs[name] = left
    if len(refs) > limits.refs:
        raise TooLarge(
            f"the repository has {len(refs)} branches and tags; {limits.refs} are read", code="too_many_refs"
        )
    return refs, head


def _told(error: ReleaseMgmtError, address: Address) -> ReleaseMgmtError:
    """A failure to reach the other side, in words for the person who gave the address."""
    words = str(error.details.get("stderr", ""))
    where = address.host or address.url
    if "Authentication failed" in words or "could not read Username" in words or "403" in words:
        return RepositoryRefused(
            f"{where} does not let us read this repository",
            code="repository_forbidden",
            hint="Give a token with read access in the settings of this forge.",
        )
    if re.search(r"returned error: 30\d", words):
        return RepositoryRefused(
            f"{where} sends us elsewhere for this repository: it was renamed or moved",
            code="repository_moved",
            hint="Give its new address; its changes, releases and feeds stay what they are.",
        )
    if error.code == INCOMPLETE or "possible repository corruption" in words or "unable to read" in words:
        return RepositoryRefused(
            f"{where} lacks objects that its history names",
            code=INCOMPLETE,
            hint="git fetch --refetch --no-filter origin   (in that repository; or clone it again)",
        )
    if "not found" in words or "does not appear to be a git repository" in words or "does not exist" in words:
        return RepositoryRefused(f"there is no git repository at {address.url}", code="not_a_repository")
    return Unavailable(f"{where} cannot be read now: {words}", code="git_unavailable")


def _ours(path: Path) -> dict[str, str]:
    listed = run(
        path, ["for-each-ref", "--format=%(objectname)%09%(refname)", "refs/heads", "refs/tags"], environment()
    )
    pairs = (text.split("\t", 1) for text in listed.decode("utf-8", "replace").splitlines())
    return {name: sha for sha, name in pairs}


def _fetch(
    path: Path,
    address: Address,
    ips: Sequence[str],
    token: str | None,
    limits: Limits,
    refspecs: Sequence[str] = REFSPECS,
    *,
    prune: bool = True,
) -> None:
    command = [
        "fetch", "--quiet", "--prune" if prune else "--no-prune", "--force", "--no-tags", "--no-recurse-submodules",
        "--no-auto-maintenance", "--no-write-fetch-head", "--end-of-options", address.url, *refspecs,
    ]  # fmt: skip
    too_large = threading.Event()
    try:
        with start(
            path, command, _environment(path.parent, address, ips, token), time_limit=limits.seconds
        ) as fetching:
            watcher = threading.Thread(target=_watch, args=(path, limits.size, fetching, too_large), daemon=True)
            watcher.start()
            fetching.stdout.read()
            fetching.popen.wait()
            watcher.join()
    except (GitFailed, RepositoryRefused) as error:
        if not too_large.is_set():
            raise (error if _damaged(path) else _told(error, address)) from error
    finally:
        for leftover in (path / "objects" / "pack").glob("tmp_*"):
            leftover.unlink(missing_ok=True)
    if too_large.is_set():
        raise TooLarge(
            f"the repository is larger than {limits.size // 2**20} MB",
            code="repository_too_large",
            hint="An administrator can raise the limit in the settings.",
        )


def _watch(path: Path, limit: int, fetching: Process, too_large: threading.Event) -> None:
    """Stop a fetch whose objects outgrow the limit, also when it ends between two looks."""
    while True:
        try:
            fetching.popen.wait(_WATCH_EVERY)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        if size_of(path) > limit:
            too_large.set()
            fetching.kill()
            return
        if ended:
            return


def size_of(path: Path) -> int:
    """Bytes of the objects below ``path``; files that vanish meanwhile count nothing."""
    total = 0
    for file in (path / "objects").rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _point_head(path: Path, head: str | None) -> None:
    """Let HEAD name the other side's default branch; a detached or missing HEAD stays at ``main``."""
    if head is not None and head.startswith("refs/heads/"):
        run(path, ["check-ref-format", head], environment())
        run(path, ["symbolic-ref", "HEAD", head], environment())


def _damaged(path: Path) -> bool:
    """Whether the mirror itself is broken: it is no repository, or a ref names an object that is not there."""
    try:
        names = run(path, ["for-each-ref", "--format=%(objectname)"], environment())
        if not (path / "HEAD").is_file():
            return True
        # Blobs may be missing (a filtered copy); commits and trees may not.
        walk = ["rev-list", "--objects", "--filter=blob:none", "--no-object-names", "--quiet", "--stdin"]
        run(path, walk, environment(), feed=names)
    except ReleaseMgmtError:
        return True
    except OSError:
        return True
    return False
