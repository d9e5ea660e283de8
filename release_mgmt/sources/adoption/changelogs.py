"""Old changelogs: Keep a Changelog files, and the release texts of GitHub and GitLab as their APIs give them (JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from release_mgmt.core.errors import FieldError, InvalidInput, TooLarge
from release_mgmt.core.text import one_line

MOST_BYTES = 10_000_000
MOST_RELEASES = 5_000
MOST_CHANGES = 2_000

_HEADING = re.compile(
    r"^##\s+\[?(?P<version>[^\]\s]+)\]?(?:\([^)]*\))?(?:\s*[-\u2013\u2014:]?\s*\(?(?P<date>\d{4}-\d\d-\d\d)\)?)?(?P<rest>.*)$"
)
_KIND = re.compile(r"^###\s+(?P<kind>.+?)\s*$")
_BULLET = re.compile(r"^(?P<indent>\s*)[-*+]\s+(?P<text>.+)$")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^>]*>")
_MARK = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~@&:$])|(\*\*|__|`)")


@dataclass(frozen=True, slots=True)
class OldRelease:
    """A release as it was told: changes as (kind, text), newest information only in plain text."""

    version: str
    date: date | None
    yanked: bool
    changes: tuple[tuple[str, str], ...]


def keep_a_changelog(text: str) -> tuple[OldRelease, ...]:
    """The releases of a Keep a Changelog file, in its order; what is unreleased is left out.

    Raises InvalidInput when no release is found in it.
    """
    _bounded(text)
    found = tuple(_releases(text.splitlines()))
    if not found:
        raise InvalidInput.at("file", "no releases were found", "headings like `## [1.2.0] - 2026-11-03`")
    return found


def _releases(lines: Iterable[str]) -> Iterator[OldRelease]:
    heading: re.Match[str] | None = None
    changes: list[tuple[str, str]] = []
    kind = ""
    for line in (*lines, "## end"):
        start = _HEADING.match(line)
        if start is None and not line.startswith("## "):
            kind = _take(line, kind, changes)
            continue
        if heading is not None:
            yield _release(heading, changes)
        heading = start if start is not None and re.search(r"\d", start["version"]) else None
        changes, kind = [], ""


def _take(line: str, kind: str, changes: list[tuple[str, str]]) -> str:
    """Read one line below a heading; returns the kind that holds from here on."""
    section = _KIND.match(line)
    if section:
        return plain(section["kind"])[:80]
    bullet = _BULLET.match(line)
    if bullet and len(bullet["indent"]) < 2 and len(changes) < MOST_CHANGES:
        changes.append((kind, plain(bullet["text"])))
    elif line.strip() and line.startswith((" ", "\t")) and not bullet and changes:
        changes[-1] = (changes[-1][0], one_line(f"{changes[-1][1]} {plain(line)}", 2_000))
    return kind


def _release(heading: re.Match[str], changes: list[tuple[str, str]]) -> OldRelease:
    told = heading["date"]
    try:
        day = date.fromisoformat(told) if told else None
    except ValueError:
        day = None
    kept = tuple((kind, text) for kind, text in changes if text)
    return OldRelease(one_line(heading["version"], 120), day, "[YANKED]" in heading["rest"].upper(), kept)


def forge_releases(text: str) -> tuple[OldRelease, ...]:
    """The releases of GitHub's (``/repos/O/R/releases``) or GitLab's (``/projects/ID/releases``) JSON.

    Raises InvalidInput naming what is wrong.
    """
    _bounded(text)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidInput.at("file", f"this is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput.at("file", "this JSON is nested too deeply") from error
    if not isinstance(data, list):
        raise InvalidInput.at("file", "must be a list of releases")
    if len(data) > MOST_RELEASES:
        raise TooLarge(f"The file holds {len(data):,} releases; {MOST_RELEASES:,} are allowed.")
    faults = [
        FieldError(f"[{at}].tag_name", "is needed")
        for at, item in enumerate(data)
        if not isinstance(item, dict) or not isinstance(item.get("tag_name"), str)
    ]
    if faults:
        raise InvalidInput("Some releases have no tag.", faults[:20])
    return tuple(_forge_release(item) for item in data if item.get("draft") is not True)


def _forge_release(item: dict[str, Any]) -> OldRelease:
    told = str(item.get("body") if item.get("body") is not None else item.get("description") or "")
    changes: list[tuple[str, str]] = []
    kind = ""
    for line in told.splitlines():
        section = re.match(r"^#{1,4}\s+(.+?)\s*$", line)
        kind = plain(section[1])[:80] if section else _take(line, kind, changes)
    if not changes and told.strip():
        changes = [("", plain(part)) for part in told.split("\n\n")[:20]]
    at = item.get("published_at") or item.get("released_at") or item.get("created_at")
    try:
        day = datetime.fromisoformat(str(at)).date() if at else None
    except ValueError:
        day = None
    kept = tuple((name, text) for name, text in changes if text)
    return OldRelease(one_line(item["tag_name"], 120), day, yanked=False, changes=kept)


def plain(markdown: str) -> str:
    """Markdown as plain text: links by their words, no tags, no marks."""
    text = _TAG.sub("", _LINK.sub(r"\1", markdown))
    return one_line(_MARK.sub(lambda found: found[1] or "", text), 2_000)


def _bounded(text: str) -> None:
    if len(text) > MOST_BYTES:
        raise TooLarge(f"The file has {len(text):,} characters; {MOST_BYTES:,} are allowed.")
