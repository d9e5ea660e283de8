"""The rules of classification as data: read, checked with the line of each fault, overridden per repository."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from release_mgmt.core.classification.model import Level
from release_mgmt.core.errors import FieldError, InvalidInput

FACTS = (
    "library_new", "library_late", "library_first_use", "library_major", "library_minor", "library_optional",
    "library_removed", "library_development", "library_transitive", "library_moved", "break_marked", "break_unmarked",
    "import_stdlib", "import_own", "unreadable", "logic", "parameter", "text", "version", "vendored", "ci", "moved",
    "outputs", "documentation", "metric", "artefact", "schema_added", "advisory", "platform", "household",
)  # fmt: skip
"""What a rule can be about."""

KINDS = (
    "new_library", "library_major_bump", "breaking_change", "late_declaration", "transitive_promotion",
    "optional_dependency", "library_removed", "library_minor_bump", "dev_dependency_only", "lockfile_only_transitive",
    "rename_move", "version_bump_release", "vendored", "ci_only", "notebook_output_only", "import_of_stdlib",
    "import_of_own_package", "code_logic", "parameter_only", "docs_only",
)  # fmt: skip
"""The kinds of change."""

POLICIES: Mapping[str, tuple[str, ...]] = {
    "library_new": ("major", "minor"),
    "library_declared_late": ("major", "minor"),
    "library_first_use": ("minor", "review", "major"),
    "library_major_bump": ("major", "review", "minor"),
    "library_minor_bump": ("minor", "review", "major"),
    "library_optional": ("minor", "review", "major"),
    "break_marked": ("major", "review", "minor"),
    "break_unmarked": ("review", "minor", "major"),
    "code_logic": ("review", "minor", "major"),
}
"""The switches of the policy and what each may be; ``review`` is minor with a person's look."""

_RULE_KEYS = ("name", "fact", "level", "policy", "kind", "review", "names", "ecosystems", "paths")
_TOP_KEYS = ("version", "policy", "families", "tags", "rules", "disable")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: evidence of ``fact`` (of these names, ecosystems and paths, where given) means ``level``."""

    name: str
    fact: str
    kind: str
    level: Level
    review: bool = False
    names: tuple[str, ...] = ()
    ecosystems: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def fits(self, subject: str, ecosystem: str | None, path: str) -> bool:
        """Whether the rule is about this piece of evidence, given that it is about its fact."""
        return (
            (not self.names or _matches(subject, self.names))
            and (not self.ecosystems or ecosystem in self.ecosystems)
            and (not self.paths or any(_path_fits(path, pattern) for pattern in self.paths))
        )


@dataclass(frozen=True)
class Rules:
    """Rules in their order, with the policy they were made with and the libraries that only development needs.

    ``tags`` are the labels, in lower case, by which a person sets a level; they have no part in any verdict.
    """

    rules: tuple[Rule, ...]
    policy: Mapping[str, str]
    development_tools: tuple[str, ...] = ()
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digest: str = field(default="", compare=False)
    tags: Mapping[str, Level] = field(default_factory=dict)

    @cached_property
    def by_fact(self) -> dict[str, list[tuple[int, Rule]]]:
        """The rules about each fact, with their place in the order."""
        found: dict[str, list[tuple[int, Rule]]] = {}
        for index, rule in enumerate(self.rules):
            found.setdefault(rule.fact, []).append((index, rule))
        return found

    def rule_for(self, fact: str, subject: str, ecosystem: str | None, path: str) -> tuple[int, Rule] | None:
        """The first rule that fits, with its place; None when a fact means nothing here."""
        return next((one for one in self.by_fact.get(fact, ()) if one[1].fits(subject, ecosystem, path)), None)

    @cached_property
    def observing(self) -> str:
        """A digest of what observing takes from the rules: the development tools and the families."""
        return _digest([self.development_tools, sorted(self.families.items())])

    def signature(self, about: Collection[str]) -> str:
        """A digest of all that a verdict on facts of these names depends on. Rules about other facts leave it, and
        the verdict, as they are."""
        ours = [_plain(rule) for rule in self.rules if rule.fact in about]
        return _digest([ours, self.observing if any(_ASKS.match(one) for one in about) else ""])

    @cached_property
    def _exact_tools(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self.development_tools if "*" not in name)

    @cached_property
    def _tool_patterns(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.development_tools if "*" in name)

    def brought_by(self, name: str, needed: Collection[str]) -> bool:
        """Whether one of the ``needed`` libraries brings ``name`` as one of its family."""
        return any(head in needed and _matches(name, members) for head, members in self.families.items())

    def is_development_tool(self, name: str) -> bool:
        """Whether a library serves development wherever it is listed."""
        key = re.sub(r"[-_.]+", "-", name).lower()
        return key in self._exact_tools or any(fnmatchcase(key, pattern) for pattern in self._tool_patterns)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    key = re.sub(r"[-_.]+", "-", name).lower()
    return any(fnmatchcase(key, re.sub(r"[-_.]+", "-", pattern).lower()) for pattern in patterns)


def _path_fits(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or (pattern.startswith("**/") and fnmatchcase(path, pattern[3:]))


def load_rules(text: str, override: str | None = None) -> Rules:
    """The rules of a TOML document, those of a repository's ``override`` document first.

    Raises InvalidInput that names every fault with its line.
    """
    base = _Document(text, "")
    own = _Document(override, "override: ") if override is not None else None
    documents = [own, base] if own else [base]
    policy = {key: values[0] for key, values in POLICIES.items()}
    for document in reversed(documents):
        policy.update(document.policy())
    disabled = {name for document in documents for name in document.disabled()}
    known = {str(raw.get("name")) for document in documents for raw in document.raw_rules}
    if own:
        own.check_disabled(known)
    rules: list[Rule] = []
    for document in documents:
        taken = {rule.name for rule in rules}
        rules.extend(rule for rule in document.rules(policy) if rule.name not in disabled | taken)
    tools = tuple(dict.fromkeys(name for document in documents for name in document.tools()))
    families = {head: members for document in reversed(documents) for head, members in document.families().items()}
    tags = {level: labels for document in reversed(documents) for level, labels in document.tags().items()}
    faults = [fault for document in documents for fault in document.faults]
    if faults:
        raise InvalidInput(f"classification rules: {faults[0].path}: {faults[0].message}", faults)
    digest = _digest([[_plain(rule) for rule in rules], sorted(policy.items()), tools, sorted(families.items())])
    by_label = {label: level for level in (Level.MINOR, Level.MAJOR) for label in tags.get(level, ())}
    return Rules(tuple(rules), policy, tools, families, digest, by_label)


# The facts whose very name may hang on what counts as a development tool or a family.
_ASKS = re.compile(r"library_|import_|unreadable\Z|documentation\Z")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _plain(rule: Rule) -> list[object]:
    return [rule.name, rule.fact, rule.kind, rule.level, rule.review, rule.names, rule.ecosystems, rule.paths]


class _Document:
    """One TOML document and the faults found in it."""

    def __init__(self, text: str, label: str) -> None:
        self.text = text
        self.label = label
        self.faults: list[FieldError] = []
        self.table: dict[str, Any] = {}
        try:
            self.table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"line (\d+)", str(error))
            self.fault(int(found.group(1)) if found else 1, f"not TOML: {error}")
        for key in self.table:
            if key not in _TOP_KEYS:
                self.fault(self.line(key), f"unknown key {key!r}", f"one of {', '.join(_TOP_KEYS)}")
        raw = self.table.get("rules", [])
        if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
            self.fault(self.line("rules"), "rules must be tables: [[rules]]")
            raw = []
        self.raw_rules: list[dict[str, Any]] = raw
        self._rule_lines = [
            number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*rules\s*\]\]", line)
        ]

    def fault(self, line: int, message: str, allowed: str | None = None) -> None:
        """Note a fault at a line."""
        self.faults.append(FieldError(f"{self.label}line {line}", message, allowed))

    def line(self, key: str, start: int = 1) -> int:
        """The line on which ``key`` is set, from ``start`` on."""
        lines = self.text.splitlines()
        for number in range(start, len(lines) + 1):
            if re.match(rf"\s*\[*\s*\"?{re.escape(key)}\"?\s*(?:=|\])", lines[number - 1]):
                return number
        return start

    def policy(self) -> dict[str, str]:
        """The switches that this document sets."""
        table = self.table.get("policy", {})
        if not isinstance(table, dict):
            self.fault(self.line("policy"), "policy must be a table")
            return {}
        found = {}
        for key, value in table.items():
            if key == "development_tools":
                continue
            allowed = POLICIES.get(key)
            if allowed is None:
                self.fault(self.line(key), f"unknown switch {key!r}", f"one of {', '.join(POLICIES)}")
            elif value not in allowed:
                self.fault(self.line(key), f"{key} cannot be {value!r}", f"one of {', '.join(allowed)}")
            else:
                found[key] = str(value)
        return found

    def tools(self) -> tuple[str, ...]:
        """The development tools that this document names."""
        table = self.table.get("policy", {})
        value = table.get("development_tools", []) if isinstance(table, dict) else []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.fault(self.line("development_tools"), "development_tools must be a list of names")
            return ()
        return tuple(value)

    def families(self) -> dict[str, tuple[str, ...]]:
        """The distributions that bring others."""
        table = self.table.get("families", {})
        found = {}
        for key, value in table.items() if isinstance(table, dict) else ():
            if isinstance(value, list) and all(isinstance(one, str) for one in value):
                found[key] = tuple(value)
            else:
                self.fault(self.line(key), f"{key} must be a list of names")
        return found

    def tags(self) -> dict[Level, tuple[str, ...]]:
        """The labels that set each level; a document's list takes the place of the one before it."""
        table = self.table.get("tags", {})
        found = {}
        for key, value in table.items() if isinstance(table, dict) else ():
            if key not in {"minor", "major"}:
                self.fault(self.line(key), f"unknown level {key!r}", "minor or major")
            elif isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value):
                found[Level(key)] = tuple(one.strip().lower() for one in value)
            else:
                self.fault(self.line(key), f"{key} must be a list of labels")
        return found

    def disabled(self) -> tuple[str, ...]:
        """The rules that this document switches off."""
        value = self.table.get("disable", [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.fault(self.line("disable"), "disable must be a list of rule names")
            return ()
        return tuple(value)

    def check_disabled(self, known: set[str]) -> None:
        """Every name in ``disable`` must be a rule's."""
        for name in self.disabled():
            if name not in known:
                self.fault(self.line("disable"), f"no rule is called {name!r}")

    def rules(self, policy: Mapping[str, str]) -> list[Rule]:
        """The rules of this document, levels worked out by ``policy``."""
        found: list[Rule] = []
        for index, raw in enumerate(self.raw_rules):
            at = self._rule_lines[index] if index < len(self._rule_lines) else 1
            rule = self._rule(raw, at, policy)
            if rule and any(rule.name == other.name for other in found):
                self.fault(self.line("name", at), f"a second rule is called {rule.name!r}")
            elif rule:
                found.append(rule)
        return found

    def _rule(self, raw: dict[str, Any], at: int, policy: Mapping[str, str]) -> Rule | None:
        before = len(self.faults)
        for key in raw:
            if key not in _RULE_KEYS:
                self.fault(self.line(key, at), f"unknown key {key!r}", f"one of {', '.join(_RULE_KEYS)}")
        for key, allowed in (("fact", FACTS), ("kind", KINDS)):
            if raw.get(key) not in allowed:
                self.fault(self.line(key, at), f"{key} cannot be {raw.get(key)!r}", f"one of {', '.join(allowed)}")
        if not isinstance(raw.get("name"), str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", str(raw.get("name"))):
            self.fault(self.line("name", at), f"name cannot be {raw.get('name')!r}", "lower-case words with hyphens")
        for key in ("names", "ecosystems", "paths"):
            value = raw.get(key, [])
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                self.fault(self.line(key, at), f"{key} must be a list of texts")
        level, review = self._level(raw, at, policy)
        if len(self.faults) > before or level is None:
            return None
        lists = {key: tuple(raw.get(key, ())) for key in ("names", "ecosystems", "paths")}
        return Rule(raw["name"], raw["fact"], raw["kind"], level, review, **lists)

    def _level(self, raw: dict[str, Any], at: int, policy: Mapping[str, str]) -> tuple[Level | None, bool]:
        review = raw.get("review", False)
        if not isinstance(review, bool):
            self.fault(self.line("review", at), "review must be true or false")
        if ("level" in raw) == ("policy" in raw):
            self.fault(at, "a rule has either a level or a policy")
            return None, False
        if "level" in raw:
            if raw["level"] not in ("minor", "major"):
                self.fault(self.line("level", at), f"level cannot be {raw['level']!r}", "minor or major")
                return None, False
            return Level(raw["level"]), bool(review)
        if raw["policy"] not in POLICIES:
            self.fault(self.line("policy", at), f"unknown switch {raw['policy']!r}", f"one of {', '.join(POLICIES)}")
            return None, False
        value = policy[raw["policy"]]
        return (Level.MINOR, True) if value == "review" else (Level(value), bool(review))
