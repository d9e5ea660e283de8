"""Feeds: who may fetch them, what they hold, what is sent."""

from release_mgmt.services.feeds.exports import export_aws
from release_mgmt.services.feeds.serving import Answer, Feeds
from release_mgmt.services.feeds.subscriptions import (
    Filters,
    SubscriptionView,
    change,
    create,
    every,
    get,
    of,
    preview,
    revoke,
    rotate,
)

__all__ = [
    "Answer",
    "Feeds",
    "Filters",
    "SubscriptionView",
    "change",
    "create",
    "every",
    "export_aws",
    "get",
    "of",
    "preview",
    "revoke",
    "rotate",
]
