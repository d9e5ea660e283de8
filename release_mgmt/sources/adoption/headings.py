"""Which headings of a changelog name a release, as people and programs write them: `## [1.2.0] - 2026-11-03`,
`# project v1.2`, `## Version 1.2.0`, `## project 1.2.0 (5 January 2026)`, `## 2026-04-02`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from release_mgmt.sources.adoption.texts import bare

_NUMBER = re.compile(r"v?\d+(?:\.\d+)+[\w.+-]*|v\d[\w.+-]*", re.IGNORECASE)
_JOINED = re.compile(r"(?P<name>[\w./@-]{1,80}?)(?:[@/]|[-_](?=v?\d+\.))(?P<version>v?\d+(?:\.\d+)+[\w.+-]*)")
_LOOSE = re.compile(r"(?:v|r|rel|release|build)?[-_.]?\d[\w.+-]*", re.IGNORECASE)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|d)|\d+\.?|0x\w+", re.IGNORECASE)
_SAID = frozenset(
    ("version", "release", "releases", "ver", "v", "tag", "hotfix", "patch", "changes", "news", "new", "what's", "in",
     "for", "update", "the")
)  # fmt: skip
_NO_NAME = frozenset(
    ("to", "from", "for", "with", "of", "and", "or", "since", "until", "before", "after", "in", "on", "by", "upgrading",
     "migrating", "support")
)  # fmt: skip
_AROUND = frozenset(["released", "release", "on", "date", "cran", "the", "was", "update", "updated", "at"])
_YANKED = re.compile(r"[\[(*_]+\s*yanked\s*[\])*_]+|[-–—:|,]\s*yanked\s*$", re.IGNORECASE)  # noqa: RUF001
_COMING = re.compile(
    r"(?:^|[\s(\[:–—-])(?:not yet released|unreleased|upcoming|in development|(?:development|dev|next|current"  # noqa: RUF001
    r"|upcoming|future) (?:version|release)|tbd|tba|to be released|unver(?:ö|oe)ffentlicht)(?:[ :]+(?:version|release"
    r"|changes))?[\s)\]:.]*$",
    re.IGNORECASE,
)
_DEVELOPMENT = re.compile(r"[-.+](?:dev\d*|snapshot|9\d{3})$", re.IGNORECASE)
_LATER = re.compile(r"\d{4}[-/.](?:x{1,2}|\?{1,2})(?:[-/.](?:x{1,2}|\?{1,2}|\d\d))?(?!\w)", re.IGNORECASE)
_UNTIL = re.compile(r"^\s*(?:to|until|through|bis|->|→|\.\.+|[-–])\s*(?P<version>v?\d+(?:\.\d+)+[\w.+-]*)")  # noqa: RUF001
_SEPARATED = re.compile(r"^\s*(?:$|[-–—:(\[/|,\"“'.])")  # noqa: RUF001
_DAY = re.compile(
    r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)|(?<!\d)(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})"
    r"|(?P<n>[A-Z][a-zä]{2})[a-zä]*\.? (?P<d3>\d{1,2})(?:st|nd|rd|th)?,? (?P<y3>\d{4})"
    r"|(?<!\d)(?P<d4>\d{1,2})(?:st|nd|rd|th|\.)?[ -](?:of )?(?P<n2>[A-Z][a-zä]{2})[a-zä]*\.?,?[ -](?P<y4>\d{4})"
)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "mär": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9,
    "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """What a heading says: a version and perhaps the name before it, a day, what it says beside.

    ``version`` is None where it only tells a day or what is coming. ``plain`` is a version that is surely one.
    """

    version: str | None
    name: str = ""
    day: date | None = None
    yanked: bool = False
    coming: bool = False
    beside: str = ""
    plain: bool = False


def named(heading: str) -> Named | None:
    """What of a release a heading tells; None when it tells of none."""
    text = bare(heading)
    yanked = _YANKED.search(text) is not None
    text = _YANKED.sub(" ", text) if yanked else text
    coming = _COMING.search(text) is not None or _LATER.search(text) is not None
    bracket = re.match(r"^[^\w\[]*+\[++(?P<in>[^\[\]\s]*\d[^\[\]\s]*)\]+(?P<rest>.*)$", text)
    if bracket:
        return _of("", bracket["in"], _spread(bracket["rest"]), yanked=yanked, coming=coming, sure=True)
    text = re.sub(r"^[^\w]+", "", _spread(text)).strip()
    whole = day(text)
    if whole and not _beside(text):
        return Named(None, day=whole, yanked=yanked)
    words = text.split(" ")
    for at, word in enumerate(words[:6]):
        token = word.strip("`*_()").rstrip(",:;").strip("()")
        before, rest = words[:at], " ".join(words[at + 1 :])
        rest = word[len(word.rstrip(",:;)")) :] + " " + rest
        joined = _JOINED.fullmatch(token)
        if joined and not _NUMBER.fullmatch(token):
            return _of(" ".join([*before, joined["name"]]), joined["version"], rest, yanked=yanked, coming=coming)
        if _NUMBER.fullmatch(token):
            return _of(" ".join(before), token, rest, yanked=yanked, coming=coming)
        said = all(each.lower().strip(":'") in _SAID for each in before)
        if said and _LOOSE.fullmatch(token) and not (at == 0 and _ORDINAL.fullmatch(token)) and not _beside(rest):
            return _of("", token, rest, yanked=yanked, coming=coming)
    return Named(None, coming=True) if coming and len(words) <= 6 else None


def _of(name: str, version: str, rest: str, *, yanked: bool, coming: bool, sure: bool = False) -> Named | None:
    words = [word.lower().strip(":'-–—") for word in name.split(" ") if word.strip(":'-–—")]  # noqa: RUF001
    if all(word in _SAID for word in words):
        name, words = "", []
    until = _UNTIL.match(rest)
    if until:
        version, rest = until["version"], rest[until.end() :]
    beside = _beside(rest)
    found = day(rest)
    coming = coming or _DEVELOPMENT.search(version) is not None
    if name and (len(words) > 4 or len(beside.split()) > 5 or any(word in _NO_NAME for word in words)):
        return None
    if not (sure or name or found or coming or _SEPARATED.match(rest) or version.count(".") >= 2):
        return None
    return Named(version, " ".join(words), found, yanked, coming, "" if coming else beside, not name)


def _spread(text: str) -> str:
    return re.sub(r" +", " ", text.replace("[", " ").replace("]", " "))


def _beside(text: str) -> str:
    """What stands beside a version and its day."""
    left = _DAY.sub(" ", text) if day(text) else text
    words = [word for word in re.split(r"[\s()\[\],;:|/–—-]+", left) if re.search(r"\w", word)]  # noqa: RUF001
    return "" if all(word.lower() in _AROUND for word in words) else left.strip(" -–—:()[]|,/")  # noqa: RUF001


def day(text: str) -> date | None:
    """The day that a text names, as people write it."""
    found = _DAY.search(text)
    if found is None:
        return None
    name = found["n"] or found["n2"]
    month = found["m"] or found["m2"] or (_MONTHS.get(name.lower(), 0) if name else 0)
    year = found["y"] or found["y2"] or found["y3"] or found["y4"]
    try:
        return date(int(year), int(month), int(found["d"] or found["d2"] or found["d3"] or found["d4"]))
    except ValueError:
        return None


def releases(told: Iterable[tuple[int, int, Named]]) -> set[int]:
    """Which of the headings (place, level, what they name) are releases.

    A version without a name is one. With a name it is one where the name comes again, or where it stands beside the
    others: `# Python 3.9` above `## 1.2.0` is none. A day alone is one where there is nothing else.
    """
    found = list(told)
    sure = {at for at, _, each in found if each.version and each.plain}
    levels = {level for at, level, each in found if at in sure}
    with_name = [(at, level, each) for at, level, each in found if each.version and not each.plain]
    clear = [(level, each) for _, level, each in with_name if not each.beside]
    if not sure and clear:
        levels = {min(level for level, _ in clear)}
    times = Counter((each.name, level in levels) for level, each in clear)
    alone = not sure and len(times) == 1
    own = {name for (name, beside_others), count in times.items() if beside_others and count > 1}
    for at, level, each in with_name:
        strong = not each.beside and ((each.version or "").count(".") >= 2 or each.day is not None)
        again = each.name in own or (alone and (each.name, True) in times)
        if again or (strong and levels and (level in levels or level < min(levels))):
            sure.add(at)
    if sure:
        return sure
    days = [(at, level) for at, level, each in found if each.version is None and each.day]
    return {at for at, level in days if level == min(level for _, level in days)}
