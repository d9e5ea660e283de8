"""Changelogs as they are published: immutable texts, revisions with a reason, conflicts that are shown."""

from release_mgmt.services.publications.current import changed, current, published
from release_mgmt.services.publications.notes import (
    NoteView,
    notes_of,
    of_change,
    of_changes,
    set_internal,
    set_note,
)
from release_mgmt.services.publications.publishing import (
    PublicationView,
    RevisionView,
    add_imported,
    diff,
    get,
    ingest,
    of_repository,
    publish,
    revise,
    revisions,
    view_of,
    yank,
)
from release_mgmt.services.publications.rendering import Document, rendered, with_template

__all__ = [
    "Document",
    "NoteView",
    "PublicationView",
    "RevisionView",
    "add_imported",
    "changed",
    "current",
    "diff",
    "get",
    "ingest",
    "notes_of",
    "of_change",
    "of_changes",
    "of_repository",
    "publish",
    "published",
    "rendered",
    "revise",
    "revisions",
    "set_internal",
    "set_note",
    "view_of",
    "with_template",
    "yank",
]
