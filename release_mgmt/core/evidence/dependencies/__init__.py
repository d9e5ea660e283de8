"""What a project depends on: one module a manifest format, and what changed between two sets of manifests.

``manifest_kind(path)`` tells the reader of a path, ``read(path, data)`` reads and never raises, ``diff(old, new)``
compares the manifests of two whole trees.
"""

from __future__ import annotations

from release_mgmt.core.evidence.dependencies.compare import DependencyChange, DependencyChanges, diff
from release_mgmt.core.evidence.dependencies.model import (
    LOCKED,
    NEEDED,
    Group,
    Include,
    Manifest,
    Requirement,
    normalise,
)
from release_mgmt.core.evidence.dependencies.needed import Needed, needed
from release_mgmt.core.evidence.dependencies.registry import Reader, manifest_kind, read

__all__ = [
    "LOCKED",
    "NEEDED",
    "DependencyChange",
    "DependencyChanges",
    "Group",
    "Include",
    "Manifest",
    "Needed",
    "Reader",
    "Requirement",
    "diff",
    "manifest_kind",
    "needed",
    "normalise",
    "read",
]
