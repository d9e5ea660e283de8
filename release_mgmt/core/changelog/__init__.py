"""The record that is published of a repository's releases: one model, rendered by ``formats``."""

from release_mgmt.core.changelog.assemble import Assembly, History, Options, assemble
from release_mgmt.core.changelog.record import (
    SCHEMA,
    Accounting,
    Changelog,
    Entry,
    Previous,
    PullRequestRef,
    Section,
)

__all__ = [
    "SCHEMA",
    "Accounting",
    "Assembly",
    "Changelog",
    "Entry",
    "History",
    "Options",
    "Previous",
    "PullRequestRef",
    "Section",
    "assemble",
]
