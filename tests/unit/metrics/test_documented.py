"""The documentation's list of figures is the code's, both ways."""

from __future__ import annotations

import re
from pathlib import Path

from release_mgmt.core.metrics import DEFINITIONS

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_every_figure_is_documented_with_its_unit_and_none_besides() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", DOCS.read_text(), re.MULTILINE)
    assert rows == [(one.id, one.unit) for one in DEFINITIONS]


def test_every_definition_tells_its_meaning_population_and_what_to_send() -> None:
    for one in DEFINITIONS:
        assert one.title, one.id
        assert one.meaning.endswith("."), one.id
        assert one.over, one.id
        assert one.send, one.id
        assert all(sentence.endswith(".") for sentence in one.send), one.id
