"""From commits and pull requests to changes: the unit that is classified, placed, approved and published."""

from release_mgmt.core.changes.groups import Change, ChangeBook
from release_mgmt.core.changes.messages import Facts, read_message
from release_mgmt.core.changes.model import Labelling, Provider, PullRequest, Review, Step, WorkItem

__all__ = [
    "Change",
    "ChangeBook",
    "Facts",
    "Labelling",
    "Provider",
    "PullRequest",
    "Review",
    "Step",
    "WorkItem",
    "read_message",
]
