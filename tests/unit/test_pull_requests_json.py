"""Neutral pull requests survive a file, and faults in one are told with line and field."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.errors import InvalidInput
from release_mgmt.sources.forge import forge
from release_mgmt.sources.pull_requests import from_json, read_lines, to_json

CASES = sorted((Path(__file__).parents[1] / "cases" / "forges").glob("*_api_*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_record_comes_back_as_it_was(path: Path) -> None:
    case = json.loads(path.read_text())
    record = forge(case["provider"]).parse(case["input"])
    assert read_lines(orjson.dumps(to_json(record)) + b"\n\n") == (record,)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"number": 0, "title": "x", "state": "open"}, "line 1: number"),
        ({"number": True, "title": "x", "state": "open"}, "line 1: number"),
        ({"number": 1, "title": "x", "state": "done"}, "line 1: state"),
        ({"number": 1, "state": "open"}, "line 1: title"),
        ({"number": 1, "title": "x", "state": "open", "mergedat": "x"}, "line 1: mergedat"),
        ({"number": 1, "title": "x", "state": "open", "merged_at": "soon"}, "line 1: merged_at"),
        ({"number": 1, "title": "x", "state": "open", "labels": "model"}, "line 1: labels"),
        ({"number": 1, "title": "x", "state": "open", "provider": "svn"}, "line 1: provider"),
        ([], "line 1"),
    ],
)
def test_a_fault_is_told_with_line_and_field(raw: object, path: str) -> None:
    with pytest.raises(InvalidInput) as told:
        read_lines(orjson.dumps(raw))
    assert told.value.errors[0].path == path


def test_a_misspelt_field_gets_a_suggestion() -> None:
    with pytest.raises(InvalidInput) as told:
        from_json({"number": 1, "title": "x", "state": "open", "merge_sah": "a" * 40})
    assert told.value.errors[0].allowed == "did you mean merge_sha?"


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_a_refusal(content: bytes) -> None:
    with suppress(InvalidInput):
        read_lines(content)
