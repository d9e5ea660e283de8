"""The neutral pull request as JSON: one object a line in files, one object a row in the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

import orjson

from release_mgmt.core.changes import Labelling, Provider, PullRequest, Review, Step, WorkItem
from release_mgmt.core.errors import FieldError, InvalidInput, did_you_mean
from release_mgmt.sources.forge import fields

FIELDS = {item.name for item in dataclasses.fields(PullRequest)}
_TEXTS = {
    "author": fields.TITLE_LIMIT, "author_id": 200, "base_ref": 500, "head_ref": 500, "merged_by": 200,
    "milestone": 500, "url": 2_000, "raw_sha256": 64,
}  # fmt: skip
_SHAS = ("head_sha", "merge_sha")
_INSTANTS = ("created_at", "merged_at", "updated_at")
_LISTS = ("labels", "commits", "requested_reviewers")
MAX_LINE = 1_000_000
MAX_LINES = 200_000


def to_json(pull: PullRequest) -> dict[str, Any]:
    """The record without its unknown fields, instants in ISO 8601 with offset; :func:`from_json` reads it back."""
    shown: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(pull, name)
        if value is None:
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = [_item(item) for item in value]
        shown[name] = value
    return dict(sorted(shown.items()))


def _item(item: object) -> object:
    if not dataclasses.is_dataclass(item) or isinstance(item, type):
        return item
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in dataclasses.asdict(item).items()
        if value is not None
    }


def from_json(raw: object, where: str = "") -> PullRequest:
    """The record that ``raw`` tells; ``where`` goes before the field in errors (``line 3``).

    Raises:
        InvalidInput: a field is unknown, missing or of another kind, each fault with its path.
    """
    faults: list[FieldError] = []
    prefix = f"{where}: " if where else ""
    if not isinstance(raw, Mapping):
        raise InvalidInput.at(where or "pull_request", "this is no JSON object")

    def fault(name: str, message: str, allowed: str | None = None) -> None:
        faults.append(FieldError(f"{prefix}{name}", message, allowed))

    for name in raw:
        if name not in FIELDS:
            fault(str(name)[:100], "there is no such field", did_you_mean(str(name), FIELDS, "") or None)
    provider, number = raw.get("provider", "unknown"), raw.get("number")
    state = raw.get("state")
    if provider not in get_args(Provider):
        fault("provider", "there is no such forge", ", ".join(get_args(Provider)))
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
        fault("number", "a pull request needs a number above 0")
    if state not in {"open", "closed", "merged"}:
        fault("state", "the state is missing or unknown", "open, closed, merged")
    if not isinstance(raw.get("title"), str):
        fault("title", "the title is missing or no text")
    values = _optional(raw, fault)
    if faults:
        raise InvalidInput(f"{faults[0].path}: {faults[0].message}", faults, hint=faults[0].allowed)
    return PullRequest(provider=provider, number=number, title=fields.line(raw, "title") or "", state=state, **values)  # type: ignore[arg-type] # judged above


def _optional(raw: Mapping[str, Any], fault: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    readers: dict[str, Any] = {name: lambda node, key: fields.line(node, key, limit=_TEXTS[key]) for name in _TEXTS}
    readers |= dict.fromkeys(_SHAS, fields.sha) | dict.fromkeys(_INSTANTS, fields.instant)
    readers |= dict.fromkeys(_LISTS, _texts) | {"body": fields.body, "draft": fields.truth}
    readers |= {"reviews": _reviews, "work_items": _work_items, "steps": _steps, "labellings": _labellings}
    for name, read in readers.items():
        if raw.get(name) is None:
            continue
        found = read(raw, name)
        if found is None:
            fault(name, "the value is of another kind than this field holds")
        values[name] = found
    return values


def _texts(raw: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    found = raw[name]
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        return None
    return fields.present(fields.line({"item": item}, "item") for item in found[: fields.LIST_LIMIT])


def _reviews(raw: Mapping[str, Any], name: str) -> tuple[Review, ...] | None:
    found = fields.children(raw, name)
    if found is None:
        return None
    return tuple(
        Review(who, state, fields.instant(item, "at"))
        for item in found
        if (who := fields.line(item, "reviewer")) and (state := fields.line(item, "state"))
    )


def _labellings(raw: Mapping[str, Any], name: str) -> tuple[Labelling, ...] | None:
    found = fields.children(raw, name)
    if found is None:
        return None
    return tuple(
        Labelling(label, by, at, fields.truth(item, "on") is not False)
        for item in found
        if (label := fields.line(item, "label"))
        and (by := fields.line(item, "by", limit=200))
        and (at := fields.instant(item, "at"))
    )


def _steps(raw: Mapping[str, Any], name: str) -> tuple[Step, ...] | None:
    found = fields.children(raw, name)
    if found is None:
        return None
    return tuple(Step(fields.line(item, "title") or "", fields.line(item, "author", limit=200)) for item in found)


def _work_items(raw: Mapping[str, Any], name: str) -> tuple[WorkItem, ...] | None:
    found = fields.children(raw, name)
    if found is None:
        return None
    return tuple(
        WorkItem(key, fields.line(item, "url", limit=2_000), fields.line(item, "title"))
        for item in found
        if (key := fields.line(item, "key"))
    )


def read_lines(content: bytes) -> tuple[PullRequest, ...]:
    """The records of a JSON Lines file, in order; empty lines are passed over.

    Raises:
        InvalidInput: with the number of the line and the field.
    """
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    if len(lines) > MAX_LINES:
        raise InvalidInput.at("pull_requests", f"the file has more than {MAX_LINES} lines")
    found = []
    for place, text in enumerate(lines, 1):
        if not text.strip():
            continue
        if len(text) > MAX_LINE:
            raise InvalidInput.at(f"line {place}", f"the line is longer than {MAX_LINE} bytes")
        try:
            raw = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidInput.at(f"line {place}", f"this is no JSON: {error}") from None
        found.append(from_json(raw, f"line {place}"))
    return tuple(found)
