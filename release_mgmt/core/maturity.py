"""How far a repository has come: six areas, each a row of small steps, each step judged by signs that are found.

The areas are the practices that "DevOps for data science" names: infrastructure as code, continuous integration and
automated testing, continuous delivery, release management, application performance monitoring, load testing and
auto-scaling. The steps and signs are data (``config/maturity.toml``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from release_mgmt.core.errors import FieldError, InvalidInput

FACTS = (
    "version_tags", "releases_last_year", "test_files", "changes_in_windows", "tags_in_windows", "approvals_given",
    "deployments_reported", "monitors_reported", "load_tests_reported",
)  # fmt: skip
MOST_EVIDENCE = 5
_NOT_OURS = re.compile(
    r"(^|/)(node_modules|vendor|vendored|third_party|site-packages|\.venv|packrat/lib|testdata)/"
    r"|(^|/)tests?/(.*/)?(fixtures?|samples?|[^/]*dummy[^/]*)/",
    re.IGNORECASE,
)
_TEST_FILE = re.compile(
    r"(^|/)(test_[^/]*|[^/]*_test|test)\.(py|ipynb)$|(^|/)(testthat|tests)/(.*/)?test[-_][^/]*\.[Rr]$"
    r"|(^|/)tests?/(.*/)?(?!conftest)[^/]*test[^/]*\.(py|r|R|jl|sql|ya?ml)$|\.(test|spec)\.(js|ts)x?$"
    r"|\.nf\.test$|(^|/)test/runtests\.jl$"
)


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that shows that a step holds: a path (and what the file says), or a fact of at least ``least``."""

    path: re.Pattern[str] | None = None
    says: re.Pattern[str] | None = None
    fact: str | None = None
    least: float = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an area, and what to do next when it does not hold."""

    id: str
    title: str
    next: str
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """A row of steps in the order in which they are taken."""

    id: str
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a repository at one commit: its paths, the texts of those that were read, and facts."""

    paths: tuple[str, ...]
    texts: Mapping[str, str]
    facts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """Whether a step holds, and the evidence: paths, or a fact and its value."""

    step: Step
    holds: bool
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AreaVerdict:
    """``level`` counts the steps that hold without a gap; ``next`` is the first that does not, None at the end."""

    area: Area
    level: int
    steps: tuple[StepVerdict, ...]
    next: Step | None


def load_rules(document: Mapping[str, Any]) -> tuple[Area, ...]:
    """The areas of a rules document. InvalidInput names each fault by its path."""
    faults: list[FieldError] = []
    areas = tuple(_area(raw, f"area[{place}]", faults) for place, raw in enumerate(document.get("area", [])))
    if not areas:
        faults.append(FieldError("area", "there is no area"))
    if faults:
        raise InvalidInput(f"{faults[0].path}: {faults[0].message}", faults)
    return areas


def _area(raw: Mapping[str, Any], where: str, faults: list[FieldError]) -> Area:
    faults += [FieldError(f"{where}.{key}", "is missing") for key in ("id", "title", "step") if not raw.get(key)]
    steps = tuple(_step(step, f"{where}.step[{place}]", faults) for place, step in enumerate(raw.get("step", [])))
    return Area(str(raw.get("id")), str(raw.get("title")), steps)


def _step(raw: Mapping[str, Any], where: str, faults: list[FieldError]) -> Step:
    needed = ("id", "title", "next", "signs")
    faults += [FieldError(f"{where}.{key}", "is missing") for key in needed if not raw.get(key)]
    signs = [_sign(sign, f"{where}.signs[{place}]", faults) for place, sign in enumerate(raw.get("signs", []))]
    return Step(str(raw.get("id")), str(raw.get("title")), str(raw.get("next")), tuple(sign for sign in signs if sign))


def _sign(raw: Mapping[str, Any], where: str, faults: list[FieldError]) -> Sign | None:
    unknown = set(raw) - {"path", "says", "fact", "least"}
    if unknown or ("path" in raw) == ("fact" in raw):
        faults.append(FieldError(where, "a sign has either a path (and says) or a fact (and least)"))
        return None
    if "fact" in raw:
        if raw["fact"] not in FACTS:
            faults.append(FieldError(f"{where}.fact", f"there is no fact {raw['fact']!r}", ", ".join(FACTS)))
        return Sign(fact=str(raw["fact"]), least=float(raw.get("least", 1)))
    try:
        says = re.compile(raw["says"]) if "says" in raw else None
    except re.error as error:
        faults.append(FieldError(f"{where}.says", f"is no regular expression: {error}"))
        return None
    return Sign(path=glob(raw["path"]), says=says)


def glob(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression on whole paths: ``*`` in a folder, ``**`` across, ``{a,b}`` either."""
    out, depth, place = [], 0, 0
    while place < len(pattern):
        char = pattern[place]
        if pattern.startswith("**/", place):
            out.append("(?:.*/)?")
            place += 3
            continue
        if pattern.startswith("**", place):
            out.append(".*")
            place += 2
            continue
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "{":
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        else:
            out.append(re.escape(char))
        place += 1
    return re.compile("".join(out) + r"\Z", re.IGNORECASE)


def own(paths: Iterable[str]) -> tuple[str, ...]:
    """The repository's own paths, sorted, without copies of others' work and without samples."""
    return tuple(sorted(path for path in paths if not _NOT_OURS.search(path)))


def count_tests(paths: Iterable[str]) -> int:
    """How many of ``paths`` are automated tests by their names."""
    return sum(_TEST_FILE.search(path) is not None for path in paths)


def wanted(areas: Iterable[Area], paths: Iterable[str]) -> tuple[str, ...]:
    """The paths whose text a judgement needs, in order."""
    patterns = [sign.path for area in areas for step in area.steps for sign in step.signs if sign.path and sign.says]
    return tuple(path for path in paths if any(pattern.match(path) for pattern in patterns))


def judge(areas: Iterable[Area], snapshot: Snapshot) -> tuple[AreaVerdict, ...]:
    """The verdict on each area."""
    return tuple(_judge(area, snapshot) for area in areas)


def _judge(area: Area, snapshot: Snapshot) -> AreaVerdict:
    steps = tuple(_evidence(step, snapshot) for step in area.steps)
    level = next((place for place, step in enumerate(steps) if not step.holds), len(steps))
    return AreaVerdict(area, level, steps, area.steps[level] if level < len(steps) else None)


def _evidence(step: Step, snapshot: Snapshot) -> StepVerdict:
    found: list[str] = []
    for sign in step.signs:
        if sign.fact is not None:
            value = snapshot.facts.get(sign.fact)
            if value is not None and value >= sign.least:
                found.append(f"{sign.fact} = {value:g}")
        elif sign.path is not None:
            found += [path for path in snapshot.paths if sign.path.match(path) and _says(sign, path, snapshot)]
        if len(found) >= MOST_EVIDENCE:
            break
    return StepVerdict(step, bool(found), tuple(dict.fromkeys(found))[:MOST_EVIDENCE])


def _says(sign: Sign, path: str, snapshot: Snapshot) -> bool:
    return sign.says is None or sign.says.search(snapshot.texts.get(path, "")) is not None
