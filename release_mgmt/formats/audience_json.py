"""A changelog for one audience as JSON: the schema ``release-mgmt/changelog/1``, each entry with its words."""

from __future__ import annotations

from typing import Any

import orjson

from release_mgmt.core.audience import ChangelogView, EntryView
from release_mgmt.core.changelog import SCHEMA, Changelog, Section
from release_mgmt.core.text import one_line
from release_mgmt.formats.changelog_json import entry_json, section_json

Texts = dict[tuple[str | None, str | None], dict[str, EntryView]]


def document(record: Changelog, view: ChangelogView) -> dict[str, Any]:
    """The record (without what the audience may not see) as plain data; entries have their ``text`` of ``view``.

    A section of which ``view`` leaves entries out says how many in ``left_out``, and holds the same entries."""
    texts = {
        (section.package, section.version): {entry.id: entry for entry in section.entries} for section in view.sections
    }
    made: dict[str, Any] = {"schema": SCHEMA, "repository": record.repository}
    made |= {"audience": view.audience.value, "language": view.language}
    made["releases"] = [_section(section, texts) for section in record.releases]
    made["unreleased"] = _section(record.unreleased, texts)
    cut = {(section.package, section.version): section.left_out for section in view.sections if section.left_out}
    for section in (*made["releases"], made["unreleased"]):
        if left := cut.get((section["package"], section["version"])):
            section["left_out"] = left
    made["diagnostics"] = list(record.diagnostics)
    return made


def render(record: Changelog, view: ChangelogView) -> bytes:
    """The document, the same for the same record."""
    return orjson.dumps(document(record, view), option=orjson.OPT_APPEND_NEWLINE)


def _section(section: Section, texts: Texts) -> dict[str, Any]:
    made = section_json(section)
    package, version = section.package, section.version
    told = texts.get((one_line(package, 120) if package else None, one_line(version, 120) if version else version), {})
    made["entries"] = [entry_json(entry) for entry in section.entries]
    for entry in made["entries"]:
        shown = told.get(entry["id"])
        if shown is not None:
            entry["text"] = {
                "title": shown.title,
                "state": shown.state_word,
                "note": shown.note.text if shown.note else None,
                "summary": list(shown.summary),
                "settings": [{"name": one.name, "old": one.old, "new": one.new} for one in shown.tweaks],
                "metrics": [{"name": one.name, "old": one.old, "new": one.new} for one in shown.metrics],
                "window": [at.isoformat() for at in shown.window] if shown.window else None,
            }
    return made
