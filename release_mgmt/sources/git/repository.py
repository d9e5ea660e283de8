"""A repository on disk: opening it, its references, its history and its objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from release_mgmt.core.errors import NotFound, RepositoryRefused
from release_mgmt.core.history import Commit
from release_mgmt.sources.git import log as git_log
from release_mgmt.sources.git.blobs import SIZE_LIMIT, BlobReader, MissingBlob, questions, read_stream
from release_mgmt.sources.git.process import TIME_LIMIT, Process, environment, run, start
from release_mgmt.sources.git.shadow import Shadow, configuration, is_partial

_FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What `git check-ref-format` allows, with ^ and ~ steps, and without the syntax of reflogs, paths and ranges.
_REVISION = re.compile(r"(?![-./])(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?:[~^]\d{0,4}){0,9}")
_REF_FORMAT = (
    "%(refname)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)%00"
    "%(taggerdate:iso-strict)%00%(creatordate:iso-strict)%00%(taggeremail:trim)"
)
_ORIGIN = re.compile(r'^\s*\[remote "origin"\][^\[]*?^\s*url\s*=\s*(\S+)\s*$', re.MULTILINE)
_HINT = "give the path of a checkout or a bare repository"

Merges = Literal["none", "first-parent"]
Renames = Literal["similar", "exact", "none"]
_RENAMES: dict[Renames, tuple[str, ...]] = {"similar": ("-M",), "exact": ("-M100%",), "none": ("--no-renames",)}


class TagRef(NamedTuple):
    """A tag: ``name`` without ``refs/tags/``; ``target`` is what the reference names, ``commit`` the commit it comes
    to after peeling (None when it names a blob, a tree or nothing readable); ``date`` is ISO 8601, the tagger's for an
    annotated tag, else the commit's. ``tagger`` is the address of who made an annotated tag.
    """

    name: str
    target: str
    commit: str | None
    annotated: bool
    date: str | None
    tagger: str | None = None


class Head(NamedTuple):
    """Where HEAD is: ``branch`` is None when detached, ``sha`` None when there is no commit yet."""

    branch: str | None
    sha: str | None


@dataclass(frozen=True, slots=True)
class Refs:
    """All references of one moment: tags in the order of their names, branches (local, then remote) by full name.

    ``told`` are git's words for the names, where they were asked for alone.
    """

    tags: tuple[TagRef, ...]
    branches: dict[str, str]
    head: Head
    told: str | None = field(default=None, compare=False, repr=False)


class TreeEntry(NamedTuple):
    """One file of a tree; ``kind`` is blob or commit (a submodule), ``size`` in bytes where it was asked for."""

    mode: str
    kind: str
    sha: str
    path: str


@dataclass(frozen=True, slots=True)
class Repository:
    """An opened repository. ``git_dir`` holds references and objects; ``env`` is that of every process.

    ``partial`` says that it is a partial clone, which may lack blobs; its objects are read through ``objects_dir``, a
    shadow without configuration, so that git does not try to fetch what is missing.
    """

    path: Path
    git_dir: Path
    env: dict[str, str]
    time_limit: float = TIME_LIMIT
    shadow: Shadow | None = None

    @property
    def partial(self) -> bool:
        """Whether it is a partial clone."""
        return self.shadow is not None

    @property
    def objects_dir(self) -> Path:
        """The git directory through which objects are read."""
        return self.shadow.folder if self.shadow else self.git_dir

    @property
    def objects_env(self) -> dict[str, str]:
        """The environment in which objects are read."""
        return {**self.env, **self.shadow.env} if self.shadow else self.env

    def origin(self) -> str | None:
        """The address of the remote ``origin`` as the repository's own configuration has it; no process is started."""
        found = _ORIGIN.search(configuration(_common(self.git_dir)))
        return found[1].strip() if found else None

    def refs(self) -> Refs:
        """Tags, branches and HEAD by one ``for-each-ref``."""
        out = run(
            self.git_dir,
            ["for-each-ref", f"--format={_REF_FORMAT}", "refs/tags", "refs/heads", "refs/remotes"],
            self.env,
            time_limit=self.time_limit,
        )
        tags: list[TagRef] = []
        branches: dict[str, str] = {}
        for line in out.decode("utf-8", "replace").split("\n")[:-1]:  # a name may hold other signs that end lines
            name, target, kind, peeled, peeled_kind, tagged, created, tagger = line.split("\0")
            if name.startswith("refs/tags/"):
                commit = target if kind == "commit" else peeled if peeled_kind == "commit" else None
                date = (tagged or created).replace("Z", "+00:00") or None  # newer git writes Z
                tags.append(TagRef(name[10:], target, commit, kind == "tag", date, tagger.lower() or None))
            elif kind == "commit":
                branches[name] = target
        nested = [tag for tag in tags if tag.annotated and tag.commit is None]
        peeled_tags = self._peel([tag.target for tag in nested]) if nested else {}
        tags = [tag._replace(commit=peeled_tags.get(tag.target, tag.commit)) for tag in tags]
        return Refs(tuple(tags), branches, self.head(branches))

    def head(self, branches: dict[str, str]) -> Head:
        """Where HEAD is, by its file; ``branches`` are the commits of all branches."""
        text = (self.git_dir / "HEAD").read_text("utf-8", "replace").strip()
        if text.startswith("ref: "):
            name = text[5:].strip()
            head = Head(name.removeprefix("refs/heads/"), branches.get(name))
        else:
            head = Head(None, text if _FULL_SHA.fullmatch(text) else None)
        if self.shadow is not None:
            self.shadow.look_from(head.sha)
        return head

    def _peel(self, shas: Sequence[str]) -> dict[str, str]:
        """Tags of tags, by one ``cat-file`` (``for-each-ref`` of older git peels one level only)."""
        feed = "".join(f"{sha}^{{commit}}\n" for sha in shas).encode()
        check = ["cat-file", "--batch-check=%(objectname) %(objecttype)"]
        out = run(self.objects_dir, check, self.objects_env, feed=feed)
        found = {}
        for sha, line in zip(shas, out.decode().splitlines(), strict=True):
            name, _, kind = line.partition(" ")
            if kind == "commit":
                found[sha] = name
        return found

    def log(
        self,
        include: Iterable[str],
        exclude: Iterable[str] = (),
        *,
        files: bool = False,
        merges: Merges = "none",
        renames: Renames = "similar",
        walk: bool = True,
        topological: bool = False,
        on_missing: Callable[[str], None] | None = None,
    ) -> Iterator[Commit]:
        """Commits reachable from ``include`` and not from ``exclude`` (full shas), streamed from one ``git log``.

        With ``files`` each commit lists what it changed; ``merges="first-parent"`` gives merges their difference to
        the first parent. ``renames="exact"`` finds renames by equal blobs only and so needs no blob at all, which is
        the way to read partial clones. ``walk=False`` gives the named commits only. Commits come in git's default
        order unless ``topological`` (children before parents, whatever their dates). Where similar renames cannot be
        found because a blob is missing, the reading goes on with exact ones and ``on_missing`` is told git's words.
        """
        included = _shas(include)
        if not included:
            return
        wanted = [*included, *(f"^{sha}" for sha in _shas(exclude))]
        options: list[str] = []
        if files:
            options += ["--raw", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--root"]
            if merges == "first-parent":
                options.append("--diff-merges=first-parent")
        if not walk:
            options.append("--no-walk=unsorted")
        elif topological:
            options.append("--topo-order")
        given = 0
        try:
            for commit in self._log(wanted, [*options, *_RENAMES[renames]] if files else options):
                given += 1
                yield commit
        except RepositoryRefused as error:
            if not files or renames != "similar":
                raise
            yield from islice(self._log(wanted, [*options, *_RENAMES["exact"]]), given, None)
            if on_missing is not None:
                on_missing(error.message)

    def begun_log(self, include: Iterable[str], exclude: Iterable[str]) -> Generator[Commit, None, None]:
        """As :meth:`log` without files, by a git that reads from now on; it is stopped when this is closed early."""

        def stream() -> Generator[Any, None, None]:
            wanted = [*_shas(include), *(f"^{sha}" for sha in _shas(exclude))]
            with self._running_log(git_log.FORMAT, wanted, ()) as process:
                yield
                yield from git_log.parse(process.stdout, files=False)

        found = stream()
        next(found)
        return found

    def brief_log(self, include: Iterable[str], exclude: Iterable[str] = ()) -> Iterator[list[str]]:
        """As :meth:`log` without files, times and committers, in large portions: for each commit its sha, parents,
        tree, author's name and address, and the message, one field after the other.
        """
        included = _shas(include)
        if included:
            wanted = [*included, *(f"^{sha}" for sha in _shas(exclude))]
            with self._running_log(git_log.BRIEF, wanted, ()) as process:
                yield from git_log.brief(process.stdout)

    def _log(self, wanted: Sequence[str], options: Sequence[str]) -> Iterator[Commit]:
        with self._running_log(git_log.FORMAT, wanted, options) as process:
            yield from git_log.parse(process.stdout, files="--raw" in options)

    def _running_log(self, form: str, wanted: Sequence[str], options: Sequence[str]) -> AbstractContextManager[Process]:
        fixed = ["log", "-z", "--no-color", "--no-show-signature", "--no-notes", "--encoding=UTF-8", form]
        feed = "".join([f"{sha}\n" for sha in wanted]).encode()
        arguments = [*fixed, *options, "--stdin"]
        return start(self.objects_dir, arguments, self.objects_env, time_limit=self.time_limit, feed=feed)

    @contextmanager
    def blobs(self, limit: int = SIZE_LIMIT) -> Iterator[BlobReader]:
        """A reader that asks one ``cat-file`` blob by blob; blobs over ``limit`` bytes are not handed out."""
        with start(
            self.objects_dir, ["cat-file", "--batch"], self.objects_env, time_limit=self.time_limit, check=False
        ) as process:
            yield BlobReader(process, limit)

    def read_blobs(self, ids: Iterable[str], limit: int = SIZE_LIMIT) -> Iterator[tuple[str, bytes | MissingBlob]]:
        """The blobs of ``ids`` (full shas) in that order, streamed from one ``cat-file --batch --buffer``."""
        wanted = _shas(ids)
        with start(
            self.objects_dir,
            ["cat-file", "--batch", "--buffer"],
            self.objects_env,
            time_limit=self.time_limit,
            feed=questions(wanted),
        ) as process:
            yield from read_stream(process, limit, len(wanted))

    def missing(self, ids: Iterable[str]) -> set[str]:
        """Those of ``ids`` (full shas) that the repository does not hold, by one ``cat-file``."""
        wanted = _shas(ids)
        out = run(
            self.objects_dir,
            ["cat-file", "--buffer", "--batch-check=%(objectname)"],
            self.objects_env,
            time_limit=self.time_limit,
            feed=questions(wanted),
        )
        return {line.split()[0] for line in out.decode().splitlines() if line.endswith(" missing")}

    def tree(self, sha: str) -> tuple[TreeEntry, ...]:
        """Every file below a commit or tree (full sha), paths with ``/``, in git's order."""
        (wanted,) = _shas([sha])
        out = run(
            self.objects_dir,
            ["ls-tree", "-r", "-z", "--full-tree", wanted],
            self.objects_env,
            time_limit=self.time_limit,
        )
        entries = []
        for line in out.decode("utf-8", "replace").split("\0")[:-1]:
            about, _, path = line.partition("\t")
            mode, kind, blob = about.split(" ")
            entries.append(TreeEntry(mode, kind, blob, path))
        return tuple(entries)

    def resolve(self, revision: str) -> str:
        """Text from outside (a tag, a branch, a sha, ``HEAD~2``) -> the full sha of its commit.

        Tags win over branches of the same name, as in git. Raises NotFound; the text is never taken for an option, a
        path or a reflog.
        """
        if not _REVISION.fullmatch(revision) or len(revision) > 255:
            raise NotFound(f"no such revision: {revision!r}", hint="a tag, a branch or a commit id")
        feed = f"{revision}^{{commit}}\n".encode()
        out = run(self.git_dir, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], self.env, feed=feed)
        sha, _, kind = out.decode("utf-8", "replace").strip().rpartition(" ")
        if kind != "commit" or not _FULL_SHA.fullmatch(sha):
            if revision == "HEAD":
                raise NotFound(
                    "HEAD names no commit yet", hint="commit something, or name a branch, a tag or a commit id"
                )
            raise NotFound(f"no such revision: {revision!r}", hint="a tag, a branch or a commit id")
        return sha


def _shas(values: Iterable[str]) -> list[str]:
    wanted = list(values)
    for value in wanted:
        if not _FULL_SHA.fullmatch(value):
            raise NotFound(f"not a full commit id: {value!r}", hint="use resolve() for text from outside")
    return wanted


def open_repository(path: str | Path, *, time_limit: float = TIME_LIMIT) -> Repository:
    """The repository at ``path`` (a checkout, a folder inside one, a linked work tree or a bare repository).

    Only looks at files, no process is started. Raises :class:`RepositoryRefused` with the mending command in
    ``hint`` when there is none, when it cannot be read, or when it is shallow.
    """
    given = Path(path)
    if not str(path).strip():
        raise RepositoryRefused("no path was given", code="repository_not_found", hint=_HINT)
    try:
        there = given.exists()
        git_dir = _find(given.resolve()) if there else None
        if git_dir is None:
            reason = "is not a git repository" if there else "does not exist"
            raise RepositoryRefused(f"{given} {reason}", code="repository_not_found", hint=_HINT)
        common = _common(git_dir)
        (git_dir / "HEAD").read_bytes()
        next(iter((common / "objects").iterdir()), None)
        shallow = common / "shallow"
        if shallow.is_file() and shallow.stat().st_size:
            raise RepositoryRefused(
                f"{given} is a shallow clone: its history is cut off, so a changelog would be short",
                code="repository_shallow",
                hint=f"git -C {given} fetch --unshallow --tags",
            )
    except OSError as error:
        raise RepositoryRefused(
            f"{given} cannot be read: {error.strerror}",
            code="repository_unreadable",
            hint=f"chmod -R u+rX {given}   (or run as the user who owns it)",
        ) from error
    env = environment([str(git_dir), str(common), str(given.resolve())])
    return Repository(given, git_dir, env, time_limit, Shadow(common) if is_partial(common) else None)


def _find(start_at: Path) -> Path | None:
    """The git directory of the nearest checkout at or above a path, or the path itself when bare."""
    for folder in [start_at, *start_at.parents]:
        if _is_git_dir(folder):
            return folder
        inside = folder / ".git"
        if inside.is_file():
            target = inside.read_text("utf-8", "replace").strip().removeprefix("gitdir: ")
            linked = (folder / target).resolve()
            return linked if _is_git_dir(linked) else None
        if inside.is_dir():
            return inside if _is_git_dir(inside) else None
    return None


def _common(git_dir: Path) -> Path:
    """Where the objects are: a linked work tree keeps them in the main repository."""
    pointer = git_dir / "commondir"
    return (git_dir / pointer.read_text("utf-8").strip()).resolve() if pointer.is_file() else git_dir


def _is_git_dir(folder: Path) -> bool:
    has_objects = (folder / "objects").is_dir() or (folder / "commondir").is_file()
    return (folder / "HEAD").is_file() and has_objects
