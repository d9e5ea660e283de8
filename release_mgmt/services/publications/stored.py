"""A release's record and what is known of its changes, as plain data and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from release_mgmt.core.audience import Annotation, Metric
from release_mgmt.core.changelog import Accounting, Entry, Previous, PullRequestRef, Section
from release_mgmt.core.classification import Classification, Level, NewLibrary
from release_mgmt.core.evidence.model import Evidence
from release_mgmt.core.text import clean


def section_data(section: Section) -> dict[str, Any]:
    """A section as JSON data, cleaned of what a database cannot hold."""
    plain = asdict(replace(section, entries=()))
    found = _cleaned(plain | {"entries": [_plain(entry) for entry in section.entries]})
    assert isinstance(found, dict)
    return found


def _plain(entry: Entry) -> dict[str, Any]:
    pull = entry.pull_request
    return entry._asdict() | {"pull_request": None if pull is None else pull._asdict()}


def section_from(data: Mapping[str, Any]) -> Section:
    """The section of JSON data."""
    values = dict(data)
    values["entries"] = tuple(_entry(entry) for entry in values["entries"])
    values["accounting"] = Accounting(**values["accounting"])
    values["previous"] = Previous(**values["previous"]) if values["previous"] else None
    values["cancelled"] = tuple((str(one), str(two)) for one, two in values["cancelled"])
    for name in ("tags", "first_time_contributors"):
        values[name] = tuple(values[name])
    return Section(**values)


def _entry(data: Mapping[str, Any]) -> Entry:
    values = dict(data)
    for name in ("details", "commits", "authors", "also_in"):
        values[name] = tuple(values[name])
    ref = values["pull_request"]
    values["pull_request"] = PullRequestRef(ref["provider"], ref["number"]) if ref else None
    return Entry(**values)


def annotations_data(annotations: Mapping[str, Annotation]) -> dict[str, Any]:
    """What is known of changes, as JSON data."""
    plain = {key: asdict(value) for key, value in sorted(annotations.items())}
    for each in plain.values():
        del each["promises"]
        each["action"] = each.pop("actions") or None  # the name and the nothing that older texts have
    found = _cleaned(plain)
    assert isinstance(found, dict)
    return found


def annotations_from(data: Mapping[str, Any]) -> dict[str, Annotation]:
    """What is known of changes, from JSON data."""
    return {key: _annotation(value) for key, value in data.items()}


def _annotation(data: Mapping[str, Any]) -> Annotation:
    values = dict(data)
    action = values.pop("action", None)  # once one text, in a language that nobody noted
    values["actions"] = {"": action} if isinstance(action, str) else action or {}
    verdict = values["classification"]
    if verdict:
        values["classification"] = Classification(
            Level(verdict["level"]),
            verdict["kind"],
            verdict["needs_review"],
            verdict["rule"],
            tuple(NewLibrary(**library) for library in verdict["new_libraries"]),
            tuple(Evidence(**fact) for fact in verdict["evidence"]),
        )
    values["metrics"] = tuple(Metric(**metric) for metric in values["metrics"])
    for name in ("teams", "approvals", "missing", "risk", "moves"):
        values[name] = tuple(values[name])
    if values["window"]:
        start, end = values["window"]
        values["window"] = (datetime.fromisoformat(start), datetime.fromisoformat(end))
    return Annotation(**values)


def digest(record: Mapping[str, Any], annotations: Mapping[str, Any]) -> str:
    """Changes when a published text would; a link to a later backport (``also_in``) is beside the text, not in it."""
    kept = dict(record) | {"entries": [dict(entry) | {"also_in": []} for entry in record["entries"]]}
    text = json.dumps([kept, annotations], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value
