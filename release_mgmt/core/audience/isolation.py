"""What an audience may not see is taken out of the record before anything is written from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from release_mgmt.core.audience.model import Annotation, Audience
from release_mgmt.core.changelog import Accounting, Changelog, Entry, Section

OwnAnnotations = Mapping[tuple[str, str], Mapping[str, Annotation]]
"""What is known of the changes of one release alone, by (package, version), an empty package for none."""

INTERNAL_LABELS = frozenset({"internal", "audience:internal", "audience/internal", "changelog:internal"})


def is_internal(labels: Iterable[str]) -> bool:
    """Do these labels keep a change out of what the business reads?"""
    return any(label.strip().casefold().replace(" ", "") in INTERNAL_LABELS for label in labels)


def for_audience(
    record: Changelog,
    audience: Audience,
    annotations: Mapping[str, Annotation],
    own: OwnAnnotations | None = None,
) -> Changelog:
    """The record with what the audience may not see taken out, counts included.

    The business sees neither internal entries nor anything that tells that there were some: the accounting counts the
    commits of what is shown, cancelled pairs, contributors, authors and diagnostics are not for it. A release that is
    in ``own`` shows what its own annotations allow, and names nothing as taken back that is internal in any.
    """
    if audience is not Audience.BUSINESS:
        return record
    hidden = _internal(annotations)
    own_hidden = {key: _internal(known) for key, known in (own or {}).items()}
    anywhere = hidden.union(*own_hidden.values())
    made: dict[int, Entry] = {}
    return replace(
        record,
        releases=tuple(
            _without(section, own_hidden.get((section.package or "", section.version or ""), hidden), anywhere, made)
            for section in record.releases
        ),
        unreleased=_without(record.unreleased, hidden, anywhere, made),
        diagnostics=(),
    )


def _internal(annotations: Mapping[str, Annotation]) -> set[str]:
    return {entry_id for entry_id, note in annotations.items() if note.internal}


def _without(section: Section, hidden: set[str], anywhere: set[str], made: dict[int, Entry]) -> Section:
    """``made`` keeps entries that several packages' releases share the same object."""
    for entry in section.entries:
        if id(entry) not in made and entry.id not in hidden:
            made[id(entry)] = entry._replace(authors=(), reverts=None if entry.reverts in anywhere else entry.reverts)
    kept = tuple(made[id(entry)] for entry in section.entries if entry.id not in hidden)
    folded = sum(max(len(entry.commits) - 1, 0) for entry in kept)
    accounting = Accounting(len(kept) + folded, len(kept), folded, 0, 0, 0)
    return replace(section, entries=kept, accounting=accounting, cancelled=(), first_time_contributors=())
