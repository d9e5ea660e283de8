"""What a project depends on: one module a manifest format, and what changed between two sets of manifests.

``manifest_kind(path)`` tells the reader of a path, ``read(path, data)`` reads and never raises, ``diff(old, new)``
compares the manifests of two whole trees.
"""

from __future__ import annotations

from release_mgmt.core.evidence.dependencies.compare import DependencyChange, DependencyChanges, diff
from release_mgmt.core.evidence.dependencies.installs import installed_files, installs, r_installs
from release_mgmt.core.evidence.dependencies.model import (
    LIBRARIES,
    LOCKED,
    NEEDED,
    Group,
    Include,
    Manifest,
    Requirement,
    normalise,
)
from release_mgmt.core.evidence.dependencies.needed import Needed, needed
from release_mgmt.core.evidence.dependencies.registry import Reader, ecosystem_of, manifest_kind, read, read_included

__all__ = [
    "LIBRARIES",
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
    "ecosystem_of",
    "installed_files",
    "installs",
    "manifest_kind",
    "needed",
    "normalise",
    "r_installs",
    "read",
    "read_included",
]
