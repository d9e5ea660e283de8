"""Tag names -> versions: PEP 440, Semantic Versioning 2.0, calendar versions, and the prefixes of monorepos.

One order serves all schemes, so that a repository may change its scheme: epoch, then the numbers (trailing
zeros do not count), then development < pre-release < final < post-release. What PEP 440 can read is ordered as
PEP 440 says, other pre-releases by section 11 of Semantic Versioning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LENGTH = 255
_DIGITS = 18  # of one number: a date with time has 14; longer ones are hashes or attacks

_DATE = re.compile(
    r"(?P<year>(?:19|20)\d\d)(?P<sep>[-_])(?P<month>0?[1-9]|1[0-2])(?:(?P=sep)(?P<day>0?[1-9]|[12]\d|3[01]))?(?!\d)"
)
# A week or a quarter of a year, and an instant.
_SPAN = re.compile(r"((?:19|20)\d\d)[-_.]?[wWqQ](\d\d?)(?![0-9a-zA-Z])")
_INSTANT = re.compile(
    r"((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[tT](\d\d)[-_.]?(\d\d)(?:[-_.]?(\d\d))?[zZ]?(?![0-9a-zA-Z])"
)
_JOINED = re.compile(r"(?:\d+(?:_\d+)+|\d+(?:-\d+){2,})(?=$|[-+.]|_?[a-zA-Z])")
_DAY = re.compile(r"(?:19|20)\d\d(?:\d{4}|\.\d\d\.\d\d)")
_VERSION = re.compile(
    r"(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)(?P<suffix>[-_.]?[a-zA-Z0-9][a-zA-Z0-9._-]*)?(?:\+(?P<build>[a-zA-Z0-9._-]+))?"
)
# PEP 440, Appendix B, the part after the numbers; a patch or hotfix of a version comes after it in any scheme.
_PEP_440 = re.compile(
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_n>\d*))?"
    r"(?:-(?P<bare_post>\d+)|[-_.]?(?P<post>post|rev|r|hotfix|patch|p)[-_.]?(?P<post_n>\d*))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?",
    re.IGNORECASE,
)
_PHASES = {"a": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta"}
_FINAL = {"final", "ga", "release", "stable"}
_STARTS = re.compile(r"(?<![a-zA-Z0-9])(?<!\d\.)[vV]?(?=[0-9])")
_GLUED = re.compile(r"(?<=[a-zA-Z])(?=[0-9])")
_NUMBERS = re.compile(r"[vV]?(?:\d+[._]\d|\d{4})")  # what begins so is a version that cannot be read, not a package
_GLUED_R = re.compile(r"[rR]\d")
# A commit's abbreviated id, as build servers put it into tags, and no day with a letter after it.
_HASH = re.compile(r"(\D*(?<![0-9a-zA-Z]))(?!(?:19|20)\d{6}(?:[a-z]\d{0,3})?\Z)([0-9a-f]{7,64})")
_DECORATION = {"", "v", "r", "ver", "version", "rel", "release", "releases", "tag", "tags"}

# Development, pre-release, final: the first part of the phase in the order.
_DEVELOPMENT, _PRE, _FINISHED = 0, 1, 2

Identifier = tuple[int, int, str]
Key = tuple[int, tuple[int, ...], tuple[int, tuple[Identifier, ...]], tuple[int, int], tuple[int, int], str]


@dataclass(frozen=True, slots=True)
class Version:
    """A version: ``text`` as the tag spells it, ``key`` to sort by, ``base`` equal for a final and its pre-releases."""

    text: str
    key: Key
    prerelease: bool
    base: tuple[int, tuple[int, ...], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """A tag that names a version. ``package`` is None unless the repository has several packages."""

    tag: str
    version: Version
    package: str | None


def parse_version(text: str) -> Version | None:
    """The version that ``text`` is, whole; None when it is none."""
    if len(text) > _LENGTH or not text.isascii():
        return None
    normal = _separated(text)
    found = _VERSION.fullmatch(normal)
    if found is None or any(len(digits) > _DIGITS for digits in re.findall(r"\d+", normal)):
        return None
    release = tuple(int(part) for part in found["release"].split("."))
    epoch = int(found["epoch"] or 0)
    phase = _phase(found["suffix"] or "", found["release"])
    if phase is None:
        return None
    pre, post, dev = phase
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    key: Key = (epoch, release, pre, post, dev, found["build"] or "")
    unfinished = pre[0] != _FINISHED or dev != (1, 0)
    return Version(text, key, unfinished, (epoch, release, post))


def _separated(text: str) -> str:
    """Dates, weeks, quarters and instants, and numbers with hyphens or underscores, written with dots."""
    for pattern in (_SPAN, _INSTANT):
        found = pattern.match(text)
        if found:
            return ".".join(filter(None, found.groups())) + text[found.end() :]
    date = _DATE.match(text)
    if date:
        return ".".join(part for part in date.group("year", "month", "day") if part) + text[date.end() :]
    joined = _JOINED.match(text)
    return re.sub("[-_]", ".", joined[0]) + text[joined.end() :] if joined else text


def _phase(
    suffix: str, release: str
) -> tuple[tuple[int, tuple[Identifier, ...]], tuple[int, int], tuple[int, int]] | None:
    """Where a version stands among those with the same numbers: pre-release, post-release, development release."""
    nothing: tuple[int, int] = (0, 0)
    finished: tuple[int, int] = (1, 0)
    if suffix.lower().lstrip("-_.") in _FINAL or not suffix:
        return (_FINISHED, ()), nothing, finished
    if len(suffix) == 1 and suffix.islower() and _DAY.fullmatch(release):  # a further release of that day
        return (_FINISHED, ()), (1, ord(suffix)), finished
    parts = release.split(".")
    # 1.2.3-4 is a pre-release in Semantic Versioning; 2026.01.05-2 and 1.2-3 are a second release of the same numbers.
    semantic = len(parts) == 3 and not any(part != "0" and part.startswith("0") for part in parts) and len(parts[0]) < 4
    found = None if semantic and re.fullmatch(r"-\d+", suffix) else _PEP_440.fullmatch(suffix)
    if found is None:
        words = suffix.lstrip("-_.")
        milestone = suffix[0] == "." and re.fullmatch(r"[a-zA-Z]+\d+", words)
        if not words or (suffix[0] not in "-_" and not milestone):
            return None
        return (_PRE, tuple(_identifier(word) for word in re.split(r"[.]", words))), nothing, finished
    post = (1, int(found["bare_post"] or found["post_n"] or 0)) if found["post"] or found["bare_post"] else nothing
    dev = (0, int(found["dev_n"] or 0)) if found["dev"] else finished
    if found["pre"]:
        word = _PHASES.get(found["pre"].lower(), "rc")
        number = (_identifier(found["pre_n"]),) if found["pre_n"] else ()
        return (_PRE, (_identifier(word), *number)), post, dev
    if found["dev"] and not found["post"]:
        return (_DEVELOPMENT, ()), post, dev
    return (_FINISHED, ()), post, dev


def _identifier(word: str) -> Identifier:
    """Semantic Versioning 11.4: numbers by value and below words, words by ASCII."""
    return (0, int(word), "") if word.isascii() and word.isdigit() else (1, 0, word)


def split_tag(tag: str) -> tuple[str, Version] | None:
    """A tag cut into what stands before the version and the version; None when no version ends it."""
    if len(tag) > _LENGTH:
        return None
    for pattern in (_STARTS, _GLUED):
        for start in pattern.finditer(tag):
            version = parse_version(tag[start.end() :])
            if version is not None and not (pattern is _GLUED and _NUMBERS.match(tag)):
                return tag[: start.start()], version
    return None


def prefix_name(prefix: str) -> str:
    """What a prefix names: without the separators and the ``v`` that lead to the version."""
    return re.sub(r"(?:(?<=[-_/.@=])[vV])?[-_/.@=]*$", "", prefix)


def name_tags(tags: Iterable[str], repository: str) -> tuple[list[NamedVersion], list[str]]:
    """Tags -> versions with their packages, in the order given, and a sentence for each tag that names no version.

    The text before the version is a package when two or more different versions carry it and it is not mere
    decoration: ``v``, ``release-``, or the name of the repository. ``r-`` is the language when there are other
    packages beside it.
    """
    split: list[tuple[str, str, Version]] = []
    diagnostics: list[str] = []
    tags = list(tags)
    hashes = _hashes(tags)
    for tag in tags:
        found = None if tag in hashes else split_tag(tag)
        if found is None:
            diagnostics.append(f"tag {tag!r} names no version and was left out")
        else:
            split.append((tag, prefix_name(found[0]), found[1]))
    carried: Counter[str] = Counter(name for name, _ in {(name, version.key) for _, name, version in split})
    own = _plain(repository)
    packages = {
        name
        for name, versions in carried.items()
        if versions >= 2 and name.lower() not in _DECORATION and _plain(_undecorated(name)) not in {"", own}
    }
    if packages:
        packages |= {name for name in ("r", "R") if carried[name] >= 2}
    named = [
        NamedVersion(tag, version, name if name in packages and not _GLUED_R.match(tag) else None)
        for tag, name, version in split
    ]
    return named, diagnostics


def _hashes(tags: Iterable[str]) -> set[str]:
    """The tags that name a commit by its id: some digits of one could be taken for a version.

    One of digits alone is one where most that begin like it have letters too.
    """
    mixed: dict[str, list[str]] = {}
    plain: dict[str, list[str]] = {}
    for tag in tags:
        found = _HASH.fullmatch(tag)
        if found is not None:
            of = plain if found[2].isdigit() else mixed
            of.setdefault(found[1], []).append(tag)
    also = [tag for before, same in plain.items() if len(mixed.get(before, ())) > len(same) for tag in same]
    return {*also, *(tag for same in mixed.values() for tag in same)}


def _undecorated(name: str) -> str:
    parts = [part for part in re.split(r"[-_/.@ ]+", name) if part.lower() not in _DECORATION]
    return "-".join(parts)


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]+", "-", name.strip("/").rsplit("/", 1)[-1].removesuffix(".git")).lower()


def newest_first(versions: Sequence[NamedVersion]) -> list[NamedVersion]:
    """Highest version first, of equal ones the last that is given; packages by their names, those without one first."""
    ordered = sorted(versions, key=lambda named: named.version.key)
    ordered.reverse()
    return sorted(ordered, key=lambda named: named.package or "")
