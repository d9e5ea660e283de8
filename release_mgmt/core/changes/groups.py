"""Commits -> changes: which commits came by one pull request."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast, get_args

from release_mgmt.core.changes.alone import ALONE, PLAIN, Kinds
from release_mgmt.core.changes.mailmap import Mailmap
from release_mgmt.core.changes.merged import Merged, by_key
from release_mgmt.core.changes.messages import Facts, PrKey, title_key
from release_mgmt.core.changes.model import Provider, PullRequest
from release_mgmt.core.changes.ordinals import Ordinals
from release_mgmt.core.history.graph import Graph

BOTS = frozenset({
    "dependabot", "dependabot-preview", "renovate", "renovate-bot", "github-actions", "pre-commit-ci",
    "allcontributors", "greenkeeper", "snyk-bot", "mergify", "codecov", "web-flow", "github-merge-queue",
    "copilot", "actions-user",
    "gitlab-bot", "project bot", "pyup-bot", "imgbot", "restyled-io", "weblate", "transifex-integration",
})  # fmt: skip


def is_bot(name: str) -> bool:
    """Whether a name is that of a program, by its form or by the list."""
    lowered = name.lower()
    return lowered.endswith(("[bot]", "-bot")) or lowered.replace(" ", "-") in BOTS or lowered in BOTS


class Change(NamedTuple):
    """One change as one section holds it. ``commits`` are numbers of the graph, newest first; ``key`` is its identity.

    A tuple, since histories hold tens of thousands of them.
    """

    key: str
    title: str
    number: PrKey | None
    provider: Provider
    commits: tuple[int, ...]
    authors: tuple[str, ...]
    details: tuple[str, ...]

    @property
    def newest(self) -> int:
        """The commit that completed it."""
        return self.commits[0]


class TitleKeys(dict[str, str]):
    """Titles and the form in which they are compared, made once each: packages of one history share their changes.

    Those of all changes that were made are among them.
    """

    def __missing__(self, title: str) -> str:
        key = self[title] = title_key(title)
        return key


class ChangeBook:
    """Finds the changes of any set of commits of one history.

    What is learnt once for the whole history (who brought what in, identities) is shared between sections, since the
    packages of a monorepo each have sections over the same commits.
    """

    def __init__(
        self,
        graph: Graph,
        facts: Sequence[Facts],
        authors: Sequence[str],
        pulls: Iterable[PullRequest] = (),
        forge: Provider = "unknown",
        names: Mapping[str, str] | None = None,
        mailmap: Mailmap | None = None,
    ) -> None:
        """``facts`` and ``authors`` go by commit number; ``names`` maps known authors' addresses to names.

        Authors come by the names of the ``mailmap`` already, co-authors get them here.
        """
        self.graph = graph
        self.facts = list(facts)
        self.authors = list(authors)
        self.adds_own: Callable[[str], bool] = lambda _: False  # whether a merge has content that no side had
        self._forge = forge
        self._names = names or {}
        self._mailmap = mailmap or Mailmap()
        self._merged = Merged(graph, self.facts, self.authors)
        self._sorted: list[str] | None = None
        self._pulls = by_key(pulls, self._forge)
        self._merged.place(self._pulls, self.find)
        self.owner: list[int] = []
        self._own(range(len(graph) - 1, -1, -1))
        self.title_keys = TitleKeys()
        self._alone: dict[str, tuple[str, ...]] = {}
        self._made: dict[tuple[int, ...], Change] = {}
        self._kinds: Kinds | None = None
        self._alone_at: list[Change | None] = []  # by commit: the change that it is by itself
        self._ordinals: Ordinals | None = None
        self._titles: dict[str, list[int]] | None = None
        self._numbers: dict[PrKey, list[int]] | None = None
        self.undoing = frozenset(number for number, one in enumerate(self.facts) if one.undo is not None)
        self.picked = tuple(number for number, one in enumerate(self.facts) if one.picked)
        self.renumbered = frozenset(number for number, one in enumerate(self.facts) if one.others)

    def grow(
        self, facts: Sequence[Facts], authors: Sequence[str], pulls: Iterable[PullRequest] | None
    ) -> frozenset[PrKey] | None:
        """Take in what the graph has grown by: what the new commits say, who wrote them, and the forge's word of today
        (None when it is the same as before).

        The pull requests that are told of otherwise than before; None when what the forge says makes other changes of
        commits that were known, after which the book must not be used any more.
        """
        first = len(self.facts)
        self.facts.extend(facts)
        self.authors.extend(authors)
        before, others = self._pulls, set[PrKey]()
        if pulls is not None:
            self._pulls = by_key(pulls, self._forge)
            others = {key for key in before.keys() | self._pulls.keys() if before.get(key) != self._pulls.get(key)}
        for key in others & before.keys():
            old, new = before[key], self._pulls.get(key)
            if new is None or (old.merge_sha, old.commits, old.steps) != (new.merge_sha, new.commits, new.steps):
                return None
        if self._sorted is not None:
            for sha in self.graph.shas[first:]:
                insort(self._sorted, sha)
        begin = {sha[:7] for sha in self.graph.shas[first:]}
        concerned = {
            key: pull
            for key, pull in self._pulls.items()
            if key in others or any(sha[:7] in begin for sha in (pull.merge_sha or "", *(pull.commits or ())))
        }
        if min(self._merged.place(concerned, self.find), default=first) < first:
            return None
        self._own(())
        self._sort_out_more(facts, told=bool(others))
        for commit in range(first, len(self.facts)):
            self._learn(commit)
        fresh = range(first, len(self.facts))
        self.undoing |= {commit for commit in fresh if self.facts[commit].undo is not None}
        self.picked += tuple(commit for commit in fresh if self.facts[commit].picked)
        self.renumbered |= {commit for commit in fresh if self.facts[commit].others}
        if others:
            self._made.clear()
        return frozenset(others)

    @property
    def unexplained(self) -> Sequence[PullRequest]:
        """The merged pull requests of which nobody told so far which commits came by them."""
        return self._merged.unexplained

    def _learn(self, commit: int) -> None:
        """Take one more commit into what was learnt of all."""
        facts = self.facts[commit]
        if self._numbers is not None and facts.number is not None:
            self._numbers.setdefault(facts.number, []).append(commit)
        if self._titles is None:
            return
        same = self._titles.setdefault(self.title_keys[facts.title], [])
        same.append(commit)
        if self._ordinals is not None and len(same) > 1:
            for twin in self._ordinals.add(same):
                if self._kinds is not None and self._kinds.regroup(twin):
                    self._alone_no_more(twin)

    def titles(self) -> dict[str, list[int]]:
        """Commits by the form in which titles are compared, oldest first."""
        if self._titles is None:
            keys = self.title_keys
            found: dict[str, list[int]] = defaultdict(list)
            for commit, facts in enumerate(self.facts):
                found[keys[facts.title]].append(commit)
            self._titles = dict(found)
        return self._titles

    def numbered(self, number: PrKey) -> Sequence[int]:
        """The commits that name a pull request's number, oldest first."""
        if self._numbers is None:
            self._numbers = {}
            for commit, facts in enumerate(self.facts):
                if facts.number is not None:
                    self._numbers.setdefault(facts.number, []).append(commit)
        return self._numbers.get(number, ())

    def find(self, sha: str) -> int | None:
        """The commit of a sha, which may be abbreviated to seven characters or more; None when unknown or ambiguous."""
        exact = self.graph.number.get(sha)
        if exact is not None or len(sha) < 7 or len(sha) >= 40:
            return exact
        if self._sorted is None:
            self._sorted = sorted(self.graph.shas)
        at = bisect_left(self._sorted, sha)
        found = [full for full in self._sorted[at : at + 2] if full.startswith(sha)]
        return self.graph.number[found[0]] if len(found) == 1 else None

    def _own(self, commits: Iterable[int]) -> None:
        """For each commit the innermost merge with a pull request's number that brought it to its line; -1 for none.

        Each line (first parents) is followed once, oldest merge first, so every commit is looked at once.
        """
        graph, facts, owner = self.graph, self.facts, self.owner
        owner.extend([-2] * (len(graph) - len(owner)))
        for first in commits if graph.head is None else [graph.head, *commits]:
            if owner[first] != -2:
                continue
            lines = [(first, -1)]
            while lines:
                tip, by = lines.pop()
                at = tip
                merges = []
                while owner[at] == -2:
                    owner[at] = by
                    parents = graph.parents[at]
                    if len(parents) > 1:
                        merges.append(at)
                    if not parents:
                        break
                    at = parents[0]
                for merge in merges:
                    inner = merge if facts[merge].number is not None else by
                    lines.extend((parent, inner) for parent in graph.parents[merge][:0:-1])

    def brought(self, merge: int, onto: str | None) -> list[int]:
        """What a merge brought to the first of its sides, or to the one named by its sha; newest first."""
        sides = self.graph.parents[merge]
        kept = self.find(onto) if onto else None
        into = kept if kept in sides else sides[0]
        return [commit for commit in self.graph.difference(merge, into) if commit != merge]

    def plain_merges(self) -> list[int]:
        """The merges that neither have a number nor came by one."""
        facts, owner = self.facts, self.owner
        merges = [commit for commit, parents in enumerate(self.graph.parents) if len(parents) > 1]
        return [commit for commit in merges if facts[commit].number is None and owner[commit] < 0]

    @property
    def kinds(self) -> Kinds:
        """What each commit is in whatever section; told when the first section is asked for."""
        if self._kinds is None:
            self._kinds = Kinds(self.graph, self.facts, self.owner, self.adds_own)
            self._alone_at = [None] * len(self.facts)
            for commit in self.parallel:
                self._kinds.regroup(commit)
        return self._kinds

    def _sort_out_more(self, facts: Sequence[Facts], *, told: bool) -> None:
        """Take more commits into the kinds; ``told`` that the forge has other words now for some that were known."""
        if self._kinds is None:
            return
        if told:
            self._alone_at = [None] * len(self._alone_at)
        for commit in self._kinds.grow(facts):
            self._alone_no_more(commit)
        self._alone_at.extend([None] * len(facts))

    def _alone_no_more(self, commit: int) -> None:
        change = self._alone_at[commit]
        self._alone_at[commit] = None
        if change is not None:
            self._made[change.commits] = change  # kept, since others know it by its id()

    def gather(self, commits: Sequence[int], inside: Sequence[int], place: int) -> tuple[list[Change], int]:
        """The changes of a section and how many of its commits belong to none: merges without number and own content.

        ``commits`` come newest first; ``inside[c] == place`` says that commit c is in the section.
        """
        kinds = self.kinds.of
        facts, owner, parents, alone = self.facts, self.owner, self.graph.parents, self._alone_at
        changes = [alone[commit] for commit in commits]
        if all(changes):
            return cast("list[Change]", changes), 0
        groups: dict[PrKey | str, list[int]] = {}
        begun: list[int] = []  # where the groups stand among the changes
        plain = 0
        for at, known in enumerate(changes):
            if known is not None:
                continue
            commit = commits[at]
            key: PrKey | str | None = facts[commit].number
            if kinds[commit] == ALONE:
                changes[at] = alone[commit] = self._make((commit,), facts[commit].number)
                continue
            if kinds[commit] == PLAIN:
                plain += 1
                continue
            if key is None:
                by = owner[commit]
                while by >= 0 and inside[by] != place:
                    by = owner[by]
                if by >= 0:
                    key = facts[by].number
                    assert key is not None
                elif len(parents[commit]) > 1 and not self.adds_own(self.graph.shas[commit]):
                    plain += 1
                    continue
                else:
                    key = self._direct_key(commit)
            members = groups.get(key)
            if members is None:
                groups[key] = [commit]
                begun.append(at)
            else:
                members.append(commit)
        for at, (key, members) in zip(begun, groups.items(), strict=True):
            changes[at] = self._change(tuple(members), key)
        return [change for change in changes if change is not None], plain

    def _change(self, commits: tuple[int, ...], key: PrKey | str) -> Change:
        change = self._made.get(commits)
        if change is None:
            number = None if isinstance(key, str) else key
            change = self._made[commits] = self._make(commits, number)
        return change

    def _make(self, commits: tuple[int, ...], number: PrKey | None) -> Change:
        lead = commits[0] if len(commits) == 1 else self.lead(commits, number)
        facts = self.facts[lead]
        title, provider = facts.title or "(no message)", facts.provider
        self.title_keys[title]  # learns it
        if number is None:
            return Change(self._direct_key(lead), title, None, "unknown", commits, self._people(commits), facts.details)
        pull = self._pulls.get(number)
        if pull is not None:
            title = pull.title or title
            self.title_keys[title]
            provider = _provider(pull.provider)
        elif provider in {"unknown", "github"} and self._forge != "unknown":
            provider = self._forge
        space, count = number
        key = f"pr-{count}" if space == "#" else f"{space}-{count}"
        return Change(key, title, number, provider, commits, self._people(commits), facts.details)

    def lead(self, commits: Sequence[int], number: PrKey | None) -> int:
        """The commit whose message speaks for a change: the newest that names its number, merges before others."""
        if number is None:
            return commits[0]
        named = [commit for commit in commits if self.facts[commit].number == number]
        merges = [commit for commit in named if len(self.graph.parents[commit]) > 1]
        return (merges or named or list(commits))[0]

    def stands_for(self, change: Change, shas: Iterable[int]) -> bool:
        """Whether commits are all of a change: the lead of a pull request, or each of its commits that is no merge."""
        named = set(shas)
        commits = change.commits
        if (change.number is not None or len(commits) == 1) and self.lead(commits, change.number) in named:
            return True
        own = {commit for commit in commits if len(self.graph.parents[commit]) < 2}
        return bool(own) and own <= named

    def _people(self, commits: Sequence[int]) -> tuple[str, ...]:
        """Who wrote a change, in the order of their first commit: authors, then co-authors; no bots, no addresses."""
        if len(commits) == 1 and not self.facts[commits[0]].co_authors:
            author = self.authors[commits[0]]
            alone = self._alone.get(author)
            if alone is None:
                alone = self._alone[author] = () if not author or is_bot(author) else (author,)
            return alone
        own = [commit for commit in commits if len(self.graph.parents[commit]) < 2] or commits
        found: dict[str, None] = {}
        for commit in reversed(own):
            found.setdefault(self.authors[commit])
        helpers: dict[tuple[str, str], str] = {}
        for commit in reversed(commits):
            for name, email in self.facts[commit].co_authors:
                called = self._mailmap.name(name, email, self._names)
                found.setdefault(helpers.setdefault((email, called.casefold()), called))
        return tuple(name for name in found if name and not is_bot(name))

    def _direct_key(self, commit: int) -> str:
        """The identity of a direct commit: its author, its title, and how many such commits it was built on.

        A merge is never picked elsewhere, and many are called the same: it is itself.
        """
        if len(self.graph.parents[commit]) > 1:
            return "c-" + hashlib.sha256(self.graph.shas[commit].encode()).hexdigest()[:16]
        title = self.title_keys[self.facts[commit].title]
        text = "\0".join((self.authors[commit], title, str(self._counted().of(commit))))
        return "c-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def parallel(self) -> Mapping[int, Sequence[int]]:
        """For each commit that stands beside others of its author and title, not one on the other, all of these."""
        return self._counted().parallel

    def _counted(self) -> Ordinals:
        if self._ordinals is None:
            self._ordinals = Ordinals(self.graph, self.authors, self.titles().values())
        return self._ordinals


def _provider(word: str) -> Provider:
    name = "gitea" if word == "forgejo" else word
    return cast("Provider", name) if name in get_args(Provider) else "unknown"
