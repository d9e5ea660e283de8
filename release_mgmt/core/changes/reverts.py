"""What takes back what: reverts, re-applies and chains of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from release_mgmt.core.changes.groups import Change, ChangeBook
from release_mgmt.core.changes.messages import QUOTED, Undo, title_key

_QUOTED_NUMBER = re.compile(r"\s*\((pull request )?#(\d{1,9})\)\s*$")
_QUOTED_MERGE = re.compile(r"Merge pull request #(\d{1,9}) from \S+$")


@dataclass(frozen=True, slots=True)
class Link:
    """What a shown revert takes back: a change of an earlier section, or None when only its title is known."""

    target: Change | None
    place: int | None
    title: str
    again: bool


@dataclass(slots=True)
class Settled:
    """One section after its reverts: what is shown, the pairs that cancelled out, what the shown reverts point at."""

    shown: list[Change]
    cancelled: list[tuple[Change, Change]] = field(default_factory=list)
    links: dict[int, Link] = field(default_factory=dict)
    diagnostics: list[str] = field(default_factory=list)

    @property
    def gone(self) -> int:
        """How many commits the cancelled changes have."""
        if not self.cancelled:
            return 0
        both = {change.newest: change for pair in self.cancelled for change in pair}
        hidden = both.keys() - {change.newest for change in self.shown if change.commits[0] in both}
        return sum(len(both[newest].commits) for newest in hidden)


def bare_title(title: str) -> str:
    """A title without the layers of ``Revert "..."`` around it."""
    found = QUOTED.match(title)
    while found is not None:
        title = found[2]
        found = QUOTED.match(title)
    return _QUOTED_NUMBER.sub("", title).strip()


class Reverts:
    """Settles the sections of one package, oldest first."""

    def __init__(
        self,
        book: ChangeBook,
        inside: Sequence[int],
        shown_at: Callable[[int], Sequence[Change]],
        in_part: Callable[[str, str], bool] | None = None,
    ) -> None:
        """``inside[c]`` is the place of commit c's section, ``shown_at`` gives what an earlier section shows,
        ``in_part`` tells of two shas whether the first takes back only a part of the second.
        """
        self._book = book
        self._in_part = in_part
        self._inside = inside
        self._shown_at = shown_at
        self.undoing = book.undoing

    def settle(self, changes: list[Change], commits: Sequence[int]) -> Settled:
        """Cancel what a section itself takes back and link what it takes back of earlier ones; order is kept.

        ``changes`` come newest first; ``commits`` are all of the section's.
        """
        if self.undoing.isdisjoint(commits):
            return Settled(changes)
        settled = Settled(changes)
        oldest_first = changes[::-1]
        by_commit = {commit: change for change in changes for commit in change.commits}
        reverters: dict[int, list[Change]] = {}
        shipped: dict[int, Link] = {}
        has_targets: set[int] = set()
        may_undo = {by_commit[commit].newest for commit in self.undoing.intersection(commits) if commit in by_commit}
        for at in [at for at, change in enumerate(oldest_first) if change.commits[0] in may_undo]:
            change = oldest_first[at]
            undo = self._undo(change)
            if undo is None or undo.part:
                continue
            inside, link = self._targets(change, undo, oldest_first[:at], by_commit)
            if len(inside) == 1 and self._only_part(change, inside[0]):
                continue
            for target in inside:
                reverters.setdefault(target.newest, []).append(change)
                has_targets.add(change.newest)
            if link is not None:
                shipped[change.newest] = link
            elif not inside and not undo.guess and not self._of_a_part(undo, by_commit):
                settled.diagnostics.append(
                    f"{self._book.graph.shas[change.newest]} takes back something that is not in its history: "
                    f"{change.title}"
                )
        settled.links = shipped
        if has_targets:
            self._cancel(settled, oldest_first, reverters, has_targets)
        return settled

    def _cancel(
        self,
        settled: Settled,
        oldest_first: Sequence[Change],
        reverters: dict[int, list[Change]],
        has_targets: set[int],
    ) -> None:
        """Take away what a section itself takes back, newest first: what was taken back takes nothing back."""
        changes, shipped = settled.shown, settled.links
        effective: dict[int, bool] = {}  # of what is taken back; all else stands
        hidden: set[int] = set()
        taken_back = [change for change in reversed(oldest_first) if change.commits[0] in reverters]
        for change in taken_back:
            takers = reverters[change.newest]
            by = next((r for r in reversed(takers) if effective.get(r.newest, True)), None)
            effective[change.newest] = by is None
            if by is not None:
                settled.cancelled.append((change, by))
                hidden.add(change.newest)
                if by.newest not in shipped:
                    hidden.add(by.newest)
        hidden |= {newest for newest in has_targets if effective.get(newest, True) and newest not in shipped}
        paired = {change.newest for pair in settled.cancelled for change in pair}
        # A second revert of what is gone already goes with it: hidden, so it needs its pair too.
        settled.cancelled += [
            (target, by)
            for target in taken_back
            for by in reverters[target.newest]
            if by.newest in hidden and by.newest not in paired
        ]
        settled.cancelled.reverse()
        settled.shown = [change for change in changes if change.commits[0] not in hidden]
        settled.links = {newest: link for newest, link in shipped.items() if newest not in hidden}

    def _of_a_part(self, undo: Undo, by_commit: dict[int, Change]) -> bool:
        """Whether a message names some commits of a change of the section only: both are shown then."""
        return any(self._book.find(sha) in by_commit for sha in undo.shas)

    def _only_part(self, change: Change, target: Change) -> bool:
        """Whether the contents show that a revert of one commit leaves some of another in place."""
        if self._in_part is None or len(change.commits) > 1 or len(target.commits) > 1:
            return False
        shas = self._book.graph.shas
        return self._in_part(shas[change.newest], shas[target.newest])

    def _undo(self, change: Change) -> Undo | None:
        """What a change takes back as a whole: by its lead, or by its only own commit."""
        facts, parents = self._book.facts, self._book.graph.parents
        lead = facts[self._book.lead(change.commits, change.number)].undo
        own = [commit for commit in change.commits if len(parents[commit]) < 2]
        inner = [undo for commit in own if (undo := facts[commit].undo) is not None]
        if lead is None:
            return inner[0] if len(own) == 1 and inner else None
        if not inner or (change.number is not None and (lead.shas or lead.requests)):
            return lead
        shas = tuple(dict.fromkeys(sha for undo in inner for sha in undo.shas))
        requests = tuple(dict.fromkeys(number for undo in inner for number in undo.requests))
        onto = inner[0].onto if len(inner) == 1 else None
        return lead._replace(shas=shas, part=any(undo.part for undo in inner), requests=requests, onto=onto)

    def _targets(
        self, change: Change, undo: Undo, older: Sequence[Change], by_commit: dict[int, Change]
    ) -> tuple[list[Change], Link | None]:
        """What a revert takes back in its own section, and what of an earlier one."""
        book = self._book
        found = [commit for sha in undo.shas if (commit := book.find(sha)) is not None]
        for request in undo.requests:
            found += [commit for commit in book.numbered(request) if commit not in change.commits]
        inside, link = self._by_commits(change, found, undo, by_commit)
        if inside or link is not None or (found and all(by_commit.get(commit) is not None for commit in found)):
            return inside, link
        title = undo.title
        if title is None and found:
            title = book.facts[found[0]].title
        if title is None:
            return [], None
        again = undo.again and not undo.shas and not undo.requests
        return self._by_title(change, title, again=again, older=older, undo=undo, by_commit=by_commit)

    def _by_commits(
        self, change: Change, named: Sequence[int], undo: Undo, by_commit: dict[int, Change]
    ) -> tuple[list[Change], Link | None]:
        """What a revert of named commits takes back; of a merge that is nothing more, all that it brought in."""
        book = self._book
        merges = [commit for commit in named if self._is_plain_merge(commit, by_commit)]
        found = [*named, *[commit for merge in merges for commit in book.brought(merge, undo.onto)]]
        inside: dict[int, Change] = {}
        shipped: list[int] = []
        for commit in found:
            target = by_commit.get(commit)
            if target is not None and target is not change:
                if book.stands_for(target, found):
                    inside[target.newest] = target
            elif target is None and book.graph.contains(change.newest, commit):
                shipped.append(commit)
        direct = [commit for commit in shipped if commit in named]
        below = [commit for commit in shipped if commit not in named and len(book.graph.parents[commit]) < 2]
        link = self._link(direct[-1], undo) if direct else None
        if merges and (link is None or link.target is None):
            link = self._of_merge(merges[-1], below, undo) if below else None if inside else link
        return list(inside.values()), link

    def _of_merge(self, merge: int, brought: Sequence[int], undo: Undo) -> Link:
        """The link to the newest shown change that a merge brought, by the merge's title when there are several."""
        links = (self._link(commit, undo) for commit in brought)
        link = next((link for link in links if link.target is not None), self._link(brought[0], undo))
        return link if len(brought) == 1 else replace(link, title=self._book.facts[merge].title)

    def _is_plain_merge(self, commit: int, by_commit: dict[int, Change]) -> bool:
        """Whether a commit is a merge without a pull request's number, and no part of a change."""
        held = by_commit.get(commit)
        number = self._book.facts[commit].number
        return (
            len(self._book.graph.parents[commit]) > 1 and number is None and (held is None or held.commits == (commit,))
        )

    def _by_title(
        self,
        change: Change,
        quoted: str,
        *,
        again: bool,
        older: Sequence[Change],
        undo: Undo,
        by_commit: dict[int, Change],
    ) -> tuple[list[Change], Link | None]:
        """The newest earlier change with the quoted number or title; to re-apply is to take back its revert."""
        number = _QUOTED_NUMBER.search(quoted)
        keys = (
            {title_key(f'Revert "{quoted}"'), title_key(f'Revert "{bare_title(quoted)}"')}
            if again
            else {title_key(quoted[: number.start()] if number else quoted)}
        )
        space = "bitbucket" if number and number[1] else "#"
        merge = _QUOTED_MERGE.match(quoted)
        wanted = (
            (space, int(number[2])) if number and not again else ("#", int(merge[1])) if merge and not again else None
        )
        for candidate in reversed(older):
            same_number = wanted is not None and candidate.number == wanted
            if same_number or title_key(candidate.title) in keys or (again and self._reverts(candidate, quoted)):
                return [candidate], None
        titles = self._book.titles()
        numbered = [self._book.numbered(wanted)] if wanted else []
        for commits in [*numbered, *(titles.get(key, ()) for key in sorted(keys))]:
            for commit in reversed(commits):
                if commit in change.commits or not self._book.graph.contains(change.newest, commit):
                    continue
                if self._is_plain_merge(commit, by_commit):
                    return self._by_commits(change, [commit], undo, by_commit)
                return [], self._link(commit, undo)
        return [], None

    def _reverts(self, candidate: Change, title: str) -> bool:
        if self.undoing.isdisjoint(candidate.commits):
            return False
        undo = self._undo(candidate)
        same = title_key(bare_title(candidate.title)) == title_key(bare_title(title))
        return undo is not None and not undo.again and same

    def _link(self, commit: int, undo: Undo) -> Link:
        """The shown change of an earlier section that holds a commit."""
        place = self._inside[commit]
        target = None
        if place >= 0:
            target = next((change for change in self._shown_at(place) if commit in change.commits), None)
        title = target.title if target is not None else self._book.facts[commit].title
        again = undo.again or QUOTED.match(self._book.facts[commit].title) is not None
        return Link(target, place if target is not None else None, bare_title(title), again)
