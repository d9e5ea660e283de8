"""The verdict on one change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from release_mgmt.core.classification import contents, effects, libraries
from release_mgmt.core.classification.change import ChangedFile, ChangeInput
from release_mgmt.core.classification.fact import Fact
from release_mgmt.core.classification.facts import file_facts
from release_mgmt.core.classification.model import Classification, Level, NewLibrary
from release_mgmt.core.classification.rules import Rule, Rules
from release_mgmt.core.classification.scope import Purpose, purpose
from release_mgmt.core.classification.tree import Blob, Tree, blob_of
from release_mgmt.core.evidence import words
from release_mgmt.core.evidence.dependencies import read
from release_mgmt.core.evidence.distributions import Identity, identity
from release_mgmt.core.evidence.model import Evidence

EVIDENCE = 200
"""Pieces of evidence that a verdict keeps; the weightiest first."""


def read_blob(path: str, data: bytes) -> Blob:
    """What a tree keeps of the file at ``path``. Never raises."""
    manifest = read(path, data)
    commented = _commented(data) if manifest and path.endswith((".txt", ".in")) else _NONE
    return blob_of(file_facts(path, data), manifest, commented)


_NONE: frozenset[Identity] = frozenset()
_COMMENTED = re.compile(
    rb"^[ \t]*#[ \t]*([A-Za-z0-9][\w.-]*)(?:\[[\w, -]*\])?[ \t]*(?:[<>=!~][^#\n]*)?(?:[ \t]#[^\n]*)?$", re.MULTILINE
)


def _commented(data: bytes) -> frozenset[Identity]:
    return frozenset(identity("pypi", name.decode()) for name in _COMMENTED.findall(data[:200_000]) if name.isascii())


def classify(
    change: ChangeInput, tree: Tree, rules: Rules, read: Callable[[str, bytes], Blob] = read_blob
) -> Classification:
    """The verdict on ``change``, given the state of its parent. ``tree`` comes back as it was.

    ``read`` may be given by a caller that has read some of the files already.
    """
    return judge(observe(change, tree, rules, read), rules)


def observe(
    change: ChangeInput,
    tree: Tree,
    rules: Rules,
    read: Callable[[str, bytes], Blob] = read_blob,
    include: libraries.Include = lambda _path, _group: None,
) -> tuple[Fact, ...]:
    """What ``change`` does, before any rule says what that means. Of ``rules`` only the development tools and the
    families matter. ``include`` reads a file that a manifest takes in. ``tree`` comes back as it was."""
    found = list(libraries.facts(change, tree, rules, read, include))
    library = tree.is_library
    pairs = [one.told if one.told is not None else pair_facts(one, library) for one in change.files]
    only_logs = all(words.is_change_log(one.path) for one in change.files)
    told = (fact for pair in pairs for fact in pair if not (only_logs and fact.fact == "break_marked"))
    found.extend(contents.follow_moves(change, told))
    found.extend(_breaks([*words.of_message(change.message), *words.of_labels(change.labels)]))
    return tuple(found)


def pair_facts(one: ChangedFile, library: bool) -> tuple[Fact, ...]:
    """What one changed file says by itself, whatever tree it is in save for ``library``: whether others install it."""
    return (*contents.facts(one), *effects.facts(one, library), *_change_log(one))


def _change_log(one: ChangedFile) -> Iterator[Fact]:
    # The change logs of others that were copied in, and of what builds the project, tell of no break of its own.
    if one.new_path and one.new and words.is_change_log(one.new_path) and purpose(one.new_path) not in _OF_OTHERS:
        text = one.new.decode("utf-8", "replace")
        yield from _breaks(words.of_change_log(one.path, _added_lines(one), text, _removed_lines(one)))


_OF_OTHERS = (Purpose.VENDORED, Purpose.CI)


def _breaks(said: Iterable[words.Word]) -> Iterator[Fact]:
    for word in said:
        if word.says == "breaking":
            yield Fact("break_marked", word.source, word.line, word.text[:120], None, word.text, kind="words")


def _added_lines(one: ChangedFile) -> Iterator[tuple[int, str]]:
    """The lines of the new file that the old one does not hold, with their numbers."""
    old = set((one.old or b"").decode("utf-8", "replace")[: words.LONGEST * 5].splitlines())
    for number, line in enumerate((one.new or b"").decode("utf-8", "replace")[: words.LONGEST].splitlines(), 1):
        if line not in old:
            yield number, line


def _removed_lines(one: ChangedFile) -> list[str]:
    """The lines of the old file that the new one does not hold."""
    new = set((one.new or b"").decode("utf-8", "replace")[: words.LONGEST * 5].splitlines())
    old = (one.old or b"").decode("utf-8", "replace")[: words.LONGEST].splitlines()
    return [line for line in old if line not in new]


@dataclass(frozen=True, slots=True)
class _Judged:
    place: int
    rule: Rule
    fact: Fact


def judge(facts: Iterable[Fact], rules: Rules) -> Classification:
    """What ``rules`` make of what was observed."""
    judged: list[_Judged] = []
    for fact in facts:
        found = rules.rule_for(fact.fact, fact.subject, fact.ecosystem, fact.path)
        if found:
            judged.append(_Judged(found[0], found[1], fact))
    judged.sort(key=lambda one: (one.rule.level is not Level.MAJOR, one.place))
    evidence = tuple(
        Evidence(one.fact.kind, one.fact.path, one.fact.line, one.fact.subject, one.fact.old, one.fact.new,
                 one.rule.level.value, one.rule.name)
        for one in judged[:EVIDENCE]
    )  # fmt: skip
    if not judged:
        return Classification(Level.MINOR, "docs_only", False, "nothing-changed")
    first = judged[0]
    libraries_found = {
        one.fact.subject: NewLibrary(one.fact.subject, one.fact.ecosystem or "", one.fact.path)
        for one in judged
        if one.fact.fact in ("library_new", "library_late") and one.rule.level is Level.MAJOR
    }
    return Classification(
        first.rule.level,
        first.rule.kind,
        first.rule.level is Level.MINOR and any(one.rule.review for one in judged),
        first.rule.name,
        tuple(libraries_found.values()),
        evidence,
    )
