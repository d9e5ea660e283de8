"""Known advisories on what a change brings."""

from __future__ import annotations

import json

from release_mgmt.core.classification import Classification, Level
from release_mgmt.core.classification.advised import advise
from release_mgmt.core.evidence.advisories import load
from release_mgmt.core.evidence.model import Evidence

FILES = [
    {
        "id": "PYSEC-2026-1",
        "summary": "Reads files it should not",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "mlflow"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.9.2"}]}],
            }
        ],
    },
    {"releases": {"pypi": {"mlflow": {"2.9.0": "2026-11-01"}}}},
]


def verdict(version: str, path: str = "requirements.txt") -> Classification:
    evidence = Evidence("dependency", path, 3, "mlflow", "2.0.0", version, "minor", "library-minor-bump")
    return Classification(Level.MINOR, "library_minor_bump", False, "library-minor-bump", (), (evidence,))


def test_an_advisory_asks_for_review() -> None:
    """The advisory and the day of the release stand beside the update, which needs review now; its level stays."""
    advisories, _ = load([("a.json", json.dumps(FILES).encode())])
    told = advise(verdict("2.9.0"), advisories)
    assert [(one.kind, one.new) for one in told.evidence[1:]] == [
        ("advisory", "PYSEC-2026-1: Reads files it should not (mended in 2.9.2)"),
        ("release", "released 2026-11-01"),
    ]
    assert told.needs_review
    assert told.level is Level.MINOR


def test_without_an_advisory_the_verdict_stays() -> None:
    """A mended version and a library of another ecosystem change nothing."""
    advisories, _ = load([("a.json", json.dumps(FILES).encode())])
    for given in (verdict("2.9.2"), verdict("2.9.0", "package.json"), verdict("2.9.0", "main.py")):
        assert advise(given, advisories) is given
