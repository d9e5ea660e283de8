"""What a change moves beside code and libraries is told as evidence."""

from __future__ import annotations

from release_mgmt.core.classification import effects
from release_mgmt.core.classification.change import ChangedFile
from release_mgmt.core.classification.fact import Fact


def told(
    path: str, old: str | None, new: str | None, library: bool = True
) -> list[tuple[str, str, str | None, str | None]]:
    file = ChangedFile(
        path if old is not None else None,
        path if new is not None else None,
        old.encode() if old is not None else None,
        new.encode() if new is not None else None,
    )
    found: list[Fact] = list(effects.facts(file, library))
    return [(one.fact, one.subject, one.old, one.new) for one in found]


def test_metrics() -> None:
    """A metrics file tells metric, old and new."""
    assert told("metrics.json", '{"auc": 0.91, "n": 10}', '{"auc": 0.935, "n": 10}') == [
        ("metric", "auc", "0.91", "0.935")
    ]


def test_artefacts() -> None:
    """A replaced data file tells its checksums and sizes."""
    pointer = "outs:\n- {md5: %s, size: %d, path: data.csv}\n"
    assert told("data.csv.dvc", pointer % ("aa", 1000), pointer % ("bb", 2000)) == [
        ("artefact", "data.csv", "md5:aa (1,000 bytes)", "md5:bb (2,000 bytes)")
    ]


def test_schema() -> None:
    """A structural break of a schema is an unmarked break, an addition is none."""
    assert told("migrations/2.sql", None, "ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD b text;") == [
        ("break_unmarked", "t.a", "column removed", "DROP COLUMN a"),
        ("schema_added", "t.b", "column added", "ADD b text"),
    ]


def test_interface_of_a_library() -> None:
    """A public function that goes is an unmarked break of a library; nobody imports an analysis project."""
    old, new = "def fit(x, y): ...\n", "def fit(x): ...\n"
    assert told("pkg/api.py", old, new) == [("break_unmarked", "fit", "fit(x, y)", "fit(x)")]
    assert told("pkg/api.py", old, new, library=False) == []
    assert told("tests/test_api.py", old, new) == []
    assert told("pkg/_api.py", old, new) == []
    assert told("pkg/api.py", old, old + "def more(): ...\n") == []


def test_unreadable_is_passed_over() -> None:
    """What cannot be read is told once, by the readers of the file's content."""
    assert told("metrics.json", "{}", "{") == []
    assert told("pkg/api.py", "def fit(x): ...", "def fit(:") == []
