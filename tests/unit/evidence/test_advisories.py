"""Advisories from the operator's files."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from release_mgmt.core.evidence import advisories

OSV = {
    "id": "GHSA-xxxx-yyyy-zzzz",
    "aliases": ["CVE-2026-0001"],
    "summary": "Code runs when a model is loaded",
    "database_specific": {"severity": "HIGH"},
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "scikit_learn"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5.0"}, {"introduced": "1.6.0rc1"}]},
                {"type": "GIT", "events": [{"introduced": "0"}]},
            ],
            "versions": ["1.5.1.post1"],
        }
    ],
}


def loaded() -> advisories.Advisories:
    releases = {"releases": {"pypi": {"scikit-learn": {"1.4.0": "2026-11-18"}}}}
    found, faults = advisories.load(
        [("a.json", json.dumps(OSV).encode()), ("b.json", json.dumps([releases]).encode()), ("c.json", b"{")]
    )
    assert [path for path, _ in faults] == ["c.json"]
    return found


def test_known_by_range_and_version() -> None:
    """Ranges run from introduced to fixed; single versions are listed; names are normalised."""
    found = loaded()
    hits = {
        version: bool(found.known("pypi", "scikit-learn", version))
        for version in ("1.4.0", "1.5.0", "1.6.0", "1.5.1.post1")
    }
    assert hits == {"1.4.0": True, "1.5.0": False, "1.6.0": True, "1.5.1.post1": True}
    (one,) = found.known("conda", "scikit-learn", "1.0")
    assert (one.id, one.aliases, one.severity, one.fixed) == (
        "GHSA-xxxx-yyyy-zzzz",
        ("CVE-2026-0001",),
        "high",
        "1.5.0",
    )


def test_nothing_is_said_of_others() -> None:
    """Another library, or no version, has no advisory."""
    assert loaded().known("pypi", "numpy", "1.0") == ()
    assert loaded().known("pypi", "scikit-learn", None) == ()


def test_when_a_version_was_released() -> None:
    """A file may say when a version was released; of the others nothing is known."""
    assert loaded().released_on("pypi", "scikit-learn", "1.4.0") == datetime(2026, 11, 18, tzinfo=UTC)
    assert loaded().released_on("pypi", "scikit-learn", "1.5.0") is None


def test_withdrawn() -> None:
    """A withdrawn advisory does not count."""
    found, _ = advisories.load([("a", json.dumps({**OSV, "withdrawn": "2026-01-01T00:00:00Z"}).encode())])
    assert found.known("pypi", "scikit-learn", "1.4.0") == ()
