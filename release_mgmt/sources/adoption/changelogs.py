"""Old changelogs: Keep a Changelog files and what else people call CHANGELOG.md, NEWS.md, HISTORY.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from release_mgmt.core.errors import InvalidInput, TooLarge
from release_mgmt.sources.adoption.changes import Changes
from release_mgmt.sources.adoption.headings import Named, named, releases
from release_mgmt.sources.adoption.lines import Heading, Line, alone, heading, read, underlines
from release_mgmt.sources.adoption.texts import Notes, OldRelease, OldTexts, bare, bounded

_OURS = '<a id="release-'
MOST_HEADINGS = 20_000

_KIND = re.compile(
    r"^\W*(?:what.?s (?:changed|new)|added|changed|modified|fixed|removed|deprecated|security|features?|new features?"
    r"|bug ?fix(?:es)?|fixes|breaking changes?|new contributors|improvements|enhancements|documentation"
    r"|hinzugefügt|geändert|behoben|entfernt|veraltet|sicherheit)\W*$",
    re.IGNORECASE,
)
_EXAMPLE = "headings like `## [1.2.0] - 2026-11-03`"


def keep_a_changelog(text: str) -> OldTexts:
    """The releases of a Keep a Changelog file, in its order; what is unreleased is left out, and told.

    Read too: other levels of headings, underlined ones, the project's name before the version, dates as people write
    them, numbered lists, prose. Raises InvalidInput when no release is found in it.
    """
    bounded(text)
    notes = Notes()
    lines = read(text, notes)
    headings = {at: found for at in range(len(lines)) if (found := heading(lines, at))}
    if len(headings) > MOST_HEADINGS:
        raise TooLarge(f"The file has {len(headings):,} headings; {MOST_HEADINGS:,} are allowed.")
    told = {at: each for at, found in headings.items() if (each := named(found.text))}
    chosen = releases((at, headings[at].level, each) for at, each in told.items())
    if not chosen:
        bold = {at: each for at in alone(lines) if (each := named(lines[at].text)) and each.version and not each.beside}
        chosen = releases((at, 2, each) for at, each in bold.items())
        headings |= {at: Heading(2, lines[at].text, 1) for at in bold}
        told |= bold
    if not chosen:
        raise InvalidInput.at("file", _nothing(headings, lines), _EXAMPLE)
    read_in = tuple(_Reader(lines, headings, told, chosen, notes).releases())
    if not read_in:
        raise InvalidInput.at("file", "; ".join(("no releases were found", *notes.done()[:10])), _EXAMPLE)
    return OldTexts(read_in, notes.done())


def _nothing(headings: dict[int, Heading], lines: list[Line]) -> str:
    seen = [f"line {lines[at].number} {bare(found.text)[:60]!r}" for at, found in list(headings.items())[:5]]
    return f"no releases were found; its headings: {', '.join(seen)}" if seen else "no releases were found"


@dataclass(slots=True)
class _Open:
    """A release as it is read; ``number`` is the line of its heading."""

    told: Named
    version: str
    level: int
    number: int
    changes: Changes
    date: date | None


@dataclass(slots=True)
class _Aside:
    """A part of the file that is no release."""

    number: int
    title: str
    level: int = 0
    coming: bool = False
    lines: int = 0
    listed: bool = False


class _Reader:
    def __init__(
        self, lines: list[Line], headings: dict[int, Heading], told: dict[int, Named], chosen: set[int], notes: Notes
    ) -> None:
        self.lines, self.headings, self.told, self.chosen, self.notes = lines, headings, told, chosen, notes
        self._ours = any(line.text.startswith(_OURS) for line in lines)
        if self._ours:
            notes.add("this file was written by us: its summaries were left out, its lists are taken in")
        self._base = min(headings[at].level for at in chosen)
        deepest = max(headings[at].level for at in chosen)
        self._kinds = {each.text for at, each in headings.items() if each.level > deepest and at not in told}
        self._seen: dict[str, int] = {}
        self._open: _Open | None = None
        self._aside = _Aside(1, "")

    def releases(self) -> Iterator[OldRelease]:
        """Each release, from its heading to the next of its level."""
        skip = 0
        for at, line in enumerate(self.lines):
            if skip:
                skip -= 1
                continue
            found = self.headings.get(at)
            if found is None or (found.under and at not in self.chosen and not underlines(self.lines, at)):
                self._take(line)
                continue
            skip = found.lines - 1
            if at not in self.chosen and self._below(at, found):
                continue
            yield from self._close(
                deeper=at in self.chosen and self._open is not None and found.level > self._open.level
            )
            self._begin(at, found)
        yield from self._close(deeper=False)
        if self._open is None:
            self._leave()

    def _below(self, at: int, found: Heading) -> bool:
        """A heading below the release's own: what kind of changes follow, or the release's day."""
        told = self.told.get(at)
        if self._open is None:
            aside = self._aside
            return aside.level >= self._base and found.level > aside.level and not (told and told.coming)
        if found.level <= self._open.level and not self._is_kind(found):
            return False
        if (
            told is not None
            and told.version is None
            and told.day
            and self._open.date is None
            and not self._open.changes
        ):
            self._open.date = told.day
        else:
            self._open.changes.head(found.text, found.level)
        return True

    def _is_kind(self, found: Heading) -> bool:
        """Programs write `## What's Changed` below `## 1.2.0`, and `### Bug Fixes` below `### 1.1.1`."""
        return found.text in self._kinds or _KIND.search(found.text) is not None

    def _begin(self, at: int, found: Heading) -> None:
        told, number = self.told.get(at), self.lines[at].number
        title = bare(found.text)[:80]
        self._leave()
        if at not in self.chosen or told is None or told.coming:
            self._aside = _Aside(number, title, found.level, bool(told and told.coming))
            return
        version = told.version or (told.day.isoformat() if told.day else title)
        if told.beside:
            self.notes.line(number, f"beside the version, {told.beside[:80]!r} was left out")
        self._open = _Open(told, version[:120], found.level, number, Changes(self.notes, listed=self._ours), told.day)

    def _close(self, *, deeper: bool) -> Iterator[OldRelease]:
        """The release that ends here, unless it only holds others or its version was told before."""
        done, self._open = self._open, None
        if done is None:
            return
        self._aside = _Aside(done.number, done.version)
        changes = done.changes.done()
        key = done.version.lower().removeprefix("v")
        if done.changes.coming:
            self.notes.line(done.number, f"{done.version} is not released and was left out")
        elif deeper and not changes:
            self.notes.line(done.number, f"{done.version} only holds the versions below it and was left out")
        elif key in self._seen:
            self.notes.line(
                done.number, f"{done.version} was told on line {self._seen[key]} already; this one was left out"
            )
        else:
            self._seen[key] = done.number
            yield OldRelease(done.version, done.date or done.changes.day, done.told.yanked, changes)

    def _take(self, line: Line) -> None:
        if self._open is not None:
            self._open.changes.take(line)
        elif line.text.strip() and not line.is_rule:
            self._aside.lines += 1
            self._aside.listed |= line.text.lstrip()[:2] in ("- ", "* ", "+ ")

    def _leave(self) -> None:
        """Tell of a part that is no release; a title and an introduction go without saying."""
        aside, self._aside = self._aside, _Aside(0, "")
        if aside.lines and (aside.listed or aside.coming or self._seen):
            what = f"{aside.title!r} is not a release" if aside.title else "this is not part of a release"
            what = f"{aside.title!r} is not released yet" if aside.coming else what
            lost = "its line was" if aside.lines == 1 else f"its {aside.lines:,} lines were"
            self.notes.line(aside.number, f"{what}; {lost} left out")
