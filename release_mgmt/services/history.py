"""Reading a repository's history whole: one ``for-each-ref``, one ``git log``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path

from release_mgmt.core.changelog import Assembly, Changelog, History, Options
from release_mgmt.core.changes import Provider, PullRequest
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.history import Commit, Graph, TagAt
from release_mgmt.core.history.releases import Prereleases, Releases
from release_mgmt.core.versions import NamedVersion, Version, name_tags
from release_mgmt.services.history_reading import Paths, Progress, Reading, read_aliases, read_commits
from release_mgmt.sources.git import Refs, Repository, TagRef
from release_mgmt.sources.git.edits import Edits
from release_mgmt.sources.git.objects import Objects, objects_of

_FORGES: tuple[tuple[str, Provider], ...] = (
    (r"(?:^|[.@/])github\.", "github"),
    (r"(?:^|[.@/])gitlab\.", "gitlab"),
    (r"(?:^|[.@/])bitbucket\.org\b", "bitbucket"),
    (r"dev\.azure\.com|\.visualstudio\.com", "azure"),
    (r"(?:^|[.@/])(?:codeberg\.org|gitea\.|forgejo\.)", "gitea"),
)


TAGS_LIMIT = 1_000
"""Tags of one commit up to which each of its releases names all: what is told grows with their square."""


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
    head = repository.resolve(request.end) if request.end is not None else found.head.sha
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
    base = repository.resolve(request.start) if request.start is not None else None
    wanted = [head] if head else []
    if request.end is None:
        wanted += [sha for one in named if (sha := at[one.tag].commit)]
    wanted += [base] if base else []
    own = reading is None
    reading = reading if reading is not None else Reading(request.paths)
    if repository.partial:
        diagnostics.append("this is a partial clone: contents that it lacks are neither compared nor judged")
    read_aliases(objects, found.head.sha, reading)
    if reading.unmapped:
        diagnostics.append("the contents of .mailmap are missing: people are called as they signed")
    if head is None and found.branches:
        diagnostics.append(f"HEAD names the branch {found.head.branch!r}, which does not exist: nothing is unreleased")
    read_commits(repository, objects, wanted, reading, progress, diagnostics, also)
    diagnostics += _idle_paths(request, reading, {one.package for one in named})
    return _assembled(request, reading, objects, found, named, head, base, wanted, diagnostics, own=own)


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
    number = history.graph.number
    if base and head and base != head and history.graph.contains(number[base], number[head]):
        told = f"nothing lies between {request.start!r} and {request.end or 'HEAD'!r}: the first contains the second"
        history = replace(history, diagnostics=(*history.diagnostics, told))
    edits = Edits(objects, reading.heads)
    if own:
        reading.forget()
    assembly = Assembly(history, options, edits, to_grow=not own)
    record = _selected(assembly.changelog(), request, head, found)
    return Found(record, found, history, assembly.releases, assembly)


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
        reading.signed,
    )


def _with_every_tag(history: History, refs: Refs) -> History:
    tags_at: dict[int, list[str]] = {}
    for tag in refs.tags:
        number = history.graph.number.get(tag.commit or "")
        if number is not None:
            tags_at.setdefault(number, []).append(tag.name)
    shas = history.graph.shas
    told = [
        f"{len(names)} tags are on the commit {shas[number]}: each of its releases names its own alone"
        for number, names in tags_at.items()
        if len(names) > TAGS_LIMIT
    ]
    named = {number: tuple(names) for number, names in tags_at.items() if len(names) <= TAGS_LIMIT}
    return replace(history, tags_at=named, diagnostics=(*history.diagnostics, *told))


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


def _idle_paths(request: Request, reading: Reading, packages: AbstractSet[str | None]) -> list[str]:
    """A sentence for each package whose paths select nothing, which a misspelt one would do in silence."""
    told = []
    for name, folders in sorted((request.paths or {}).items()):
        if name not in packages:
            told.append(f"paths are given for a package {name!r}, but no tags are named after it")
        if not reading.touched.get(name):
            told.append(f"no commit touches the paths of the package {name!r}: {', '.join(folders)}")
    return told


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
