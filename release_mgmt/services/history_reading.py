"""Taking in a repository's commits: only what changes are made of is kept, and only what is new is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from posixpath import normpath

from release_mgmt.core.changes import Facts, read_message
from release_mgmt.core.changes.mailmap import Mailmap, read_mailmap
from release_mgmt.core.errors import RepositoryRefused
from release_mgmt.core.history import Commit
from release_mgmt.core.text import one_line
from release_mgmt.sources.git import Repository
from release_mgmt.sources.git.log import MESSAGE_LIMIT
from release_mgmt.sources.git.objects import Head, Objects, Work, missing

Progress = Callable[[int], None]
Paths = Mapping[str, tuple[str, ...]]


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
        self.heads: dict[str, Head] = {}  # of merges without number and their parents, as far as they were just read
        self.mailmap: str | None = None
        self.aliases = Mailmap()
        self.unmapped = False  # whether there is a mailmap that cannot be read
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

    def take_many(self, fields: Sequence[str]) -> None:
        """Keep commits without files as :meth:`Repository.brief_log` gives them."""
        people, known = self.people, self._people
        for sha, above, author, email, message in zip(
            fields[0::6], fields[1::6], fields[3::6], fields[4::6], fields[5::6], strict=True
        ):
            parents = self.parents[sha] = tuple(above.split())
            signed = (author, email)
            people[sha] = known.get(signed) or self._meet(signed)
            self.facts[sha] = read_message(message[:MESSAGE_LIMIT], merge=len(parents) > 1)

    def keep_heads(self, trees: Mapping[str, str]) -> None:
        """Remember the trees that tell whether merges have content of their own; ``trees`` are those just read."""
        for merge in trees:
            parents = self.parents[merge]
            if len(parents) > 1 and self.facts[merge].number is None:
                self.heads.update({sha: (trees[sha], self.parents[sha]) for sha in (merge, *parents) if sha in trees})

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
        self.names, self._people, self.heads = {}, {}, {}
        self.tips = ()

    @property
    def signed(self) -> frozenset[tuple[str, str]]:
        """The names and addresses of all authors."""
        return frozenset(self._people.values())

    @property
    def touched(self) -> dict[str, set[str]]:
        """Package -> shas of the commits that touch its paths."""
        return self._touching.shas if self._touching is not None else {}


class _Touching:
    """Which commits touch the paths of which package, renames followed back in time."""

    def __init__(self, paths: Paths) -> None:
        self._prefixes = {name: tuple([_plain(path) for path in given]) for name, given in paths.items()}
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


def _plain(path: str) -> str:
    """A folder as git names it; empty for the root."""
    plain = normpath(path.replace("\\", "/").strip("/") or ".")
    return "" if plain == "." else plain


def _below(path: str, prefixes: Sequence[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") or not prefix for prefix in prefixes)


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
        reading.unmapped = text is None and blob is not None
        reading.aliases = read_mailmap((text or b"").decode("utf-8", "replace"))
    return same


def read_commits(
    repository: Repository,
    objects: Objects,
    wanted: Sequence[str],
    reading: Reading,
    progress: Progress | None = None,
    diagnostics: list[str] | None = None,
    also: Callable[[Commit], None] | None = None,
    beyond: Sequence[str] | None = None,
    begun: Iterator[Commit] | None = None,
) -> None:
    """Take everything that ``wanted`` (full shas) contain and ``reading`` does not know, streamed.

    Git leaves out what ``beyond`` contain, by default all that is known: it has to look at each of them, which takes
    long with a thousand tags. ``begun`` is a log of just these, where one was begun before.
    """
    told = diagnostics if diagnostics is not None else []
    trees: dict[str, str] = {}
    asked = wanted if not reading.tips else [sha for sha in wanted if sha not in reading.parents]
    without = reading.tips if beyond is None else beyond

    def take() -> Iterator[Work[set[str]]]:
        for fields in repository.brief_log(asked, without):
            reading.take_many(fields)
            trees.update(zip(fields[0::6], fields[2::6], strict=True))
            if progress is not None:
                progress(len(trees))
            yield missing(fields[2::6])

    def take_one_by_one() -> Iterator[Work[set[str]]]:
        stream = begun or repository.log(
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
            trees[commit.sha] = commit.tree
            if also is not None:
                also(commit)
            if progress is not None and count % 1000 == 0:
                progress(count)
        yield missing(trees.values())

    brief = also is None and not reading.with_files
    # Git looks for the trees of some commits while it tells of the next ones.
    lacking = set[str]().union(*objects.in_turns(take() if brief else take_one_by_one()))
    if lacking:
        raise RepositoryRefused(
            f"the repository lacks {len(lacking)} trees that its history needs, {min(lacking)} among them",
            code="repository_incomplete",
            hint="git fetch --refetch --no-filter origin   (or clone again without --filter=tree:0)",
        )
    reading.keep_heads(trees)
    reading.tips = tuple(dict.fromkeys(wanted))
