"""Verdicts as the command line and the interface over HTTP show them."""

from __future__ import annotations

from typing import Any

from release_mgmt.core.classification import Classification


def as_json(sha: str, verdict: Classification) -> dict[str, Any]:
    """A verdict as the command line and the interface over HTTP show it."""
    return {
        "sha": sha,
        "level": verdict.level.value,
        "kind": verdict.kind,
        "needs_review": verdict.needs_review,
        "rule": verdict.rule,
        "new_libraries": [
            {"name": one.name, "ecosystem": one.ecosystem, "path": one.path} for one in verdict.new_libraries
        ],
        "evidence": [
            {
                "kind": one.kind, "path": one.path, "line": one.line, "subject": one.subject, "old": one.old,
                "new": one.new, "level": one.level, "rule": one.rule,
            }
            for one in verdict.evidence
        ],
    }  # fmt: skip
