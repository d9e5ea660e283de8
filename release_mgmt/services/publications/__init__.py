"""Changelogs as they are published: immutable texts, revisions with a reason, conflicts that are shown."""

from release_mgmt.services.publications.current import changed, current, published
from release_mgmt.services.publications.ingesting import (
    Text,
    add_imported,
    differing,
    flag_gone,
    ingest,
    standing_mark,
    take,
    texts_of,
)
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
    diff,
    get,
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
    "Text",
    "add_imported",
    "changed",
    "current",
    "diff",
    "differing",
    "flag_gone",
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
    "standing_mark",
    "take",
    "texts_of",
    "view_of",
    "with_template",
    "yank",
]
