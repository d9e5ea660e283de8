"""Measures of a model or a pipeline that a change moves: DVC metrics files, dvclive, exports of MLflow."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from posixpath import basename
from typing import Any

from release_mgmt.core.evidence.bounded import Unreadable, decode, load_json, load_toml, load_yaml

_NAME = re.compile(
    r"(?:.*[-_.])?(?:metrics?|scores?|evaluation|eval[-_]results?|results?[-_]metrics)(?:[-_.][\w-]*)*\.(?:json|ya?ml|toml)\Z",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"(?:^|/)(?:dvclive|metrics)/(?:[\w-]+/)*[\w.-]+\.json\Z", re.IGNORECASE)
_MLFLOW = re.compile(r"(?:^|/)mlruns/[^/]+/[0-9a-f]{32}/metrics/(.+)\Z")
_MLFLOW_RUN = re.compile(r"(?:^|/)(?:run|mlflow[-_]?run|mlflow[-_]?metrics)\.json\Z")
_MOST = 500


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric before and after; None where it was or is not measured. Nested names are joined by dots."""

    metric: str
    old: float | None
    new: float | None


def is_metrics(path: str) -> bool:
    """Whether the file at ``path`` holds metrics, as its name tells."""
    return bool(_NAME.match(basename(path)) or _FOLDER.search(path) or _MLFLOW.search(path) or _MLFLOW_RUN.search(path))


def read(path: str, data: bytes) -> dict[str, float]:
    """The metrics of a file by name, at most 500. Raises ``Unreadable``."""
    series = _MLFLOW.search(path)
    if series:
        return _series(series.group(1), decode(data))
    name = path.lower()
    document: Any
    if name.endswith(".json"):
        document = load_json(data)
    elif name.endswith(".toml"):
        document = load_toml(data)
    else:
        document = load_yaml(data)
    if _MLFLOW_RUN.search(path) and isinstance(document, dict):
        return _run(document)
    found: dict[str, float] = {}
    _flatten(document, "", found)
    return found


def changes(path: str, old: bytes | None, new: bytes | None) -> tuple[MetricChange, ...]:
    """What a change of the metrics file at ``path`` moves, in the order of the new file. Raises ``Unreadable`` when
    the new file cannot be read; an old one that cannot is taken for empty."""
    after = read(path, new) if new is not None else {}
    try:
        before = read(path, old) if old is not None else {}
    except Unreadable:
        before = {}
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        MetricChange(name, before.get(name), after.get(name))
        for name in names
        if not _same(before.get(name), after.get(name))
    )


def _same(old: float | None, new: float | None) -> bool:
    return old == new or (old is not None and new is not None and math.isnan(old) and math.isnan(new))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e300 or isinstance(value, float) else None


def _flatten(value: Any, name: str, found: dict[str, float]) -> None:
    number = _number(value)
    if number is not None and len(found) < _MOST:
        found[name[:200] or "value"] = number
    elif isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{name}.{key}" if name else str(key), found)
    elif isinstance(value, list) and len(value) <= 20:
        for index, inner in enumerate(value):
            _flatten(inner, f"{name}.{index}" if name else str(index), found)


def _series(name: str, text: str) -> dict[str, float]:
    """The last value of a metric of MLflow's file store: lines of ``timestamp value [step]``."""
    for line in reversed(text.strip().split("\n")):
        parts = line.split()
        if len(parts) >= 2:
            try:
                return {name: float(parts[1])}
            except ValueError:
                break
    raise Unreadable("not a metric of MLflow")


def _run(document: dict[str, Any]) -> dict[str, float]:
    """The metrics of an exported run: ``data.metrics`` as a table or as a list of ``{key, value}``."""
    data = document.get("data", document)
    listed = data.get("metrics") if isinstance(data, dict) else None
    found: dict[str, float] = {}
    if isinstance(listed, dict):
        _flatten(listed, "", found)
    for entry in listed if isinstance(listed, list) else []:
        number = _number(entry.get("value")) if isinstance(entry, dict) else None
        if number is not None and len(found) < _MOST:
            found[str(entry.get("key"))[:200]] = number
    return found
