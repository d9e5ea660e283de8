"""Whom a change concerns and who answers for it: affected teams by rules, the Owner by CODEOWNERS, author or lead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

LONGEST_FILE = 500_000
LONGEST_PATTERN = 500


@dataclass(frozen=True, slots=True)
class TeamRule:
    """A change affects ``team`` when its repository and, where given, one of its paths and one of its labels match."""

    team: str
    repository: str = "*"
    path: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Affected:
    """A team that a change affects, with the rule that says so."""

    team: str
    rule: TeamRule


_TOKENS = re.compile(r"\*\*/|\*\*+|\*|\?|[^*?]")
_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@lru_cache(maxsize=4096)
def _tokens(pattern: str) -> tuple[str, ...]:
    return tuple("**" if len(token) > 2 and token[-1] == "*" else token for token in _TOKENS.findall(pattern))


@lru_cache(maxsize=4096)
def _glob(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("".join(_REGEX.get(token) or re.escape(token) for token in tokens), re.DOTALL)


def _simulate(tokens: tuple[str, ...], text: str) -> bool:
    """The same as the regular expression, but never slower than len(tokens) * len(text): both may be hostile."""
    alone = len(tokens)

    def closed(states: set[int]) -> set[int]:
        reached = set()
        for state in states:
            at = state
            reached.add(at)
            while at < alone and tokens[at] in {"*", "**", "**/"}:
                at += 1
                reached.add(at)
        return reached

    states, inside = closed({0}), set[int]()  # inside: in the middle of a folder's name that "**/" is eating
    for char in text:
        following: set[int] = set()
        eating = {state for state in states if state < alone and tokens[state] == "**/"} | inside
        for state in states:
            kind = tokens[state] if state < alone else ""
            if kind == "**" or (kind == "*" and char != "/"):
                following.add(state)
            elif kind == char or (kind == "?" and char != "/"):
                following.add(state + 1)
        if char == "/":
            following |= eating  # after a "/" the token may end (closed() skips it) or eat on
        states, inside = closed(following), eating
        if not states and not inside:
            return False
    return alone in states


def matches(pattern: str, text: str) -> bool:
    """Whether a glob matches all of ``text``: ``*`` and ``?`` inside a folder, ``**`` across, ``**/`` any folders."""
    if len(pattern) > LONGEST_PATTERN:
        return False
    tokens = _tokens(pattern)
    if sum(token in _REGEX for token in tokens) > 2:
        return _simulate(tokens, text)
    return _glob(tokens).fullmatch(text) is not None


def affected(
    rules: Sequence[TeamRule], *, repository: str, paths: Iterable[str], labels: Iterable[str]
) -> tuple[Affected, ...]:
    """The teams that a change affects, sorted by slug, each with the first rule that names it."""
    all_paths, all_labels = tuple(paths), {label.casefold() for label in labels}
    found: dict[str, Affected] = {}
    for rule in rules:
        if rule.team in found or not matches(rule.repository, repository):
            continue
        if rule.path is not None and not any(matches(rule.path, path) for path in all_paths):
            continue
        if rule.label is not None and rule.label.casefold() not in all_labels:
            continue
        found[rule.team] = Affected(rule.team, rule)
    return tuple(found[team] for team in sorted(found))


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """One line of a CODEOWNERS file: a pattern in the manner of .gitignore and who owns what it matches."""

    pattern: str
    owners: tuple[str, ...]

    def owns(self, path: str) -> bool:
        """Whether this line's pattern matches ``path``."""
        anchored = "/" in self.pattern.rstrip("/")
        pattern = self.pattern.lstrip("/")
        if pattern.endswith("/"):
            pattern += "**"
        variants = [pattern] if anchored else [pattern, f"**/{pattern}"]
        folders = [f"{one}/**" for one in variants if not one.endswith("*")]
        return any(matches(one, path) for one in (*variants, *folders))


def parse_codeowners(text: str) -> tuple[CodeOwners, ...]:
    """The lines of a CODEOWNERS file (GitHub's and GitLab's form); sections, comments and bad lines are passed over."""
    lines = []
    for raw in text[:LONGEST_FILE].splitlines():
        line = re.sub(r"(?:^|\s)#.*$", "", raw).strip()
        if not line or line.startswith(("[", "^[", "!")):
            continue
        words = re.split(r"(?<!\\)\s+", line)
        owners = tuple(word for word in words[1:] if "@" in word)
        lines.append(CodeOwners(words[0].replace("\\ ", " "), owners))
    return tuple(lines)


def code_owners_of(lines: Sequence[CodeOwners], paths: Iterable[str]) -> tuple[str, ...]:
    """Who owns most of ``paths``, most first, then by name. For each path the last line that matches counts."""
    counts: dict[str, int] = {}
    for path in paths:
        line = next((one for one in reversed(lines) if one.owns(path)), None)
        for owner in line.owners if line is not None else ():
            counts[owner] = counts.get(owner, 0) + 1
    return tuple(sorted(counts, key=lambda owner: (-counts[owner], owner)))


@dataclass(frozen=True, slots=True)
class Ownership:
    """The Owner of a change and the rule that found this person: handed_over, codeowners, author or team_lead."""

    person: str
    rule: str


def owner_of(
    *,
    handed_over_to: str | None,
    code_owners: Sequence[str | None],
    author: str | None,
    team_lead: str | None,
) -> Ownership | None:
    """The one person who answers for a change: the first known of these, or None when nobody is known.

    Every argument is a person's id, already recognised from forge logins and addresses. The author comes before
    others when CODEOWNERS names the author too: who made it and owns it answers for it.
    """
    if handed_over_to:
        return Ownership(handed_over_to, "handed_over")
    owners = [person for person in code_owners if person]
    if author is not None and author in owners:
        return Ownership(author, "codeowners")
    if owners:
        return Ownership(owners[0], "codeowners")
    if author is not None:
        return Ownership(author, "author")
    return Ownership(team_lead, "team_lead") if team_lead else None
