"""One record, three readers: what of a changelog each audience sees, in its own words.

The business reads what changes for it, when, who answers and what it must do; engineering reads pull requests, authors,
evidence and libraries; a release manager reads approvals, risk and what moved. All three come from the same
:class:`~release_mgmt.core.changelog.Changelog`, in its order; an internal entry never reaches the business in any form,
counts included. Every text is cleaned here, once; the formats only escape.
"""

from release_mgmt.core.audience.isolation import for_audience, is_internal
from release_mgmt.core.audience.model import (
    Annotation,
    Audience,
    ChangelogView,
    EntryView,
    Metric,
    Move,
    Newcomer,
    Note,
    Promise,
    Say,
    SectionView,
)
from release_mgmt.core.audience.plain import anchor, effect, plain_name, plain_title, state_word
from release_mgmt.core.audience.views import view

__all__ = [
    "Annotation",
    "Audience",
    "ChangelogView",
    "EntryView",
    "Metric",
    "Move",
    "Newcomer",
    "Note",
    "Promise",
    "Say",
    "SectionView",
    "anchor",
    "effect",
    "for_audience",
    "is_internal",
    "plain_name",
    "plain_title",
    "state_word",
    "view",
]
