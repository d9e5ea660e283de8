"""The release texts of GitHub and GitLab as their APIs give them (JSON)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from release_mgmt.core.errors import FieldError, InvalidInput, TooLarge
from release_mgmt.core.text import one_line
from release_mgmt.sources.adoption.changes import Changes
from release_mgmt.sources.adoption.lines import heading, read
from release_mgmt.sources.adoption.texts import Notes, OldRelease, OldTexts, bounded

MOST_RELEASES = 5_000


def forge_releases(text: str) -> OldTexts:
    """The releases of GitHub's (``/repos/O/R/releases``) or GitLab's (``/projects/ID/releases``) JSON; drafts are left
    out, and told.

    Raises InvalidInput naming what is wrong.
    """
    bounded(text)
    data = _lists(text.removeprefix("\ufeff"))
    if len(data) > MOST_RELEASES:
        raise TooLarge(f"The file holds {len(data):,} releases; {MOST_RELEASES:,} are allowed.")
    faults = [
        FieldError(f"[{at}].tag_name", "is needed")
        for at, item in enumerate(data)
        if not isinstance(item, dict) or not isinstance(item.get("tag_name"), str) or not item["tag_name"].strip()
    ]
    if faults:
        raise InvalidInput("Some releases have no tag.", faults[:20])
    notes = Notes()
    found = []
    for item in data:
        if item.get("draft") is True or item.get("upcoming_release") is True:
            notes.add(f"{one_line(item['tag_name'], 120)}: is not released yet and was left out")
        else:
            found.append(_release(item, notes))
    return OldTexts(tuple(found), notes.done())


def _lists(text: str) -> list[Any]:
    """The releases of one list, or of several as ``gh api --paginate`` gives them: in a row, or in a list."""
    decoder, at, found = json.JSONDecoder(), 0, list[Any]()
    text = text.strip()
    try:
        while True:
            page, at = decoder.raw_decode(text, at)
            if not isinstance(page, list):
                raise InvalidInput.at("file", "must be a list of releases")
            nested = page and all(isinstance(each, list) for each in page)
            found += [one for each in page for one in each] if nested else page
            while at < len(text) and text[at].isspace():
                at += 1
            if at >= len(text):
                return found
    except ValueError as error:
        raise InvalidInput.at("file", f"this is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput.at("file", "this JSON is nested too deeply") from error


def _release(item: dict[str, Any], notes: Notes) -> OldRelease:
    told = str(item.get("body") if item.get("body") is not None else item.get("description") or "")
    name = one_line(item["tag_name"], 120)
    title = one_line(str(item.get("name") or ""), 80)
    if title and name.lower().removeprefix("v") not in title.lower():
        notes.add(f"{name}: its title {title!r} was left out")
    own = Notes()
    lines, read_on, changes = read(told, own), 0, Changes(own)
    for at, line in enumerate(lines):
        found = heading(lines, at)
        if at < read_on:
            continue
        if found:
            changes.head(found.text, found.level)
            read_on = at + found.lines
        else:
            changes.take(line)
    for note in own.done():
        notes.add(f"{name}: {note}")
    at_ = item.get("published_at") or item.get("released_at") or item.get("created_at")
    try:
        day = datetime.fromisoformat(str(at_)).date() if at_ else None
    except ValueError:
        day = None
        notes.add(f"{name}: its date {one_line(str(at_), 40)!r} cannot be read and was left out")
    return OldRelease(name, day, yanked=False, changes=changes.done())
