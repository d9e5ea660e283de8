"""What is known of the changes of a changelog without a database: verdicts, and what the forge's labels say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from release_mgmt.core.audience import Annotation, is_internal
from release_mgmt.core.changelog import Changelog
from release_mgmt.core.changes import PullRequest

if TYPE_CHECKING:
    from release_mgmt.core.classification import Classification


def annotations_of(
    record: Changelog, verdicts: Mapping[str, Classification] | None = None, pulls: Iterable[PullRequest] = ()
) -> dict[str, Annotation]:
    """Annotations by entry id: the verdict on each, and whether a label keeps it from the business."""
    made = {key: Annotation(classification=verdict) for key, verdict in (verdicts or {}).items()}
    labelled = {pull.number for pull in pulls if pull.labels and is_internal(pull.labels)}
    for section in (*record.releases, record.unreleased):
        for entry in section.entries:
            if entry.pull_request is not None and entry.pull_request.number in labelled:
                made[entry.id] = replace(made.get(entry.id, Annotation()), internal=True)
    return made
