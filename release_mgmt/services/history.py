"""Reading a repository's history whole: one ``for-each-ref``, one ``git log``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path

from release_mgmt.core.changelog import Assembly, Changelog, History, Options
from release_mgmt.core.changes import Facts, Provider, PullRequest, read_message
from release_mgmt.core.changes.mailmap import Mailmap, read_mailmap
from release_mgmt.core.errors import InvalidInput, RepositoryRefused
from release_mgmt.core.history import Commit, Graph, TagAt
from release_mgmt.core.history.releases import Prereleases, Releases
from release_mgmt.core.text import one_line
from release_mgmt.core.versions import NamedVersion, Version, name_tags
from release_mgmt.sources.git import Refs, Repository, TagRef
from release_mgmt.sources.git.edits import Edits
from release_mgmt.sources.git.log import MESSAGE_LIMIT
from release_mgmt.sources.git.objects import Objects, objects_of

Progress = Callable[[int], None]
Paths = Mapping[str, tuple[str, ...]]

_FORGES: tuple[tuple[str, Provider], ...] = (
    (r"(?:^|[.@/])github\.", "github"),
    (r"(?:^|[.@/])gitlab\.", "gitlab"),
    (r"(?:^|[.@/])bitbucket\.org\b", "bitbucket"),
    (r"dev\.azure\.com|\.visualstudio\.com", "azure"),
    (r"(?:^|[.@/])(?:codeberg\.org|gitea\.|forgejo\.)", "gitea"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """Which changelog is wanted.

    ``start`` and ``end`` are names that git knows (a tag, a branch, a commit). With ``every`` all releases are given,
    without it the newest one that ``end`` contains. ``paths`` maps packages to the folders that are theirs.
    """

    name: str
    start: str | None = None
    end: str | None = None
    every: bool = False
    package: str | None = None
    prereleases: Prereleases = "fold"
    pulls: tuple[PullRequest, ...] = ()
    forge: Provider | None = None
    paths: Paths | None = None
    tag_pattern: str | None = None


class Reading:
    """Takes in commits one by one and keeps only what changes are made of.

    ``tips`` are the commits whose histories it holds, so that the next reading asks for what is new only.
    """

    def __init__(self, paths: Paths | None = None) -> None:
        self.parents: dict[str, tuple[str, ...]] = {}
        self.facts: dict[str, Facts] = {}
        self.people: dict[str, tuple[str, str]] = {}  # commit -> its author's name and address
        self.names: dict[str, str] = {}
        self.named: set[str] = set()  # addresses whose name is new since somebody emptied this
        self.tips: tuple[str, ...] = ()
        self.mailmap: str | None = None
        self.aliases = Mailmap()
        self.with_files = bool(paths)
        self._people: dict[tuple[str, str], tuple[str, str]] = {}
        self._touching = _Touching(paths) if paths else None

    def take(self, commit: Commit) -> None:
        """Keep one commit. With paths, commits must come before their parents."""
        parents = commit.parents
        signed = (commit.author, commit.author_email)
        self.parents[commit.sha] = parents
        self.people[commit.sha] = self._people.get(signed) or self._meet(signed)
        self.facts[commit.sha] = read_message(commit.message, merge=len(parents) > 1)
        if self._touching is not None:
            self._touching.take(commit)

    def take_many(self, fields: Sequence[str]) -> list[str]:
        """Keep commits without files as :meth:`Repository.brief_log` gives them; the ids of their trees."""
        people, known = self.people, self._people
        for sha, above, author, email, message in zip(
            fields[0::6], fields[1::6], fields[3::6], fields[4::6], fields[5::6], strict=True
        ):
            parents = self.parents[sha] = tuple(above.split())
            signed = (author, email)
            people[sha] = known.get(signed) or self._meet(signed)
            self.facts[sha] = read_message(message[:MESSAGE_LIMIT], merge=len(parents) > 1)
        return list(fields[2::6])

    def _meet(self, signed: tuple[str, str]) -> tuple[str, str]:
        """Learn a name; of several under one address the longest is the one that co-authors are given."""
        name, email = signed
        author, address = person = self._people[signed] = (one_line(name, 200), email.lower())
        known = self.names.get(address)
        if known is None or (len(author), author) > (len(known), known):
            self.names[address] = author
            self.named.add(address)
        return person

    def prune(self, shas: Sequence[str]) -> None:
        """Keep these commits alone: others are in the history no more, nor are their authors."""
        if len(shas) == len(self.parents):
            return
        self.parents = {sha: self.parents[sha] for sha in shas}
        self.facts = {sha: self.facts[sha] for sha in shas}
        self.people = {sha: self.people[sha] for sha in shas}
        self.names, self._people = {}, {}
        for person in set(self.people.values()):
            self._meet(person)

    def forget(self) -> None:
        """Let go of everything: the history that was made of it has its own."""
        self.parents, self.facts, self.people = {}, {}, {}
        self.names, self._people = {}, {}
        self.tips = ()

    @property
    def touched(self) -> dict[str, set[str]]:
        """Package -> shas of the commits that touch its paths."""
        return self._touching.shas if self._touching is not None else {}


class _Touching:
    """Which commits touch the paths of which package, renames followed back in time."""

    def __init__(self, paths: Paths) -> None:
        self._prefixes = {name: tuple(path.strip("/") for path in given) for name, given in paths.items()}
        self._files: dict[str, set[str]] = {name: set() for name in paths}
        self.shas: dict[str, set[str]] = {name: set() for name in paths}

    def take(self, commit: Commit) -> None:
        for name, prefixes in self._prefixes.items():
            files = self._files[name]
            for change in commit.files:
                if _below(change.path, prefixes) or change.path in files:
                    self.shas[name].add(commit.sha)
                    if change.status == "R":
                        files.add(change.old_path)
                elif change.status == "R" and _below(change.old_path, prefixes):
                    self.shas[name].add(commit.sha)


def _below(path: str, prefixes: Sequence[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") or not prefix for prefix in prefixes)


def repository_name(path: Path) -> str:
    """What a repository is called when nobody says so: its folder, without ``.git``."""
    resolved = path.resolve()
    folder = resolved.parent if resolved.name == ".git" else resolved
    return folder.name.removesuffix(".git") or "repository"


def forge_of(url: str | None) -> Provider:
    """The forge that the address of a remote belongs to, by its host; ``unknown`` for hosts of one's own."""
    for pattern, provider in _FORGES:
        if url and re.search(pattern, url):
            return provider
    return "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """A changelog with what it was made of."""

    record: Changelog
    refs: Refs
    history: History
    releases: Releases
    made: Assembly


def read_changelog(repository: Repository, request: Request, *, progress: Progress | None = None) -> Changelog:
    """The changelog of a repository on disk.

    Raises RepositoryRefused for repositories that cannot be read whole, NotFound for unknown revisions.
    """
    return read_all(repository, request, progress=progress).record


def read_all(
    repository: Repository,
    request: Request,
    *,
    refs: Refs | None = None,
    progress: Progress | None = None,
    reading: Reading | None = None,
    also: Callable[[Commit], None] | None = None,
) -> Found:
    """The changelog and what it was made of; ``reading`` holds what is known, ``also`` sees each commit read."""
    with objects_of(repository) as objects:
        return read_with(objects, repository, request, refs or repository.refs(), progress, reading, also)


def read_with(
    objects: Objects,
    repository: Repository,
    request: Request,
    found: Refs,
    progress: Progress | None = None,
    reading: Reading | None = None,
    also: Callable[[Commit], None] | None = None,
) -> Found:
    """As :func:`read_all`, through objects that are open already."""
    head = repository.resolve(request.end) if request.end else found.head.sha
    names = [tag.name for tag in found.tags]
    if request.tag_pattern:
        wanted_names = re.compile(translate(request.tag_pattern))
        names = [name for name in names if wanted_names.match(name)]
    versions, diagnostics = name_tags(names, request.name)
    at = {tag.name: tag for tag in found.tags}
    named = []
    for one in versions:
        if at[one.tag].commit is None:
            diagnostics.append(f"tag {one.tag!r} names no commit and was left out")
        else:
            named.append(one)
    named.sort(key=lambda one: (one.package or "", one.version.key, one.tag))
    if request.package is not None and request.package not in {one.package for one in named}:
        known = sorted({one.package for one in named if one.package})
        raise InvalidInput.at("package", f"no tags of a package {request.package!r}", ", ".join(known) or "none known")
    base = repository.resolve(request.start) if request.start else None
    wanted = [head] if head else []
    if request.end is None:
        wanted += [sha for one in named if (sha := at[one.tag].commit)]
    wanted += [base] if base else []
    own = reading is None
    reading = reading if reading is not None else Reading(request.paths)
    if repository.partial:
        diagnostics.append("this is a partial clone: contents that it lacks are neither compared nor judged")
    read_aliases(objects, found.head.sha, reading)
    read_commits(repository, objects, wanted, reading, progress, diagnostics, also)
    return _assembled(request, reading, objects, found, named, head, base, wanted, diagnostics, own=own)


def read_aliases(objects: Objects, head: str | None, reading: Reading) -> bool:
    """Read the mailmap that git translates names with; when it is another one, what was read is let go of.

    Whether it is the one that was known.
    """
    blob = objects.at_root(head, b".mailmap") if head else None
    same = blob == reading.mailmap
    if not same:
        reading.forget()  # names of old commits may have changed
        reading.mailmap = blob
        text = objects.read(blob) if blob else None
        reading.aliases = read_mailmap((text or b"").decode("utf-8", "replace"))
    return same


def _assembled(
    request: Request,
    reading: Reading,
    objects: Objects,
    found: Refs,
    named: list[NamedVersion],
    head: str | None,
    base: str | None,
    wanted: Sequence[str],
    diagnostics: Sequence[str],
    *,
    own: bool,
) -> Found:
    """The changelog of what was read; with ``own`` the reading is let go of before the long work."""
    at = {tag.name: tag for tag in found.tags}
    named = [one for one in named if at[one.tag].commit in reading.parents]
    if base is not None and not request.every:
        named = [one for one in named if at[one.tag].commit in {head, base}]
    history = to_history(request, reading, named, {one.tag: at[one.tag] for one in named}, head, wanted, diagnostics)
    history = _with_every_tag(history, found)
    options = _options(request, reading, history, base)
    if own:
        reading.forget()
    assembly = Assembly(history, options, Edits(objects), to_grow=not own)
    record = _selected(assembly.changelog(), request, head, found)
    return Found(record, found, history, assembly.releases, assembly)


def read_commits(
    repository: Repository,
    objects: Objects,
    wanted: Sequence[str],
    reading: Reading,
    progress: Progress | None = None,
    diagnostics: list[str] | None = None,
    also: Callable[[Commit], None] | None = None,
    beyond: Sequence[str] | None = None,
) -> None:
    """Take everything that ``wanted`` (full shas) contain and ``reading`` does not know, streamed.

    Git leaves out what ``beyond`` contain, by default all that is known: it has to look at each of them, which takes
    long with a thousand tags.
    """
    told = diagnostics if diagnostics is not None else []
    trees: list[str] = []
    asked = wanted if not reading.tips else [sha for sha in wanted if sha not in reading.parents]
    without = reading.tips if beyond is None else beyond
    if also is None and not reading.with_files:
        for fields in repository.brief_log(asked, without):
            trees += reading.take_many(fields)
            if progress is not None:
                progress(len(trees))
    else:
        stream = repository.log(
            asked,
            without,
            files=reading.with_files,
            merges="first-parent" if reading.with_files else "none",
            topological=reading.with_files,
            on_missing=lambda words: told.append(f"files are missing, exact renames only: {words}"),
        )
        for count, commit in enumerate(stream, 1):
            if beyond is not None and commit.sha in reading.parents:
                continue
            reading.take(commit)
            trees.append(commit.tree)
            if also is not None:
                also(commit)
            if progress is not None and count % 1000 == 0:
                progress(count)
    if trees:
        missing = objects.missing(list(dict.fromkeys(trees)))
        if missing:
            raise RepositoryRefused(
                f"the repository lacks {len(missing)} trees that its history needs, {min(missing)} among them",
                code="repository_incomplete",
                hint="git fetch --refetch --no-filter origin   (or clone again without --filter=tree:0)",
            )
    reading.tips = tuple(dict.fromkeys(wanted))


def to_history(
    request: Request,
    reading: Reading,
    named: Sequence[NamedVersion],
    at: Mapping[str, TagRef],
    head: str | None,
    wanted: Sequence[str],
    diagnostics: Sequence[str],
) -> History:
    """Commits and tags as the core takes them: numbered, newest tags last."""
    graph = Graph(reading.parents, wanted, head)
    reading.prune(graph.shas)
    tags = []
    for one in named:
        tag = at[one.tag]
        assert tag.commit is not None
        tags.append(TagAt(one, graph.number[tag.commit], tag.date))
    return History(
        request.name,
        graph,
        [reading.facts[sha] for sha in graph.shas],
        [reading.people[sha][0] for sha in graph.shas],
        reading.names,
        tags,
        {},
        request.forge or "unknown",
        tuple(diagnostics),
        reading.aliases,
    )


def _with_every_tag(history: History, refs: Refs) -> History:
    tags_at: dict[int, tuple[str, ...]] = {}
    for tag in refs.tags:
        number = history.graph.number.get(tag.commit or "")
        if number is not None:
            tags_at[number] = (*tags_at.get(number, ()), tag.name)
    return replace(history, tags_at=tags_at)


def _options(request: Request, reading: Reading, history: History, base: str | None) -> Options:
    number = history.graph.number
    touched = {name: frozenset(number[sha] for sha in shas if sha in number) for name, shas in reading.touched.items()}
    at = None
    if base is not None:
        at = next((tag for tag in history.tags if history.graph.shas[tag.commit] == base), None)
        if at is None:
            name = str(request.start)
            lowest = Version(name, (-1, (), (0, ()), (0, 0), (0, 0), ""), prerelease=False, base=(-1, (), (0, 0)))
            at = TagAt(NamedVersion(name, lowest, None), number[base])
    return Options(request.prereleases, request.package, request.pulls, at, touched)


def _selected(record: Changelog, request: Request, head: str | None, refs: Refs) -> Changelog:
    """The sections that were asked for."""
    if request.every:
        return record
    if request.end is not None:
        tags = {tag.name for tag in refs.tags if tag.commit == head}
        here = [section for section in record.releases if section.tag in tags]
        if here:
            return replace(record, releases=tuple(here[:1]))
    if request.start is not None:
        return replace(record, releases=())
    contained = record.unreleased.previous
    newest = [section for section in record.releases if contained and section.sha == contained.sha]
    return replace(record, releases=tuple(newest[:1]))
