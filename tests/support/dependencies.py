"""What tests look for among the libraries that differ."""

from __future__ import annotations

from release_mgmt.core.evidence.dependencies import LIBRARIES, NEEDED
from release_mgmt.core.evidence.dependencies.compare import DependencyChanges


def newly_needed(found: DependencyChanges) -> list[str]:
    """The names of the libraries that are needed at run time and were not before."""
    needed = [one for one in found.changes if one.group in NEEDED and one.ecosystem in LIBRARIES]
    return [one.name for one in needed if one.status in ("added", "promoted")]


def bumped(found: DependencyChanges) -> list[str]:
    """The names of what crosses a major version."""
    return [one.name for one in found.changes if one.major]
